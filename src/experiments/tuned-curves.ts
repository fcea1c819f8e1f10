// Loss curves at the best learning rate of each size and batch, as one valley over all of them gives it: what an
// extrapolation to another size and batch is made from.
import type { DesignProblem } from '../laws/design.ts';
import type { RunRow } from '../laws/fit.ts';
import { fitRateValley, valleyExcess, valleyRate, type RateValley } from '../laws/rate-valley.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { TunedCell } from './tuning.ts';

/**
 * A held-out loss before this share of a run is still the doing of the warm-up and of the first steps. Held-out losses are
 * taken at halvings of a run: those at the end, at a half and at a quarter remain.
 */
export const FIRST_SHARE = 0.2;

/** The best rate may lie this far beyond the last one tried: the valley's curvature is known from all the others. */
const BEYOND_OCTAVES = 0.5;

/** A size and batch with what the valley says of its learning rates. */
export interface ValleyCell extends TunedCell {
  /** Best learning rate by the valley; undefined where there is no valley. */
  readonly rate: number | undefined;
  /** Ids of the runs that its curve is the mean of. */
  readonly runs: readonly string[];
}

/** Cells, curves at the best learning rate, and single runs brought to it. */
export interface TunedCurves {
  readonly cells: readonly ValleyCell[];
  readonly valley: RateValley | DesignProblem;
  /** Points of curves, one curve a cell; `run` names the cell. Cells whose best rate lies beyond those tried are absent. */
  readonly rows: readonly RunRow[];
  /** The end of every single run of those cells. */
  readonly singles: readonly RunRow[];
}

/** Whether a valley was found. */
export function isValley(valley: RateValley | DesignProblem): valley is RateValley {
  return !('status' in valley);
}

/**
 * @param cells of the table
 * @param rows the table
 * @param records one for each row
 */
export function tunedCurves(cells: readonly TunedCell[], rows: readonly RunRow[], records: readonly RunRecord[]): TunedCurves {
  const runs = cells.flatMap((cell) =>
    cell.rows.flatMap((row) =>
      rows[row].status === 'done' ? [{ row, cell: keyOf(cell), N: cell.N, B: cell.B, lr: rows[row].lr!, loss: rows[row].loss }] : [],
    ),
  );
  const valley = fitRateValley(runs);
  if (!isValley(valley)) return { cells: cells.map((cell) => ({ ...cell, rate: undefined, runs: [] })), valley, rows: [], singles: [] };
  const fitted = valley.used.map((index) => runs[index]);
  const placed = cells.map((cell) => {
    const rate = valleyRate(valley, cell.N, cell.B).value;
    const members = fitted.filter((run) => run.cell === keyOf(cell));
    return { ...cell, rate, edge: edgeOf(rate, cell.tried), members };
  });
  const kept = placed.filter(({ edge, members }) => edge === undefined && members.length > 0);
  return {
    cells: placed.map(({ members, ...cell }) => ({ ...cell, runs: members.map(({ row }) => records[row].id) })),
    valley,
    rows: kept.flatMap(({ N, B, members }) =>
      meanCurve(members, records, valley).map((point) => ({ ...point, N, B, run: keyOf({ N, B }) })),
    ),
    singles: kept.flatMap(({ N, B, D, S, members }) =>
      members.map((member) => ({ N, B, D, S, loss: atBestRate(member.loss, member, valley), run: records[member.row].id })),
    ),
  };
}

interface Member {
  readonly row: number;
  readonly N: number;
  readonly B: number;
  readonly lr: number;
}

/** Geometric mean, over the runs of a cell, of held-out losses brought to the best learning rate. */
function meanCurve(
  members: readonly Member[],
  records: readonly RunRecord[],
  valley: RateValley,
): { S: number; D: number; loss: number }[] {
  const [first, ...others] = members.map(
    ({ row }) => new Map(records[row].validation.map(([step, tokens, loss]) => [step, { tokens, loss }])),
  );
  const { S } = records[members[0].row];
  return [...first].flatMap(([step, { tokens }]) => {
    // Runs of one cell are as long as each other, so all were held against the held-out text at the same steps.
    if (step < FIRST_SHARE * S || others.some((other) => !other.has(step))) return [];
    const logs = members.map((member, index) =>
      Math.log(atBestRate((index === 0 ? first : others[index - 1]).get(step)!.loss, member, valley)),
    );
    return [{ S: step, D: tokens, loss: Math.exp(logs.reduce((sum, value) => sum + value, 0) / logs.length) }];
  });
}

function atBestRate(loss: number, run: Member, valley: RateValley): number {
  return loss * Math.exp(-valleyExcess(valley, run));
}

function edgeOf(rate: number, tried: readonly number[]): TunedCell['edge'] {
  const beyond = 2 ** BEYOND_OCTAVES;
  return rate < tried[0] / beyond ? 'low' : rate > tried[tried.length - 1] * beyond ? 'high' : undefined;
}

function keyOf({ N, B }: { readonly N: number; readonly B: number }): string {
  return `${N} ${B}`;
}
