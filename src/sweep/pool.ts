// What the queue needs of whoever gives it workers. The page and the command line each have a pool of their own kind of
// worker; tests have a fake one.
import type { RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import type { DeviceReport, LaneEvent, Measurement } from '../training/trainer.ts';

/** Facts about a run's data that only a worker that has prepared it knows. */
export interface DataFacts {
  /** Tokens in the vocabulary that the data really uses. */
  readonly vocabulary: number;
  /** Tokens a run may read before any is read twice: whole windows of the run's context. */
  readonly trainingTokens: number;
  readonly validationTokens: number;
  readonly bytesPerToken: number;
  /** Nats per token; synthetic languages only. */
  readonly entropyRate?: number;
}

/** An opened training worker. Calls reject with an Error whose message is one sentence. */
export interface PoolWorker {
  readonly report: DeviceReport;
  /** Resolves with the reason when the worker dies by itself (a crash, an exit). Never rejects; stays pending after `terminate`. */
  readonly died: Promise<string>;
  describeData(config: RunConfig): Promise<DataFacts>;
  /** The most runs like this one worth training side by side on this worker. */
  lanesFor(config: RunConfig): Promise<number>;
  /** Trains a population to its end. Calls `sink` at least once a second while it lives, with an empty batch if nothing happened. */
  train(runs: readonly SweepRun[], sink: (events: readonly LaneEvent[]) => void): Promise<void>;
  /** Runs like this one will likely be trained next: what they need may be made ready meanwhile. */
  announce(config: RunConfig): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Leaves the population under way; `train` then resolves. */
  stop(): Promise<void>;
  skip(id: string): Promise<void>;
  measure(config: RunConfig, milliseconds: number): Promise<Measurement>;
  /** Ends the worker at once, whatever it is doing. Calls under way may stay pending for ever. */
  terminate(): void;
}

/** Starts workers. */
export interface WorkerPool {
  /** Workers worth having at once here: one per GPU, or one per CPU core that is free. */
  readonly size: number;
  /** Starts and opens one worker. Rejects with an Error whose message is one sentence. */
  start(): Promise<PoolWorker>;
}
