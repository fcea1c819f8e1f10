// The best learning rate and batch of each (N, D) cell, by the two routes of the Step Law fit: the plateau of runs
// within a threshold of the lowest loss (Step Law's own recipe), or the vertex of the cell's fitted bowl.
import { fitBowl, type BowlOptions } from './bowl.ts';
import { bowlSentence } from './bowl-sentences.ts';
import { distinct, sidesOfPoint, type GridSide } from './bowl-window.ts';
import { groupCells, whyUnusable, type Cell } from './cells.ts';
import type { Estimate, LeftOut, RunRow } from './fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { sentences } from './sentences.ts';
import { stepLawSentence } from './step-law-sentences.ts';
import { studentQuantile } from './statistics.ts';

/** The optimum of one cell, in natural logarithms. */
export interface CellOptimum {
  readonly N: number;
  readonly D: number;
  /** log η; undefined where the cell does not vary the learning rate. */
  readonly logRate: number | undefined;
  /** log B, tokens; undefined where the cell does not vary the batch. */
  readonly logBatch: number | undefined;
  /** Weight of the cell in the regression before its scatter is known: runs on the plateau, or one. */
  readonly weight: number;
  /** Variances of the two from within the cell; undefined for the plateau, which has none. */
  readonly rateVariance: number | undefined;
  readonly batchVariance: number | undefined;
  /** Rows of the table it rests on. */
  readonly rows: readonly number[];
}

/** Optima of a table, and every row that is in none of them, with the reason. */
export interface CellOptima {
  readonly optima: readonly CellOptimum[];
  readonly left: readonly LeftOut[];
  /** Cells kept out because their optimum lies on the edge of the grid, and the sides to extend. */
  readonly atTheEdge: readonly { readonly N: number | undefined; readonly D: number | undefined; readonly edges: readonly GridSide[] }[];
}

/** Options of the plateau. */
export interface PlateauOptions {
  /** Relative to the lowest loss of the cell. */
  readonly threshold: number;
  /** The published recipe keeps cells whose lowest loss is on the edge of their grid; this lab leaves them out. */
  readonly edgeCells: 'left out' | 'kept';
}

/** Every run within the threshold of its cell's lowest loss (Step Law, code/fit_tool.py, query_optimal_lr_bs_data). */
export function plateauOptima(table: readonly RunRow[], { threshold, edgeCells }: PlateauOptions): CellOptima {
  return collect(table, (cell, leave) => {
    const usable = cell.rows.filter((row) => {
      const reason = whyUnusable(table[row]) ?? whyIncomplete(table[row]);
      if (reason !== undefined) leave([row], reason);
      return reason === undefined;
    });
    if (usable.length === 0) return undefined;
    let lowest = usable[0];
    for (const row of usable) if (table[row].loss < table[lowest].loss) lowest = row;
    const extent = { lr: distinct(cell.rows.map((row) => table[row].lr)), B: distinct(cell.rows.map((row) => table[row].B)) };
    if (extent.lr.length < 2 && extent.B.length < 2) {
      leave(usable, stepLawSentence.oneGridPoint);
      return undefined;
    }
    const edges = sidesOfPoint({ lr: table[lowest].lr, B: table[lowest].B }, extent);
    if (edges.length > 0 && edgeCells === 'left out') {
      leave(usable, bowlSentence.atTheEdge(edges));
      return { edges };
    }
    const rows = usable.filter((row) => table[row].loss / table[lowest].loss - 1 < threshold);
    const inside = new Set(rows);
    leave(
      usable.filter((row) => !inside.has(row)),
      bowlSentence.outsideWindow(threshold),
    );
    const meanLog = (key: 'lr' | 'B'): number => rows.reduce((sum, row) => sum + Math.log(table[row][key]!), 0) / rows.length;
    return {
      N: cell.N!,
      D: cell.D!,
      logRate: extent.lr.length > 1 ? meanLog('lr') : undefined,
      logBatch: extent.B.length > 1 ? meanLog('B') : undefined,
      weight: rows.length,
      rateVariance: undefined,
      batchVariance: undefined,
      rows,
    };
  });
}

/** The vertex of each cell's bowl, with its variance from the bowl's own bootstrap. */
export function vertexOptima(table: readonly RunRow[], options: BowlOptions): CellOptima {
  return collect(table, (cell, leave) => {
    const bowl = fitBowl(table, cell, options);
    for (const { row, reason } of bowl.left) leave([row], reason);
    if (bowl.status !== 'converged') {
      leave(bowl.used, bowl.message);
      return bowl.status === 'at the edge' ? { edges: bowl.edges } : undefined;
    }
    const { lr, B } = bowl.parameters;
    return {
      N: cell.N!,
      D: cell.D!,
      logRate: lr === undefined ? undefined : Math.log(lr.value),
      logBatch: B === undefined ? undefined : Math.log(B.value),
      weight: 1,
      rateVariance: lr === undefined ? undefined : logVariance(lr),
      batchVariance: B === undefined ? undefined : logVariance(B),
      rows: bowl.used,
    };
  });
}

/** Variance of the logarithm of an estimate whose interval is about normal in the logarithm. */
function logVariance({ low, high }: Estimate): number | undefined {
  const deviation = Math.log(high / low) / (2 * studentQuantile(0.95, Infinity));
  return Number.isFinite(deviation) ? deviation ** 2 : undefined;
}

type Leave = (rows: readonly number[], reason: Sentence) => void;

function collect(
  table: readonly RunRow[],
  optimumOf: (cell: Cell, leave: Leave) => CellOptimum | { readonly edges: readonly GridSide[] } | undefined,
): CellOptima {
  const optima: CellOptimum[] = [];
  const left: LeftOut[] = [];
  const atTheEdge: { N: number | undefined; D: number | undefined; edges: readonly GridSide[] }[] = [];
  const leave: Leave = (rows, reason) => {
    for (const row of rows) left.push({ row, reason });
  };
  for (const cell of groupCells(table)) {
    if (!(cell.N! > 0) || !(cell.D! > 0)) {
      leave(
        cell.rows,
        cell.N === undefined || cell.D === undefined
          ? sentences.missing(cell.N === undefined ? 'N' : 'D')
          : sentences.notPositive('N or D'),
      );
      continue;
    }
    const optimum = optimumOf(cell, leave);
    if (optimum === undefined) continue;
    if ('edges' in optimum) atTheEdge.push({ N: cell.N, D: cell.D, edges: optimum.edges });
    else optima.push(optimum);
  }
  left.sort((a, b) => a.row - b.row);
  return { optima, left, atTheEdge };
}

function whyIncomplete(row: RunRow): Sentence | undefined {
  if (row.lr !== undefined && !(row.lr > 0)) return sentences.notPositive('learning rate');
  if (row.B !== undefined && !(row.B > 0)) return sentences.notPositive('batch');
  return row.lr === undefined && row.B === undefined ? sentences.missing('learning rate') : undefined;
}
