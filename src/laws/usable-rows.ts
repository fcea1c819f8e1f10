// Which rows of a table a law can use: the columns it needs must be positive numbers, and the run must have finished.
import { whyUnusable } from './cells.ts';
import type { LeftOut, RunRow } from './fit.ts';
import { sentences } from './sentences.ts';

/** Numeric columns of a table, besides the loss. */
export type Column = 'N' | 'D' | 'C' | 'S' | 'lr' | 'B';

/** Indices of the rows with a usable loss and a positive finite number in every one of `columns`, and the others with their reason. */
export function usableRows(table: readonly RunRow[], columns: readonly Column[]): { used: number[]; left: LeftOut[] } {
  const used: number[] = [];
  const left: LeftOut[] = [];
  table.forEach((row, index) => {
    const reason = whyUnusable(row) ?? columns.map((column) => whyNot(row, column)).find((found) => found !== undefined);
    if (reason === undefined) used.push(index);
    else left.push({ row: index, reason });
  });
  return { used, left };
}

/** Number of groups that positive values fall into when a group reaches up to `tolerance` (relative) above its smallest. */
export function distinctValues(values: readonly number[], tolerance = 0.01): number {
  const sorted = [...values].sort((a, b) => a - b);
  let count = 0;
  let smallest = 0;
  for (const value of sorted) {
    if (value <= smallest * (1 + tolerance)) continue;
    count++;
    smallest = value;
  }
  return count;
}

/** The columns that no row has at all: what a person must add before anything can be fitted. */
export function absentColumns(table: readonly RunRow[], columns: readonly Column[]): Column[] {
  return columns.filter((column) => table.every((row) => row[column] === undefined));
}

function whyNot(row: RunRow, column: Column): LeftOut['reason'] | undefined {
  const value = row[column];
  if (value === undefined || Number.isNaN(value)) return sentences.missing(column);
  return value > 0 && Number.isFinite(value) ? undefined : sentences.notPositive(column);
}
