// Shares: known values of the exact interval, its coverage, and the distribution of a share of uncertain cases.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exactShare, shareOfUncertain } from '../../../src/laws/share.ts';

/** Binomial probabilities by their definition. */
function binomial(trials: number, p: number): number[] {
  const choose = (k: number): number => Array.from({ length: k }, (_, i) => (trials - i) / (i + 1)).reduce((a, b) => a * b, 1);
  return Array.from({ length: trials + 1 }, (_, k) => choose(k) * p ** k * (1 - p) ** (trials - k));
}

describe('the exact interval of a share', () => {
  it('has the closed forms at none and all, and the tabulated value in between', () => {
    for (const trials of [1, 3, 10, 42]) {
      expect(exactShare(trials, trials)!.low).toBeCloseTo(0.025 ** (1 / trials), 10);
      expect(exactShare(trials, trials)!.high).toBe(1);
      expect(exactShare(0, trials)!.high).toBeCloseTo(1 - 0.025 ** (1 / trials), 10);
      expect(exactShare(0, trials)!.low).toBe(0);
    }
    // scipy.stats.binomtest(7, 10).proportion_ci(method='exact')
    const { value, low, high } = exactShare(7, 10)!;
    expect([value, low, high].map((one) => one.toFixed(6))).toEqual(['0.700000', '0.347547', '0.933260']);
    expect(exactShare(0, 0)).toBeUndefined();
  });

  it('holds the true share in at least 95 % of cases', () => {
    for (const trials of [3, 7, 12])
      for (const p of [0.05, 0.3, 0.5, 0.77, 0.99]) {
        const chances = binomial(trials, p);
        const held = chances.reduce((sum, chance, k) => {
          const { low, high } = exactShare(k, trials)!;
          return sum + (low <= p && p <= high ? chance : 0);
        }, 0);
        expect(held, `${trials} at ${p}`).toBeGreaterThanOrEqual(0.95);
      }
  });
});

describe('the share of uncertain cases', () => {
  it('is the binomial where all are alike', () => {
    const { value, low, high } = shareOfUncertain(new Array<number>(10).fill(0.9))!;
    expect(value).toBeCloseTo(0.9, 12);
    const chances = binomial(10, 0.9);
    const below = (k: number): number => chances.slice(0, k + 1).reduce((a, b) => a + b, 0);
    const first = (at: number): number => chances.findIndex((_, k) => below(k) >= at) / 10;
    expect([low, high]).toEqual([first(0.025), first(0.975)]);
  });

  it('is certain where every case is, and holds its mean', () => {
    expect(shareOfUncertain([1, 1, 0, 1])).toEqual({ value: 0.75, low: 0.75, high: 0.75 });
    expect(shareOfUncertain([])).toBeUndefined();
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 30 }), (probabilities) => {
        const { value, low, high } = shareOfUncertain(probabilities)!;
        const step = 1 / probabilities.length;
        expect(low).toBeLessThanOrEqual(value + step);
        expect(high).toBeGreaterThanOrEqual(value - step);
        expect(low).toBeLessThanOrEqual(high);
      }),
    );
  });
});
