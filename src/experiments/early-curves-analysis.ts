// The analysis behind `early-curves`: L(N, S) fitted to the first part of every curve, and what it says of the rest held
// against the rest.
import type { Estimate, RunRow } from '../laws/fit.ts';
import { fitKaplan } from '../laws/kaplan.ts';
import { lossAtSizeAndSteps } from '../laws/kaplan-forms.ts';
import { fitPowerLaw, powerLawAt } from '../laws/power-law.ts';
import { studentQuantile } from '../laws/statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { CurvePoint, RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { tunedCells } from './tuning.ts';
import { CURVE_FIELDS, thinned } from './size-curves.ts';

/** Share of each run that the law is fitted to. */
export const EARLY = 0.25;

/** The last points of a curve, over which its end is averaged. */
const END = 3;

/** One curve and its prediction. */
export interface PredictedCurve {
  /** Parameters by the chosen count. */
  readonly N: number;
  /** Batch, tokens. */
  readonly B: number;
  readonly run: string;
  /** Steps, tokens, training loss; those up to `split` steps were fitted. */
  readonly points: readonly CurvePoint[];
  readonly split: number;
  /** Loss at a number of steps by the law; NaN where it could not be fitted. */
  readonly predicted: readonly (readonly [step: number, loss: number])[];
  /** Loss at the end, mean over the last points; and what is predicted there, by the law, by the curve's own power law, and by no further change. */
  readonly end: number;
  readonly byLaw: number;
  readonly byOwnCurve: number;
  readonly byLast: number;
}

/** Constants of L(N, S) = (N_c/N)^α_N + (S_c/S)^α_S. */
export interface EarlyConstants {
  readonly alphaN: number;
  /** Parameters. */
  readonly Nc: number;
  readonly alphaS: number;
  /** Steps. */
  readonly Sc: number;
}

/** The law of the early parts. */
export interface EarlyLaw {
  /** Undefined where there is none; `message` then says why. */
  readonly constants: EarlyConstants | undefined;
  readonly exponents: { readonly alphaN: Estimate; readonly alphaS: Estimate } | undefined;
  readonly message: Sentence;
}

/** All curves of one batch, and the law through their first parts. */
export interface EarlyBatch {
  readonly B: number;
  readonly law: EarlyLaw;
  readonly curves: readonly PredictedCurve[];
}

/** Early parts of curves, and how far they carry. */
export interface EarlyCurvesAnalysis extends TableAnalysis {
  /** Ascending. */
  readonly batches: readonly EarlyBatch[];
}

/** Root mean square of log predicted − log observed at the ends of curves; NaN where a prediction is missing. */
export function errorOf(curves: readonly PredictedCurve[], by: 'byLaw' | 'byOwnCurve' | 'byLast'): number {
  return Math.sqrt(curves.reduce((sum, curve) => sum + Math.log(curve[by] / curve.end) ** 2, 0) / curves.length);
}

/** Fits the first quarter of every curve, batch by batch, and predicts the other three. */
export function analyseEarlyCurves(records: readonly RunRecord[], options: AnalysisOptions = {}): EarlyCurvesAnalysis {
  const { records: used, ...table } = tableOf(records, CURVE_FIELDS, options);
  // The learning rate too is chosen by what has been seen: the loss at the end of the first part.
  const early = used.map((record) => thinned(record.curve).filter(([step]) => step <= EARLY * record.S));
  const rows = table.rows.map((row, i) => ({
    ...row,
    loss: row.status === 'done' && early[i].length > END ? meanLoss(early[i].slice(-END)) : NaN,
  }));
  const cells = tunedCells(rows, used);
  const batches = [...new Set(cells.map(({ B }) => B))].sort((a, b) => a - b);
  return {
    ...table,
    batches: batches.map((B): EarlyBatch => {
      const members = cells.filter((cell) => cell.B === B).flatMap((cell) => cell.best.map((index) => ({ cell, index })));
      const law = fitEarly(
        members.map(({ cell, index }) => early[index].map(([S, , loss]) => ({ N: cell.N, S, loss, run: used[index].id }))),
      );
      const at = (N: number, step: number): number => (law.constants ? lossAtSizeAndSteps(law.constants, N, step) : NaN);
      return {
        B,
        law,
        curves: members.map(({ cell, index }): PredictedCurve => {
          const record = used[index];
          const points = thinned(record.curve);
          const last = points.slice(-END);
          const lastStep = Math.exp(last.reduce((sum, [step]) => sum + Math.log(step), 0) / last.length);
          const own = fitPowerLaw(
            early[index].map(([x, , y], row) => ({ x, y, row })),
            { bootstrap: { resamples: 0 } },
          );
          return {
            N: cell.N,
            B,
            run: record.id,
            points,
            split: EARLY * record.S,
            predicted: points.map(([step]) => [step, at(cell.N, step)] as const),
            end: meanLoss(last),
            byLaw: at(cell.N, lastStep),
            byOwnCurve: powerLawAt(own, lastStep),
            byLast: meanLoss(early[index].slice(-END)),
          };
        }),
      };
    }),
  };
}

/** All four constants from all points at once, in the order of the points; undefined where the fit is refused. */
function jointly(rows: readonly RunRow[]): { readonly constants: EarlyConstants | undefined; readonly message: Sentence } {
  // Within one batch the steps themselves stand for S_min: the two differ by a factor that S_c takes up. The start is gone already.
  const { LNS } = fitKaplan(rows, { criticalBatch: 'none', start: 0, bootstrap: { resamples: 0 } }).laws;
  const { alphaN, Nc, alphaS, Sc } = LNS.jointly ?? {};
  const found = LNS.status === 'converged' && alphaN! > 0 && Nc! > 0 && alphaS! > 0 && Sc! > 0;
  return { constants: found ? { alphaN: alphaN!, Nc: Nc!, alphaS: alphaS!, Sc: Sc! } : undefined, message: LNS.message };
}

/** The law through curves, its exponents with intervals by the jackknife: refitted without each curve in turn. */
function fitEarly(curves: readonly (readonly RunRow[])[]): EarlyLaw {
  const { constants, message } = jointly(curves.flat());
  if (constants === undefined) return { constants, exponents: undefined, message };
  const without = curves.map((_, k) => jointly(curves.flatMap((rows, i) => (i === k ? [] : rows))).constants);
  const count = without.length;
  const estimate = (of: 'alphaN' | 'alphaS'): Estimate => {
    const value = constants[of];
    const all = without.map((one) => one?.[of] ?? NaN);
    const mean = all.reduce((sum, one) => sum + one, 0) / count;
    const error = Math.sqrt(((count - 1) / count) * all.reduce((sum, one) => sum + (one - mean) ** 2, 0));
    const half = studentQuantile(0.95, Math.max(1, count - 1)) * error;
    return { value, low: value - half, high: value + half };
  };
  return { constants, exponents: { alphaN: estimate('alphaN'), alphaS: estimate('alphaS') }, message };
}

function meanLoss(points: readonly CurvePoint[]): number {
  return Math.exp(points.reduce((sum, [, , loss]) => sum + Math.log(loss), 0) / points.length);
}
