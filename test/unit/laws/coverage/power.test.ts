// Intervals of power laws with and without a floor.
import type { Objective } from '../../../../src/laws/huber.ts';
import { fitPowerLaw, type PowerLawOptions } from '../../../../src/laws/power-law.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { ladder } from './loss-laws.ts';

const huber: Objective = { name: 'huber', delta: 1e-3 };

const design = (
  name: string,
  x: readonly number[],
  law: { c: number; a: number; E?: number },
  noise: number,
  floor: PowerLawOptions['floor'] = 'none',
  { seeds = 1, objective = { name: 'ls' } }: { seeds?: number; objective?: Objective } = {},
): CoverageDesign => ({
  name,
  truth: floor === 'fitted' ? { ...law } : { c: law.c, a: law.a },
  fit: (seed, resamples) => {
    const random = createRandom(seed);
    const points = x
      .flatMap((value) => new Array<number>(seeds).fill(value))
      .map((value, row) => ({ x: value, y: ((law.E ?? 0) + law.c * value ** law.a) * Math.exp(noise * random.normal()), row }));
    return fitPowerLaw(points, { floor, objective, bootstrap: { resamples, seed } });
  },
});

const ours = { c: 20, a: -0.3, E: 1.3 };
describeCoverage('power', { seeds: 100, resamples: 200 }, [
  design('ours: 7 sizes, 0.5 %', ladder(1e3, 1e6, 7), { c: 12, a: -0.076 }, 0.005),
  design('ours: 8 sizes, 0.5 %, Huber', ladder(1e3, 1e6, 8), { c: 12, a: -0.076 }, 0.005, 'none', { objective: huber }),
  design('ours: 7 sizes above a given floor, 0.5 %', ladder(1e3, 1e6, 7), ours, 0.005, ours.E),
  design('ours: 8 sizes above a fitted floor, 0.4 %', ladder(1e3, 1e6, 8), ours, 0.004, 'fitted'),
  design('ours: 6 sizes × 3 seeds above a fitted floor, 0.5 %', ladder(1e3, 1e6, 6), ours, 0.005, 'fitted', { seeds: 3 }),
  design('theirs: 5 sizes, 0.2 %', ladder(1e7, 1e9, 5), { c: 25, a: -0.11 }, 0.002),
  design('theirs: 9 sizes above a fitted floor, 0.1 %', ladder(1e7, 1e9, 9), { c: 400, a: -0.34, E: 1.7 }, 0.001, 'fitted'),
]);
