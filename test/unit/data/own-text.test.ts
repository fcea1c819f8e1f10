// A person's own text: what is refused, in which words, and what two equal texts share.
import { describe, expect, it } from 'vitest';
import { normalise } from '../../../src/data/normalise.ts';
import { MAXIMUM_OWN_BYTES, ownFileCorpus, ownTextCorpus } from '../../../src/data/own-text.ts';
import { InputError } from '../../../src/messages/sentence.ts';
import { normalise as normaliseScript } from '../../../scripts/corpora.mjs';

const file = (...bytes: (number | string)[]): File =>
  new File(
    bytes.map((part) => (typeof part === 'string' ? part : Uint8Array.of(part))),
    'a file.txt',
  );

/** A file that says it is huge, and fails the test when it is read. */
const hugeFile = { size: 200_000_000, name: 'huge.txt', arrayBuffer: () => Promise.reject(new Error('read')) } as unknown as File;

describe('own text', () => {
  it('is named by what it holds, after normalisation', async () => {
    const corpus = ownTextCorpus('caf\u0065\u0301\r\nbar');
    expect(corpus.text).toBe('café\nbar');
    expect(corpus.info.id).toMatch(/^own:[0-9a-f]{16}$/);
    expect(ownTextCorpus('café\nbar').info.id).toBe(corpus.info.id);
    expect(ownTextCorpus('café\nbaz').info.id).not.toBe(corpus.info.id);
    const fromFile = await ownFileCorpus(file('\uFEFFcafé\nbar'));
    expect(fromFile.info.id).toBe(corpus.info.id);
    expect(fromFile.info.title.en).toBe('a file.txt');
    expect(corpus.info.bytes).toBe(9);
  });

  it.each([
    ['an empty text', '', /empty/],
    ['white space', ' \n\t\n', /empty/],
    ['a text with NUL', 'ab\0c', /not a text file/],
    ['a text of nothing but decoding errors', '\uFFFD\n\uFFFD', /empty/],
    ['a text too large', 'x'.repeat(MAXIMUM_OWN_BYTES + 1), /50\.0 MB/],
    ['a text too large in bytes only', '猫'.repeat(MAXIMUM_OWN_BYTES / 3 + 1), /more than the 50\.0 MB/],
  ])('refuses %s', (_, text, sentence) => {
    expect(() => ownTextCorpus(text)).toThrow(InputError);
    expect(() => ownTextCorpus(text)).toThrow(sentence);
  });

  it.each([
    ['an empty file', file(), /empty/],
    ['a file of 200 MB, without reading it', hugeFile, /has 200 MB, more than the 50\.0 MB/],
    ['a binary file', file('PK', 3, 4, 0, 0, 8), /not a text file/],
    ['bytes that are not UTF-8', file('caf', 0xe9, ' bar'), /not text in UTF-8/],
    ['UTF-16', file(0xff, 0xfe, 'h', 0, 'i', 0), /not text in UTF-8; save it/],
    ['a file cut inside a character', file('caf', 0xc3), /not text in UTF-8/],
  ])('refuses %s', async (_, wrong, sentence) => {
    await expect(ownFileCorpus(wrong)).rejects.toThrow(InputError);
    await expect(ownFileCorpus(wrong)).rejects.toThrow(sentence);
  });

  it('normalises as the prepared corpora were', () => {
    for (const text of ['\uFEFFa\r\nb\rc', 'bad \uFFFD line\ngood', 'e\u0301 \u{1F600}', '', '\n\n', 'plain'])
      expect(normalise(text)).toBe(normaliseScript(text));
    expect(normalise('half a pair \uD83D here\nkept')).toBe('kept');
  });
});
