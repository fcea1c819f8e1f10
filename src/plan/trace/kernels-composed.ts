// The tracing backend's kernels of tfjs ops that need no launch of their own: they are made of the others.
import * as tf from '@tensorflow/tfjs-core';
import { register, type Recorder } from './record.ts';
import { sizeOf } from './shapes.ts';

/** Constants of SELU (Klambauer et al., arXiv 1706.02515, section 2), as tfjs has them. */
const SELU_ALPHA = tf.backend_util.SELU_SCALEALPHA;
const SELU_SCALE = tf.backend_util.SELU_SCALE;

/** Registers them all; harmless when done before. */
export function registerComposedKernels(): void {
  registerActivations();
  register(tf.Softmax, (r) => {
    const [logits, axis] = [r.input('logits'), r.attribute<number>('dim')];
    const powers = r.unary('exponential', r.binary('subtract', logits, r.reduce('maximum', logits, axis, true)));
    return r.binary('divide', powers, r.reduce('sum', powers, axis, true));
  });
  register(tf.LogSoftmax, (r) => {
    const [logits, axis] = [r.input('logits'), r.attribute<number>('axis')];
    const shifted = r.binary('subtract', logits, r.reduce('maximum', logits, axis, true));
    return r.binary('subtract', shifted, r.unary('logarithm', r.reduce('sum', r.unary('exponential', shifted), axis, true)));
  });
  register(tf.Cumsum, cumulativeSum);
  register(tf._FusedMatMul, fusedMatMul);
  register(tf.All, (r) => r.reduce('minimum', r.input('x'), r.attribute('axis'), r.attribute('keepDims')));
  register(tf.Any, (r) => r.reduce('maximum', r.input('x'), r.attribute('axis'), r.attribute('keepDims')));
}

/** x·number. */
function times(r: Recorder, x: tf.TensorInfo, number: number): tf.TensorInfo {
  return r.binary('multiply', x, r.fill([], number));
}

/** max(0, x) + slope·min(0, x). */
function leaky(r: Recorder, x: tf.TensorInfo, slope: tf.TensorInfo): tf.TensorInfo {
  return r.binary('add', r.unary('relu', x), r.binary('multiply', slope, r.binary('minimum', x, r.fill([], 0))));
}

function registerActivations(): void {
  register(tf.Tan, (r) => r.binary('divide', r.unary('sine', r.input('x')), r.unary('cosine', r.input('x'))));
  register(tf.Sinh, (r) => {
    const [up, down] = [r.unary('exponential', r.input('x')), r.unary('exponential', r.unary('negate', r.input('x')))];
    return times(r, r.binary('subtract', up, down), 0.5);
  });
  register(tf.Cosh, (r) => {
    const [up, down] = [r.unary('exponential', r.input('x')), r.unary('exponential', r.unary('negate', r.input('x')))];
    return times(r, r.binary('add', up, down), 0.5);
  });
  register(tf.Relu6, (r) => r.binary('minimum', r.unary('relu', r.input('x')), r.fill([], 6)));
  register(tf.LeakyRelu, (r) => leaky(r, r.input('x'), r.fill([], r.attribute<number>('alpha'))));
  register(tf.Prelu, (r) => leaky(r, r.input('x'), r.input('alpha')));
  register(tf.Selu, (r) => {
    const x = r.input('x');
    const negative = r.unary('exponentialMinusOne', r.binary('minimum', x, r.fill([], 0)));
    return r.binary('add', times(r, r.unary('relu', x), SELU_SCALE), times(r, negative, SELU_ALPHA));
  });
  // dy where y ≥ 0, dy·(y + 1) elsewhere, y the value of ELU.
  register(tf.EluGrad, (r) => {
    const slope = r.binary('add', r.binary('minimum', r.input('y'), r.fill([], 0)), r.fill([], 1));
    return r.binary('multiply', r.input('dy'), slope);
  });
}

/** A sum over what comes before is a product with a triangle of ones. */
function cumulativeSum(r: Recorder): tf.TensorInfo {
  const x = r.input('x');
  const rank = x.shape.length;
  const axis = (r.attribute<number>('axis') + rank) % rank;
  const [exclusive, reverse] = [r.attribute<boolean>('exclusive'), r.attribute<boolean>('reverse')];
  const length = x.shape[axis];
  const counts = (from: number, to: number): boolean => (reverse ? from > to : from < to) || (from === to && !exclusive);
  const triangle = Float32Array.from({ length: length * length }, (_, i) => (counts(Math.floor(i / length), i % length) ? 1 : 0));

  const swapped = x.shape.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
  const last = axis === rank - 1 ? x : r.transpose(x, swapped);
  const rows = { ...last, shape: [sizeOf(last.shape) / length, length] };
  const sums = r.matrixProduct(rows, r.constant([length, length], triangle), false, false);
  const back = { ...sums, shape: last.shape, dtype: x.dtype };
  return axis === rank - 1 ? back : r.transpose(back, swapped);
}

/** tfjs's own fused product, which `tf.fused.matMul` runs: product, bias, activation. */
function fusedMatMul(r: Recorder): tf.TensorInfo {
  const product = r.matrixProduct(r.input('a'), r.input('b'), r.attribute('transposeA'), r.attribute('transposeB'));
  const bias = r.optional('bias');
  const out = bias ? r.binary('add', product, bias) : product;
  const activation = r.attribute<string | null>('activation') ?? 'linear';
  switch (activation) {
    case 'linear':
      return out;
    case 'relu':
    case 'elu':
    case 'sigmoid':
      return r.unary(activation, out);
    case 'relu6':
      return r.binary('minimum', r.unary('relu', out), r.fill([], 6));
    case 'leakyrelu':
      return leaky(r, out, r.fill([], r.attribute<number>('leakyreluAlpha')));
    case 'prelu':
      return leaky(r, out, r.input('preluActivationWeights'));
    default:
      throw new Error(`The activation ${activation} cannot be traced.`);
  }
}
