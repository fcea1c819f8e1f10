// Which grid points a bowl is fitted to, along which axes, and on which sides of the grid its lowest point lies.
import type { BowlAxes } from './bowl-surface.ts';
import type { GridPoint } from './cells.ts';

/** A side of the grid in (learning rate, batch): where more rows or columns would have to be run. */
export type GridSide = 'low lr' | 'high lr' | 'small batch' | 'large batch';

/** Grid values of a cell along both axes, diverged runs included: they bound the grid as well as finished ones. */
export interface GridExtent {
  readonly lr: readonly number[];
  readonly B: readonly number[];
}

/** Parameters of the quadratic, and points its fit asks for (parameters + 2). */
export const BOWL_PARAMETERS: Readonly<Record<BowlAxes, number>> = { both: 6, lr: 3, B: 3 };

/** The points of a window, and the window (relative to the lowest loss) that they lie in. */
export interface BowlWindow {
  readonly points: readonly GridPoint[];
  readonly window: number;
}

/** Sorted distinct positive values. */
export function distinct(values: readonly (number | undefined)[]): number[] {
  return [...new Set(values.filter((value): value is number => value !== undefined && value > 0))].sort((a, b) => a - b);
}

/** The axes along which a cell can be fitted: those with at least two values; undefined when neither varies. */
export function varyingAxes(extent: GridExtent): BowlAxes | undefined {
  if (extent.lr.length > 1 && extent.B.length > 1) return 'both';
  if (extent.lr.length > 1) return 'lr';
  return extent.B.length > 1 ? 'B' : undefined;
}

/** Whether points can carry the quadratic: parameters + 2 of them, three values along each axis. */
export function carriesQuadratic(points: readonly GridPoint[], axes: BowlAxes): boolean {
  if (points.length < BOWL_PARAMETERS[axes] + 2) return false;
  if (axes !== 'B' && distinct(points.map((point) => point.lr)).length < 3) return false;
  return axes === 'lr' || distinct(points.map((point) => point.B)).length >= 3;
}

/**
 * The points within `narrowest` of the lowest loss; while they can't carry the quadratic, the next point is taken in,
 * up to `widest`. Ties come in together.
 */
export function chooseWindow(points: readonly GridPoint[], axes: BowlAxes, narrowest: number, widest: number): BowlWindow {
  const sorted = [...points].sort((a, b) => a.loss - b.loss);
  const relative = (point: GridPoint): number => point.loss / sorted[0].loss - 1;
  let count = sorted.findIndex((point) => relative(point) > narrowest);
  if (count < 0) count = sorted.length;
  let window = narrowest;
  while (count < sorted.length && relative(sorted[count]) <= widest && !carriesQuadratic(sorted.slice(0, count), axes)) {
    window = relative(sorted[count]);
    while (count < sorted.length && relative(sorted[count]) <= window) count++;
  }
  const chosen = new Set(sorted.slice(0, count));
  return { points: points.filter((point) => chosen.has(point)), window };
}

/** Sides of the grid that a grid point lies on; an axis with one value has no sides. */
export function sidesOfPoint(point: { lr: number | undefined; B: number | undefined }, extent: GridExtent): GridSide[] {
  const sides: GridSide[] = [];
  if (extent.lr.length > 1 && point.lr !== undefined) {
    if (point.lr <= extent.lr[0]) sides.push('low lr');
    if (point.lr >= extent.lr.at(-1)!) sides.push('high lr');
  }
  if (extent.B.length > 1 && point.B !== undefined) {
    if (point.B <= extent.B[0]) sides.push('small batch');
    if (point.B >= extent.B.at(-1)!) sides.push('large batch');
  }
  return sides;
}

/** Sides beyond which a vertex (log2 coordinates, NaN on an axis that does not vary) lies, and by how much of the grid's span. */
export function sidesOfVertex(vertex: readonly [number, number], extent: GridExtent): { sides: GridSide[]; beyond: number } {
  const sides: GridSide[] = [];
  let beyond = 0;
  const check = (value: number, grid: readonly number[], low: GridSide, high: GridSide): void => {
    if (grid.length < 2 || Number.isNaN(value)) return;
    const from = Math.log2(grid[0]);
    const to = Math.log2(grid.at(-1)!);
    if (value < from) sides.push(low);
    if (value > to) sides.push(high);
    beyond = Math.max(beyond, (from - value) / (to - from), (value - to) / (to - from));
  };
  check(vertex[0], extent.lr, 'low lr', 'high lr');
  check(vertex[1], extent.B, 'small batch', 'large batch');
  return { sides, beyond: Math.max(0, beyond) };
}
