// Token (and learned position) embedding. The gradient goes through a one-hot product, because tfjs's wasm backend
// has no UnsortedSegmentSum, which the gradient of a gather would need.
import * as tf from '@tensorflow/tfjs-core';
import { isTracing, runFused, withGradient } from '../fused.ts';

const lookUp = tf.customGrad((...args) => {
  const [table, tokens, save] = args as unknown as [tf.Tensor2D, tf.Tensor1D, tf.GradSaveFunc];
  save([tokens]);
  return {
    value: tf.gather(table, tokens),
    gradFunc: (dy: tf.Tensor, saved: tf.Tensor[]) => [
      tf.matMul(tf.cast(tf.oneHot(saved[0] as tf.Tensor1D, table.shape[0]), 'float32'), dy, true, false),
      tf.zerosLike(saved[0]),
    ],
  };
}) as (table: tf.Tensor2D, tokens: tf.Tensor1D) => tf.Tensor2D;

/**
 * Rows of `table` [vocabulary, width] for `tokens` [rows] (int32), plus `positions` [context, width] row `r mod context`
 * when given. Returns [rows, width].
 */
export function embedding(tokens: tf.Tensor1D, table: tf.Tensor2D, positions?: tf.Tensor2D): tf.Tensor2D {
  if (isTracing()) return fused(tokens, table, positions);
  const rows = lookUp(table, tokens);
  if (!positions) return rows;
  const [context, width] = positions.shape;
  return tf.reshape(tf.add(tf.reshape(rows, [-1, context, width]), positions), [-1, width]);
}

function fused(tokens: tf.Tensor1D, table: tf.Tensor2D, positions: tf.Tensor2D | undefined): tf.Tensor2D {
  const [vocabulary] = table.shape;
  const context = positions?.shape[0] ?? 0;
  return withGradient(positions ? [table, positions] : [table], () => {
    const [out] = runFused('FusedEmbedding', { tokens, table, positions });
    return { value: out as tf.Tensor2D, gradient: (dOut) => runFused('FusedEmbeddingGradient', { tokens, dOut }, { vocabulary, context }) };
  });
}
