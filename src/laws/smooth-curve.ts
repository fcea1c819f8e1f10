// A smooth curve through noisy points of a loss curve, so that "the step at which this run reached that loss" is one
// number: a polynomial of log loss in log steps, its degree chosen by the data.
import { curveAt, logCurve } from './log-curve.ts';

/** log y as a function of log x, between the first and the last point. */
export interface SmoothCurve {
  /** Ends of the curve, log x. */
  readonly from: number;
  readonly to: number;
  /** log y at log x; NaN outside the ends. */
  readonly at: (x: number) => number;
  /** Standard deviation of the points around the curve, in log y; 0 where it goes through them. */
  readonly scatter: number;
  /** Standard deviation that this scatter leaves in the curve itself, averaged along it: scatter·√(coefficients/points). */
  readonly error: number;
  /** Curve values on the regular grid on which crossings are looked for. */
  readonly grid: Float64Array;
  /** The lowest of them. */
  readonly lowest: number;
}

/** Fewer different x than this are joined by a cubic through the points: there is nothing to smooth with. */
const LEAST_TO_SMOOTH = 8;

const HIGHEST_DEGREE = 14;
const GRID = 200;

/** Points thinned to at most this many, by means over equal stretches of log x: a curve of 100,000 points has no more shape than that. */
const MOST_POINTS = 400;

/** A curve through positive raw (x, y) pairs in any order; undefined with fewer than two different x. */
export function smoothCurve(points: readonly (readonly [x: number, y: number])[]): SmoothCurve | undefined {
  const { x, y } = thinned(points);
  const distinct = x.reduce((count, value, i) => (i === 0 || value > x[i - 1] ? count + 1 : count), 0);
  if (distinct < LEAST_TO_SMOOTH) {
    const through = logCurve(points);
    return through === undefined ? undefined : onGrid(through.x[0], through.x[through.x.length - 1], (at) => curveAt(through, at), 0, 0);
  }
  const from = x[0];
  const to = x[x.length - 1];
  const unit = (value: number): number => (2 * (value - from)) / (to - from) - 1;
  const { coefficients, alpha, beta, scatter } = orthogonalFit(x.map(unit), y, Math.min(HIGHEST_DEGREE, distinct - 3));
  const error = scatter * Math.sqrt(coefficients.length / x.length);
  const valueAt = (at: number): number => (at >= from - 1e-12 && at <= to + 1e-12 ? evaluate(unit(at), coefficients, alpha, beta) : NaN);
  return onGrid(from, to, valueAt, scatter, error);
}

/** The log x at which the curve first falls to log y = `level`; undefined when it starts at or below it or never gets there. */
export function firstFallTo(curve: SmoothCurve, level: number): number | undefined {
  const { from, to, grid, at } = curve;
  if (!(grid[0] > level)) return undefined;
  const index = grid.findIndex((value) => value <= level);
  if (index < 0) return undefined;
  let low = from + ((to - from) * (index - 1)) / (grid.length - 1);
  let high = from + ((to - from) * index) / (grid.length - 1);
  for (let i = 0; i < 52 && high - low > 1e-14 * Math.abs(high); i++) {
    const middle = (low + high) / 2;
    if (at(middle) > level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

function onGrid(from: number, to: number, at: (x: number) => number, scatter: number, error: number): SmoothCurve {
  const grid = Float64Array.from({ length: GRID + 1 }, (_, i) => at(i === GRID ? to : from + ((to - from) * i) / GRID));
  return { from, to, at, scatter, error, grid, lowest: grid.reduce((least, value) => Math.min(least, value), Infinity) };
}

/** Sorted logarithms; means over equal stretches of log x where there are very many. */
function thinned(points: readonly (readonly [x: number, y: number])[]): { x: number[]; y: number[] } {
  const logs = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const).sort((a, b) => a[0] - b[0]);
  if (logs.length <= MOST_POINTS) return { x: logs.map(([x]) => x), y: logs.map(([, y]) => y) };
  const from = logs[0][0];
  const width = (logs[logs.length - 1][0] - from) / MOST_POINTS;
  const bins = new Map<number, { x: number; y: number; count: number }>();
  for (const [x, y] of logs) {
    const index = Math.min(MOST_POINTS - 1, Math.floor((x - from) / width));
    const bin = bins.get(index) ?? { x: 0, y: 0, count: 0 };
    bin.x += x;
    bin.y += y;
    bin.count++;
    bins.set(index, bin);
  }
  const means = [...bins.values()];
  return { x: means.map((bin) => bin.x / bin.count), y: means.map((bin) => bin.y / bin.count) };
}

interface OrthogonalFit {
  readonly coefficients: readonly number[];
  readonly alpha: readonly number[];
  readonly beta: readonly number[];
  readonly scatter: number;
}

/**
 * Least squares in polynomials orthogonal over the points: p_{k+1}(u) = (u − α_k)·p_k(u) − β_k·p_{k−1}(u)
 * (G. E. Forsythe, Journal of the SIAM 5, 1957). Each degree adds one term and changes none, so all degrees cost one
 * pass each; the one with the lowest Akaike criterion for small samples (Hurvich & Tsai, Biometrika 76, 1989) is kept.
 */
function orthogonalFit(u: readonly number[], y: readonly number[], highest: number): OrthogonalFit {
  const count = u.length;
  const residual = Float64Array.from(y);
  const coefficients: number[] = [];
  const alpha: number[] = [];
  const beta: number[] = [];
  let before = new Float64Array(count);
  let basis = new Float64Array(count).fill(1);
  let normBefore = 1;
  let best = { degree: 0, criterion: Infinity, squares: 0 };
  const scale = y.reduce((sum, value) => sum + value * value, 0);
  for (let degree = 0; degree <= highest; degree++) {
    let norm = 0;
    let moment = 0;
    let product = 0;
    for (let i = 0; i < count; i++) {
      norm += basis[i] ** 2;
      moment += u[i] * basis[i] ** 2;
      product += basis[i] * residual[i];
    }
    if (!(norm > 1e-20 * count)) break;
    const coefficient = product / norm;
    coefficients.push(coefficient);
    let squares = 0;
    for (let i = 0; i < count; i++) {
      residual[i] -= coefficient * basis[i];
      squares += residual[i] ** 2;
    }
    // Coefficients and the variance.
    const parameters = degree + 2;
    const criterion =
      count * Math.log(Math.max(squares, 1e-300)) +
      2 * parameters +
      (2 * parameters * (parameters + 1)) / Math.max(count - parameters - 1, 0.5);
    if (criterion < best.criterion) best = { degree, criterion, squares };
    // Nothing but rounding is left.
    if (squares <= 1e-28 * scale) break;
    alpha.push(moment / norm);
    beta.push(degree === 0 ? 0 : norm / normBefore);
    const next = new Float64Array(count);
    for (let i = 0; i < count; i++) next[i] = (u[i] - alpha[degree]) * basis[i] - beta[degree] * before[i];
    [before, basis, normBefore] = [basis, next, norm];
  }
  return {
    coefficients: coefficients.slice(0, best.degree + 1),
    alpha,
    beta,
    scatter: Math.sqrt(best.squares / Math.max(1, count - best.degree - 1)),
  };
}

function evaluate(u: number, coefficients: readonly number[], alpha: readonly number[], beta: readonly number[]): number {
  let before = 0;
  let basis = 1;
  let sum = coefficients[0];
  for (let k = 1; k < coefficients.length; k++) {
    const next = (u - alpha[k - 1]) * basis - beta[k - 1] * before;
    before = basis;
    basis = next;
    sum += coefficients[k] * basis;
  }
  return sum;
}
