// How an op becomes one launch: under the tracing backend (src/plan/trace/) an op records a single fused node, forward
// and backward, in place of the tfjs ops it is defined by. On every other backend the definition itself runs.
import * as tf from '@tensorflow/tfjs-core';

/** Name of the tfjs backend that records. */
export const TRACE_BACKEND = 'trace';

/** Names of the fused nodes, as tfjs kernels of the tracing backend. */
export type FusedKernel =
  | 'FusedEmbedding'
  | 'FusedEmbeddingGradient'
  | 'FusedNorm'
  | 'FusedNormGradient'
  | 'FusedLinear'
  | 'FusedLinearGradient'
  | 'FusedGeluGradient'
  | 'FusedAttention'
  | 'FusedAttentionGradient'
  | 'FusedCrossEntropy';

/** Ops are being recorded, not computed. */
export function isTracing(): boolean {
  return tf.getBackend() === TRACE_BACKEND;
}

/** Records one fused node. Inputs that are undefined are left out. Returns its outputs, in the order the kernel gives them. */
export function runFused(
  kernel: FusedKernel,
  inputs: Readonly<Record<string, tf.Tensor | undefined>>,
  attributes: Readonly<Record<string, number | boolean>> = {},
): tf.Tensor[] {
  const given = Object.fromEntries(Object.entries(inputs).filter(([, tensor]) => tensor !== undefined)) as tf.NamedTensorMap;
  return tf.engine().runKernel<tf.Tensor[]>(kernel, given, { ...attributes });
}

/**
 * An op with a gradient of its own.
 * @param inputs what gradients flow to
 * @param forward its value, and the gradients of `inputs` (in their order) given that of the value
 */
export function withGradient<T extends tf.Tensor>(
  inputs: readonly tf.Tensor[],
  forward: () => { readonly value: T; readonly gradient: (dOut: T) => tf.Tensor[] },
): T {
  const op = tf.customGrad(() => {
    const { value, gradient } = forward();
    return { value, gradFunc: (dOut: tf.Tensor) => gradient(dOut as T) };
  }) as (...inputs: tf.Tensor[]) => T;
  return op(...inputs);
}
