// Where runs are kept. The page keeps them in IndexedDB, the command line in a file of JSON lines, tests in memory.
import { expandSweep, sweepId, type SweepConfig } from '../config/sweep.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { CurvePoint, RunRecord } from './record.ts';

/** What is kept of a run that has not ended: enough to draw it after a reload. It trains again from its start. */
export interface RunProgress {
  readonly id: string;
  readonly curve: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
}

/** A sweep in the list of those that can be re-opened. */
export interface StoredSweep {
  readonly id: string;
  readonly sweep: SweepConfig;
  /** Milliseconds since 1970. */
  readonly opened: number;
  /** Runs of the sweep, and how many of them have a record. */
  readonly runs: number;
  readonly recorded: number;
}

/** How well a record was kept; `notice` says what was not, and what to do. Whatever happens, `all` still has the record. */
export interface Kept {
  readonly notice?: Sentence;
}

/**
 * Keeps records by run id: sweeps that share runs share their records. Methods reject with an InputError (one
 * sentence) when what lies there cannot be read.
 */
export interface RunStore {
  /** Opens a sweep, new or known, and lists it; a sweep that grew out of another takes its place in the list. */
  open(sweep: SweepConfig, replaces?: string): Promise<void>;
  /** Records of the open sweep's runs, one per run, the newest. */
  all(): Promise<RunRecord[]>;
  /** Keeps a run that has ended, in place of any record or progress of the same run. Never rejects for want of room. */
  put(record: RunRecord, parameters?: Float32Array): Promise<Kept>;
  /** Keeps what there is of runs that are training. */
  putProgress(progress: readonly RunProgress[]): Promise<Kept>;
  /** What was kept of the open sweep's unfinished runs. */
  progress(): Promise<RunProgress[]>;
  /** Trained parameters in the order of `parameterSpecs`, if they were kept. */
  parameters(id: string): Promise<Float32Array | undefined>;
  /** Sweeps that can be re-opened, last opened first. */
  sweeps(): Promise<StoredSweep[]>;
  /** Forgets a run. */
  removeRun(id: string): Promise<void>;
  /** Forgets a sweep and those of its runs that no other listed sweep has. */
  removeSweep(id: string): Promise<void>;
  close(): Promise<void>;
}

/** Keeps everything in memory, for tests and for pages that may not store. */
export class MemoryStore implements RunStore {
  readonly #records = new Map<string, RunRecord>();
  readonly #parameters = new Map<string, Float32Array>();
  readonly #progress = new Map<string, RunProgress>();
  readonly #sweeps = new Map<string, { sweep: SweepConfig; opened: number; runs: ReadonlySet<string> }>();
  #open: ReadonlySet<string> = new Set();

  open(sweep: SweepConfig, replaces?: string): Promise<void> {
    if (replaces !== undefined) this.#sweeps.delete(replaces);
    this.#open = new Set(expandSweep(sweep).map((run) => run.id));
    this.#sweeps.set(sweepId(sweep), { sweep, opened: Date.now(), runs: this.#open });
    return Promise.resolve();
  }

  all(): Promise<RunRecord[]> {
    return Promise.resolve([...this.#records.values()].filter((record) => this.#open.has(record.id)));
  }

  put(record: RunRecord, parameters?: Float32Array): Promise<Kept> {
    this.#records.set(record.id, record);
    this.#progress.delete(record.id);
    if (parameters) this.#parameters.set(record.id, parameters);
    return Promise.resolve({});
  }

  putProgress(progress: readonly RunProgress[]): Promise<Kept> {
    for (const one of progress) this.#progress.set(one.id, one);
    return Promise.resolve({});
  }

  progress(): Promise<RunProgress[]> {
    return Promise.resolve([...this.#progress.values()].filter((one) => this.#open.has(one.id)));
  }

  parameters(id: string): Promise<Float32Array | undefined> {
    return Promise.resolve(this.#parameters.get(id));
  }

  sweeps(): Promise<StoredSweep[]> {
    const list = [...this.#sweeps].map(([id, { sweep, opened, runs }]) => ({
      id,
      sweep,
      opened,
      runs: runs.size,
      recorded: [...runs].filter((run) => this.#records.has(run)).length,
    }));
    return Promise.resolve(list.sort((a, b) => b.opened - a.opened));
  }

  removeRun(id: string): Promise<void> {
    this.#records.delete(id);
    this.#parameters.delete(id);
    this.#progress.delete(id);
    return Promise.resolve();
  }

  async removeSweep(id: string): Promise<void> {
    const gone = this.#sweeps.get(id);
    this.#sweeps.delete(id);
    const others = [...this.#sweeps.values()];
    for (const run of gone?.runs ?? []) if (!others.some((other) => other.runs.has(run))) await this.removeRun(run);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
