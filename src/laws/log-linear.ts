// Regression of a logarithm on logarithms over a few cells, with intervals that hold up when cells scatter unequally:
// a wild bootstrap over cells, and weights that know both each cell's own variance and the scatter between cells.
import type { BootstrapOptions } from './bootstrap.ts';
import type { Estimate } from './fit.ts';
import { createRandom } from './random.ts';
import { dot, weightedLeastSquares, type FullRankFit } from './regression.ts';
import { studentQuantile } from './statistics.ts';

/** y = Σ coefficient·term over cells, with what a line and its band need. */
export interface LogLinearFit {
  readonly coefficients: readonly number[];
  /** Of the coefficients. */
  readonly covariance: readonly (readonly number[])[];
  /** Times the standard deviation it gives the half-width of a 95 % interval. */
  readonly quantile: number;
  readonly degreesOfFreedom: number;
  /** Observed − fitted, per cell. */
  readonly residuals: readonly number[];
  /** Σ weight·residual². */
  readonly sumOfSquares: number;
  /** Standard deviation between cells beyond their own variances; 0 where those explain all scatter. */
  readonly between: number;
}

/** The cells of a regression. */
export interface LogLinearProblem {
  /** One row per cell, one column per coefficient. */
  readonly terms: readonly (readonly number[])[];
  readonly y: readonly number[];
  /** Used as they are when `variances` is absent. */
  readonly weights: readonly number[];
  /** Each cell's own variance of y; then the weights are 1/(variance + between²). */
  readonly variances?: readonly number[] | undefined;
  readonly options?: BootstrapOptions | undefined;
}

/** A cell's own variance is not believed below this share of the median one: it is itself an estimate from few runs. */
const LEAST_VARIANCE_SHARE = 0.1;

/** Fits; undefined when the terms are dependent or there are not more cells than coefficients. */
export function fitLogLinear(problem: LogLinearProblem): LogLinearFit | undefined {
  const { terms, y, options = {} } = problem;
  const columns = terms[0]?.length ?? 0;
  const degreesOfFreedom = y.length - columns;
  if (degreesOfFreedom < 1) return undefined;
  const floored = problem.variances === undefined ? undefined : withFloor(problem.variances);
  const between = floored === undefined ? 0 : scatterBetween(terms, y, floored);
  const weights = floored === undefined ? problem.weights : floored.map((variance) => 1 / (variance + between ** 2));
  const fit = weightedLeastSquares(terms, y, weights);
  if (fit.status === 'rank deficient') return undefined;
  const few = degreesOfFreedom < 2 && floored !== undefined;
  // With one degree of freedom the scatter of the cells says next to nothing: their own variances are used instead,
  // never less than the scatter seen (the Birge ratio).
  const covariance = few ? scaledNormal(fit, Math.max(1, fit.sumOfSquares / degreesOfFreedom)) : wildCovariance(terms, fit, options);
  return {
    coefficients: [...fit.coefficients],
    covariance,
    quantile: few ? studentQuantile(0.95, Infinity) : studentQuantile(0.95, degreesOfFreedom),
    degreesOfFreedom,
    residuals: [...fit.residuals],
    sumOfSquares: fit.sumOfSquares,
    between,
  };
}

/** Value and 95 % interval of Σ coefficient·term at any point: of one coefficient with a unit vector, of a line with its terms. */
export function logLinearEstimate(fit: LogLinearFit, terms: readonly number[]): Estimate {
  const value = dot(terms, fit.coefficients);
  let variance = 0;
  terms.forEach((first, j) => terms.forEach((second, k) => (variance += first * second * fit.covariance[j][k])));
  const half = fit.quantile * Math.sqrt(Math.max(variance, 0));
  return { value, low: value - half, high: value + half };
}

/**
 * Covariance of the coefficients over resamples: each cell's residual, divided by one minus its leverage (as the
 * jackknife does, MacKinnon & White 1985, HC3), times a standard normal of its own (the wild bootstrap of Wu, Annals
 * of Statistics 14, 1986). No resample drops a cell, so few cells are enough.
 */
function wildCovariance(
  terms: readonly (readonly number[])[],
  fit: FullRankFit,
  { resamples = 1000, seed = 0 }: BootstrapOptions,
): number[][] {
  const columns = terms[0].length;
  if (resamples === 0) return Array.from({ length: columns }, () => new Array<number>(columns).fill(NaN));
  const random = createRandom(seed);
  const errors = fit.residuals.map((residual, i) => residual / Math.max(1 - fit.leverages[i], 1e-6));
  const sums = Array.from({ length: columns }, () => new Array<number>(columns).fill(0));
  const drawn = new Float64Array(errors.length);
  for (let sample = 0; sample < resamples; sample++) {
    for (let i = 0; i < drawn.length; i++) drawn[i] = errors[i] * random.normal();
    const change = fit.solve(drawn);
    for (let j = 0; j < columns; j++) for (let k = 0; k < columns; k++) sums[j][k] += (change[j] * change[k]) / resamples;
  }
  return sums;
}

function scaledNormal(fit: FullRankFit, scale: number): number[][] {
  return fit.inverseNormal.map((row) => Array.from(row, (value) => value * scale));
}

function withFloor(variances: readonly number[]): number[] {
  const median = [...variances].sort((a, b) => a - b)[variances.length >> 1];
  return variances.map((variance) => Math.max(variance, LEAST_VARIANCE_SHARE * median, Number.MIN_VALUE));
}

/**
 * Standard deviation between cells at which the weighted sum of squares equals its degrees of freedom
 * (Paule & Mandel, Journal of Research of the National Bureau of Standards 87, 1982).
 */
function scatterBetween(terms: readonly (readonly number[])[], y: readonly number[], variances: readonly number[]): number {
  const excess = (square: number): number => {
    const fit = weightedLeastSquares(
      terms,
      y,
      variances.map((variance) => 1 / (variance + square)),
    );
    return fit.status === 'rank deficient' ? 0 : fit.sumOfSquares - fit.degreesOfFreedom;
  };
  if (excess(0) <= 0) return 0;
  let upper = 1e-6;
  while (excess(upper) > 0) upper *= 4;
  let lower = 0;
  for (let i = 0; i < 50; i++) {
    const middle = (lower + upper) / 2;
    if (excess(middle) > 0) lower = middle;
    else upper = middle;
  }
  return Math.sqrt((lower + upper) / 2);
}
