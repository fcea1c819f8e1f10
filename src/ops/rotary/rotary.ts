// Rotary position embedding (Su et al., RoFormer, arXiv 2104.09864, section 3.2.2, eq. 34), halves convention.
import * as tf from '@tensorflow/tfjs-core';

/** Base of the geometric series of wavelengths. */
export const ROTARY_BASE = 10_000;

/** Cosines and sines [context, headWidth / 2] of `position · base^(−2i / headWidth)`. */
export function rotaryAngles(context: number, headWidth: number): { cosines: Float32Array; sines: Float32Array } {
  const half = headWidth / 2;
  const cosines = new Float32Array(context * half);
  const sines = new Float32Array(context * half);
  for (let position = 0; position < context; position++)
    for (let i = 0; i < half; i++) {
      const angle = position * ROTARY_BASE ** ((-2 * i) / headWidth);
      cosines[position * half + i] = Math.cos(angle);
      sines[position * half + i] = Math.sin(angle);
    }
  return { cosines, sines };
}

/**
 * Rotates each head of `x` [sequences × context, width] by its position: pairs are (i, i + headWidth/2).
 * Same shape as `x`. The head width must be even.
 */
export function rotary(x: tf.Tensor2D, context: number, heads: number): tf.Tensor2D {
  const width = x.shape[1];
  const headWidth = width / heads;
  const half = headWidth / 2;
  const { cosines, sines } = rotaryAngles(context, headWidth);
  const cos = tf.tensor(cosines, [context, 1, half]);
  const sin = tf.tensor(sines, [context, 1, half]);
  const [first, second] = tf.split(tf.reshape(x, [-1, context, heads, headWidth]), 2, 3);
  const turned = tf.concat([tf.sub(tf.mul(first, cos), tf.mul(second, sin)), tf.add(tf.mul(second, cos), tf.mul(first, sin))], 3);
  return tf.reshape(turned, [-1, width]);
}
