// What a design of runs can know before it is run: the information matrix of a law at its expected parameters, and the
// standard errors that follow from it. Locally optimal design (Atkinson, Donev & Tobias, "Optimum Experimental Designs,
// with SAS", Oxford 2007: information matrices, criteria of optimality, nonlinear models).
import { errorFunction } from 'simple-statistics';

/** A symmetric matrix as its lower triangle, row by row: entry (i, j ≤ i) is at i·(i + 1)/2 + j. */
export type Packed = Float64Array;

/** Numbers that a packed matrix of this order has. */
export const packedLength = (order: number): number => (order * (order + 1)) / 2;

/** Adds weight·gradient·gradientᵀ: what one observation with that gradient, and variance 1/weight, says. */
export function addObservation(information: Packed, gradient: ArrayLike<number>, weight = 1): void {
  let at = 0;
  for (let i = 0; i < gradient.length; i++)
    for (let j = 0; j <= i; j++) {
      information[at] += weight * gradient[i] * gradient[j];
      at++;
    }
}

/** Below this share of its diagonal a pivot is rounding: the parameters are tied. */
const TIED = 1e-10;

/**
 * Inverse of an information matrix: the least covariance that an unbiased estimate can have (Cramér and Rao), reached by
 * least squares. Undefined when the design ties some parameters together, so that the matrix is singular.
 * Written out because a search inverts some hundred thousand of them, five by five.
 */
export function covarianceOf(information: Packed, order: number): Packed | undefined {
  const at = (i: number, j: number): number => (i * (i + 1)) / 2 + j;
  const root = new Float64Array(information.length);
  for (let i = 0; i < order; i++)
    for (let j = 0; j <= i; j++) {
      let sum = information[at(i, j)];
      for (let k = 0; k < j; k++) sum -= root[at(i, k)] * root[at(j, k)];
      if (i === j) {
        if (!(sum > TIED * information[at(i, i)])) return undefined;
        root[at(i, i)] = Math.sqrt(sum);
      } else root[at(i, j)] = sum / root[at(j, j)];
    }
  // The inverse of the triangle, in place, then its square.
  for (let i = 0; i < order; i++) {
    root[at(i, i)] = 1 / root[at(i, i)];
    for (let j = 0; j < i; j++) {
      let sum = 0;
      for (let k = j; k < i; k++) sum -= root[at(i, k)] * root[at(k, j)];
      root[at(i, j)] = sum * root[at(i, i)];
    }
  }
  const covariance = new Float64Array(information.length);
  for (let i = 0; i < order; i++)
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = i; k < order; k++) sum += root[at(k, i)] * root[at(k, j)];
      covariance[at(i, j)] = sum;
    }
  return covariance;
}

/** Variance of Σ combination·parameter. */
export function varianceOf(covariance: Packed, combination: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < combination.length; i++) {
    if (combination[i] === 0) continue;
    sum += combination[i] ** 2 * covariance[(i * (i + 1)) / 2 + i];
    for (let j = 0; j < i; j++) sum += 2 * combination[i] * combination[j] * covariance[(i * (i + 1)) / 2 + j];
  }
  return sum;
}

/**
 * Efficiency of Huber's loss beside least squares where errors are normal: the variance of least squares over its own,
 * from 2/π (δ far below the errors: least absolute deviations) to 1. Huber, "Robust Estimation of a Location
 * Parameter", Annals of Mathematical Statistics 35 (1964): (E ψ′)² / E ψ² with ψ the residual clipped at ±δ.
 * @param deltaInDeviations δ over the standard deviation of the errors
 */
export function huberEfficiency(deltaInDeviations: number): number {
  const k = deltaInDeviations;
  // Below this both parts are lost in the rounding of the error function.
  if (k < 0.01) return 2 / Math.PI;
  const inside = errorFunction(k / Math.SQRT2);
  const density = Math.exp(-(k * k) / 2) / Math.sqrt(2 * Math.PI);
  const square = inside - 2 * k * density + k * k * (1 - inside);
  return Math.min(1, inside ** 2 / square);
}
