// Layer normalisation over the last axis.
import * as tf from '@tensorflow/tfjs-core';
import { isTracing, runFused, withGradient } from '../fused.ts';

/** Added to the variance before the square root. */
export const NORM_EPSILON = 1e-5;

/** `(x − mean) / √(variance + ε) · gain + bias`, each row of `x` [rows, width] on its own; gain and bias [width]. */
export function norm(x: tf.Tensor2D, gain: tf.Tensor1D, bias: tf.Tensor1D): tf.Tensor2D {
  if (isTracing()) return fused(x, gain, bias);
  const centred = tf.sub(x, tf.mean(x, -1, true));
  const variance = tf.mean(tf.square(centred), -1, true);
  return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, NORM_EPSILON))), gain), bias);
}

function fused(x: tf.Tensor2D, gain: tf.Tensor1D, bias: tf.Tensor1D): tf.Tensor2D {
  return withGradient([x, gain, bias], () => {
    const [out, statistics] = runFused('FusedNorm', { x, gain, bias });
    return {
      value: out as tf.Tensor2D,
      saved: [statistics],
      gradient: (dOut, [statistics]) => runFused('FusedNormGradient', { dOut, x, statistics, gain }),
    };
  });
}
