// The form of an experiment: a sweep at four sizes, an analysis of its runs, an explanation, and a verdict that is
// computed from the data. One file each, listed in index.ts.
import type { RunConfig } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { RunRow } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { ParameterConvention } from '../model/counts.ts';
import type { PredictionDraft } from '../sweep/prediction.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { Figure } from './figure.ts';

/** How much time an experiment may take: seconds (for tests), minutes on two CPU cores, a lesson on a laptop's GPU, hours. */
export const experimentSizes = ['smoke', 'minutes', 'lesson', 'hours'] as const;
export type ExperimentSize = (typeof experimentSizes)[number];

/** The loss that an analysis looks at: validation at the end, or the smoothed training loss (Step Law's). */
export type LossChoice = 'finalLoss' | 'smoothedTrainLoss';

/** What the reader may choose about an analysis. */
export interface AnalysisOptions {
  /** Which count is N. Default nonEmbedding. */
  readonly count?: ParameterConvention;
  /** Default finalLoss. */
  readonly loss?: LossChoice;
  /** Runs within this share of the lowest loss are the plateau. Default 0.0025. */
  readonly plateau?: number;
  /** Grid points within this share of the lowest loss are fitted. Default 0.06: at 0.04 the noise of a seed decides. */
  readonly window?: number;
  /** Of each bootstrap; 0 leaves intervals out. Default 1,000. */
  readonly resamples?: number;
  /** Of the bootstraps. Default 0. */
  readonly seed?: number;
}

/** What every analysis holds. Plain data: it can be printed as JSON and posted to a worker. */
export interface Analysis {
  /** The choices it was made with. */
  readonly options: Required<AnalysisOptions>;
  /** Runs that no fit looked at, and why. */
  readonly left: readonly { readonly id: string; readonly reason: Sentence }[];
}

/** An analysis of one table. */
export interface TableAnalysis extends Analysis {
  /** Runs as the fits saw them: `used` and `left` of any fit index this table. */
  readonly rows: readonly RunRow[];
  /** Id of the run of each row. */
  readonly ids: readonly string[];
}

/** Which of an experiment's groups a run belongs to: landscapes of different groups are fitted and drawn apart. */
export interface RunGroup {
  readonly id: string;
  readonly label: Sentence;
}

/** Runs to train next, when what they are follows from the runs before. */
export interface NextStage {
  /** What they are for. */
  readonly sentence: Sentence;
  /** Added to the sweep. */
  readonly grids: readonly Grid[];
  /** What is foretold of these runs: whoever trains them freezes it first (`freezePrediction`) and keeps it. */
  readonly predictions?: readonly PredictionDraft[];
}

/** What the runs say of an experiment's claim. */
export interface Verdict {
  readonly status: 'shown' | 'contradicted' | 'not shown here' | 'not enough points';
  /** What was found, in numbers, and what to run next where that would help. */
  readonly sentence: Sentence;
}

/** An experiment. */
export interface Experiment<Result extends Analysis = Analysis> {
  readonly id: string;
  readonly title: Sentence;
  /** One sentence for a list. */
  readonly summary: Sentence;
  /** What the verdict is about. */
  readonly claim: Sentence;
  /** Paragraphs: what is done, what to look at, where it comes from. */
  readonly text: readonly Sentence[];
  readonly sizes: Readonly<Record<ExperimentSize, SweepConfig>>;
  /** Whether the analysis reads the runs' curves (they are long: a page sends them to its worker only then). */
  readonly readsCurves?: boolean;
  /** Absent where all runs of like settings are one group. */
  readonly groupOf?: (config: RunConfig) => RunGroup;
  /** All runs of the sweep that have ended: any number, also none, in any order. */
  analyse(records: readonly RunRecord[], options?: AnalysisOptions): Result;
  verdict(analysis: Result): Verdict;
  /** What is shown beside landscapes and curves, which every sweep has. */
  figures(analysis: Result): readonly Figure[];
  /** Undefined when nothing more is to be trained. Asked when all runs of the sweep have ended. */
  next?(analysis: Result, sweep: SweepConfig): NextStage | undefined;
}

/** The choices, whole. */
export function analysisOptions(options: AnalysisOptions = {}): Required<AnalysisOptions> {
  return { count: 'nonEmbedding', loss: 'finalLoss', plateau: 0.0025, window: 0.06, resamples: 1000, seed: 0, ...options };
}
