// Fitting in stages: the first parameters by the rows that determine them (L(N) by the most converged runs), the
// others by all rows with the first ones held, and around again until neither moves.
//
// Where the rounds end, the residuals are orthogonal to one set of columns over the first stage's rows and to the
// derivatives of the other parameters over all rows. These equations are solved together, by Newton's method with the
// instruments Z in place of the derivatives X: Σ z·(y − f) = 0, step (ZᵀX)⁻¹Zᵀ(y − f). Without stages Z is X, and the
// solution is least squares. A robust objective enters as weights, renewed at each step.
import { LuDecomposition, Matrix } from 'ml-matrix';
import { robustWeights, type Objective } from './huber.ts';
import type { Surface } from './kaplan-surfaces.ts';

/** Rows to be fitted by a surface. */
export interface StagedProblem {
  readonly surface: Surface;
  /** Log losses. */
  readonly y: Float64Array;
  /**
   * Columns whose orthogonality to the residuals determines the first parameters, in place of their derivatives:
   * `columns` values a row, zero for rows that are not of the first stage. None: all by their derivatives.
   */
  readonly firstStage?: { readonly columns: number; readonly values: Float64Array } | undefined;
  readonly objective: Objective;
  /** Weights of rows in a robust objective; default all one. Least squares takes none. */
  readonly rowWeights?: Float64Array;
}

/** Where the stages settled. */
export interface StagedFit {
  /** `not converged`: too many steps, or equations that do not determine the parameters. */
  readonly status: 'converged' | 'not converged';
  readonly parameters: readonly number[];
  /** Observed − fitted. */
  readonly residuals: Float64Array;
  /** Robust weights at the end; all one for `ls`. */
  readonly weights: Float64Array;
}

/** Steps at most; a robust objective's weights settle slowly. */
const STEPS = { ls: 60, huber: 400, lad: 400 } as const;

/** A last step of a robust fit that is this small has settled as far as anybody can tell: weights can creep for thousands of steps. */
const CREEPING = 1e-6;

/**
 * In the weights of least absolute deviations |r| counts at least this share of the median |r| (and at least this much
 * log loss): exact equations of signs may have no solution in stages.
 */
const LEAST_DEVIATION = { share: 0.01, absolute: 1e-9 };

/** Solves the stages from `start`. @param tolerance largest step, relative to 1 + |parameter|, at which it has settled */
export function fitStages(problem: StagedProblem, start: readonly number[], tolerance = 1e-12): StagedFit {
  const { surface, y, objective } = problem;
  const { rows, size } = surface;
  const derivatives = new Float64Array(rows * size);
  const fitted = new Float64Array(rows);
  const residuals = new Float64Array(rows);
  let parameters = [...start];
  let weights: Float64Array = new Float64Array(rows).fill(1);
  const robust = objective.name !== 'ls';
  let floor = objective.name === 'lad' ? Infinity : 0;
  let before = sumOfSquaresAt(surface, y, parameters, fitted);
  if (!Number.isFinite(before)) return { status: 'not converged', parameters, residuals: residuals.fill(NaN), weights };
  let moved = Infinity;
  const enough = robust ? Math.max(tolerance, 1e-9) : tolerance;
  for (let step = 0; step < STEPS[objective.name]; step++) {
    surface.evaluate(parameters, fitted, derivatives);
    for (let i = 0; i < rows; i++) residuals[i] = y[i] - fitted[i];
    let least = 0;
    if (robust) {
      if (objective.name === 'lad') {
        const sizes = residuals.map(Math.abs).sort();
        least = Math.max(LEAST_DEVIATION.absolute, LEAST_DEVIATION.share * sizes[rows >> 1]);
        // The smoothing of |r| near zero is tightened as the fit settles, so that no row is locked in early.
        floor = Math.max(least, Math.min(floor / 2, sizes[rows - 1]));
      }
      weights = normalised(robustWeights(objective, residuals, problem.rowWeights, floor));
    }
    const direction = solveSquare(
      crossProduct(problem, derivatives, weights, 0, rows),
      projection(problem, derivatives, weights, residuals, 0, rows),
    );
    if (direction === undefined) break;
    let shrink = 1;
    let candidate = parameters;
    let sum = Infinity;
    // Far from the solution a whole step can leave the domain or the data: halved until it does neither.
    for (let halving = 0; halving < 20; halving++, shrink /= 2) {
      candidate = parameters.map((value, k) => value + shrink * direction[k]);
      sum = sumOfSquaresAt(surface, y, candidate, fitted);
      if (sum <= 4 * before + 1e-20 * rows) break;
    }
    if (!Number.isFinite(sum)) break;
    moved = parameters.reduce((most, value, k) => Math.max(most, Math.abs(candidate[k] - value) / (1 + Math.abs(value))), 0);
    parameters = candidate;
    before = sum;
    if (shrink === 1 && moved <= enough && (objective.name !== 'lad' || floor === least)) {
      return { status: 'converged', parameters, residuals: residualsAt(surface, y, parameters), weights };
    }
  }
  const status = robust && moved <= CREEPING ? 'converged' : 'not converged';
  return { status, parameters, residuals: residualsAt(surface, y, parameters), weights };
}

/** How a staged fit answers when the residuals of one run change: the ground of its intervals. */
export interface RunInfluence {
  /** Errors of predicting each run from all the others, one per row. */
  readonly residuals: Float64Array;
  /** First-order change of the parameters, `size` values a run, when a run's errors of `residuals` are added once more. */
  readonly shifts: Float64Array;
}

/**
 * A run that pulls the fit most shrinks its own residuals most. What counts as its error is therefore that of predicting
 * it from the others, r + X_g(M − M_g)⁻¹Z_gᵀr with M = ZᵀX: the jackknife by run, r/(1 − h) for single rows (MacKinnon &
 * White, Journal of Econometrics 29, 1985, HC3).
 * @param groups rows of each run, as ranges [start, end) of consecutive rows
 */
export function runInfluence(problem: StagedProblem, fit: StagedFit, groups: readonly (readonly [number, number])[]): RunInfluence {
  const { surface } = problem;
  const { rows, size } = surface;
  const derivatives = new Float64Array(rows * size);
  surface.evaluate(fit.parameters, new Float64Array(rows), derivatives);
  const whole = crossProduct(problem, derivatives, fit.weights, 0, rows);
  const inverse = invert(whole, size);
  const residuals = Float64Array.from(fit.residuals);
  const shifts = new Float64Array(groups.length * size);
  if (inverse === undefined) return { residuals, shifts: shifts.fill(NaN) };
  const largest = residuals.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  groups.forEach(([start, end], g) => {
    const pull = projection(problem, derivatives, fit.weights, fit.residuals, start, end);
    const put = end - start === 1 ? putBackRow(start, pull) : putBackRun(start, end, pull);
    // Without this run the fit may hang in the air: then its residuals stay as they are.
    if (put.every((value) => Math.abs(value) <= 10 * largest)) for (let i = start; i < end; i++) residuals[i] += put[i - start];
    const moved = projection(problem, derivatives, fit.weights, residuals, start, end);
    for (let k = 0; k < size; k++) for (let j = 0; j < size; j++) shifts[g * size + k] += inverse[k * size + j] * moved[j];
  });

  /** For one row (M − w·z·xᵀ)⁻¹ has a closed form (Sherman and Morrison), so that 100,000 of them take no time. */
  function putBackRow(row: number, pull: Float64Array): Float64Array {
    let leverage = 0;
    for (let k = 0; k < size; k++)
      for (let j = 0; j < size; j++)
        leverage += derivatives[row * size + k] * inverse![k * size + j] * fit.weights[row] * instrument(problem, derivatives, row, j);
    let change = 0;
    for (let k = 0; k < size; k++) for (let j = 0; j < size; j++) change += derivatives[row * size + k] * inverse![k * size + j] * pull[j];
    return Float64Array.of(leverage < 1 ? change / (1 - leverage) : Infinity);
  }

  function putBackRun(start: number, end: number, pull: Float64Array): Float64Array {
    const own = crossProduct(problem, derivatives, fit.weights, start, end);
    const change = solveSquare(
      whole.map((value, k) => value - own[k]),
      pull,
    );
    const put = new Float64Array(end - start);
    if (change === undefined) return put;
    for (let i = start; i < end; i++) for (let k = 0; k < size; k++) put[i - start] += derivatives[i * size + k] * change[k];
    return put;
  }
  return { residuals, shifts };
}

/** First-order change of a held fit's parameters per unit change of each held one: −(ZᵀX)⁻¹ZᵀH, `size` rows. */
export function answerToHeld(problem: StagedProblem, fit: StagedFit, heldDerivatives: readonly Float64Array[]): readonly Float64Array[] {
  const { rows, size } = problem.surface;
  const derivatives = new Float64Array(rows * size);
  problem.surface.evaluate(fit.parameters, new Float64Array(rows), derivatives);
  const whole = crossProduct(problem, derivatives, fit.weights, 0, rows);
  return heldDerivatives.map((column) => {
    const solved = solveSquare(whole, projection(problem, derivatives, fit.weights, column, 0, rows));
    return solved === undefined ? new Float64Array(size).fill(NaN) : solved.map((value) => -value);
  });
}

function residualsAt(surface: Surface, y: Float64Array, parameters: readonly number[]): Float64Array {
  const fitted = new Float64Array(surface.rows);
  surface.evaluate(parameters, fitted);
  return fitted.map((value, i) => y[i] - value);
}

function sumOfSquaresAt(surface: Surface, y: Float64Array, parameters: readonly number[], fitted: Float64Array): number {
  surface.evaluate(parameters, fitted);
  let sum = 0;
  for (let i = 0; i < y.length; i++) sum += (y[i] - fitted[i]) ** 2;
  return Number.isNaN(sum) ? Infinity : sum;
}

/** Weights with mean one: their scale means nothing, and least absolute deviations would otherwise overflow. */
function normalised(weights: Float64Array): Float64Array {
  let sum = 0;
  for (const weight of weights) sum += weight;
  return weights.map((weight) => (weight * weights.length) / sum);
}

/** Column k of the instruments at row i. */
function instrument({ firstStage, surface }: StagedProblem, derivatives: Float64Array, i: number, k: number): number {
  return firstStage !== undefined && k < firstStage.columns
    ? firstStage.values[i * firstStage.columns + k]
    : derivatives[i * surface.size + k];
}

/** Σ weight·z·xᵀ over rows [start, end), row after row. */
function crossProduct(problem: StagedProblem, derivatives: Float64Array, weights: Float64Array, start: number, end: number): Float64Array {
  const { size } = problem.surface;
  const sums = new Float64Array(size * size);
  for (let i = start; i < end; i++) {
    for (let k = 0; k < size; k++) {
      const z = weights[i] * instrument(problem, derivatives, i, k);
      if (z === 0) continue;
      for (let j = 0; j < size; j++) sums[k * size + j] += z * derivatives[i * size + j];
    }
  }
  return sums;
}

/** Σ weight·z·value over rows [start, end). */
function projection(
  problem: StagedProblem,
  derivatives: Float64Array,
  weights: Float64Array,
  values: Float64Array,
  start: number,
  end: number,
): Float64Array {
  const { size } = problem.surface;
  const sums = new Float64Array(size);
  for (let i = start; i < end; i++)
    for (let k = 0; k < size; k++) sums[k] += weights[i] * instrument(problem, derivatives, i, k) * values[i];
  return sums;
}

/** The inverse of a small square matrix, row after row; undefined when it is singular. */
function invert(matrix: Float64Array, size: number): Float64Array | undefined {
  const inverse = new Float64Array(size * size);
  for (let j = 0; j < size; j++) {
    const column = solveSquare(
      matrix,
      Float64Array.from({ length: size }, (_, k) => (k === j ? 1 : 0)),
    );
    if (column === undefined) return undefined;
    for (let k = 0; k < size; k++) inverse[k * size + j] = column[k];
  }
  return inverse;
}

/** Solves a small square system, its rows scaled; undefined when it is singular. */
function solveSquare(matrix: Float64Array, right: Float64Array): Float64Array | undefined {
  const size = right.length;
  const scaled = new Matrix(size, size);
  const scaledRight = new Matrix(size, 1);
  for (let k = 0; k < size; k++) {
    let length = 0;
    for (let j = 0; j < size; j++) length = Math.max(length, Math.abs(matrix[k * size + j]));
    if (!(length > 0) || !Number.isFinite(length)) return undefined;
    for (let j = 0; j < size; j++) scaled.set(k, j, matrix[k * size + j] / length);
    scaledRight.set(k, 0, right[k] / length);
  }
  const decomposition = new LuDecomposition(scaled);
  if (decomposition.isSingular()) return undefined;
  const solved = Float64Array.from(decomposition.solve(scaledRight).to1DArray());
  return solved.every(Number.isFinite) ? solved : undefined;
}
