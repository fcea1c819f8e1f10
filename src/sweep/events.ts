// What a queue tells whoever watches it.
import type { SweepConfig } from '../config/sweep.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { GradientNoise } from '../training/gradient-noise.ts';
import type { DeviceReport } from '../training/trainer.ts';
import type { RunRecord } from './record.ts';

/**
 * Where a queue is. `idle`: not started, or its sweep grew after the end. `stopped` can be started again; `failed` too,
 * once what its notice says is put right.
 */
export type QueueState = 'idle' | 'preparing' | 'running' | 'paused' | 'stopping' | 'stopped' | 'finished' | 'failed';

/** Figures of the whole sweep. */
export interface Totals {
  readonly runs: number;
  readonly waiting: number;
  readonly training: number;
  readonly finished: number;
  readonly diverged: number;
  readonly failed: number;
  readonly skipped: number;
  /** Training tokens of all runs, and those read by runs that have ended or are training. */
  readonly tokens: number;
  readonly tokensDone: number;
  /** Training FLOPs of all runs, exact. */
  readonly flops: number;
  readonly flopsDone: number;
  /** Steps done of runs that have ended or are training, and those of them that were taken over from a run that begins alike. */
  readonly stepsDone: number;
  readonly stepsShared: number;
  /** Over the last few seconds; 0 while nothing trains. */
  readonly tokensPerSecond: number;
  /** Seconds spent training so far, pauses not counted. */
  readonly secondsSpent: number;
  /** Undefined until there is anything to estimate it from. */
  readonly secondsLeft: number | undefined;
  /** Workers that live. */
  readonly workers: number;
}

/** Losses in nats per token; `step` counts optimizer steps done, `tokens` = step × B. */
export type QueueEvent =
  | { readonly kind: 'state'; readonly state: QueueState }
  | { readonly kind: 'device'; readonly report: DeviceReport }
  | { readonly kind: 'run started'; readonly id: string; readonly worker: number }
  /** Losses of steps `firstStep`, `firstStep` + 1, … (1 for the first); the array must not be changed. */
  | { readonly kind: 'progress'; readonly id: string; readonly firstStep: number; readonly losses: Float32Array; readonly tokens: number }
  | { readonly kind: 'validation'; readonly id: string; readonly step: number; readonly tokens: number; readonly loss: number }
  | ({ readonly kind: 'gradient noise'; readonly id: string; readonly step: number; readonly tokens: number } & GradientNoise)
  /** The run begins to read its corpus for the `epoch`-th time (2 or more). */
  | { readonly kind: 'epoch'; readonly id: string; readonly epoch: number }
  | { readonly kind: 'run ended'; readonly id: string; readonly record: RunRecord }
  /** Back in the queue, to be trained from its start: its worker died, or the sweep was stopped. */
  | { readonly kind: 'run waiting'; readonly id: string }
  | { readonly kind: 'notice'; readonly sentence: Sentence }
  | { readonly kind: 'totals'; readonly totals: Totals }
  /** The sweep grew: it has another id now. */
  | { readonly kind: 'sweep'; readonly id: string; readonly sweep: SweepConfig };
