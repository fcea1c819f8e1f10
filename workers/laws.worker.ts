// The worker that fits laws for the page, so that a bootstrap never holds up the interface.
import { expose } from 'comlink';
import type { AnalysisOptions, Verdict } from '../src/experiments/experiment.ts';
import { experimentOf } from '../src/experiments/index.ts';
import { analyseLandscapes, type LandscapeAnalysis } from '../src/experiments/landscapes.ts';
import { fitBowls, type Bowl } from '../src/laws/bowl.ts';
import type { RunRow } from '../src/laws/fit.ts';
import { fitStepLaw, type StepLawFit } from '../src/laws/step-law.ts';
import { readTable, type Table } from '../src/laws/table.ts';
import { InputError, type Sentence } from '../src/messages/sentence.ts';
import type { RunRecord } from '../src/sweep/record.ts';

/** What an analysis needs of a record: all but its curves, which are long. */
export type RecordWithoutCurves = Omit<RunRecord, 'curve' | 'validation'>;

/** An analysis, and what it says of the experiment's claim where the sweep belongs to one. */
export interface AnalysisAnswer {
  readonly analysis: LandscapeAnalysis;
  readonly verdict: Verdict | undefined;
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

const api = {
  /** Landscapes and laws of a family of runs. `experiment` is an experiment's id. */
  analyse(records: readonly RecordWithoutCurves[], options: AnalysisOptions, experiment: string | undefined): AnalysisAnswer {
    const whole = records.map((record): RunRecord => ({ ...record, curve: [], validation: [] }));
    if (experiment === undefined) return { analysis: analyseLandscapes(whole, options), verdict: undefined };
    const found = experimentOf(experiment);
    const analysis = found.analyse(whole, options);
    return { analysis, verdict: found.verdict(analysis) };
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
