// Sorting the rows of a table into loss curves: one per run where runs are named, otherwise one through all rows of
// the same size, batch, learning rate and seed (final losses of runs of different length make a curve together).
import type { LeftOut, RunRow } from './fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { usableRows, type Column } from './usable-rows.ts';

/** Rows of one loss curve, ascending S. */
export interface RunCurve {
  /** Parameters, raw count; undefined where the table has none. */
  readonly N: number | undefined;
  /** Batch, tokens. */
  readonly B: number;
  readonly lr: number | undefined;
  /** Whether its rows are points of one run (else: final losses of several). */
  readonly oneRun: boolean;
  readonly rows: readonly number[];
  /** log steps and log loss, one per row. */
  readonly logS: Float64Array;
  readonly logLoss: Float64Array;
}

/** Curves of a table, ascending N, B, lr. */
export interface RunCurves {
  readonly curves: readonly RunCurve[];
  readonly left: readonly LeftOut[];
  /** Learning rates tried at one (N, B), ascending, of runs that diverged too. */
  readonly ratesTried: (N: number | undefined, B: number) => readonly number[];
}

/** Batches of one run or one grid point may differ by rounding to whole sequences. */
const SAME_BATCH = 1.005;

/**
 * Curves through the usable rows: those with a loss, B and S (S = D/B, B = D/S where one is absent), and N if asked for.
 * @param warmup share of each named run's steps, from its start, that is left out
 */
export function runCurves(table: readonly RunRow[], options: { warmup: number; withN: boolean }): RunCurves {
  const complete = table.map(withStepsAndBatch);
  const columns: Column[] = options.withN ? ['N', 'B', 'S'] : ['B', 'S'];
  const { used, left } = usableRows(complete, columns);
  const leftOut: LeftOut[] = [...left];
  const runSizes = new Map<string, number>();
  for (const row of used) {
    const { run } = complete[row];
    if (run !== undefined) runSizes.set(run, (runSizes.get(run) ?? 0) + 1);
  }
  const batchOf = snapped(used.map((row) => complete[row].B!));
  const groups = new Map<string, number[]>();
  for (const row of used) {
    const { run, N, B, lr, seed } = complete[row];
    const named = run !== undefined && runSizes.get(run)! > 1;
    const key = named ? `run ${run}` : `cell ${N} ${batchOf(B!)} ${lr} ${seed}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [row]);
    else group.push(row);
  }
  const curves: RunCurve[] = [];
  for (const [key, members] of groups) {
    const oneRun = key.startsWith('run ');
    members.sort((i, j) => complete[i].S! - complete[j].S! || complete[i].loss - complete[j].loss || i - j);
    const least = oneRun ? options.warmup * complete[members[members.length - 1]].S! : 0;
    const rows = members.filter((row) => {
      const past = complete[row].S! >= least;
      if (!past) leftOut.push({ row, reason: warmUp(options.warmup) });
      return past;
    });
    const first = complete[rows[0]];
    curves.push({
      N: first.N !== undefined && first.N > 0 ? first.N : undefined,
      B: batchOf(first.B!),
      lr: first.lr,
      oneRun,
      rows,
      logS: Float64Array.from(rows, (row) => Math.log(complete[row].S!)),
      logLoss: Float64Array.from(rows, (row) => Math.log(complete[row].loss)),
    });
  }
  curves.sort(byPlace);
  const tried = new Map<string, Set<number>>();
  for (const { N, B, lr } of complete) {
    if (!(B! > 0) || lr === undefined) continue;
    const key = `${N} ${batchOf(B!)}`;
    const rates = tried.get(key) ?? new Set<number>();
    tried.set(key, rates.add(lr));
  }
  return {
    curves,
    left: leftOut,
    ratesTried: (N, B) => [...(tried.get(`${N} ${B}`) ?? [])].sort((a, b) => a - b),
  };
}

/** Consecutive groups of curves that agree in `key`. */
export function groupBy<T, K>(items: readonly T[], key: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const of = key(item);
    const group = groups.get(of);
    if (group === undefined) groups.set(of, [item]);
    else group.push(item);
  }
  return groups;
}

function withStepsAndBatch(row: RunRow): RunRow {
  const B = row.B ?? (row.D !== undefined && row.S !== undefined ? row.D / row.S : undefined);
  const S = row.S ?? (row.D !== undefined && row.B !== undefined ? row.D / row.B : undefined);
  return { ...row, ...(B === undefined ? {} : { B }), ...(S === undefined ? {} : { S }) };
}

/** Maps a batch to the smallest of those within rounding of it. */
function snapped(batches: readonly number[]): (B: number) => number {
  const sorted = [...new Set(batches)].sort((a, b) => a - b);
  const to = new Map<number, number>();
  let smallest = NaN;
  for (const batch of sorted) {
    if (!(batch <= smallest * SAME_BATCH)) smallest = batch;
    to.set(batch, smallest);
  }
  return (B) => to.get(B) ?? B;
}

/** A fixed order whatever the order of the table, so that a bootstrap's seed always means the same. */
function byPlace(a: RunCurve, b: RunCurve): number {
  const last = (curve: RunCurve): number => curve.logLoss[curve.logLoss.length - 1];
  const first = (curve: RunCurve): number => curve.logLoss[0];
  return (
    (a.N ?? 0) - (b.N ?? 0) ||
    a.B - b.B ||
    (a.lr ?? 0) - (b.lr ?? 0) ||
    last(a) - last(b) ||
    first(a) - first(b) ||
    a.rows.length - b.rows.length
  );
}

const warmUp = (share: number): Sentence => ({
  en: `in the first ${Math.round(100 * share)} % of its run, where the learning rate warms up`,
  zh: `位于该训练的前 ${Math.round(100 * share)} %，学习率仍在预热`,
});
