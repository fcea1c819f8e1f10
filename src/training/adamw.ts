// AdamW (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2) with clipping by the global norm, over one flat vector of
// all parameters. Plain tfjs ops: it is what the reference trainer runs, and the definition that any fused kernel of
// the same update is tested against.
import * as tf from '@tensorflow/tfjs-core';
import type { RunConfig } from '../config/run.ts';
import { parameterLength, type ParameterSpec } from '../model/parameters.ts';

/** The settings of a run that its optimizer reads. */
export type AdamWConfig = Pick<RunConfig, 'beta1' | 'beta2' | 'epsilon' | 'weightDecay' | 'clipNorm'>;

/** Parameters and optimizer state, each [parameters] float32. */
export interface AdamWState {
  readonly parameters: tf.Tensor1D;
  /** m: moving average of the clipped gradient. */
  readonly mean: tf.Tensor1D;
  /** v: moving average of its square. */
  readonly square: tf.Tensor1D;
}

/** 1 where weight decay applies, else 0: one float per parameter, in the order of `specs`. */
export function decayMask(specs: readonly ParameterSpec[]): Float32Array {
  const mask = new Float32Array(parameterLength(specs));
  for (const { decays, offset, size } of specs) if (decays) mask.fill(1, offset, offset + size);
  return mask;
}

/**
 * One run's optimizer. Its constants are uploaded once, because a scalar made inside the step costs an upload each.
 * Call {@link dispose} at the end.
 */
export class AdamW {
  readonly #config: AdamWConfig;
  readonly #constants: {
    readonly beta1: tf.Scalar;
    readonly beta2: tf.Scalar;
    readonly rest1: tf.Scalar;
    readonly rest2: tf.Scalar;
    readonly epsilon: tf.Scalar;
    readonly clipNorm: tf.Scalar;
  };
  /** λ·mask, or nothing where nothing decays. */
  readonly #decay: tf.Tensor1D | undefined;

  constructor(config: AdamWConfig, specs: readonly ParameterSpec[]) {
    this.#config = config;
    const { beta1, beta2, epsilon, clipNorm, weightDecay } = config;
    this.#constants = {
      beta1: tf.scalar(beta1),
      beta2: tf.scalar(beta2),
      rest1: tf.scalar(1 - beta1),
      rest2: tf.scalar(1 - beta2),
      epsilon: tf.scalar(epsilon),
      clipNorm: tf.scalar(clipNorm),
    };
    if (weightDecay > 0) this.#decay = tf.tensor1d(decayMask(specs).map((decays) => decays * weightDecay));
  }

  /** A state at the start of a run: the given parameters, both averages zero. */
  start(parameters: Float32Array): AdamWState {
    return {
      parameters: tf.tensor1d(parameters, 'float32'),
      mean: tf.zeros([parameters.length]),
      square: tf.zeros([parameters.length]),
    };
  }

  /**
   * The state after update number `update` (1 for the first) with gradient ∇ of the batch's mean loss, in this order:
   *
   *     g = ∇ · c / max(‖∇‖₂, c)          c = clipNorm, over all parameters together; g = ∇ when c = 0
   *     m ← β₁m + (1 − β₁)g               v ← β₂v + (1 − β₂)g²
   *     m̂ = m / (1 − β₁ᵗ)                 v̂ = v / (1 − β₂ᵗ)
   *     θ ← θ − η·(m̂ / (√v̂ + ε) + λ·mask·θ)
   *
   * ε stands outside the root; the decay is decoupled from the gradient, scaled by the learning rate η of this very
   * update, and reads θ as it was before the update. Does not dispose the old state.
   */
  apply(state: AdamWState, gradient: tf.Tensor1D, learningRate: number, update: number): AdamWState {
    const { beta1, beta2, rest1, rest2, epsilon, clipNorm } = this.#constants;
    const [parameters, mean, square] = tf.tidy(() => {
      let g = gradient;
      if (this.#config.clipNorm > 0) {
        const norm = tf.sqrt(tf.sum(tf.square(gradient)));
        g = tf.mul(gradient, tf.div(clipNorm, tf.maximum(norm, clipNorm)));
      }
      const mean = tf.add(tf.mul(state.mean, beta1), tf.mul(g, rest1));
      const square = tf.add(tf.mul(state.square, beta2), tf.mul(tf.square(g), rest2));
      const meanHat = tf.mul(mean, 1 / (1 - this.#config.beta1 ** update));
      const squareHat = tf.mul(square, 1 / (1 - this.#config.beta2 ** update));
      let direction = tf.div(meanHat, tf.add(tf.sqrt(squareHat), epsilon));
      if (this.#decay) direction = tf.add(direction, tf.mul(this.#decay, state.parameters));
      const parameters = tf.sub(state.parameters, tf.mul(direction, learningRate));
      return [parameters, mean, square];
    }) as tf.Tensor1D[];
    return { parameters, mean, square };
  }

  /** Frees the constants. */
  dispose(): void {
    tf.dispose(Object.values(this.#constants));
    this.#decay?.dispose();
  }
}

/** The flat vector as one tensor per parameter, in the order of the specs, each in its own shape. */
export function unflatten(flat: tf.Tensor1D, specs: readonly ParameterSpec[]): tf.Tensor[] {
  return tf
    .split(
      flat,
      specs.map(({ size }) => size),
    )
    .map((part, i) => tf.reshape(part, [...specs[i].shape]));
}

/** One tensor per parameter, in the order of the specs, as one flat vector. */
export function flatten(parts: readonly tf.Tensor[]): tf.Tensor1D {
  return tf.concat1d(parts.map((part) => tf.reshape(part, [part.size])));
}
