// GELU in its tanh form (Hendrycks & Gimpel, arXiv 1606.08415, section 2), written with a sigmoid:
// ½x(1 + tanh u) = x·σ(2u), which is the same function and does not overflow.
import * as tf from '@tensorflow/tfjs-core';

/** 2·√(2/π). */
export const GELU_SCALE = 1.5957691216057308;
/** Weight of the cubic term. */
export const GELU_CUBIC = 0.044715;

/** `x·σ(2√(2/π)(x + 0.044715x³))`, elementwise. */
export function gelu<T extends tf.Tensor>(x: T): T {
  const inner = tf.mul(GELU_SCALE, tf.add(x, tf.mul(GELU_CUBIC, tf.mul(x, tf.square(x)))));
  return tf.mul(x, tf.sigmoid(inner));
}
