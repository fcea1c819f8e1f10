// The form of a sweep and its link: what goes in comes out, whatever the sweep; what is wrong is refused in a sentence.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSweep, sweepId, type SweepConfig } from '../../../src/config/sweep.ts';
import { bowl } from '../../../src/experiments/bowl.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { InputError } from '../../../src/messages/sentence.ts';
import { sweepFromHash, sweepToHash } from '../../../src/ui/link.ts';
import { parseNumber, parseValues, valueText } from '../../../src/ui/setting-values.ts';
import { draftOf, sweepOf } from '../../../src/ui/sweep-draft.ts';

const corpora = ['sotu', 'synthetic:symbols=8,order=1,exponent=1,tokens=8192', 'own:0123456789abcdef'];
const sweeps: fc.Arbitrary<SweepConfig> = fc
  .record({
    name: fc.string({ minLength: 1, maxLength: 20 }).filter((name) => name.trim() === name && name !== ''),
    rates: fc.uniqueArray(fc.integer({ min: -12, max: -1 }), { minLength: 1, maxLength: 5 }),
    widths: fc.uniqueArray(fc.constantFrom(8, 16, 24), { minLength: 1 }),
    batches: fc.uniqueArray(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 }),
    corpora: fc.uniqueArray(fc.constantFrom(...corpora), { minLength: 1 }),
    tied: fc.boolean(),
    decay: fc.double({ min: 0, max: 1, noNaN: true }),
  })
  .map(({ name, rates, widths, batches, corpora: texts, tied, decay }) =>
    parseSweep({
      name,
      base: { tiedHead: tied, weightDecay: decay, tokens: 65_536 },
      grids: [
        {
          axes: {
            learningRate: rates.map((rate) => 2 ** rate),
            shape: widths.map((width) => ({ layers: 1, width, heads: 1 })),
            batchSequences: batches,
            corpus: texts,
          },
        },
        { set: { context: 16 }, axes: { seed: [0, 1] } },
      ],
    }),
  );

describe('a sweep in the form', () => {
  it('comes back as it went in', () => {
    fc.assert(fc.property(sweeps, (sweep) => sweepId(sweepOf(draftOf(sweep))) === sweepId(sweep)));
    for (const size of experimentSizes) expect(sweepId(sweepOf(draftOf(bowl.sizes[size])))).toBe(sweepId(bowl.sizes[size]));
  });

  it('refuses what cannot be read, in both languages', () => {
    const draft = draftOf(bowl.sizes.smoke);
    const refused = (change: (one: typeof draft) => void): InputError => {
      const copy = structuredClone(draft);
      change(copy);
      try {
        sweepOf(copy);
      } catch (error) {
        if (error instanceof InputError) return error;
        throw error;
      }
      throw new Error('it was taken');
    };
    expect(refused((one) => (one.grids[0].axes[1].values = '2^-7, fast')).sentence.en).toContain('"fast" is not a number');
    expect(refused((one) => (one.grids[0].axes[1].values = ' ')).sentence.en).toContain('at least one value');
    expect(refused((one) => (one.base.clipNorm = '-1')).sentence.zh).not.toBe('');
    expect(refused((one) => one.grids[0].axes.push({ field: 'learningRate', values: '0.1' })).sentence.en).toContain('two axes');
    expect(refused((one) => (one.grids[0].set = '{')).sentence.en).toContain('not JSON');
  });

  it('reads numbers as people write them, and writes them as it reads them', () => {
    expect(parseNumber('2^-7')).toBe(2 ** -7);
    expect(parseNumber(' −3 ')).toBe(-3);
    expect(parseValues('corpus', `${corpora[1]}; sotu`)).toEqual([corpora[1], 'sotu']);
    expect(parseValues('batchSequences', '1, 2 4;8')).toEqual([1, 2, 4, 8]);
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => Object.is(parseNumber(valueText(value)), value + 0)),
    );
    for (const text of ['', 'NaN', 'Infinity', '1,5', '2^', '0x', 'e']) expect(() => parseNumber(text)).toThrow(InputError);
  });
});

describe('a sweep as a link', () => {
  it('comes back as it went in', async () => {
    await fc.assert(
      fc.asyncProperty(sweeps, async (sweep) => {
        const back = await sweepFromHash(await sweepToHash(sweep));
        return back !== undefined && sweepId(back) === sweepId(sweep);
      }),
      { numRuns: 20 },
    );
  });

  it('is none without the mark, and refuses damage, bombs and strangers', async () => {
    expect(await sweepFromHash('#data')).toBeUndefined();
    const hash = await sweepToHash(bowl.sizes.smoke);
    await expect(sweepFromHash(hash.slice(0, -8))).rejects.toThrow(InputError);
    await expect(sweepFromHash('#sweep=<script>')).rejects.toThrow(InputError);
    await expect(sweepFromHash(`#sweep=${'A'.repeat(300_000)}`)).rejects.toThrow(InputError);
    const bomb = new Uint8Array(
      await new Response(new Blob([new Uint8Array(50_000_000)]).stream().pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer(),
    );
    await expect(sweepFromHash(`#sweep=${Buffer.from(bomb).toString('base64url')}`)).rejects.toThrow(/unpacks to more|damaged/);
    const strange = new Uint8Array(
      await new Response(
        new Blob(['{"name":"x","grids":[{}],"evil":1}']).stream().pipeThrough(new CompressionStream('deflate-raw')),
      ).arrayBuffer(),
    );
    await expect(sweepFromHash(`#sweep=${Buffer.from(strange).toString('base64url')}`)).rejects.toThrow(/evil/);
  });
});
