// Intervals of Step Law by both routes, on grids fixed in absolute steps, so that optima fall between their points.
import type { RunRow } from '../../../../src/laws/fit.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { fitStepLaw } from '../../../../src/laws/step-law.ts';
import { octaves, plantedGrid } from '../planted.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { ladder } from './loss-laws.ts';

interface Cells {
  readonly N: readonly number[];
  readonly D: readonly number[];
  readonly truth: Readonly<Record<'lr.c' | 'lr.N' | 'lr.D' | 'batch.c' | 'batch.D', number>>;
  /** Nats per octave². */
  readonly hessian: readonly [number, number, number];
  /** Of a run, nats. */
  readonly noise: number;
  /** Of the optimum of a cell around the law, natural logarithm. */
  readonly scatter: number;
  /** Grid steps in octaves, and how far the grid reaches on each side. */
  readonly steps: readonly [lr: number, B: number];
  readonly reach: number;
}

const design = (name: string, method: 'plateau' | 'vertex', cells: Cells): CoverageDesign => ({
  name: `${name}, ${method}`,
  truth: cells.truth,
  fit: (seed, resamples) =>
    fitStepLaw(runs(cells, seed), {
      method,
      bootstrap: { resamples, seed },
      bowl: { bootstrap: { resamples: Math.min(resamples, 200), seed } },
    }),
});

function runs({ N, D, truth, hessian, noise, scatter, steps, reach }: Cells, seed: number): RunRow[] {
  const random = createRandom(seed);
  return N.flatMap((n) =>
    D.flatMap((d) => {
      const lr = truth['lr.c'] * n ** truth['lr.N'] * d ** truth['lr.D'] * Math.exp(scatter * random.normal());
      const B = truth['batch.c'] * d ** truth['batch.D'] * Math.exp(scatter * random.normal());
      const axis = (at: number, step: number): number[] => {
        const middle = Math.round(Math.log2(at) / step) * step;
        const side = Math.floor(reach / step) * step;
        return octaves(middle - side, middle + side, step);
      };
      const loss = 1.7 + 6 * n ** -0.1 + 8 * d ** -0.15;
      return plantedGrid({ bowl: { lr, B, loss, hessian }, lr: axis(lr, steps[0]), B: axis(B, steps[1]), noise, random, N: n, D: d });
    }),
  );
}

// Exponents of arXiv 2609.27581 and of arXiv 2503.04715.
const ours: Cells = {
  N: ladder(2e3, 1e6, 5),
  D: ladder(2e5, 1.3e7, 4),
  truth: { 'lr.c': 0.0985, 'lr.N': -0.508, 'lr.D': 0.238, 'batch.c': 3.6e-4, 'batch.D': 0.931 },
  hessian: [0.04, -0.015, 0.03],
  noise: 0.008,
  scatter: 0,
  steps: [1, 1],
  reach: 3,
};
const theirs: Cells = {
  N: ladder(6e7, 1.07e9, 6),
  D: ladder(2e9, 1e11, 5),
  truth: { 'lr.c': 1.79, 'lr.N': -0.713, 'lr.D': 0.307, 'batch.c': 0.58, 'batch.D': 0.571 },
  hessian: [0.02, -0.005, 0.012],
  noise: 0.003,
  scatter: 0,
  steps: [0.5, 0.75],
  reach: 2.25,
};
const nine: Cells = { ...ours, N: ladder(5e3, 2e5, 3), D: ladder(4e5, 6e6, 3), noise: 0.006 };
describeCoverage('step-law', { seeds: 60, resamples: 60 }, [
  design('ours: 20 cells, 0.008 nats', 'vertex', ours),
  design('ours: 20 cells, 0.008 nats', 'plateau', ours),
  design('ours: 20 cells, optima scatter by 15 %', 'vertex', { ...ours, noise: 0.005, scatter: 0.15 }),
  design('ours: 9 cells, 0.006 nats', 'vertex', nine),
  design('theirs: 30 cells, 0.003 nats', 'vertex', theirs),
  design('theirs: 30 cells, 0.003 nats', 'plateau', theirs),
]);
