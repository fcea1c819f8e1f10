// The keeper of losses: Step Law's smoothing against numbers from scipy, thinning that loses no loss, verdicts, and
// the steps of validation.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { steps } from '../../../src/config/run.ts';
import { curveSteps, epochs, LossWatch, outcomeOf, ThinnedCurve, validationSteps } from '../../../src/training/recorder.ts';
import { smoothedLastLoss, smoothingWindow } from '../../../src/training/smoothed-loss.ts';

/** A run of exactly `total` steps. */
const run = (total: number, more: object = {}) => parseRun({ context: 8, batchSequences: 2, tokens: 16 * total, ...more });

describe('smoothed loss', () => {
  // scipy.ndimage.gaussian_filter1d(x, sigma)[-1] with mode 'reflect', x[i] = 3 + sin(0.37 i) + 2 / (1 + i).
  const series = (length: number) => Array.from({ length }, (_, i) => 3 + Math.sin(0.37 * i) + 2 / (1 + i));
  it.each([
    [40, 4.009080763876528],
    [150, 2.0774098118483404],
    [700, 2.897679482621996],
    [30_000, 3.0183686251092094],
  ])('is scipy’s Gaussian filter at the last of %i steps', (length, expected) => {
    expect(smoothedLastLoss(series(length), length)).toBeCloseTo(expected, 9);
  });

  it('needs only the last losses of its window', () => {
    const losses = series(3000);
    expect(smoothedLastLoss(losses.slice(-smoothingWindow(3000)), 3000)).toBeCloseTo(smoothedLastLoss(losses, 3000), 12);
  });

  it('leaves a constant as it is', () => {
    expect(smoothedLastLoss(new Float32Array(500).fill(2.5), 500)).toBeCloseTo(2.5, 12);
  });
});

describe('the watch over losses', () => {
  it('smooths what came in pieces as if it had come at once', () => {
    const losses = Array.from({ length: 1200 }, (_, i) => 3 + Math.cos(i));
    const watch = new LossWatch(run(1200));
    for (let i = 0; i < 1200; i += 7) watch.add(losses.slice(i, i + 7));
    expect(watch.count).toBe(1200);
    expect(watch.smoothed()).toBeCloseTo(smoothedLastLoss(losses, 1200), 12);
  });

  it.each([NaN, Infinity, -Infinity])('calls %d a divergence, with the last finite loss and the step', (bad) => {
    const watch = new LossWatch(run(100));
    watch.add([3, 2.5]);
    expect(watch.add([2.25, bad, 1, 1])).toBe(2);
    expect(watch.end).toMatchObject({ status: 'diverged', step: 4, lastFiniteLoss: 2.25 });
    expect(watch.add([1])).toBe(0);
    expect(outcomeOf(watch, 1, new Float32Array())).toBe(watch.end);
  });

  it('calls exactly zero, and a first loss that is no number, failures', () => {
    const zero = new LossWatch(run(100));
    zero.add([3, 0]);
    expect(zero.end?.status).toBe('failed');
    const broken = new LossWatch(run(100));
    broken.add([NaN]);
    expect(broken.end?.status).toBe('failed');
  });

  it('judges the last validation loss as it judges training losses', () => {
    const watch = new LossWatch(run(2));
    watch.add([3, 2]);
    const parameters = Float32Array.of(1);
    expect(outcomeOf(watch, 2.5, parameters)).toEqual({ status: 'finished', finalLoss: 2.5, smoothedTrainLoss: 2, parameters });
    expect(outcomeOf(watch, NaN, parameters)).toMatchObject({ status: 'diverged', lastFiniteLoss: 2 });
    expect(outcomeOf(watch, 0, parameters).status).toBe('failed');
  });
});

describe('the thinned curve', () => {
  it('has every step of a short run, and at most 400 steps of any, the last included', () => {
    expect(curveSteps(5)).toEqual([1, 2, 3, 4, 5]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10_000_000 }), (total) => {
        const list = curveSteps(total);
        expect(list).toHaveLength(Math.min(400, total));
        expect(list.at(-1)).toBe(total);
        expect(list.every((step, i) => step > (list[i - 1] ?? 0))).toBe(true);
      }),
    );
  });

  it('loses no loss: points weighted by their steps give back the sum, however the losses were cut', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.integer({ min: 1, max: 97 }), (total, piece) => {
        const losses = Array.from({ length: total }, (_, i) => 2 + ((i * 7919) % 100) / 100);
        const curve = new ThinnedCurve(run(total));
        for (let i = 0; i < total; i += piece) curve.add(i + 1, losses.slice(i, i + piece));
        const points = curve.points();
        const sum = points.reduce((s, [step, , loss], i) => s + loss * (step - (points[i - 1]?.[0] ?? 0)), 0);
        expect(sum).toBeCloseTo(
          losses.reduce((a, b) => a + b),
          6,
        );
        expect(points.at(-1)?.[0]).toBe(total);
        for (const [step, tokens] of points) expect(tokens).toBe(16 * step);
      }),
    );
  });

  it('shows the steps since its last point, and passes over losses it has had', () => {
    const curve = new ThinnedCurve(run(100_000));
    curve.add(1, new Float32Array(1000).fill(3));
    curve.add(990, new Float32Array(21).fill(3));
    expect(curve.points().at(-1)).toEqual([1010, 16_160, 3]);
    curve.add(1011, [NaN, NaN]);
    expect(curve.points().every(([, , loss]) => loss === 3)).toBe(true);
  });
});

describe('validation', () => {
  it('halves from the last step, within its share of the work', () => {
    const long = run(4096, { validationTokens: 16 });
    expect(validationSteps(long)).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]);
    expect(validationSteps(run(1000, { validationTokens: 10_000_000 }))).toEqual([500, 1000]);
    expect(validationSteps(run(1))).toEqual([1]);
  });

  it('always ends at the last step', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 1_000_000 }), (total, validationTokens) => {
        const config = run(total, { validationTokens });
        const list = validationSteps(config);
        expect(list.at(-1)).toBe(steps(config));
        expect(list.every((step, i) => Number.isInteger(step) && step > (list[i - 1] ?? 0))).toBe(true);
      }),
    );
  });
});

it('an epoch ends when every window has been read once', () => {
  expect(epochs(run(5), 10)).toBe(1);
  expect(epochs(run(6), 10)).toBe(2);
});
