// The worker that fits laws for the page, so that a bootstrap never holds up the interface.
import { expose } from 'comlink';
import type { SweepConfig } from '../src/config/sweep.ts';
import type { AnalysisOptions, NextStage, Verdict } from '../src/experiments/experiment.ts';
import type { Figure } from '../src/experiments/figure.ts';
import { experimentOf } from '../src/experiments/index.ts';
import { analyseLandscapes, type LandscapeAnalysis } from '../src/experiments/landscapes.ts';
import { fitTableTexts, type TableLaw, type TableLawAnswer, type TableText } from '../src/experiments/table-laws.ts';
import { fitBowls, type Bowl } from '../src/laws/bowl.ts';
import type { RunRow } from '../src/laws/fit.ts';
import { fitStepLaw, type StepLawFit } from '../src/laws/step-law.ts';
import { readTable, type Table } from '../src/laws/table.ts';
import { InputError, type Sentence } from '../src/messages/sentence.ts';
import type { RunRecord } from '../src/sweep/record.ts';

/** What an analysis needs of a record: all but its curves, which are long. */
export type RecordWithoutCurves = Omit<RunRecord, 'curve' | 'validation'>;

/** What the runs of an experiment's sweep say. */
export interface ExperimentAnswer {
  readonly verdict: Verdict;
  readonly figures: readonly Figure[];
  /** Runs to train next, where all runs so far have ended and the experiment asks for more. */
  readonly next: NextStage | undefined;
}

/** What an experiment is asked about. */
export interface ExperimentQuestion {
  /** The experiment's id. */
  readonly experiment: string;
  readonly sweep: SweepConfig;
  /** With curves where the experiment reads them. */
  readonly records: readonly (RecordWithoutCurves & Partial<Pick<RunRecord, 'curve' | 'validation'>>)[];
  readonly options: AnalysisOptions;
  /** Whether all runs of the sweep have ended. */
  readonly complete: boolean;
}

/** A law to be fitted to tables. */
export interface LawQuestion {
  readonly law: TableLaw;
  readonly tables: readonly TableText[];
  /** Which count of our own JSON Lines is N. */
  readonly count: string;
  readonly resamples: number;
}

/** Fits of a table of runs from outside. */
export interface TableFits {
  readonly bowls: readonly Bowl[];
  readonly law: StepLawFit;
}

/** A table that was read, or why it was not: one of the two. */
export interface TableAnswer {
  readonly table?: Table;
  readonly refused?: Sentence;
}

function whole(record: RecordWithoutCurves & Partial<RunRecord>): RunRecord {
  return { curve: [], validation: [], ...record };
}

const api = {
  /** Landscapes and laws of a family of runs. */
  analyse(records: readonly RecordWithoutCurves[], options: AnalysisOptions): LandscapeAnalysis {
    return analyseLandscapes(records.map(whole), options);
  },
  /** The verdict and the figures of an experiment. */
  experiment({ experiment, sweep, records, options, complete }: ExperimentQuestion): ExperimentAnswer {
    const found = experimentOf(experiment);
    const analysis = found.analyse(records.map(whole), options);
    return {
      verdict: found.verdict(analysis),
      figures: found.figures(analysis),
      next: complete ? found.next?.(analysis, sweep) : undefined,
    };
  },
  /** Reads a table's text. A refusal is an answer: an error thrown here would lose its second language on the way. */
  readTable(text: string, count: string): TableAnswer {
    try {
      return { table: readTable(text, { count, keepDiverged: true }) };
    } catch (error) {
      if (error instanceof InputError) return { refused: error.sentence };
      throw error;
    }
  },
  /** Any law, fitted to tables as texts; `onProgress` hears the share done (of each table in turn). */
  fitLaw({ law, tables, count, resamples }: LawQuestion, onProgress: (share: number) => void): TableLawAnswer {
    return fitTableTexts(law, tables, count, { resamples, onProgress: (share) => onProgress(share) });
  },
  /** Bowls and Step Law of a table's rows. */
  fitTable(
    rows: readonly RunRow[],
    { plateau = 0.0025, resamples = 1000, method }: AnalysisOptions & { method: 'vertex' | 'plateau' },
  ): TableFits {
    const bootstrap = { resamples };
    return {
      bowls: fitBowls(rows, { plateau, bootstrap }),
      law: fitStepLaw(rows, { method, plateau, bowl: { plateau, bootstrap }, bootstrap }),
    };
  },
};

/** What the worker offers, through comlink. */
export type LawsWorker = typeof api;

expose(api);
