// Mixtures of corpora.
import { describe, expect, it } from 'vitest';
import type { Corpus } from '../../../src/data/corpus.ts';
import { prepareDataset } from '../../../src/data/dataset.ts';
import { isMixtureId, mixCorpora, parseMixtureId } from '../../../src/data/mixture.ts';

const corpus = (id: string, letter: string, documents: number, length: number): Corpus => ({
  info: { id, kind: 'prose', title: { en: id, zh: id }, licence: 'CC0', isDefault: true, bytes: documents * length, sha256: `hash-${id}` },
  text: letter.repeat(documents * length),
  documents: Array.from({ length: documents }, (_, i) => i * length),
});
const count = (text: string, letter: string): number => text.split(letter).length - 1;

describe('mixtures', () => {
  it('read their parts and weights from the id', () => {
    expect(parseMixtureId('mix:sotu+three')).toEqual([
      { id: 'sotu', weight: 1 },
      { id: 'three', weight: 1 },
    ]);
    expect(parseMixtureId('mix:sotu*3+own:0123456789abcdef')[0]).toEqual({ id: 'sotu', weight: 3 });
    expect(isMixtureId('sotu')).toBe(false);
    for (const bad of ['mix:', 'mix:sotu', 'mix:sotu+sotu', 'mix:sotu*0+three', 'mix:sotu*x+three', 'mix:sotu*2*2+three', 'mix:mix:a+b', 'mix:a+'])
      expect(() => parseMixtureId(bad)).toThrow('cannot be read'); // prettier-ignore
  });

  it('hold their parts in their shares, everywhere, as far as the smallest allows', () => {
    const mixed = mixCorpora('mix:a*3+b', parseMixtureId('mix:a*3+b'), [corpus('a', 'a', 300, 100), corpus('b', 'b', 40, 50)]);
    expect(mixed.text).toHaveLength(8000);
    expect(count(mixed.text, 'b')).toBe(2000);
    for (let at = 0; at < 8000; at += 1000) {
      const stretch = mixed.text.slice(at, at + 1000);
      expect(Math.abs(count(stretch, 'b') - 250)).toBeLessThanOrEqual(100);
    }
    expect(mixed.documents[0]).toBe(0);
    expect(mixed.documents).toHaveLength(60 + 40);
    expect(mixed.documents.every((start, i) => i === 0 || start > mixed.documents[i - 1])).toBe(true);
    expect(mixed.info).toMatchObject({ kind: 'mixture', bytes: 8000, licence: 'CC0', sha256: '3*hash-a+1*hash-b' });
  });

  it('cut no surrogate pair, and make a dataset that has both alphabets', () => {
    const emoji: Corpus = { ...corpus('e', 'e', 1, 1), text: '😀'.repeat(2001), documents: [0] };
    const mixed = mixCorpora('mix:a+e', parseMixtureId('mix:a+e'), [corpus('a', 'a', 33, 101), emoji]);
    expect(() => encodeURIComponent(mixed.text)).not.toThrow();
    const data = prepareDataset({ source: { kind: 'text', corpus: mixed }, tokenizer: 'characters', vocabulary: 16, context: 8, validationTokens: 64 });
    expect(new Set(data.trainingTokens).size).toBe(2);
  }); // prettier-ignore
});
