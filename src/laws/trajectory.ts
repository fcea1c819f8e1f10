// The loss of a run at any size, batch and step from loss curves of several sizes and batches: the law of Su et al.,
// "Unraveling the Mystery of Scaling Laws: Part I", arXiv 2403.06563, built on Kaplan et al., arXiv 2001.08361:
//   L = (N_c/N)^αN + (S_c·(1 + B_crit(L)/B)/S)^αS,   B_crit(L) = B_* / L^{1/αB}.
// Converged runs would give α_N and N_c, a batch as good as infinite then α_S and S_c, the batches of one size then α_B and
// B_*. Small runs neither converge nor reach such a batch, so that order gives only the start here, and all six constants
// are then fitted together to every point.
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import { whyUncertain } from './critical-batch-levels.ts';
import { criticalBatchSentence } from './critical-batch-sentences.ts';
import { reciprocal } from './critical-batch.ts';
import { enoughPoints, firstProblem, LEAST_RATIO, notTied, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, FitStatus, LeftOut, RunRow } from './fit.ts';
import { fitCurve, type CurveFit } from './levenberg.ts';
import { groupBy, runCurves, type RunCurve } from './run-curves.ts';
import { sentences } from './sentences.ts';
import { intervalFromSamples, withoutInterval } from './statistics.ts';
import { undetermined } from './trajectory-doubt.ts';
import type { TrajectoryConstants } from './trajectory-forms.ts';
import {
  boundHit,
  centreOf,
  constantsOf,
  trajectoryProblem,
  WORKING,
  type TrajectoryCentre,
  type TrajectoryPoint,
} from './trajectory-model.ts';
import { reasonsToLeave } from './trajectory-runs.ts';
import { trajectorySentence } from './trajectory-sentences.ts';
import { trajectoryStarts } from './trajectory-start.ts';
import { changesByRun, wildDraw } from './wild-runs.ts';

/** Constants of the law; Nc in parameters, Sc in steps, Bstar in tokens. */
export type TrajectoryParameter = 'alphaN' | 'Nc' | 'alphaS' | 'Sc' | 'alphaB' | 'Bstar';

/** Choices of the fit. */
export interface TrajectoryOptions {
  /** Share of each run's steps, from its start, that is not read: the warm-up. Default 0.05. Tables of final losses are read whole. */
  readonly warmup?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** The fitted law. Residuals are log loss − log fitted, one per used row. */
export interface TrajectoryFit extends Fit<TrajectoryParameter> {
  readonly law: 'trajectory';
  /** The constants as the forms of `trajectory-forms.ts` take them; undefined unless the fit converged. */
  readonly constants: TrajectoryConstants | undefined;
  /** Constants of each resample, for the interval of anything that follows from them. */
  readonly resampled: readonly TrajectoryConstants[];
  readonly degreesOfFreedom: number;
}

const DEFAULT_WARMUP = 0.05;

/** Curves are thinned, by means over neighbouring points, to about this many points in all. */
const MOST_POINTS = 20_000;

/** Points on which the starts are compared. */
const MOST_FOR_STARTS = 400;
const STARTS = 3;
const STEPS_TO_COMPARE = 8;

const CONSTANTS = 6;

/** Fits the law to curves (rows of one `run`), or to final losses of each size and batch at several lengths. */
export function fitTrajectory(table: readonly RunRow[], options: TrajectoryOptions = {}): TrajectoryFit {
  const { warmup = DEFAULT_WARMUP, bootstrap = {} } = options;
  const read = runCurves(table, { warmup, withN: true });
  const reasons = reasonsToLeave(read);
  const curves = read.curves.filter((_, index) => reasons[index] === undefined);
  const left = leftRows(read.curves, reasons, read.left);
  const used = curves.flatMap(({ rows }) => rows).sort((a, b) => a - b);
  const refuse = (problem: DesignProblem): TrajectoryFit => ({
    ...refused<TrajectoryParameter>({ law: 'trajectory', problem, left, used }),
    law: 'trajectory',
    constants: undefined,
    resampled: [],
    degreesOfFreedom: NaN,
  });
  const problem = designProblem(read.curves, curves);
  if (problem !== undefined) return refuse(problem);

  const points = thinnedPoints(curves, MOST_POINTS);
  const centre = centreOf(points);
  const curve = trajectoryProblem(points, centre);
  const solved = search(curves, points, centre);
  if (solved === undefined) return refuse({ status: 'not identified', message: trajectorySentence.noStart });
  const bound = boundProblem(solved, curve, points);
  if (bound !== undefined) return refuse(bound);
  if (solved.status !== 'converged') return refuse({ status: 'not converged', message: sentences.notConverged });
  const changes = changesByRun(
    curve.jacobian(solved.parameters),
    solved.residuals,
    points.map(({ run }) => run),
  );
  if (changes === undefined) return refuse({ status: 'not identified', message: trajectorySentence.noStart });
  const degreesOfFreedom = Math.max(1, curves.length - CONSTANTS);
  const uncertain = undetermined({ fit: solved, problem: curve, points, centre, changes, degreesOfFreedom });
  if (uncertain !== undefined) return refuse(uncertain);

  const constants = constantsOf(solved.parameters, centre);
  const resampled: TrajectoryConstants[] = [];
  const { parameters: estimates, bootstrap: drawn } = bootstrapParameters<Exclude<TrajectoryParameter, 'alphaB'> | 'power'>({
    values: named(constants),
    unit: curves.every(({ oneRun }) => oneRun) ? 'runs' : 'cells',
    options: bootstrap,
    degreesOfFreedom,
    factors: ['Nc', 'Sc', 'Bstar'],
    draw: (random) => {
      const drawnParameters = wildDraw(solved.parameters, changes, random);
      if (!(drawnParameters[WORKING.alphaN] > 0) || !(drawnParameters[WORKING.alphaS] > 0)) return undefined;
      const drawnConstants = constantsOf(drawnParameters, centre);
      resampled.push(drawnConstants);
      return named(drawnConstants);
    },
  });
  const { alphaN, Nc, alphaS, Sc, Bstar, power } = estimates;
  const parameters = { alphaN, Nc, alphaS, Sc, alphaB: reciprocal(power), Bstar };
  return {
    law: 'trajectory',
    status: 'converged',
    message: trajectorySentence.found({ ...parameters, runs: curves.length, resamples: drawn.resamples }),
    parameters,
    objective: { name: 'ls', value: solved.sumOfSquares / 2 },
    used,
    left,
    residuals: residualsOfRows(curves, solved.parameters, centre),
    bootstrap: drawn.resamples > 0 ? drawn : undefined,
    constants,
    resampled,
    degreesOfFreedom,
  };
}

/**
 * Anything that follows from the constants (a loss, required steps or tokens), with its 95 % interval; undefined unless
 * the fit converged.
 * @param scale `log` for what is positive and uncertain by a factor, such as steps
 */
export function trajectoryEstimate(
  fit: TrajectoryFit,
  of: (constants: TrajectoryConstants) => number,
  scale: 'linear' | 'log' = 'linear',
): Estimate | undefined {
  if (fit.constants === undefined) return undefined;
  const value = of(fit.constants);
  if (fit.resampled.length === 0) return withoutInterval(value);
  return intervalFromSamples(value, fit.resampled.map(of), { degreesOfFreedom: fit.degreesOfFreedom, scale });
}

/** The best of the starts on a few points, then on all of them. */
function search(curves: readonly RunCurve[], points: readonly TrajectoryPoint[], centre: TrajectoryCentre): CurveFit | undefined {
  const few = points.length > MOST_FOR_STARTS ? thinnedPoints(curves, MOST_FOR_STARTS) : points;
  const coarse = trajectoryProblem(few, centre);
  let best: CurveFit | undefined;
  for (const start of trajectoryStarts(few, centre, STARTS)) {
    const fit = fitCurve({ ...coarse, start, rounds: 0, steps: STEPS_TO_COMPARE });
    if (best === undefined || fit.sumOfSquares < best.sumOfSquares) best = fit;
  }
  if (best === undefined) return undefined;
  const problem = trajectoryProblem(points, centre);
  const direct = fitCurve({ ...problem, start: best.parameters, rounds: 0, steps: 80 });
  // Gauss–Newton stops short in a bent valley now and then; the library's damped steps get past it.
  return direct.status === 'not converged' ? fitCurve({ ...problem, start: direct.parameters, steps: 80 }) : direct;
}

function named({
  alphaN,
  Nc,
  alphaS,
  Sc,
  critical,
}: TrajectoryConstants): Record<Exclude<TrajectoryParameter, 'alphaB'> | 'power', number> {
  return { alphaN, Nc, alphaS, Sc, Bstar: critical.batch, power: 1 / critical.alpha };
}

function designProblem(all: readonly RunCurve[], curves: readonly RunCurve[]): DesignProblem | undefined {
  const rows = all.reduce((sum, curve) => sum + curve.rows.length, 0);
  const first = firstProblem(
    enoughPoints(rows, CONSTANTS),
    wideEnough(
      all.map(({ N }) => N!),
      'N',
    ),
    wideEnough(
      all.map(({ B }) => B),
      'B',
    ),
  );
  if (first !== undefined) return first;
  const N = curves.map((curve) => curve.N!);
  const B = curves.map((curve) => curve.B);
  const lengths = curves.map(({ logS }) => Math.exp(logS[logS.length - 1] - logS[0]));
  const several = [...groupBy(curves, (curve) => curve.N).values()].some((size) => new Set(size.map((curve) => curve.B)).size > 1);
  return firstProblem(
    wideEnough(N, 'N'),
    wideEnough(B, 'B'),
    // A power law over N, and one in 1 + B_crit/B, each with two constants.
    enoughPoints(new Set(N).size, 1, trajectorySentence.sizes),
    enoughPoints(new Set(B).size, 1, trajectorySentence.batches),
    several ? notTied(N, B, 'N', 'B') : { status: 'not identified', message: trajectorySentence.oneBatchEach },
    enoughPoints(curves.length, CONSTANTS, trajectorySentence.runs),
    Math.max(...lengths) >= LEAST_RATIO
      ? undefined
      : { status: 'range too narrow', message: sentences.rangeTooNarrow('S', Math.max(...lengths), LEAST_RATIO) },
  );
}

/** A constant that ran to the end of its search, in words. */
function boundProblem(
  solved: CurveFit,
  curve: ReturnType<typeof trajectoryProblem>,
  points: readonly TrajectoryPoint[],
): { status: Exclude<FitStatus, 'converged'>; message: DesignProblem['message'] } | undefined {
  const hit = boundHit(solved.parameters, curve);
  if (hit === undefined) return undefined;
  const value = solved.parameters[WORKING[hit]];
  switch (hit) {
    case 'batch':
      return { status: 'not identified', message: oneSided(value, points) };
    case 'power':
      return value < 1
        ? { status: 'not identified', message: criticalBatchSentence.notRising }
        : { status: 'bound hit', message: sentences.boundHit('alphaB', 1 / value) };
    case 'size':
    case 'steps':
      return { status: 'bound hit', message: sentences.boundHit(hit === 'size' ? 'Nc' : 'Sc', value > 0 ? Infinity : 0) };
    case 'alphaN':
    case 'alphaS':
      return { status: 'bound hit', message: sentences.boundHit(hit, value) };
    default:
      return hit satisfies never;
  }
}

function oneSided(logBatch: number, points: readonly TrajectoryPoint[]): DesignProblem['message'] {
  return whyUncertain(
    logBatch,
    points.map(({ logB }) => logB),
  );
}

/** The points of all curves; of very many, means over neighbours in each curve, and of very many curves a regular selection. */
function thinnedPoints(curves: readonly RunCurve[], most: number): TrajectoryPoint[] {
  const total = curves.reduce((sum, { rows }) => sum + rows.length, 0);
  const together = Math.max(1, Math.ceil(total / most));
  const points = curves.flatMap((curve, run) => {
    const count = Math.max(Math.min(curve.rows.length, 4), Math.ceil(curve.rows.length / together));
    return Array.from({ length: count }, (_, k): TrajectoryPoint => {
      const from = Math.floor((k * curve.rows.length) / count);
      const to = Math.floor(((k + 1) * curve.rows.length) / count);
      const mean = (of: Float64Array): number => of.subarray(from, to).reduce((sum, value) => sum + value, 0) / (to - from);
      return { run, logN: Math.log(curve.N!), logB: Math.log(curve.B), logS: mean(curve.logS), logLoss: mean(curve.logLoss) };
    });
  });
  const stride = Math.max(1, Math.ceil(points.length / (2 * most)));
  return stride === 1 ? points : points.filter((_, i) => i % stride === 0);
}

/** log loss − log fitted of every row of the curves, in the order of the rows. */
function residualsOfRows(curves: readonly RunCurve[], parameters: readonly number[], centre: TrajectoryCentre): number[] {
  const points = thinnedPoints(curves, Infinity);
  const fitted = trajectoryProblem(points, centre).model(parameters);
  return curves
    .flatMap(({ rows }) => rows)
    .map((row, i) => ({ row, residual: points[i].logLoss - fitted[i] }))
    .sort((a, b) => a.row - b.row)
    .map(({ residual }) => residual);
}

function leftRows(curves: readonly RunCurve[], reasons: ReturnType<typeof reasonsToLeave>, before: readonly LeftOut[]): LeftOut[] {
  const left = [...before];
  curves.forEach(({ rows }, index) => {
    const reason = reasons[index];
    if (reason !== undefined) for (const row of rows) left.push({ row, reason });
  });
  return left.sort((a, b) => a.row - b.row);
}
