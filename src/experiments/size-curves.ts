// Loss curves of the best learning rate at each size and batch, smoothed, for experiments that read how a loss is
// reached and not only where a run ends.
import type { RunField } from '../config/run.ts';
import type { RunRow } from '../laws/fit.ts';
import { firstFallTo, smoothCurve, type SmoothCurve } from '../laws/smooth-curve.ts';
import type { CurvePoint, RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { tunedCells, type TunedCell } from './tuning.ts';

/** Settings that experiments on curves vary, or that only repeat a run. */
export const CURVE_FIELDS: readonly RunField[] = ['shape', 'tokens', 'learningRate', 'batchSequences', 'seed', 'dataSeed'];

/** The curve of the best learning rate at one size and batch: the runs of all its seeds. */
export interface SizeCurve {
  /** Parameters by the chosen count. */
  readonly N: number;
  /** Batch, tokens. */
  readonly B: number;
  readonly cell: TunedCell;
  readonly runs: readonly string[];
  /** Points of all seeds after the warm-up: steps, tokens, training loss (each token is read once, so it is as good as held out). */
  readonly points: readonly CurvePoint[];
  /** log loss over log steps; undefined where the curve is too short. */
  readonly smooth: SmoothCurve | undefined;
}

/** Share of a run's steps that its warm-up and the fall from the untrained loss take. */
export const START = 0.05;

/** Points that a curve is thinned to, each the mean over a stretch of equal length in log steps. */
const POINTS = 60;

/** A curve thinned to about `count` points from `start` (share of its steps) on, each the mean over its stretch. */
export function thinned(curve: readonly CurvePoint[], options: { readonly count?: number; readonly start?: number } = {}): CurvePoint[] {
  const { count = POINTS, start = START } = options;
  const last = curve.at(-1)?.[0] ?? 0;
  const kept = curve.filter(([step, , loss]) => step >= start * last && loss > 0 && Number.isFinite(loss));
  if (kept.length === 0) return [];
  const [low, high] = [Math.log(kept[0][0]), Math.log(kept[kept.length - 1][0])];
  const bins = new Map<number, CurvePoint[]>();
  for (const point of kept) {
    const bin = high > low ? Math.min(count - 1, Math.floor((count * (Math.log(point[0]) - low)) / (high - low))) : 0;
    const members = bins.get(bin);
    if (members) members.push(point);
    else bins.set(bin, [point]);
  }
  return [...bins.values()].map((members): CurvePoint => {
    const mean = (k: 0 | 1 | 2): number => Math.exp(members.reduce((sum, point) => sum + Math.log(point[k]), 0) / members.length);
    return [mean(0), mean(1), mean(2)];
  });
}

/** A table of curves: rows that share a `run` are points of one curve. */
export function curveRows(records: readonly RunRecord[], rows: readonly RunRow[], options?: Parameters<typeof thinned>[1]): RunRow[] {
  return records.flatMap((record, i) => {
    const { N, B, lr, seed, status } = rows[i];
    // Of a run that diverged the learning rate bounds those tried.
    if (status === 'diverged' || status === 'failed') return [rows[i]];
    return thinned(record.curve, options).map(([step, tokens, loss]): RunRow => ({
      N,
      B,
      lr,
      seed,
      S: step,
      D: tokens,
      C: (record.C * step) / record.S,
      loss,
      run: record.id,
    }));
  });
}

/** Tuned curves of any runs, ascending N, then B; the learning rate is chosen by the loss at the end. */
export function sizeCurves(
  records: readonly RunRecord[],
  options: AnalysisOptions = {},
): TableAnalysis & { readonly curves: readonly SizeCurve[]; readonly records: readonly RunRecord[] } {
  const table = tableOf(records, CURVE_FIELDS, options);
  const curves = tunedCells(table.rows, table.records).map((cell): SizeCurve => {
    const points = cell.best.flatMap((row) => thinned(table.records[row].curve)).sort((a, b) => a[0] - b[0]);
    return {
      N: cell.N,
      B: cell.B,
      cell,
      runs: cell.best.map((row) => table.ids[row]),
      points,
      smooth: smoothCurve(points.map(([step, , loss]) => [step, loss])),
    };
  });
  return { ...table, curves };
}

/** Steps at which a smoothed curve first falls to a loss (nats per token); undefined where it does not. */
export function stepsTo(curve: SizeCurve, loss: number): number | undefined {
  const log = curve.smooth && firstFallTo(curve.smooth, Math.log(loss));
  return log === undefined ? undefined : Math.exp(log);
}

/** Losses, descending, evenly spread in the logarithm over the stretch that at least `least` of the curves pass through. */
export function commonLevels(curves: readonly SizeCurve[], least: number, count: number): number[] {
  const smooth = curves.flatMap((curve) => curve.smooth ?? []);
  if (smooth.length < least) return [];
  const top = smooth.map(({ grid }) => grid[0]).sort((a, b) => b - a)[least - 1];
  const bottom = smooth.map(({ lowest }) => lowest).sort((a, b) => a - b)[least - 1];
  return top > bottom ? Array.from({ length: count }, (_, k) => Math.exp(top - ((top - bottom) * (k + 0.5)) / count)) : [];
}
