// Sorting runs into compute budgets: rows whose C agree, exactly or nearly, and the parabola through each budget.
import type { RunRow } from './fit.ts';
import { weightedLeastSquares } from './regression.ts';

/** Runs of (nearly) one C. */
export interface Budget {
  /** Median over its rows, FLOPs. */
  readonly C: number;
  /** Indices into the table, ascending N. */
  readonly rows: readonly number[];
}

/** FLOPs of a row: its C, or 6·N·D where it has none. NaN without either. */
export function computeOf(row: RunRow): number {
  return row.C ?? 6 * (row.N ?? NaN) * (row.D ?? NaN);
}

/** Budgets equal up to rounding, and budgets that whole steps or exact FLOP counts have blurred. */
const TOLERANCES = [1.002, 1.25] as const;

/** A group that a chain of small gaps stretches beyond this factor is not one budget. */
const WIDEST_BUDGET = 1.6;

/**
 * Groups rows by C: sorted by log C, a gap above the tolerance starts a new budget. The tight tolerance is used when
 * it makes groups of at least three runs at the median, the loose one otherwise. Undefined when the rows lie on no budgets.
 */
export function groupBudgets(table: readonly RunRow[], rows: readonly number[]): Budget[] | undefined {
  const sorted = [...rows].sort((i, j) => computeOf(table[i]) - computeOf(table[j]) || i - j);
  for (const tolerance of TOLERANCES) {
    const groups: number[][] = [];
    for (const row of sorted) {
      const last = groups.at(-1);
      const before = last?.at(-1);
      if (last === undefined || before === undefined || computeOf(table[row]) > tolerance * computeOf(table[before])) groups.push([row]);
      else last.push(row);
    }
    const sizes = groups.map((group) => group.length).sort((a, b) => a - b);
    const narrow = groups.every((group) => computeOf(table[group.at(-1)!]) <= WIDEST_BUDGET * computeOf(table[group[0]]));
    if (narrow && sizes[sizes.length >> 1] >= 3) {
      return groups.map((group) => ({
        C: computeOf(table[group[group.length >> 1]]),
        rows: group.sort((i, j) => table[i].N! - table[j].N! || i - j),
      }));
    }
  }
  return undefined;
}

/** Losses of a budget as if every run had spent exactly its C, one entry per row of `budget.rows`. */
export function lossesAtBudget(table: readonly RunRow[], budgets: readonly Budget[], index: number): number[] {
  const lowest = (budget: Budget): number => budget.rows.reduce((least, row) => Math.min(least, table[row].loss), Infinity);
  const below = budgets[Math.max(0, index - 1)];
  const above = budgets[Math.min(budgets.length - 1, index + 1)];
  // At the compute-optimal size ∂L/∂N = 0, so the loss moves with C as the lowest losses of the budgets do.
  const slope = above.C > below.C ? Math.log(lowest(above) / lowest(below)) / Math.log(above.C / below.C) : 0;
  const { C, rows } = budgets[index];
  return rows.map((row) => table[row].loss * (computeOf(table[row]) / C) ** -slope);
}

/** y = lowest + curvature·(x − vertex)²/2. */
export interface Parabola {
  readonly vertex: number;
  /** y at the vertex. */
  readonly lowest: number;
  /** d²y/dx². Not positive: there is no minimum. */
  readonly curvature: number;
  readonly sumOfSquares: number;
  readonly degreesOfFreedom: number;
  /** Variance of the vertex and of the curvature per unit of residual variance (first order). */
  readonly vertexVariance: number;
  readonly curvatureVariance: number;
  readonly residuals: Float64Array;
}

/** Least-squares parabola; undefined when fewer than three different x. */
export function fitParabola(x: readonly number[], y: readonly number[]): Parabola | undefined {
  const centre = x.reduce((sum, value) => sum + value, 0) / x.length;
  const fit = weightedLeastSquares(
    x.map((value) => [1, value - centre, (value - centre) ** 2]),
    y,
  );
  if (fit.status === 'rank deficient') return undefined;
  const [constant, slope, half] = fit.coefficients;
  const shift = -slope / (2 * half);
  const normal = fit.inverseNormal;
  // d(shift) = −d(slope)/(2·half) + slope·d(half)/(2·half²)
  const bySlope = -1 / (2 * half);
  const byHalf = slope / (2 * half * half);
  return {
    vertex: centre + shift,
    lowest: constant + (slope * shift) / 2,
    curvature: 2 * half,
    sumOfSquares: fit.sumOfSquares,
    degreesOfFreedom: fit.degreesOfFreedom,
    vertexVariance: bySlope * bySlope * normal[1][1] + 2 * bySlope * byHalf * normal[1][2] + byHalf * byHalf * normal[2][2],
    curvatureVariance: 4 * normal[2][2],
    residuals: fit.residuals,
  };
}
