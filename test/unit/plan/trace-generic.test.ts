// Models that use no fused op trace through the generic launches alone; what cannot be traced is said.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { FusedLaunch } from '../../../src/plan/launches.ts';
import { traceEvaluation, traceTraining, type StepDefinition } from '../../../src/plan/trace/trace.ts';
import { problemsOf } from './layout-check.ts';
import { distanceToTfjs, stepOf } from './oracle.ts';

const TOLERANCE = 1e-5;

const fusedKinds: FusedLaunch['kind'][] = [
  'embedding',
  'embeddingGradient',
  'norm',
  'normGradient',
  'linear',
  'linearGradient',
  'attention',
  'attentionGradient',
  'crossEntropy',
];

beforeAll(async () => {
  await tf.setBackend('cpu');
});

interface Sizes {
  sequences: number;
  context: number;
  width: number;
  heads: number;
  vocabulary: number;
}

/**
 * A model that is nobody's: RMS norm, squared-ReLU and gated MLP, attention with a decay by distance and a learned
 * temperature, a causal moving average of the stream, logits capped by tanh, a loss with a penalty on its logarithm of
 * the sum. Everything in ops of tfjs.
 */
function stranger({ sequences, context, width, heads, vocabulary }: Sizes): StepDefinition {
  const headWidth = width / heads;
  const shapes = [
    [vocabulary, width],
    [width, 3 * width],
    [heads],
    [width, width],
    [width],
    [2 * width, width],
    [width, 2 * width],
    [width],
  ];
  const rootMeanSquare = (x: tf.Tensor, gain: tf.Tensor) =>
    tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), 1e-3))), tf.add(1, gain));
  return stepOf(shapes, sequences, context, (parameters, tokens, targets) => {
    const [table, qkvWeight, temperatures, outputWeight, gain, upWeight, downWeight, mix] = parameters;
    const embedded = tf.reshape(tf.gather(table, tokens), [sequences, context, width]);
    const before = tf.concat([tf.zeros([sequences, 1, width]), tf.slice(embedded, [0, 0, 0], [-1, context - 1, -1])], 1);
    let stream = tf.add(embedded, tf.mul(tf.sigmoid(mix), before));

    const qkv = tf.matMul(tf.reshape(rootMeanSquare(stream, gain), [-1, width]), qkvWeight);
    const [q, k, v] = tf.unstack(tf.transpose(tf.reshape(qkv, [sequences, context, 3, heads, headWidth]), [2, 0, 3, 1, 4]));
    const distances = tf.sub(tf.reshape(tf.range(0, context), [-1, 1]), tf.range(0, context));
    const bias = tf.where(tf.greaterEqual(distances, 0), tf.mul(distances, -0.1), tf.fill([context, context], -1e9));
    const scores = tf.mul(tf.matMul(q, k, false, true), tf.reshape(tf.softplus(temperatures), [heads, 1, 1]));
    const shifted = tf.add(scores, bias);
    const powers = tf.exp(tf.sub(shifted, tf.max(shifted, -1, true)));
    const weights = tf.div(powers, tf.sum(powers, -1, true));
    const mixed = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [-1, width]);
    stream = tf.add(stream, tf.reshape(tf.matMul(mixed as tf.Tensor2D, outputWeight as tf.Tensor2D), [sequences, context, width]));

    const [gate, up] = tf.split(tf.matMul(tf.reshape(stream, [-1, width]), upWeight as tf.Tensor2D, false, true), 2, 1);
    const hidden = tf.mul(tf.pow(tf.relu(gate), 2), tf.tanh(up));
    const down = tf.matMul(tf.concat([hidden, tf.reverse(hidden, 1)], 1), downWeight, false, true);
    const last = tf.add(tf.reshape(stream, [-1, width]), down);

    const logits = tf.mul(4, tf.tanh(tf.div(tf.matMul(last, table as tf.Tensor2D, false, true), 4)));
    const logSum = tf.logSumExp(logits, 1);
    const chosen = tf.sum(tf.mul(logits, tf.oneHot(targets, vocabulary)), 1);
    return tf.mean(tf.add(tf.sub(logSum, chosen), tf.mul(0.01, tf.square(logSum))));
  });
}

describe('a model that uses no fused op', () => {
  const sizes = fc.record({
    sequences: fc.constantFrom(1, 3),
    context: fc.constantFrom(2, 5, 16),
    width: fc.constantFrom(6, 12),
    heads: fc.constantFrom(1, 2, 3),
    vocabulary: fc.constantFrom(5, 11),
  });

  it('traces, and its loss and gradients equal plain tfjs', () => {
    fc.assert(
      fc.property(sizes, fc.nat(1000), (size, seed) => {
        const apart = distanceToTfjs(stranger(size), size.vocabulary, seed);
        expect(apart.loss).toBeLessThan(TOLERANCE);
        expect(Math.max(...apart.gradients)).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 10 },
    );
  });

  it('needs no fused launch, and does once what depends on constants alone', () => {
    const plan = traceTraining(stranger({ sequences: 2, context: 8, width: 12, heads: 2, vocabulary: 7 }));
    expect(plan.launches.filter(({ kind }) => (fusedKinds as string[]).includes(kind))).toEqual([]);
    expect(plan.setup.length).toBeGreaterThan(0);
    expect(plan.perRow).toBe(true);
    expect(problemsOf(plan)).toEqual([]);
  });
});

describe('tokens as numbers', () => {
  it('are converted before anything is computed with them', () => {
    const step = stepOf([[4]], 3, 5, ([x], tokens, targets) => {
      const even = tf.cast(tf.equal(tf.mod(tokens, 2), 0), 'float32');
      const both = tf.add(tf.cast(tokens, 'float32'), tf.slice(tf.concat([targets, tokens]), 2, 15));
      return tf.mean(tf.mul(tf.add(even, tf.sqrt(tf.cast(both, 'float32'))), tf.gather(x, tf.cast(tf.minimum(targets, 3), 'int32'))));
    });
    const apart = distanceToTfjs(step, 9, 3);
    expect(apart.loss).toBeLessThan(TOLERANCE);
    expect(apart.gradients[0]).toBeLessThan(TOLERANCE);
  });

  it('choose by one-hot without a launch between', () => {
    const step = stepOf([[7]], 2, 3, ([x], tokens) => tf.mean(tf.mul(tf.oneHot(tokens, 7), x)));
    const [oneHot] = traceTraining(step).launches.filter(({ kind }) => kind === 'oneHot');
    expect(oneHot.reads).toMatchObject({ indices: { region: 'tokens' } });
    expect(distanceToTfjs(step, 7, 1).gradients[0]).toBeLessThan(TOLERANCE);
  });
});

describe('what cannot be traced', () => {
  const only = (loss: StepDefinition['loss']) => stepOf([[2, 2]], 1, 2, loss);

  it('is named in one sentence', () => {
    expect(() => traceTraining(only(([x]) => tf.sum(tf.atan(x))))).toThrow('The op Atan cannot be traced: no launch computes it.');
    expect(() => traceTraining(only(([x]) => tf.sum(tf.einsum('ij,jk->ik', x, x))))).toThrow('The op Einsum cannot be traced');
    expect(() => traceTraining(only(([x]) => tf.sum(tf.mul(x, x.dataSync()[0]))))).toThrow('cannot read the values of its tensors');
    expect(() => traceTraining(only(([x]) => tf.square(x) as tf.Scalar))).toThrow('The loss must be one number, but has shape [2,2].');
    expect(() => traceEvaluation(only(([x]) => tf.square(x) as tf.Scalar))).toThrow('The loss must be one number');
    expect(() => traceTraining(only(() => tf.scalar(1)))).toThrow('The loss does not depend on the parameter 0.');
    expect(() => traceTraining(only(([x]) => tf.sum(tf.cast(tf.greater(x, 0), 'float32'))))).toThrow('The op Greater has no gradient');
    expect(() =>
      traceTraining(
        only(([x]) =>
          tf.sum(
            tf.pad(
              x,
              [
                [1, 1],
                [0, 0],
              ],
              3,
            ),
          ),
        ),
      ),
    ).toThrow('Padding with anything but zero');
    expect(() => traceTraining(only(([x]) => tf.sum(tf.slice(x, [0, 0], [0, 2]))))).toThrow('cannot have empty tensors');
  });

  it('a tensor of another backend: constants are made inside the loss', () => {
    const outside = tf.tensor([1, 2]);
    expect(() => traceTraining(only(([x]) => tf.sum(tf.mul(x, outside))))).toThrow('cannot use a tensor that was made before');
    outside.dispose();
  });

  it('a reading of values later on', async () => {
    let late: Promise<unknown> = Promise.resolve();
    traceTraining(
      only(([x]) => {
        late = x.data();
        return tf.sum(x);
      }),
    );
    await expect(late).rejects.toThrow('cannot read the values of its tensors');
  });

  it('leaves tfjs as it was', () => {
    expect(() => traceTraining(only(([x]) => tf.sum(tf.atan(x))))).toThrow();
    expect(tf.getBackend()).toBe('cpu');
    expect(tf.tidy(() => tf.add([1], [2]).arraySync())).toEqual([3]);
    expect(traceTraining(only(([x]) => tf.sum(x))).launches.length).toBeGreaterThan(0);
  });
});
