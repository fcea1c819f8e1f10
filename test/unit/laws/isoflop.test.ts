// Approach 2 on planted budgets: vertices, exponents, what happens at the edges, and how often the intervals are right.
import { describe, expect, it } from 'vitest';
import { fitParabola, groupBudgets } from '../../../src/laws/budgets.ts';
import { computeOptimal } from '../../../src/laws/chinchilla-allocation.ts';
import { chinchillaLoss } from '../../../src/laws/chinchilla-allocation.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { fitIsoflop, isoflopAt } from '../../../src/laws/isoflop.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { shuffled } from './planted.ts';

const ours = { E: 1.2, A: 12, B: 60, alpha: 0.3, beta: 0.35 };
const theirs = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };
const none = { bootstrap: { resamples: 0 } };

/** Budgets a factor 3 apart, sizes a factor `step` apart around the optimum of a loss law. */
function fromLaw(
  law: typeof ours,
  first: number,
  budgets: number,
  sizes: number,
  step: number,
  noise: number,
  seed = 0,
  blur = 0,
): RunRow[] {
  const random = createRandom(seed);
  const rows: RunRow[] = [];
  for (let k = 0; k < budgets; k++) {
    for (let i = 0; i < sizes; i++) {
      const C = first * 3 ** k * Math.exp(blur * (random.uniform() - 0.5));
      const N = computeOptimal(law, first * 3 ** k).N * step ** (i - (sizes - 1) / 2 + 0.3);
      rows.push({ N, D: C / 6 / N, C, loss: chinchillaLoss(law, N, C / 6 / N) * Math.exp(noise * random.normal()) });
    }
  }
  return rows;
}

/** Exact parabolas with vertices on an exact power law. */
function parabolas(a: number, budgets = 5, sizes = 7): RunRow[] {
  return Array.from({ length: budgets * sizes }, (_, k) => {
    const C = 1e13 * 4 ** Math.floor(k / sizes);
    const vertex = Math.log(0.2 * C ** a);
    const x = ((k % sizes) - (sizes - 1) / 2 + 0.2) * Math.log(2);
    return { C, N: Math.exp(vertex + x), loss: 3 - 0.05 * Math.log(C / 1e13) + 0.02 * x * x };
  });
}

describe('isoFLOP without noise', () => {
  it('brings back vertices, losses and exponents to 1e-6', () => {
    const fit = fitIsoflop(shuffled(parabolas(0.55), 3), none);
    expect(fit.status).toBe('converged');
    expect(fit.parameters.a!.value / 0.55).toBeCloseTo(1, 7);
    expect(fit.parameters.b!.value / 0.45).toBeCloseTo(1, 7);
    expect(fit.parameters['N.c']!.value / 0.2).toBeCloseTo(1, 6);
    expect(fit.parameters['D.c']!.value / (1 / 6 / 0.2)).toBeCloseTo(1, 6);
    fit.optima.forEach((optimum, k) => {
      expect(optimum.C).toBe(1e13 * 4 ** k);
      expect(optimum.N / (0.2 * optimum.C ** 0.55)).toBeCloseTo(1, 7);
      expect(optimum.loss).toBeCloseTo(3 - 0.05 * Math.log(optimum.C / 1e13), 9);
    });
    expect(isoflopAt(fit, 'N', 1e18)!.value / (0.2 * 1e18 ** 0.55)).toBeCloseTo(1, 6);
  });

  it('finds the exponents of a loss law, whose valleys are only nearly parabolas', () => {
    for (const [law, first] of [
      [ours, 1e12],
      [theirs, 1e18],
    ] as const) {
      const a = law.beta / (law.alpha + law.beta);
      const fit = fitIsoflop(fromLaw(law, first, 6, 9, 2, 0), none);
      expect(Math.abs(fit.parameters.a!.value - a)).toBeLessThan(1e-6);
      const optimum = computeOptimal(law, first * 9);
      expect(Math.abs(Math.log(fit.optima[2].N / optimum.N))).toBeLessThan(0.05);
      expect(Math.abs(fit.optima[2].loss - optimum.loss)).toBeLessThan(2e-3);
    }
  });

  it('reads D from the table where budgets do not follow 6·N·D', () => {
    const rows = parabolas(0.5).map((row) => ({ ...row, D: row.C! / (6 * row.N! * 1.25) }));
    const fit = fitIsoflop(rows, none);
    expect(fit.optima[0].D * fit.optima[0].N * 7.5).toBeCloseTo(1e13, -4);
    expect(fit.parameters.b!.value).toBeCloseTo(0.5, 7);
  });

  it('groups budgets whose C is blurred and carries each loss to the budget', () => {
    const rows = fromLaw(ours, 1e12, 6, 9, 2, 0, 1, 0.15);
    const fit = fitIsoflop(rows, none);
    expect(fit.optima).toHaveLength(6);
    expect(Math.abs(fit.parameters.a!.value - ours.beta / (ours.alpha + ours.beta))).toBeLessThan(0.01);
    expect(groupBudgets(rows, [...rows.keys()])!.map((budget) => budget.rows.length)).toEqual([9, 9, 9, 9, 9, 9]);
  });
});

describe('isoFLOP statuses', () => {
  it('leaves budgets out whose lowest loss is at the edge, and says which side to extend', () => {
    const rows = parabolas(0.55, 6).filter((_, k) => !(k < 7 && k >= 3) && !(k >= 35 && k < 39));
    const fit = fitIsoflop(rows, none);
    expect(fit.optima.map((optimum) => optimum.status)).toEqual([
      'at the edge',
      'converged',
      'converged',
      'converged',
      'converged',
      'at the edge',
    ]);
    expect(fit.optima[0].message.en).toContain('larger models');
    expect(fit.optima[5].message.en).toContain('smaller models');
    expect(fit.parameters.a!.value).toBeCloseTo(0.55, 6);
    expect(Number.isNaN(fit.optima[0].N)).toBe(true);
    expect(fit.used.length + fit.left.length).toBe(rows.length);
  });

  it('refuses few budgets, few sizes, flat valleys and runs on no budgets', () => {
    expect(fitIsoflop([], none).status).toBe('not enough points');
    expect(fitIsoflop(parabolas(0.5, 3), none).status).toBe('not enough points');
    expect(fitIsoflop(parabolas(0.5, 6, 4), none).optima.every((optimum) => optimum.status === 'not enough points')).toBe(true);
    const upsideDown = parabolas(0.5).map((row, k) => ({ ...row, loss: k % 7 === 3 ? 2.9 : 6 - row.loss }));
    expect(fitIsoflop(upsideDown, none).optima.map((optimum) => optimum.status)).not.toContain('converged');
    const random = createRandom(4);
    const scattered = Array.from({ length: 60 }, () => ({
      N: 10 ** (4 + 2 * random.uniform()),
      C: 10 ** (12 + 3 * random.uniform()),
      loss: 3,
    }));
    expect(fitIsoflop(scattered, none).status).toBe('not identified');
    expect(fitIsoflop([{ N: 1e4, loss: 2 }], none).left[0].reason.en).toBe('no C');
  });

  it('finds no minimum in noise', () => {
    const random = createRandom(8);
    const noise = parabolas(0.5).map((row) => ({ ...row, loss: 3 + 0.01 * random.normal() }));
    expect(fitIsoflop(noise, none).optima.filter((optimum) => optimum.status === 'converged').length).toBeLessThan(2);
  });
});

describe('a parabola', () => {
  it('gives its vertex with the variance that noise produces', () => {
    const x = [-2, -1, 0, 1, 2, 3];
    const random = createRandom(2);
    const vertices = Array.from(
      { length: 4000 },
      () =>
        fitParabola(
          x,
          x.map((value) => (value - 0.4) ** 2 / 2 + 0.05 * random.normal()),
        )!.vertex,
    );
    const mean = vertices.reduce((sum, value) => sum + value, 0) / vertices.length;
    const variance = vertices.reduce((sum, value) => sum + (value - mean) ** 2, 0) / vertices.length;
    const exact = fitParabola(
      x,
      x.map((value) => (value - 0.4) ** 2 / 2),
    )!;
    expect(exact.vertex).toBeCloseTo(0.4, 12);
    expect(exact.curvature).toBeCloseTo(1, 12);
    expect(variance / (0.05 ** 2 * exact.vertexVariance)).toBeGreaterThan(0.9);
    expect(variance / (0.05 ** 2 * exact.vertexVariance)).toBeLessThan(1.1);
  });
});
