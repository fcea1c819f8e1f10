// Held-out text: never in training, whole documents, spread over the sequence, the same every time.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heldOutTarget, splitText, textOf, type Range } from '../../../src/data/split.ts';

/** A collection whose documents can be told apart anywhere: document i is made of the character U+4E00 + i alone. */
function collection(lengths: readonly number[]): { text: string; documents: number[] } {
  const documents: number[] = [];
  let text = '';
  lengths.forEach((length, i) => {
    documents.push(text.length);
    text += String.fromCodePoint(0x4e00 + i).repeat(length);
  });
  return { text, documents };
}

const lengthOf = (ranges: readonly Range[]): number => ranges.reduce((sum, range) => sum + range.end - range.start, 0);

function expectDisjoint(training: readonly Range[], heldOut: readonly Range[], length: number): void {
  const all = [...training, ...heldOut].sort((a, b) => a.start - b.start);
  all.forEach((range, i) => {
    expect(range.end).toBeGreaterThan(range.start);
    expect(range.start).toBeGreaterThanOrEqual(i === 0 ? 0 : all[i - 1].end);
    expect(range.end).toBeLessThanOrEqual(length);
  });
}

const lengths = fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 20, maxLength: 150 });

describe('a collection of documents', () => {
  it('is split by whole documents, every document in exactly one part', () => {
    fc.assert(
      fc.property(lengths, fc.nat(1000), (sizes, seed) => {
        fc.pre(Math.max(...sizes) <= sizes.reduce((a, b) => a + b) / 5);
        const { text, documents } = collection(sizes);
        const { training, heldOut } = splitText(text, documents, seed);
        const starts = [...training, ...heldOut].map((range) => range.start).sort((a, b) => a - b);
        expect(starts).toEqual(documents);
        const trained = new Set(textOf(text, training));
        for (const character of textOf(text, heldOut)) expect(trained.has(character)).toBe(false);
        expect(heldOut.length).toBeGreaterThan(0);
        expect(lengthOf(training) + lengthOf(heldOut)).toBe(text.length);
      }),
    );
  });

  it('holds out about its share, from every part of the sequence', () => {
    const { text, documents } = collection(Array.from({ length: 400 }, (_, i) => 200 + ((i * 7919) % 1000)));
    for (let seed = 0; seed < 20; seed++) {
      const { heldOut } = splitText(text, documents, seed);
      const share = lengthOf(heldOut) / text.length;
      const target = heldOutTarget(text.length) / text.length;
      expect(Math.abs(share - target)).toBeLessThan(0.02);
      for (let quarter = 0; quarter < 4; quarter++) {
        const from = (quarter * text.length) / 4;
        expect(heldOut.some((range) => range.start >= from && range.start < from + text.length / 4)).toBe(true);
      }
    }
  });

  it('is split the same way every time, and otherwise with another seed', () => {
    const { text, documents } = collection(Array.from({ length: 200 }, () => 100));
    expect(splitText(text, documents, 4)).toEqual(splitText(text, documents, 4));
    expect(splitText(text, documents, 4).heldOut).not.toEqual(splitText(text, documents, 5).heldOut);
  });
});

describe('a single document', () => {
  it('gives spread blocks, with unused text around each', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 60_000 }), fc.nat(1000), (length, seed) => {
        const text = 'x'.repeat(length);
        const { training, heldOut } = splitText(text, [0], seed);
        expectDisjoint(training, heldOut, length);
        expect(lengthOf(heldOut)).toBeGreaterThan(0);
        expect(lengthOf(heldOut)).toBeLessThanOrEqual(0.1 * length);
        // Between a held-out block and the training text beside it.
        const guard = Math.min(256, heldOut[0].end - heldOut[0].start);
        for (const block of heldOut)
          for (const range of training) {
            if (range.end <= block.start) expect(block.start - range.end).toBeGreaterThanOrEqual(guard);
            if (range.start >= block.end) expect(range.start - block.end).toBeGreaterThanOrEqual(guard);
          }
        expect(lengthOf(training)).toBeGreaterThan(0.6 * length);
      }),
      { numRuns: 60 },
    );
  });

  it('has blocks in every quarter of a long text', () => {
    const { heldOut } = splitText('x'.repeat(1_000_000), [0]);
    expect(heldOut.length).toBe(16);
    for (let quarter = 0; quarter < 4; quarter++) {
      expect(heldOut.filter((block) => block.start >= quarter * 250_000 && block.end <= (quarter + 1) * 250_000).length).toBe(4);
    }
  });

  it('is never cut inside a surrogate pair', () => {
    const text = '😀a'.repeat(30_000);
    for (let seed = 0; seed < 30; seed++) {
      const { training, heldOut } = splitText(text, [0], seed);
      for (const part of [training, heldOut]) expect(/[\uD800-\uDFFF]/u.test(textOf(text, part))).toBe(false);
    }
  });

  it('treats a few documents, or one that is most of the text, as one', () => {
    const few = collection([500, 400, 600]);
    expectDisjoint(splitText(few.text, few.documents).training, splitText(few.text, few.documents).heldOut, few.text.length);
    const lopsided = collection([...Array.from({ length: 30 }, () => 10), 9000]);
    const { training, heldOut } = splitText(lopsided.text, lopsided.documents);
    expectDisjoint(training, heldOut, lopsided.text.length);
    expect(lengthOf(heldOut)).toBeLessThanOrEqual(0.1 * lopsided.text.length);
  });
});
