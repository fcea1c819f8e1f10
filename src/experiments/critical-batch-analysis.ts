// The analysis behind `critical-batch`: steps and tokens to the same losses over batches, the hyperbola between them at
// each loss, and the critical batch against the loss.
import { fitCriticalBatch, type CriticalBatchFit } from '../laws/critical-batch.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { CURVE_FIELDS, curveRows } from './size-curves.ts';
import { tunedCells, type TunedCell } from './tuning.ts';

/** What the batches say. */
export interface CriticalBatchAnalysis extends TableAnalysis {
  /** Each batch at its best learning rate, by the loss at the end of its runs. */
  readonly cells: readonly TunedCell[];
  readonly fit: CriticalBatchFit;
}

/** Losses at which each size is read. */
const LEVELS = 10;

/** Analyses runs over batches and learning rates, of one size or several. */
export function analyseCriticalBatch(records: readonly RunRecord[], options: AnalysisOptions = {}): CriticalBatchAnalysis {
  const { records: used, ...table } = tableOf(records, CURVE_FIELDS, options);
  const { resamples, seed } = table.options;
  return {
    ...table,
    cells: tunedCells(table.rows, used),
    // The start of every curve is gone from its rows already.
    fit: fitCriticalBatch(curveRows(used, table.rows), { levels: LEVELS, warmup: 0, bootstrap: { resamples, seed } }),
  };
}
