// A pool whose workers train nothing: losses come from a function, time from timers, and any of them can be told to die,
// to fall silent or to fail to start.
import { steps, batchTokens, tokensRead, type RunConfig } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import type { DataFacts, PoolWorker, WorkerPool } from '../../../src/sweep/pool.ts';
import type { DeviceReport, LaneEvent } from '../../../src/training/trainer.ts';
import { sharedUpdates } from '../../../src/training/trunk.ts';

/** How a fake pool behaves. */
export interface FakeOptions {
  readonly size?: number;
  readonly lanes?: number;
  /** Milliseconds that a run takes, alone or beside others. */
  readonly milliseconds?: number;
  /** Loss of a run at its end; NaN makes it diverge. */
  readonly loss?: (config: RunConfig) => number;
  readonly facts?: (config: RunConfig) => DataFacts | Error;
  /** Called before a population trains: what the worker will do instead of training it. */
  readonly trouble?: (runs: readonly SweepRun[], worker: number) => 'die' | 'fall silent' | 'reject' | 'leave' | undefined;
  /** Runs of one population that begin alike are told as the engine tells them. */
  readonly shares?: boolean;
  /** Rejects the n-th start (from 0) with this message. */
  readonly startError?: (start: number) => string | undefined;
}

const report: DeviceReport = { backend: 'cpu', engine: 'reference', device: 'fake', emulated: false, features: [] };

/** The pool, and a log of what was asked of it. */
export class FakePool implements WorkerPool {
  readonly size: number;
  readonly options: FakeOptions;
  /** Ids of every population, in the order in which they began. */
  readonly populations: { readonly worker: number; readonly runs: readonly SweepRun[] }[] = [];
  readonly terminated: number[] = [];
  readonly measured: RunConfig[] = [];
  /** What was said to come next, and how many workers trained then. */
  readonly announced: { readonly worker: number; readonly config: RunConfig; readonly training: number }[] = [];
  starts = 0;
  /** Workers that train, now and at most. */
  training = 0;
  mostTraining = 0;

  constructor(options: FakeOptions = {}) {
    this.options = options;
    this.size = options.size ?? 1;
  }

  start(): Promise<PoolWorker> {
    const index = this.starts++;
    const error = this.options.startError?.(index);
    return error === undefined ? Promise.resolve(this.#worker(index)) : Promise.reject(new Error(error));
  }

  #worker(index: number): PoolWorker {
    const { lanes = 1, milliseconds = 100, trouble, facts, loss = () => 2, shares = false } = this.options;
    let die: (reason: string) => void = () => undefined;
    const died = new Promise<string>((resolve) => {
      die = resolve;
    });
    let alive = true;
    let paused = false;
    let stopped = false;
    const skipped = new Set<string>();
    const sleep = (time: number) => new Promise((resolve) => setTimeout(resolve, time));
    return {
      report: { ...report, engine: shares ? 'plan' : 'reference' },
      died,
      describeData: (config) => {
        const answer = facts?.(config) ?? { vocabulary: 32, trainingTokens: 1e9, validationTokens: 1000, bytesPerToken: 1 };
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
      lanesFor: () => Promise.resolve(lanes),
      measure: (config) => {
        this.measured.push(config);
        return Promise.resolve({ secondsPerStep: milliseconds / 1000 / steps(config), lanes: 1 });
      },
      train: async (runs, sink) => {
        this.populations.push({ worker: index, runs });
        this.training++;
        this.mostTraining = Math.max(this.mostTraining, this.training);
        stopped = false;
        const send = (events: LaneEvent[]): void => {
          if (alive) sink(events);
        };
        try {
          const what = trouble?.(runs, index);
          if (what === 'leave') return;
          const halves = [0, 1];
          const open = new Set(runs);
          if (shares) {
            const shared = sharedUpdates(runs);
            runs.forEach(({ id }, i) => shared[i] > 0 && send([{ kind: 'shared', id, steps: shared[i] }]));
          }
          for (const half of halves) {
            for (let slice = 0; slice < 5; slice++) {
              await sleep(milliseconds / 10);
              while (paused && !stopped && alive) {
                await sleep(20);
                send([]);
              }
              if (!alive) return await new Promise<never>(() => undefined);
              if (stopped) return;
              send([]);
            }
            for (const run of [...open]) {
              const { id, config } = run;
              if (skipped.has(id)) {
                open.delete(run);
                send([{ kind: 'ended', id, outcome: { status: 'skipped' }, seconds: 0 }]);
                continue;
              }
              const total = steps(config);
              const from = half === 0 ? 0 : Math.floor(total / 2);
              const to = half === 0 ? Math.floor(total / 2) : total;
              const final = loss(config);
              const losses = Float32Array.from({ length: to - from }, (_, i) => (Number.isNaN(final) ? 5 : final) + 1 / (from + i + 1));
              if (losses.length > 0) send([{ kind: 'progress', id, firstStep: from + 1, losses, tokens: to * batchTokens(config) }]);
            }
            if (half === 0 && what === 'die') {
              alive = false;
              die('out of memory');
              return await new Promise<never>(() => undefined);
            }
            if (half === 0 && what === 'fall silent') return await new Promise<never>(() => undefined);
            if (half === 0 && what === 'reject') throw new Error('the device was lost');
          }
          for (const { id, config } of open) {
            const final = loss(config);
            if (Number.isNaN(final)) {
              const reason = { en: 'diverged', zh: '发散' };
              send([{ kind: 'ended', id, outcome: { status: 'diverged', reason, step: steps(config), lastFiniteLoss: 5 }, seconds: 1 }]);
              continue;
            }
            send([
              { kind: 'validation', id, step: steps(config), tokens: tokensRead(config), loss: final },
              {
                kind: 'ended',
                id,
                outcome: { status: 'finished', finalLoss: final, smoothedTrainLoss: final, parameters: Float32Array.of(1, 2) },
                seconds: milliseconds / 1000,
              },
            ]);
          }
        } finally {
          this.training--;
        }
      },
      announce: (config) => {
        this.announced.push({ worker: index, config, training: this.training });
        return Promise.resolve();
      },
      pause: () => {
        paused = true;
        return Promise.resolve();
      },
      resume: () => {
        paused = false;
        return Promise.resolve();
      },
      stop: () => {
        stopped = true;
        return Promise.resolve();
      },
      skip: (id) => {
        skipped.add(id);
        return Promise.resolve();
      },
      terminate: () => {
        alive = false;
        this.terminated.push(index);
      },
    };
  }
}
