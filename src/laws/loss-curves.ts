// Loss as a smooth curve of compute (or steps) through the points of a table, in double logarithms.
import { computeOf } from './budgets.ts';
import type { RunRow } from './fit.ts';

/** A curve of log loss over a log abscissa, defined between its first and last point. */
export interface LogCurve {
  readonly x: Float64Array;
  readonly y: Float64Array;
  /** dy/dx at each point. */
  readonly slopes: Float64Array;
}

/** Points closer than this in log x are one, at their means. */
const SAME = 1e-3;

/** A curve through (x, y) pairs, both positive and raw; undefined with fewer than two different x. */
export function logCurve(points: readonly (readonly [x: number, y: number])[]): LogCurve | undefined {
  const sorted = points.map(([x, y]) => [Math.log(x), Math.log(y)] as const).sort((a, b) => a[0] - b[0]);
  const merged: { x: number; y: number; count: number; first: number }[] = [];
  for (const [x, y] of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && x - last.first < SAME) {
      last.x += x;
      last.y += y;
      last.count++;
    } else merged.push({ x, y, count: 1, first: x });
  }
  if (merged.length < 2) return undefined;
  const x = Float64Array.from(merged, (point) => point.x / point.count);
  const y = Float64Array.from(merged, (point) => point.y / point.count);
  const count = x.length;
  const secant = (i: number): number => (y[i + 1] - y[i]) / (x[i + 1] - x[i]);
  // Three-point slopes: exact for parabolas, so the cubic between points errs by the third power of their distance.
  const slopes = x.map((_, i) => {
    if (count === 2) return secant(0);
    const k = Math.min(Math.max(i, 1), count - 2);
    const left = x[k] - x[k - 1];
    const right = x[k + 1] - x[k];
    const bend = (secant(k) - secant(k - 1)) / (left + right);
    return secant(k - 1) + bend * (2 * x[i] - x[k] - x[k - 1]);
  });
  return { x, y, slopes };
}

/** log y at log x, by cubic Hermite interpolation; NaN outside the curve. */
export function curveAt({ x, y, slopes }: LogCurve, at: number): number {
  const count = x.length;
  if (!(at >= x[0] - 1e-12) || !(at <= x[count - 1] + 1e-12)) return NaN;
  let low = 0;
  let high = count - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (x[middle] <= at) low = middle;
    else high = middle;
  }
  const step = x[high] - x[low];
  const t = (at - x[low]) / step;
  const s = 1 - t;
  return y[low] * (1 + 2 * t) * s * s + y[high] * (1 + 2 * s) * t * t + step * t * s * (slopes[low] * s - slopes[high] * t);
}

/** The curves of one model size: one per run where the table names runs, one through all its rows otherwise. */
export interface SizeCurves {
  /** Raw count. */
  readonly N: number;
  readonly curves: readonly LogCurve[];
  /** Whether all its rows are one named run. */
  readonly oneRun: boolean;
  readonly rows: readonly number[];
}

/** Loss over compute for each size, ascending N. Sizes with no curve (one point) come back with none. */
export function curvesBySize(table: readonly RunRow[], rows: readonly number[]): SizeCurves[] {
  const sorted = [...rows].sort((i, j) => table[i].N! - table[j].N! || i - j);
  const groups: number[][] = [];
  for (const row of sorted) {
    const last = groups.at(-1);
    if (last !== undefined && table[row].N! <= table[last[0]].N! * 1.01) last.push(row);
    else groups.push([row]);
  }
  return groups.map((group) => {
    const byRun = new Map<string, number[]>();
    for (const row of group) {
      const key = table[row].run ?? '';
      const known = byRun.get(key);
      if (known === undefined) byRun.set(key, [row]);
      else known.push(row);
    }
    // Runs of one point each (final losses) make a curve together.
    const single = [...byRun.values()].filter((members) => members.length === 1).flat();
    const several = [...byRun.values()].filter((members) => members.length > 1);
    const curves = [...several, single].flatMap((members) => {
      const curve = logCurve(members.map((row) => [computeOf(table[row]), table[row].loss]));
      return curve === undefined ? [] : [curve];
    });
    return {
      N: Math.exp(group.reduce((sum, row) => sum + Math.log(table[row].N!), 0) / group.length),
      curves,
      oneRun: byRun.size === 1 && table[group[0]].run !== undefined,
      rows: group,
    };
  });
}

/** The lowest log loss of a size at log C over its curves that reach it; NaN where none does. */
export function lowestAt(size: SizeCurves, logC: number): number {
  let lowest = NaN;
  for (const curve of size.curves) {
    const value = curveAt(curve, logC);
    if (!(value >= lowest)) lowest = value;
  }
  return lowest;
}
