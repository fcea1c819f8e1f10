// The model as a whole: every variant trains all its parameters, starts at the loss of a uniform guess, and never
// looks ahead.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { logits, loss } from '../../../src/model/gpt.ts';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';

const dense: ModelConfig[] = (['learned', 'rotary'] as const).flatMap((positions) =>
  [false, true].flatMap((qkNorm) =>
    [false, true].map((tiedHead) => ({
      shape: { layers: 2, width: 16, heads: 2, mlpRatio: 4 },
      context: 8,
      positions,
      qkNorm,
      tiedHead,
      vocabulary: 11,
    })),
  ),
);
const variants = [...dense, ...[1, 2, 4].map((perToken) => ({ ...dense[0], mixture: { experts: 4, perToken, balanceCoefficient: 0.1 } }))];

const variables = (model: ModelConfig, seed = 0): { list: tf.Variable[]; named: Record<string, tf.Variable> } => {
  const specs = parameterSpecs(model);
  const flat = initialParameters(specs, seed);
  const list = specs.map((spec) => tf.variable(tf.tensor(flat.slice(spec.offset, spec.offset + spec.size), [...spec.shape])));
  return { list, named: Object.fromEntries(specs.map((spec, i) => [spec.name, list[i]])) };
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(variants)('positions $positions, QK-norm $qkNorm, tied head $tiedHead, mixture $mixture', (model) => {
  const tokens = Array.from({ length: 16 }, (_, i) => (i * 7) % 11);
  const targets = Array.from({ length: 16 }, (_, i) => (i * 7 + 7) % 11);

  it('starts near the loss of a uniform guess and gives every parameter a gradient', () => {
    const { list, named } = variables(model);
    const { value, grads } = tf.variableGrads(() => loss(model, named, tf.tensor1d(tokens, 'int32'), tf.tensor1d(targets, 'int32')), list);
    expect(value.dataSync()[0]).toBeCloseTo(Math.log(11), 1);
    expect(Object.keys(grads)).toHaveLength(list.length);
    for (const gradient of Object.values(grads)) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
  });

  it('does not look ahead: a later token leaves earlier logits as they were', () => {
    const { named } = variables(model, 1);
    const changed = [...tokens];
    changed[5] = (changed[5] + 3) % 11;
    const before = logits(model, named, tf.tensor1d(tokens, 'int32')).arraySync();
    const after = logits(model, named, tf.tensor1d(changed, 'int32')).arraySync();
    expect(after.slice(0, 5)).toEqual(before.slice(0, 5));
    expect(after[5]).not.toEqual(before[5]);
    expect(after.slice(8)).toEqual(before.slice(8));
  });
});
