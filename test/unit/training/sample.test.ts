// Text from a model: drawn from the distribution that the logits say, from the last tokens alone, by the seed.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { logits } from '../../../src/model/gpt.ts';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import { unflatten } from '../../../src/training/adamw.ts';
import { openBackend } from '../../../src/training/backends.ts';
import { drawToken, sampleTokens } from '../../../src/training/sample.ts';

describe('one token', () => {
  it('comes as often as the softmax says, at any temperature', () => {
    for (const temperature of [0.5, 1, 2]) {
      const logits = [0, 1, -1, 2];
      const weights = logits.map((logit) => Math.exp(logit / temperature));
      const total = weights.reduce((a, b) => a + b);
      const counts = [0, 0, 0, 0];
      const draws = 10_000;
      for (let i = 0; i < draws; i++) counts[drawToken(logits, temperature, (i + 0.5) / draws)]++;
      counts.forEach((count, token) => expect(count / draws).toBeCloseTo(weights[token] / total, 3));
    }
  });

  it('is the likeliest at temperature 0, and as good as so at a low one', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 1, maxLength: 9 }),
        fc.double({ min: 1e-9, max: 1 - 1e-9, noNaN: true }),
        (logits, uniform) => {
          const likeliest = logits.indexOf(Math.max(...logits));
          expect(drawToken(logits, 0, uniform)).toBe(likeliest);
          expect(drawToken(logits, 0.01, uniform)).toBe(likeliest);
        },
      ),
    );
  });
});

describe('a text', () => {
  const model: ModelConfig = {
    shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
    context: 6,
    positions: 'learned',
    qkNorm: false,
    tiedHead: false,
    vocabulary: 7,
  };
  const specs = parameterSpecs(model);
  const parameters = initialParameters(specs, 2).map((x) => 10 * x);
  const greedy = { length: 12, temperature: 0, seed: 0 };

  beforeAll(async () => {
    await openBackend('cpu', '');
  });

  it('is at temperature 0 what the model finds likeliest after the last tokens, across the context’s end', async () => {
    const text = [1, 2, 3];
    const named = () => Object.fromEntries(unflatten(tf.tensor1d(parameters), specs).map((part, i) => [specs[i].name, part]));
    for (let i = 0; i < 12; i++) {
      const seen = text.slice(-6);
      // Filled up with another token than the sampler fills up with: nothing after the last may matter.
      const tokens = [...seen, ...Array<number>(6 - seen.length).fill(5)];
      const rows = logits(model, named(), tf.tensor1d(tokens, 'int32')).arraySync();
      const row = rows[seen.length - 1];
      text.push(row.indexOf(Math.max(...row)));
    }
    expect(await sampleTokens(model, parameters, [1, 2, 3], greedy, 'cpu')).toEqual(text.slice(3));
  });

  it('depends on the last tokens of its prompt alone', async () => {
    const long = await sampleTokens(model, parameters, [6, 6, 6, 1, 2, 3, 4, 5, 0], greedy, 'cpu');
    expect(await sampleTokens(model, parameters, [1, 2, 3, 4, 5, 0], greedy, 'cpu')).toEqual(long);
  });

  it('is the same for the same seed, another for another, and leaves no tensors behind', async () => {
    const write = (seed: number) => sampleTokens(model, parameters, [1], { length: 40, temperature: 1, seed }, 'cpu');
    const first = await write(1);
    const tensors = tf.memory().numTensors;
    expect(first).toHaveLength(40);
    expect(await write(1)).toEqual(first);
    expect(await write(2)).not.toEqual(first);
    expect(tf.memory().numTensors).toBe(tensors);
  });
});
