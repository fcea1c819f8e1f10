// Tokenizers: round trips on any text, alphabets by frequency, merges against a naive trainer.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bpeEncoder, trainMerges, type Merge } from '../../../src/data/bpe.ts';
import { bytesPerToken, tokenizerFrom, trainTokenizer, type Tokenizer } from '../../../src/data/tokenizer.ts';
import { InputError } from '../../../src/messages/sentence.ts';

/** Any well-formed Unicode text: astral characters, combining marks, byte-order marks, control characters. */
const anyText = fc.string({ unit: 'binary', maxLength: 200 });
const sentences = 'the cat sat on the mat; the other cat that sat there was the fat one. 猫坐在垫子上，另一只猫也坐着。\n';

function expectRoundTrip(tokenizer: Tokenizer, text: string): void {
  const tokens = tokenizer.encode(text);
  for (const token of tokens) expect(token).toBeLessThan(tokenizer.vocabulary);
  expect(tokenizer.decode(tokens)).toBe(text);
}

describe('bytes', () => {
  const tokenizer = trainTokenizer('bytes', '', 256);

  it('are UTF-8, and come back as the same text, whatever it is', () => {
    expect(Array.from(tokenizer.encode('é猫'))).toEqual([0xc3, 0xa9, 0xe7, 0x8c, 0xab]);
    fc.assert(fc.property(anyText, (text) => expectRoundTrip(tokenizer, text)));
    expectRoundTrip(tokenizer, '\uFEFFa\u0000b');
    expect(tokenizer.vocabulary).toBe(256);
  });

  it('that are no text decode to U+FFFD instead of failing', () => {
    expect(tokenizer.decode([0x61, 0xff, 0x62])).toBe('a\uFFFDb');
  });
});

describe('characters', () => {
  it('round-trip any text over their own alphabet', () => {
    fc.assert(
      fc.property(anyText, (text) => expectRoundTrip(trainTokenizer('characters', text, 512), text)),
      { numRuns: 30 },
    );
  });

  it('are sorted by frequency, then code point; all others are token 0', () => {
    const tokenizer = trainTokenizer('characters', 'ccc😀😀😀😀baab', 5);
    expect(tokenizer.vocabulary).toBe(5);
    expect(tokenizer.data).toEqual({ id: 'characters', alphabet: '😀cab' });
    expect(Array.from(tokenizer.encode('abc😀d猫'))).toEqual([3, 4, 2, 1, 0, 0]);
    expect(tokenizer.decode([1, 2, 0, 99])).toBe('😀c\uFFFD\uFFFD');
  });

  it('beyond the limit are the rarest ones', () => {
    const tokenizer = trainTokenizer('characters', 'aaabbc', 3);
    expect(tokenizer.vocabulary).toBe(3);
    expect(tokenizer.decode(tokenizer.encode('abc'))).toBe('ab\uFFFD');
  });
});

/** Byte-pair encoding as the paper's first algorithm states it, recounting everything for each merge. */
function naiveMerges(text: string, vocabulary: number): Merge[] {
  const pieces = text.match(/ ?\p{L}{1,64}| ?\p{N}{1,64}| ?[^\s\p{L}\p{N}]{1,64}|\s{1,64}/gu) ?? [];
  let words = pieces.map((piece) => Array.from(new TextEncoder().encode(piece)));
  const merges: Merge[] = [];
  while (256 + merges.length < vocabulary) {
    const counts = new Map<string, number>();
    for (const word of words)
      for (let i = 0; i + 1 < word.length; i++) counts.set(`${word[i]},${word[i + 1]}`, (counts.get(`${word[i]},${word[i + 1]}`) ?? 0) + 1);
    const pairs = [...counts].map(([pair, count]) => ({ pair: pair.split(',').map(Number), count }));
    const [first] = pairs.sort((a, b) => b.count - a.count || a.pair[0] - b.pair[0] || a.pair[1] - b.pair[1]);
    if (!first || first.count < 2) break;
    const [left, right] = first.pair;
    words = words.map((word) => {
      const out: number[] = [];
      for (let i = 0; i < word.length; i++) {
        const isPair = word[i] === left && word[i + 1] === right;
        out.push(isPair ? 256 + merges.length : word[i]);
        if (isPair) i++;
      }
      return out;
    });
    merges.push([left, right]);
  }
  return merges;
}

describe('byte-pair encoding', () => {
  it('learns what the naive algorithm learns', () => {
    expect(trainMerges(sentences.repeat(3), 320)).toEqual(naiveMerges(sentences.repeat(3), 320));
    // Runs of one letter are where overlapping pairs go wrong.
    const words = fc.array(fc.stringMatching(/^[ab]{1,9}$/), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(words, (list) => {
        const text = list.join(' ');
        expect(trainMerges(text, 280)).toEqual(naiveMerges(text, 280));
      }),
      { numRuns: 60 },
    );
  });

  it('encodes its training words as training left them', () => {
    // With every merge learned, a word seen twice or more is one token, with its space.
    const merges = trainMerges('seen seen seen seen', 512);
    const tokens = bpeEncoder(merges)('seen seen');
    expect(tokens.length).toBe(2);
  });

  it('round-trips any text, seen or not', () => {
    const tokenizer = trainTokenizer('bpe', sentences.repeat(5), 400);
    expect(tokenizer.vocabulary).toBeGreaterThan(300);
    expect(tokenizer.encode(sentences).length).toBeLessThan(sentences.length / 2);
    fc.assert(fc.property(anyText, (text) => expectRoundTrip(tokenizer, text)));
    expectRoundTrip(tokenizer, `${'猫'.repeat(1000)}${' '.repeat(1000)}${'-'.repeat(1000)}`);
  });

  it('stops early on a text with nothing left to merge', () => {
    expect(trainTokenizer('bpe', 'abc', 512).vocabulary).toBe(256);
    expect(trainTokenizer('bpe', '', 512).vocabulary).toBe(256);
  });
});

describe('any tokenizer', () => {
  it('comes back from its data, which survives being stored', () => {
    for (const id of ['bytes', 'characters', 'bpe'] as const) {
      const tokenizer = trainTokenizer(id, sentences.repeat(2), 300);
      const copy = tokenizerFrom(structuredClone(tokenizer.data));
      expect(copy.encode(sentences)).toEqual(tokenizer.encode(sentences));
      expect(copy.vocabulary).toBe(tokenizer.vocabulary);
    }
  });

  it('knows how many bytes a token stands for', () => {
    expect(bytesPerToken('猫a', trainTokenizer('characters', '猫a').encode('猫a').length)).toBe(2);
    expect(bytesPerToken('猫a', trainTokenizer('bytes', '').encode('猫a').length)).toBe(1);
  });

  it.each([
    ['bytes', 128, /needs a vocabulary of at least 256, but 128 is the limit/],
    ['bpe', 255, /needs a vocabulary of at least 256/],
    ['characters', 513, /from 2 to 512 tokens, but is 513/],
    ['characters', 1, /from 2 to 512/],
    ['bytes', NaN, /from 2 to 512/],
  ] as const)('refuses %s with a vocabulary of %s', (id, limit, sentence) => {
    expect(() => trainTokenizer(id, 'text', limit)).toThrow(InputError);
    expect(() => trainTokenizer(id, 'text', limit)).toThrow(sentence);
  });
});
