// The contract between whoever trains and whoever wants runs trained. The plain-tfjs reference and the engine both
// keep it, so one can take the place of the other without anyone noticing but the clock.
import { expertFields, isMixture, type RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { GradientNoise } from './gradient-noise.ts';
import { hasTrunkForAnyTokens } from './trunk.ts';

/** What the arithmetic runs on. `cpu` is tfjs's plain JavaScript backend, for tests. */
export type Backend = 'webgpu' | 'wasm' | 'cpu';

/** `plan`: the traced step replayed, many lanes at once. `reference`: plain tfjs, one run at a time. */
export type Engine = 'plan' | 'reference';

/** What a trainer runs on, for the page to say. */
export interface DeviceReport {
  readonly backend: Backend;
  readonly engine: Engine;
  /** The adapter's own name, or "CPU, SIMD WebAssembly". */
  readonly device: string;
  /** WebGPU only: the adapter is a CPU in disguise. */
  readonly emulated: boolean;
  /** Features in use that not every device has, e.g. `relaxed-simd`, `shader-f16`. */
  readonly features: readonly string[];
  /** Why the first choice was not taken, when it was not. */
  readonly notice?: Sentence;
}

/** The tokens a population reads. All its lanes share them. */
export interface TrainingData {
  /** Training text, one id per token. */
  readonly training: Uint16Array;
  /** Held-out windows, each `context + 1` ids, one after the other. */
  readonly validation: Uint16Array;
  /** Ids are below this. */
  readonly vocabulary: number;
}

/** How a run ended. */
export type LaneOutcome =
  | {
      readonly status: 'finished';
      /** Validation loss at the end, nats per token. */
      readonly finalLoss: number;
      /** Gaussian-smoothed training loss at the last step, nats per token (Step Law, arXiv 2503.04715). */
      readonly smoothedTrainLoss: number;
      /** The trained parameters, in the order of `parameterSpecs`. */
      readonly parameters: Float32Array;
    }
  | {
      /** The loss left the finite numbers: a result, drawn with its last finite loss. */
      readonly status: 'diverged';
      readonly reason: Sentence;
      readonly step: number;
      readonly lastFiniteLoss: number;
    }
  | {
      /** An error, never a result: a lost device, a loss of exactly zero, a corpus too small. */
      readonly status: 'failed';
      readonly reason: Sentence;
    }
  | { readonly status: 'skipped' };

/** What a trainer says while it works. The noise of gradients, where it is asked for, comes with held-out losses, at the same steps. Losses in nats per token; `step` counts optimizer steps done, `tokens` = step × B. */
export type LaneEvent =
  | { readonly kind: 'progress'; readonly id: string; readonly firstStep: number; readonly losses: Float32Array; readonly tokens: number }
  | { readonly kind: 'validation'; readonly id: string; readonly step: number; readonly tokens: number; readonly loss: number }
  | ({ readonly kind: 'gradient noise'; readonly id: string; readonly step: number; readonly tokens: number } & GradientNoise)
  | { readonly kind: 'epoch'; readonly id: string; readonly epoch: number }
  /**
   * The first `steps` steps of this run were trained once for it and for a longer run that begins alike; their losses are
   * told after this, as those of any other step are.
   */
  | { readonly kind: 'shared'; readonly id: string; readonly steps: number }
  | { readonly kind: 'notice'; readonly sentence: Sentence }
  | { readonly kind: 'ended'; readonly id: string; readonly outcome: LaneOutcome; readonly seconds: number };

/** How the caller steers a training that is under way; trainers look at it every few steps. */
export interface TrainingControl {
  /** Aborted: leave as soon as possible, without `ended` events for unfinished lanes. */
  readonly signal: AbortSignal;
  /** Resolves at once unless paused; else when resumed or aborted. */
  untilResumed(): Promise<void>;
  /** The run is wanted no more: end it as `skipped`, the others go on. */
  isSkipped(id: string): boolean;
}

/** How long one optimizer step takes here, from a short training of the real shape. */
export interface Measurement {
  /** Seconds per optimizer step of one lane, the others of a full population training beside it. */
  readonly secondsPerStep: number;
  /** Lanes trained side by side in the measurement. */
  readonly lanes: number;
}

/** Trains populations on one device. */
export interface Trainer {
  readonly report: DeviceReport;
  /** The most runs like this one worth training side by side here (1 for the reference). */
  lanesFor(config: RunConfig): Promise<number>;
  /**
   * Trains all runs to their ends; they share shape, experts, context, positions, QK-norm, head, data and what is measured (see `populationKey`).
   * Emits, per run, progress as it comes and exactly one `ended`, unless aborted.
   * Rejects only when the device is beyond help; runs without an `ended` event may then be taken again elsewhere.
   */
  train(runs: readonly SweepRun[], data: TrainingData, control: TrainingControl, emit: (event: LaneEvent) => void): Promise<void>;
  /**
   * Runs like this one will likely be trained next. What they need may be made ready while others train, whom it does not
   * hold up.
   */
  announce?(config: RunConfig, data: TrainingData): void;
  /** Times a few steps of a run (about `milliseconds` in all, compilation not counted). */
  measure(config: RunConfig, data: TrainingData, milliseconds: number): Promise<Measurement>;
  dispose(): void;
}

/**
 * Runs with equal keys can train in one population: same shape, experts, context, data and measurements; learning rate, batch, seed and
 * schedule may differ. So may the tokens of runs that could begin alike whatever their tokens (see `trunkKey`).
 */
export function populationKey(config: RunConfig): string {
  const { shape, context, positions, qkNorm, tiedHead, corpus, tokenizer, vocabulary, dataSeed, uniqueTokens } = config;
  const { validationTokens, tokens, noiseSequences } = config;
  return JSON.stringify([
    [shape.layers, shape.width, shape.heads, shape.mlpRatio],
    [context, positions, qkNorm, tiedHead],
    isMixture(config) ? expertFields.map((field) => config[field]) : [],
    [
      corpus,
      tokenizer,
      vocabulary,
      dataSeed,
      uniqueTokens,
      validationTokens,
      noiseSequences,
      hasTrunkForAnyTokens(config) ? 'any' : tokens,
    ],
  ]);
}
