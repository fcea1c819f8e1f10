// The queue: trains a sweep's runs on a pool of workers, keeps what ends, and tells whoever watches. It knows neither
// page nor terminal.
import type { RunConfig } from '../config/run.ts';
import { expandSweep, parseSweep, sweepId, type Grid, type SweepConfig } from '../config/sweep.ts';
import { InputError, type Sentence } from '../messages/sentence.ts';
import type { DeviceReport, LaneEvent, LaneOutcome } from '../training/trainer.ts';
import { sharedUpdates } from '../training/trunk.ts';
import { calibrate, TimeModel } from './cost.ts';
import { KnownData } from './data-facts.ts';
import { deferred, type Deferred } from './deferred.ts';
import { sentenceOfError } from './error-sentence.ts';
import type { QueueEvent, QueueState, Totals } from './events.ts';
import { LiveRun, type RunView } from './live-run.ts';
import { orderRuns } from './order.ts';
import type { WorkerPool } from './pool.ts';
import { toRecord, type RunRecord } from './record.ts';
import { Scheduler } from './scheduler.ts';
import type { Kept, RunStore } from './store.ts';
import { Tally } from './tally.ts';

/** What a queue is made of. Times in milliseconds. */
export interface QueueOptions {
  readonly sweep: SweepConfig;
  readonly pool: WorkerPool;
  readonly store: RunStore;
  /** A worker that trains and gives no sign of life for so long is replaced. Default 60,000. */
  readonly silence?: number;
  /** How long a worker may take to prepare data or to measure. Default 300,000. */
  readonly patience?: number;
  /** How often a run is taken again after its worker died under it, before it counts as failed. Default 3. */
  readonly retries?: number;
  /** Whether trained parameters go to the store. Default true. */
  readonly keepParameters?: boolean;
  /** Length of each measurement of the calibration; 0 leaves it out. Default 200. */
  readonly calibration?: number;
}

/** How a queue came to rest. */
export type QueueEnd = 'finished' | 'stopped';

const DEFAULTS = { silence: 60_000, patience: 300_000, retries: 3, keepParameters: true, calibration: 200 };
const TOTALS_EVERY = 500;
const SAVE_EVERY = 5000;

/** Trains one sweep. Open it with {@link SweepQueue.open}. */
export class SweepQueue {
  readonly #options: Required<Omit<QueueOptions, 'sweep'>>;
  readonly #scheduler: Scheduler;
  readonly #runs = new Map<string, LiveRun>();
  readonly #listeners = new Set<(event: QueueEvent) => void>();
  readonly #data = new KnownData();
  readonly #writes = new Set<Promise<void>>();
  readonly #tally = new Tally(this.#data.vocabulary);
  #rank: ReadonlyMap<string, number> = new Map();
  #sweep: SweepConfig;
  #state: QueueState = 'idle';
  #time = new TimeModel();
  #prepared = false;
  #report: DeviceReport | undefined;
  #preparing: Promise<DeviceReport> | undefined;
  #ending: Deferred<QueueEnd> | undefined;
  #timers: ReturnType<typeof setInterval>[] = [];
  #lastTrouble: Sentence = { en: 'No worker could be started.', zh: '无法启动任何训练进程。' };

  private constructor({ sweep, ...options }: QueueOptions) {
    this.#options = { ...DEFAULTS, ...options };
    this.#sweep = sweep;
    this.#scheduler = new Scheduler(this.#options, {
      started: (live, worker) => this.#emit({ kind: 'run started', id: live.run.id, worker }),
      event: (event) => this.#take(event),
      interrupted: (live) => this.#emit({ kind: 'run waiting', id: live.run.id }),
      failed: (live, reason) => this.#finish(live, { status: 'failed', reason }, 0),
      trouble: (sentence) => {
        this.#lastTrouble = sentence;
        this.#emit({ kind: 'notice', sentence });
      },
      quiet: (why) => this.#settle(why === 'done' ? 'finished' : why === 'stopped' ? 'stopped' : 'failed'),
    });
  }

  /** A queue over a sweep; runs that the store has a record of count as done (failed ones are taken again). */
  static async open(options: QueueOptions): Promise<SweepQueue> {
    const queue = new SweepQueue(options);
    await options.store.open(options.sweep);
    await queue.#adopt(options.sweep);
    return queue;
  }

  get state(): QueueState {
    return this.#state;
  }

  /** The sweep as it is now: {@link extend} adds grids to it. */
  get sweep(): SweepConfig {
    return this.#sweep;
  }

  /** What the first worker runs on, once it has started. */
  get report(): DeviceReport | undefined {
    return this.#report;
  }

  /** Whether data and speed are known: {@link prepare} has been done. */
  get prepared(): boolean {
    return this.#prepared;
  }

  /** All runs, in the order of the sweep. */
  runs(): IterableIterator<RunView> {
    return this.#runs.values();
  }

  run(id: string): RunView | undefined {
    return this.#runs.get(id);
  }

  /** Records of all runs that have ended. */
  records(): RunRecord[] {
    return [...this.#runs.values()].flatMap((live) => live.record ?? []);
  }

  /** Calls `listener` at every event, until the function returned is called. */
  on(listener: (event: QueueEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Figures of the whole sweep, now. */
  totals(): Totals {
    this.#tally.tick(this.#scheduler.kinds);
    return this.#tally.totals(this.#runs.values(), this.#scheduler.workers);
  }

  /**
   * Starts a worker, learns the facts of the data, checks that every batch fits its corpus, and measures how long
   * steps take. {@link start} does it too, if it has not been done. Rejects with an InputError (one sentence), and may
   * be tried again.
   */
  prepare(): Promise<DeviceReport> {
    this.#preparing ??= this.#prepare().catch((error: unknown) => {
      this.#preparing = undefined;
      if (this.#state === 'preparing') this.#setState('failed');
      throw new InputError(sentenceOfError(error));
    });
    return this.#preparing;
  }

  /** Trains until no run is left, or until stopped. Rejects with an InputError when it cannot go on; nothing is lost then. */
  async start(): Promise<QueueEnd> {
    if (this.#ending !== undefined) {
      await this.resume();
      return this.#ending.promise;
    }
    const ending = deferred<QueueEnd>();
    this.#ending = ending;
    try {
      if (this.#unended().length === 0) this.#settle('finished');
      else {
        await this.prepare();
        if (this.#ending === ending) this.#begin();
      }
    } catch (error) {
      if (this.#ending === ending) this.#ending = undefined;
      ending.reject(new InputError(sentenceOfError(error)));
    }
    return ending.promise;
  }

  /** Holds all workers where they are. */
  async pause(): Promise<void> {
    if (this.#state !== 'running') return;
    this.#tally.hold(this.#scheduler.kinds);
    this.#setState('paused');
    await this.#scheduler.pause();
  }

  async resume(): Promise<void> {
    if (this.#state !== 'paused') return;
    this.#tally.go();
    this.#setState('running');
    await this.#scheduler.resume();
  }

  /** Leaves off; runs under way go back to the queue. Resolves when all is kept. May be started again. */
  async stop(): Promise<void> {
    const ending = this.#ending;
    if (ending === undefined) return;
    if (this.#state === 'preparing') {
      this.#settle('stopped');
      this.#scheduler.dismiss();
    } else if (this.#state === 'running' || this.#state === 'paused') {
      this.#setState('stopping');
      this.#scheduler.stop();
    }
    await ending.promise.catch(() => undefined);
  }

  /** The run is not wanted: it ends as `skipped`, at once or within a few steps. */
  skip(id: string): void {
    const live = this.#runs.get(id);
    if (live?.phase === 'waiting') {
      this.#finish(live, { status: 'skipped' }, 0);
      this.#scheduler.remove(id);
    } else if (live?.phase === 'training') this.#scheduler.skip(id);
  }

  /** Puts a run that has ended back into the queue, and forgets its record. A queue at rest must be started again. */
  async retake(id: string): Promise<void> {
    const live = this.#runs.get(id);
    if (live?.phase !== 'ended') return;
    await this.#options.store.removeRun(id);
    live.again();
    this.#emit({ kind: 'run waiting', id });
    this.#enqueue([live]);
  }

  /**
   * Adds grids to the sweep, at any time; resolves with how many runs are new. A queue at rest must be started again.
   * Rejects with an InputError when a grid is wrong or its data cannot be had; nothing has changed then.
   */
  async extend(grids: readonly Grid[]): Promise<number> {
    const before = this.#sweep;
    const grown = parseSweep({ ...before, grids: [...before.grids, ...grids] });
    if (this.#preparing !== undefined) {
      const added = expandSweep(grown).filter((run) => !this.#runs.has(run.id));
      await this.#learn(added.map((run) => run.config)).catch((error: unknown) => {
        throw new InputError(sentenceOfError(error));
      });
    }
    await this.#options.store.open(grown, sweepId(before));
    this.#sweep = grown;
    const added = await this.#adopt(grown);
    this.#emit({ kind: 'sweep', id: sweepId(grown), sweep: grown });
    // Runs that the store knew already have no end to come.
    for (const { record } of added) if (record) this.#emit({ kind: 'run ended', id: record.id, record });
    this.#enqueue(added.filter((live) => live.phase === 'waiting'));
    return added.length;
  }

  /** Stops, and ends all workers. The queue is of no more use. */
  async dispose(): Promise<void> {
    await this.stop();
    this.#scheduler.dismiss();
    this.#listeners.clear();
  }

  /** Takes in a sweep's runs, with what the store knows of them; returns those that are new. */
  async #adopt(sweep: SweepConfig): Promise<LiveRun[]> {
    const { store } = this.#options;
    const [records, progress] = await Promise.all([store.all(), store.progress()]);
    const ended = new Map(records.map((record) => [record.id, record]));
    const begun = new Map(progress.map((one) => [one.id, one]));
    const added: LiveRun[] = [];
    for (const run of expandSweep(sweep)) {
      if (this.#runs.has(run.id)) continue;
      const live = new LiveRun(run);
      const record = ended.get(run.id);
      const before = begun.get(run.id);
      if (record !== undefined && record.status !== 'failed') live.end(record);
      else if (before !== undefined) live.restore(before);
      this.#runs.set(run.id, live);
      added.push(live);
    }
    const order = orderRuns(Array.from(this.#runs.values(), (live) => live.run));
    this.#rank = new Map(order.map((run, index) => [run.id, index]));
    this.#predict();
    return added;
  }

  async #prepare(): Promise<DeviceReport> {
    this.#setState('preparing');
    const { calibration } = this.#options;
    const report = await this.#scheduler.ask((worker) => Promise.resolve(worker.report));
    this.#report = report;
    this.#emit({ kind: 'device', report });
    if (report.notice) this.#emit({ kind: 'notice', sentence: report.notice });
    const rest = this.#unended().map((live) => live.run);
    await this.#learn(rest.map((run) => run.config));
    if (calibration > 0) {
      const measure = (config: RunConfig, milliseconds: number) => this.#scheduler.ask((worker) => worker.measure(config, milliseconds));
      this.#time = await calibrate({ measure }, rest, this.#data.vocabulary, calibration);
    }
    this.#tally.begin(this.#time.measured);
    this.#predict();
    this.#prepared = true;
    if (this.#state === 'preparing') this.#setState('idle');
    this.#emitTotals();
    return report;
  }

  /** Learns the facts of data that is new, and checks that every batch fits. */
  async #learn(configs: readonly RunConfig[]): Promise<void> {
    for (const config of this.#data.unknown(configs))
      this.#data.set(config, await this.#scheduler.ask((worker) => worker.describeData(config)));
    for (const config of configs) this.#data.requireBatch(config);
  }

  #predict(): void {
    const unended = this.#unended();
    const shared = this.#report?.engine === 'reference' ? [] : sharedUpdates(unended.map((live) => live.run));
    unended.forEach((live, index) => {
      live.predictedAlone = this.#time.seconds(live.run.config, this.#data.vocabulary(live.run.config));
      live.expectedShared = shared.at(index) ?? 0;
    });
  }

  #begin(): void {
    // What runs that have ended would have trained for others is left to those.
    this.#predict();
    this.#tally.go();
    this.#setState('running');
    this.#timers = [setInterval(() => this.#emitTotals(), TOTALS_EVERY), setInterval(() => this.#saveProgress(), SAVE_EVERY)];
    this.#enqueue(this.#unended());
    this.#scheduler.run();
  }

  #enqueue(runs: readonly LiveRun[]): void {
    if (runs.length === 0) return;
    if (this.#state === 'finished') this.#setState('idle');
    if (this.#state === 'running' || this.#state === 'paused') this.#scheduler.add(runs, (id) => this.#rank.get(id) ?? Infinity);
    this.#emitTotals();
  }

  /** What a worker says of its population. */
  #take(event: LaneEvent): void {
    if (event.kind === 'notice') {
      this.#emit(event);
      return;
    }
    const live = this.#runs.get(event.id);
    if (live?.phase !== 'training') return;
    switch (event.kind) {
      case 'progress':
        live.addLosses(event.firstStep, event.losses);
        this.#tally.note(live);
        this.#emit(event);
        break;
      case 'validation':
        live.addValidation(event.step, event.tokens, event.loss);
        this.#emit(event);
        break;
      case 'gradient noise': {
        const { step, tokens, squaredNorm, variance } = event;
        live.addGradientNoise({ step, tokens, gradientSquaredNorm: squaredNorm, gradientVariance: variance });
        this.#emit(event);
        break;
      }
      case 'epoch':
        live.epoch = event.epoch;
        this.#emit(event);
        break;
      case 'shared':
        live.sharedSteps = event.steps;
        break;
      case 'ended':
        this.#finish(live, event.outcome, event.seconds);
        break;
      default:
        event satisfies never;
    }
  }

  #finish(live: LiveRun, outcome: LaneOutcome, seconds: number): void {
    const record = toRecord({
      run: live.run,
      outcome,
      facts: this.#data.get(live.run.config),
      report: this.#report ?? { backend: 'cpu', engine: 'reference', device: '' },
      curve: live.curve(),
      validation: live.validation(),
      gradientNoise: live.gradientNoise(),
      seconds,
      sharedSteps: live.sharedSteps,
    });
    live.end(record);
    const parameters = outcome.status === 'finished' && this.#options.keepParameters ? outcome.parameters : undefined;
    this.#keep(this.#options.store.put(record, parameters));
    this.#emit({ kind: 'run ended', id: record.id, record });
  }

  #saveProgress(): void {
    const unsaved = [...this.#runs.values()].filter((live) => live.unsaved);
    if (unsaved.length === 0) return;
    for (const live of unsaved) live.unsaved = false;
    this.#keep(this.#options.store.putProgress(unsaved.map((live) => live.progress())));
  }

  #keep(writing: Promise<Kept>): void {
    const written = writing
      .then(({ notice }) => {
        if (notice) this.#emit({ kind: 'notice', sentence: notice });
      })
      .catch((error: unknown) => this.#emit({ kind: 'notice', sentence: sentenceOfError(error) }))
      .finally(() => this.#writes.delete(written));
    this.#writes.add(written);
  }

  #settle(state: 'finished' | 'stopped' | 'failed'): void {
    const ending = this.#ending;
    this.#ending = undefined;
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    this.#saveProgress();
    this.#tally.hold(this.#scheduler.kinds);
    this.#setState(state);
    this.#emitTotals();
    const kept = Promise.all(this.#writes);
    if (state === 'failed') void kept.then(() => ending?.reject(new InputError(this.#lastTrouble)));
    else void kept.then(() => ending?.resolve(state));
  }

  #unended(): LiveRun[] {
    return [...this.#runs.values()].filter((live) => live.phase !== 'ended');
  }

  #setState(state: QueueState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#emit({ kind: 'state', state });
  }

  #emitTotals(): void {
    if (this.#listeners.size > 0) this.#emit({ kind: 'totals', totals: this.totals() });
  }

  #emit(event: QueueEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
