// A curve through points in double logarithms: cubic between them, for points that are few or carry no noise of their own.

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
