// A table of runs from outside: which column is N, D, lr, …, every number checked, every row that can't be used left
// out with its reason. Takes separated text, and the JSON Lines that this lab itself writes.
import type { LeftOut, RunRow } from './fit.ts';
import { InputError, type Sentence } from '../messages/sentence.ts';
import { readTextTable, type Field, type TextTable } from './table-text.ts';

/** The columns a fit can use. `B` in tokens, `loss` in nats per token. */
export const TABLE_COLUMNS = ['N', 'D', 'C', 'S', 'lr', 'B', 'loss', 'seed', 'run'] as const;
export type TableColumn = (typeof TABLE_COLUMNS)[number];

/** How a table is to be read. */
export interface TableOptions {
  /** Names of the table's own columns, for example { N: 'params', loss: 'val' }; others go by their own name, in any case. */
  readonly columns?: Readonly<Partial<Record<TableColumn, string>>>;
  /** Columns the fit can't do without, besides `loss`. */
  readonly required?: readonly TableColumn[];
  /** Which count of our own JSON Lines is N. Default nonEmbedding. */
  readonly count?: string;
  /** Our own JSON Lines: one row per point of each run's curve (S and D are those of the point) instead of one per run. Default false. */
  readonly curves?: boolean;
  /** A loss of NaN or infinity makes a diverged run, kept as part of the grid, rather than a row left out. Default false. */
  readonly keepDiverged?: boolean;
}

/** The rows of a table that can be used. */
export interface Table {
  /** Usable rows. */
  readonly rows: readonly RunRow[];
  /** For each of `rows`, its index among the table's data rows, from 0. */
  readonly source: readonly number[];
  /** Rows left out at reading; `row` counts data rows from 0. */
  readonly left: readonly LeftOut[];
  /** Column names of the table as they are. */
  readonly columns: readonly string[];
  /** Which of the lab's columns the table has. */
  readonly has: readonly TableColumn[];
}

/** Reads a table of runs. Throws InputError for text that is no table, a missing column, or a number no run can have. */
export function readTable(text: string, options: TableOptions = {}): Table {
  const raw = readTextTable(text);
  const { table, losses } = raw.json ? fromOurRuns(raw, options) : { table: raw, losses: undefined };
  const position = new Map<TableColumn, number>();
  for (const column of TABLE_COLUMNS) {
    const at = locate(table.columns, column, options.columns?.[column] ?? (column === 'loss' ? losses : undefined));
    if (at !== undefined) position.set(column, at);
  }
  const derivable = (column: TableColumn): boolean => {
    const parts: Partial<Record<TableColumn, readonly TableColumn[]>> = { D: ['B', 'S'], B: ['D', 'S'], S: ['D', 'B'] };
    return parts[column]?.every((part) => position.has(part)) ?? false;
  };
  const required: readonly TableColumn[] = ['loss', ...(options.required ?? [])];
  const missing = required.filter((column) => !position.has(column) && !derivable(column));
  if (missing.length > 0) throw missingColumns(missing, table.columns);

  const statusAt = table.columns.indexOf('status');
  const rows: RunRow[] = [];
  const source: number[] = [];
  const left: LeftOut[] = [];
  table.records.forEach((record, index) => {
    const row = readRow(record, index, position, statusAt, required, options.keepDiverged === true);
    if ('reason' in row) left.push({ row: index, reason: row.reason });
    else {
      rows.push(row.run);
      source.push(index);
    }
  });
  return { rows, source, left, columns: table.columns, has: TABLE_COLUMNS.filter((column) => position.has(column) || derivable(column)) };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function readRow(
  record: readonly Field[],
  index: number,
  position: ReadonlyMap<TableColumn, number>,
  statusAt: number,
  required: readonly TableColumn[],
  keepDiverged: boolean,
): { run: RunRow } | { reason: Sentence } {
  const run: Partial<Mutable<RunRow>> = {};
  let diverged = statusAt >= 0 && record[statusAt] === 'diverged';
  if (statusAt >= 0 && record[statusAt] === 'failed') return { reason: { en: 'the run failed', zh: '该训练失败' } };
  for (const [column, at] of position) {
    const field = record[at];
    if (column === 'run') {
      if (typeof field === 'string' || typeof field === 'number') run.run = String(field);
      continue;
    }
    const value = numberOf(field);
    if (column === 'loss' && (diverged || (keepDiverged && value !== undefined && !Number.isFinite(value)))) {
      diverged = true;
      continue;
    }
    if (value === undefined || !Number.isFinite(value)) {
      if (required.includes(column)) return { reason: notANumber(column, field) };
      continue;
    }
    // A seed may be any number; everything else counts or measures something. Step 0 of a curve is no error, only no use.
    if (column !== 'seed' && value <= 0) {
      if (column === 'loss') throw notPositive(value, index);
      if (required.includes(column) || value < 0) return { reason: notANumber(column, field, true) };
      continue;
    }
    run[column] = value;
  }
  if (diverged) {
    if (!keepDiverged) return { reason: { en: 'the run diverged', zh: '该训练发散' } };
    run.status = 'diverged';
    run.loss = NaN;
  }
  if (run.D === undefined && run.B !== undefined && run.S !== undefined) run.D = run.B * run.S;
  if (run.B === undefined && run.D !== undefined && run.S !== undefined) run.B = run.D / run.S;
  if (run.S === undefined && run.D !== undefined && run.B !== undefined) run.S = run.D / run.B;
  return { run: run as RunRow };
}

/** A finite number, NaN or ±Infinity as written, or undefined for an empty or unreadable field. */
function numberOf(field: Field): number | undefined {
  if (typeof field === 'number') return field;
  if (typeof field !== 'string') return undefined;
  const text = field.trim();
  if (text === '') return undefined;
  if (/^nan$/i.test(text)) return NaN;
  const infinite = /^([+-]?)inf(inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === '-' ? -Infinity : Infinity;
  // Number() would also take 0x10 and 1_0; a table holds decimal numbers.
  return /^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

function locate(columns: readonly string[], column: TableColumn, named: string | undefined): number | undefined {
  if (named !== undefined) {
    const at = columns.indexOf(named);
    if (at < 0) throw missingColumns([named], columns);
    return at;
  }
  const exact = columns.indexOf(column);
  if (exact >= 0) return exact;
  const loose = columns.flatMap((name, at) => (name.toLowerCase() === column.toLowerCase() ? [at] : []));
  return loose.length === 1 ? loose[0] : undefined;
}

/**
 * Our own runs as flat columns: N by the count asked for, the seed out of the config, the validation loss as the loss.
 * Flat JSON objects from elsewhere pass through unchanged.
 */
function fromOurRuns(raw: TextTable, options: TableOptions): { table: TextTable; losses: string | undefined } {
  const at = (name: string): number => raw.columns.indexOf(name);
  if (at('finalLoss') < 0 || at('N') < 0) return { table: raw, losses: undefined };
  const count = options.count ?? 'nonEmbedding';
  const curveAt = at('curve');
  const columns = [
    ...raw.columns.filter((name) => name !== 'curve' && name !== 'N' && name !== 'config'),
    'N',
    'seed',
    'run',
    ...(options.curves === true ? ['loss'] : []),
  ];
  const records = raw.records.flatMap((record): Field[][] => {
    const own = (value: unknown, key: string): unknown =>
      value !== null && typeof value === 'object' && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
    const N = record[at('N')];
    const derived: Readonly<Record<string, Field>> = {
      N: typeof N === 'number' ? N : own(N, count),
      seed: own(record[at('config')], 'seed'),
      run: record[at('id')],
    };
    const field = (name: string): Field => (Object.hasOwn(derived, name) ? derived[name] : record[at(name)]);
    if (options.curves !== true) return [columns.map(field)];
    const curve = curveAt >= 0 && Array.isArray(record[curveAt]) ? (record[curveAt] as unknown[]) : [];
    return curve.flatMap((point): Field[][] => {
      if (!Array.isArray(point)) return [];
      const [S, D, loss] = point as unknown[];
      // A run's FLOPs are those of its end; each token costs the same.
      const [whole, tokens] = [record[at('C')], record[at('D')]];
      const C = typeof whole === 'number' && typeof tokens === 'number' && typeof D === 'number' ? (whole * D) / tokens : null;
      const values: Readonly<Record<string, Field>> = { S, D, loss, ...(at('C') >= 0 ? { C } : {}) };
      return [columns.map((name) => (Object.hasOwn(values, name) ? values[name] : field(name)))];
    });
  });
  return { table: { columns, records, json: true }, losses: options.curves === true ? 'loss' : 'finalLoss' };
}

function missingColumns(missing: readonly string[], columns: readonly string[]): InputError {
  const shown = columns.length > 20 ? [...columns.slice(0, 20), '…'] : columns;
  return new InputError({
    en: `The table has no column ${missing.join(', ')}; it has ${shown.join(', ')}. Name the right one (--columns on the command line), for example ${missing[0]}=${columns[0] ?? 'name'}.`,
    zh: `表中没有列 ${missing.join('、')}；现有列为 ${shown.join('、')}。请指定（命令行用 --columns），例如 ${missing[0]}=${columns[0] ?? 'name'}。`,
  });
}

function notPositive(loss: number, index: number): InputError {
  return new InputError({
    en: `Row ${index + 1} has a loss of ${loss}; a loss is positive (nats per token).`,
    zh: `第 ${index + 1} 行的损失为 ${loss}；损失必须为正数（每词元的奈特数）。`,
  });
}

function notANumber(column: TableColumn, field: Field, isNumber = false): Sentence {
  const shown =
    field === undefined || field === null || field === ''
      ? undefined
      : String(typeof field === 'object' ? JSON.stringify(field) : (field as string | number)).slice(0, 40);
  return shown === undefined
    ? { en: `${column} is empty`, zh: `${column} 为空` }
    : {
        en: `${column} is "${shown}", not a ${isNumber ? 'positive ' : ''}number`,
        zh: `${column} 为“${shown}”，不是${isNumber ? '正数' : '数字'}`,
      };
}
