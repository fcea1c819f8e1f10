// Each tfjs op that a model may be written in, traced, against plain tfjs: value and gradient.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { binaryOperations, unaryOperations } from '../../../src/plan/launches.ts';
import { traceTraining, type StepDefinition } from '../../../src/plan/trace/trace.ts';
import { distanceToTfjs, stepOf } from './oracle.ts';

const TOLERANCE = 1e-5;

beforeAll(async () => {
  await tf.setBackend('cpu');
});

/** One op between a parameter and the loss: its value weighted by what differs for each word, so that no gradient is alike. */
function weighted(y: tf.Tensor): tf.Scalar {
  const weights = tf.tensor(
    Array.from({ length: y.size }, (_, i) => 1 + Math.sin(3 * i)),
    y.shape,
  );
  return tf.add(tf.sum(tf.mul(y, weights)), 1);
}

function expectOp(
  shapes: readonly (readonly number[])[],
  op: (...x: tf.Tensor[]) => tf.Tensor,
  inside: (x: tf.Tensor) => tf.Tensor = (x) => x,
) {
  for (const seed of [1, 2]) {
    const apart = distanceToTfjs(
      stepOf(shapes, 1, 1, (parameters) => weighted(op(...parameters.map(inside)))),
      2,
      seed,
    );
    expect(apart.loss).toBeLessThan(TOLERANCE);
    expect(Math.max(...apart.gradients)).toBeLessThan(TOLERANCE);
  }
}

const positive = (x: tf.Tensor): tf.Tensor => tf.add(tf.square(x), 0.3);

const smooth: Record<string, (x: tf.Tensor) => tf.Tensor> = {
  ...{ abs: tf.abs, neg: tf.neg, square: tf.square, exp: tf.exp, expm1: tf.expm1, sin: tf.sin, cos: tf.cos, tan: tf.tan },
  ...{ sinh: tf.sinh, cosh: tf.cosh, tanh: tf.tanh, sigmoid: tf.sigmoid, softplus: tf.softplus, erf: tf.erf, relu: tf.relu },
  ...{ relu6: tf.relu6, elu: tf.elu, selu: tf.selu, reciprocal: tf.reciprocal, sign: tf.sign, floor: tf.floor, ceil: tf.ceil },
  ...{ round: tf.round, step: (x: tf.Tensor) => tf.step(x), leakyRelu: (x: tf.Tensor) => tf.leakyRelu(x, 0.3), logSigmoid: tf.logSigmoid },
  ...{ clipByValue: (x: tf.Tensor) => tf.clipByValue(x, -0.2, 0.4), cast: (x: tf.Tensor) => tf.cast(tf.mul(x, 9), 'int32') },
};
/** Ops whose gradient tfjs gives as zero. */
const flat = new Set(['sign', 'floor', 'ceil', 'round', 'step', 'cast']);
const ofPositive = { sqrt: tf.sqrt, rsqrt: tf.rsqrt, log: tf.log, log1p: tf.log1p };

describe('ops of one tensor', () => {
  it.each(Object.entries(smooth))('%s', (name, op) => {
    // Something that has a gradient goes along where the op itself has none.
    expectOp([[3, 5]], (x) => (flat.has(name) ? tf.add(tf.cast(op(x), 'float32'), tf.mul(x, 0.1)) : op(x)));
  });

  it.each(Object.entries(ofPositive))('%s', (_, op) => {
    expectOp([[3, 5]], (x: tf.Tensor) => op(x), positive);
  });
});

const two: Record<string, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
  ...{ add: tf.add, sub: tf.sub, mul: tf.mul, div: tf.div, pow: tf.pow, maximum: tf.maximum, minimum: tf.minimum, mod: tf.mod },
  ...{ squaredDifference: tf.squaredDifference, prelu: (a: tf.Tensor, b: tf.Tensor) => tf.prelu(tf.sub(a, 1), b) },
  floorDiv: (a, b) => tf.add(tf.floorDiv(tf.mul(a, 7), b), tf.add(a, b)),
  where: (a, b) => tf.where(tf.greater(tf.range(0, 5), 2), a, b),
  ...Object.fromEntries(
    [tf.equal, tf.notEqual, tf.less, tf.lessEqual, tf.greater, tf.greaterEqual].map((compare) => [
      compare.name,
      (a: tf.Tensor, b: tf.Tensor) => tf.add(tf.mul(tf.cast(compare(tf.range(0, 5), 2), 'float32'), a), b),
    ]),
  ),
};

/** Ops whose gradient in tfjs does not undo a broadcast. */
const sameShape = new Set(['maximum', 'minimum', 'squaredDifference']);

describe('ops of two tensors, which broadcast', () => {
  const rows = [[4, 5], [5]];
  const outer = [
    [2, 1, 5],
    [3, 1],
  ];
  const same = [
    [4, 5],
    [4, 5],
  ];
  it.each(Object.entries(two))('%s', (name, op) => {
    for (const shapes of sameShape.has(name) ? [same] : name === 'prelu' ? [same, rows] : [same, rows, outer])
      expectOp(shapes, op, positive);
  });
});

/** A constant that differs from word to word: 0.5, 1, 1.5 … */
const numbers = (...shape: number[]): tf.Tensor => tf.reshape(tf.range(0.5, 0.5 * (tf.util.sizeFromShape(shape) + 1), 0.5), shape);

describe('ops that move, sum and multiply', () => {
  const cases: Record<string, [shapes: number[][], op: (...x: tf.Tensor[]) => tf.Tensor]> = {
    'transpose of all axes': [[[2, 3, 4, 5]], (x) => tf.transpose(x, [3, 1, 0, 2])],
    'reshape to and from': [[[2, 3, 4]], (x) => tf.reshape(tf.transpose(tf.reshape(x, [6, -1])), [4, 3, 2])],
    'expandDims and squeeze': [[[2, 3]], (x) => tf.squeeze(tf.expandDims(x, -1), [2])],
    slice: [[[4, 5, 3]], (x) => tf.slice(x, [1, 2, 0], [2, -1, 2])],
    'split in unequal parts': [[[4, 6]], (x) => tf.add(tf.mul(tf.split(x, [1, 3, 2], 1)[1], 2), tf.split(x, 2, 1)[0])],
    concat: [
      [
        [2, 3],
        [2, 1],
        [2, 4],
      ].map((shape) => shape),
      (a, b, c) => tf.concat([a, b, c], -1),
    ],
    'stack and unstack': [
      [
        [2, 3],
        [2, 3],
      ],
      (a, b) => tf.unstack(tf.stack([a, tf.square(b)], 1), 2)[1],
    ],
    pad: [
      [[2, 3]],
      (x) =>
        tf.pad(x, [
          [1, 0],
          [2, 1],
        ]),
    ],
    tile: [[[2, 3]], (x) => tf.tile(x, [2, 3])],
    broadcastTo: [[[3, 1]], (x) => tf.broadcastTo(x, [2, 3, 4])],
    reverse: [[[2, 3, 4]], (x) => tf.reverse(x, [0, 2])],
    'sum over inner axes': [[[2, 3, 4]], (x) => tf.sum(tf.square(x), [0, 2])],
    'mean over the first': [[[2, 3, 4]], (x) => tf.mean(tf.square(x), 0, true)],
    'mean of all': [[[2, 3]], (x) => tf.mean(tf.square(x))],
    max: [[[3, 4]], (x) => tf.max(x, 1)],
    min: [[[3, 4]], (x) => tf.min(x, 0)],
    'prod, which has no gradient': [[[3]], (x) => tf.mul(x, tf.prod(numbers(3, 4), 1))],
    'all and any, which have no gradient': [
      [[4]],
      (x) => {
        const [all, any] = [tf.all(tf.less(numbers(3, 4), 2), 0), tf.any(tf.equal(numbers(3, 4), 1.5), 0)];
        return tf.mul(x, tf.add(tf.cast(all, 'float32'), tf.mul(2, tf.cast(any, 'float32'))));
      },
    ],
    cumsum: [[[3, 4]], (x) => tf.cumsum(x, 1)],
    'cumsum over an inner axis, whose gradient in tfjs is wrong': [[[3, 4, 2]], (x) => tf.mul(x, tf.cumsum(numbers(3, 4, 2), 1))],
    'cumsum, exclusive, from the end': [[[3, 4]], (x) => tf.cumsum(x, 1, true, true)],
    softmax: [[[3, 4]], (x) => tf.softmax(x)],
    logSoftmax: [[[3, 4]], (x) => tf.logSoftmax(x)],
    logSumExp: [[[3, 4]], (x) => tf.logSumExp(x, 1)],
    moments: [[[3, 4]], (x) => tf.moments(x, 1).variance],
    'matMul, plain': [
      [
        [3, 4],
        [4, 5],
      ],
      (a, b) => tf.matMul(a, b),
    ],
    'matMul, both transposed': [
      [
        [4, 3],
        [5, 4],
      ],
      (a, b) => tf.matMul(a, b, true, true),
    ],
    'matMul, batches': [
      [
        [2, 3, 4],
        [2, 5, 4],
      ],
      (a, b) => tf.matMul(a, b, false, true),
    ],
    'matMul, fused by tfjs': [[[3, 4], [4, 5], [5]], (a, b, bias) => tf.fused.matMul({ a: a, b: b, bias, activation: 'relu' })],
    dot: [[[3], [3]], (a, b) => tf.dot(a, b)],
    'gather of rows, some twice': [[[4, 3]], (x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32'))],
    'gather along an inner axis': [[[2, 4, 3]], (x) => tf.gather(x, tf.tensor1d([3, 1, 1], 'int32'), 1)],
    addN: [
      [
        [2, 3],
        [2, 3],
        [2, 3],
      ],
      (a, b, c) => tf.addN([a, tf.square(b), c]),
    ],
    'a norm of Euclid': [[[3, 4]], (x) => tf.norm(x, 2, 1)],
    'a tensor and itself': [[[3, 3]], (x) => tf.add(tf.matMul(x, x), tf.mul(x, tf.transpose(x)))],
  };

  it.each(Object.entries(cases))('%s', (_, [shapes, op]) => {
    expectOp(shapes, op);
  });
});

describe('the kernels', () => {
  it('cover all operations that launches have', () => {
    const used = new Set<string>();
    const operations = (step: StepDefinition) => {
      for (const launch of [...traceTraining(step).launches, ...traceTraining(step).setup])
        if (launch.kind === 'unary' || launch.kind === 'binary') used.add(launch.operation);
    };
    for (const [name, op] of Object.entries({ ...smooth, ...ofPositive }))
      operations(stepOf([[2]], 1, 1, ([x]) => weighted(tf.add(tf.cast(op(flat.has(name) ? tf.square(x) : x), 'float32'), x))));
    for (const op of Object.values(two)) operations(stepOf([[5], [5]], 1, 1, ([a, b]) => weighted(op(a, b))));
    const logic = stepOf([[3]], 1, 1, ([x], tokens) => {
      const either = tf.logicalOr(tf.logicalAnd(tf.equal(tokens, 1), tf.less(tokens, 3)), tf.logicalNot(tf.greater(tokens, 2)));
      return weighted(tf.mul(x, tf.add(tf.cast(either, 'float32'), 1)));
    });
    operations(logic);
    const unused = [...unaryOperations, ...binaryOperations].filter((operation) => !used.has(operation) && operation !== 'geluGradient');
    expect(unused).toEqual([]);
  });
});
