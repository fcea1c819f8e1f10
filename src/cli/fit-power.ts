// `lab fit power`: which column is x, and whether the data ask for a floor.
import type { BootstrapOptions } from '../laws/bootstrap.ts';
import { notTied } from '../laws/design.ts';
import type { RunRow } from '../laws/fit.ts';
import { fitPowerLaw, type PowerLawFit, type PowerLawOptions } from '../laws/power-law.ts';
import type { Table } from '../laws/table.ts';
import { InputError } from '../messages/sentence.ts';
import { objectiveNamed, type FitArguments } from './fit-arguments.ts';
import type { LawAnswer } from './fit-laws.ts';

const AXES = ['N', 'D', 'C', 'S'] as const;
type Axis = (typeof AXES)[number];

/** How much better (Akaike's criterion for small samples) a fit with a floor must be before it is preferred. */
const CLEARLY_BETTER = 6;

/** Fits loss over the x asked for, or over the one column that varies. */
export function fitPowerLawTo({ rows }: Table, args: FitArguments, bootstrap: BootstrapOptions): LawAnswer {
  const x = args.x ?? varyingAxis(rows);
  const points = rows.map((row, index) => ({ x: row[x] ?? NaN, y: row.loss, row: index }));
  const options: PowerLawOptions = { objective: objectiveNamed(args.objective ?? 'ls'), bootstrap, names: { x, y: 'loss' } };
  if (args.floor !== undefined) return { fit: fitPowerLaw(points, { ...options, floor: args.floor }), extra: { x, floor: args.floor } };
  const quick = { ...options, objective: objectiveNamed('ls'), bootstrap: { resamples: 0 } };
  const fitted = fitPowerLaw(points, { ...quick, floor: 'fitted' });
  const floor =
    fitted.status === 'converged' && criterion(fitted, 3) < criterion(fitPowerLaw(points, quick), 2) - CLEARLY_BETTER ? 'fitted' : 'none';
  return { fit: fitPowerLaw(points, { ...options, floor }), extra: { x, floor } };
}

/** Akaike's criterion with its correction for few points, of residuals in log loss with one variance. */
function criterion(fit: PowerLawFit, parameters: number): number {
  const count = fit.residuals.length;
  const variance = fit.residuals.reduce((sum, residual) => sum + residual ** 2, 0) / count;
  const free = parameters + 1;
  // Below this the residuals are rounding, and every form that reaches it is exact.
  const rounding = 1e-26;
  const room = count - free - 1;
  return count * Math.log(variance + rounding) + 2 * free + (room > 0 ? (2 * free * (free + 1)) / room : 0);
}

function varyingAxis(rows: readonly RunRow[]): Axis {
  const present = AXES.filter((axis) => rows.some((row) => row[axis] !== undefined));
  const varying = present.filter((axis) => new Set(rows.flatMap((row) => row[axis] ?? [])).size > 1);
  const [first, ...others] = varying.length > 0 ? varying : present;
  const valuesOf = (axis: Axis): number[] => rows.map((row) => row[axis] ?? NaN);
  const free = others.find((axis) => {
    const both = rows.filter((row) => row[first] !== undefined && row[axis] !== undefined);
    return (
      both.length > 2 &&
      notTied(
        both.map((row) => row[first]!),
        both.map((row) => row[axis]!),
        first,
        axis,
      ) === undefined
    );
  });
  if (free !== undefined && valuesOf(free).length > 0) {
    throw new InputError({
      en: `${first} and ${free} both vary in this table; say which is x with --x ${first} or --x ${free}, and pass rows in which the other is constant or large.`,
      zh: `表中 ${first} 与 ${free} 都在变化；请用 --x ${first} 或 --x ${free} 指定 x，并只保留另一个不变（或足够大）的行。`,
    });
  }
  return first;
}
