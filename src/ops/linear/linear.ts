// A linear map with the epilogues a transformer needs: bias, GELU, residual.
import * as tf from '@tensorflow/tfjs-core';
import { gelu } from '../gelu/gelu.ts';

/** What follows the product, in this order: add `bias` [outputs], apply GELU, add `residual` [rows, outputs]. */
export interface LinearEpilogue {
  readonly bias?: tf.Tensor1D;
  readonly gelu?: boolean;
  readonly residual?: tf.Tensor2D;
  /** The weight is stored as [outputs, inputs] (a head tied to the embedding). */
  readonly transposed?: boolean;
}

/** `x` [rows, inputs] · `weight` [inputs, outputs], then the epilogue. Returns [rows, outputs]. */
export function linear(x: tf.Tensor2D, weight: tf.Tensor2D, epilogue: LinearEpilogue = {}): tf.Tensor2D {
  let y: tf.Tensor2D = tf.matMul(x, weight, false, epilogue.transposed ?? false);
  if (epilogue.bias) y = tf.add(y, epilogue.bias);
  if (epilogue.gelu) y = gelu(y);
  if (epilogue.residual) y = tf.add(y, epilogue.residual);
  return y;
}
