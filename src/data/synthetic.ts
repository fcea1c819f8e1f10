// A synthetic language whose true entropy rate is known: a k-order Markov source with Zipfian transitions. It is the
// one corpus on which a fitted irreducible loss can be checked against the truth.
import { InputError } from '../messages/sentence.ts';
import { contexts, entropyRate, stationaryDistribution, type MarkovSource } from './markov.ts';
import { randomIntegers, streamSeed, toUnit } from './random.ts';

/** Everything that determines a synthetic language and the text drawn from it. */
export interface SyntheticSpec {
  /** V, symbols; 2 to 512. */
  readonly symbols: number;
  /** k, symbols that the next one depends on; 0 to 4, with V^(k+1) at most 2^20. */
  readonly order: number;
  /** Zipf exponent s: in each context the r-th most likely symbol has probability ∝ r^−s (s varies over contexts, ± half). 0 to 3. */
  readonly exponent: number;
  /** Training text, tokens; 1,000 to 2^27. */
  readonly tokens: number;
  /** Names the language; any 32-bit integer. */
  readonly seed: number;
}

/** The language offered by default: 1,024 contexts, about as unpredictable as characters of English prose. */
export const DEFAULT_SYNTHETIC: SyntheticSpec = { symbols: 32, order: 2, exponent: 1.5, tokens: 2 ** 23, seed: 0 };

/** Range of each part of a spec. */
const RANGES: { readonly [Part in keyof SyntheticSpec]: readonly [minimum: number, maximum: number, whole: boolean] } = {
  symbols: [2, 512, true],
  order: [0, 4, true],
  exponent: [0, 3, false],
  tokens: [1000, 2 ** 27, true],
  seed: [0, 0xffff_ffff, true],
};

/** Transition probabilities that a table may hold: 2^20 numbers take 14 MB and up to three seconds. */
const MAXIMUM_TABLE = 2 ** 20;

/** Streams of one seed. */
const STREAM = { language: 0, training: 1, heldOut: 2 } as const;

/** Whether a corpus id names a synthetic language: `synthetic`, or `synthetic:symbols=64,order=1,…`. */
export function isSyntheticId(id: string): boolean {
  return id === 'synthetic' || id.startsWith('synthetic:');
}

/** The id of a language; parts at their default are left out, so equal languages have equal ids. */
export function syntheticId(spec: SyntheticSpec): string {
  const parts = (Object.keys(RANGES) as (keyof SyntheticSpec)[]).filter((part) => spec[part] !== DEFAULT_SYNTHETIC[part]);
  return parts.length === 0 ? 'synthetic' : `synthetic:${parts.map((part) => `${part}=${spec[part]}`).join(',')}`;
}

/**
 * The language that an id names.
 * @throws InputError on an unknown part or a value out of range
 */
export function parseSyntheticId(id: string): SyntheticSpec {
  const spec: { -readonly [Part in keyof SyntheticSpec]: SyntheticSpec[Part] } = { ...DEFAULT_SYNTHETIC };
  for (const part of id.split(':').slice(1).join(':').split(',').filter(Boolean)) {
    const [name, value = ''] = part.split('=');
    if (!Object.hasOwn(RANGES, name))
      throw new InputError({
        en: `The synthetic language "${id}" has an unknown part "${name}"; the parts are ${Object.keys(RANGES).join(', ')}.`,
        zh: `合成语言“${id}”含有未知的部分“${name}”；可用的有 ${Object.keys(RANGES).join('、')}。`,
      });
    spec[name as keyof SyntheticSpec] = value.trim() === '' ? NaN : Number(value);
  }
  checkSpec(spec);
  return spec;
}

/** @throws InputError when a part is out of range or the table would be too large */
function checkSpec(spec: SyntheticSpec): void {
  for (const part of Object.keys(RANGES) as (keyof SyntheticSpec)[]) {
    const [minimum, maximum, whole] = RANGES[part];
    const value = spec[part];
    if (!(value >= minimum && value <= maximum) || (whole && !Number.isInteger(value)))
      throw new InputError({
        en: `The synthetic language's ${part} must be a ${whole ? 'whole number' : 'number'} from ${minimum} to ${maximum}, but is ${value}.`,
        zh: `合成语言的 ${part} 应为 ${minimum} 到 ${maximum} 之间的${whole ? '整数' : '数'}，现为 ${value}。`,
      });
  }
  if (contexts(spec.symbols, spec.order + 1) > MAXIMUM_TABLE)
    throw new InputError({
      en: `A synthetic language of ${spec.symbols} symbols and order ${spec.order} has too large a table; lower one of them (symbols^(order + 1) may be at most ${MAXIMUM_TABLE}).`,
      zh: `${spec.symbols} 个符号、${spec.order} 阶的合成语言转移表过大；请减小其一（符号数的（阶数+1）次方不得超过 ${MAXIMUM_TABLE}）。`,
    });
}

/** A language, ready to be spoken. */
export interface SyntheticLanguage extends MarkovSource {
  readonly spec: SyntheticSpec;
  /** True entropy rate, nats per token (error below 1e-9). */
  readonly entropyRate: number;
  /** Entropy of single symbols, nats per token: what a model that ignores the context reaches. */
  readonly symbolEntropy: number;
  /** The next `count` tokens of the training stream or the held-out stream, from the stream's start. */
  generate(count: number, part: 'training' | 'held-out'): Uint16Array;
}

/**
 * Builds a language. In each context the symbols are ranked at random, frequent ones first more often (Plackett–Luce
 * with weights 1/(v + 1), drawn by the Gumbel trick), and the symbol of rank r gets probability ∝ r^−s. So symbols and
 * contexts come with a heavy tail of frequencies, as words do. For order 0 the ranking is the identity and s is the
 * exponent itself, so that the entropy has a closed form.
 *
 * Probabilities are whole multiples of 2^−32, the resolution of the generator: the entropy rate is that of the very
 * process that is sampled.
 * @throws InputError when the spec is out of range
 */
export function createSynthetic(spec: SyntheticSpec): SyntheticLanguage {
  checkSpec(spec);
  const { symbols, order, exponent, seed } = spec;
  const rows = contexts(symbols, order);
  const random = randomIntegers(streamSeed(seed, STREAM.language));
  const probabilities = new Float64Array(rows * symbols);
  const ranked = new Uint16Array(rows * symbols);
  const thresholds = new Uint32Array(rows * symbols);
  const keys = new Float64Array(symbols);
  const identity = Array.from({ length: symbols }, (_, symbol) => symbol);
  for (let row = 0; row < rows; row++) {
    const at = row * symbols;
    let rowExponent = exponent;
    let ranking = identity;
    if (order > 0) {
      rowExponent = exponent * (0.5 + toUnit(random()));
      for (let symbol = 0; symbol < symbols; symbol++) keys[symbol] = -Math.log(symbol + 1) - Math.log(-Math.log(toUnit(random())));
      ranking = identity.toSorted((a, b) => keys[b] - keys[a]);
    }
    ranked.set(ranking, at);
    zipfThresholds(rowExponent, thresholds.subarray(at, at + symbols));
    for (let rank = 0, below = 0; rank < symbols; rank++) {
      const upTo = rank === symbols - 1 ? 2 ** 32 : thresholds[at + rank];
      probabilities[at + ranking[rank]] = (upTo - below) / 2 ** 32;
      below = upTo;
    }
  }
  const source: MarkovSource = { symbols, order, probabilities };
  const stationary = stationaryDistribution(source);
  return {
    ...source,
    spec,
    entropyRate: entropyRate(source, stationary),
    symbolEntropy: symbolEntropy(source, stationary),
    generate: (count, part) => {
      const stream = randomIntegers(streamSeed(seed, part === 'training' ? STREAM.training : STREAM.heldOut));
      const tokens = new Uint16Array(count);
      let context = startingContext(stationary, toUnit(stream()));
      for (let i = 0; i < count; i++) {
        const symbol = ranked[context * symbols + rankOf(stream(), thresholds, context * symbols, symbols)];
        tokens[i] = symbol;
        context = order === 0 ? 0 : (context * symbols + symbol) % rows;
      }
      return tokens;
    },
  };
}

/**
 * Upper ends of the ranks' shares of [0, 2^32), the last one left out: p(r) ∝ (r + 1)^−s, every rank at least 2^−32.
 * The last entry is not read; it stands for 2^32.
 */
function zipfThresholds(exponent: number, out: Uint32Array): void {
  const count = out.length;
  let total = 0;
  for (let rank = 0; rank < count; rank++) total += (rank + 1) ** -exponent;
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += (rank + 1) ** -exponent;
    const room = 2 ** 32 - (count - 1 - rank);
    out[rank] = Math.min(room, Math.max(rank + 1, Math.round((sum / total) * 2 ** 32)));
  }
  out[count - 1] = 0xffff_ffff;
}

/** The rank whose share holds a uniform 32-bit number, by bisection. */
function rankOf(uniform: number, thresholds: Uint32Array, at: number, count: number): number {
  let low = 0;
  let high = count - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (uniform < thresholds[at + middle]) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** A context drawn from the stationary distribution, so that the text has no beginning to warm up from. */
function startingContext(stationary: Float64Array, uniform: number): number {
  let sum = 0;
  for (let context = 0; context < stationary.length; context++) {
    sum += stationary[context];
    if (uniform < sum) return context;
  }
  return stationary.length - 1;
}

/** −Σ p ln p over single symbols in the long run. */
function symbolEntropy({ symbols, probabilities }: MarkovSource, stationary: Float64Array): number {
  const frequencies = new Float64Array(symbols);
  for (let context = 0; context < stationary.length; context++)
    for (let symbol = 0; symbol < symbols; symbol++) frequencies[symbol] += stationary[context] * probabilities[context * symbols + symbol];
  return frequencies.reduce((sum, p) => (p > 0 ? sum - p * Math.log(p) : sum), 0);
}

/** One printable character for each symbol: ASCII first, then accented letters. */
export function symbolCharacter(symbol: number): string {
  return String.fromCodePoint(symbol < 94 ? 0x21 + symbol : 0x100 + symbol - 94);
}
