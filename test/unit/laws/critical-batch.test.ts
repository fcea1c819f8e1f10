// The critical batch from planted curves: hyperbolas, their tie over losses, what is left out and what is refused.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criticalBatch, stepsAtBatch, tokensAtBatch } from '../../../src/laws/critical-batch-forms.ts';
import { criticalBatchAt, criticalBatchConstants, fitCriticalBatch, reciprocal } from '../../../src/laws/critical-batch.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { fitHyperbola } from '../../../src/laws/hyperbola.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { octaves, shuffled } from './planted.ts';
import { ourTruth, plantedCurves, plantedTrajectory, theirTruth, type CurveDesign } from './planted-curves.ts';

const ours: CurveDesign = { truth: ourTruth, N: [1e4], B: octaves(5, 12), D: 4e6, points: 40, stretch: 30 };
const theirs: CurveDesign = { truth: theirTruth, N: [1e8], B: octaves(16, 23), D: 2e10, points: 40, stretch: 30 };
const without = { bootstrap: { resamples: 0 } };
const exact = { run: 0, white: 0, seed: 0 };

describe('without noise', () => {
  it.each([
    ['ours', ours],
    ['ours, sizes from 1e3 to 1e6', { ...ours, N: [1e3, 1e4, 1e5, 1e6] }],
    ['theirs', theirs],
    ['theirs, sizes from 1e7 to 1e9', { ...theirs, N: [1e7, 1e8, 1e9] }],
  ])('B_* and α_B come back to 1e-6 (%s)', (_, design) => {
    const fit = fitCriticalBatch(plantedCurves(design, exact), { ...without, warmup: 0 });
    expect(fit.status).toBe('converged');
    const { Bstar, alphaB } = design.truth;
    expect(Math.abs(fit.parameters.Bstar!.value / Bstar - 1)).toBeLessThan(1e-6);
    expect(Math.abs(fit.parameters.alphaB!.value / alphaB - 1)).toBeLessThan(1e-6);
    expect(fit.levels).toHaveLength(10 * design.N.length);
    expect(fit.used).toHaveLength(design.N.length * design.B.length * design.points);
    expect(fit.left).toEqual([]);
  });

  it('each level has the S_min, E_min and B_crit of its loss, so that every batch needs what it needed', () => {
    const fit = fitCriticalBatch(plantedCurves(ours, exact), without);
    const { Nc, alphaN, Sc, alphaS, Bstar, alphaB } = ourTruth;
    for (const { N, loss, Smin, Emin, Bcrit, status, points } of fit.levels) {
      expect(status).toBe('converged');
      const Sexpected = Sc * (loss - (Nc / N!) ** alphaN) ** (-1 / alphaS);
      expect(Smin / Sexpected).toBeCloseTo(1, 5);
      expect(Bcrit / (Bstar * loss ** (-1 / alphaB))).toBeCloseTo(1, 5);
      expect(Emin / (Sexpected * Bcrit)).toBeCloseTo(1, 5);
      for (const { B, S, E } of points) {
        expect(S / stepsAtBatch({ Smin, Emin }, B)).toBeCloseTo(1, 5);
        expect(E / tokensAtBatch({ Smin, Emin }, B)).toBeCloseTo(1, 5);
        expect((S / Smin - 1) * (E / Emin - 1)).toBeCloseTo(1, 3);
      }
    }
  });

  it('reads the losses it is told to', () => {
    const fit = fitCriticalBatch(plantedCurves(ours, exact), { ...without, levels: [2.3, 2.5, 2.2, 2.6] });
    expect(fit.levels.map(({ loss }) => Number(loss.toFixed(9)))).toEqual([2.6, 2.5, 2.3, 2.2]);
    expect(fit.status).toBe('converged');
  });

  it('final losses of runs of several lengths make curves as well, and N may be absent', () => {
    const finals = plantedCurves(ours, exact).map(({ B, D, S, loss }, i): RunRow => ({ B: B!, D: D!, S: S!, loss, run: `r${i}` }));
    const fit = fitCriticalBatch(finals, { bootstrap: { resamples: 20 } });
    expect(Math.abs(fit.parameters.Bstar!.value / ourTruth.Bstar - 1)).toBeLessThan(1e-5);
    expect(fit.bootstrap!.unit).toBe('cells');
    expect(fit.levels[0].N).toBeUndefined();
  });

  it('B_crit at a loss, and the constants for the forms', () => {
    const fit = fitCriticalBatch(plantedCurves(ours, exact), { bootstrap: { resamples: 50 } });
    const at = criticalBatchAt(fit, 2.4)!;
    expect(at.value).toBeCloseTo(18_000 * 2.4 ** (-1 / 0.22), 2);
    expect(criticalBatch(criticalBatchConstants(fit)!, 2.4)).toBeCloseTo(at.value, 6);
    expect(fit.bootstrap).toMatchObject({ unit: 'runs', resamples: 50 });
  });
});

describe('what is left out', () => {
  it('batches below the most token-efficient one, where the hyperbola does not hold', () => {
    // Small batches that lose efficiency again: everything up to 128 tokens costs more the smaller it is.
    const spoiled = ours.B.flatMap((B) =>
      Array.from({ length: 40 }, (_, k): RunRow => {
        const S = (4e6 / B) * 30 ** ((k + 1) / 40 - 1);
        const waste = B < 128 ? 128 / B : 1;
        return { N: 1e4, B, S, run: `${B}`, loss: plantedTrajectory(ourTruth, 1e4, B, S / waste) };
      }),
    );
    const fit = fitCriticalBatch(spoiled, without);
    expect(Math.abs(fit.parameters.Bstar!.value / ourTruth.Bstar - 1)).toBeLessThan(1e-5);
    const left = fit.left.filter(({ reason }) => reason.en.includes('most token-efficient'));
    expect([...new Set(left.map(({ row }) => spoiled[row].B))]).toEqual([32, 64]);
    for (const { points, below } of fit.levels) {
      expect(points.every(({ B }) => B >= 128)).toBe(true);
      expect(below.every(({ B }) => B < 128)).toBe(true);
    }
  });

  it('at each batch every learning rate but the fastest, and a batch whose fastest is the last one tried', () => {
    const rows = [1, 2, 4].flatMap((lr) =>
      plantedCurves(ours, exact).map((row): RunRow => {
        const best = row.B === 512 ? 4 : 2;
        const slower = lr === best ? 1 : 1.3;
        return { ...row, lr, run: `${row.run} ${lr}`, loss: plantedTrajectory(ourTruth, row.N!, row.B!, row.S! / slower) };
      }),
    );
    const fit = fitCriticalBatch(rows, without);
    expect(Math.abs(fit.parameters.Bstar!.value / ourTruth.Bstar - 1)).toBeLessThan(1e-5);
    expect(fit.used.every((row) => rows[row].lr === 2 && rows[row].B !== 512)).toBe(true);
    const edge = fit.left.filter(({ reason }) => reason.en.includes('at the end of those tried'));
    expect(new Set(edge.map(({ row }) => `${rows[row].B} ${rows[row].lr}`))).toEqual(new Set(['512 4']));
    expect(fit.used.length + fit.left.length).toBe(rows.length);
  });

  it('the warm-up, rows without a number, diverged points; every row is used or left with its reason', () => {
    const rows: RunRow[] = [
      ...plantedCurves({ ...ours, stretch: 100 }, exact),
      { B: 64, S: 100, loss: NaN, status: 'diverged' },
      { B: 0, S: 10, loss: 3 },
      { S: 10, loss: 3 },
    ];
    const fit = fitCriticalBatch(rows, without);
    expect(fit.status).toBe('converged');
    expect(fit.used.length + fit.left.length).toBe(rows.length);
    const early = fit.left.filter(({ reason }) => reason.en.includes('warms up')).map(({ row }) => rows[row]);
    expect(early.length).toBeGreaterThan(0);
    for (const { B, S } of early) expect(S!).toBeLessThan((0.05 * 4e6) / B!);
    expect(fit.left.slice(-3).map(({ reason }) => reason.en)).toEqual(['the run diverged', 'B is not a positive number', 'no B']);
  });
});

describe('what is refused', () => {
  const statusOf = (design: Partial<CurveDesign>, noise = exact): string =>
    fitCriticalBatch(plantedCurves({ ...ours, ...design }, noise), without).status;

  it('each degenerate design by its own status', () => {
    expect(fitCriticalBatch([]).status).toBe('not enough points');
    expect(fitCriticalBatch(plantedCurves(ours, exact).slice(0, 1)).status).toBe('not enough points');
    expect(statusOf({ B: [256] })).toBe('range too narrow');
    expect(statusOf({ B: octaves(8, 9.5, 0.5) })).toBe('range too narrow');
    expect(statusOf({ B: [64, 256, 1024] })).toBe('not enough points');
    expect(statusOf({ stretch: 1.5, B: octaves(5, 7, 0.5) })).toBe('range too narrow');
  });

  it('batches all on one side of the critical one, with the side on which to go on', () => {
    const noisy = { run: 0.002, white: 0.002, seed: 3 };
    const small = fitCriticalBatch(plantedCurves({ ...ours, B: [0.5, 1, 2, 4] }, noisy), without);
    expect(small.status).toBe('not identified');
    expect(small.message.en).toContain('run larger batches');
    expect(small.parameters).toEqual({});
    const large = fitCriticalBatch(plantedCurves({ ...ours, B: octaves(15, 19), D: 4e8 }, noisy), without);
    expect(large.status).toBe('not identified');
    expect(large.message.en).toContain('run smaller batches');
  });

  it('a critical batch that falls with the loss', () => {
    const rows = ours.B.flatMap((B) =>
      Array.from({ length: 40 }, (_, k): RunRow => {
        const S = (4e6 / B) * 30 ** ((k + 1) / 40 - 1);
        // S = S_min(L)·(1 + B_crit(L)/B) with B_crit rising as L² : solved for L by bisection.
        let [low, high] = [1.2, 50];
        for (let i = 0; i < 80; i++) {
          const middle = (low + high) / 2;
          if (250 * (middle - 1.2) ** -1.6 * (1 + (40 * middle ** 2) / B) > S) low = middle;
          else high = middle;
        }
        return { B, S, run: `${B}`, loss: (low + high) / 2 };
      }),
    );
    const fit = fitCriticalBatch(rows, without);
    expect(fit.status).toBe('not identified');
    expect(fit.message.en).toContain('does not rise');
  });

  it('an interval of the slope that reaches zero leaves α_B without an upper end', () => {
    expect(reciprocal({ value: 2, low: 1, high: 4 })).toEqual({ value: 0.5, low: 0.25, high: 1 });
    expect(reciprocal({ value: 2, low: -1, high: 4 })).toEqual({ value: 0.5, low: 0.25, high: Infinity });
    expect(reciprocal({ value: 2, low: NaN, high: NaN })).toEqual({ value: 0.5, low: NaN, high: NaN });
    const noisy = fitCriticalBatch(plantedCurves({ ...ours, B: octaves(5, 12, 1.75) }, { run: 0.01, white: 0.01, seed: 14 }), {
      bootstrap: { resamples: 200 },
    });
    expect(noisy.parameters.alphaB!.high).toBe(Infinity);
    expect(noisy.message.en).toContain('at least');
    expect(noisy.message.zh).toContain('不小于');
  });
});

describe('properties', () => {
  it('the order of rows does not matter; the unit of the batch is the unit of B_*', () => {
    const rows = plantedCurves(ours, { run: 0.002, white: 0.002, seed: 7 });
    const plain = fitCriticalBatch(rows, { bootstrap: { resamples: 30 } });
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.1, max: 10, noNaN: true }), (seed, factor) => {
        const mixed = shuffled(rows, seed).map((row) => ({ ...row, B: row.B! * factor, D: row.D! * factor }));
        const { parameters } = fitCriticalBatch(mixed, { bootstrap: { resamples: 30 } });
        for (const end of ['value', 'low', 'high'] as const) {
          expect(parameters.Bstar![end] / plain.parameters.Bstar![end] / factor).toBeCloseTo(1, 5);
          expect(parameters.alphaB![end] / plain.parameters.alphaB![end]).toBeCloseTo(1, 5);
        }
      }),
      { numRuns: 5 },
    );
  });

  it('one hyperbola: the least squares of a brute-force search', () => {
    const random = createRandom(2);
    const logB = octaves(5, 12).map(Math.log);
    const logE = logB.map((b) => 14 + Math.log1p(Math.exp(b - 6)) + 0.05 * random.normal());
    const fit = fitHyperbola(logB, logE);
    const squares = (logBcrit: number): number => {
      const rest = logE.map((e, i) => e - Math.log1p(Math.exp(logB[i] - logBcrit)));
      const mean = rest.reduce((sum, value) => sum + value, 0) / rest.length;
      return rest.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    };
    let best = 0;
    for (let c = 0; c < 12; c += 1e-4) if (squares(c) < squares(best)) best = c;
    expect(fit.status).toBe('converged');
    expect(Math.abs(fit.logBcrit - best)).toBeLessThan(2e-4);
    expect(fit.sumOfSquares).toBeLessThanOrEqual(squares(best) + 1e-12);
  });
});
