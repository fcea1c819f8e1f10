// Writes checkpoints to a store beside the training, in order, and no more of them than the store can take.
import type { Checkpoint, CheckpointKey, CheckpointStore } from './checkpoint.ts';

/** Writing may take this share of the time: after a round that took t, the next waits at least t / SHARE. */
const SHARE = 0.1;

/** What is to be kept: asked for when its turn has come, undefined when there is nothing (any more). */
export interface Keepable {
  readonly key: CheckpointKey;
  checkpoint(): Checkpoint | undefined;
}

/** Writes one round of checkpoints at a time. A store that fails is not asked again. */
export class CheckpointWriter {
  readonly #store: CheckpointStore | undefined;
  readonly #now: () => number;
  #last: Promise<void> = Promise.resolve();
  #writing = false;
  #notBefore = -Infinity;
  #broken = false;

  /** @param now milliseconds */
  constructor(store: CheckpointStore | undefined, now: () => number) {
    this.#store = store;
    this.#now = now;
  }

  /** Reads what was kept, if it can be read. */
  async load(key: CheckpointKey): Promise<Checkpoint | undefined> {
    try {
      return await this.#store?.load(key);
    } catch {
      return undefined;
    }
  }

  /** Begins to write a round, unless one is being written or the last took so long that it is too early. */
  offer(runs: readonly Keepable[]): void {
    if (this.#writing || this.#now() < this.#notBefore) return;
    this.#write(runs);
  }

  /** Writes a round for certain; resolves when it is written. */
  async keep(runs: readonly Keepable[]): Promise<void> {
    this.#write(runs);
    await this.settled();
  }

  /** Forgets a run that has ended. */
  remove(key: CheckpointKey): void {
    this.#then((store) => store.remove(key));
  }

  /** Resolves when all that was asked for is done. */
  settled(): Promise<void> {
    return this.#last;
  }

  #write(runs: readonly Keepable[]): void {
    this.#writing = true;
    this.#then(async (store) => {
      const start = this.#now();
      try {
        for (const run of runs) {
          const checkpoint = run.checkpoint();
          // What was accumulated towards the next update is left out: the next worker may take other micro-batches.
          if (checkpoint) await store.save(run.key, { ...checkpoint, state: { ...checkpoint.state, pending: undefined } });
        }
      } finally {
        const end = this.#now();
        this.#notBefore = end + (end - start) / SHARE;
      }
    });
    void this.#last.then(() => (this.#writing = false));
  }

  #then(work: (store: CheckpointStore) => Promise<void>): void {
    const store = this.#store;
    if (store === undefined) return;
    this.#last = this.#last.then(async () => {
      if (this.#broken) return;
      try {
        await work(store);
      } catch {
        // A full or forbidden disk takes away the net, not the training.
        this.#broken = true;
      }
    });
  }
}
