// The bowl: loss over (log2 learning rate, log2 batch) at fixed N and D, as a quadratic near its minimum. Convexity is
// a statement about this fitted surface, its Hessian's eigenvalues and their intervals, not about second differences
// of single runs, whose sign the noise of one seed flips. The six-term quadratic near the optimum is how the optimum
// is located in the tiny-scale study of Step Law (arXiv 2609.27581, abstract); the plateau of 0.25 % is Step Law's own
// (arXiv 2503.04715, code/fit_tool.py).
import type { BootstrapOptions } from './bootstrap.ts';
import { LEAST_SHARE_OF_SUCCESSFUL_RESAMPLES } from './bootstrap.ts';
import { bowlSentence } from './bowl-sentences.ts';
import { bowlShape, type BowlAxes, type BowlShape, type BowlSurface } from './bowl-surface.ts';
import { cellNoise, type CellNoise, type ErrorPool } from './bowl-noise.ts';
import { vertexRegion, type Region } from './bowl-region.ts';
import {
  BOWL_PARAMETERS,
  carriesQuadratic,
  chooseWindow,
  distinct,
  sidesOfPoint,
  sidesOfVertex,
  varyingAxes,
  type GridExtent,
  type GridSide,
} from './bowl-window.ts';
import { gridPoints, groupCells, type Cell, type GridPoint } from './cells.ts';
import type { Estimate, Fit, FitStatus, RunRow } from './fit.ts';
import { createRandom } from './random.ts';
import { weightedLeastSquares, type FullRankFit } from './regression.ts';
import { sentences } from './sentences.ts';
import { intervalFromSamples, withoutInterval } from './statistics.ts';

/** What a bowl's parameters are called: the vertex and the loss at it. */
export type BowlParameter = 'lr' | 'B' | 'loss';

/** Choices of a bowl fit; thresholds are relative to the lowest loss of the cell. */
export interface BowlOptions {
  /** Points within this of the lowest loss are fitted. Default 0.06: at 0.04 the noise of one seed decides (docs/log.md). */
  readonly window?: number;
  /** The window is widened up to this while it holds too few points. Default 0.25. */
  readonly widestWindow?: number;
  /** Runs within this of the lowest loss are the plateau. Default 0.0025, Step Law's. */
  readonly plateau?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** Share of resamples that must be convex for a vertex to be an estimate. */
const LEAST_CONVEX_SHARE = LEAST_SHARE_OF_SUCCESSFUL_RESAMPLES;

/** A vertex farther outside than this share of the grid's span is an extrapolation, not an optimum near the edge. */
const FAR_OUTSIDE = 0.5;

/** One cell's landscape. Residuals are in nats, one per grid point of the window, in the order of `points`. */
export interface Bowl extends Fit<BowlParameter> {
  readonly law: 'bowl';
  readonly N: number | undefined;
  readonly D: number | undefined;
  /** Axes the quadratic bends along; undefined when nothing varies. */
  readonly axes: BowlAxes | undefined;
  /** The window that was used, relative to the lowest loss: at least the one asked for, wider where points were few. */
  readonly window: number;
  /** Grid points in the window, replicates averaged. */
  readonly points: readonly {
    readonly lr: number | undefined;
    readonly B: number | undefined;
    readonly loss: number;
    readonly replicates: number;
  }[];
  /** The fitted quadratic, for contours; present whenever it could be solved, whatever the status. */
  readonly surface: BowlSurface | undefined;
  /** Of the Hessian, ascending, nats per octave²; one when only one axis varies. */
  readonly eigenvalues: readonly Estimate[];
  /** Unit direction (log2 lr, log2 B) of the smallest eigenvalue. */
  readonly valley: readonly [number, number] | undefined;
  /** Whether every eigenvalue is positive; undefined without a surface. */
  readonly convex: boolean | undefined;
  /** Share of resamples in which every eigenvalue is positive; NaN without resamples. */
  readonly convexShare: number;
  /** The 95 % region of the vertex in log2 (lr, B), for drawing; present for `converged` with both axes. */
  readonly region: Region | undefined;
  /** Lowest grid point and the runs within the threshold of it. */
  readonly plateau: { readonly threshold: number; readonly lowest: number; readonly rows: readonly number[] };
  /** Sides of the grid that the optimum lies on or beyond: where to add rows or columns. */
  readonly edges: readonly GridSide[];
  readonly noise: CellNoise | undefined;
}

/** Fits the bowl of every (N, D) cell of a table, ascending in N, then D. */
export function fitBowls(table: readonly RunRow[], options: BowlOptions = {}): Bowl[] {
  const cells = groupCells(table);
  return cells.map((cell, i) => {
    const bowl = fitBowl(table, cell, options);
    options.bootstrap?.onProgress?.((i + 1) / cells.length);
    return bowl;
  });
}

/** Fits one cell. */
export function fitBowl(table: readonly RunRow[], cell: Cell, options: BowlOptions = {}): Bowl {
  const { window: narrowest = 0.06, widestWindow = 0.25, plateau: threshold = 0.0025, bootstrap = {} } = options;
  const { points, left } = gridPoints(table, cell.rows);
  const extent: GridExtent = {
    lr: distinct(cell.rows.map((row) => table[row].lr)),
    B: distinct(cell.rows.map((row) => table[row].B)),
  };
  const axes = varyingAxes(extent);
  const complete = points.filter((point) => (axes === 'B' || point.lr !== undefined) && (axes === 'lr' || point.B !== undefined));
  for (const point of points) {
    if (complete.includes(point)) continue;
    const reason = sentences.missing(point.lr === undefined ? 'learning rate' : 'batch');
    for (const row of point.rows) left.push({ row, reason });
  }
  const lowest = complete.reduce<GridPoint | undefined>(
    (best, point) => (best === undefined || point.loss < best.loss ? point : best),
    undefined,
  );
  const base = {
    law: 'bowl' as const,
    N: cell.N,
    D: cell.D,
    axes,
    window: narrowest,
    points: [],
    surface: undefined,
    eigenvalues: [],
    valley: undefined,
    convex: undefined,
    convexShare: NaN,
    region: undefined,
    plateau: { threshold, lowest: NaN, rows: [] },
    edges: [] as readonly GridSide[],
    noise: undefined,
    parameters: {},
    objective: { name: 'ls' as const, value: NaN },
    used: [],
    left,
    residuals: [],
    bootstrap: undefined,
  };
  if (axes === undefined || lowest === undefined) {
    const rows = complete.flatMap((point) => point.rows).sort((a, b) => a - b);
    return { ...base, used: rows, status: 'not enough points', message: bowlSentence.nothingVaries };
  }
  const plateau = {
    threshold,
    lowest: lowest.loss,
    rows: complete.filter((point) => point.loss / lowest.loss - 1 < threshold).flatMap((point) => point.rows),
  };
  const edges = sidesOfPoint(lowest, extent);
  const { points: inside, window } = chooseWindow(complete, axes, narrowest, widestWindow);
  const chosen = new Set(inside);
  for (const point of complete) {
    if (chosen.has(point)) continue;
    for (const row of point.rows) left.push({ row, reason: bowlSentence.outsideWindow(window) });
  }
  left.sort((a, b) => a.row - b.row);
  const used = inside.flatMap((point) => point.rows).sort((a, b) => a - b);
  const seen = { ...base, plateau, edges, window, used };
  const fitted = carriesQuadratic(inside, axes) ? solve(inside, axes) : undefined;
  if (fitted === undefined) {
    const status: FitStatus = edges.length > 0 && complete.length >= BOWL_PARAMETERS[axes] + 2 ? 'at the edge' : 'not enough points';
    const message =
      status === 'at the edge'
        ? bowlSentence.atTheEdge(edges)
        : bowlSentence.tooFew(inside.length, BOWL_PARAMETERS[axes] + 2, axes, window);
    return { ...seen, status, message };
  }

  const { surface, fit } = fitted;
  const shape = bowlShape(surface);
  const pool = cellNoise(inside, fit);
  const samples = resampleShapes(inside, surface, fit, pool, bootstrap);
  const stretch = { degreesOfFreedom: pool.degreesOfFreedom };
  const eigenvalues = shape.eigenvalues.map((value, k) =>
    intervalFromSamples(
      value,
      samples.shapes.map((sample) => sample.eigenvalues[k]),
      stretch,
    ),
  );
  const isConvex = (one: BowlShape): boolean => one.eigenvalues.every((value) => value > 0);
  const convexSamples = samples.shapes.filter(isConvex);
  const convexShare = samples.shapes.length > 0 ? convexSamples.length / samples.shapes.length : NaN;
  const convex = isConvex(shape);
  const result = {
    ...seen,
    points: inside.map((point) => ({ lr: point.lr, B: point.B, loss: point.loss, replicates: point.losses.length })),
    surface,
    eigenvalues,
    valley: shape.valley,
    convex,
    convexShare,
    noise: pool.noise,
    objective: { name: 'ls' as const, value: fit.sumOfSquares / 2 },
    residuals: [...fit.residuals],
    bootstrap: {
      unit: pool.noise.seedDegreesOfFreedom > 0 && !pool.noise.misfit ? ('seeds' as const) : ('residuals' as const),
      resamples: samples.shapes.length,
      seed: bootstrap.seed ?? 0,
    },
  };
  if (edges.length > 0) return { ...result, status: 'at the edge', message: bowlSentence.atTheEdge(edges) };
  if (!convex) return { ...result, status: 'not identified', message: bowlSentence.notConvex(convexShare) };
  const outside = sidesOfVertex(shape.vertex, extent);
  if (outside.sides.length > 0) {
    const far = outside.beyond > FAR_OUTSIDE;
    return {
      ...result,
      edges: outside.sides,
      status: far ? 'not identified' : 'at the edge',
      message: far ? bowlSentence.farOutside(outside.sides) : bowlSentence.vertexOutside(outside.sides),
    };
  }
  if (convexShare < LEAST_CONVEX_SHARE) return { ...result, status: 'not identified', message: bowlSentence.notSurelyConvex(convexShare) };

  const positions = convexSamples.map((sample) => sample.vertex);
  const inverseLog = ({ value, low, high }: Estimate): Estimate => ({ value: 2 ** value, low: 2 ** low, high: 2 ** high });
  const along = (axis: 0 | 1): Estimate =>
    samples.shapes.length > 0
      ? inverseLog(
          intervalFromSamples(
            shape.vertex[axis],
            positions.map((position) => position[axis]),
            stretch,
          ),
        )
      : withoutInterval(2 ** shape.vertex[axis]);
  const parameters = {
    ...(axes === 'B' ? {} : { lr: along(0) }),
    ...(axes === 'lr' ? {} : { B: along(1) }),
    loss: intervalFromSamples(
      shape.loss,
      convexSamples.map((sample) => sample.loss),
      stretch,
    ),
  };
  return {
    ...result,
    status: 'converged',
    parameters,
    region: axes === 'both' ? vertexRegion(shape.vertex, positions, pool.degreesOfFreedom) : undefined,
    message: bowlSentence.convex(parameters, convexShare, samples.shapes.length),
  };
}

/** The quadratic through grid points, weighted by their replicates; undefined when the points do not determine it. */
function solve(points: readonly GridPoint[], axes: BowlAxes): { surface: BowlSurface; fit: FullRankFit } | undefined {
  const xs = points.map((point) => (axes === 'B' ? 0 : Math.log2(point.lr!)));
  const ys = points.map((point) => (axes === 'lr' ? 0 : Math.log2(point.B!)));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centre = { x: mean(xs), y: mean(ys) };
  const rows = points.map((_, i) => {
    const x = xs[i] - centre.x;
    const y = ys[i] - centre.y;
    return axes === 'both' ? [1, x, y, x * x, x * y, y * y] : axes === 'lr' ? [1, x, x * x] : [1, y, y * y];
  });
  const fit = weightedLeastSquares(
    rows,
    points.map((point) => point.loss),
    points.map((point) => point.losses.length),
  );
  return fit.status === 'rank deficient' ? undefined : { surface: { axes, centre, coefficients: placed(fit.coefficients, axes) }, fit };
}

function placed(c: Float64Array, axes: BowlAxes): BowlSurface['coefficients'] {
  if (axes === 'lr') return [c[0], c[1], 0, c[2], 0, 0];
  if (axes === 'B') return [c[0], 0, c[1], 0, 0, c[2]];
  return [c[0], c[1], c[2], c[3], c[4], c[5]];
}

/** Shapes refitted to the fitted surface plus errors drawn from the pool. */
function resampleShapes(
  points: readonly GridPoint[],
  surface: BowlSurface,
  fit: FullRankFit,
  pool: ErrorPool,
  options: BootstrapOptions,
): { shapes: BowlShape[] } {
  const { resamples = 1000, seed = 0 } = options;
  const random = createRandom(seed);
  const fitted = points.map((point, i) => point.loss - fit.residuals[i]);
  const scales = points.map((point) => 1 / Math.sqrt(point.losses.length));
  const observed = new Float64Array(points.length);
  const shapes: BowlShape[] = [];
  for (let sample = 0; sample < resamples; sample++) {
    for (let i = 0; i < observed.length; i++) observed[i] = fitted[i] + scales[i] * pool.errors[random.integer(pool.errors.length)];
    shapes.push(bowlShape({ ...surface, coefficients: placed(fit.solve(observed), surface.axes) }));
  }
  return { shapes };
}
