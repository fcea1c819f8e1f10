// A mixture of experts in place of an MLP: small MLPs side by side, of which each token's router takes k.
//
// All experts are computed for every row and those not chosen are multiplied by zero. That is exact, and at this scale
// the two wide products it takes are faster than gathering rows by expert; it costs experts/k times the arithmetic that
// the routing asks for.
import * as tf from '@tensorflow/tfjs-core';
import { linear } from '../linear/linear.ts';

/** Parameters of all experts: expert e has columns e·hidden … (e + 1)·hidden − 1 of `up` and `upBias`, the same rows of `down`. */
export interface Experts {
  /** [width, experts × hidden] */
  readonly up: tf.Tensor2D;
  /** [experts × hidden] */
  readonly upBias: tf.Tensor1D;
  /** [experts × hidden, width] */
  readonly down: tf.Tensor2D;
  /** [experts, width] */
  readonly downBias: tf.Tensor2D;
}

/**
 * residual + Σ_e gates[:, e]·(gelu(x·up_e + upBias_e)·down_e + downBias_e), for `x` and `residual` [rows, width] and
 * `gates` [rows, experts]. Returns [rows, width].
 */
export function mixture(x: tf.Tensor2D, gates: tf.Tensor2D, { up, upBias, down, downBias }: Experts, residual: tf.Tensor2D): tf.Tensor2D {
  const [rows, experts] = gates.shape;
  const hidden = linear(x, up, { bias: upBias, gelu: true });
  const gated = tf.mul(tf.reshape(hidden, [rows, experts, -1]), tf.reshape(gates, [rows, experts, 1]));
  return linear(tf.reshape(gated, [rows, -1]), down, { residual: linear(gates, downBias, { residual }) });
}
