// The 95 % region of a bowl's vertex, as an outline to be drawn in log2 (learning rate, batch).
import { quantileSorted, studentQuantile } from './statistics.ts';

/** A closed outline, and the vertices of the resamples it was drawn around. */
export interface Region {
  /** Corners of the outline, [log2 lr, log2 B], in order; the first is not repeated. */
  readonly outline: readonly (readonly [number, number])[];
  /** Vertices of up to 300 resamples, in the same coordinates. */
  readonly vertices: readonly (readonly [number, number])[];
}

const CORNERS = 64;

/**
 * An ellipse around `vertex`, with the axes of the resampled vertices' covariance, as large as holds 95 % of them
 * (their own quantile, not a normal one), stretched like the intervals for few degrees of freedom.
 */
export function vertexRegion(
  vertex: readonly [number, number],
  positions: readonly (readonly [number, number])[],
  degreesOfFreedom: number,
): Region | undefined {
  const finite = positions.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y));
  if (finite.length < 20) return undefined;
  // Vertices of nearly flat resamples lie arbitrarily far away: the axes come from the middle of the cloud.
  const distance = ([x, y]: readonly [number, number]): number => Math.hypot(x - vertex[0], y - vertex[1]);
  const middle = [...finite].sort((a, b) => distance(a) - distance(b)).slice(0, Math.ceil(finite.length * 0.9));
  let xx = 0;
  let xy = 0;
  let yy = 0;
  for (const [x, y] of middle) {
    xx += (x - vertex[0]) ** 2 / middle.length;
    xy += ((x - vertex[0]) * (y - vertex[1])) / middle.length;
    yy += (y - vertex[1]) ** 2 / middle.length;
  }
  // Cholesky factor of the covariance: maps the unit circle onto the ellipse.
  const a = Math.sqrt(xx);
  const b = a > 0 ? xy / a : 0;
  const c = Math.sqrt(Math.max(yy - b * b, 0));
  if (!(a > 0) || !(c > 0)) return { outline: [vertex], vertices: thinned(finite) };
  const radii = finite
    .map(([x, y]) => {
      const u = (x - vertex[0]) / a;
      return Math.hypot(u, (y - vertex[1] - b * u) / c);
    })
    .sort((first, second) => first - second);
  const radius = quantileSorted(radii, 0.95) * (studentQuantile(0.95, degreesOfFreedom) / studentQuantile(0.95, Infinity));
  const outline = Array.from({ length: CORNERS }, (_, corner): readonly [number, number] => {
    const angle = (2 * Math.PI * corner) / CORNERS;
    const u = radius * Math.cos(angle);
    const v = radius * Math.sin(angle);
    return [vertex[0] + a * u, vertex[1] + b * u + c * v];
  });
  return { outline, vertices: thinned(finite) };
}

function thinned(positions: readonly (readonly [number, number])[]): (readonly [number, number])[] {
  const step = Math.max(1, Math.ceil(positions.length / 300));
  return positions.filter((_, i) => i % step === 0);
}
