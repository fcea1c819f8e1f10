// Weighted linear least squares through ml-matrix's QR decomposition, with what the laws need beside the
// coefficients: covariance, leverages, residuals, and an honest answer when the columns do not identify them.
import { Matrix, QrDecomposition } from 'ml-matrix';

/** A linear least-squares fit. `rank deficient`: some column is (nearly) a combination of those before it; nothing else is given. */
export type LinearFit = FullRankFit | { readonly status: 'rank deficient'; readonly column: number };

/** y = X·coefficients + residuals, minimising Σ weight·residual². */
export interface FullRankFit {
  readonly status: 'full rank';
  readonly coefficients: Float64Array;
  /** Observed − fitted, unweighted. */
  readonly residuals: Float64Array;
  /** Diagonal of the hat matrix, in [0, 1]; their sum is the number of columns. */
  readonly leverages: Float64Array;
  /** (XᵀWX)⁻¹: times the variance of a residual of weight one it is the covariance of the coefficients. */
  readonly inverseNormal: readonly Float64Array[];
  /** Σ weight·residual². */
  readonly sumOfSquares: number;
  /** Rows of positive weight minus columns. */
  readonly degreesOfFreedom: number;
  /**
   * Coefficients for other observations on the same rows and weights: `solve(y)` costs a matrix product, no new
   * decomposition. What makes a bootstrap over residuals cheap.
   */
  readonly solve: (y: ArrayLike<number>) => Float64Array;
}

/** A column whose component orthogonal to the others is below this share of its length counts as dependent. */
const DEPENDENT = 1e-9;

/**
 * Fits y ≈ X·c.
 * @param rows design matrix, one row per observation, all of one length (columns); not modified
 * @param y observations
 * @param weights of the squared residuals, non-negative; default all one
 */
export function weightedLeastSquares(rows: readonly ArrayLike<number>[], y: ArrayLike<number>, weights?: ArrayLike<number>): LinearFit {
  const count = rows.length;
  const columns = rows[0]?.length ?? 0;
  if (columns === 0 || count < columns) return { status: 'rank deficient', column: Math.max(0, count) };
  const roots = Float64Array.from({ length: count }, (_, i) => Math.sqrt(weights?.[i] ?? 1));
  // Columns scaled to length one: the rank test and the accuracy then do not depend on units.
  const lengths = new Float64Array(columns);
  for (let i = 0; i < count; i++) for (let j = 0; j < columns; j++) lengths[j] += (roots[i] * rows[i][j]) ** 2;
  for (let j = 0; j < columns; j++) {
    lengths[j] = Math.sqrt(lengths[j]);
    if (!(lengths[j] > 0) || !Number.isFinite(lengths[j])) return { status: 'rank deficient', column: j };
  }
  const scaled = new Matrix(count, columns);
  for (let i = 0; i < count; i++) for (let j = 0; j < columns; j++) scaled.set(i, j, (roots[i] * rows[i][j]) / lengths[j]);
  const decomposition = new QrDecomposition(scaled);
  const R = decomposition.upperTriangularMatrix;
  for (let j = 0; j < columns; j++) if (!(Math.abs(R.get(j, j)) > DEPENDENT)) return { status: 'rank deficient', column: j };
  const Q = decomposition.orthogonalMatrix;

  // Rows of R⁻¹Qᵀ, undone of the scaling: the pseudo-inverse, one row per coefficient.
  const inverseR = inverseUpperTriangle(R, columns);
  const pseudoInverse = Array.from({ length: columns }, (_, j) => {
    const row = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      let sum = 0;
      for (let k = j; k < columns; k++) sum += inverseR[j][k] * Q.get(i, k);
      row[i] = (sum * roots[i]) / lengths[j];
    }
    return row;
  });
  const solve = (observed: ArrayLike<number>): Float64Array =>
    Float64Array.from(pseudoInverse, (row) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum += row[i] * observed[i];
      return sum;
    });

  const coefficients = solve(y);
  const residuals = residualsOf(rows, y, coefficients);
  // One step of iterative refinement: recovers the digits that an ill-conditioned design costs.
  const correction = solve(residuals);
  for (let j = 0; j < columns; j++) coefficients[j] += correction[j];
  const refined = residualsOf(rows, y, coefficients);

  const leverages = Float64Array.from({ length: count }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += Q.get(i, k) ** 2;
    return Math.min(1, sum);
  });
  const inverseNormal = Array.from({ length: columns }, (_, j) =>
    Float64Array.from({ length: columns }, (_, k) => {
      let sum = 0;
      for (let m = Math.max(j, k); m < columns; m++) sum += inverseR[j][m] * inverseR[k][m];
      return sum / (lengths[j] * lengths[k]);
    }),
  );
  let sumOfSquares = 0;
  let positive = 0;
  for (let i = 0; i < count; i++) {
    sumOfSquares += (roots[i] * refined[i]) ** 2;
    if (roots[i] > 0) positive++;
  }
  return {
    status: 'full rank',
    coefficients,
    residuals: refined,
    leverages,
    inverseNormal,
    sumOfSquares,
    degreesOfFreedom: positive - columns,
    solve,
  };
}

/** Observed − fitted for given coefficients. */
export function residualsOf(rows: readonly ArrayLike<number>[], y: ArrayLike<number>, coefficients: ArrayLike<number>): Float64Array {
  return Float64Array.from(rows, (row, i) => y[i] - dot(row, coefficients));
}

/** Σ a·b over the length of `a`. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let j = 0; j < a.length; j++) sum += a[j] * b[j];
  return sum;
}

function inverseUpperTriangle(R: Matrix, size: number): Float64Array[] {
  const inverse = Array.from({ length: size }, () => new Float64Array(size));
  for (let column = 0; column < size; column++) {
    inverse[column][column] = 1 / R.get(column, column);
    for (let row = column - 1; row >= 0; row--) {
      let sum = 0;
      for (let k = row + 1; k <= column; k++) sum += R.get(row, k) * inverse[k][column];
      inverse[row][column] = -sum / R.get(row, row);
    }
  }
  return inverse;
}
