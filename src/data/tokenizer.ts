// Tokenizers: text to small whole numbers and back. Vocabularies stay at 512 or below: in a miniature model a large one
// would hold most of the parameters.
import { InputError } from '../messages/sentence.ts';
import { bpeEncoder, BYTES, tokenBytes, trainMerges, type Merge } from './bpe.ts';
import { symbolCharacter } from './synthetic.ts';

/** The largest vocabulary the lab trains on, tokens. */
export const MAXIMUM_VOCABULARY = 512;

/** The tokenizers one can choose. */
export type TokenizerId = 'characters' | 'bytes' | 'bpe';

/** All that makes a tokenizer, as plain data: it can be posted to a worker or stored. */
export type TokenizerData =
  | { readonly id: 'bytes' }
  /** `alphabet`: the character of each token from 1 on; token 0 is every other character. */
  | { readonly id: 'characters'; readonly alphabet: string }
  | { readonly id: 'bpe'; readonly merges: readonly Merge[] }
  /** Tokens of a synthetic language. */
  | { readonly id: 'symbols'; readonly symbols: number };

/** Text to tokens and back. */
export interface Tokenizer {
  readonly id: TokenizerData['id'];
  readonly data: TokenizerData;
  /** Tokens are 0 … vocabulary − 1. */
  readonly vocabulary: number;
  readonly encode: (text: string) => Uint16Array;
  /** The text of some tokens. Characters outside the alphabet, and bytes that are not UTF-8, come back as U+FFFD. */
  readonly decode: (tokens: ArrayLike<number>) => string;
}

/** The character that stands for all characters outside the alphabet. */
const UNKNOWN = '\uFFFD';

/** Unicode code points. */
const CODE_POINTS = 0x110000;

/**
 * The tokenizer of a corpus.
 * @param trainingText what an alphabet or merges are learned from; never held-out text
 * @param limit the most tokens the vocabulary may have, 2 to 512
 * @throws InputError when the limit is out of range, or below what the tokenizer needs
 */
export function trainTokenizer(id: TokenizerId, trainingText: string, limit = MAXIMUM_VOCABULARY): Tokenizer {
  if (!(Number.isInteger(limit) && limit >= 2 && limit <= MAXIMUM_VOCABULARY))
    throw new InputError({
      en: `The vocabulary must be a whole number from 2 to ${MAXIMUM_VOCABULARY} tokens, but is ${limit}.`,
      zh: `词表应为 2 到 ${MAXIMUM_VOCABULARY} 之间的整数，现为 ${limit}。`,
    });
  if (id !== 'characters' && limit < BYTES)
    throw new InputError({
      en: `The tokenizer "${id}" needs a vocabulary of at least ${BYTES}, but ${limit} is the limit; raise the limit or choose "characters".`,
      zh: `分词器“${id}”的词表至少需要 ${BYTES}，而上限为 ${limit}；请提高上限，或改用“characters”。`,
    });
  switch (id) {
    case 'bytes':
      return tokenizerFrom({ id });
    case 'characters':
      return tokenizerFrom({ id, alphabet: alphabetOf(trainingText, limit - 1) });
    case 'bpe':
      return tokenizerFrom({ id, merges: trainMerges(trainingText, limit) });
    default:
      throw new Error(`no tokenizer ${String(id satisfies never)}`);
  }
}

/** A tokenizer from its data. */
export function tokenizerFrom(data: TokenizerData): Tokenizer {
  switch (data.id) {
    case 'bytes':
      return { id: data.id, data, vocabulary: BYTES, encode: encodeBytes, decode: decodeBytes };
    case 'characters':
      return characterTokenizer(data);
    case 'symbols':
      return symbolTokenizer(data);
    case 'bpe': {
      const bytes = tokenBytes(data.merges);
      const decode = (tokens: ArrayLike<number>): string =>
        decodeBytes(Array.from(tokens).flatMap((token) => Array.from(bytes[token] ?? [])));
      return { id: data.id, data, vocabulary: BYTES + data.merges.length, encode: bpeEncoder(data.merges), decode };
    }
    default:
      throw new Error(`no tokenizer ${JSON.stringify(data satisfies never)}`);
  }
}

/** Bytes of UTF-8 that one token stands for, on average over a text. Divides nats per token into nats per byte. */
export function bytesPerToken(text: string, tokens: number): number {
  return new TextEncoder().encode(text).length / tokens;
}

function encodeBytes(text: string): Uint16Array {
  return new Uint16Array(new TextEncoder().encode(text));
}

function decodeBytes(tokens: ArrayLike<number>): string {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(tokens));
}

/** The most frequent characters of a text, at most `limit`, the most frequent first; of equally frequent ones the lower code point. */
function alphabetOf(text: string, limit: number): string {
  const counts = new Uint32Array(CODE_POINTS);
  for (let i = 0; i < text.length; i++) {
    const point = text.codePointAt(i)!;
    counts[point]++;
    if (point > 0xffff) i++;
  }
  const points: number[] = [];
  counts.forEach((count, point) => {
    if (count > 0) points.push(point);
  });
  return points
    .sort((a, b) => counts[b] - counts[a] || a - b)
    .slice(0, limit)
    .map((point) => String.fromCodePoint(point))
    .join('');
}

function characterTokenizer(data: TokenizerData & { id: 'characters' }): Tokenizer {
  const characters = [UNKNOWN, ...data.alphabet];
  const tokenOf = new Uint16Array(CODE_POINTS);
  for (let token = 1; token < characters.length; token++) tokenOf[characters[token].codePointAt(0)!] = token;
  const encode = (text: string): Uint16Array => {
    const tokens = new Uint16Array(text.length);
    let length = 0;
    for (let i = 0; i < text.length; i++) {
      const point = text.codePointAt(i)!;
      tokens[length++] = tokenOf[point];
      if (point > 0xffff) i++;
    }
    return length === tokens.length ? tokens : tokens.slice(0, length);
  };
  const decode = (tokens: ArrayLike<number>): string => Array.from(tokens, (token) => characters[token] ?? UNKNOWN).join('');
  return { id: data.id, data, vocabulary: characters.length, encode, decode };
}

function symbolTokenizer(data: TokenizerData & { id: 'symbols' }): Tokenizer {
  const characters = Array.from({ length: data.symbols }, (_, symbol) => symbolCharacter(symbol));
  const tokenOf = new Map(characters.map((character, symbol) => [character, symbol]));
  return {
    id: data.id,
    data,
    vocabulary: data.symbols,
    // Other characters have no meaning in the language and are passed over.
    encode: (text) => Uint16Array.from(Array.from(text).flatMap((character) => tokenOf.get(character) ?? [])),
    decode: (tokens) => Array.from(tokens, (token) => characters[token] ?? UNKNOWN).join(''),
  };
}
