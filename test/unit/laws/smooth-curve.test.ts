// Smoothed curves, and where they cross a loss.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../../../src/laws/random.ts';
import { firstFallTo, smoothCurve } from '../../../src/laws/smooth-curve.ts';
import { shuffled } from './planted.ts';

const loss = (S: number): number => 2 + 30 * S ** -0.45;
const stepsTo = (level: number): number => ((level - 2) / 30) ** (-1 / 0.45);
const logSpaced = (count: number): number[] => Array.from({ length: count }, (_, k) => 20 * 100 ** (k / (count - 1)));

describe('a smooth curve', () => {
  it('finds the step of a loss between its points, whatever their order and spacing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 25, max: 120 }), fc.integer(), fc.double({ min: 0.1, max: 0.9, noNaN: true }), (count, seed, where) => {
        const level = loss(20 * 100 ** where);
        for (const steps of [logSpaced(count), Array.from({ length: count }, (_, k) => 20 + (1980 * k) / (count - 1))]) {
          const curve = smoothCurve(shuffled(steps, seed).map((S) => [S, loss(S)] as const))!;
          expect(Math.exp(firstFallTo(curve, Math.log(level))!) / stepsTo(level)).toBeCloseTo(1, 4);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('with noise finds it as well as the noise allows: by the mean of its neighbourhood, not the first point below', () => {
    const random = createRandom(5);
    let sum = 0;
    for (let trial = 0; trial < 200; trial++) {
      const curve = smoothCurve(logSpaced(100).map((S) => [S, loss(S) * Math.exp(0.02 * random.normal())] as const))!;
      sum += firstFallTo(curve, Math.log(4))! - Math.log(stepsTo(4));
    }
    // One point's noise moves the crossing by 0.02/|d log L/d log S| = 0.09; the first point below it would come that much early.
    expect(Math.abs(sum / 200)).toBeLessThan(0.02);
  });

  it('estimates the noise and never follows it', () => {
    const random = createRandom(6);
    const curve = smoothCurve(logSpaced(300).map((S) => [S, loss(S) * Math.exp(0.01 * random.normal())] as const))!;
    expect(curve.scatter).toBeGreaterThan(0.0085);
    expect(curve.scatter).toBeLessThan(0.0115);
  });

  it('goes through the points where they are few, ends where they end, is none for one point', () => {
    const few = [20, 60, 200, 800].map((S) => [S, loss(S)] as const);
    const curve = smoothCurve(few)!;
    for (const [S, value] of few) expect(Math.exp(curve.at(Math.log(S)))).toBeCloseTo(value, 10);
    expect(curve.at(Math.log(19))).toBeNaN();
    expect(curve.at(Math.log(810))).toBeNaN();
    expect(smoothCurve([[10, 3]])).toBeUndefined();
    expect(smoothCurve([])).toBeUndefined();
    expect(firstFallTo(curve, Math.log(loss(10)))).toBeUndefined();
    expect(firstFallTo(curve, Math.log(1.9))).toBeUndefined();
  });

  it('reads a curve of very many points as it reads one of few', () => {
    const many = smoothCurve(Array.from({ length: 20_000 }, (_, k) => [20 + 0.1 * k, loss(20 + 0.1 * k)] as const))!;
    expect(Math.exp(firstFallTo(many, Math.log(3.2))!) / stepsTo(3.2)).toBeCloseTo(1, 3);
  });
});
