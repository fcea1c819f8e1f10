// The traced plan of the lab's model against plain tfjs: loss, every parameter's gradient, held-out loss.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import { modelPlans, modelStep } from '../../../src/plan/model-plans.ts';
import { evaluateByInterpreter } from './interpreter.ts';
import { byTfjs, distanceToTfjs, normals, randomParameters } from './oracle.ts';

const TOLERANCE = 1e-5;

const model: ModelConfig = {
  shape: { layers: 2, width: 8, heads: 2, mlpRatio: 4 },
  context: 6,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 7,
};

const variants = [
  ...(['learned', 'rotary'] as const).flatMap((positions) =>
    [false, true].flatMap((qkNorm) => [false, true].map((tiedHead): ModelConfig => ({ ...model, positions, qkNorm, tiedHead }))),
  ),
  ...[1, 2, 4].map((perToken): ModelConfig => ({ ...model, mixture: { experts: 4, perToken, balanceCoefficient: 0.5 } })),
];

const shapes = fc.record({
  width: fc.constantFrom(8, 24, 48),
  heads: fc.constantFrom(1, 2, 3, 4),
  layers: fc.constantFrom(1, 2),
  mlpRatio: fc.constantFrom(0.5, 1.7, 4),
});
const models = fc
  .record({
    shape: shapes,
    context: fc.constantFrom(1, 17, 64),
    positions: fc.constantFrom('learned' as const, 'rotary' as const),
    qkNorm: fc.boolean(),
    tiedHead: fc.boolean(),
    vocabulary: fc.constantFrom(5, 56),
  })
  // A norm over two numbers keeps only which is larger: its gradient is all rounding.
  .filter(({ shape, qkNorm }) => shape.width % shape.heads === 0 && !(qkNorm && shape.width / shape.heads === 2));

beforeAll(async () => {
  await tf.setBackend('cpu');
});

function expectParity(config: ModelConfig, sequences: number, seed: number): void {
  const apart = distanceToTfjs(modelStep(config, sequences), config.vocabulary, seed);
  expect(apart.loss).toBeLessThan(TOLERANCE);
  const wrong = parameterSpecs(config).flatMap(({ name }, i) => (apart.gradients[i] < TOLERANCE ? [] : [[name, apart.gradients[i]]]));
  expect(wrong).toEqual([]);
}

describe('loss and gradients equal plain tfjs', () => {
  it.each(variants)('positions $positions, QK-norm $qkNorm, tied head $tiedHead, mixture $mixture', (config) => {
    expectParity(config, 2, 5);
  });

  it('in all shapes', () => {
    fc.assert(
      fc.property(models, fc.constantFrom(1, 3), fc.nat(1000), (config, sequences, seed) => {
        expectParity(config, sequences, seed);
      }),
      { numRuns: 12 },
    );
  });
});

describe('the evaluation plan', () => {
  it.each(variants)('gives the mean loss over all held-out windows, also past the last whole batch: %o', (config) => {
    const normal = normals(3);
    const windows = 5;
    const validation = Uint16Array.from({ length: windows * (config.context + 1) }, () => Math.floor(Math.abs(normal()) * 1e4) % 7);
    const step = modelStep(config, 2);
    const parameters = randomParameters(step, 4);
    const found = evaluateByInterpreter(modelPlans(config, 2).evaluation, parameters, { training: validation, dataSeed: 0, validation });
    const starts = Array.from({ length: windows }, (_, w) => w * (config.context + 1));
    const read = (shift: number) => starts.flatMap((start) => [...validation.subarray(start + shift, start + shift + config.context)]);
    const expected = byTfjs(modelStep(config, windows), parameters, read(0), read(1)).loss;
    expect(Math.abs(found / expected - 1)).toBeLessThan(TOLERANCE);
  });
});

describe('tracing', () => {
  it('leaves tfjs as it was: backend, tensors, and ops that compute', () => {
    const before = { backend: tf.getBackend(), tensors: tf.memory().numTensors };
    modelPlans({ ...model, vocabulary: 9 }, 1);
    expect({ backend: tf.getBackend(), tensors: tf.memory().numTensors }).toEqual(before);
    expect(tf.tidy(() => tf.add([1, 2], [3, 4]).arraySync())).toEqual([4, 6]);
  });
});
