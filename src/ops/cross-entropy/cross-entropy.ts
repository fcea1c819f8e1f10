// Cross-entropy of next-token prediction, in nats.
import * as tf from '@tensorflow/tfjs-core';

/** Mean over rows of −log softmax(`logits` [rows, vocabulary])[`targets` [rows] int32]: a scalar, nats per token. */
export function crossEntropy(logits: tf.Tensor2D, targets: tf.Tensor1D): tf.Scalar {
  const chosen = tf.mul(tf.logSoftmax(logits), tf.cast(tf.oneHot(targets, logits.shape[1]), 'float32'));
  return tf.neg(tf.mean(tf.sum(chosen, -1)));
}
