// One run as it is kept and exported: a line of `runs.jsonl`, an entry of the browser's store. How lines are written and
// read is in record-lines.ts.
import { batchTokens, steps, tokensRead, type RunConfig } from '../config/run.ts';
import { parseRun } from '../config/parse.ts';
import type { SweepRun } from '../config/sweep.ts';
import { countParameters, idleParameters, type ParameterCounts } from '../model/counts.ts';
import { modelConfig } from '../model/parameters.ts';
import { epochs } from '../training/recorder.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Backend, DeviceReport, Engine, LaneOutcome } from '../training/trainer.ts';
import { runFlops } from './cost.ts';
import type { DataFacts } from './pool.ts';

/** A point of a curve: optimizer steps done, tokens read, loss in nats per token. */
export type CurvePoint = readonly [step: number, tokens: number, loss: number];

/** The noise of gradients after `step` optimizer steps, on the text that the run reads next. */
export interface GradientNoisePoint {
  readonly step: number;
  /** Read so far. */
  readonly tokens: number;
  /** |G|²: squared norm of the gradient of the mean loss. An unbiased estimate: it can be negative by chance. */
  readonly gradientSquaredNorm: number;
  /**
   * Variance of the gradient over a batch of B tokens, times B, summed over parameters; between whole sequences, since
   * tokens of one sequence are not independent. An unbiased estimate, as above. Divided by the squared norm: the gradient
   * noise scale, tokens (McCandlish et al., arXiv 1812.06162, appendix A.1); average both before dividing.
   */
  readonly gradientVariance: number;
}

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
  /** Where the run measures it: the noise of gradients at the steps of the validation losses. */
  readonly gradientNoise?: readonly GradientNoisePoint[];
  /** Passes over the corpus that the run needed (1 unless it read some window twice). */
  readonly epochs: number;
  /** Tokens in the vocabulary that the data really uses; 0 where it is not known. */
  readonly vocabulary: number;
  readonly backend: Backend;
  readonly engine: Engine;
  readonly device: string;
  /** Seconds of training, those of shared steps not counted. */
  readonly seconds: number;
  /** Of the S steps, the first so many were trained once for this run and a longer one that begins alike; absent: none. */
  readonly sharedSteps?: number;
}

/** What a run's record is made from. */
export interface EndedRun {
  readonly run: SweepRun;
  readonly outcome: LaneOutcome;
  /** Undefined for a run that never came to a worker: its vocabulary is then taken at its limit. */
  readonly facts: DataFacts | undefined;
  readonly report: Pick<DeviceReport, 'backend' | 'engine' | 'device'>;
  readonly curve: readonly CurvePoint[];
  readonly validation: readonly CurvePoint[];
  /** Default none. */
  readonly gradientNoise?: readonly GradientNoisePoint[];
  readonly seconds: number;
  /** Default 0. */
  readonly sharedSteps?: number;
}

/** The record of a run that has ended. */
export function toRecord({
  run,
  outcome,
  facts,
  report,
  curve,
  validation,
  gradientNoise = [],
  seconds,
  sharedSteps = 0,
}: EndedRun): RunRecord {
  const { id, config } = run;
  const vocabulary = facts?.vocabulary ?? config.vocabulary;
  const windows = facts === undefined ? Infinity : Math.floor(facts.trainingTokens / config.context);
  return {
    id,
    config,
    N: countParameters(modelConfig(config, vocabulary)),
    D: tokensRead(config),
    B: batchTokens(config),
    S: steps(config),
    C: runFlops(config, vocabulary),
    lr: config.learningRate,
    seed: config.seed,
    status: outcome.status,
    ...(outcome.status === 'diverged' || outcome.status === 'failed' ? { reason: outcome.reason } : {}),
    finalLoss: outcome.status === 'finished' ? outcome.finalLoss : null,
    smoothedTrainLoss: outcome.status === 'finished' ? outcome.smoothedTrainLoss : null,
    ...(outcome.status === 'diverged' ? { lastFiniteLoss: outcome.lastFiniteLoss } : {}),
    curve,
    validation,
    ...(gradientNoise.length > 0 ? { gradientNoise } : {}),
    epochs: windows > 0 ? epochs(config, windows) : 1,
    vocabulary,
    backend: report.backend,
    engine: report.engine,
    device: report.device,
    seconds,
    ...(sharedSteps > 0 ? { sharedSteps } : {}),
  };
}

/** What an earlier version of the lab may have kept. */
export type KeptRecord = Omit<RunRecord, 'config' | 'N'> & {
  readonly config: Partial<RunConfig>;
  readonly N: Partial<ParameterCounts> & Pick<ParameterCounts, 'nonEmbedding' | 'total' | 'flops'>;
};

/** A record as it is kept now: settings that came since are at their defaults, counts that came since are made good. */
export function wholeRecord(kept: KeptRecord): RunRecord {
  const config = { ...parseRun({}), ...kept.config };
  const active = kept.N.active ?? kept.N.nonEmbedding - idleParameters(modelConfig(config, kept.vocabulary));
  return { ...kept, config, N: { ...kept.N, active } };
}
