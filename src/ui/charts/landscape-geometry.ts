// Where things are on a landscape: cells around their values on two logarithmic axes, contours of the fitted bowl.
import { contours } from 'd3-contour';

/** One axis: log2 of the values, ascending, and the edges between their cells. */
export interface LogAxis {
  readonly values: readonly number[];
  readonly logs: readonly number[];
  /** One more than values: cell i lies between edges i and i + 1. */
  readonly edges: readonly number[];
  readonly low: number;
  readonly high: number;
}

/** Cells meet half-way between neighbouring values; a lone value gets half an octave to each side. */
export function logAxis(values: readonly number[]): LogAxis {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  const logs = sorted.map((value) => Math.log2(value));
  const half = logs.length > 1 ? (logs[1] - logs[0]) / 2 : 0.5;
  const halfLast = logs.length > 1 ? (logs[logs.length - 1] - logs[logs.length - 2]) / 2 : 0.5;
  const edges =
    logs.length === 0 ? [0, 1] : [logs[0] - half, ...logs.slice(1).map((log, i) => (log + logs[i]) / 2), logs[logs.length - 1] + halfLast];
  return { values: sorted, logs, edges, low: edges[0], high: edges[edges.length - 1] };
}

/** A linear map from [from0, from1] to [to0, to1]. */
export function linear(from0: number, from1: number, to0: number, to1: number): (value: number) => number {
  const slope = (to1 - to0) / (from1 - from0);
  return (value) => to0 + (value - from0) * slope;
}

/** A closed path through points of the plane. */
export function polygonPath(points: readonly (readonly [number, number])[]): string {
  return points.length === 0 ? '' : `M${points.map(([x, y]) => `${x.toFixed(2)},${y.toFixed(2)}`).join('L')}Z`;
}

/** Samples of the fitted surface along each axis. */
const SAMPLES = 72;

/** A contour line, or a region of all places below a loss, as an SVG path. */
export interface Contour {
  readonly loss: number;
  readonly path: string;
}

/**
 * Regions where `surface(log2 learning rate, log2 batch)` is at most each of `losses`, in pixels.
 * @param x pixels of a log2 learning rate
 * @param y pixels of a log2 batch
 */
export function regionsBelow(
  surface: (logLearningRate: number, logBatch: number) => number,
  horizontal: LogAxis,
  vertical: LogAxis,
  x: (log: number) => number,
  y: (log: number) => number,
  losses: readonly number[],
): Contour[] {
  const at = (axis: LogAxis, i: number): number => axis.low + ((i + 0.5) / SAMPLES) * (axis.high - axis.low);
  const values = new Array<number>(SAMPLES * SAMPLES);
  for (let j = 0; j < SAMPLES; j++)
    for (let i = 0; i < SAMPLES; i++) {
      const loss = surface(at(horizontal, i), at(vertical, j));
      values[j * SAMPLES + i] = Number.isFinite(loss) ? -loss : -Number.MAX_VALUE;
    }
  const make = contours().size([SAMPLES, SAMPLES]).smooth(true);
  return losses.map((loss) => {
    const rings = make.contour(values, -loss).coordinates.flat();
    const path = rings
      .map((ring) =>
        polygonPath(
          ring.map(([i, j]) => [
            x(horizontal.low + (i / SAMPLES) * (horizontal.high - horizontal.low)),
            y(vertical.low + (j / SAMPLES) * (vertical.high - vertical.low)),
          ]),
        ),
      )
      .join('');
    return { loss, path };
  });
}

/** Losses at which to draw contours: even steps of relative loss above the lowest, wider apart the higher. */
export function contourLosses(lowest: number, highest: number): number[] {
  const relative = [0.005, 0.01, 0.02, 0.04, 0.06, 0.1, 0.15, 0.2, 0.3];
  return relative.map((share) => lowest * (1 + share)).filter((loss) => loss < highest);
}
