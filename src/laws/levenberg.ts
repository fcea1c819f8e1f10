// Non-linear least squares: ml-levenberg-marquardt for the approach, Gauss–Newton steps for the last digits.
//
// Two facts about the library (5.1.0) shape this wrapper. Its `weights` option scales the step and the error in
// opposite directions, so weights are folded into y and the model instead. It takes a step even when the error rises
// and never stops early, so it is called in short rounds, each from the best point so far, on parameters scaled by
// the length of their columns in the Jacobian.
import { levenbergMarquardt } from 'ml-levenberg-marquardt';
import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import { weightedLeastSquares } from './regression.ts';

/** A model of n observations with p parameters. */
export interface CurveProblem {
  /** Fitted values, one per observation, at the given parameters. May return NaN outside its domain. */
  readonly model: (parameters: readonly number[]) => ArrayLike<number>;
  /** Its derivatives, one row per observation, one column per parameter. */
  readonly jacobian: (parameters: readonly number[]) => readonly ArrayLike<number>[];
  readonly y: ArrayLike<number>;
  /** Of the squared residuals; default all one. */
  readonly weights?: ArrayLike<number>;
  readonly start: readonly number[];
  /** Box the search stays in; default none. */
  readonly lower?: readonly number[];
  readonly upper?: readonly number[];
  /** Library rounds of 12 iterations each, default 6; 0 near the optimum, as in a bootstrap's refits. */
  readonly rounds?: number;
  /** Gauss–Newton steps at most, default 40. */
  readonly steps?: number;
  /** Relative gain in the sum of squares below which a step is the last. Default 1e-14. */
  readonly tolerance?: number;
}

/** Where the search ended. */
export interface CurveFit {
  /**
   * `converged`: a Gauss–Newton step no longer lowers the sum of squares; `bound hit`: the same, with a parameter on the box;
   * `not converged`: neither, or the Jacobian is rank deficient there.
   */
  readonly status: 'converged' | 'bound hit' | 'not converged';
  readonly parameters: readonly number[];
  /** Σ weight·residual². */
  readonly sumOfSquares: number;
  /** Observed − fitted, unweighted. */
  readonly residuals: Float64Array;
}

const ITERATIONS_A_ROUND = 12;

/** Minimises Σ weight·(y − model)² from `start`. */
export function fitCurve(problem: CurveProblem): CurveFit {
  const { model, jacobian, y, weights, start, rounds = 6, steps = 40, tolerance = 1e-14 } = problem;
  const lower = problem.lower ?? start.map(() => -Infinity);
  const upper = problem.upper ?? start.map(() => Infinity);
  const roots = Float64Array.from({ length: y.length }, (_, i) => Math.sqrt(weights?.[i] ?? 1));
  const clamp = (parameters: readonly number[]): number[] => parameters.map((value, k) => Math.min(Math.max(value, lower[k]), upper[k]));
  const sumAt = (parameters: readonly number[]): number => {
    const fitted = model(parameters);
    let sum = 0;
    for (let i = 0; i < y.length; i++) sum += (roots[i] * (y[i] - fitted[i])) ** 2;
    return Number.isNaN(sum) ? Infinity : sum;
  };

  let best = clamp(start);
  let sum = sumAt(best);
  if (sum === Infinity)
    return { status: 'not converged', parameters: best, sumOfSquares: sum, residuals: new Float64Array(y.length).fill(NaN) };

  for (let round = 0; round < rounds && sum > 0; round++) {
    const reached = libraryRound({ model, jacobian, y, roots, from: best, sum, lower, upper });
    if (reached === undefined) break;
    const candidate = clamp(reached);
    const lowered = sumAt(candidate);
    if (!(lowered < sum)) break;
    const gain = (sum - lowered) / sum;
    best = candidate;
    sum = lowered;
    if (gain < 1e-6) break;
  }

  let settled = sum === 0;
  for (let step = 0; step < steps && !settled; step++) {
    const fitted = model(best);
    const residuals = Float64Array.from({ length: y.length }, (_, i) => y[i] - fitted[i]);
    // A parameter on its bound whose gradient points outwards stays there: the step is solved in the others.
    const rows = jacobian(best);
    const free = best.map((value, k) => {
      let descent = 0;
      for (let i = 0; i < y.length; i++) descent += roots[i] ** 2 * residuals[i] * rows[i][k];
      return !((value <= lower[k] && descent <= 0) || (value >= upper[k] && descent >= 0));
    });
    const columns = free.flatMap((isFree, k) => (isFree ? [k] : []));
    if (columns.length === 0) {
      settled = true;
      break;
    }
    const direction = gaussNewton(rows, residuals, roots, columns);
    if (direction === undefined) break;
    let shrink = 1;
    let moved = false;
    for (let halving = 0; halving < 30; halving++, shrink /= 2) {
      const candidate = clamp(best.map((value, k) => (free[k] ? value + shrink * direction[columns.indexOf(k)] : value)));
      const lowered = sumAt(candidate);
      if (lowered < sum) {
        const gain = (sum - lowered) / sum;
        best = candidate;
        sum = lowered;
        moved = true;
        if (gain < tolerance) settled = true;
        break;
      }
    }
    if (!moved) settled = true;
  }
  const fitted = model(best);
  const onBound = best.some((value, k) => value <= lower[k] || value >= upper[k]);
  return {
    status: settled ? (onBound ? 'bound hit' : 'converged') : 'not converged',
    parameters: best,
    sumOfSquares: sum,
    residuals: Float64Array.from({ length: y.length }, (_, i) => y[i] - fitted[i]),
  };
}

/**
 * The step that would minimise the sum of squares were the model linear: from the normal equations with columns scaled
 * to one (fast; an inexact step costs iterations, not accuracy), by QR where those are not positive definite.
 */
function gaussNewton(
  rows: readonly ArrayLike<number>[],
  residuals: Float64Array,
  roots: Float64Array,
  columns: readonly number[],
): ArrayLike<number> | undefined {
  const size = columns.length;
  const normal = Array.from({ length: size }, () => new Float64Array(size));
  const gradient = new Float64Array(size);
  for (let i = 0; i < rows.length; i++) {
    const weight = roots[i] * roots[i];
    const row = rows[i];
    for (let j = 0; j < size; j++) {
      const left = weight * row[columns[j]];
      gradient[j] += left * residuals[i];
      for (let k = 0; k <= j; k++) normal[j][k] += left * row[columns[k]];
    }
  }
  const lengths = normal.map((row, j) => Math.sqrt(row[j]));
  if (lengths.every((length) => length > 0 && Number.isFinite(length))) {
    const scaled = new Matrix(size, size);
    for (let j = 0; j < size; j++)
      for (let k = 0; k < size; k++) scaled.set(j, k, normal[Math.max(j, k)][Math.min(j, k)] / (lengths[j] * lengths[k]));
    const cholesky = new CholeskyDecomposition(scaled);
    if (cholesky.isPositiveDefinite()) {
      const solved = cholesky.solve(Matrix.columnVector(Array.from(gradient, (value, j) => value / lengths[j])));
      return columns.map((_, j) => solved.get(j, 0) / lengths[j]);
    }
  }
  const linear = weightedLeastSquares(
    rows.map((row) => columns.map((k) => row[k])),
    residuals,
    roots.map((root) => root * root),
  );
  return linear.status === 'rank deficient' ? undefined : linear.coefficients;
}

function libraryRound(round: {
  model: CurveProblem['model'];
  jacobian: CurveProblem['jacobian'];
  y: ArrayLike<number>;
  roots: Float64Array;
  from: readonly number[];
  sum: number;
  lower: readonly number[];
  upper: readonly number[];
}): readonly number[] | undefined {
  const { model, jacobian, y, roots, from, sum, lower, upper } = round;
  const unit = 1 / Math.sqrt(sum);
  const rows = jacobian(from);
  const lengths = from.map((_, k) => {
    let square = 0;
    for (let i = 0; i < y.length; i++) square += (unit * roots[i] * rows[i][k]) ** 2;
    const length = Math.sqrt(square);
    return length > 0 && Number.isFinite(length) ? length : 1;
  });
  const toReal = (scaled: ArrayLike<number>): number[] => from.map((_, k) => scaled[k] / lengths[k]);
  const index = Float64Array.from({ length: y.length }, (_, i) => i);
  const weighted = Float64Array.from({ length: y.length }, (_, i) => unit * roots[i] * y[i]);
  try {
    const reached = levenbergMarquardt(
      { x: index, y: weighted },
      (scaled: number[]) => {
        const fitted = model(toReal(scaled));
        return (i: number) => unit * roots[i] * fitted[i];
      },
      {
        initialValues: from.map((value, k) => value * lengths[k]),
        minValues: lower.map((value, k) => value * lengths[k]),
        maxValues: upper.map((value, k) => value * lengths[k]),
        jacobianFunction: (scaled: number[]) => {
          const derivatives = jacobian(toReal(scaled));
          return (i: number) => from.map((_, k) => (unit * roots[i] * derivatives[i][k]) / lengths[k]);
        },
        maxIterations: ITERATIONS_A_ROUND,
        errorTolerance: 1e-30,
        damping: 1e-2,
      },
    );
    return reached.parameterValues.every(Number.isFinite) ? toReal(reached.parameterValues) : undefined;
  } catch {
    // ml-matrix throws on a Jacobian with NaN or a singular normal matrix; the caller goes on from its best point.
    return undefined;
  }
}
