// The sweep that is open on the page: its queue, its workers, its runs as they end. Views read it; nothing here draws.
import { SvelteMap } from 'svelte/reactivity';
import type { RunConfig, RunInput } from '../../config/run.ts';
import { expandSweep, sweepId, type Grid, type SweepConfig, type SweepRun } from '../../config/sweep.ts';
import { measureForDesign, type MeasuredDevice } from '../../experiments/sweep-design/measure.ts';
import { InputError } from '../../messages/sentence.ts';
import { sweepCost, type Cost } from '../../sweep/cost.ts';
import { dataKey } from '../../sweep/data-facts.ts';
import type { QueueEvent, QueueState, Totals } from '../../sweep/events.ts';
import type { RunView } from '../../sweep/live-run.ts';
import type { DataFacts, PoolWorker } from '../../sweep/pool.ts';
import { SweepQueue } from '../../sweep/queue.ts';
import type { RunRecord } from '../../sweep/record.ts';
import type { RunStore } from '../../sweep/store.ts';
import { alerts } from './alerts.svelte.ts';
import { remember, remembered } from './remember.ts';
import { likelyBackend } from '../../../workers/likely-backend.ts';
import { createPool, type DeviceChoice } from './training-pool.ts';

/** Where a run is, in the words of the page. */
export type RunStatus = 'queued' | 'running' | RunRecord['status'];

/** Choices of engine and backend that a page offers. */
export const engines = ['plan', 'reference'] as const;
export const backends = ['auto', 'webgpu', 'wasm', 'cpu'] as const;

function rememberedChoice(): DeviceChoice {
  const engine = engines.find((one) => one === remembered('engine')) ?? 'plan';
  const backend = backends.find((one) => one === remembered('backend')) ?? 'auto';
  return { engine, backend };
}

/** The open sweep. */
export class Lab {
  /** Where runs are kept; set once, before the first sweep is opened. */
  readonly store: RunStore;
  /** The sweep, all its runs, and its name in the store. */
  sweep = $state.raw<SweepConfig>();
  runs = $state.raw<readonly SweepRun[]>([]);
  state = $state<QueueState>('idle');
  totals = $state.raw<Totals>();
  report = $state.raw<PoolWorker['report']>();
  /** Whether data and speed have been learnt on this device. */
  prepared = $state(false);
  /** Greatest number of passes over the text that a run has begun. */
  epoch = $state(1);
  choice = $state.raw<DeviceChoice>(rememberedChoice());
  /** Status and record of each run that is not simply waiting. */
  readonly statuses = new SvelteMap<string, RunStatus>();
  readonly records = new SvelteMap<string, RunRecord>();
  /** Facts of the data, by kind of data, as workers have told them. */
  readonly facts = new SvelteMap<string, DataFacts>();
  #queue: SweepQueue | undefined;
  // eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is drawn from its changes
  #watchers = new Set<(event: QueueEvent) => void>();
  #turn: Promise<void> = Promise.resolve();

  constructor(store: RunStore) {
    this.store = store;
  }

  /** Id of the open sweep in the store. */
  readonly id = $derived(this.sweep && sweepId(this.sweep));

  /** Whether the queue is at work, so that data and device must stay as they are. */
  get busy(): boolean {
    return this.state === 'running' || this.state === 'paused' || this.state === 'stopping';
  }

  /** Exact cost of all runs, what they share counted once where the engine trains it once; the vocabulary is taken at its limit until the data is known. */
  readonly cost: Cost = $derived(
    sweepCost(this.runs, (config) => this.facts.get(dataKey(config))?.vocabulary ?? config.vocabulary, this.report?.engine !== 'reference'),
  );

  factsOf(config: RunConfig): DataFacts | undefined {
    return this.facts.get(dataKey(config));
  }

  statusOf(id: string): RunStatus {
    return this.statuses.get(id) ?? 'queued';
  }

  /** The queue's own view of a run, with its curve so far. */
  run(id: string): RunView | undefined {
    return this.#queue?.run(id);
  }

  /** All runs as the queue sees them. */
  views(): RunView[] {
    return this.#queue ? [...this.#queue.runs()] : [];
  }

  /** Calls `watcher` at every event of whichever sweep is open, until the function returned is called. */
  watch(watcher: (event: QueueEvent) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * Opens a sweep in place of the one that is open, with what the store has of it. The one before is stopped; nothing
   * of it is lost.
   * @throws InputError when the store cannot be read
   */
  open(sweep: SweepConfig): Promise<void> {
    return this.#inTurn(async () => {
      const before = this.#queue;
      this.#queue = undefined;
      await before?.dispose();
      const queue = await SweepQueue.open({ sweep, pool: await this.#pool(), store: this.store });
      this.#queue = queue;
      this.#show(queue);
      queue.on((event) => {
        if (queue === this.#queue) this.#take(event);
      });
    });
  }

  /** Learns what it will take here: the device, the data, the time of a step. Problems are shown as alerts. */
  async prepare(): Promise<void> {
    const queue = this.#queue;
    if (!queue) return;
    try {
      await queue.prepare();
      if (queue === this.#queue) this.#prepared(queue);
    } catch (error) {
      if (queue === this.#queue) alerts.report(error);
    }
  }

  /** Trains what is left. Resolves when the queue comes to rest. */
  async start(): Promise<void> {
    const queue = this.#queue;
    if (!queue) return;
    remember('training', this.id);
    try {
      await queue.start();
    } catch (error) {
      if (queue === this.#queue) alerts.report(error);
    }
    if (queue === this.#queue) {
      this.totals = queue.totals();
      if (queue.prepared) this.#prepared(queue);
      remember('training', undefined);
    }
  }

  /** Whether the sweep that is open was training when the page was last closed. */
  get wasTraining(): boolean {
    return this.id !== undefined && remembered('training') === this.id;
  }

  async pause(): Promise<void> {
    remember('training', undefined);
    await this.#queue?.pause();
  }

  async resume(): Promise<void> {
    remember('training', this.id);
    await this.#queue?.resume();
  }

  async stop(): Promise<void> {
    remember('training', undefined);
    await this.#queue?.stop();
  }

  skip(id: string): void {
    this.#queue?.skip(id);
  }

  /** Takes every failed run again. */
  async retakeFailed(): Promise<void> {
    for (const [id, status] of this.statuses) if (status === 'failed') await this.#queue?.retake(id);
  }

  /** Adds grids to the open sweep; returns how many runs are new. */
  async extend(grids: readonly Grid[]): Promise<number> {
    return (await this.#queue?.extend(grids)) ?? 0;
  }

  /**
   * Learns what a design must know of this device and a text, on a worker of its own; takes a few seconds. Rejects with an
   * Error of one sentence.
   * @param base corpus, context and what else the runs of the design share
   */
  async measure(base: RunInput): Promise<MeasuredDevice> {
    if (this.busy)
      throw new InputError({
        en: 'While runs train the speed of this device cannot be measured; stop or wait.',
        zh: '训练进行时无法测量设备速度；请停止训练或等待其结束。',
      });
    const pool = await this.#pool();
    const worker = await pool.start();
    try {
      const died = worker.died.then((reason) => Promise.reject(new Error(reason)));
      return await Promise.race([measureForDesign(worker, base, pool.size), died]);
    } finally {
      worker.terminate();
    }
  }

  /** Chooses engine and backend; the sweep is opened anew on them. */
  async choose(choice: DeviceChoice): Promise<void> {
    this.choice = choice;
    remember('engine', choice.engine);
    remember('backend', choice.backend);
    if (!this.sweep) return;
    await this.open(this.sweep);
    await this.prepare();
  }

  #inTurn(action: () => Promise<void>): Promise<void> {
    const next = this.#turn.then(action);
    this.#turn = next.catch(() => undefined);
    return next;
  }

  async #pool() {
    const pool = createPool(this.choice, await likelyBackend(this.choice.backend));
    const { facts } = this;
    return {
      size: pool.size,
      start: async () => {
        const worker = await pool.start();
        return {
          ...worker,
          // What a worker says of the data is for the page to show too.
          describeData: async (config: RunConfig) => {
            const answer = await worker.describeData(config);
            facts.set(dataKey(config), answer);
            return answer;
          },
        };
      },
    };
  }

  #show(queue: SweepQueue): void {
    this.sweep = queue.sweep;
    this.runs = expandSweep(queue.sweep);
    this.state = queue.state;
    this.totals = queue.totals();
    this.report = undefined;
    this.prepared = false;
    this.epoch = 1;
    this.statuses.clear();
    this.records.clear();
    for (const record of queue.records()) {
      this.records.set(record.id, record);
      this.statuses.set(record.id, record.status);
      this.epoch = Math.max(this.epoch, record.epochs);
    }
  }

  #prepared(queue: SweepQueue): void {
    this.prepared = queue.prepared;
    this.totals = queue.totals();
  }

  #take(event: QueueEvent): void {
    switch (event.kind) {
      case 'state':
        this.state = event.state;
        break;
      case 'device':
        this.report = event.report;
        break;
      case 'run started':
        this.statuses.set(event.id, 'running');
        break;
      case 'run ended':
        this.records.set(event.id, event.record);
        this.statuses.set(event.id, event.record.status);
        break;
      case 'run waiting':
        this.records.delete(event.id);
        this.statuses.delete(event.id);
        break;
      case 'totals':
        this.totals = event.totals;
        this.prepared ||= this.#queue?.prepared ?? false;
        break;
      case 'sweep':
        this.sweep = event.sweep;
        this.runs = expandSweep(event.sweep);
        if (this.busy) remember('training', event.id);
        break;
      case 'epoch':
        this.epoch = Math.max(this.epoch, event.epoch);
        break;
      case 'notice':
        // Why the device is what it is stands beside the device's name.
        if (event.sentence.en !== this.report?.notice?.en) alerts.add(event.sentence);
        break;
      case 'progress':
      case 'validation':
      case 'gradient noise':
        break;
      default:
        throw new Error(`no event ${JSON.stringify(event satisfies never)}`);
    }
    for (const watcher of this.#watchers) watcher(event);
  }
}
