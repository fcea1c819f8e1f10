// What each law reads from a table: columns it cannot do without, whether runs come as curves, whether diverged runs are
// part of the grid.
import { InputError } from '../messages/sentence.ts';
import type { Table, TableColumn, TableOptions } from './table.ts';

/** How a law reads a table. */
export interface LawTable {
  readonly table: Pick<TableOptions, 'required' | 'curves' | 'keepDiverged'>;
  /** Columns of which at least one must be there, besides those required. */
  readonly oneOf?: readonly TableColumn[];
}

/** Laws that a table can be fitted by. */
export const LAW_NAMES = [
  'bowl',
  'step-law',
  'three-term',
  'power',
  'kaplan',
  'chinchilla',
  'isoflop',
  'envelope',
  'critical-batch',
  'trajectory',
] as const;
export type LawName = (typeof LAW_NAMES)[number];

/** By law. */
export const lawTables: Readonly<Record<LawName, LawTable>> = {
  bowl: { table: { keepDiverged: true }, oneOf: ['lr', 'B'] },
  'step-law': { table: { required: ['N', 'D'], keepDiverged: true }, oneOf: ['lr', 'B'] },
  'three-term': { table: { required: ['N', 'D', 'B'], keepDiverged: true } },
  power: { table: {}, oneOf: ['N', 'D', 'C', 'S'] },
  kaplan: { table: { curves: true, keepDiverged: true }, oneOf: ['N', 'D', 'C'] },
  chinchilla: { table: { required: ['N', 'D'] } },
  isoflop: { table: { required: ['N'] }, oneOf: ['C', 'D'] },
  envelope: { table: { required: ['N'], curves: true }, oneOf: ['C', 'D'] },
  'critical-batch': { table: { required: ['B', 'S'], curves: true, keepDiverged: true } },
  trajectory: { table: { required: ['N', 'B', 'S'], curves: true, keepDiverged: true } },
};

/** @throws InputError when a table has none of the columns of which a law needs one */
export function checkOneOf({ oneOf }: LawTable, table: Table, law: LawName): void {
  if (oneOf === undefined || oneOf.some((column) => table.has.includes(column))) return;
  throw new InputError({
    en: `The table has none of the columns ${oneOf.join(', ')}, of which ${law} needs one; it has ${table.columns.join(', ')}. Name one (--columns on the command line), for example ${oneOf[0]}=${table.columns[0]}.`,
    zh: `表中没有 ${oneOf.join('、')} 中的任何一列，而 ${law} 至少需要其中一列；现有列为 ${table.columns.join('、')}。请指定（命令行用 --columns），例如 ${oneOf[0]}=${table.columns[0]}。`,
  });
}
