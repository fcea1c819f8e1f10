// The prepared corpora: what the script makes, what the loader accepts, and that the files on this disk are the ones
// that configs mean.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { joinDocuments, prepareCorpora } from '../../../scripts/corpora.mjs';
import { readTarball } from '../../../scripts/tarball.mjs';
import { corpusInfo, knownCorpora, listPrepared, loadCorpus, readIndex, type CorpusReader } from '../../../src/data/corpus.ts';
import { prepareDataset } from '../../../src/data/dataset.ts';
import { browserReader } from '../../../src/data/load-browser.ts';
import { nodeReader } from '../../../src/data/load-node.ts';
import { splitText, textOf } from '../../../src/data/split.ts';
import { InputError } from '../../../src/messages/sentence.ts';

describe('the registry', () => {
  it('names every corpus once, with a licence, a source and a size', () => {
    expect(new Set(knownCorpora.map((corpus) => corpus.id)).size).toBe(knownCorpora.length);
    for (const corpus of knownCorpora) {
      expect(corpus.licence).not.toBe('');
      expect(corpus.source?.homepage).toMatch(/^https:/);
      expect(corpus.bytes).toBeGreaterThan(1_000_000);
      expect(corpus.sha256).toMatch(/^[0-9a-f]{64}$/);
      expect(corpus.title.zh).not.toBe('');
    }
    expect(knownCorpora.filter((corpus) => corpus.isDefault).map((corpus) => corpus.id)).toEqual(['sotu', 'moby-dick', 'three']);
  });

  it('takes three.js at the version that is installed', () => {
    const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as { dependencies: Record<string, string> };
    expect(corpusInfo('three').source?.version).toBe(dependencies.three);
  });

  it('says which corpora there are when asked for another', () => {
    expect(() => corpusInfo('shakespeare')).toThrow(/There is no corpus "shakespeare"; choose one of sotu/);
    expect(() => corpusInfo('own:0123456789abcdef')).toThrow(/add that text again/);
    expect(() => corpusInfo('__proto__')).toThrow(InputError);
  });

  it('is what the script goes by', async () => {
    expect(await prepareCorpora(['shakespeare'])).toEqual([expect.stringMatching(/There is no corpus "shakespeare"/)]);
  });
});

describe('the default corpora on this disk', () => {
  it.each(['sotu', 'moby-dick', 'three'])('%s has its stated text, and can be trained on', async (id) => {
    const corpus = await loadCorpus(id, nodeReader());
    expect(new TextEncoder().encode(corpus.text).length).toBe(corpusInfo(id).bytes);
    expect(corpus.text.includes('\uFFFD') || corpus.text.includes('\r')).toBe(false);
    expect(corpus.text.normalize('NFC') === corpus.text).toBe(true);
    expect(corpus.documents.length).toBe({ sotu: 233, 'moby-dick': 1, three: 755 }[id]);
    const { training, heldOut } = splitText(corpus.text, corpus.documents);
    const trainingText = textOf(corpus.text, training);
    const share = textOf(corpus.text, heldOut).length / corpus.text.length;
    expect(share).toBeGreaterThan(0.04);
    expect(share).toBeLessThan(0.07);
    // Held-out text does not recur among the training text, but for what source files have in common.
    const heldOutText = textOf(corpus.text, heldOut);
    const probes = Array.from({ length: 100 }, (_, i) => Math.floor((i * (heldOutText.length - 100)) / 100));
    const recurring = probes.filter((start) => trainingText.includes(heldOutText.slice(start, start + 100))).length;
    expect(recurring).toBeLessThanOrEqual(id === 'three' ? 20 : 1);
    const source = { kind: 'text', corpus } as const;
    const dataset = prepareDataset({ source, tokenizer: 'characters', vocabulary: 128, context: 64, validationTokens: 40_960 });
    expect(dataset.validationWindows).toBe(640);
    expect(dataset.unknownShare).toBeLessThan(1e-3);
  });

  it('State of the Union holds out addresses of different times', async () => {
    const { text, documents } = await loadCorpus('sotu', nodeReader());
    const { heldOut } = splitText(text, documents);
    const places = heldOut.map((range) => documents.indexOf(range.start));
    expect(places.length).toBeGreaterThan(8);
    expect(places[0]).toBeLessThan(40);
    expect(places.at(-1)).toBeGreaterThan(190);
  });
});

describe('loading', () => {
  const index = (change: object): string =>
    JSON.stringify({ format: 1, corpora: [{ id: 'sotu', sha256: corpusInfo('sotu').sha256, characters: 1, documents: [0], ...change }] });
  const reader = (files: Record<string, string>): CorpusReader => ({
    read: (name) => Promise.resolve(Object.hasOwn(files, name) ? new TextEncoder().encode(files[name]) : undefined),
    sha256: () => 'another',
  });

  it('says how to prepare a corpus that is not there', async () => {
    await expect(loadCorpus('sotu', reader({}))).rejects.toThrow(/"sotu" is not prepared on this computer; run: npm run corpora$/);
    await expect(loadCorpus('songci', reader({}))).rejects.toThrow(/run: npm run corpora -- songci/);
    expect(await listPrepared(reader({}))).toEqual([]);
  });

  it('does not take another text for the corpus', async () => {
    await expect(loadCorpus('sotu', reader({ 'index.json': index({}), 'sotu.txt': 'another text' }))).rejects.toThrow(InputError);
    expect(readIndex(index({})).map((corpus) => corpus.id)).toEqual(['sotu']);
    expect(readIndex(index({ sha256: 'other' }))).toEqual([]);
  });

  it('lists nothing from a damaged index', () => {
    for (const text of [
      '',
      '<!doctype html>',
      'null',
      '[]',
      '{}',
      '{"format":1}',
      '{"format":99,"corpora":[]}',
      '{"format":1,"corpora":[null]}',
    ])
      expect(readIndex(text)).toEqual([]);
  });
});

describe('loading over the network', () => {
  afterEach(() => vi.unstubAllGlobals());
  const serve = (files: Record<string, [body: string, type: string]>): void => {
    vi.stubGlobal('fetch', (url: URL) => {
      const file = files[url.pathname];
      return Promise.resolve(file ? new Response(file[0], { headers: { 'content-type': file[1] } }) : new Response('', { status: 404 }));
    });
  };
  const reader = browserReader('http://lab.test/corpora/');
  const text = async (name: string): Promise<string> => new TextDecoder().decode(await reader.read(name));

  it('reads a file, and knows a missing one, also where the server answers with its start page', async () => {
    serve({ '/corpora/a.txt': ['text', 'text/plain'], '/corpora/b.txt': ['<!doctype html>', 'text/html; charset=utf-8'] });
    expect(await text('a.txt')).toBe('text');
    expect(await reader.read('b.txt')).toBeUndefined();
    expect(await reader.read('c.txt')).toBeUndefined();
  });

  it("hashes alike with and without the browser's own function", async () => {
    const data = new TextEncoder().encode('abc');
    const expected = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
    expect(await reader.sha256(data)).toBe(expected);
    vi.stubGlobal('crypto', {});
    expect(await reader.sha256(data)).toBe(expected);
    expect(nodeReader().sha256(data)).toBe(expected);
  });
});

describe('joining documents', () => {
  it('keeps each once, with its place, and drops empty ones', () => {
    const { text, starts } = joinDocuments(['one\r\n', '  ', 'two\uFFFD\nkept', 'one', 'three 😀']);
    expect(text).toBe('one\n\nkept\n\nthree 😀\n\n');
    expect(starts).toEqual([0, 5, 11]);
  });
});

describe('reading archives', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tinyscale-tar-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  /** One ustar member (POSIX.1-2017, ustar interchange format). */
  function member(name: string, data: string | Buffer, type = '0', prefix = ''): Buffer {
    const body = Buffer.from(data);
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write(`${body.length.toString(8).padStart(11, '0')}\0`, 124);
    header.write('        ', 148);
    header.write(type, 156);
    header.write('ustar\x0000', 257);
    header.write(prefix, 345);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
    );
    return Buffer.concat([header, body, Buffer.alloc((512 - (body.length % 512)) % 512)]);
  }

  async function filesOf(archive: Buffer, wanted: (name: string) => boolean = () => true): Promise<[string, string][]> {
    const path = join(folder, 'archive.tgz');
    await writeFile(path, archive);
    const files: [string, string][] = [];
    for await (const { name, data } of readTarball(path, wanted)) files.push([name, data.toString('utf8')]);
    return files;
  }

  const long = `package/${'a-long-folder/'.repeat(12)}file.txt`;
  const pax = `${String(` path=${long}\n`.length + 3)} path=${long}\n`;
  const members = [
    member('package/one.txt', 'first'),
    member('package/', '', '5'),
    member('big.bin', Buffer.alloc(300_000, 'x'), '0', 'package/data'),
    member('PaxHeader', pax, 'x'),
    member('cut-short', 'by its pax record'),
    member('././@LongLink', `${long}2\0`, 'L'),
    member('cut-short', 'by GNU tar'),
    member('package/empty', ''),
    Buffer.alloc(1024),
  ];

  it('finds files under short, prefixed and long names', async () => {
    const files = await filesOf(gzipSync(Buffer.concat(members)));
    expect(files.map(([name, data]) => [name, data.length])).toEqual([
      ['one.txt', 5],
      ['data/big.bin', 300_000],
      [long.slice('package/'.length), 17],
      [`${long.slice('package/'.length)}2`, 10],
      ['empty', 0],
    ]);
  });

  it('keeps only what is wanted', async () => {
    expect(await filesOf(gzipSync(Buffer.concat(members)), (name) => name === 'one.txt')).toEqual([['one.txt', 'first']]);
  });

  it('refuses a damaged or shortened archive', async () => {
    const whole = Buffer.concat(members);
    await expect(filesOf(gzipSync(whole.subarray(0, 100_000)))).rejects.toThrow('the archive is cut short');
    await expect(filesOf(gzipSync(whole).subarray(0, 200))).rejects.toThrow();
    const damaged = Buffer.from(whole);
    damaged[3] ^= 1;
    await expect(filesOf(gzipSync(damaged))).rejects.toThrow('the archive is damaged');
    await expect(filesOf(Buffer.from('not an archive'))).rejects.toThrow();
  });
});
