// AdamW against a case worked by hand, and against plain loops in double precision over a whole model's parameters.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { initialParameters, parameterSpecs, type ParameterSpec } from '../../../src/model/parameters.ts';
import { AdamW, decayMask, flatten, unflatten, type AdamWConfig } from '../../../src/training/adamw.ts';

const one = (decays: boolean): ParameterSpec[] => [
  { name: 'w', shape: [1], offset: 0, size: 1, start: { constant: 1 }, decays, part: 'block' },
];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('one parameter, by hand', () => {
  const config: AdamWConfig = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 0 };

  it('moves by the learning rate against the sign of the first gradient, and decays by η·λ·θ', () => {
    // t = 1: m̂ = g, v̂ = g², so m̂/√v̂ = sign g; θ = 2 − 0.5·(1 + 0.1·2) = 1.4, whatever the gradient's size.
    for (const gradient of [3, 0.004]) {
      const adamw = new AdamW(config, one(true));
      const after = adamw.apply(adamw.start(Float32Array.of(2)), tf.tensor1d([gradient]), 0.5, 1);
      expect(after.parameters.dataSync()[0]).toBeCloseTo(1.4, 5);
      expect(after.mean.dataSync()[0]).toBeCloseTo(0.1 * gradient, 7);
      expect(after.square.dataSync()[0]).toBeCloseTo(0.01 * gradient ** 2, 7);
    }
  });

  it('second update: m̂ and v̂ weigh both gradients', () => {
    // g₁ = 1, g₂ = −3, no decay: m = 0.9·0.1 − 0.3 = −0.21, m̂ = −0.21/0.19; v = 0.99·0.01 + 0.09 = 0.0999, v̂ = 0.0999/0.0199.
    const adamw = new AdamW(config, one(false));
    const first = adamw.apply(adamw.start(Float32Array.of(0)), tf.tensor1d([1]), 0.1, 1);
    const second = adamw.apply(first, tf.tensor1d([-3]), 0.1, 2);
    expect(second.parameters.dataSync()[0]).toBeCloseTo(-0.1 + (0.1 * (0.21 / 0.19)) / Math.sqrt(0.0999 / 0.0199), 5);
  });

  it('ε stands outside the root: a tiny gradient moves the parameter by η·g/(|g| + ε)', () => {
    const adamw = new AdamW({ ...config, epsilon: 1e-3 }, one(false));
    const after = adamw.apply(adamw.start(Float32Array.of(0)), tf.tensor1d([1e-3]), 1, 1);
    expect(after.parameters.dataSync()[0]).toBeCloseTo(-0.5, 4);
  });

  it('clips by the norm of all parameters together, and leaves shorter gradients alone', () => {
    const specs = parameterSpecs({
      shape: { layers: 1, width: 4, heads: 1, mlpRatio: 1 },
      context: 2,
      positions: 'learned',
      qkNorm: false,
      tiedHead: false,
      vocabulary: 3,
    });
    const start = initialParameters(specs, 0);
    const gradient = start.map((_, i) => Math.sin(i));
    const norm = Math.hypot(...gradient);
    const adamw = new AdamW({ ...config, clipNorm: 1 }, specs);
    const long = adamw.apply(adamw.start(start), tf.tensor1d(gradient), 0.1, 1).mean.dataSync();
    const short = adamw.apply(adamw.start(start), tf.tensor1d(gradient.map((g) => g / (2 * norm))), 0.1, 1).mean.dataSync();
    for (let i = 0; i < start.length; i++) {
      expect(long[i]).toBeCloseTo((0.1 * gradient[i]) / norm, 6);
      expect(short[i]).toBeCloseTo((0.1 * gradient[i]) / (2 * norm), 6);
    }
  });
});

it('agrees with plain loops over ten updates of a whole model', () => {
  const specs = parameterSpecs({
    shape: { layers: 2, width: 8, heads: 2, mlpRatio: 4 },
    context: 4,
    positions: 'learned',
    qkNorm: true,
    tiedHead: false,
    vocabulary: 7,
  });
  const config: AdamWConfig = { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.3, clipNorm: 1 };
  const start = initialParameters(specs, 3);
  const mask = decayMask(specs);
  const gradientAt = (update: number) => start.map((_, i) => Math.sin(i * 0.7 + update) * (update % 3 === 0 ? 0.001 : 0.2));

  const adamw = new AdamW(config, specs);
  let state = adamw.start(start);
  const theta = Float64Array.from(start);
  const m = new Float64Array(start.length);
  const v = new Float64Array(start.length);
  for (let update = 1; update <= 10; update++) {
    const gradient = gradientAt(update);
    const rate = 0.01 * update;
    state = adamw.apply(state, tf.tensor1d(gradient), rate, update);
    const clip = Math.min(1, config.clipNorm / Math.hypot(...gradient));
    for (let i = 0; i < theta.length; i++) {
      const g = gradient[i] * clip;
      m[i] = 0.9 * m[i] + 0.1 * g;
      v[i] = 0.95 * v[i] + 0.05 * g * g;
      const direction = m[i] / (1 - 0.9 ** update) / (Math.sqrt(v[i] / (1 - 0.95 ** update)) + 1e-8);
      theta[i] -= rate * (direction + 0.3 * mask[i] * theta[i]);
    }
  }
  const result = state.parameters.dataSync();
  for (let i = 0; i < theta.length; i++) expect(Math.abs(result[i] - theta[i])).toBeLessThan(1e-5);
});

it('decays matrices, and neither norms, biases nor embeddings', () => {
  const specs = parameterSpecs({
    shape: { layers: 1, width: 8, heads: 2, mlpRatio: 4 },
    context: 4,
    positions: 'learned',
    qkNorm: true,
    tiedHead: false,
    vocabulary: 7,
  });
  const adamw = new AdamW({ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.5, clipNorm: 1 }, specs);
  const start = new Float32Array(decayMask(specs).length).fill(1);
  const after = adamw.apply(adamw.start(start), tf.zeros([start.length]), 0.1, 1).parameters.dataSync();
  for (const { name, offset, size } of specs) {
    const expected = /weight$/.test(name) ? 0.95 : 1;
    for (let i = offset; i < offset + size; i++) expect(after[i]).toBeCloseTo(expected, 6);
  }
});

it('leaves no tensors behind', () => {
  const before = tf.memory().numTensors;
  const adamw = new AdamW({ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.5, clipNorm: 1 }, one(true));
  const gradient = tf.tensor1d([1]);
  const state = adamw.start(Float32Array.of(1));
  const after = adamw.apply(state, gradient, 0.1, 1);
  adamw.dispose();
  for (const { parameters, mean, square } of [state, after]) tf.dispose([parameters, mean, square]);
  gradient.dispose();
  expect(tf.memory().numTensors).toBe(before);
});

it('flatten undoes unflatten', () => {
  const specs = parameterSpecs({
    shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
    context: 4,
    positions: 'rotary',
    qkNorm: false,
    tiedHead: true,
    vocabulary: 5,
  });
  const flat = initialParameters(specs, 1);
  const parts = unflatten(tf.tensor1d(flat), specs);
  expect(parts.map(({ shape }) => shape)).toEqual(specs.map(({ shape }) => shape));
  expect(flatten(parts).dataSync()).toEqual(flat);
});
