// The analysis behind `all-the-constants`: the six constants of the law of Su et al. one pair at a time, all together, and
// what they foretell for a size and a batch that no fit has seen.
import { criticalBatchAt, criticalBatchConstants, fitCriticalBatch, type CriticalBatchFit } from '../laws/critical-batch.ts';
import { criticalBatch } from '../laws/critical-batch-forms.ts';
import type { Estimate, RunRow } from '../laws/fit.ts';
import { fitKaplan, type KaplanFit } from '../laws/kaplan.ts';
import { fitTrajectory, trajectoryEstimate, type TrajectoryFit } from '../laws/trajectory.ts';
import { minimumLoss, requiredSteps, trajectoryLoss, type TrajectoryConstants } from '../laws/trajectory-forms.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { commonLevels, curveRows, sizeCurves, stepsTo, type SizeCurve } from './size-curves.ts';

/** A loss on the way of the foretold run. */
export interface TargetLoss {
  /** Nats per token. */
  readonly loss: number;
  /** Steps, foretold and seen. */
  readonly steps: Estimate | undefined;
  readonly seen: number;
  /** B_crit, tokens: by the constants, and by the hyperbola of this loss alone. */
  readonly critical: Estimate | undefined;
  readonly hyperbola: Estimate | undefined;
}

/** The run that no fit has seen, beside what the constants say of it. */
export interface ForetoldRun {
  readonly curve: SizeCurve;
  /** Steps, observed loss, foretold loss. */
  readonly points: readonly { readonly step: number; readonly loss: number; readonly foretold: Estimate }[];
  /** The least loss that its size can reach, foretold. */
  readonly minimum: Estimate | undefined;
  /** Lowest loss seen, smoothed. */
  readonly lowest: number;
  /** Root mean square of log foretold − log seen along the curve. */
  readonly error: number;
  /** The same for the curve of the nearest size and batch that was fitted, taken as it is at equal tokens. */
  readonly nearestError: number;
  readonly targets: readonly TargetLoss[];
}

/** The walk. */
export interface ConstantsAnalysis extends TableAnalysis {
  /** Curves that were fitted. */
  readonly curves: readonly SizeCurve[];
  /** Steps 1 and 2: α_N, N_c of L(N), α_S, S_c of L(N, S_min). */
  readonly kaplan: KaplanFit;
  /** Step 3: α_B, B_*. */
  readonly batches: CriticalBatchFit;
  /** All six together. */
  readonly jointly: TrajectoryFit;
  /** Those that foretell: all six together, or else one pair at a time; undefined where neither could be had, and why. */
  readonly constants: { readonly values: TrajectoryConstants; readonly from: 'together' | 'step by step' } | undefined;
  readonly missing: Sentence | undefined;
  /** Undefined while no such run has ended. */
  readonly foretold: ForetoldRun | undefined;
}

/** Points of one curve in fits of many. */
const FEW_POINTS = 24;

/** Of Kaplan's laws, whose resamples take longest. */
const MOST_RESAMPLES = 200;

const TARGETS = 3;

/**
 * Analyses runs over sizes and batches. The largest size at a batch that no other size was trained at is kept out of every
 * fit: it is what the constants foretell.
 */
export function analyseConstants(records: readonly RunRecord[], options: AnalysisOptions = {}): ConstantsAnalysis {
  const { records: used, curves: all, ...table } = sizeCurves(records, options);
  const { resamples, seed } = table.options;
  const unseen = unseenCurve(all);
  const isUnseen = (row: RunRow): boolean => unseen !== undefined && row.N === unseen.N;
  const kept = used.flatMap((record, i) => (isUnseen(table.rows[i]) ? [] : [{ record, row: table.rows[i] }]));
  const rows = curveRows(
    kept.map(({ record }) => record),
    kept.map(({ row }) => row),
    { count: FEW_POINTS },
  );
  // The start of every curve is gone from the rows already.
  const batches = fitCriticalBatch(rows, { warmup: 0, bootstrap: { resamples, seed } });
  const critical = criticalBatchConstants(batches);
  const kaplan = fitKaplan(rows, {
    ...(critical ? { criticalBatch: critical } : {}),
    start: 0,
    bootstrap: { resamples: Math.min(resamples, MOST_RESAMPLES), seed },
  });
  const jointly = fitTrajectory(rows, { warmup: 0, bootstrap: { resamples, seed } });
  const curves = all.filter((curve) => curve.N !== unseen?.N);
  const { alphaN, Nc, alphaS, Sc } = kaplan.laws.LNS.parameters;
  const constants: ConstantsAnalysis['constants'] =
    jointly.constants !== undefined
      ? { values: jointly.constants, from: 'together' }
      : critical && alphaN && Nc && alphaS && Sc
        ? {
            values: { alphaN: alphaN.value, Nc: Nc.value, alphaS: alphaS.value, Sc: Sc.value, critical },
            from: 'step by step',
          }
        : undefined;
  return {
    ...table,
    curves,
    kaplan,
    batches,
    jointly,
    constants,
    missing: constants === undefined ? jointly.message : undefined,
    foretold: constants && unseen && foretell(unseen, constants.values, { curves, jointly, batches }),
  };
}

/** The largest size, where each of its batches is one that no other size has. */
function unseenCurve(curves: readonly SizeCurve[]): SizeCurve | undefined {
  const largest = Math.max(...curves.map(({ N }) => N));
  const others = new Set(curves.filter(({ N }) => N < largest).map(({ B }) => B));
  const own = curves.filter(({ N }) => N === largest);
  return others.size > 0 && own.every(({ B }) => !others.has(B)) ? own.at(-1) : undefined;
}

function foretell(
  curve: SizeCurve,
  constants: TrajectoryConstants,
  { curves, jointly, batches }: Pick<ConstantsAnalysis, 'curves' | 'jointly' | 'batches'>,
): ForetoldRun {
  const { N, B } = curve;
  const estimate = (of: (constants: TrajectoryConstants) => number, scale: 'linear' | 'log' = 'linear'): Estimate =>
    trajectoryEstimate(jointly, of, scale) ?? { value: of(constants), low: NaN, high: NaN };
  const points = curve.points.map(([step, , loss]) => ({
    step,
    loss,
    foretold: estimate((one) => trajectoryLoss(one, { N, B, S: step })),
  }));
  const rms = (errors: readonly number[]): number => Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
  const distance = (one: SizeCurve): number => Math.abs(Math.log(one.N / N)) + Math.abs(Math.log(one.B / B));
  const nearest = [...curves].filter(({ smooth }) => smooth !== undefined).sort((a, b) => distance(a) - distance(b))[0];
  const beside = points.flatMap(({ step, loss }) => {
    const log = nearest?.smooth?.at(Math.log((step * B) / nearest.B)) ?? NaN;
    return Number.isFinite(log) ? [log - Math.log(loss)] : [];
  });
  return {
    curve,
    points,
    minimum: estimate((one) => minimumLoss(one, N)),
    lowest: curve.smooth === undefined ? NaN : Math.exp(curve.smooth.lowest),
    error: rms(points.map(({ loss, foretold }) => Math.log(foretold.value / loss))),
    nearestError: beside.length > 0 ? rms(beside) : NaN,
    targets: commonLevels([curve], 1, TARGETS).flatMap((loss): TargetLoss[] => {
      const seen = stepsTo(curve, loss);
      return seen === undefined
        ? []
        : [
            {
              loss,
              steps: estimate((one) => requiredSteps(one, { N, B, loss }), 'log'),
              seen,
              critical: estimate((one) => criticalBatch(one.critical, loss), 'log'),
              hyperbola: criticalBatchAt(batches, loss),
            },
          ];
    }),
  };
}
