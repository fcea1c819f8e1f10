// Bowls planted and found again: vertex, curvatures, edges, convexity, and how often the intervals are right.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bowlLoss } from '../../../src/laws/bowl-surface.ts';
import { fitBowls, type Bowl } from '../../../src/laws/bowl.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { octaves, plantedGrid, plantedLoss, shuffled, type PlantedBowl } from './planted.ts';

// As measured at this scale and at Step Law's: 0.01–0.06 nats per octave², the valley along higher lr and larger batch.
const bowl: PlantedBowl = { lr: 2 ** -6.8, B: 2 ** 7.4, loss: 2.3, hessian: [0.04, -0.02, 0.03] };
const lr = octaves(-9, -5, 0.5);
const B = octaves(5, 10);
const eigenvalues = [0.035 - Math.hypot(0.005, 0.02), 0.035 + Math.hypot(0.005, 0.02)];
const only = (rows: readonly RunRow[], options = {}): Bowl => {
  const bowls = fitBowls(rows, { bootstrap: { resamples: 0 }, ...options });
  expect(bowls).toHaveLength(1);
  return bowls[0];
};
const grid = (over: Partial<Parameters<typeof plantedGrid>[0]> = {}): RunRow[] =>
  plantedGrid({ bowl, lr, B, noise: 0, random: createRandom(0), ...over });

describe('a bowl without noise', () => {
  it('comes back to 1e-6: vertex, loss, curvatures and the surface between the points', () => {
    const found = only(grid());
    expect(found.status).toBe('converged');
    expect(Math.abs(found.parameters.lr!.value / bowl.lr - 1)).toBeLessThan(1e-6);
    expect(Math.abs(found.parameters.B!.value / bowl.B - 1)).toBeLessThan(1e-6);
    expect(Math.abs(found.parameters.loss!.value / bowl.loss - 1)).toBeLessThan(1e-9);
    found.eigenvalues.forEach((estimate, k) => expect(Math.abs(estimate.value / eigenvalues[k] - 1)).toBeLessThan(1e-6));
    expect(bowlLoss(found.surface!, 0.003, 77)).toBeCloseTo(plantedLoss(bowl, 0.003, 77), 9);
    // The valley is the eigenvector of the smallest eigenvalue.
    const [x, y] = found.valley!;
    expect(0.04 * x - 0.02 * y).toBeCloseTo(eigenvalues[0] * x, 9);
  });

  it('keeps the window it used, and says why every other row was left out', () => {
    const found = only(grid());
    expect(found.window).toBe(0.06);
    expect(found.used.length + found.left.length).toBe(lr.length * B.length);
    expect(found.used.length).toBeGreaterThan(8);
    const rows = grid();
    for (const row of found.used) expect(rows[row].loss / found.plateau.lowest - 1).toBeLessThanOrEqual(0.06);
    for (const { row } of found.left) expect(rows[row].loss / found.plateau.lowest - 1).toBeGreaterThan(0.06);
    for (const row of found.plateau.rows) expect(rows[row].loss / found.plateau.lowest - 1).toBeLessThan(0.0025);
  });

  it('widens the window on a coarse grid until the quadratic is determined', () => {
    const found = only(grid({ lr: octaves(-11, -3, 2), B: octaves(3, 11, 2) }));
    expect(found.window).toBeGreaterThan(0.04);
    expect(found.status).toBe('converged');
    expect(Math.abs(found.parameters.B!.value / bowl.B - 1)).toBeLessThan(1e-6);
  });

  it('falls back to a parabola when one axis has a single value', () => {
    const alongRate = only(grid({ B: [bowl.B] }));
    expect(alongRate.axes).toBe('lr');
    expect(alongRate.status).toBe('converged');
    expect(Math.abs(alongRate.parameters.lr!.value / bowl.lr - 1)).toBeLessThan(1e-6);
    expect(alongRate.parameters.B).toBeUndefined();
    expect(alongRate.eigenvalues).toHaveLength(1);
    const alongBatch = only(grid({ lr: [bowl.lr], B: octaves(5, 10, 0.5) }));
    expect(alongBatch.axes).toBe('B');
    expect(Math.abs(alongBatch.parameters.B!.value / bowl.B - 1)).toBeLessThan(1e-6);
  });
});

describe('what is refused', () => {
  it('names the side on which the grid ends', () => {
    expect(only(grid({ bowl: { ...bowl, lr: 2 ** -4 } })).edges).toContain('high lr');
    expect(only(grid({ bowl: { ...bowl, lr: 2 ** -11 } })).edges).toContain('low lr');
    expect(only(grid({ bowl: { ...bowl, B: 2 ** 4 } })).edges).toContain('small batch');
    const large = only(grid({ bowl: { ...bowl, B: 2 ** 12 } }));
    expect(large.edges).toContain('large batch');
    expect(large.status).toBe('at the edge');
    expect(large.parameters).toEqual({});
    expect(large.message.en).toContain('larger batches');
  });

  it('counts diverged runs as part of the grid: an optimum below them is not at the edge', () => {
    const rows = grid({ bowl: { ...bowl, lr: 2 ** -5 } });
    expect(only(rows).edges).toContain('high lr');
    const diverged = B.map((batch): RunRow => ({ N: 1e5, D: 1e6, lr: 2 ** -4, B: batch, loss: NaN, status: 'diverged' }));
    const found = only([...rows, ...diverged]);
    expect(found.status).toBe('converged');
    expect(found.left.filter(({ reason }) => reason.en === 'the run diverged')).toHaveLength(B.length);
  });

  it('a saddle, a slope, a handful of points', () => {
    const saddle = only(grid({ bowl: { ...bowl, hessian: [0.04, -0.06, 0.03] } }));
    expect(saddle.convex).toBe(false);
    expect(saddle.status).not.toBe('converged');
    expect(only(grid({ lr: octaves(-8, -6), B: octaves(7, 8) })).status).toBe('not enough points');
    expect(only([{ N: 1, D: 1, lr: 0.1, B: 64, loss: 2 }]).status).toBe('not enough points');
    expect(fitBowls([])).toEqual([]);
  });

  it('noise that hides the curvature is called not identified or at the edge, not an optimum', () => {
    const flat: PlantedBowl = { ...bowl, hessian: [0.0004, 0, 0.0004] };
    for (let seed = 0; seed < 20; seed++) {
      const found = only(grid({ bowl: flat, noise: 0.02, random: createRandom(seed) }), { bootstrap: { resamples: 200, seed } });
      if (found.status === 'converged') expect(found.convexShare).toBeGreaterThanOrEqual(0.8);
      else expect(found.parameters).toEqual({});
    }
  });
});

describe('properties', () => {
  it('the order of the rows does not matter, to the last bit', () => {
    const rows = plantedGrid({ bowl, lr, B, noise: 0.01, random: createRandom(3), seeds: 3 });
    const first = only(rows, { bootstrap: { resamples: 50 } });
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const again = only(shuffled(rows, seed), { bootstrap: { resamples: 50 } });
        expect(again.parameters).toEqual(first.parameters);
        expect(again.eigenvalues).toEqual(first.eigenvalues);
      }),
      { numRuns: 10 },
    );
  });

  it('a change of units of the batch moves the vertex by that factor and nothing else', () => {
    const rows = plantedGrid({ bowl, lr, B, noise: 0.005, random: createRandom(4) });
    const first = only(rows);
    fc.assert(
      fc.property(fc.double({ min: 0.01, max: 1000, noNaN: true }), (factor) => {
        const again = only(rows.map((row) => ({ ...row, B: row.B! * factor })));
        expect(again.parameters.B!.value / first.parameters.B!.value).toBeCloseTo(factor, 6);
        expect(again.parameters.lr!.value).toBeCloseTo(first.parameters.lr!.value, 9);
        again.eigenvalues.forEach((estimate, k) => expect(estimate.value).toBeCloseTo(first.eigenvalues[k].value, 9));
      }),
      { numRuns: 20 },
    );
  });
});
