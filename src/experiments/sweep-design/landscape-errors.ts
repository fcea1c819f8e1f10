// How well a grid of learning rates and batches places the minimum of its landscape: the errors of the vertex of the
// quadratic that the lab fits, before any run.
import { addObservation, covarianceOf, packedLength, varianceOf } from '../../laws/information.ts';
import { createRandom } from '../../laws/random.ts';

/** A Hessian over (x, y) = log2 of (learning rate, batch), nats per octave². */
export type Hessian = readonly [xx: number, xy: number, yy: number];

/** Points within this of the lowest loss carry the quadratic, as in the lab's fit; nats at a loss of about two. */
const WINDOW = 0.12;

/** Parameters of the quadratic, and the points that its fit asks for. */
const PARAMETERS = 6;
const LEAST_POINTS = PARAMETERS + 2;

/** Variances of a vertex's coordinates (octaves²) for points whose losses have a variance of one nat². */
export interface VertexVariance {
  readonly x: number;
  readonly y: number;
}

/**
 * Variances of the vertex from a grid, its true place being `vertex`; undefined where the grid cannot carry the fit.
 * The loss is c + g·u + ½ uᵀHu with u = (x, y); at the vertex v = −H⁻¹g, so dv = −H⁻¹(dg + dH·v).
 * @param x, y coordinates of the grid, octaves from where the minimum is expected
 */
export function vertexVariance(
  x: readonly number[],
  y: readonly number[],
  hessian: Hessian,
  vertex: readonly [number, number],
): VertexVariance | undefined {
  const [xx, xy, yy] = hessian;
  const points = x.flatMap((a) => y.map((b) => ({ a, b, loss: above(hessian, a - vertex[0], b - vertex[1]) })));
  points.sort((first, second) => first.loss - second.loss);
  const inside = points.filter(({ loss }, i) => i < LEAST_POINTS || loss <= points[0].loss + WINDOW);
  const information = new Float64Array(packedLength(PARAMETERS));
  for (const { a, b } of inside) addObservation(information, [1, a, b, (a * a) / 2, a * b, (b * b) / 2]);
  const covariance = covarianceOf(information, PARAMETERS);
  if (covariance === undefined) return undefined;
  const determinant = xx * yy - xy * xy;
  // Rows of −H⁻¹, applied to (dg + dH·v): coefficients of the six parameters' changes.
  const [v, w] = vertex;
  const of = (first: number, second: number): number =>
    varianceOf(covariance, [0, first, second, first * v, first * w + second * v, second * w]);
  return { x: of(-yy / determinant, xy / determinant), y: of(xy / determinant, -xx / determinant) };
}

/** What a grid is expected to say of its minimum. */
export interface ExpectedVertex {
  /** Variances for points of unit variance. */
  readonly variance: VertexVariance;
  /**
   * Probability that the lowest point seen lies inside the grid, by the standard deviation of points (nats): the lab leaves a
   * landscape out whose lowest point is at its edge.
   */
  readonly inside: (deviation: number) => number;
}

/** Draws of the noise for each place of the minimum. */
const DRAWS = 24;

/** Standard normal numbers, the same for every grid: then better grids differ from worse ones by themselves alone. */
const noise: readonly number[] = (() => {
  const random = createRandom(0);
  return Array.from({ length: 4096 }, () => random.normal());
})();

/**
 * Means over where the minimum may lie: in the expected place, and one deviation of the prior off it either way along each
 * axis. Undefined where one of them cannot be fitted.
 */
export function expectedVertex(
  x: readonly number[],
  y: readonly number[],
  hessian: Hessian,
  deviations: readonly [x: number, y: number],
): ExpectedVertex | undefined {
  const places: [number, number][] = [
    [0, 0],
    [deviations[0], 0],
    [-deviations[0], 0],
    [0, deviations[1]],
    [0, -deviations[1]],
  ];
  let [sumX, sumY] = [0, 0];
  for (const place of places) {
    const variance = vertexVariance(x, y, hessian, place);
    if (variance === undefined) return undefined;
    sumX += variance.x;
    sumY += variance.y;
  }
  const known = new Map<number, number>();
  return {
    variance: { x: sumX / places.length, y: sumY / places.length },
    inside: (deviation) => {
      let share = known.get(deviation);
      if (share === undefined) {
        share = places.reduce((sum, place) => sum + shareInside(x, y, hessian, place, deviation), 0) / places.length;
        known.set(deviation, share);
      }
      return share;
    },
  };
}

/** Share of noisy copies of a landscape whose lowest point is not at the edge of the grid. */
function shareInside(
  x: readonly number[],
  y: readonly number[],
  hessian: Hessian,
  vertex: readonly [number, number],
  deviation: number,
): number {
  let inside = 0;
  let next = 0;
  for (let draw = 0; draw < DRAWS; draw++) {
    let [lowest, atEdge] = [Infinity, false];
    for (let i = 0; i < x.length; i++)
      for (let j = 0; j < y.length; j++) {
        const loss = above(hessian, x[i] - vertex[0], y[j] - vertex[1]) + deviation * noise[next++ % noise.length];
        if (loss < lowest) {
          lowest = loss;
          atEdge = i === 0 || j === 0 || i === x.length - 1 || j === y.length - 1;
        }
      }
    if (!atEdge) inside++;
  }
  return inside / DRAWS;
}

/** Loss above the minimum, octaves off it. */
function above([xx, xy, yy]: Hessian, u: number, w: number): number {
  return (xx * u * u + 2 * xy * u * w + yy * w * w) / 2;
}
