// The measure itself: right intervals pass, intervals wrong by a factor of two do not.
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../../src/laws/random.ts';
import { atMost, countCoverage, whatIsWrong, type CoverageCount } from './coverage.ts';

/** Estimates of 0 with a normal error of 1, whose intervals are `width` times as wide as they should be. */
const counted = (width: number, seeds: number, bias = 0): CoverageCount => {
  const half = 1.96 * width;
  const random = createRandom(7);
  const fit = () => {
    const value = bias + random.normal();
    return { status: 'converged' as const, parameters: { x: { value, low: value - half, high: value + half } } };
  };
  return countCoverage({ name: '', truth: { x: 0 }, fit }, seeds, 0).x;
};

describe('the measure of coverage', () => {
  it('passes right intervals, and catches narrow, wide and biased ones, with a hundred data sets and with two hundred', () => {
    for (const seeds of [100, 200]) {
      expect(whatIsWrong(counted(1, seeds))).toBe('');
      expect(whatIsWrong(counted(0.5, seeds))).toBe('too narrow');
      expect(whatIsWrong(counted(2, seeds))).toBe('too wide');
      expect(whatIsWrong(counted(1, seeds, 1.5))).toBe('too narrow');
    }
  });

  it('counts a fit without an interval as one that holds nothing', () => {
    const none = { value: 0, low: NaN, high: NaN };
    const count = countCoverage({ name: '', truth: { x: 0 }, fit: () => ({ status: 'converged', parameters: { x: none } }) }, 50, 0).x;
    expect(count).toEqual({ seeds: 50, hits: 0, halfHits: 0 });
    const interval = { value: 0, low: -1, high: 1 };
    expect(
      countCoverage({ name: '', truth: { x: 0 }, fit: () => ({ status: 'not identified', parameters: { x: interval } }) }, 50, 0).x.hits,
    ).toBe(0);
  });

  it('has the tails of a binomial distribution', () => {
    expect(atMost(2, 4, 0.5)).toBeCloseTo(11 / 16, 12);
    expect(atMost(4, 4, 0.9)).toBeCloseTo(1, 12);
    expect(atMost(-1, 4, 0.9)).toBe(0);
  });
});
