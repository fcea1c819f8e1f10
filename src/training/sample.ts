// Text from a trained model, token by token: the model reads the last `context` tokens and one more is drawn.
import * as tf from '@tensorflow/tfjs-core';
import { randomIntegers, toUnit } from '../data/random.ts';
import { logits } from '../model/gpt.ts';
import { parameterSpecs, type ModelConfig } from '../model/parameters.ts';
import { unflatten } from './adamw.ts';
import { onBackend } from './backends.ts';
import { breathe } from './breathe.ts';

/** How text is drawn. */
export interface SampleOptions {
  /** Tokens to write. */
  readonly length: number;
  /** 0 takes the likeliest token; 1 samples from the model's own distribution. */
  readonly temperature: number;
  readonly seed: number;
}

/** Milliseconds of tensor work between two turns of the event loop. */
const STRETCH = 20;

/**
 * The `length` tokens that a model writes after `prompt`.
 * @param parameters flat, in the order of `parameterSpecs`
 * @param prompt at least one token; only the last `context` are read
 * @param backend an opened backend whose tensors can be read at once
 */
export async function sampleTokens(
  model: ModelConfig,
  parameters: Float32Array,
  prompt: ArrayLike<number>,
  { length, temperature, seed }: SampleOptions,
  backend: 'wasm' | 'cpu',
): Promise<number[]> {
  const specs = parameterSpecs(model);
  const random = randomIntegers(seed);
  const text = Array.from(prompt);
  const end = text.length + length;
  const leaves = await onBackend(backend, () => tf.tidy(() => unflatten(tf.tensor1d(parameters), specs)));
  const named = Object.fromEntries(specs.map(({ name }, i) => [name, leaves[i]]));
  try {
    while (text.length < end) {
      await onBackend(backend, () => {
        const start = performance.now();
        do text.push(drawToken(nextLogits(model, named, text), temperature, toUnit(random())));
        while (text.length < end && performance.now() - start < STRETCH);
      });
      await breathe();
    }
  } finally {
    await onBackend(backend, () => tf.dispose(leaves));
  }
  return text.slice(text.length - length);
}

/** Logits [vocabulary] of the token after `text`. */
function nextLogits(model: ModelConfig, parameters: Record<string, tf.Tensor>, text: readonly number[]): Float32Array {
  // Shorter texts are filled up behind: no token sees those after it.
  const seen = text.slice(-model.context);
  const tokens = new Int32Array(model.context);
  tokens.set(seen);
  return tf.tidy(() => {
    const all = logits(model, parameters, tf.tensor1d(tokens, 'int32'));
    return Float32Array.from(tf.slice(all, [seen.length - 1, 0], [1, model.vocabulary]).dataSync());
  });
}

/**
 * A token drawn from softmax(`logits` / `temperature`), by inversion of the distribution at `uniform` in (0, 1);
 * the likeliest one when the temperature is 0.
 */
export function drawToken(logits: ArrayLike<number>, temperature: number, uniform: number): number {
  let likeliest = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token] > logits[likeliest]) likeliest = token;
  if (temperature === 0) return likeliest;
  const weights = Array.from(logits, (logit) => Math.exp((logit - logits[likeliest]) / temperature));
  let left = uniform * weights.reduce((sum, weight) => sum + weight, 0);
  for (let token = 0; token < weights.length; token++) {
    left -= weights[token];
    if (left < 0) return token;
  }
  return likeliest;
}
