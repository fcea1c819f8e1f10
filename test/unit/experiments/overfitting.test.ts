// Overfitting on planted runs: the exponent of size over text comes back, with early stopping read off the curves.
import { describe, expect, it } from 'vitest';
import { parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { overfitting } from '../../../src/experiments/overfitting.ts';
import { stopOf } from '../../../src/experiments/overfitting-analysis.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const sweep = (rates = [-8, -7, -6, -5]): SweepConfig =>
  parseSweep({
    name: 'planted',
    base: { context: 16, batchSequences: 8, tokens: 524_288, validationTokens: 8192, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [8, 16, 24, 40].map((width) => ({ layers: 2, width, heads: 2 })),
          uniqueTokens: [4096, 16_384, 65_536, 0],
          learningRate: rates.map((power) => 2 ** power),
        },
      },
    ],
  });

/** A loss that falls to a floor, and rises again where text is short: least, at its best, by the excess asked for. */
const limitedBy =
  (excess: (N: number, U: number) => number): FakeLaw =>
  ({ N, B, lr, config }, step) => {
    const tokens = step * B;
    const base = 2.5 * N ** -0.02 * detuned(lr, 2 ** -6.4);
    const U = config.uniqueTokens;
    if (U === 0) return base * (1 + 0.3 * Math.exp(-tokens / 40_000));
    // A parabola in log tokens, at its lowest after ten passes.
    return base * (1 + excess(N, U) + 0.02 * Math.log(tokens / (10 * U)) ** 2);
  };

const judged = (law: FakeLaw, noise = 0.001, from = sweep()) => {
  const analysis = overfitting.analyse(fakeTraining(from, law, { run: noise }), { resamples: 200 });
  return { analysis, verdict: overfitting.verdict(analysis) };
};

describe('overfitting', () => {
  it('finds the exponent of size over text, and the place to stop', () => {
    const { analysis, verdict } = judged(limitedBy((N, U) => 0.8 * (N ** 0.7 / U) ** 0.6));
    expect(analysis.limited).toHaveLength(12);
    expect(analysis.unlimited).toHaveLength(4);
    const { ratio, power } = analysis.onset!;
    expect(ratio.low).toBeLessThan(0.7);
    expect(ratio.high).toBeGreaterThan(0.7);
    expect(ratio.high - ratio.low).toBeLessThan(0.3);
    expect(power.value).toBeGreaterThan(0.5);
    expect(power.value).toBeLessThan(0.7);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain(`a = ${ratio.value.toFixed(2)}`);
    const stop = analysis.limited.find(({ U }) => U === 16_384)!.stop;
    expect(stop.early).toBe(true);
    expect(stop.tokens / 163_840).toBeGreaterThan(0.9);
    expect(stop.tokens / 163_840).toBeLessThan(1.1);
    expect(overfitting.figures(analysis).map(({ id }) => id)).toEqual(['curves', 'stopped-loss', 'onset', 'cells']);
  });

  it('is contradicted when text must outgrow the model, or larger models need less', () => {
    expect(judged(limitedBy((N, U) => (0.05 * (N ** 1.6 / U) ** 0.5) / 10)).verdict.status).toBe('contradicted');
    expect(judged(limitedBy((N, U) => 200 * (N ** -0.6 / U) ** 0.5)).verdict.status).toBe('contradicted');
  });

  it('shows nothing where noise decides, and says what is missing where nothing overfits', () => {
    expect(
      judged(
        limitedBy((N, U) => (0.8 * (N ** 0.9 / U) ** 0.6) / 5),
        0.03,
      ).verdict.status,
    ).not.toBe('shown');
    const none = judged(limitedBy(() => 0)).verdict;
    expect(none.status).toBe('not enough points');
    expect(none.sentence.en).toContain('smaller texts');
    expect(overfitting.verdict(overfitting.analyse([])).status).toBe('not enough points');
  });

  it('keeps cells out whose best learning rate is at the end of those tried, and asks for more', () => {
    const from = sweep([-10, -9, -8]);
    const { analysis, verdict } = judged(
      limitedBy((N, U) => 0.8 * (N ** 0.7 / U) ** 0.6),
      0.001,
      from,
    );
    expect(verdict.status).toBe('not enough points');
    expect(overfitting.next!(analysis, from)!.grids[0].axes!.learningRate).toEqual([2 ** -7, 2 ** -6]);
  });

  it('reads the lowest point of a curve between its points', () => {
    const curve = [1, 2, 4, 8, 16].map((tokens) => [tokens, tokens, 2 + Math.log2(tokens / 5) ** 2] as const);
    expect(stopOf(curve).tokens).toBeCloseTo(5, 9);
    expect(stopOf(curve).loss).toBeCloseTo(2, 9);
    expect(stopOf(curve.slice(0, 2))).toEqual({ loss: curve[1][2], tokens: 2, early: false });
  });

  it('has valid sweeps at every size', () => {
    for (const size of experimentSizes) expect(() => parseSweep(overfitting.sizes[size])).not.toThrow();
  });
});
