// Intervals of approach 3 on a published design and on small grids of tiny models.
import { fitChinchilla, type ChinchillaOptions } from '../../../../src/laws/chinchilla.ts';
import type { RunRow } from '../../../../src/laws/fit.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { ladder, lossLaws, powerOf, type LossLaw } from './loss-laws.ts';

/** Runs over C from 1e18 to 1e22 at N around the compute-optimal size, as in the published table. */
const scattered = (count: number): (readonly [N: number, D: number])[] => {
  const random = createRandom(5);
  return Array.from({ length: count }, () => {
    const C = 10 ** (18 + 4 * random.uniform());
    const N = Math.sqrt(C / 6) * 10 ** (-1 + 1.4 * (random.uniform() - 0.5));
    return [N, C / 6 / N] as const;
  });
};
const grid = (sizes: number, tokens: number): (readonly [N: number, D: number])[] =>
  ladder(1e3, 1e6, sizes).flatMap((N) => ladder(1e5, 1e8, tokens).map((D) => [N, D] as const));

const design = (
  name: string,
  law: LossLaw,
  runs: readonly (readonly [N: number, D: number])[],
  noise: number,
  { outliers = false, objective = 'huber' }: { outliers?: boolean; objective?: ChinchillaOptions['objective'] } = {},
): CoverageDesign => {
  const { a } = powerOf(law);
  return {
    name,
    truth: { ...law, a, b: 1 - a },
    fit: (seed, resamples) => {
      const random = createRandom(seed);
      const table = runs.map(([N, D]): RunRow => {
        // Of outliers a tenth of the runs, five times noisier.
        const size = outliers && random.uniform() < 0.1 ? 5 * noise : noise;
        return { N, D, loss: (law.E + law.A / N ** law.alpha + law.B / D ** law.beta) * Math.exp(size * random.normal()) };
      });
      return fitChinchilla(table, { ...(objective === undefined ? {} : { objective }), bootstrap: { resamples, seed } });
    },
  };
};

const { ours, theirs } = lossLaws;
describeCoverage('chinchilla', { seeds: 60, resamples: 80 }, [
  design('theirs: 245 runs, 0.3 %, a tenth outliers', theirs, scattered(245), 0.003, { outliers: true }),
  design('theirs: 80 runs, 0.3 %', theirs, scattered(80), 0.003),
  design('ours: 7 × 7 runs, 0.5 %', ours, grid(7, 7), 0.005),
  design('ours: 6 × 5 runs, 0.3 %', ours, grid(6, 5), 0.003),
  design('ours: 7 × 7 runs, 0.5 %, least squares', ours, grid(7, 7), 0.005, { objective: 'ls' }),
]);
