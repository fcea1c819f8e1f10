// Keeps workers busy: hands them populations, takes runs again whose worker was lost, replaces lost workers.
import type { RunConfig } from '../config/run.ts';
import type { Sentence } from '../messages/sentence.ts';
import { populationKey, type LaneEvent } from '../training/trainer.ts';
import { sentenceOfError } from './error-sentence.ts';
import type { LiveRun } from './live-run.ts';
import { WaitingRuns } from './pack.ts';
import type { PoolWorker, WorkerPool } from './pool.ts';
import { Slot } from './slot.ts';

/** What the scheduler tells its owner. */
export interface SchedulerHooks {
  /** `live` begins to train, from its start. */
  started(live: LiveRun, worker: number): void;
  event(event: LaneEvent): void;
  /** `live` waits again: its worker was lost, or the scheduler was stopped. */
  interrupted(live: LiveRun): void;
  /** `live` cost too many workers. */
  failed(live: LiveRun, reason: Sentence): void;
  /** Something went wrong that the sweep survives. */
  trouble(sentence: Sentence): void;
  /** Nothing is under way any more: nothing waits, all was stopped, or no worker can be had though runs wait. */
  quiet(why: 'done' | 'stopped' | 'no worker'): void;
}

/** Failures of a slot, one after the other, after which it is given up. */
const MOST_FAILURES = 8;

/** Milliseconds that a worker has to leave its population when stopped. */
const STOP_WITHIN = 5000;

/** Trains runs on the workers of a pool. */
export class Scheduler {
  readonly #slots: readonly Slot[];
  readonly #hooks: SchedulerHooks;
  readonly #patience: number;
  readonly #retries: number;
  readonly #waiting = new WaitingRuns();
  readonly #live = new Map<string, LiveRun>();
  readonly #lanes = new Map<string, number>();
  #rankOf: (id: string) => number = () => 0;
  #mode: 'resting' | 'running' | 'paused' | 'stopping' = 'resting';

  /** @param options times in milliseconds, as in `QueueOptions` */
  constructor(
    options: { readonly pool: WorkerPool; readonly silence: number; readonly patience: number; readonly retries: number },
    hooks: SchedulerHooks,
  ) {
    const { pool, silence, patience, retries } = options;
    this.#slots = Array.from({ length: Math.max(1, pool.size) }, (_, index) => new Slot(index, pool, silence));
    this.#patience = patience;
    this.#retries = retries;
    this.#hooks = hooks;
  }

  /** Workers that live, and places that may still have one. */
  get workers(): { readonly living: number; readonly usable: number } {
    return { living: this.#slots.filter((slot) => slot.worker !== undefined).length, usable: this.#usable().length };
  }

  /** The population key of what each busy worker trains, one entry per worker. */
  get kinds(): string[] {
    return this.#slots.flatMap((slot) => this.#live.get(slot.training[0] ?? '')?.kind ?? []);
  }

  /** Asks the first worker, which is started if need be. Rejects when it does not answer in time, or dies. */
  ask<T>(question: (worker: PoolWorker) => Promise<T>): Promise<T> {
    return this.#slots[0].ask(question, this.#patience);
  }

  /** Adds runs that wait. @param rankOf place in the order of the sweep: lower is earlier */
  add(runs: readonly LiveRun[], rankOf = this.#rankOf): void {
    this.#rankOf = rankOf;
    for (const live of runs) this.#live.set(live.run.id, live);
    this.#waiting.add(
      runs.map(({ run, attempts, predicted }) => ({ run, attempts, cost: predicted })),
      rankOf,
    );
    this.#fill();
  }

  /** Takes out a run that waits. */
  remove(id: string): void {
    if (this.#waiting.remove(id)) this.#quiet();
  }

  /** Trains until nothing waits. */
  run(): void {
    for (const slot of this.#slots) slot.failures = 0;
    this.#mode = 'running';
    this.#fill();
  }

  async pause(): Promise<void> {
    if (this.#mode !== 'running') return;
    this.#mode = 'paused';
    await Promise.all(this.#slots.map((slot) => slot.pause()));
  }

  async resume(): Promise<void> {
    if (this.#mode !== 'paused') return;
    this.#mode = 'running';
    await Promise.all(this.#slots.map((slot) => slot.resume()));
    this.#fill();
  }

  /** Leaves off; `quiet` tells when all workers have. */
  stop(): void {
    if (this.#mode === 'resting') return;
    this.#mode = 'stopping';
    for (const slot of this.#slots) slot.stop(STOP_WITHIN);
    this.#quiet();
  }

  /** Asks the worker of a run that trains to end it. */
  skip(id: string): void {
    const slot = this.#slots.find((one) => one.training.includes(id));
    slot?.worker?.skip(id).catch(() => undefined);
  }

  /** Ends all workers, whatever they do. */
  dismiss(): void {
    for (const slot of this.#slots) slot.dismiss();
  }

  #usable(): Slot[] {
    return this.#slots.filter((slot) => slot.failures < MOST_FAILURES);
  }

  /** Gives every idle slot something to do, if there is anything. */
  #fill(): void {
    if (this.#mode === 'running')
      for (const slot of this.#usable()) {
        if (slot.busy || this.#waiting.size === 0) continue;
        slot.busy = true;
        void this.#work(slot);
      }
    this.#quiet();
  }

  #quiet(): void {
    if (this.#mode === 'resting' || this.#slots.some((slot) => slot.busy)) return;
    const done = this.#waiting.size === 0;
    if (this.#mode !== 'stopping' && !done && this.#usable().length > 0) return;
    const why = this.#mode === 'stopping' ? 'stopped' : done ? 'done' : 'no worker';
    this.#mode = 'resting';
    for (const { run } of [...this.#waiting.values()]) this.#waiting.remove(run.id);
    this.#live.clear();
    this.#hooks.quiet(why);
  }

  async #work(slot: Slot): Promise<void> {
    try {
      while (this.#mode === 'running' && slot.failures < MOST_FAILURES) {
        await slot.ready();
        const next = this.#waiting.first();
        if (next === undefined) break;
        const lanes = await this.#lanesFor(slot, next.run.config);
        // While this worker was asked, another may have taken the run, or all may have been held.
        if (this.#mode !== 'running' || this.#waiting.first()?.run.id !== next.run.id) continue;
        const population = this.#waiting.take(lanes, this.#usable().length);
        await this.#train(
          slot,
          population.map(({ run }) => this.#live.get(run.id)!),
        );
      }
    } catch (error) {
      slot.failures++;
      slot.dismiss();
      if (this.#mode !== 'stopping') this.#hooks.trouble(sentenceOfError(error));
    }
    slot.busy = false;
    this.#fill();
  }

  async #lanesFor(slot: Slot, config: RunConfig): Promise<number> {
    const key = populationKey(config);
    let lanes = this.#lanes.get(key);
    if (lanes === undefined) this.#lanes.set(key, (lanes = await slot.ask((worker) => worker.lanesFor(config), this.#patience)));
    return lanes;
  }

  async #train(slot: Slot, population: readonly LiveRun[]): Promise<void> {
    for (const live of population) {
      live.begin();
      this.#hooks.started(live, slot.index);
    }
    const end = await slot.train(
      population.map((live) => live.run),
      (events) => events.forEach((event) => this.#hooks.event(event)),
      this.#after(population[0].kind),
    );
    const left = population.filter((live) => live.phase === 'training');
    const stopping = this.#mode === 'stopping';
    if (stopping) {
      for (const live of left) this.#interrupt(live);
      return;
    }
    slot.failures = end.lost || left.length > 0 ? slot.failures + 1 : 0;
    const why: Sentence = end.lost
      ? { en: `A worker was lost: ${end.reason}`, zh: `一个训练进程丢失：${end.reason}` }
      : { en: 'A worker left runs unfinished.', zh: '训练进程未完成部分训练。' };
    if (end.lost || left.length > 0) this.#hooks.trouble(why);
    const again: LiveRun[] = [];
    for (const live of left) {
      live.attempts++;
      if (live.attempts > this.#retries) this.#hooks.failed(live, why);
      else {
        this.#interrupt(live);
        again.push(live);
      }
    }
    if (again.length > 0) this.add(again);
  }

  /** What comes after a population, where it is of another kind than that. */
  #after(kind: string): RunConfig | undefined {
    const next = this.#waiting.first()?.run.config;
    return next && populationKey(next) !== kind ? next : undefined;
  }

  #interrupt(live: LiveRun): void {
    live.interrupt();
    this.#hooks.interrupted(live);
  }
}
