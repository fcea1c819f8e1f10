// Robust fits by iteratively reweighted least squares: Huber's loss and least absolute deviations, for linear designs
// and for curves. Reweighting turns each into a short sequence of weighted least-squares problems.
import { fitCurve, type CurveFit, type CurveProblem } from './levenberg.ts';
import { residualsOf, weightedLeastSquares, type FullRankFit } from './regression.ts';

/** What a fit minimises, summed over observations: r²/2 (`ls`), Huber's loss with its `delta`, or |r| (`lad`). */
export type Objective = { readonly name: 'ls' } | { readonly name: 'huber'; readonly delta: number } | { readonly name: 'lad' };

/** The δ of Hoffmann et al. (Chinchilla, arXiv 2203.15556, section 3.3), in units of log loss. */
export const CHINCHILLA_DELTA = 1e-3;

/** Σ loss(residual): r²/2 inside δ and δ(|r| − δ/2) outside for `huber`; |r| for `lad`; r²/2 for `ls`. */
export function objectiveValue(objective: Objective, residuals: ArrayLike<number>, weights?: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < residuals.length; i++) {
    const size = Math.abs(residuals[i]);
    const weight = weights?.[i] ?? 1;
    switch (objective.name) {
      case 'ls':
        sum += (weight * size * size) / 2;
        break;
      case 'huber':
        sum += weight * (size <= objective.delta ? (size * size) / 2 : objective.delta * (size - objective.delta / 2));
        break;
      case 'lad':
        sum += weight * size;
        break;
      default:
        objective satisfies never;
    }
  }
  return sum;
}

/** The result of a robust linear fit, in the form of the least-squares fit at its final weights. */
export type RobustLinearFit =
  | { readonly status: 'rank deficient' }
  | {
      readonly status: 'converged' | 'not converged';
      readonly coefficients: Float64Array;
      readonly residuals: Float64Array;
      readonly objective: number;
      readonly last: FullRankFit;
    };

const ROUNDS = 200;

/** Minimises Σ weight·loss(y − X·c); `ls` is one weighted least-squares fit. */
export function robustLinearFit(
  rows: readonly ArrayLike<number>[],
  y: ArrayLike<number>,
  objective: Objective,
  weights?: ArrayLike<number>,
): RobustLinearFit {
  const start = weightedLeastSquares(rows, y, weights);
  if (start.status === 'rank deficient') return start;
  if (objective.name === 'ls') {
    return {
      status: 'converged',
      coefficients: start.coefficients,
      residuals: start.residuals,
      objective: start.sumOfSquares / 2,
      last: start,
    };
  }
  let best = {
    fit: start,
    coefficients: start.coefficients,
    residuals: start.residuals,
    value: objectiveValue(objective, start.residuals, weights),
  };
  let residuals = start.residuals;
  let status: 'converged' | 'not converged' = 'not converged';
  let floor = objective.name === 'lad' ? Math.max(...residuals.map(Math.abs)) : 0;
  for (let round = 0; round < ROUNDS; round++) {
    const fit = weightedLeastSquares(rows, y, robustWeights(objective, residuals, weights, floor));
    if (fit.status === 'rank deficient') break;
    const value = objectiveValue(objective, fit.residuals, weights);
    const change = Math.abs(value - best.value);
    if (value < best.value) best = { fit, coefficients: fit.coefficients, residuals: fit.residuals, value };
    residuals = fit.residuals;
    if (objective.name === 'lad' && floor > 1e-13) {
      // The smoothing of |r| near zero is tightened as the fit settles: large at first, so that no point is locked in early.
      floor = Math.max(floor / 2, 1e-13);
    } else if (change <= 1e-13 * best.value) {
      status = 'converged';
      break;
    }
  }
  if (objective.name === 'lad') {
    const vertex = exactVertex(rows, y, best.residuals, weights);
    if (vertex !== undefined && vertex.value <= best.value)
      return {
        status: 'converged',
        coefficients: vertex.coefficients,
        residuals: vertex.residuals,
        objective: vertex.value,
        last: best.fit,
      };
  }
  return { status, coefficients: best.coefficients, residuals: best.residuals, objective: best.value, last: best.fit };
}

/**
 * Minimises Σ weight·loss(y − model) from `problem.start`, by reweighting a non-linear least-squares fit: one
 * Gauss–Newton step a round, each of which lowers the robust objective, because the weighted square lies above it.
 */
export function robustCurveFit(problem: CurveProblem, objective: Objective): CurveFit & { readonly objective: number } {
  let fit = fitCurve(problem);
  let value = objectiveValue(objective, fit.residuals, problem.weights);
  if (objective.name === 'ls' || !Number.isFinite(value)) return { ...fit, objective: value };
  const enough = Math.max(1e-12, 100 * (problem.tolerance ?? 0));
  let settled = false;
  const levels = smoothingLevels(objective, fit.residuals);
  for (const [level, floor] of levels.entries()) {
    const last = level === levels.length - 1;
    settled = false;
    for (let round = 0; round < (last ? CURVE_ROUNDS : 10) && !settled; round++) {
      const weights = robustWeights(objective, fit.residuals, problem.weights, floor);
      const next = fitCurve({ ...problem, start: fit.parameters, weights, rounds: 0, steps: 1 });
      const nextValue = objectiveValue(objective, next.residuals, problem.weights);
      if (!Number.isFinite(nextValue)) break;
      settled = Math.abs(nextValue - value) <= enough * value;
      // With smoothing, a round may trade the objective for the smoothed one; the last level may not.
      if (last && nextValue > value) settled = true;
      else {
        fit = next;
        value = nextValue;
      }
    }
  }
  const weights = robustWeights(objective, fit.residuals, problem.weights, levels.at(-1)!);
  const end = fitCurve({ ...problem, start: fit.parameters, weights, rounds: 0 });
  const endValue = objectiveValue(objective, end.residuals, problem.weights);
  if (endValue <= value) [fit, value] = [end, endValue];
  return { ...fit, status: settled ? end.status : 'not converged', objective: value };
}

const CURVE_ROUNDS = 2000;

/** Least absolute deviations are smoothed near zero, widely at first so that no point is locked in early; Huber's loss is smooth. */
function smoothingLevels(objective: Objective, residuals: Float64Array): number[] {
  if (objective.name !== 'lad') return [0];
  const levels: number[] = [];
  for (let floor = Math.max(1e-9, ...residuals.map(Math.abs)); floor > 1e-10; floor /= 3) levels.push(floor);
  return levels;
}

/** Weights under which a least-squares step lowers the robust objective: loss′(r)/r, times the given weights. */
export function robustWeights(
  objective: Objective,
  residuals: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
  floor: number,
): Float64Array {
  return Float64Array.from({ length: residuals.length }, (_, i) => {
    const size = Math.abs(residuals[i]);
    const weight = weights?.[i] ?? 1;
    switch (objective.name) {
      case 'ls':
        return weight;
      case 'huber':
        return weight * (size <= objective.delta ? 1 : objective.delta / size);
      case 'lad':
        return weight / Math.max(size, floor, 1e-300);
    }
  });
}

/** A least-absolute-deviations optimum passes through as many points as it has coefficients: solved exactly through the nearest ones. */
function exactVertex(
  rows: readonly ArrayLike<number>[],
  y: ArrayLike<number>,
  residuals: Float64Array,
  weights: ArrayLike<number> | undefined,
): { coefficients: Float64Array; residuals: Float64Array; value: number } | undefined {
  const columns = rows[0].length;
  const nearest = Array.from(residuals.keys())
    .filter((i) => (weights?.[i] ?? 1) > 0)
    .sort((a, b) => Math.abs(residuals[a]) - Math.abs(residuals[b]))
    .slice(0, columns);
  const through = weightedLeastSquares(
    nearest.map((i) => rows[i]),
    nearest.map((i) => y[i]),
  );
  if (through.status === 'rank deficient') return undefined;
  const all = residualsOf(rows, y, through.coefficients);
  return { coefficients: through.coefficients, residuals: all, value: objectiveValue({ name: 'lad' }, all, weights) };
}
