// Approach 3 on planted laws: the optimum is the global one by independent routes, intervals are right, bad designs are refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allocation, chinchillaLoss, computeFor, computeOptimal } from '../../../src/laws/chinchilla-allocation.ts';
import { absoluteSum, leastAbsoluteDescent } from '../../../src/laws/chinchilla-lad.ts';
import { descend, huberSum, lossPoints, toConstants, toLogParameters, type LogParameters } from '../../../src/laws/chinchilla-objective.ts';
import { byLibrary, hoffmannStarts, searchByProjection, searchFromManyStarts } from '../../../src/laws/chinchilla-search.ts';
import { fitChinchilla } from '../../../src/laws/chinchilla.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';

const theirs = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const ours = { E: 1.2, A: 12, B: 60, alpha: 0.3, beta: 0.35 };
type Law = typeof theirs;

/** 245 runs over C from 1e18 to 1e22 at N around the compute-optimal size, as in the published table. */
const theirDesign = (() => {
  const random = createRandom(5);
  return Array.from({ length: 245 }, () => {
    const C = 10 ** (18 + 4 * random.uniform());
    const N = Math.sqrt(C / 6) * 10 ** (-1 + 1.4 * (random.uniform() - 0.5));
    return [N, C / 6 / N] as const;
  });
})();
const grid = (sizes: number, tokens: number): (readonly [number, number])[] =>
  Array.from({ length: sizes * tokens }, (_, k) => {
    const i = k % sizes;
    const j = Math.floor(k / sizes);
    return [1e3 * 1000 ** (i / (sizes - 1)), 1e5 * 1000 ** (j / (tokens - 1))] as const;
  });
/** Log-normal noise; with `heavy`, a tenth of the runs five times noisier. */
const table = (design: readonly (readonly [number, number])[], law: Law, noise: number, seed = 0, heavy = false): RunRow[] => {
  const random = createRandom(1000 + seed);
  return design.map(([N, D]) => ({
    N,
    D,
    loss: chinchillaLoss(law, N, D) * Math.exp(noise * random.normal() * (heavy && random.uniform() < 0.1 ? 5 : 1)),
  }));
};
const pointsOf = (rows: readonly RunRow[]) =>
  lossPoints(
    rows.map((row) => row.N!),
    rows.map((row) => row.D!),
    rows.map((row) => row.loss),
  );
const none = { bootstrap: { resamples: 0 } } as const;

describe('without noise', () => {
  for (const objective of ['huber', 'lad', 'ls'] as const) {
    it(`brings back every parameter to 1e-6 (${objective})`, () => {
      for (const [design, law] of [
        [theirDesign, theirs],
        [grid(6, 5), ours],
        [grid(4, 4), { E: 0.5, A: 300, B: 20, alpha: 0.8, beta: 0.15 }],
      ] as const) {
        const fit = fitChinchilla(table(design, law, 0), { objective, ...none });
        expect(fit.status).toBe('converged');
        const truth = { ...law, a: law.beta / (law.alpha + law.beta), b: law.alpha / (law.alpha + law.beta) };
        for (const [name, value] of Object.entries(truth))
          expect(Math.abs(fit.parameters[name as keyof typeof truth]!.value / value - 1), name).toBeLessThan(1e-6);
        expect(Math.abs(fit.G!.value / allocation(law).G - 1)).toBeLessThan(1e-6);
      }
    });
  }

  it('finds whatever law of this form is planted', () => {
    fc.assert(
      fc.property(
        fc.record({
          E: fc.double({ min: 0.3, max: 3, noNaN: true }),
          A: fc.double({ min: 5, max: 500, noNaN: true }),
          B: fc.double({ min: 20, max: 2000, noNaN: true }),
          alpha: fc.double({ min: 0.15, max: 0.9, noNaN: true }),
          beta: fc.double({ min: 0.15, max: 0.9, noNaN: true }),
        }),
        (law) => {
          const fit = fitChinchilla(table(grid(5, 5), law, 0), none);
          expect(fit.objective.value).toBeLessThan(1e-16);
        },
      ),
      { numRuns: 25, seed: 7 },
    );
  });
});

describe('the optimum', () => {
  const rows = table(theirDesign, theirs, 0.003, 0, true);
  const points = pointsOf(rows);
  const huber = { name: 'huber', delta: 1e-3 } as const;

  it('is the same by variable projection and by many starts of another solver', () => {
    for (const objective of [huber, { name: 'ls' }] as const) {
      const projected = searchByProjection(points, objective)!;
      const many = searchFromManyStarts(points, objective, 1 / 250)!;
      expect(many.reached).toBeGreaterThan(many.starts / 4);
      expect(Math.abs(many.best.value / projected.value - 1)).toBeLessThan(1e-9);
      projected.parameters.forEach((value, k) => expect(Math.abs(many.best.parameters[k] - value)).toBeLessThan(1e-5));
    }
  });

  it('is not undercut from any of the published starting points', () => {
    const best = searchByProjection(points, huber)!;
    for (const start of hoffmannStarts(points, 1 / 30))
      expect(descend(points, start, { delta: 1e-3 }).value).toBeGreaterThan(best.value * (1 - 1e-9));
  });

  it('does not stop at a good starting point because the objective is small', () => {
    const published = toLogParameters({ E: 1.6934, A: 406.4, B: 410.7, alpha: 0.3392, beta: 0.2849 }, points.centre);
    const reached = descend(points, published, { delta: 1e-3 });
    const best = searchByProjection(points, huber)!;
    expect(huberSum(published, points, 1e-3)).toBeGreaterThan(best.value * 1.05);
    expect(Math.abs(reached.value / best.value - 1)).toBeLessThan(1e-12);
  });

  it('of least absolute deviations passes through points and can be improved in no direction', () => {
    const best = searchByProjection(points, { name: 'lad' })!;
    expect(best.converged).toBe(true);
    const value = absoluteSum(best.parameters, points);
    const random = createRandom(3);
    for (let direction = 0; direction < 2000; direction++) {
      const size = 10 ** -(2 + 6 * random.uniform());
      const moved = best.parameters.map((parameter) => parameter + size * random.normal()) as unknown as LogParameters;
      expect(absoluteSum(moved, points)).toBeGreaterThanOrEqual(value * (1 - 1e-13));
    }
    // Another solver, smoothing |r| by reweighting, comes down to the same value and not below it.
    const other = byLibrary(points, { name: 'lad' }, best.parameters.map((parameter) => parameter * 1.02) as unknown as LogParameters);
    expect(other.value).toBeGreaterThanOrEqual(value * (1 - 1e-12));
    expect(other.value / value - 1).toBeLessThan(1e-4);
    expect(leastAbsoluteDescent(points, other.parameters).value / value - 1).toBeLessThan(1e-12);
  });

  it('has a zero gradient, by finite differences', () => {
    const best = searchByProjection(points, huber)!;
    const step = 1e-6;
    best.parameters.forEach((_, k) => {
      const shifted = (by: number): number =>
        huberSum(best.parameters.map((value, j) => (j === k ? value + by : value)) as unknown as LogParameters, points, 1e-3);
      expect(Math.abs(shifted(step) - shifted(-step)) / (2 * step)).toBeLessThan(1e-7);
    });
  });

  it('leaves outliers aside that least squares follows', () => {
    const spoiled = table(theirDesign, theirs, 0.001).map((row, i) => (i % 25 === 0 ? { ...row, loss: row.loss * 1.15 } : row));
    const off = (objective: 'huber' | 'ls'): number =>
      Math.abs(fitChinchilla(spoiled, { objective, ...none }).parameters.E!.value - theirs.E);
    expect(off('huber')).toBeLessThan(off('ls') / 3);
  });
});

describe('intervals', () => {
  it('come back from their seed, and resample runs rather than rows', () => {
    const rows = table(grid(5, 5), ours, 0.005);
    const fit = (table: readonly RunRow[], seed = 4) => fitChinchilla(table, { bootstrap: { resamples: 50, seed } });
    expect(fit(rows)).toEqual(fit(rows));
    expect(fit(rows).parameters.a!.low).not.toBe(fit(rows, 5).parameters.a!.low);
    const twice = rows.flatMap((row, i) => [
      { ...row, run: `run ${i}` },
      { ...row, run: `run ${i}` },
    ]);
    const width = (table: readonly RunRow[]): number => fit(table).parameters.alpha!.high - fit(table).parameters.alpha!.low;
    expect(Math.abs(width(twice) / width(rows) - 1)).toBeLessThan(1e-6);
  });
});

describe('what is refused', () => {
  const status = (rows: readonly RunRow[]) => fitChinchilla(rows, none).status;
  const design = (pairs: readonly (readonly [number, number])[]): RunRow[] => table(pairs, ours, 0.003);
  it('says which design it needs', () => {
    expect(status([])).toBe('not enough points');
    expect(status(design(grid(3, 2)))).toBe('not enough points');
    expect(status(design(grid(5, 5).map(([N, D]) => [1e4 * (1 + N / 1e6), D] as const)))).toBe('range too narrow');
    expect(status(design(grid(12, 2).map(([N]) => [N, 20 * N] as const)))).toBe('not identified');
    expect(status(design(grid(2, 8)))).toBe('not identified');
    expect(status(design(grid(8, 2)))).toBe('not identified');
    const message = fitChinchilla(design(grid(12, 2).map(([N]) => [N, 20 * N] as const)), none).message;
    expect(message.en).toContain('D at one N');
    expect(message.zh).not.toBe('');
  });

  it('reports a floor or a dependence that the runs do not show', () => {
    const noFloor = fitChinchilla(table(grid(6, 6), { ...ours, E: 0 }, 0), none);
    expect(noFloor.status).toBe('bound hit');
    expect(noFloor.constants!.alpha).toBeCloseTo(ours.alpha, 4);
    expect(status(grid(6, 6).map(([N, D]) => ({ N, D, loss: 1 + 5 / N ** 0.3 })))).not.toBe('converged');
    expect(status(grid(6, 6).map(([N, D]) => ({ N, D, loss: 2 })))).not.toBe('converged');
  });

  it('leaves rows out by name and goes on', () => {
    const rows = [
      ...table(grid(5, 5), ours, 0.003),
      { N: 1e4, D: 1e6, loss: NaN },
      { N: 1e4, D: 1e6, loss: -2 },
      { N: 0, D: 1e6, loss: 2 },
      { N: 1e4, loss: 2 },
      { N: 1e4, D: 1e6, loss: 9, status: 'diverged' as const },
    ];
    const fit = fitChinchilla(rows, none);
    expect(fit.used).toHaveLength(25);
    expect(fit.left.map(({ row, reason }) => [row, reason.en])).toEqual([
      [25, 'loss is not a positive number'],
      [26, 'loss is not a positive number'],
      [27, 'N is not a positive number'],
      [28, 'no D'],
      [29, 'the run diverged'],
    ]);
    expect(fit.residuals).toHaveLength(25);
  });
});

describe('compute-optimal allocation', () => {
  it('gives the constants of the published law', () => {
    const hoffmann = { E: 1.69, A: 406.4, B: 410.7, alpha: 0.34, beta: 0.28 };
    const { a, b } = allocation(hoffmann);
    expect(a).toBeCloseTo(0.4516, 4);
    expect(b).toBeCloseTo(0.5484, 4);
  });

  it('is the lowest loss at its compute, and its inverse brings the size back', () => {
    fc.assert(
      fc.property(fc.double({ min: 12, max: 24, noNaN: true }), fc.double({ min: -1, max: 1, noNaN: true }), (exponent, shift) => {
        const C = 10 ** exponent;
        const best = computeOptimal(theirs, C);
        expect(best.N * best.D).toBeCloseTo(C / 6, -Math.floor(exponent) + 8);
        const N = best.N * 10 ** shift;
        expect(chinchillaLoss(theirs, N, C / 6 / N)).toBeGreaterThanOrEqual(best.loss * (1 - 1e-12));
        expect(Math.abs(computeFor(theirs, best.N) / C - 1)).toBeLessThan(1e-9);
      }),
    );
  });

  it('undoes the centring of the solver', () => {
    const points = pointsOf(table(theirDesign, theirs, 0));
    const back = toConstants(toLogParameters(theirs, points.centre), points.centre);
    for (const [name, value] of Object.entries(theirs)) expect(back[name as keyof Law] / value).toBeCloseTo(1, 12);
  });
});
