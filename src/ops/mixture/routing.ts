// Which experts a token passes through, and how much each counts: top-k routing by a softmax over experts, and the loss
// that keeps the experts' loads even.
import * as tf from '@tensorflow/tfjs-core';
import { withGradient } from '../fused.ts';

/** Where tokens go. Each [rows, experts]. */
export interface Routing {
  /** softmax of the router's logits, over all experts. */
  readonly probabilities: tf.Tensor2D;
  /** 1 for the k most probable experts of the row, else 0. No gradient flows through it. */
  readonly chosen: tf.Tensor2D;
  /** Weight of each expert's output: 0 for those that are not chosen. */
  readonly gates: tf.Tensor2D;
}

/**
 * Routes each row of `logits` [rows, experts] to its `perToken` (k, 1 ≤ k ≤ experts) most probable experts; of equal ones
 * the first count. The gate of a chosen expert is, with k = 1, its probability, which gives the router its gradient
 * (Switch Transformer, Fedus et al., arXiv 2101.03961, equation 2); with k > 1 its share of the chosen experts'
 * probabilities (GShard, Lepikhin et al., arXiv 2006.16668, algorithm 1), so that gates add up to 1.
 */
export function route(logits: tf.Tensor2D, perToken: number): Routing {
  const experts = logits.shape[1];
  const probabilities: tf.Tensor2D = tf.softmax(logits);
  if (perToken >= experts) return { probabilities, chosen: tf.onesLike(logits), gates: probabilities };
  const chosen = largest(logits, perToken);
  const kept: tf.Tensor2D = tf.mul(probabilities, chosen);
  return { probabilities, chosen, gates: perToken === 1 ? kept : tf.div(kept, tf.sum(kept, 1, true)) };
}

/**
 * 1 for the `count` largest of each row of `x` [rows, columns], else 0: those that fewer than `count` others come before.
 * An equal number comes before when it stands before, so exactly `count` are chosen in rows of ordered numbers.
 */
function largest(x: tf.Tensor2D, count: number): tf.Tensor2D {
  const [rows, columns] = x.shape;
  return withGradient([x], () => {
    const [one, other] = [tf.reshape(x, [rows, columns, 1]), tf.reshape(x, [rows, 1, columns])];
    const standsBefore = Float32Array.from({ length: columns * columns }, (_, i) => +(i % columns < Math.floor(i / columns)));
    const earlierEqual = tf.logicalAnd(tf.equal(other, one), tf.cast(tf.tensor2d(standsBefore, [columns, columns]), 'bool'));
    const comesBefore = tf.cast(tf.logicalOr(tf.greater(other, one), earlierEqual), 'float32');
    const value = tf.cast<tf.Tensor2D>(tf.less(tf.sum(comesBefore, 2), count), 'float32');
    return { value, gradient: () => [tf.zerosLike(x)] };
  });
}

/**
 * How uneven the experts' loads are: experts·Σ_i f_i·P_i, with f_i the share of choices that fall on expert i and P_i its
 * mean probability; 1 when both are even, `experts` at most. Gradient flows through P alone. Form: Switch Transformer, Fedus et
 * al., arXiv 2101.03961, equations 4 to 6; f_i for k > 1: DeepSeekMoE, Dai et al., arXiv 2401.06066, equations 12 to 14.
 * f and P are taken over each sequence of `context` rows, and the result is the mean over sequences (DeepSeek-V3, arXiv
 * 2412.19437, equations 17 to 20): so it does not depend on the batch, nor on how a batch is cut into parts.
 */
export function imbalance({ probabilities, chosen }: Routing, context: number, perToken: number): tf.Scalar {
  const [rows, experts] = probabilities.shape;
  const sequences = rows / context;
  const meanOf = (x: tf.Tensor2D): tf.Tensor => tf.mean(tf.reshape(x, [sequences, context, experts]), 1);
  const products = tf.mul(meanOf(chosen), meanOf(probabilities));
  return tf.mul(tf.sum(products), experts / (perToken * sequences));
}

/** `loss` itself, but with the gradient of `loss + penalty`: what is trained for and what is reported differ by the penalty. */
export function penalised(loss: tf.Scalar, penalty: tf.Scalar): tf.Scalar {
  return withGradient([loss, penalty], () => ({ value: tf.clone(loss), gradient: (dOut) => [tf.clone(dOut), tf.clone(dOut)] }));
}
