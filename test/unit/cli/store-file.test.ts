// The file of runs: appended to, read again, never damaged.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FileStore, readRuns } from '../../../src/cli/store-file.ts';
import { expandSweep, parseSweep } from '../../../src/config/sweep.ts';
import { InputError } from '../../../src/messages/sentence.ts';
import { toRecord } from '../../../src/sweep/record.ts';
import { recordLine } from '../../../src/sweep/record-lines.ts';

const sweep = parseSweep({ name: 'x', base: { context: 8, tokens: 800 }, grids: [{ axes: { learningRate: [0.01, 0.02, 0.04] } }] });
const records = expandSweep(sweep).map((run, index) =>
  toRecord({
    run,
    outcome: { status: 'finished', finalLoss: 2 + index, smoothedTrainLoss: 2, parameters: new Float32Array(0) },
    facts: undefined,
    report: { backend: 'cpu', engine: 'reference', device: 'é' },
    curve: [[1, 16, 3]],
    validation: [],
    seconds: 1,
  }),
);

describe('the file of runs', () => {
  let folder = '';
  let path = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'runs-'));
    path = join(folder, 'runs.jsonl');
  });
  const stores: FileStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    rmSync(folder, { recursive: true });
  });

  const opened = async (): Promise<FileStore> => {
    const store = await FileStore.connect(path);
    stores.push(store);
    await store.open(sweep);
    return store;
  };

  it('has what was put, in the order of the end, when opened again', async () => {
    const store = await opened();
    // At once, as a population's lanes end.
    await Promise.all(records.map((record) => store.put(record)));
    await store.close();
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(4);
    expect(await (await opened()).all()).toEqual(records);
  });

  it('drops a torn last line, keeps the whole ones, and goes on after them', async () => {
    const whole = `${recordLine(records[0])}\n${recordLine(records[1])}\n`;
    const torn = Buffer.from(recordLine(records[2]));
    for (const cut of [1, 50, torn.length - 1]) {
      writeFileSync(path, Buffer.concat([Buffer.from(whole), torn.subarray(0, cut)]));
      const store = await opened();
      expect(await store.all()).toEqual(records.slice(0, 2));
      await store.put(records[2]);
      await store.close();
      expect((await readRuns(path)).records).toEqual(records);
    }
  });

  it('keeps a last line that only lacks its line feed', async () => {
    writeFileSync(path, `${recordLine(records[0])}\n${recordLine(records[1])}`);
    const store = await opened();
    await store.put(records[2]);
    await store.close();
    expect((await readRuns(path)).records).toEqual(records);
  });

  it('leaves runs of other sweeps where they are', async () => {
    const other = { ...records[0], id: 'other' };
    writeFileSync(path, `${recordLine(other)}\n`);
    const store = await opened();
    expect(await store.all()).toEqual([]);
    await store.put(records[0]);
    await store.close();
    expect((await readRuns(path)).records.map((record) => record.id)).toEqual(['other', records[0].id]);
  });

  it.each([
    ['text', 'Call me Ishmael.\n', 'line 1'],
    ['text without an end', 'Call me Ishmael.', 'line 1'],
    ['a table', 'N,D,loss\n1,2,3\n', 'line 1'],
    ['JSON of other things', '{"a":1}\n', 'Line 1'],
    ['one JSON document', '{\n  "a": 1\n}\n', 'Line 1'],
    ['a bad line between good ones', `${recordLine(records[0])}\n{"id":1}\n${recordLine(records[1])}\n`, 'Line 2'],
  ])('refuses %s in one sentence, and leaves it as it was', async (_, text, words) => {
    writeFileSync(path, text);
    const refusal = await FileStore.connect(path).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(refusal).toBeInstanceOf(InputError);
    expect((refusal as Error).message.toLowerCase()).toContain(words.toLowerCase());
    expect((refusal as Error).message).not.toContain('\n');
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it('refuses a large binary file early', async () => {
    writeFileSync(path, Buffer.alloc(20_000_000, 1));
    await expect(FileStore.connect(path)).rejects.toThrow('is not a file of runs');
  });

  it('takes an empty file for a new one, and refuses a folder', async () => {
    writeFileSync(path, '');
    expect(await (await opened()).all()).toEqual([]);
    await expect(FileStore.connect(folder)).rejects.toThrow('cannot be read');
    await expect(FileStore.connect(join(folder, 'none', 'runs.jsonl'))).rejects.toThrow('cannot be written');
    expect(existsSync(join(folder, 'none'))).toBe(false);
  });
});
