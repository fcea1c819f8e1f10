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

/** What a fused op's forward pass leaves behind. */
export interface FusedForward<T extends tf.Tensor> {
  readonly value: T;
  /** Tensors that the gradient reads besides the op's inputs. tfjs disposes everything else that the forward pass made. */
  readonly saved?: readonly tf.Tensor[];
  /** The gradients of the op's inputs, in their order, given that of its value and what was saved. */
  readonly gradient: (dOut: T, saved: tf.Tensor[]) => tf.Tensor[];
}

/**
 * An op with a gradient of its own.
 * @param inputs what gradients flow to
 */
export function withGradient<T extends tf.Tensor>(inputs: readonly tf.Tensor[], forward: () => FusedForward<T>): T {
  const op = tf.customGrad<T>((...given: (tf.Tensor | tf.GradSaveFunc)[]) => {
    const { value, saved = [], gradient } = forward();
    (given.at(-1) as tf.GradSaveFunc)([...saved]);
    return { value, gradFunc: (dOut: tf.Tensor, kept: tf.Tensor[]) => gradient(dOut as T, kept) };
  });
  return op(...inputs);
}
