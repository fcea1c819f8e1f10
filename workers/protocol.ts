// All that crosses a worker's boundary. The page and the command line speak it through comlink.
import type { RunConfig } from '../src/config/run.ts';
import type { SweepRun } from '../src/config/sweep.ts';
import type { Backend, DeviceReport, Engine, LaneEvent, Measurement } from '../src/training/trainer.ts';

/** What a training worker is asked to be. `backend: 'auto'` takes a real GPU if there is one, else wasm. */
export interface OpenOptions {
  readonly backend: Backend | 'auto';
  readonly engine: Engine;
  /** Where corpora are served (page) or lie (command line); ends with a slash. */
  readonly corpora: string;
}

/** A request for text from a trained model. */
export interface SampleRequest {
  readonly config: RunConfig;
  /** Parameters in the order of `parameterSpecs`. */
  readonly parameters: Float32Array;
  readonly prompt: string;
  /** Tokens to write, 1 to 2000. */
  readonly length: number;
  /** 0 takes the likeliest token; 1 samples from the model's own distribution. */
  readonly temperature: number;
  readonly seed: number;
}

/** A sampled continuation and, per token, how surprised the model was (nats). */
export interface SampleAnswer {
  readonly text: string;
}

/** Facts about a run's data that only the worker that prepared it knows. */
export interface DataReport {
  readonly vocabulary: number;
  /** Tokens a run may read before any is read twice: whole windows of the run's context. */
  readonly trainingTokens: number;
  readonly validationTokens: number;
  readonly bytesPerToken: number;
  /** Nats per token; synthetic languages only. */
  readonly entropyRate?: number;
}

/** A training worker, as seen from outside. Calls reject with an Error whose message is one sentence. */
export interface TrainingWorker {
  open(options: OpenOptions): Promise<DeviceReport>;
  /** Text of the user's own, under the corpus id that runs name it by. */
  provideText(corpus: string, text: string): Promise<void>;
  describeData(config: RunConfig): Promise<DataReport>;
  lanesFor(config: RunConfig): Promise<number>;
  /** Trains a population to its end. Events come in batches, at most every 50 ms or so; at least one call a second (an empty batch is a sign of life). */
  train(runs: readonly SweepRun[], sink: (events: readonly LaneEvent[]) => void): Promise<void>;
  /** Runs like this one will likely be trained next: what they need may be made ready meanwhile. */
  announce(config: RunConfig): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Leaves the population under way; `train` then resolves. */
  stop(): Promise<void>;
  skip(id: string): Promise<void>;
  measure(config: RunConfig, milliseconds: number): Promise<Measurement>;
  sample(request: SampleRequest): Promise<SampleAnswer>;
}
