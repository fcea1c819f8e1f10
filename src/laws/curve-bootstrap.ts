// Intervals for the parameters of a fitted curve: residuals are resampled around it and the curve refitted from where
// it is. Shared by the laws that are curves in log loss.
import { bootstrapParameters, exchangeableResiduals, type BootstrapOptions, type BootstrapResult } from './bootstrap.ts';
import { robustCurveFit, type Objective } from './huber.ts';
import type { CurveFit, CurveProblem } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';

/** What is reported of a curve, and from which fit. */
export interface CurveBootstrap<Name extends string> {
  readonly problem: CurveProblem;
  readonly fit: CurveFit;
  readonly objective: Objective;
  /** Named quantities at given curve parameters: the parameters themselves, and whatever is derived from them. */
  readonly report: (parameters: readonly number[]) => Readonly<Record<Name, number>>;
  /** Reported quantities that are positive factors. */
  readonly factors: readonly Name[];
  readonly options?: BootstrapOptions | undefined;
}

/** Above this many points, least squares is resampled along its tangent, and robust fits are resampled less often. */
const MANY = 2000;

/** Points times resamples that a robust fit of many points may cost, and the fewest resamples whatever it costs. */
const MOST_WORK = 2_000_000;
const FEWEST_RESAMPLES = 30;

/** Bootstraps a curve over its residuals; each refit starts at the estimate. */
export function bootstrapCurve<Name extends string>(request: CurveBootstrap<Name>): BootstrapResult<Name> {
  const { problem, fit, objective, report, factors, options } = request;
  const count = problem.y.length;
  const roots = Float64Array.from({ length: count }, (_, i) => Math.sqrt(problem.weights?.[i] ?? 1));
  const tangent = weightedLeastSquares(problem.jacobian(fit.parameters), fit.residuals, problem.weights);
  // Residuals of weight one, so that rows of unequal weight are exchangeable.
  const standardised = fit.residuals.map((residual, i) => residual * roots[i]);
  const pool = exchangeableResiduals(standardised, tangent.status === 'full rank' ? tangent.leverages : new Float64Array(count));
  const degreesOfFreedom = count - fit.parameters.length;
  if (count > MANY && objective.name === 'ls' && tangent.status === 'full rank') {
    // With this many points the curve is straight over the width of its intervals: one step along the tangent is the refit.
    return bootstrapParameters<Name>({
      values: report(fit.parameters),
      unit: 'residuals',
      options,
      degreesOfFreedom,
      factors,
      draw: (random) => {
        const step = tangent.solve(pool.map((_, i) => pool[random.integer(count)] / roots[i]));
        return report(fit.parameters.map((value, k) => value + step[k]));
      },
    });
  }
  const resamples = options?.resamples ?? 1000;
  const affordable =
    count > MANY ? { ...options, resamples: Math.min(resamples, Math.max(FEWEST_RESAMPLES, Math.floor(MOST_WORK / count))) } : options;
  const fitted = Float64Array.from({ length: count }, (_, i) => problem.y[i] - fit.residuals[i]);
  return bootstrapParameters<Name>({
    values: report(fit.parameters),
    unit: 'residuals',
    options: affordable,
    degreesOfFreedom,
    factors,
    draw: (random) => {
      const y = fitted.map((value, i) => value + pool[random.integer(count)] / roots[i]);
      const refit = robustCurveFit({ ...problem, y, start: fit.parameters, rounds: 0, tolerance: 1e-9 }, objective);
      return refit.status === 'not converged' ? undefined : report(refit.parameters);
    },
  });
}
