// Runs in the browser's IndexedDB: records, trained parameters, what there is of unfinished runs, and the list of sweeps.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { expandSweep, sweepId, type SweepConfig } from '../config/sweep.ts';
import { InputError, type Sentence } from '../messages/sentence.ts';
import { wholeRecord, type RunRecord } from './record.ts';
import type { Kept, RunProgress, RunStore, StoredSweep } from './store.ts';

interface SweepEntry {
  readonly id: string;
  readonly sweep: SweepConfig;
  /** Milliseconds since 1970. */
  readonly opened: number;
  /** Ids of its runs. */
  readonly runs: readonly string[];
}

interface Schema extends DBSchema {
  records: { key: string; value: RunRecord };
  parameters: { key: string; value: { readonly id: string; readonly values: Float32Array } };
  progress: { key: string; value: RunProgress };
  sweeps: { key: string; value: SweepEntry };
}

const full: Sentence = {
  en: 'The browser has no room left to keep runs: this one is kept until the page is closed; export the runs now, or remove old sweeps.',
  zh: '浏览器没有空间保存训练记录：这次的记录只保留到页面关闭；请现在导出，或删除旧的扫描。',
};
const noParameters: Sentence = {
  en: 'The browser has little room left: losses are kept, but trained parameters are not, so new runs cannot write samples after a reload.',
  zh: '浏览器空间不足：损失已保存，但训练好的参数没有保存，重新加载后新的训练无法生成样本。',
};
const unreadable = (detail: string): InputError =>
  new InputError({
    en: `The browser's store of runs cannot be used (${detail}); runs are kept only while this page is open if you go on without it.`,
    zh: `无法使用浏览器的训练记录存储（${detail}）；若继续，记录只在此页面打开期间保留。`,
  });

/** A record on its way into the store. */
interface Unwritten {
  readonly record: RunRecord;
  readonly parameters: Float32Array | undefined;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Keeps runs in IndexedDB. What it has no room for stays in memory, so that nothing is lost while the page is open. */
export class BrowserStore implements RunStore {
  readonly #database: IDBPDatabase<Schema>;
  /** Records that could not be written. */
  readonly #homeless = new Map<string, RunRecord>();
  /** Parameters that could not be written, of this page's runs. */
  readonly #loose = new Map<string, Float32Array>();
  readonly #complaints = new Set<string>();
  #runs: readonly string[] = [];
  /** Records that the next transaction takes. */
  readonly #unwritten: Unwritten[] = [];
  #writing = false;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /** Opens the store. Rejects with an InputError where the browser has none (some private windows). */
  static async connect(name = 'tinyscale'): Promise<BrowserStore> {
    try {
      const database = await openDB<Schema>(name, 1, {
        upgrade(fresh) {
          for (const table of ['records', 'parameters', 'progress', 'sweeps'] as const) fresh.createObjectStore(table, { keyPath: 'id' });
        },
        // Another page wants a newer layout: let it, rather than hold it up.
        blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
      });
      return new BrowserStore(database);
    } catch (error) {
      throw unreadable(messageOf(error));
    }
  }

  async open(sweep: SweepConfig, replaces?: string): Promise<void> {
    const id = sweepId(sweep);
    this.#runs = expandSweep(sweep).map((run) => run.id);
    const entry: SweepEntry = { id, sweep, opened: Date.now(), runs: this.#runs };
    try {
      const transaction = this.#database.transaction('sweeps', 'readwrite');
      const stale = replaces !== undefined && replaces !== id ? transaction.store.delete(replaces) : undefined;
      await Promise.all([stale, transaction.store.put(entry), transaction.done]);
    } catch (error) {
      // Without its entry the sweep is not in the list, but its runs are found all the same.
      if (!isFull(error)) throw unreadable(messageOf(error));
    }
  }

  async all(): Promise<RunRecord[]> {
    const stored = await this.#many('records');
    const known = new Map([...stored.map((record) => [record.id, wholeRecord(record)] as const), ...this.#homeless]);
    return this.#runs.flatMap((id) => known.get(id) ?? []);
  }

  async put(record: RunRecord, parameters?: Float32Array): Promise<Kept> {
    try {
      await this.#write(record, parameters);
      this.#homeless.delete(record.id);
      return {};
    } catch (error) {
      if (!isFull(error)) return this.#keepInMemory(record, parameters, unreadable(messageOf(error)).sentence);
    }
    if (parameters === undefined) return this.#keepInMemory(record, undefined, full);
    try {
      await this.#write(record);
      this.#loose.set(record.id, parameters);
      return this.#complain(noParameters);
    } catch {
      return this.#keepInMemory(record, parameters, full);
    }
  }

  async putProgress(progress: readonly RunProgress[]): Promise<Kept> {
    try {
      const transaction = this.#database.transaction('progress', 'readwrite');
      await Promise.all([...progress.map((one) => transaction.store.put(one)), transaction.done]);
    } catch {
      // Progress only draws curves after a reload; a store that is full says so when a record comes.
    }
    return {};
  }

  progress(): Promise<RunProgress[]> {
    return this.#many('progress');
  }

  async parameters(id: string): Promise<Float32Array | undefined> {
    return this.#loose.get(id) ?? (await this.#database.get('parameters', id))?.values;
  }

  async sweeps(): Promise<StoredSweep[]> {
    const entries = await this.#database.getAll('sweeps');
    const recorded = new Set(await this.#database.getAllKeys('records'));
    return entries
      .map(({ id, sweep, opened, runs }) => ({
        id,
        sweep,
        opened,
        runs: runs.length,
        recorded: runs.filter((run) => recorded.has(run) || this.#homeless.has(run)).length,
      }))
      .sort((a, b) => b.opened - a.opened);
  }

  async removeRun(id: string): Promise<void> {
    await this.#remove([id]);
  }

  async removeSweep(id: string): Promise<void> {
    const entries = await this.#database.getAll('sweeps');
    const elsewhere = new Set(entries.flatMap((entry) => (entry.id === id ? [] : entry.runs)));
    await this.#database.delete('sweeps', id);
    await this.#remove((entries.find((entry) => entry.id === id)?.runs ?? []).filter((run) => !elsewhere.has(run)));
  }

  close(): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }

  async #many<Table extends 'records' | 'progress'>(table: Table): Promise<Schema[Table]['value'][]> {
    const transaction = this.#database.transaction(table);
    const found = await Promise.all(this.#runs.map((id) => transaction.store.get(id)));
    return found.filter((one) => one !== undefined);
  }

  /** Stores a record with its parameters, and ends its progress. */
  #write(record: RunRecord, parameters?: Float32Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#unwritten.push({ record, parameters, resolve, reject });
      if (!this.#writing) void this.#writeAll();
    });
  }

  /**
   * Runs end in bursts, all lanes of a population at once: those that wait go into one transaction, so that little time
   * is left in which a closing page could lose them.
   */
  async #writeAll(): Promise<void> {
    this.#writing = true;
    // The rest of the burst comes within this task.
    await Promise.resolve();
    while (this.#unwritten.length > 0) {
      const batch = this.#unwritten.splice(0);
      try {
        await this.#together(batch);
        for (const { resolve } of batch) resolve();
      } catch {
        // All or nothing: one by one says which of them can't be kept, and why.
        for (const one of batch) await this.#together([one]).then(one.resolve, one.reject);
      }
    }
    this.#writing = false;
  }

  async #together(batch: readonly Unwritten[]): Promise<void> {
    const transaction = this.#database.transaction(['records', 'parameters', 'progress'], 'readwrite');
    const writes = batch.flatMap(({ record, parameters }): Promise<unknown>[] => [
      transaction.objectStore('records').put(record),
      transaction.objectStore('progress').delete(record.id),
      parameters === undefined
        ? transaction.objectStore('parameters').delete(record.id)
        : transaction.objectStore('parameters').put({ id: record.id, values: parameters }),
    ]);
    // The transaction's end last: a quota is often noticed only there.
    await Promise.all([...writes, transaction.done]);
  }

  async #remove(ids: readonly string[]): Promise<void> {
    const transaction = this.#database.transaction(['records', 'parameters', 'progress'], 'readwrite');
    const writes = ids.flatMap((id) => {
      this.#homeless.delete(id);
      this.#loose.delete(id);
      return (['records', 'parameters', 'progress'] as const).map((table) => transaction.objectStore(table).delete(id));
    });
    await Promise.all([...writes, transaction.done]);
  }

  #keepInMemory(record: RunRecord, parameters: Float32Array | undefined, sentence: Sentence): Kept {
    this.#homeless.set(record.id, record);
    if (parameters !== undefined) this.#loose.set(record.id, parameters);
    return this.#complain(sentence);
  }

  /** Says a thing once: hundreds of runs may end after the store is full. */
  #complain(sentence: Sentence): Kept {
    if (this.#complaints.has(sentence.en)) return {};
    this.#complaints.add(sentence.en);
    return { notice: sentence };
  }
}

function isFull(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'QuotaExceededError';
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
