// One place for a worker: starts it, watches over it, and gives up on it when it dies or goes silent.
import type { RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import type { LaneEvent } from '../training/trainer.ts';
import { deferred } from './deferred.ts';
import type { PoolWorker, WorkerPool } from './pool.ts';

/** A watch tick later than this means that the whole machine or page slept, not that the worker was silent. Milliseconds. */
const SLEPT = 5000;
const TICK = 1000;

/** How a population's training ended: by itself, or with the worker lost (the reason, one sentence in English). */
export type TrainingEnd = { readonly lost: false } | { readonly lost: true; readonly reason: string };

/** A worker that lives here, and the promise of why it does no more. */
interface Tenant {
  readonly worker: PoolWorker;
  readonly gone: Promise<string>;
  readonly leave: (reason: string) => void;
  left: boolean;
}

/** A place for one worker at a time. A lost worker is terminated at once; the next call that needs one starts another. */
export class Slot {
  readonly index: number;
  readonly #pool: WorkerPool;
  readonly #silence: number;
  #tenant: Tenant | undefined;
  #starting: Promise<Tenant> | undefined;
  #lastSign = 0;
  #paused = false;
  #deadline: ReturnType<typeof setTimeout> | undefined;
  #dismissStart: () => unknown = () => undefined;

  /** Whether the queue has something under way here. */
  busy = false;
  /** Failures of any kind, one after the other. */
  failures = 0;
  /** Ids of the runs that train here. */
  training: readonly string[] = [];

  /** @param silence milliseconds without a sign of life after which a worker that trains counts as lost */
  constructor(index: number, pool: WorkerPool, silence: number) {
    this.index = index;
    this.#pool = pool;
    this.#silence = silence;
  }

  /** The worker, if one lives here. */
  get worker(): PoolWorker | undefined {
    return this.#tenant?.worker;
  }

  /** The worker, started if need be. Rejects with the pool's sentence. */
  async ready(): Promise<PoolWorker> {
    return (await this.#ready()).worker;
  }

  async #ready(): Promise<Tenant> {
    if (this.#tenant !== undefined) return this.#tenant;
    this.#starting ??= this.#start();
    return this.#starting;
  }

  async #start(): Promise<Tenant> {
    const starting = { dismissed: false };
    this.#dismissStart = () => (starting.dismissed = true);
    try {
      const worker = await Promise.resolve().then(() => this.#pool.start());
      if (starting.dismissed) {
        worker.terminate();
        throw new Error('The worker was dismissed while it started.');
      }
      const { promise: gone, resolve: leave } = deferred<string>();
      const tenant: Tenant = { worker, gone, leave, left: false };
      void worker.died.then((reason) => this.#evict(tenant, reason));
      this.#tenant = tenant;
      return tenant;
    } finally {
      if (!starting.dismissed) this.#starting = undefined;
    }
  }

  /** Waits for a worker's answer, but no longer than it lives, and at most `milliseconds`. A worker that does not answer is lost. */
  async ask<T>(question: (worker: PoolWorker) => Promise<T>, milliseconds: number): Promise<T> {
    const tenant = await this.#ready();
    const timer = setTimeout(
      () => this.#evict(tenant, `The worker did not answer for ${Math.round(milliseconds / 1000)} s.`),
      milliseconds,
    );
    const gone = tenant.gone.then((reason) => {
      throw new Error(reason);
    });
    try {
      return await Promise.race([question(tenant.worker), gone]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Trains a population. Rejects only when no worker can be started. Events that come after the worker was given up are dropped.
   * @param next what will likely come after it, if the worker should know
   */
  async train(runs: readonly SweepRun[], sink: (events: readonly LaneEvent[]) => void, next?: RunConfig): Promise<TrainingEnd> {
    const tenant = await this.#ready();
    let over = false;
    this.training = runs.map((run) => run.id);
    this.#lastSign = performance.now();
    const trained = tenant.worker
      .train(runs, (events) => {
        if (over) return;
        this.#lastSign = performance.now();
        if (events.length > 0) sink(events);
      })
      .then(
        (): TrainingEnd => ({ lost: false }),
        (error: unknown): TrainingEnd => ({ lost: true, reason: error instanceof Error ? error.message : String(error) }),
      );
    if (next !== undefined) tenant.worker.announce(next).catch(() => undefined);
    let ticked = this.#lastSign;
    const watch = setInterval(() => {
      const now = performance.now();
      if (this.#paused || now - ticked > SLEPT) this.#lastSign = now;
      ticked = now;
      if (now - this.#lastSign >= this.#silence)
        this.#evict(tenant, `The worker gave no sign of life for ${Math.round(this.#silence / 1000)} s.`);
    }, TICK);
    const end = await Promise.race([trained, tenant.gone.then((reason): TrainingEnd => ({ lost: true, reason }))]);
    over = true;
    this.training = [];
    clearInterval(watch);
    clearTimeout(this.#deadline);
    if (end.lost) this.#evict(tenant, end.reason);
    return end;
  }

  async pause(): Promise<void> {
    this.#paused = true;
    if (this.training.length > 0) await this.worker?.pause().catch(() => undefined);
  }

  async resume(): Promise<void> {
    if (!this.#paused) return;
    this.#paused = false;
    this.#lastSign = performance.now();
    await this.worker?.resume().catch(() => undefined);
  }

  /** Asks the worker to leave its population; one that has not after `milliseconds` is terminated. Does not wait. */
  stop(milliseconds: number): void {
    const tenant = this.#tenant;
    this.#paused = false;
    if (tenant === undefined || this.training.length === 0) return;
    this.#deadline = setTimeout(() => this.#evict(tenant, 'The worker did not stop when asked to.'), milliseconds);
    tenant.worker.stop().catch(() => undefined);
  }

  /** Ends the worker, whatever it does. */
  dismiss(): void {
    if (this.#starting !== undefined) {
      this.#dismissStart();
      this.#starting = undefined;
    }
    if (this.#tenant !== undefined) this.#evict(this.#tenant, 'The worker was ended.');
  }

  #evict(tenant: Tenant, reason: string): void {
    if (tenant.left) return;
    tenant.left = true;
    if (this.#tenant === tenant) this.#tenant = undefined;
    tenant.worker.terminate();
    tenant.leave(reason);
  }
}
