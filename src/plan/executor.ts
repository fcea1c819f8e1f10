// What replays a plan for K lanes. Both executors keep this contract; a trainer drives either.
import type { Plan } from './plan.ts';

/** What makes a lane itself. All lanes read the same tokens. */
export interface LaneSettings {
  /** Where it starts, [plan.parameters]. */
  readonly parameters: Float32Array;
  /** m: micro-batches in one update. */
  readonly microBatches: number;
  /** Updates after which the lane is done. */
  readonly updates: number;
  /** η of update `update` (from 0). */
  learningRate(update: number): number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** 0: no clipping. */
  readonly clipNorm: number;
}

/** The tokens that plans read. */
export interface TokenSource {
  /** Training text; window w starts at w·context. */
  readonly training: Uint16Array;
  /** Seed of the order of windows. */
  readonly dataSeed: number;
  /** Held-out windows of context + 1 tokens, one after the other. */
  readonly validation: Uint16Array;
}

/** Losses of a lane that came since the last call. */
export interface LaneLosses {
  readonly lane: number;
  /** The first of them, counted from 0. */
  readonly firstUpdate: number;
  /** Mean training losses of the updates, nats per token. A lane that left the finite numbers is frozen from there on. */
  readonly losses: Float32Array;
}

/** All that a lane needs to go on as if nothing had happened. */
export interface LaneState {
  readonly parameters: Float32Array;
  readonly mean: Float32Array;
  readonly square: Float32Array;
  /** Updates done. */
  readonly updates: number;
  /** Micro-batches accumulated since the last update, with their summed gradient and loss. */
  readonly pending: { readonly microBatches: number; readonly gradient: Float32Array; readonly loss: number } | undefined;
}

/** Squared norms of gradients of the mean loss, at one lane's present parameters. */
export interface GradientNorms {
  /** Mean of the squared norms of the small batches' gradients. */
  readonly small: number;
  /** Squared norm of the mean of those gradients: of the gradient over all the batches together. */
  readonly big: number;
}

/** K lanes under way on one device. Calls are made one at a time. */
export interface Executor {
  /** Bytes on the device; constant from creation to disposal. */
  readonly bytes: number;
  /**
   * Trains every unfinished, unfrozen lane for about `milliseconds`, or until each has done `untilUpdate(lane)` updates
   * (never beyond its own `updates`). Lanes keep in step to within what the losses returned show. Yields to the event
   * loop at least every few milliseconds. Rejects when the device is lost.
   */
  advance(milliseconds: number, untilUpdate: (lane: number) => number): Promise<LaneLosses[]>;
  /** Updates done by a lane. */
  updatesOf(lane: number): number;
  /** Mean loss (nats per token) of each of `lanes` over all held-out windows, in the order asked. */
  evaluate(lanes: readonly number[]): Promise<Float64Array>;
  /**
   * Squared norms of gradients at the present parameters of each of `lanes`, in the order asked, over `batches`
   * micro-batches of `plans.gradient`: the first of the stream of training windows that begins where the lane's next
   * update reads, or after it, and those that follow. Changes nothing. The lanes must be between two updates, none frozen.
   * @throws Error where there is no such plan, or a lane is in the middle of an update
   */
  gradientNorms(lanes: readonly number[], batches: number): Promise<GradientNorms[]>;
  /** The lane does no more work. */
  freeze(lane: number): void;
  /** A copy of a lane's parameters. */
  parameters(lane: number): Promise<Float32Array>;
  /** A copy of a lane's whole state. */
  save(lane: number): Promise<LaneState>;
  /** Puts a lane where `save` found it. */
  restore(lane: number, state: LaneState): Promise<void>;
  dispose(): void;
}

/** What an executor holds on its device from creation to disposal, bytes; exact. */
export interface Footprint {
  /** What {@link Executor.bytes} will be. */
  readonly bytes: number;
  /** Of its largest single buffer. */
  readonly largestBuffer: number;
}

/**
 * Says what an executor will hold, before anything is allocated.
 * @param microBatches m of each lane
 */
export type FootprintOf = (plans: Plans, microBatches: readonly number[], tokens: TokenSource) => Footprint;

/**
 * The plans of a population: the training step and, over the same parameters, the forward pass alone; where gradients
 * are measured, also their computation over micro-batches of another size.
 */
export interface Plans {
  readonly training: Plan;
  readonly evaluation: Plan;
  readonly gradient?: Plan;
}

/** All plans there are. */
export function plansIn({ training, evaluation, gradient }: Plans): Plan[] {
  return gradient === undefined ? [training, evaluation] : [training, evaluation, gradient];
}

/**
 * The first micro-batch of `gradient` that a lane is measured on after `updates` updates of `microBatches` micro-batches of
 * `training` each.
 */
export function firstMeasured({ training, gradient }: Required<Plans>, updates: number, microBatches: number): number {
  return Math.ceil((updates * microBatches * training.sequences) / gradient.sequences);
}
