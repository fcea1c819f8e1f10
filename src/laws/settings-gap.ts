// What a learning rate and a batch cost on a measured landscape: how far the loss there lies above the landscape's
// minimum. Near the minimum the fitted surface tells (the grid is coarser than the differences between good settings),
// farther out the grid itself, interpolated, because a quadratic fitted to the bottom says nothing about the walls.
import { bowlLoss } from './bowl-surface.ts';
import type { Bowl } from './bowl.ts';
import { gridPoints, type GridPoint } from './cells.ts';
import type { RunRow } from './fit.ts';
import type { Settings } from './published-settings.ts';
import { distinct } from './bowl-window.ts';

/** A gap. */
export interface SettingsGap {
  /** Loss over the minimum's, minus one. */
  readonly gap: number;
  /** The settings lie outside the grid, or beside runs that diverged: the gap is that of the nearest point measured, and the true one is larger. */
  readonly atLeast: boolean;
  readonly from: 'surface' | 'grid';
  /** Where it was read: what was asked, moved onto the grid; and what was chosen for an axis that was left open. */
  readonly lr: number;
  readonly B: number;
}

/** Steps per octave in which an axis that a law leaves open is searched. */
const STEPS_PER_OCTAVE = 8;

/**
 * The gap of settings on a landscape with a minimum; undefined where it has none. An axis that is left open takes its
 * best value on the grid: a law is not charged for what it does not speak of.
 * @param rows the landscape's rows in the table
 */
export function settingsGap(table: readonly RunRow[], rows: readonly number[], bowl: Bowl, { lr, B }: Settings): SettingsGap | undefined {
  const { surface, parameters, status } = bowl;
  if (status !== 'converged' || surface === undefined || parameters.loss === undefined || surface.axes !== 'both') return undefined;
  const grid = gridOf(gridPoints(table, rows).points);
  const at = (rate: number, batch: number): SettingsGap => gapAt(grid, bowl, rate, batch);
  if (lr !== undefined && B !== undefined) return at(lr, B);
  const free = (values: readonly number[]): number[] => between(values[0], values[values.length - 1]);
  const tried =
    lr !== undefined
      ? free(grid.batches).map((batch) => at(lr, batch))
      : free(grid.rates).flatMap((rate) => (B !== undefined ? [at(rate, B)] : free(grid.batches).map((batch) => at(rate, batch))));
  return tried.reduce((best, one) => (one.gap < best.gap ? one : best));
}

interface Grid {
  readonly rates: readonly number[];
  readonly batches: readonly number[];
  /** Mean loss by [rate][batch]; undefined where every run diverged or none was made. */
  readonly losses: readonly (readonly (number | undefined)[])[];
  /** Highest loss measured. */
  readonly highest: number;
}

function gridOf(points: readonly GridPoint[]): Grid {
  const rates = distinct(points.map((point) => point.lr));
  const batches = distinct(points.map((point) => point.B));
  const byKey = new Map(points.map((point) => [`${point.lr}|${point.B}`, point.loss]));
  return {
    rates,
    batches,
    losses: rates.map((rate) => batches.map((batch) => byKey.get(`${rate}|${batch}`))),
    highest: points.reduce((most, point) => Math.max(most, point.loss), -Infinity),
  };
}

function gapAt(grid: Grid, bowl: Bowl, lr: number, B: number): SettingsGap {
  const rate = clamp(lr, grid.rates);
  const batch = clamp(B, grid.batches);
  const outside = rate !== lr || batch !== B;
  const least = bowl.parameters.loss!.value;
  const near = bowlLoss(bowl.surface!, rate, batch);
  if (near <= (1 + bowl.window) * least) return { gap: near / least - 1, atLeast: outside, from: 'surface', lr: rate, B: batch };
  const { loss, hole } = interpolated(grid, rate, batch);
  return { gap: Math.max(0, loss / least - 1), atLeast: outside || hole, from: 'grid', lr: rate, B: batch };
}

/** Bilinear in (log η, log B) over the four grid points around. A point without a finished run counts as the highest loss measured. */
function interpolated(grid: Grid, lr: number, B: number): { loss: number; hole: boolean } {
  const [i, u] = place(grid.rates, lr);
  const [j, v] = place(grid.batches, B);
  let loss = 0;
  let hole = false;
  for (const [di, wi] of [
    [0, 1 - u],
    [1, u],
  ] as const)
    // prettier-ignore
    for (const [dj, wj] of [[0, 1 - v], [1, v]] as const) { // prettier-ignore
      const weight = wi * wj;
      if (weight === 0) continue;
      const value = grid.losses[i + di]?.[j + dj];
      hole ||= value === undefined;
      loss += weight * (value ?? grid.highest);
    }
  return { loss, hole };
}

/** Index of the grid value at or below, and how far towards the next (0 … 1, in the logarithm). */
function place(values: readonly number[], value: number): readonly [number, number] {
  let index = 0;
  while (index + 2 < values.length && values[index + 1] <= value) index++;
  return [index, Math.log(value / values[index]) / Math.log(values[index + 1] / values[index])];
}

function clamp(value: number, grid: readonly number[]): number {
  return Math.min(Math.max(value, grid[0]), grid[grid.length - 1]);
}

function between(low: number, high: number): number[] {
  const steps = Math.max(1, Math.ceil(Math.log2(high / low) * STEPS_PER_OCTAVE));
  return Array.from({ length: steps + 1 }, (_, i) => low * (high / low) ** (i / steps));
}
