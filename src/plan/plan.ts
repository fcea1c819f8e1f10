// The plan: one training (or evaluation) step of ONE model as a static list of launches over memory laid out in
// advance. It says nothing about devices; an executor replays it for K lanes. `launches.ts` says what each launch
// computes.
import type { Launch } from './launches.ts';

/**
 * The memories of a plan, in 32-bit words (f32 but for `tokens`, i32).
 *
 * | region | holds | copies |
 * | --- | --- | --- |
 * | `parameters` | the flat vector of all parameters | one per lane |
 * | `gradients` | their gradients, same order | one per lane |
 * | `accumulated`, `mean`, `square` | what the optimizer keeps, same order | one per lane |
 * | `activations` | everything between the ops, laid out by liveness | one per lane in flight |
 * | `constants` | uploaded constants, then results of the setup launches | one, shared |
 * | `tokens` | inputs [rows], then targets [rows] of the present micro-batch | one, shared |
 *
 * Word `i` of an operand in lane `k` lies at `base(region) + k · stride(region) + operand.offset + i`, with
 * `stride = words(region)` for what each lane has and 0 for what is shared. An executor that takes lanes one after
 * another may give all of them one copy of `activations` (and of `gradients`, when no lane accumulates).
 */
export type Region = 'parameters' | 'gradients' | 'accumulated' | 'mean' | 'square' | 'activations' | 'constants' | 'tokens';

/** Regions are this many words long, or a multiple; activations and constants start at multiples of it (256 bytes). */
export const ALIGNMENT = 64;

/** A tensor's place: `size` words from `offset` in a region, row-major and dense. Offsets in `parameters` and `gradients` can be any. */
export interface Operand {
  readonly region: Region;
  readonly offset: number;
  readonly size: number;
}

/**
 * A traced step of one model: a training step, the forward pass alone, or the forward and backward pass without an
 * optimizer, to measure gradients.
 */
export interface Plan {
  readonly kind: 'training' | 'evaluation' | 'gradient';
  /** Sequences in one micro-batch. */
  readonly sequences: number;
  /** Tokens in a sequence. */
  readonly context: number;
  /** `sequences × context`: tokens in one micro-batch. */
  readonly rows: number;
  /** Floats in the flat vector of parameters. */
  readonly parameters: number;
  /** Done once, before the first step: what depends on constants alone. */
  readonly setup: readonly Launch[];
  /** Done every micro-step, in this order. */
  readonly launches: readonly Launch[];
  /** First words of the region `constants`. */
  readonly constants: Float32Array;
  /** Words of each region, per copy; multiples of {@link ALIGNMENT}. */
  readonly words: Readonly<Record<Region, number>>;
  /**
   * The micro-batch's losses, nats, in `activations`: its mean loss is the mean of these words. One per row where the
   * model ends in a mean over rows (`perRow`), else a single word.
   */
  readonly losses: Operand;
  /** The losses are one per row, so that an evaluation may leave rows out of its mean. */
  readonly perRow: boolean;
}
