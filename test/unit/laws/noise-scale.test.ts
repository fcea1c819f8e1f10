// The gradient noise scale from gradients with planted noise.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  efficiencyAtBatch,
  estimateNoise,
  noiseOverBatches,
  startNoiseScale,
  updateNoiseScale,
  type GradientNorms,
} from '../../../src/laws/noise-scale.ts';
import { createRandom, type Random } from '../../../src/laws/random.ts';
import { InputError } from '../../../src/messages/sentence.ts';

/** A gradient of ten dimensions with uneven noise: |G|² = 3.85, tr(Σ) = 77 for one example. */
const gradient = Array.from({ length: 10 }, (_, i) => (i + 1) / 10);
const deviations = Array.from({ length: 10 }, (_, i) => Math.sqrt(0.4 + 1.622222222222 * i));
const signal = gradient.reduce((sum, value) => sum + value ** 2, 0);
const noise = deviations.reduce((sum, value) => sum + value ** 2, 0);

/** Gradient of the mean loss over `batch` examples, each the true gradient plus its own noise. */
function batchGradient(batch: number, random: Random): number[] {
  const sum = new Array<number>(10).fill(0);
  for (let example = 0; example < batch; example++) for (let i = 0; i < 10; i++) sum[i] += gradient[i] + deviations[i] * random.normal();
  return sum.map((value) => value / batch);
}
const squaredNorm = (vector: readonly number[]): number => vector.reduce((sum, value) => sum + value ** 2, 0);

/** Micro-batches of `small` examples and the accumulated gradient of `count` of them, as training has them. */
function norms(small: number, count: number, random: Random): GradientNorms {
  const micro = Array.from({ length: count }, () => batchGradient(small, random));
  const mean = gradient.map((_, i) => micro.reduce((sum, vector) => sum + vector[i], 0) / count);
  return { small: micro.reduce((sum, vector) => sum + squaredNorm(vector), 0) / count, big: squaredNorm(mean) };
}

describe('planted gradient noise', () => {
  it('is recovered without bias from micro-batches and their mean', () => {
    const random = createRandom(1);
    const pairs = 4000;
    let [signals, noises] = [0, 0];
    for (let k = 0; k < pairs; k++) {
      const estimate = estimateNoise(norms(2, 4, random), 2, 8);
      signals += estimate.signal / pairs;
      noises += estimate.noise / pairs;
    }
    expect(Math.abs(signals / signal - 1)).toBeLessThan(0.05);
    expect(Math.abs(noises / noise - 1)).toBeLessThan(0.02);
  });

  it('gives B_simple as the ratio of running means, where the mean of ratios is far off', () => {
    const random = createRandom(2);
    let scale = startNoiseScale(0.999);
    const ratios: number[] = [];
    for (let k = 0; k < 6000; k++) {
      const estimate = estimateNoise(norms(2, 4, random), 2, 8);
      ratios.push(estimate.noise / estimate.signal);
      scale = updateNoiseScale(scale, estimate);
    }
    const truth = noise / signal;
    expect(Math.abs(scale.scale / truth - 1)).toBeLessThan(0.15);
    expect(scale.pairs).toBe(6000);
    const meanOfRatios = ratios.reduce((sum, value) => sum + value, 0) / ratios.length;
    expect(Math.abs(meanOfRatios / truth - 1)).toBeGreaterThan(0.15);
  });

  it('is exact on expected norms, in whatever unit the batches are counted', () => {
    const positive = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
    fc.assert(
      fc.property(positive, positive, fc.integer({ min: 1, max: 64 }), fc.integer({ min: 2, max: 64 }), (G, trace, small, times) => {
        const big = small * times;
        const found = estimateNoise({ small: G + trace / small, big: G + trace / big }, small, big);
        expect(Math.abs(found.signal - G)).toBeLessThan(1e-9 * (G + trace));
        expect(Math.abs(found.noise - trace)).toBeLessThan(1e-9 * (G * big + trace));
        const inTokens = estimateNoise({ small: G + trace / small, big: G + trace / big }, 256 * small, 256 * big);
        expect(inTokens.noise / (256 * found.noise)).toBeCloseTo(1, 6);
        expect(Math.abs(inTokens.signal - found.signal)).toBeLessThan(1e-9 * (G + trace));
      }),
    );
  });

  it('is recovered by the line of squared norms over 1/B, weighted by how noisy each is', () => {
    const random = createRandom(3);
    const measured = [1, 2, 4, 8, 16, 32, 64].flatMap((batch) =>
      Array.from({ length: 300 }, () => ({ batch, squaredNorm: squaredNorm(batchGradient(batch, random)) })),
    );
    const found = noiseOverBatches(measured)!;
    expect(Math.abs(found.signal / signal - 1)).toBeLessThan(0.1);
    expect(Math.abs(found.noise / noise - 1)).toBeLessThan(0.05);
    const exact = noiseOverBatches([3, 5, 40].map((batch) => ({ batch, squaredNorm: 2 + 7 / batch })))!;
    expect(exact.signal).toBeCloseTo(2, 10);
    expect(exact.noise).toBeCloseTo(7, 10);
  });
});

describe('the running mean', () => {
  it('starts at the first pair, forgets at its decay, skips what is not finite', () => {
    const first = updateNoiseScale(startNoiseScale(0.5), { signal: 2, noise: 8 });
    expect(first).toMatchObject({ signal: 2, noise: 8, scale: 4, pairs: 1 });
    // Weights 0.5 and 1 after normalisation: a third and two thirds.
    const second = updateNoiseScale(first, { signal: 5, noise: 2 });
    expect(second.signal).toBeCloseTo(4, 12);
    expect(second.noise).toBeCloseTo(4, 12);
    expect(second.scale).toBeCloseTo(1, 12);
    expect(updateNoiseScale(second, { signal: NaN, noise: 1 })).toBe(second);
    expect(updateNoiseScale(second, { signal: 1, noise: Infinity })).toBe(second);
    expect(first).toMatchObject({ signal: 2, pairs: 1 });
    expect(updateNoiseScale(first, { signal: 9, noise: 1 }).pairs).toBe(2);
    const last = [3, 4, 6].reduce((state, value) => updateNoiseScale(state, { signal: value, noise: value }), startNoiseScale(0));
    expect(last).toMatchObject({ signal: 6, noise: 6 });
  });

  it('no signal above zero is an infinite scale, noise below zero none, nothing seen no number', () => {
    expect(startNoiseScale()).toMatchObject({ signal: NaN, noise: NaN, scale: NaN, pairs: 0, decay: 0.99 });
    expect(updateNoiseScale(startNoiseScale(), { signal: -1, noise: 3 }).scale).toBe(Infinity);
    expect(updateNoiseScale(startNoiseScale(), { signal: 0, noise: 3 }).scale).toBe(Infinity);
    expect(updateNoiseScale(startNoiseScale(), { signal: 2, noise: -3 }).scale).toBe(0);
  });
});

describe('bad input', () => {
  it.each([
    [0, 8],
    [-1, 8],
    [8, 8],
    [8, 2],
    [2, Infinity],
    [NaN, 8],
    [2, NaN],
  ])('batches %d and %d are refused in one sentence', (small, big) => {
    expect(() => estimateNoise({ small: 1, big: 1 }, small, big)).toThrow(InputError);
  });

  it.each([1, -0.1, NaN, Infinity])('a decay of %d is refused', (decay) => {
    expect(() => startNoiseScale(decay)).toThrow(InputError);
  });

  it('a line needs two different batches and numbers', () => {
    expect(noiseOverBatches([])).toBeUndefined();
    expect(noiseOverBatches([1, 2, 3].map((squaredNorm) => ({ batch: 4, squaredNorm })))).toBeUndefined();
    const one = { batch: 2, squaredNorm: 4 };
    expect(() => noiseOverBatches([one, { batch: 0, squaredNorm: 1 }])).toThrow(InputError);
    expect(() => noiseOverBatches([one, { batch: 4, squaredNorm: NaN }])).toThrow(InputError);
    expect(() => noiseOverBatches([one, { batch: 4, squaredNorm: -1 }])).toThrow(InputError);
  });
});

describe('what a batch is worth', () => {
  it('half at the noise scale, all at an infinite batch, in proportion far below', () => {
    expect(efficiencyAtBatch(100, 100)).toBe(0.5);
    expect(efficiencyAtBatch(Infinity, 100)).toBe(1);
    expect(efficiencyAtBatch(1, 1e6) * 1e6).toBeCloseTo(1, 5);
  });
});
