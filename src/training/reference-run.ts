// One run in plain tfjs: its parameters and optimizer state as tensors, and what a step and a validation do with them.
// All methods but `parameters` are synchronous tensor work; the trainer calls them on the right backend.
import * as tf from '@tensorflow/tfjs-core';
import { steps, type RunConfig } from '../config/run.ts';
import { batchWindows, windowCount } from '../data/order.ts';
import { loss } from '../model/gpt.ts';
import { initialParameters, parameterSpecs, type ModelConfig, type ParameterSpec } from '../model/parameters.ts';
import { AdamW, flatten, unflatten, type AdamWState } from './adamw.ts';
import { smallBatches } from './gradient-noise.ts';
import { learningRateAt } from './schedule.ts';
import type { TrainingData } from './trainer.ts';

/** Tokens, and floats of one layer's attention scores, that pass through the model at once. */
const MOST_ROWS = 2 ** 13;
const MOST_SCORES = 2 ** 22;

/** Sequences that pass through the model at once; a larger batch is taken in parts, and their gradients averaged. */
function sequencesAtOnce({ context, shape }: ModelConfig): number {
  return Math.max(1, Math.floor(Math.min(MOST_ROWS / context, MOST_SCORES / (shape.heads * context * context))));
}

/** A run under way. */
export class ReferenceRun {
  readonly #config: RunConfig;
  readonly #model: ModelConfig;
  readonly #data: TrainingData;
  readonly #specs: readonly ParameterSpec[];
  readonly #optimizer: AdamW;
  readonly #windows: number;
  #state: AdamWState;
  #done = 0;

  /** Held-out windows. */
  readonly validationWindows: number;

  constructor(config: RunConfig, model: ModelConfig, data: TrainingData) {
    this.#config = config;
    this.#model = model;
    this.#data = data;
    this.#specs = parameterSpecs(model);
    this.#windows = windowCount(data.training.length, config.context);
    this.validationWindows = Math.floor(data.validation.length / (config.context + 1));
    this.#optimizer = new AdamW(config, this.#specs);
    this.#state = this.#optimizer.start(initialParameters(this.#specs, config.seed));
  }

  /** Optimizer steps done. */
  get done(): number {
    return this.#done;
  }

  /** One optimizer step. Returns the batch's mean loss (nats per token) before the update; the caller disposes it. */
  step(): tf.Scalar {
    const { batchSequences, dataSeed } = this.#config;
    const windows = batchWindows(this.#done, batchSequences, this.#windows, dataSeed);
    const rate = learningRateAt(this.#config, this.#done, steps(this.#config));
    const old = this.#state;
    const [value, parameters, mean, square] = tf.tidy(() => {
      const { loss: total, gradient } = this.#meanGradient(unflatten(old.parameters, this.#specs), windows);
      const next = this.#optimizer.apply(old, gradient, rate, this.#done + 1);
      return [total, next.parameters, next.mean, next.square] as tf.Tensor[];
    }) as [tf.Scalar, tf.Tensor1D, tf.Tensor1D, tf.Tensor1D];
    tf.dispose([old.parameters, old.mean, old.square]);
    this.#state = { parameters, mean, square };
    this.#done++;
    return value;
  }

  /**
   * The summed mean losses of the held-out windows from `from` on, as many as pass through the model at once, up to
   * window `to`; the caller disposes `sum`.
   */
  validate(from: number): { readonly sum: tf.Scalar; readonly to: number } {
    const { context } = this.#config;
    const to = Math.min(this.validationWindows, from + sequencesAtOnce(this.#model));
    const starts = Array.from({ length: to - from }, (_, i) => (from + i) * (context + 1));
    const sum = tf.tidy(() => {
      const { tokens, targets } = this.#batch(this.#data.validation, starts);
      return tf.mul<tf.Scalar>(loss(this.#model, this.#named(unflatten(this.#state.parameters, this.#specs)), tokens, targets), to - from);
    });
    return { sum, to };
  }

  /**
   * Squared norms of gradients at the present parameters, [2] float32: the mean over the small batches of a measurement,
   * and that of the mean gradient. The windows are those that come next in the stream, from the first whole small batch on.
   * The caller disposes it. Undefined where no measurement is asked for.
   */
  measureGradients(): tf.Tensor1D | undefined {
    const batches = smallBatches(this.#config);
    if (batches === undefined) return undefined;
    const { sequences, count } = batches;
    const { batchSequences, dataSeed } = this.#config;
    const first = Math.ceil((this.#done * batchSequences) / sequences);
    return tf.tidy(() => {
      const leaves = unflatten(this.#state.parameters, this.#specs);
      let [small, sum]: (tf.Tensor | undefined)[] = [];
      for (let batch = 0; batch < count; batch++) {
        const windows = batchWindows(first + batch, sequences, this.#windows, dataSeed);
        [small, sum] = tf.tidy(() => {
          const gradient = this.#meanGradient(leaves, windows).gradient;
          const square = tf.sum(tf.square(gradient));
          return [small ? tf.add(small, square) : square, sum ? tf.add(sum, gradient) : gradient];
        });
      }
      return tf.stack([tf.div(small, count), tf.sum(tf.square(tf.div(sum, count)))]) as tf.Tensor1D;
    });
  }

  /** A copy of the parameters, in the order of `parameterSpecs`. */
  async parameters(): Promise<Float32Array> {
    return Float32Array.from(await this.#state.parameters.data());
  }

  /** Frees the tensors. */
  dispose(): void {
    tf.dispose([this.#state.parameters, this.#state.mean, this.#state.square]);
    this.#optimizer.dispose();
  }

  /** The mean loss over windows, and its gradient: of as many at once as pass through the model, then averaged. */
  #meanGradient(leaves: readonly tf.Tensor[], windows: Uint32Array): { loss: tf.Scalar; gradient: tf.Tensor1D } {
    const perPart = sequencesAtOnce(this.#model);
    let total: tf.Scalar | undefined;
    let gradient: tf.Tensor1D | undefined;
    for (let from = 0; from < windows.length; from += perPart) {
      const part = windows.subarray(from, from + perPart);
      const { value, grads } = this.#gradient(leaves, part);
      if (part.length === windows.length) return { loss: value, gradient: grads };
      const share = part.length / windows.length;
      const [shared, weighed] = [tf.mul<tf.Scalar>(value, share), tf.mul<tf.Tensor1D>(grads, share)];
      total = total ? tf.add(total, shared) : shared;
      gradient = gradient ? tf.add(gradient, weighed) : weighed;
    }
    return { loss: total!, gradient: gradient! };
  }

  #gradient(leaves: readonly tf.Tensor[], windows: Uint32Array): { value: tf.Scalar; grads: tf.Tensor1D } {
    const starts = Array.from(windows, (window) => window * this.#config.context);
    const { tokens, targets } = this.#batch(this.#data.training, starts);
    const { value, grads } = tf.valueAndGrads((...parts: tf.Tensor[]) => loss(this.#model, this.#named(parts), tokens, targets))([
      ...leaves,
    ]);
    return { value, grads: flatten(grads) };
  }

  #named(parts: readonly tf.Tensor[]): Record<string, tf.Tensor> {
    return Object.fromEntries(this.#specs.map(({ name }, i) => [name, parts[i]]));
  }

  /** Inputs and next tokens of the sequences that start at `starts`, each [sequences × context]. */
  #batch(stream: Uint16Array, starts: readonly number[]): { tokens: tf.Tensor1D; targets: tf.Tensor1D } {
    const { context } = this.#config;
    const inputs = new Int32Array(starts.length * context);
    const nexts = new Int32Array(starts.length * context);
    starts.forEach((start, i) => {
      inputs.set(stream.subarray(start, start + context), i * context);
      nexts.set(stream.subarray(start + 1, start + context + 1), i * context);
    });
    return { tokens: tf.tensor1d(inputs, 'int32'), targets: tf.tensor1d(nexts, 'int32') };
  }
}
