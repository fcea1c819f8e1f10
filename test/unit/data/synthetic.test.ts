// Synthetic languages: the entropy rate against closed forms, hand-worked chains, and the text itself.
import { describe, expect, it } from 'vitest';
import { entropyRate, stationaryDistribution } from '../../../src/data/markov.ts';
import {
  createSynthetic,
  DEFAULT_SYNTHETIC,
  isSyntheticId,
  parseSyntheticId,
  symbolCharacter,
  syntheticId,
} from '../../../src/data/synthetic.ts';
import { InputError } from '../../../src/messages/sentence.ts';

const plogp = (...ps: number[]): number => -ps.reduce((sum, p) => sum + (p > 0 ? p * Math.log(p) : 0), 0);

describe('entropy rate of a Markov source', () => {
  it('agrees with a two-state chain worked by hand', () => {
    for (const [a, b] of [
      [0.1, 0.4],
      [0.001, 0.002],
      [0.5, 0.5],
      [0.999, 0.998],
    ]) {
      const source = { symbols: 2, order: 1, probabilities: Float64Array.of(1 - a, a, b, 1 - b) };
      const [p0, p1] = [b / (a + b), a / (a + b)];
      expect(stationaryDistribution(source)[0]).toBeCloseTo(p0, 10);
      expect(Math.abs(entropyRate(source) - (p0 * plogp(a, 1 - a) + p1 * plogp(b, 1 - b)))).toBeLessThan(1e-9);
    }
  });

  it('is 0 for a periodic chain, which plain power iteration would not settle on', () => {
    const source = { symbols: 3, order: 1, probabilities: Float64Array.of(0, 1, 0, 0, 0, 1, 1, 0, 0) };
    expect(entropyRate(source)).toBe(0);
    for (const p of stationaryDistribution(source)) expect(p).toBeCloseTo(1 / 3, 10);
  });

  it('is the same when a chain of order 1 is written as one of order 2', () => {
    const rows = [
      [0.7, 0.2, 0.1],
      [0.05, 0.9, 0.05],
      [0.3, 0.3, 0.4],
    ];
    const first = { symbols: 3, order: 1, probabilities: Float64Array.from(rows.flat()) };
    const second = { symbols: 3, order: 2, probabilities: Float64Array.from([...rows, ...rows, ...rows].flat()) };
    expect(Math.abs(entropyRate(first) - entropyRate(second))).toBeLessThan(1e-12);
  });

  it('depends on which symbol is the newest: a chain of order 2 that repeats the older one', () => {
    // The next symbol is the one before last with probability 0.9: rate H(0.9), though single symbols look like coins.
    const probabilities = Float64Array.of(0.9, 0.1, 0.9, 0.1, 0.1, 0.9, 0.1, 0.9);
    expect(Math.abs(entropyRate({ symbols: 2, order: 2, probabilities }) - plogp(0.9, 0.1))).toBeLessThan(1e-12);
  });
});

describe('a synthetic language', () => {
  it('of order 0 has the entropy of a Zipf law in closed form', () => {
    const exponent = 1.3;
    const language = createSynthetic({ ...DEFAULT_SYNTHETIC, symbols: 40, order: 0, exponent });
    const weights = Array.from({ length: 40 }, (_, r) => (r + 1) ** -exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const closed = Math.log(total) + weights.reduce((sum, weight, r) => sum + (exponent * weight * Math.log(r + 1)) / total, 0);
    expect(Math.abs(language.entropyRate - closed)).toBeLessThan(1e-7);
    expect(language.symbolEntropy).toBeCloseTo(language.entropyRate, 12);
  });

  it('has a proper distribution in every context, with nothing impossible', () => {
    const { probabilities, symbols } = createSynthetic({ ...DEFAULT_SYNTHETIC, symbols: 48, exponent: 3 });
    let improper = 0;
    for (let row = 0; row < probabilities.length; row += symbols) {
      const context = probabilities.subarray(row, row + symbols);
      const total = context.reduce((sum, p) => sum + p, 0);
      if (total !== 1 || Math.min(...context) < 2 ** -32) improper++;
    }
    expect(improper).toBe(0);
  });

  it.each([
    { symbols: 32, order: 2 },
    { symbols: 64, order: 1 },
    { symbols: 2, order: 4 },
    { symbols: 300, order: 0 },
  ])('says what a million of its tokens show: $symbols symbols, order $order', ({ symbols, order }) => {
    const language = createSynthetic({ ...DEFAULT_SYNTHETIC, symbols, order, seed: 3 });
    const tokens = language.generate(1_000_000, 'training');
    // −ln p of each token given its context, in blocks whose means are nearly independent.
    const blocks = Array.from({ length: 100 }, (_, block) => {
      let sum = 0;
      for (let i = Math.max(order, block * 10_000); i < (block + 1) * 10_000; i++) {
        let context = 0;
        for (let back = order; back > 0; back--) context = context * symbols + tokens[i - back];
        sum -= Math.log(language.probabilities[context * symbols + tokens[i]]);
      }
      return sum / (10_000 - (block === 0 ? order : 0));
    });
    const mean = blocks.reduce((sum, x) => sum + x, 0) / blocks.length;
    const variance = blocks.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (blocks.length - 1);
    const error = Math.sqrt(variance / blocks.length);
    expect(error).toBeLessThan(0.01);
    expect(Math.abs(mean - language.entropyRate)).toBeLessThan(4 * error);
    // The context helps, where there is one.
    if (order > 0) expect(language.entropyRate).toBeLessThan(language.symbolEntropy);
    const counts = new Float64Array(symbols);
    for (const token of tokens) counts[token]++;
    expect(plogp(...counts.map((count) => count / tokens.length))).toBeCloseTo(language.symbolEntropy, 1);
  });

  it('is reproducible; its held-out text is another text of the same language', () => {
    const spec = { ...DEFAULT_SYNTHETIC, symbols: 16, order: 1 };
    const training = createSynthetic(spec).generate(5000, 'training');
    expect(createSynthetic(spec).generate(5000, 'training')).toEqual(training);
    // Streaming: a longer text begins with the shorter one.
    expect(createSynthetic(spec).generate(9000, 'training').slice(0, 5000)).toEqual(training);
    const heldOut = createSynthetic(spec).generate(5000, 'held-out');
    const text = training.join(',');
    for (let i = 0; i + 40 <= heldOut.length; i += 40) expect(text.includes(heldOut.slice(i, i + 40).join(','))).toBe(false);
    const other = createSynthetic({ ...spec, seed: 1 });
    expect(other.entropyRate).not.toBe(createSynthetic(spec).entropyRate);
    expect(other.generate(5000, 'training')).not.toEqual(training);
  });

  it('never changes: a run made before can be made again', () => {
    const language = createSynthetic(DEFAULT_SYNTHETIC);
    expect(Array.from(language.generate(16, 'training'))).toEqual([3, 5, 2, 1, 1, 4, 15, 17, 25, 8, 1, 9, 8, 9, 5, 3]);
    expect(language.entropyRate.toFixed(9)).toBe('2.170382985');
  });

  it('has a printable character for each symbol', () => {
    const characters = Array.from({ length: 512 }, (_, symbol) => symbolCharacter(symbol));
    expect(new Set(characters).size).toBe(512);
    for (const character of characters) expect(character).toMatch(/^[\p{L}\p{N}\p{P}\p{S}]$/u);
  });
});

describe('ids of synthetic languages', () => {
  it('say everything that differs from the default', () => {
    expect(syntheticId(DEFAULT_SYNTHETIC)).toBe('synthetic');
    const spec = { ...DEFAULT_SYNTHETIC, symbols: 64, order: 1, exponent: 0.75, seed: 9 };
    expect(syntheticId(spec)).toBe('synthetic:symbols=64,order=1,exponent=0.75,seed=9');
    expect(parseSyntheticId(syntheticId(spec))).toEqual(spec);
    expect(parseSyntheticId('synthetic')).toEqual(DEFAULT_SYNTHETIC);
    expect(isSyntheticId('synthetic:order=1')).toBe(true);
    expect(isSyntheticId('synthetically')).toBe(false);
  });

  it.each([
    ['synthetic:size=3', /unknown part "size"/],
    ['synthetic:__proto__=3', /unknown part "__proto__"/],
    ['synthetic:constructor=3', /unknown part "constructor"/],
    ['synthetic:order=', /order must be a whole number from 0 to 4, but is NaN/],
    ['synthetic:order=1.5', /whole number/],
    ['synthetic:symbols=1', /from 2 to 512, but is 1/],
    ['synthetic:symbols=512,order=3', /too large a table/],
    ['synthetic:seed=-1', /seed must be/],
    ['synthetic:tokens=Infinity', /tokens must be/],
  ])('refuse %s in one sentence', (id, sentence) => {
    expect(() => parseSyntheticId(id)).toThrow(InputError);
    expect(() => parseSyntheticId(id)).toThrow(sentence);
  });
});
