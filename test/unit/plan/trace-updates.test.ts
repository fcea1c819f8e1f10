// Whole training steps of the traced plan against the reference: plain tfjs gradients of the full batch, and the
// optimizer of src/training/adamw.ts.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { batchWindows, windowCount } from '../../../src/data/order.ts';
import { parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import type { LaneSettings, TokenSource } from '../../../src/plan/executor.ts';
import { modelPlans, modelStep } from '../../../src/plan/model-plans.ts';
import { AdamW, type AdamWConfig } from '../../../src/training/adamw.ts';
import { InterpretedLane } from './interpreter.ts';
import { byTfjs, randomParameters, randomSource } from './oracle.ts';

const model: ModelConfig = {
  shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
  context: 5,
  positions: 'learned',
  qkNorm: false,
  tiedHead: true,
  vocabulary: 11,
};
const UPDATES = 6;

// An ε that matters beside √v, so that its place in the formula shows and gradients of pure rounding move nothing.
const settings: AdamWConfig = { beta1: 0.9, beta2: 0.95, epsilon: 1e-4, weightDecay: 0.1, clipNorm: 0.5 };
const learningRate = (update: number): number => 0.01 / (1 + update);

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** The reference: batches of `sequences` at once. */
function byReference(config: AdamWConfig, start: Float32Array, source: TokenSource, sequences: number) {
  const step = modelStep(model, sequences);
  const optimizer = new AdamW(config, parameterSpecs(model));
  const windows = windowCount(source.training.length, model.context);
  const losses: number[] = [];
  let state = optimizer.start(start);
  for (let update = 0; update < UPDATES; update++) {
    const starts = [...batchWindows(update, sequences, windows, source.dataSeed)].map((window) => window * model.context);
    const read = (shift: number) => starts.flatMap((at) => [...source.training.subarray(at + shift, at + shift + model.context)]);
    const { loss, gradients } = byTfjs(step, state.parameters.dataSync() as Float32Array, read(0), read(1));
    losses.push(loss);
    const gradient = tf.tensor1d(Float32Array.from(gradients.flatMap((part) => [...part])));
    const next = optimizer.apply(state, gradient, learningRate(update), update + 1);
    tf.dispose([gradient, { ...state }]);
    state = next;
  }
  const result = { losses, parameters: state.parameters.dataSync(), mean: state.mean.dataSync(), square: state.square.dataSync() };
  tf.dispose({ ...state });
  optimizer.dispose();
  return result;
}

const largest = (words: number[]): number => words.reduce((most, word) => Math.max(most, Math.abs(word)), 0);
/** The largest difference over the largest of what it should be. */
const apart = (found: ArrayLike<number>, expected: ArrayLike<number>): number =>
  largest(Array.from(expected, (word, i) => word - found[i])) / largest(Array.from(expected));

function lane(own: Partial<LaneSettings>, start: Float32Array, source: TokenSource, sequences: number): InterpretedLane {
  const all: LaneSettings = { ...settings, parameters: start, microBatches: 1, updates: UPDATES, learningRate, ...own };
  return new InterpretedLane(modelPlans(model, sequences).training, all, source);
}

// More windows than one pass holds are asked for, so that the order starts again with another permutation.
const source = randomSource(11 * model.context, model.vocabulary, 2);
const start = randomParameters(modelStep(model, 1), 1);

describe.each([
  { name: 'clipping, decay', own: {} },
  { name: 'no clipping', own: { clipNorm: 0 } },
  { name: 'a clip norm that is never reached', own: { clipNorm: 1e3 } },
  { name: 'no decay, other betas', own: { weightDecay: 0, beta1: 0, beta2: 0.999 } },
])('$name', ({ own }) => {
  it.each([
    { sequences: 4, microBatches: 1 },
    { sequences: 2, microBatches: 2 },
    { sequences: 1, microBatches: 4 },
  ])('$microBatches micro-batches of $sequences sequences equal the batch of 4 at once', ({ sequences, microBatches }) => {
    const found = lane({ ...own, microBatches }, start, source, sequences);
    found.train(UPDATES);
    const expected = byReference({ ...settings, ...own }, start, source, 4);
    expect(apart(found.losses, expected.losses)).toBeLessThan(1e-5);
    const { parameters, mean, square } = found.memory;
    const moved = (end: ArrayLike<number>) => Array.from(start, (word, i) => end[i] - word);
    expect(apart(moved(parameters), moved(expected.parameters))).toBeLessThan(1e-4);
    expect(apart(mean, expected.mean)).toBeLessThan(1e-4);
    expect(apart(square, expected.square)).toBeLessThan(1e-4);
  });
});

describe('weight decay', () => {
  it('applies to matrices alone: not to norms, biases or embeddings', () => {
    const adamw = modelPlans(model, 1).training.launches.find((launch) => launch.kind === 'adamw');
    const decayed = new Set(adamw?.decayed.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)));
    for (const { offset, size, decays } of parameterSpecs(model))
      for (let i = offset; i < offset + size; i++) expect(decayed.has(i)).toBe(decays);
  });
});
