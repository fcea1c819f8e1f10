// Intervals of the three-term law, of the best batch that follows from it, and of the bands it is drawn with, also with
// learning rates tuned on a grid.
import type { RunRow } from '../../../../src/laws/fit.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { bestBatchAt, fitThreeTerm, threeTermAt, type ThreeTermPoint } from '../../../../src/laws/three-term.ts';
import { octaves } from '../planted.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { ladder } from './loss-laws.ts';

interface Runs {
  readonly N: readonly number[];
  readonly D: readonly number[];
  readonly B: readonly number[];
  readonly truth: Readonly<Record<'E' | 'A' | 'a' | 'Bs' | 'b' | 'Cb' | 'c', number>>;
  /** Of log loss. */
  readonly noise: number;
  /** Learning rates on each side of the middle of a grid of half octaves that does not meet the best one; 0: tuned. */
  readonly rates?: number;
}

/** Nats per octave² of learning rate. */
const CURVATURE = 0.03;

const design = (name: string, { N, D, B, truth, noise, rates = 0 }: Runs): CoverageDesign => {
  const { E, A, a, Bs, b, Cb, c } = truth;
  const lossAt = ({ N: n, D: d, B: batch }: ThreeTermPoint): number => E + A / n ** a + Bs / (d / batch) ** b + Cb / batch ** c;
  const factor = ((c * Cb) / (b * Bs)) ** (1 / (b + c));
  // Where bands are read: corners of the grid, and four times beyond it. The lowest of several noisy losses lies below
  // their mean by about the noise, at every point alike: of runs tuned on a grid the bands hold that, not the law.
  const bands: Record<string, ThreeTermPoint> =
    rates > 0
      ? {}
      : {
          'loss, least N, D and B': { N: N[0], D: D[0], B: B[0] },
          'loss, largest N and D, least B': { N: N.at(-1)!, D: D.at(-1)!, B: B[0] },
          'loss, 4 × the largest N, D and B': { N: 4 * N.at(-1)!, D: 4 * D.at(-1)!, B: 4 * B.at(-1)! },
        };
  return {
    name,
    truth: {
      ...truth,
      'Bopt.c': factor,
      'Bopt.D': b / (b + c),
      ...Object.fromEntries(Object.entries(bands).map(([label, point]) => [label, lossAt(point)])),
      'Bopt at the largest D': factor * D.at(-1)! ** (b / (b + c)),
    },
    fit: (seed, resamples) => {
      const random = createRandom(seed);
      const table = N.flatMap((n) =>
        D.flatMap((d) =>
          B.flatMap((batch): RunRow[] => {
            const loss = lossAt({ N: n, D: d, B: batch });
            const noisy = (value: number): number => value * Math.exp(noise * random.normal());
            if (rates === 0) return [{ N: n, D: d, B: batch, loss: noisy(loss) }];
            const miss = random.uniform() - 0.5;
            return Array.from({ length: 2 * rates + 1 }, (_, i) => {
              const x = (i - rates + miss) / 2;
              return { N: n, D: d, B: batch, lr: 2 ** (x - 8), loss: noisy(loss + (CURVATURE * x * x) / 2) };
            });
          }),
        ),
      );
      const fit = fitThreeTerm(table, { bootstrap: { resamples, seed } });
      const drawn = Object.fromEntries(Object.entries(bands).map(([label, point]) => [label, threeTermAt(fit, point)]));
      return { ...fit, parameters: { ...fit.parameters, ...drawn, 'Bopt at the largest D': bestBatchAt(fit, D.at(-1)!) } };
    },
  };
};

const ours: Runs = {
  N: ladder(1e3, 1e6, 4),
  D: ladder(1e5, 6.4e6, 3),
  B: octaves(4, 12, 2),
  truth: { E: 1.2, A: 15, a: 0.3, Bs: 12, b: 0.45, Cb: 2.5, c: 0.5 },
  noise: 0.002,
};
const theirs: Runs = {
  N: ladder(6e7, 1.07e9, 4),
  D: ladder(2e9, 1e11, 3),
  B: octaves(15, 22, 1.75),
  truth: { E: 1.7, A: 400, a: 0.34, Bs: 60, b: 0.55, Cb: 60, c: 0.45 },
  noise: 0.001,
};
describeCoverage('three-term', { seeds: 60, resamples: 80 }, [
  design('ours: 60 tuned points, 0.2 %', ours),
  design('ours: 60 points tuned over 7 learning rates, 0.2 %', { ...ours, rates: 3 }),
  design('theirs: 60 tuned points, 0.1 %', theirs),
]);
