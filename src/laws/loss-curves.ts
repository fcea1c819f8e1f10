// Loss over compute for each model size of a table, as smooth curves in double logarithms.
import { computeOf } from './budgets.ts';
import type { RunRow } from './fit.ts';
import { curveAt, logCurve } from './log-curve.ts';
import { smoothCurve } from './smooth-curve.ts';

/** log loss as a function of log C between two ends. */
export interface LossCurve {
  readonly from: number;
  readonly to: number;
  /** NaN outside the ends. */
  readonly at: (logC: number) => number;
  /** Standard deviation that the points' own scatter leaves in the curve, averaged along it; 0 where it goes through them. */
  readonly error: number;
}

/** The curves of one model size: one per run where the table names runs, one through all its rows otherwise. */
export interface SizeCurves {
  /** Raw count. */
  readonly N: number;
  readonly curves: readonly LossCurve[];
  /** Whether all its rows are points of named runs, so that the rows of a curve err together. */
  readonly ofRuns: boolean;
  readonly rows: readonly number[];
}

/** Loss over compute for each size, ascending N. Sizes with no curve (one point) come back with none. */
export function curvesBySize(table: readonly RunRow[], rows: readonly number[]): SizeCurves[] {
  const sorted = [...rows].sort((i, j) => table[i].N! - table[j].N! || i - j);
  const groups: number[][] = [];
  for (const row of sorted) {
    const last = groups.at(-1);
    if (last !== undefined && table[row].N! <= table[last[0]].N! * 1.01) last.push(row);
    else groups.push([row]);
  }
  return groups.map((group) => {
    const byRun = new Map<string, number[]>();
    for (const row of group) {
      const key = table[row].run ?? '';
      const known = byRun.get(key);
      if (known === undefined) byRun.set(key, [row]);
      else known.push(row);
    }
    // Runs of one point each (final losses) make a curve together.
    const single = [...byRun.values()].filter((members) => members.length === 1).flat();
    const several = [...byRun.values()].filter((members) => members.length > 1);
    const pairs = (members: readonly number[]) => members.map((row) => [computeOf(table[row]), table[row].loss] as const);
    // The points of a run scatter around its curve, and crossings of two scattered curves are crossings of noise: smoothed.
    const curves = several.flatMap((members): LossCurve[] => {
      const curve = smoothCurve(pairs(members));
      return curve === undefined ? [] : [curve];
    });
    const through = logCurve(pairs(single));
    if (through !== undefined)
      curves.push({ from: through.x[0], to: through.x[through.x.length - 1], at: (x) => curveAt(through, x), error: 0 });
    return {
      N: Math.exp(group.reduce((sum, row) => sum + Math.log(table[row].N!), 0) / group.length),
      curves,
      ofRuns: several.length > 0 && single.length === 0 && group.every((row) => table[row].run !== undefined),
      rows: group,
    };
  });
}

/** The lowest log loss of a size at log C over its curves that reach it; NaN where none does. */
export function lowestAt(size: SizeCurves, logC: number): number {
  let lowest = NaN;
  for (const curve of size.curves) {
    const value = curve.at(logC);
    if (!(value >= lowest)) lowest = value;
  }
  return lowest;
}
