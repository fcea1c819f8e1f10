// Whether the runs of a trajectory determine its constants, asked of the fit itself: a B_crit that could as well be ten
// times larger or smaller, or an α_N that could as well be zero, is no estimate.
import { WIDEST_FACTOR, whyUncertain } from './critical-batch-levels.ts';
import type { DesignProblem } from './design.ts';
import { fitCurve, type CurveFit, type CurveProblem } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';
import { studentQuantile } from './statistics.ts';
import { softplus } from './trajectory-forms.ts';
import { WORKING, type TrajectoryCentre, type TrajectoryPoint } from './trajectory-model.ts';
import { trajectorySentence } from './trajectory-sentences.ts';
import { errorOverRuns } from './wild-runs.ts';

/** A fit, and how its runs sway it. */
export interface TrajectoryEvidence {
  readonly fit: CurveFit;
  readonly problem: Omit<CurveProblem, 'start'>;
  readonly points: readonly TrajectoryPoint[];
  readonly centre: TrajectoryCentre;
  /** One array of changes per run. */
  readonly changes: readonly Float64Array[];
  readonly degreesOfFreedom: number;
}

/** What is not determined, or undefined. */
export function undetermined(evidence: TrajectoryEvidence): DesignProblem | undefined {
  const { fit, points, changes, degreesOfFreedom } = evidence;
  const quantile = studentQuantile(0.95, degreesOfFreedom);
  if (batchIsOpen(evidence, quantile)) {
    return {
      status: 'not identified',
      message: whyUncertain(
        fit.parameters[WORKING.batch],
        points.map(({ logB }) => logB),
      ),
    };
  }
  if (quantile * errorOverRuns(changes, WORKING.alphaN) > fit.parameters[WORKING.alphaN])
    return { status: 'not identified', message: trajectorySentence.sizesUncertain };
  return undefined;
}

/**
 * Whether a B_crit ten times larger or smaller, everything else fitted again, describes the points nearly as well. Errors
 * to first order do not tell: when all batches lie far below B_crit, noise can put an optimum among them, sharp where it
 * stands, with next to nothing between it and the truth. The rise in squares counts in units of the residual variance,
 * times how much more the parameter varies over runs than if every point were one.
 */
function batchIsOpen({ fit, problem, points, centre, changes }: TrajectoryEvidence, quantile: number): boolean {
  const tangent = weightedLeastSquares(problem.jacobian(fit.parameters), fit.residuals);
  if (tangent.status === 'rank deficient') return true;
  const variance = fit.sumOfSquares / Math.max(1, tangent.degreesOfFreedom);
  const asIfIndependent = variance * tangent.inverseNormal[WORKING.batch][WORKING.batch];
  const inflation = asIfIndependent > 0 ? Math.max(1, errorOverRuns(changes, WORKING.batch) ** 2 / asIfIndependent) : 1;
  const least = quantile ** 2 * variance * inflation;
  return [-1, 1].some((side) => {
    const fixed = fit.parameters[WORKING.batch] + side * Math.log(WIDEST_FACTOR);
    const at = (bounds: readonly number[] | undefined): number[] => bounds!.map((bound, k) => (k === WORKING.batch ? fixed : bound));
    const moved = fitCurve({
      ...problem,
      start: movedStart(fit.parameters, fixed, points, centre),
      lower: at(problem.lower),
      upper: at(problem.upper),
      rounds: 0,
      steps: 20,
      tolerance: 1e-4,
    });
    return moved.sumOfSquares - fit.sumOfSquares < least;
  });
}

/** Parameters at another B_crit, with S_c changed so that the mean effect of the batches stays. */
function movedStart(parameters: readonly number[], batch: number, points: readonly TrajectoryPoint[], centre: TrajectoryCentre): number[] {
  const power = parameters[WORKING.power];
  const away = ({ logB, logLoss }: TrajectoryPoint): number => power * (logLoss - centre.logLoss) + logB;
  const shift =
    points.reduce((sum, point) => sum + softplus(batch - away(point)) - softplus(parameters[WORKING.batch] - away(point)), 0) /
    points.length;
  return parameters.map((value, k) =>
    k === WORKING.batch ? batch : k === WORKING.steps ? value - parameters[WORKING.alphaS] * shift : value,
  );
}
