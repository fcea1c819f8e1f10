// A linear map with the epilogues a transformer needs: bias, GELU, residual.
import * as tf from '@tensorflow/tfjs-core';
import { isTracing, runFused, withGradient } from '../fused.ts';
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
  if (isTracing()) return fused(x, weight, epilogue);
  let y: tf.Tensor2D = tf.matMul(x, weight, false, epilogue.transposed ?? false);
  if (epilogue.bias) y = tf.add(y, epilogue.bias);
  if (epilogue.gelu) y = gelu(y);
  if (epilogue.residual) y = tf.add(y, epilogue.residual);
  return y;
}

function fused(x: tf.Tensor2D, weight: tf.Tensor2D, epilogue: LinearEpilogue): tf.Tensor2D {
  const { bias, residual, gelu = false, transposed = false } = epilogue;
  const inputs = [x, weight, bias, residual].filter((tensor) => tensor !== undefined);
  return withGradient(inputs, () => {
    const [out, ...preactivation] = runFused('FusedLinear', { x, weight, bias, residual }, { transposed, gelu });
    return {
      value: out as tf.Tensor2D,
      saved: preactivation,
      gradient: (dOut, [preactivation]) => {
        const dProduct = gelu ? runFused('FusedGeluGradient', { preactivation, dOut })[0] : dOut;
        const gradients = runFused('FusedLinearGradient', { dOut: dProduct, x, weight }, { transposed, bias: bias !== undefined });
        return residual ? [...gradients, tf.clone(dOut)] : gradients;
      },
    };
  });
}
