// Causal multi-head attention over packed queries, keys and values.
import * as tf from '@tensorflow/tfjs-core';
import { isTracing, runFused, withGradient } from '../fused.ts';

/**
 * Softmax(q·kᵀ/√headWidth) · v, causal, every head and sequence on its own.
 * @param qkv [sequences × context, 3 × width]: queries, keys, values side by side, each split into heads.
 * @returns [sequences × context, width]
 */
export function attention(qkv: tf.Tensor2D, context: number, heads: number): tf.Tensor2D {
  if (isTracing()) return fused(qkv, context, heads);
  const width = qkv.shape[1] / 3;
  const headWidth = width / heads;
  const byHead = (part: tf.Tensor) => tf.transpose(tf.reshape(part, [-1, context, heads, headWidth]), [0, 2, 1, 3]);
  const [q, k, v] = tf.split(qkv, 3, 1).map(byHead);
  const future = tf.sub(1, tf.linalg.bandPart(tf.ones([context, context]), -1, 0));
  const scores = tf.sub(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(headWidth)), tf.mul(future, 1e9));
  return tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [-1, width]);
}

function fused(qkv: tf.Tensor2D, context: number, heads: number): tf.Tensor2D {
  return withGradient([qkv], () => {
    const [out, logSumExp] = runFused('FusedAttention', { qkv }, { context, heads });
    return {
      value: out as tf.Tensor2D,
      saved: [out, logSumExp],
      gradient: (dOut, [out, logSumExp]) => runFused('FusedAttentionGradient', { dOut, qkv, out, logSumExp }, { context, heads }),
    };
  });
}
