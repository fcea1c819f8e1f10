// The analysis behind `critical-batch`: steps and tokens to the same losses over batches, the hyperbola between them at
// each loss, the critical batch against the loss, and the gradient noise scale held against it.
import type { RunConfig } from '../config/run.ts';
import { criticalBatchAt, fitCriticalBatch, type CriticalBatchFit } from '../laws/critical-batch.ts';
import type { Estimate } from '../laws/fit.ts';
import { noiseByLoss, noiseRatio, type NoiseAtLoss, type NoiseMeasurement, type NoiseRatio } from '../laws/noise-against-loss.ts';
import { smoothCurve } from '../laws/smooth-curve.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { CURVE_FIELDS, curveRows, thinned } from './size-curves.ts';
import { tunedCells, type TunedCell } from './tuning.ts';

/** What the batches say. */
export interface CriticalBatchAnalysis extends TableAnalysis {
  /** Each batch at its best learning rate, by the loss at the end of its runs. */
  readonly cells: readonly TunedCell[];
  readonly fit: CriticalBatchFit;
  /** The gradient noise scale of runs at the best learning rate of their batch, at equal loss; empty where none was measured. */
  readonly noise: readonly NoiseAtLoss[];
  /** Over the critical batch, within the losses at which that was read; undefined without either. */
  readonly noiseRatio: NoiseRatio | undefined;
}

/** Curves are read from this many times their warm-up on: the fall from the untrained loss goes on for about as long again. */
const START = 2;

/** Losses at which each size is read. */
const LEVELS = 10;

/** Analyses runs over batches and learning rates, of one size or several. */
export function analyseCriticalBatch(records: readonly RunRecord[], options: AnalysisOptions = {}): CriticalBatchAnalysis {
  const { records: used, ...table } = tableOf(records, CURVE_FIELDS, options);
  const { resamples, seed } = table.options;
  const cells = tunedCells(table.rows, used);
  // What comes before the start is gone from the rows of every curve.
  const start = START * Math.max(0, ...used.map(({ config }) => warmupShare(config)));
  const fit = fitCriticalBatch(curveRows(used, table.rows, { start }), { levels: LEVELS, warmup: 0, bootstrap: { resamples, seed } });
  const measured = cells.flatMap(({ best }) => best.flatMap((row) => noiseMeasurements(used[row], start)));
  return { ...table, cells, fit, noise: noiseByLoss(measured), noiseRatio: noiseRatio(measured, (loss) => criticalWithin(fit, loss)) };
}

/** Share of a run that its warm-up takes. */
function warmupShare({ warmupTokens, warmupFraction, tokens }: RunConfig): number {
  return warmupTokens > 0 ? Math.min(1, warmupTokens / tokens) : warmupFraction;
}

/** A run's measurements at the losses of its smoothed training curve, on which levels are read too; none before its start. */
function noiseMeasurements({ id, config, curve, gradientNoise = [] }: RunRecord, start: number): NoiseMeasurement[] {
  const smooth = gradientNoise.length === 0 ? undefined : smoothCurve(thinned(curve, { start }).map(([step, , loss]) => [step, loss]));
  if (smooth === undefined) return [];
  return gradientNoise.flatMap(({ step, tokens, gradientSquaredNorm, gradientVariance }): NoiseMeasurement[] => {
    // The last point of a thinned curve stands a little before the last step.
    const loss = Math.exp(smooth.at(Math.min(Math.log(step), smooth.to)));
    if (!Number.isFinite(loss)) return [];
    const text = `${config.dataSeed} ${tokens}`;
    return [{ run: id, text, loss, squaredNorm: gradientSquaredNorm, variance: gradientVariance }];
  });
}

/** B_crit at a loss among those at which it was read. */
function criticalWithin(fit: CriticalBatchFit, loss: number): Estimate | undefined {
  const losses = fit.levels.filter(({ hyperbola }) => hyperbola !== undefined).map((level) => level.loss);
  return loss >= Math.min(...losses) && loss <= Math.max(...losses) ? criticalBatchAt(fit, loss) : undefined;
}
