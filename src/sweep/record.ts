// One run as it is kept and exported: a line of `runs.jsonl`, an entry of the browser's store.
import type { ParameterCounts } from '../model/counts.ts';
import type { RunConfig } from '../config/run.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Backend, Engine } from '../training/trainer.ts';

/** A point of a curve: optimizer steps done, tokens read, loss in nats per token. */
export type CurvePoint = readonly [step: number, tokens: number, loss: number];

/** A run that has ended, with everything a law or a reader needs. Losses in nats per token. */
export interface RunRecord {
  readonly id: string;
  readonly config: RunConfig;
  /** Parameters by each convention. */
  readonly N: ParameterCounts;
  /** Tokens read. */
  readonly D: number;
  /** Batch, tokens. */
  readonly B: number;
  /** Optimizer steps. */
  readonly S: number;
  /** Training FLOPs, attention and head included. */
  readonly C: number;
  readonly lr: number;
  readonly seed: number;
  readonly status: 'finished' | 'diverged' | 'failed' | 'skipped';
  readonly reason?: Sentence;
  /** Validation loss at the end; null unless finished. */
  readonly finalLoss: number | null;
  /** Null unless finished. */
  readonly smoothedTrainLoss: number | null;
  /** Last finite training loss of a run that diverged. */
  readonly lastFiniteLoss?: number;
  /** Training loss, thinned to at most about 400 points, each the mean over the steps since the one before. */
  readonly curve: readonly CurvePoint[];
  /** Validation loss at log-spaced steps and at the end. */
  readonly validation: readonly CurvePoint[];
  /** Passes over the corpus that the run needed (1 unless it read some window twice). */
  readonly epochs: number;
  readonly vocabulary: number;
  readonly backend: Backend;
  readonly engine: Engine;
  readonly device: string;
  readonly seconds: number;
}
