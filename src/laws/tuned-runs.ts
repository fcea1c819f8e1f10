// Tuning the learning rate out: of the runs at one (N, D, B), the lowest loss over learning rates, provided that it
// is not at the end of those tried. The lowest of several noisy losses lies below their common mean by about the noise
// of one seed: a small shift of E, the same for all points, that exponents do not feel.
import type { LeftOut, RunRow } from './fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { distinct } from './bowl-window.ts';
import { gridPoints, groupCells } from './cells.ts';
import { sentences } from './sentences.ts';

/** The best run (mean of its seeds) at one (N, D, B). */
export interface TunedRun {
  readonly N: number;
  /** Tokens. */
  readonly D: number;
  /** Batch, tokens. */
  readonly B: number;
  /** Nats per token, mean over seeds. */
  readonly loss: number;
  /** Its learning rate; undefined where the table has none and each row is taken as tuned. */
  readonly lr: number | undefined;
  readonly rows: readonly number[];
}

const reasons = {
  higher: { en: 'another learning rate gives a lower loss at this N, D and B', zh: '在此 N、D、B 下另一学习率的损失更低' },
  edge: {
    en: 'the lowest loss at this N, D and B is at the end of the learning rates tried; run learning rates beyond it',
    zh: '在此 N、D、B 下最低损失落在所试学习率的一端；请训练更外侧的学习率',
  },
  fewRates: {
    en: 'fewer than three learning rates at this N, D and B, so the best one is not known to be inside; run more',
    zh: '在此 N、D、B 下学习率不足三个，无法确认最优值在内部；请补充学习率',
  },
} as const satisfies Record<string, Sentence>;

/**
 * One tuned run for each (N, D, B) of a table, ascending. Without a learning-rate column every row (mean over
 * replicates) counts as tuned. Rows without N, D or B are left out; `S` stands in for B as D/S where B is absent.
 */
export function tunedRuns(table: readonly RunRow[]): { tuned: TunedRun[]; left: LeftOut[] } {
  const tuned: TunedRun[] = [];
  const left: LeftOut[] = [];
  const withBatch = table.map((row) => (row.B === undefined && row.S! > 0 && row.D! > 0 ? { ...row, B: row.D! / row.S! } : row));
  for (const cell of groupCells(withBatch)) {
    const absent = (['N', 'D'] as const).find((axis) => !(cell[axis]! > 0));
    if (absent !== undefined) {
      for (const row of cell.rows)
        left.push({ row, reason: withBatch[row][absent] === undefined ? sentences.missing(absent) : sentences.notPositive(absent) });
      continue;
    }
    const { points, left: unusable } = gridPoints(withBatch, cell.rows);
    left.push(...unusable);
    const batches = new Map<number, typeof points>();
    for (const point of points) {
      if (point.B === undefined) for (const row of point.rows) left.push({ row, reason: sentences.missing('B') });
      else batches.set(point.B, [...(batches.get(point.B) ?? []), point]);
    }
    for (const [B, group] of [...batches].sort(([a], [b]) => a - b)) {
      const best = group.reduce((lowest, point) => (point.loss < lowest.loss ? point : lowest));
      // Diverged runs bound the learning rates tried as well as finished ones.
      const tried = distinct(cell.rows.filter((row) => withBatch[row].B === B).map((row) => withBatch[row].lr));
      const reason =
        tried.length === 0
          ? undefined
          : tried.length < 3
            ? reasons.fewRates
            : best.lr === tried[0] || best.lr === tried.at(-1)
              ? reasons.edge
              : undefined;
      if (reason === undefined) tuned.push({ N: cell.N!, D: cell.D!, B, loss: best.loss, lr: best.lr, rows: best.rows });
      for (const point of group) {
        if (reason === undefined && point === best) continue;
        for (const row of point.rows) left.push({ row, reason: reason ?? reasons.higher });
      }
    }
  }
  left.sort((a, b) => a.row - b.row);
  return { tuned, left };
}
