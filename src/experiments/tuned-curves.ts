// The loss curves of the best learning rate at each size and batch, and the law of that rate over both: what an
// extrapolation to another size and batch is made from.
import { fitParabola } from '../laws/budgets.ts';
import type { Estimate, RunRow } from '../laws/fit.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from '../laws/log-linear.ts';
import type { ParameterConvention } from '../model/counts.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { TunedCell } from './tuning.ts';

/** A held-out loss before this share of a run is still the warm-up's doing. */
export const FIRST_SHARE = 0.1;

/** Rates on either side of the best that carry its parabola. */
const NEIGHBOURS = 2;

/**
 * Learning rate at the vertex of a parabola in its logarithm through the best rate of a cell and its neighbours; undefined
 * where the best one tried is at an end, and where only one was tried.
 * @param rows the table that the cell indexes
 */
export function vertexRate(cell: TunedCell, rows: readonly RunRow[]): number | undefined {
  const { tried, lr } = cell;
  if (cell.edge !== undefined || tried.length < 3) return undefined;
  const best = tried.indexOf(lr);
  const near = tried.slice(Math.max(0, best - NEIGHBOURS), best + NEIGHBOURS + 1);
  const points = cell.rows.map((row) => rows[row]).filter((row) => near.includes(row.lr!) && row.status === 'done');
  const parabola = fitParabola(
    points.map((row) => Math.log(row.lr!)),
    points.map((row) => row.loss),
  );
  if (parabola === undefined || !(parabola.curvature > 0)) return lr;
  // A vertex beyond the neighbours of the best rate is the parabola's misfit, not the optimum.
  return Math.min(Math.max(Math.exp(parabola.vertex), tried[best - 1]), tried[best + 1]);
}

/** Best learning rate = e^c · N^n · B^b. */
export interface RateLaw {
  /** Exponents of N and B, 95 % intervals. */
  readonly N: Estimate;
  readonly B: Estimate;
  readonly cells: number;
  readonly fit: LogLinearFit;
}

/** The law of the best learning rate over cells; undefined while too few of them have one. */
export function fitRateLaw(
  cells: readonly { readonly N: number; readonly B: number; readonly rate: number | undefined }[],
  options: { resamples: number; seed: number },
): RateLaw | undefined {
  const known = cells.filter((cell) => cell.rate !== undefined);
  const fit = fitLogLinear({
    terms: known.map(({ N, B }) => [1, Math.log(N), Math.log(B)]),
    y: known.map(({ rate }) => Math.log(rate!)),
    weights: known.map(() => 1),
    options,
  });
  return fit && { N: logLinearEstimate(fit, [0, 1, 0]), B: logLinearEstimate(fit, [0, 0, 1]), cells: known.length, fit };
}

/** The best learning rate at a size and batch by the law. */
export function rateAt({ fit }: RateLaw, N: number, B: number): Estimate {
  const { value, low, high } = logLinearEstimate(fit, [1, Math.log(N), Math.log(B)]);
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

/** Held-out losses along runs, after their warm-up. */
export function rowsOfRuns(records: readonly RunRecord[], count: ParameterConvention): RunRow[] {
  return records.flatMap(({ id, N, B, S, seed, validation }) =>
    validation
      .filter(([step]) => step >= FIRST_SHARE * S)
      .map(([step, tokens, loss]) => ({ N: N[count], D: tokens, B, S: step, loss, seed, run: id })),
  );
}
