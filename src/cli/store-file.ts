// Runs in a file of JSON lines (runs.jsonl): read when opened, appended to as runs end. A line that a crash tore off at
// the end is dropped, and its run is trained again.
import { createReadStream } from 'node:fs';
import { open, stat, truncate, type FileHandle } from 'node:fs/promises';
import { expandSweep, type SweepConfig } from '../config/sweep.ts';
import { InputError } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import { parseRecordLine, recordLine } from '../sweep/record-lines.ts';
import type { Kept, RunProgress, RunStore, StoredSweep } from '../sweep/store.ts';

/** A line longer than this is no record: a curve has at most 400 points. Bytes. */
const LONGEST_LINE = 4_000_000;

const LINE_FEED = 10;

/** What a file of runs holds. */
export interface RunsFile {
  /** Of lines with one id the last counts. */
  readonly records: RunRecord[];
  /** Bytes up to the end of the last whole line. */
  readonly whole: number;
  /** The last whole line has no line feed. */
  readonly unended: boolean;
}

/**
 * Reads a file of runs. A last line that is no JSON and has no line feed was torn off, and is passed over.
 * Rejects with an InputError when the file cannot be read, or holds other things.
 */
export async function readRuns(path: string): Promise<RunsFile> {
  const records = new Map<string, RunRecord>();
  let whole = 0;
  let line = 0;
  const take = (bytes: Buffer): void => {
    line++;
    const text = bytes.toString('utf8');
    if (text.trim() === '') return;
    const record = readLine(text, line, path);
    records.delete(record.id);
    records.set(record.id, record);
  };
  let rest: Buffer = Buffer.alloc(0);
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      let data = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      for (let end = data.indexOf(LINE_FEED); end >= 0; end = data.indexOf(LINE_FEED)) {
        take(data.subarray(0, end));
        whole += end + 1;
        data = data.subarray(end + 1);
      }
      if (data.length > LONGEST_LINE) throw notRuns(path, `line ${line + 1} is over ${LONGEST_LINE} bytes long`);
      rest = data;
    }
  } catch (error) {
    throw error instanceof InputError ? error : cannot('read', path, error);
  }
  if (rest.length === 0) return { records: [...records.values()], whole, unended: false };
  if (isTorn(rest)) {
    // A whole file that is one line of something else was not torn from runs.
    if (records.size === 0 && rest[0] !== '{'.charCodeAt(0)) throw notRuns(path, 'line 1 is not JSON');
    return { records: [...records.values()], whole, unended: false };
  }
  take(rest);
  return { records: [...records.values()], whole: whole + rest.length, unended: true };
}

/** Keeps the runs of a sweep in a file, which may hold runs of other sweeps too. Parameters are not kept. */
export class FileStore implements RunStore {
  readonly #path: string;
  readonly #records: Map<string, RunRecord>;
  #file: FileHandle | undefined;
  #runs: ReadonlySet<string> = new Set();
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(path: string, records: readonly RunRecord[], file: FileHandle) {
    this.#path = path;
    this.#records = new Map(records.map((record) => [record.id, record]));
    this.#file = file;
  }

  /** Opens a file, new or with runs in it. Rejects with an InputError when it cannot be written or holds other things. */
  static async connect(path: string): Promise<FileStore> {
    const exists = await stat(path).then(
      () => true,
      () => false,
    );
    const { records, whole, unended } = exists ? await readRuns(path) : { records: [], whole: 0, unended: false };
    try {
      if (exists) await truncate(path, whole);
      const file = await open(path, 'a');
      if (unended) await file.appendFile('\n');
      return new FileStore(path, records, file);
    } catch (error) {
      throw cannot('write', path, error);
    }
  }

  open(sweep: SweepConfig): Promise<void> {
    this.#runs = new Set(expandSweep(sweep).map((run) => run.id));
    return Promise.resolve();
  }

  all(): Promise<RunRecord[]> {
    return Promise.resolve([...this.#records.values()].filter((record) => this.#runs.has(record.id)));
  }

  async put(record: RunRecord): Promise<Kept> {
    this.#records.set(record.id, record);
    const line = `${recordLine(record)}\n`;
    // One line after the other: two appends at once may mix.
    const written = this.#writing.then(() => this.#file?.appendFile(line));
    this.#writing = written.catch(() => undefined);
    try {
      await written;
      return {};
    } catch (error) {
      return { notice: cannot('write', this.#path, error).sentence };
    }
  }

  putProgress(): Promise<Kept> {
    return Promise.resolve({});
  }

  progress(): Promise<RunProgress[]> {
    return Promise.resolve([]);
  }

  parameters(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  /** A file lists no sweeps. */
  sweeps(): Promise<StoredSweep[]> {
    return Promise.resolve([]);
  }

  /** The line stays; the next record of the run takes its place. */
  removeRun(id: string): Promise<void> {
    this.#records.delete(id);
    return Promise.resolve();
  }

  removeSweep(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#file?.close();
    this.#file = undefined;
  }
}

function readLine(text: string, line: number, path: string): RunRecord {
  try {
    return parseRecordLine(text, line);
  } catch (error) {
    if (error instanceof InputError) throw notRuns(path, error.sentence.en.replace(/\.$/, ''));
    throw error;
  }
}

function isTorn(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return false;
  } catch {
    return true;
  }
}

function notRuns(path: string, why: string): InputError {
  return new InputError({
    en: `${path} is not a file of runs (${why}); name another file, it has been left as it was.`,
    zh: `${path} 不是训练记录文件（${why}）；请换一个文件名，原文件未被改动。`,
  });
}

function cannot(what: 'read' | 'write', path: string, error: unknown): InputError {
  const why = error instanceof Error ? error.message : String(error);
  return new InputError({
    en: `${path} cannot be ${what === 'read' ? 'read' : 'written'}: ${why}.`,
    zh: `无法${what === 'read' ? '读取' : '写入'} ${path}：${why}。`,
  });
}
