// Sorting a table of runs into cells of one (N, D), and the runs of a cell into grid points of one (learning rate, batch).
import type { LeftOut, RunRow } from './fit.ts';
import { sentences } from './sentences.ts';

/** Rows of one model size and one number of tokens. `N` and `D` are undefined where the table has no such column. */
export interface Cell {
  readonly N: number | undefined;
  /** Median over the cell: D may differ by rounding to whole steps. */
  readonly D: number | undefined;
  /** Indices into the table. */
  readonly rows: readonly number[];
}

/** Replicates of one (learning rate, batch) in a cell. An axis the table lacks is undefined. */
export interface GridPoint {
  readonly lr: number | undefined;
  readonly B: number | undefined;
  /** Mean over replicates, nats per token. */
  readonly loss: number;
  /** Each replicate's loss, in the order of `rows`. */
  readonly losses: readonly number[];
  readonly rows: readonly number[];
}

/** Values of D closer than this ratio belong to one cell: runs end on a whole step, so D varies by up to a batch. */
const SAME_TOKENS = 1.01;

/** Cells in ascending N, then D. Every row of the table is in exactly one. */
export function groupCells(table: readonly RunRow[]): Cell[] {
  const bySize = new Map<number | undefined, number[]>();
  table.forEach((row, index) => {
    const group = bySize.get(row.N);
    if (group === undefined) bySize.set(row.N, [index]);
    else group.push(index);
  });
  const cells: Cell[] = [];
  for (const [N, indices] of bySize) {
    const unknown = indices.filter((index) => table[index].D === undefined);
    if (unknown.length > 0) cells.push({ N, D: undefined, rows: unknown });
    const known = indices.filter((index) => table[index].D !== undefined).sort((a, b) => table[a].D! - table[b].D! || a - b);
    let start = 0;
    for (let end = 1; end <= known.length; end++) {
      if (end < known.length && table[known[end]].D! < table[known[start]].D! * SAME_TOKENS) continue;
      const rows = known.slice(start, end);
      cells.push({ N, D: table[rows[rows.length >> 1]].D, rows: rows.sort((a, b) => a - b) });
      start = end;
    }
  }
  return cells.sort((a, b) => (a.N ?? -1) - (b.N ?? -1) || (a.D ?? -1) - (b.D ?? -1));
}

/** The reason why a row's loss can't be used by any fit, or undefined. */
export function whyUnusable(row: RunRow): LeftOut['reason'] | undefined {
  if (row.status === 'diverged') return sentences.diverged;
  if (row.status === 'failed') return sentences.failed;
  return row.loss > 0 && Number.isFinite(row.loss) ? undefined : sentences.notPositive('loss');
}

/** Usable rows of a cell as grid points (replicates together), and the rows left out. */
export function gridPoints(table: readonly RunRow[], rows: readonly number[]): { points: GridPoint[]; left: LeftOut[] } {
  const left: LeftOut[] = [];
  const byPoint = new Map<string, number[]>();
  for (const index of rows) {
    const row = table[index];
    const reason = whyUnusable(row) ?? whyNotPositive(row);
    if (reason !== undefined) {
      left.push({ row: index, reason });
      continue;
    }
    const key = `${row.lr}|${row.B}`;
    const group = byPoint.get(key);
    if (group === undefined) byPoint.set(key, [index]);
    else group.push(index);
  }
  const points = [...byPoint.values()].map((group) => {
    group.sort((a, b) => table[a].loss - table[b].loss || a - b);
    const losses = group.map((index) => table[index].loss);
    return {
      lr: table[group[0]].lr,
      B: table[group[0]].B,
      loss: losses.reduce((sum, loss) => sum + loss, 0) / losses.length,
      losses,
      rows: group,
    };
  });
  // A fixed order, so that a bootstrap's seed means the same whatever order the table came in.
  points.sort((a, b) => (a.lr ?? 0) - (b.lr ?? 0) || (a.B ?? 0) - (b.B ?? 0));
  return { points, left };
}

function whyNotPositive(row: RunRow): LeftOut['reason'] | undefined {
  if (row.lr !== undefined && !(row.lr > 0)) return sentences.notPositive('learning rate');
  if (row.B !== undefined && !(row.B > 0)) return sentences.notPositive('batch');
  return undefined;
}
