// Step Law planted on our scale and on the paper's, and found again by both routes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { fitStepLaw, stepLawAt, type StepLawOptions } from '../../../src/laws/step-law.ts';
import { plantedGrid, shuffled } from './planted.ts';

interface Design {
  readonly N: readonly number[];
  readonly D: readonly number[];
  readonly truth: Readonly<Record<'lr.c' | 'lr.N' | 'lr.D' | 'batch.c' | 'batch.D', number>>;
  readonly hessian: readonly [number, number, number];
  readonly noise: number;
  /** Grid steps of lr and B in octaves. */
  readonly steps: readonly [number, number];
  readonly reach: number;
}

const ours: Design = {
  N: [1e3, 6.6e3, 2.5e4, 1e5, 1e6],
  D: [1e5, 4e5, 1.6e6, 6.4e6],
  truth: { 'lr.c': 0.0985, 'lr.N': -0.508, 'lr.D': 0.238, 'batch.c': 3.6e-4, 'batch.D': 0.931 },
  hessian: [0.04, -0.015, 0.03],
  noise: 0.008,
  steps: [1, 1],
  reach: 3,
};
const theirs: Design = {
  N: [6e7, 1.2e8, 2.68e8, 5.37e8, 1.07e9],
  D: [2e9, 8e9, 2e10, 1e11],
  truth: { 'lr.c': 1.79, 'lr.N': -0.713, 'lr.D': 0.307, 'batch.c': 0.58, 'batch.D': 0.571 },
  hessian: [0.02, -0.005, 0.012],
  noise: 0.003,
  steps: [0.5, 0.75],
  reach: 2.25,
};

/** Runs on a grid fixed in absolute steps, as grids are, so that optima fall between its points. `centred` moves the grid onto them. */
function runs(design: Design, seed: number, over: Partial<Design> & { centred?: boolean } = {}): RunRow[] {
  const { N, D, truth, hessian, noise, steps, reach, centred } = { ...design, centred: false, ...over };
  const random = createRandom(seed);
  return N.flatMap((n) =>
    D.flatMap((d) => {
      const lr = truth['lr.c'] * n ** truth['lr.N'] * d ** truth['lr.D'];
      const B = truth['batch.c'] * d ** truth['batch.D'];
      const axis = (at: number, step: number): number[] => {
        const first = centred ? Math.log2(at) - Math.floor(reach / step) * step : Math.round((Math.log2(at) - reach) / step) * step;
        return Array.from({ length: 2 * Math.floor(reach / step) + 1 }, (_, i) => 2 ** (first + i * step));
      };
      const loss = 1.7 + 6 * n ** -0.1 + 8 * d ** -0.15;
      return plantedGrid({ bowl: { lr, B, loss, hessian }, lr: axis(lr, steps[0]), B: axis(B, steps[1]), noise, random, N: n, D: d });
    }),
  );
}

const quick = (seed: number, options: StepLawOptions = {}): StepLawOptions => ({ bootstrap: { resamples: 100, seed }, ...options });

describe('Step Law without noise', () => {
  for (const [name, design] of Object.entries({ ours, theirs })) {
    it(`comes back to 1e-6 through vertices (${name})`, () => {
      const fit = fitStepLaw(runs(design, 0, { noise: 0 }), quick(0, { method: 'vertex' }));
      expect(fit.status).toBe('converged');
      for (const [parameter, value] of Object.entries(design.truth)) {
        expect(Math.abs(fit.parameters[parameter as 'lr.c']!.value / value - 1), parameter).toBeLessThan(1e-6);
      }
      const at = stepLawAt(fit, 1e5, 1e6);
      const { truth } = design;
      expect(at.lr!.value / (truth['lr.c'] * 1e5 ** truth['lr.N'] * 1e6 ** truth['lr.D'])).toBeCloseTo(1, 6);
    });

    it(`comes back to 1e-6 through plateaus on grids centred on the optimum (${name})`, () => {
      const fit = fitStepLaw(runs(design, 0, { noise: 0, centred: true }), quick(0));
      expect(fit.threshold).toBe(0.0025);
      for (const [parameter, value] of Object.entries(design.truth)) {
        expect(Math.abs(fit.parameters[parameter as 'lr.c']!.value / value - 1), parameter).toBeLessThan(1e-6);
      }
    });
  }
});

describe('the published recipe', () => {
  it('keeps exactly the runs within the threshold of the lowest of their cell and regresses the pooled rows', () => {
    // Two plateau rows in the first cell, one in each other: pooled rows, the first cell counts twice.
    const cell = (N: number, best: readonly [number, number][]): RunRow[] => [
      ...best.map(([lr, B], i): RunRow => ({ N, D: 1e6, lr, B, loss: 2 + 0.002 * i })),
      ...[2 ** -20, 2 ** 2].flatMap((lr) => [1, 2 ** 20].map((B): RunRow => ({ N, D: 1e6, lr, B, loss: 3 }))),
    ];
    const table = [
      ...cell(1e3, [
        [2 ** -4, 64],
        [2 ** -5, 64],
      ]),
      ...cell(1e4, [[2 ** -6, 64]]),
      ...cell(1e5, [[2 ** -7, 64]]),
      ...cell(1e6, [[2 ** -8, 64]]),
    ];
    const fit = fitStepLaw(table, { bootstrap: { resamples: 0 } });
    expect(fit.used).toHaveLength(5);
    // By hand: x = log10 N, y = log2 lr, rows (3,−4) (3,−5) (4,−6) (5,−7) (6,−8): slope −7.4/6.8… from the normal equations.
    const x = [3, 3, 4, 5, 6];
    const y = [-4, -5, -6, -7, -8];
    const [meanX, meanY] = [x, y].map((values) => values.reduce((sum, value) => sum + value, 0) / 5);
    const slope =
      x.reduce((sum, value, i) => sum + (value - meanX) * (y[i] - meanY), 0) / x.reduce((sum, value) => sum + (value - meanX) ** 2, 0);
    expect(fit.parameters['lr.N']!.value).toBeCloseTo((slope * Math.log(2)) / Math.log(10), 10);
  });

  it('says whether the best batch depends on N', () => {
    // B rising as √N: planted by moving every batch of a size.
    const dependent = fitStepLaw(
      runs(ours, 1).map((row) => ({ ...row, B: row.B! * Math.sqrt(row.N!) })),
      quick(1, { method: 'vertex' }),
    );
    expect(Math.abs(dependent.batchOnN!.value - 0.5)).toBeLessThan(0.05);
    expect(dependent.batchOnN!.low).toBeGreaterThan(0.3);
  });
});

describe('designs', () => {
  it('only N varies: its exponent is given, the others are named as not identified', () => {
    for (const method of ['plateau', 'vertex'] as const) {
      const fit = fitStepLaw(runs(ours, 2, { D: [1.6e6] }), quick(2, { method }));
      expect(fit.status).toBe('converged');
      expect(Object.keys(fit.parameters)).toEqual(['lr.N']);
      expect(fit.parameters['lr.N']!.low).toBeLessThan(-0.508);
      expect(fit.parameters['lr.N']!.high).toBeGreaterThan(-0.508);
      expect(fit.message.en).toContain('lr.D');
      expect(stepLawAt(fit, 1e4, 1.6e6).B).toBeUndefined();
    }
  });

  it('only D varies: both its exponents are given', () => {
    const fit = fitStepLaw(runs(ours, 3, { N: [2.5e4] }), quick(3, { method: 'vertex' }));
    expect(Object.keys(fit.parameters).sort()).toEqual(['batch.D', 'batch.c', 'lr.D']);
  });

  it('three sizes suffice for an exponent in N through vertices, whose own uncertainty then carries the interval', () => {
    const fit = fitStepLaw(runs(ours, 4, { N: [6.6e3, 2.5e4, 1e5], D: [1.6e6] }), quick(4, { method: 'vertex' }));
    expect(fit.status).toBe('converged');
    expect(fit.parameters['lr.N']!.high).toBeGreaterThan(fit.parameters['lr.N']!.low);
    expect(fitStepLaw(runs(ours, 4, { N: [6.6e3, 1e5], D: [1.6e6] }), quick(4)).status).toBe('not enough points');
  });

  it('refuses tied axes, narrow ranges, and optima at the edge', () => {
    const ladder = [1e3, 4e3, 1.6e4, 6.4e4, 2.56e5].flatMap((n) => runs(ours, 5, { N: [n], D: [20 * n], noise: 0 }));
    expect(fitStepLaw(ladder, quick(5)).status).toBe('not identified');
    expect(fitStepLaw(runs(ours, 5, { N: [1e4, 1.2e4, 1.4e4, 1.6e4], D: [1e6] }), quick(5)).status).toBe('range too narrow');
    const cut = runs(ours, 5, { noise: 0 }).filter(
      (row) => row.lr! < 0.8 * ours.truth['lr.c'] * row.N! ** ours.truth['lr.N'] * row.D! ** ours.truth['lr.D'],
    );
    const edge = fitStepLaw(cut, quick(5));
    expect(edge.status).toBe('at the edge');
    expect(edge.message.en).toContain('larger learning rates');
    expect(edge.left).toHaveLength(cut.length);
  });

  it('leaves single cells at the edge out, with the side, unless told to keep them', () => {
    const table = runs(ours, 6, { noise: 0 });
    const optimum = ours.truth['lr.c'] * 1e3 ** ours.truth['lr.N'] * 1e5 ** ours.truth['lr.D'];
    const cut = table.filter((row) => !(row.N === 1e3 && row.D === 1e5 && row.lr! > optimum * 1.01));
    const fit = fitStepLaw(cut, quick(6));
    expect(fit.status).toBe('converged');
    expect(fit.atTheEdge).toMatchObject([{ N: 1e3, D: 1e5, edges: ['high lr'] }]);
    expect(fit.cells).toHaveLength(19);
    expect(fitStepLaw(cut, quick(6, { edgeCells: 'kept' })).cells).toHaveLength(20);
  });
});

describe('properties', () => {
  it('the order of the rows does not matter; a unit of B only moves batch.c', () => {
    const table = runs(ours, 7);
    const plain = fitStepLaw(table, { bootstrap: { resamples: 0 } }).parameters;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.double({ min: 0.01, max: 100, noNaN: true }), (seed, factor) => {
        const again = fitStepLaw(
          shuffled(table, seed).map((row) => ({ ...row, B: row.B! * factor })),
          { ...quick(7), bootstrap: { resamples: 0 } },
        ).parameters;
        expect(again['lr.N']!.value).toBeCloseTo(plain['lr.N']!.value, 9);
        expect(again['lr.c']!.value / plain['lr.c']!.value).toBeCloseTo(1, 9);
        expect(again['batch.D']!.value).toBeCloseTo(plain['batch.D']!.value, 9);
        expect(again['batch.c']!.value / plain['batch.c']!.value / factor).toBeCloseTo(1, 9);
      }),
      { numRuns: 8 },
    );
  });
});
