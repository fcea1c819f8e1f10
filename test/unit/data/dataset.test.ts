// Datasets: what trains is not what measures, windows line up with targets, and refusals say what to do.
import { describe, expect, it } from 'vitest';
import type { Corpus } from '../../../src/data/corpus.ts';
import {
  datasetData,
  datasetFrom,
  datasetKey,
  prepareDataset,
  readWindow,
  requireBatch,
  type DatasetRequest,
} from '../../../src/data/dataset.ts';
import { ownTextCorpus } from '../../../src/data/own-text.ts';
import { randomIntegers } from '../../../src/data/random.ts';
import { createSynthetic, DEFAULT_SYNTHETIC } from '../../../src/data/synthetic.ts';
import { InputError } from '../../../src/messages/sentence.ts';

const letters = 'abcdefghijklmnopqrstuvwxyz ';
const random = randomIntegers(1);
const randomText = (length: number): string => Array.from({ length }, () => letters[random() % letters.length]).join('');

const single = ownTextCorpus(randomText(40_000));
const collection: Corpus = (() => {
  const bodies = Array.from({ length: 60 }, () => `${randomText(500)}\n\n`);
  const documents = bodies.map((_, i) => bodies.slice(0, i).join('').length);
  return { info: { ...single.info, id: 'collection', sha256: 'c' }, text: bodies.join(''), documents };
})();
const code: Corpus = { ...collection, info: { ...collection.info, kind: 'code' } };
const chinese: Corpus = {
  info: { ...single.info, kind: 'chinese' },
  text: Array.from({ length: 30_000 }, () => String.fromCodePoint(0x4e00 + (random() % 400))).join(''),
  documents: [0],
};

const base = { tokenizer: 'characters', vocabulary: 512, context: 16, validationTokens: 640 } as const;
const request = (corpus: Corpus, more: Partial<DatasetRequest> = {}): DatasetRequest => ({
  ...base,
  source: { kind: 'text', corpus },
  ...more,
});

describe('a dataset from text', () => {
  it.each([
    ['one document', single],
    ['a collection', collection],
    ['code', code],
    ['Chinese', chinese],
  ])('never trains on what it measures: %s', (_, corpus) => {
    for (const tokenizer of ['characters', 'bytes', 'bpe'] as const) {
      const dataset = prepareDataset(request(corpus, { tokenizer }));
      // Random text: any 12 characters in a row come once in the corpus, if at all.
      const training = dataset.decode(dataset.trainingTokens);
      const { context, validationTokens, validationWindows } = dataset;
      expect(validationTokens.length).toBe(validationWindows * (context + 1));
      for (let window = 0; window < validationWindows; window++) {
        const text = dataset
          .decode(validationTokens.subarray(window * (context + 1), (window + 1) * (context + 1)))
          .replaceAll('\uFFFD', '');
        const probe = text.slice(1, 13);
        expect(probe.length >= 4 && training.includes(probe)).toBe(false);
        // It is text of the corpus all the same, but for windows that cross from one held-out piece to the next.
        if (window === 0) expect(corpus.text.includes(probe)).toBe(true);
      }
    }
  });

  it('takes the alphabet from training text alone', () => {
    // A character that is in one document only: whenever that document is held out, the character must be unknown.
    const bodies = Array.from({ length: 40 }, (_, i) => `${String.fromCodePoint(0x4e00 + i).repeat(8)}${randomText(200)}`);
    const documents = bodies.map((_, i) => bodies.slice(0, i).join('').length);
    const dataset = prepareDataset(request({ ...collection, text: bodies.join(''), documents }, { validationTokens: 100_000 }));
    if (dataset.tokenizer.id !== 'characters') throw new Error('wrong tokenizer');
    const training = new Set(dataset.decode(dataset.trainingTokens));
    expect([...dataset.tokenizer.alphabet].every((character) => training.has(character))).toBe(true);
    expect(dataset.unknownShare).toBeGreaterThan(0);
    expect(training.has('\uFFFD')).toBe(false);
  });

  it('has as many windows as have targets, and reads them shifted by one', () => {
    const dataset = prepareDataset(request(single));
    const { context, trainingTokens, trainingWindows } = dataset;
    expect(trainingWindows).toBe(Math.floor((trainingTokens.length - 1) / context));
    const last = readWindow(trainingTokens, trainingWindows - 1, context);
    expect(last.length).toBe(context + 1);
    expect(readWindow(trainingTokens, 1, context)[0]).toBe(readWindow(trainingTokens, 0, context)[context]);
  });

  it('spreads the validation windows evenly, the same ones every time', () => {
    const dataset = prepareDataset(request(single, { validationTokens: 160 }));
    expect(dataset.validationWindows).toBe(10);
    expect(prepareDataset(request(single, { validationTokens: 160 })).validationTokens).toEqual(dataset.validationTokens);
    const all = prepareDataset(request(single, { validationTokens: 10_000_000 }));
    const windows = (data: typeof dataset): string[] =>
      Array.from({ length: data.validationWindows }, (_, i) => data.validationTokens.subarray(i * 17, (i + 1) * 17).join());
    const places = windows(dataset).map((window) => windows(all).indexOf(window));
    expect(places).toEqual(Array.from({ length: 10 }, (_, i) => Math.floor((i * all.validationWindows) / 10)));
  });

  it('measures bytes per token on the held-out text', () => {
    expect(prepareDataset(request(single, { tokenizer: 'bytes' })).bytesPerToken).toBe(1);
    expect(prepareDataset(request(chinese)).bytesPerToken).toBe(3);
    expect(prepareDataset(request(chinese, { tokenizer: 'bpe' })).bytesPerToken).toBeGreaterThan(1.2);
  });

  it('survives being posted to a worker', () => {
    const dataset = prepareDataset(request(single));
    const copy = datasetFrom(structuredClone(datasetData(dataset)));
    expect(copy.trainingTokens).toEqual(dataset.trainingTokens);
    expect(copy.decode(copy.encode('a text'))).toBe('a text');
  });

  it('has one key for equal requests and another for any other', () => {
    const requests = [
      request(single),
      request(collection),
      request(single, { context: 8 }),
      request(single, { vocabulary: 20 }),
      request(single, { tokenizer: 'bpe' }),
      request(single, { validationTokens: 32 }),
      request(single, { source: { kind: 'synthetic', spec: DEFAULT_SYNTHETIC } }),
      request(single, { source: { kind: 'synthetic', spec: { ...DEFAULT_SYNTHETIC, seed: 1 } } }),
    ];
    expect(new Set(requests.map(datasetKey)).size).toBe(requests.length);
    expect(datasetKey(request({ ...single }))).toBe(datasetKey(request(single)));
  });
});

describe('a dataset from a synthetic language', () => {
  const spec = { ...DEFAULT_SYNTHETIC, symbols: 20, order: 1, tokens: 5000 };

  it('is the language, with its entropy rate', () => {
    const dataset = prepareDataset(request(single, { source: { kind: 'synthetic', spec } }));
    expect(dataset.trainingTokens).toEqual(createSynthetic(spec).generate(5000, 'training'));
    expect(dataset.entropyRate).toBe(createSynthetic(spec).entropyRate);
    expect(dataset.vocabulary).toBe(20);
    expect(dataset.validationWindows).toBe(40);
    expect(dataset.encode(dataset.decode([0, 5, 19]))).toEqual(Uint16Array.of(0, 5, 19));
  });

  it('must fit the vocabulary', () => {
    expect(() => prepareDataset(request(single, { source: { kind: 'synthetic', spec }, vocabulary: 19 }))).toThrow(/has 20 symbols/);
  });
});

describe('what does not work', () => {
  it.each([
    ['a text shorter than a window', request(ownTextCorpus(randomText(60))), /too small: \d+ training and \d+ held-out tokens/],
    ['a text with no room to hold out', request(ownTextCorpus('a')), /too small/],
    ['a context longer than the held-out text', request(single, { context: 5000 }), /context of 5000 needs 5001 of each/],
    ['a vocabulary too large', request(single, { vocabulary: 1000 }), /from 2 to 512/],
    ['a vocabulary too small for bytes', request(single, { tokenizer: 'bytes', vocabulary: 100 }), /at least 256/],
  ])('is said: %s', (_, wrong, sentence) => {
    expect(() => prepareDataset(wrong)).toThrow(InputError);
    expect(() => prepareDataset(wrong)).toThrow(sentence);
  });

  it('is said: a batch larger than the corpus', () => {
    const dataset = prepareDataset(request(single));
    expect(() => requireBatch(dataset, dataset.trainingWindows)).not.toThrow();
    expect(() => requireBatch(dataset, dataset.trainingWindows + 1)).toThrow(InputError);
  });
});

describe('a limited training text', () => {
  const whole = prepareDataset(request(single));
  const window = (tokens: Uint16Array, w: number, length: number): string => tokens.subarray(w * 16, w * 16 + length).join();
  const placeOf = (length: number) =>
    new Map(Array.from({ length: whole.trainingWindows }, (_, w) => [window(whole.trainingTokens, w, length), w] as const));
  const [inputs, withTarget] = [placeOf(16), placeOf(17)];

  it.each([64, 1000, 8192, 20_000, 30_000])('of %i tokens comes from all over the text, each window once', (uniqueTokens) => {
    const limited = prepareDataset(request(single, { uniqueTokens }));
    expect(limited.trainingWindows).toBe(Math.floor(uniqueTokens / 16));
    expect(limited.validationTokens).toEqual(whole.validationTokens);
    expect(limited.vocabulary).toBe(whole.vocabulary);
    const indices = Array.from({ length: limited.trainingWindows }, (_, w) => w);
    const places = indices.map((w) => inputs.get(window(limited.trainingTokens, w, 16)));
    expect(places.every((place, w) => place !== undefined && (w === 0 || place > places[w - 1]!))).toBe(true);
    // At the seams between stretches the last target is another stretch's first token.
    const stretches = Math.min(16, Math.max(1, Math.floor(uniqueTokens / 1024)));
    expect(indices.filter((w) => !withTarget.has(window(limited.trainingTokens, w, 17))).length).toBeLessThan(stretches);
    const middle = places.filter((place) => place! > whole.trainingWindows / 3 && place! < (2 * whole.trainingWindows) / 3);
    if (stretches >= 8) expect(middle.length / places.length).toBeGreaterThan(0.2);
  });

  it('is the whole text where the limit is beyond it, and has a key of its own where it is not', () => {
    expect(prepareDataset(request(single, { uniqueTokens: 1e9 })).trainingTokens).toEqual(whole.trainingTokens);
    expect(datasetKey(request(single, { uniqueTokens: 64 }))).not.toBe(datasetKey(request(single)));
    expect(datasetKey(request(single, { uniqueTokens: 0 }))).toBe(datasetKey(request(single)));
  });
});
