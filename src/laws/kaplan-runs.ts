// Which rows of a table each of Kaplan's laws is about: the ends of runs for L(N), L(D) and L(N, D), every point of a
// curve after its start for L(N, S_min) and L(C_min), with S_min and C_min of each point by its own loss.
import { computeOf } from './budgets.ts';
import { criticalBatch, minimumCompute, minimumSteps, type CriticalBatchConstants } from './critical-batch-forms.ts';
import type { LeftOut, RunRow } from './fit.ts';
import { kaplanSentence } from './kaplan-sentences.ts';
import { tuningOf } from './kaplan-tuned.ts';
import { usableRows } from './usable-rows.ts';

/** One usable row; what the table does not have is NaN. */
export interface KaplanPoint {
  readonly row: number;
  readonly N: number;
  /** Tokens seen, or of the data set where runs repeat it. */
  readonly D: number;
  readonly loss: number;
  /** S/(1 + B_crit(L)/B); S itself where the table has no batch. */
  readonly Smin: number;
  /** C/(1 + B/B_crit(L)) in FLOPs; C itself where the table has no batch. */
  readonly Cmin: number;
  /** Whether the point is after the start of its curve, or its run is a single point. */
  readonly settled: boolean;
}

/** The points of one run, ascending in steps; the last is its end. Runs at a learning rate that is not the best are not among them. */
export interface KaplanRun {
  readonly points: readonly KaplanPoint[];
  /** Whether its batch is the best of those at its N and D: the one that L(N), L(D) and L(N, D) are about. */
  readonly bestBatch: boolean;
  /** Whether a larger batch is better at its N and D: then S_min says nothing about it. */
  readonly smallBatch: boolean;
}

/** The runs of a table in a fixed order, whatever the order of its rows. */
export interface KaplanRuns {
  readonly runs: readonly KaplanRun[];
  readonly left: readonly LeftOut[];
  /** Whether any row's steps or FLOPs were corrected for its batch. */
  readonly corrected: boolean;
}

/** A run of at least this many points is a curve, whose start is left out. */
const POINTS_OF_A_CURVE = 5;

/**
 * Sorts a table into runs.
 * @param critical constants of B_crit(L), or undefined to take S and C as S_min and C_min
 * @param start share of a curve's steps that belong to its start
 */
export function kaplanRuns(table: readonly RunRow[], critical: CriticalBatchConstants | undefined, start: number): KaplanRuns {
  const { used, left } = usableRows(table, []);
  const place = (row: number): number => stepsOf(table[row]) || tokensOf(table[row]) || computeOf(table[row]) || 0;
  const groups = groupRuns(table, used);
  for (const rows of groups) rows.sort((a, b) => place(a) - place(b) || table[b].loss - table[a].loss || a - b);
  const tuning = tuningOf(
    groups.map((rows) => {
      const end = table[rows[rows.length - 1]];
      return { ...tunedPlace(end), D: tokensOf(end), loss: end.loss };
    }),
    table.filter((row) => row.status === 'diverged').map(tunedPlace),
  );
  let corrected = false;
  const more: LeftOut[] = [];
  const runs = groups.flatMap((rows, k): KaplanRun[] => {
    const { reason, bestBatch, smallBatch } = tuning[k];
    if (reason !== undefined) {
      for (const row of rows) more.push({ row, reason });
      return [];
    }
    const from = rows.length >= POINTS_OF_A_CURVE ? start * place(rows[rows.length - 1]) : 0;
    const points = rows.map((row): KaplanPoint => {
      const { N = NaN, loss } = table[row];
      const batch = batchOf(table[row]);
      const steps = stepsOf(table[row]);
      const compute = positive(table[row].C) ?? 6 * N * tokensOf(table[row]);
      const correct = critical !== undefined && batch > 0;
      const at = correct ? criticalBatch(critical, loss) : NaN;
      corrected ||= correct && (steps > 0 || compute > 0);
      const settled = place(row) >= from;
      if (!settled) more.push({ row, reason: kaplanSentence.startOfCurve(start) });
      return {
        row,
        N: positive(N) ?? NaN,
        D: tokensOf(table[row]),
        loss,
        Smin: correct ? minimumSteps(steps, batch, at) : steps,
        Cmin: correct ? minimumCompute(compute, batch, at) : compute,
        settled,
      };
    });
    return [{ points, bestBatch, smallBatch }];
  });
  runs.sort((a, b) => comparePoints(endOf(a), endOf(b)));
  return { runs, left: [...left, ...more], corrected };
}

/** The last point of a run. */
export function endOf(run: KaplanRun): KaplanPoint {
  return run.points[run.points.length - 1];
}

/**
 * For each size, the points that got furthest: those within 5 % of the size's largest `extent` (D, or S_min), so that
 * replicates stand side by side. With no extent at all, every point.
 */
export function furthest(
  points: readonly KaplanPoint[],
  of: (point: KaplanPoint) => number,
  extent: (point: KaplanPoint) => number,
): boolean[] {
  const order = points.map((_, i) => i).sort((i, j) => of(points[i]) - of(points[j]));
  const result = new Array<boolean>(points.length).fill(false);
  let start = 0;
  for (let end = 1; end <= order.length; end++) {
    if (end < order.length && of(points[order[end]]) <= of(points[order[start]]) * (1 + SAME_VALUE)) continue;
    let most = 0;
    for (let k = start; k < end; k++) most = Math.max(most, extent(points[order[k]]) || 0);
    for (let k = start; k < end; k++) result[order[k]] = !(extent(points[order[k]]) < most * (1 - SAME_EXTENT));
    start = end;
  }
  return result;
}

/** N (or D) this close are one. */
const SAME_VALUE = 0.01;

/** Extents this close to the largest count as the largest. */
const SAME_EXTENT = 0.05;

/** Whether values agree within what counts as the same extent. */
export function sameExtent(values: readonly number[]): boolean {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return !(low < high * (1 - SAME_EXTENT));
}

/** Rows by the run they name; a row without one is a run of its own. */
function groupRuns(table: readonly RunRow[], rows: readonly number[]): number[][] {
  const named = new Map<string, number[]>();
  const single: number[][] = [];
  for (const row of rows) {
    const { run } = table[row];
    const group = run === undefined ? undefined : named.get(run);
    if (group !== undefined) group.push(row);
    else if (run === undefined) single.push([row]);
    else named.set(run, [row]);
  }
  return [...named.values(), ...single];
}

function tunedPlace(row: RunRow): { N: number; B: number; lr: number | undefined } {
  return { N: row.N ?? 0, B: batchOf(row), lr: row.lr };
}

function batchOf(row: RunRow): number {
  return positive(row.B) ?? tokensOf(row) / stepsOf(row);
}

function tokensOf({ D, B, S }: RunRow): number {
  return positive(D) ?? (positive(B) ?? NaN) * (positive(S) ?? NaN);
}

function stepsOf({ D, B, S }: RunRow): number {
  return positive(S) ?? (positive(D) ?? NaN) / (positive(B) ?? NaN);
}

function positive(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 && Number.isFinite(value) ? value : undefined;
}

/** By place and loss; a number that a point does not have counts as zero. */
function comparePoints(a: KaplanPoint, b: KaplanPoint): number {
  const order = (first: number, second: number): number => (first || 0) - (second || 0);
  return order(a.N, b.N) || order(a.D, b.D) || order(a.Smin, b.Smin) || order(a.Cmin, b.Cmin) || a.loss - b.loss || a.row - b.row;
}
