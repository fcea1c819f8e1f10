// Cross-entropy of next-token prediction, in nats.
import * as tf from '@tensorflow/tfjs-core';
import { isTracing, runFused, withGradient } from '../fused.ts';

/** Mean over rows of −log softmax(`logits` [rows, vocabulary])[`targets` [rows] int32]: a scalar, nats per token. */
export function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  if (isTracing()) return fused(logits, targets);
  const chosen = tf.mul(tf.logSoftmax(logits), tf.cast(tf.oneHot(targets, logits.shape[1]), 'float32'));
  return tf.neg(tf.mean(tf.sum(chosen, -1)));
}

function fused(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  return withGradient([logits], () => {
    const [losses, dLogits] = runFused('FusedCrossEntropy', { logits, targets });
    return { value: tf.mean(losses), saved: [dLogits], gradient: (dOut, [dLogits]) => [tf.mul(dLogits, dOut)] };
  });
}
