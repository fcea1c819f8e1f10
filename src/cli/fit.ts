// `lab fit LAW FILE`: fits a law to a table of runs and prints the result, as text or as one JSON object.
import type { Fit, LeftOut } from '../laws/fit.ts';
import { shortNumber } from '../laws/sentences.ts';
import { checkOneOf, lawTables } from '../laws/law-tables.ts';
import { readTable, type Table } from '../laws/table.ts';
import { InputError, type Locale } from '../messages/sentence.ts';
import { readFitArguments, USAGE, type FitArguments } from './fit-arguments.ts';
import { lawRunners } from './fit-laws.ts';

/** Where a command writes and reads; text goes out as it is, newlines included. */
export interface CommandStreams {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  readonly readFile: (path: string) => Promise<string>;
}

/** Runs `fit` with the arguments after it; resolves to the exit code: 0 for an answer (a refused fit is one), 1 for bad input. */
export async function fitCommand(args: string[], io: CommandStreams): Promise<number> {
  if (args.includes('--help') || args.includes('-h')) {
    io.out(`${USAGE}\n`);
    return 0;
  }
  // Read before the arguments are known to be good, so that their refusal is in the language asked for.
  const language: Locale = /^--language[= ]?zh$/.test(args.join(' ').match(/--language[= ]\S+/)?.[0] ?? '') ? 'zh' : 'en';
  try {
    const options = readFitArguments(args);
    const runner = lawRunners[options.law];
    const text = await readText(options.file, io);
    const needs = lawTables[options.law];
    const table = readTable(text, { ...needs.table, columns: options.columns, count: options.count });
    checkOneOf(needs, table, options.law);
    const { fit, extra } = runner.fit(table, options, {
      resamples: options.resamples,
      seed: options.seed,
      onProgress: progress(options.law, io),
    });
    const left = leftRows(table, fit);
    io.out(options.json ? `${asJson(table, fit, left, extra, options)}\n` : `${asText(fit, left, extra, options)}\n`);
    return 0;
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    io.err(`${error.sentence[language]}\n`);
    return 1;
  }
}

async function readText(file: string, io: CommandStreams): Promise<string> {
  try {
    return await io.readFile(file);
  } catch (error) {
    const code = error !== null && typeof error === 'object' && 'code' in error ? String(error.code) : '';
    const why =
      code === 'ENOENT'
        ? { en: 'there is no such file', zh: '没有这个文件' }
        : code === 'EISDIR'
          ? { en: 'it is a folder', zh: '它是一个文件夹' }
          : { en: code || String(error), zh: code || String(error) };
    throw new InputError({ en: `${file} can't be read: ${why.en}.`, zh: `无法读取 ${file}：${why.zh}。` });
  }
}

/** A line on standard error at most every two seconds, so that a quick fit stays silent. */
function progress(law: string, io: CommandStreams): (share: number) => void {
  let last = Date.now();
  return (share) => {
    if (Date.now() - last < 2000) return;
    last = Date.now();
    io.err(`${law}: ${Math.round(100 * share)} %\n`);
  };
}

/** Rows left out at reading and by the fit, by their place in the file. */
function leftRows(table: Table, fit: Fit): LeftOut[] {
  return [...table.left, ...fit.left.map(({ row, reason }) => ({ row: table.source[row], reason }))].sort((a, b) => a.row - b.row);
}

function asJson(
  table: Table,
  fit: Fit,
  left: readonly LeftOut[],
  extra: Readonly<Record<string, unknown>>,
  { language }: FitArguments,
): string {
  const { law, status, parameters, objective, message, bootstrap } = fit;
  return JSON.stringify({
    law,
    status,
    parameters,
    objective,
    used: fit.used.map((row) => table.source[row]).sort((a, b) => a - b),
    left: left.map(({ row, reason }) => ({ row, reason: reason[language] })),
    message: message[language],
    ...extra,
    ...(bootstrap === undefined ? {} : { bootstrap }),
  });
}

function asText(fit: Fit, left: readonly LeftOut[], extra: Readonly<Record<string, unknown>>, { language }: FitArguments): string {
  const zh = language === 'zh';
  const lines = [`${fit.law}: ${fit.status}`, fit.message[language]];
  for (const [name, estimate] of Object.entries(fit.parameters)) {
    if (estimate === undefined) continue;
    const interval = Number.isFinite(estimate.low) ? `   95 %: ${shortNumber(estimate.low)} … ${shortNumber(estimate.high)}` : '';
    lines.push(`  ${name.padEnd(8)} ${inColumns(estimate.value, 6).padEnd(14)}${interval}`);
  }
  for (const key of ['cells', 'optima', 'levels'] as const)
    if (Array.isArray(extra[key])) lines.push(...table(extra[key] as Record<string, unknown>[]));
  for (const key of ['plateau', 'vertex'] as const) {
    const other = extra[key] as { status: string; parameters: Fit['parameters'] } | undefined;
    if (other !== undefined) lines.push(`  ${key}: ${other.status} ${inOneLine(other.parameters)}`.trimEnd());
  }
  const { bootstrap, objective } = fit;
  const unit =
    bootstrap === undefined
      ? ''
      : zh
        ? `；${bootstrap.resamples} 次重抽样（${bootstrap.unit}）`
        : `; ${bootstrap.resamples} resamples of ${bootstrap.unit}`;
  lines.push(
    zh
      ? `目标：${objective.name}；使用 ${fit.used.length} 行，舍去 ${left.length} 行${unit}`
      : `objective ${objective.name}; ${fit.used.length} rows used, ${left.length} left out${unit}`,
  );
  const reasons = new Map<string, number[]>();
  for (const { row, reason } of left) reasons.set(reason[language], [...(reasons.get(reason[language]) ?? []), row]);
  for (const [reason, rows] of reasons) lines.push(zh ? `  舍去 ${rows.length} 行：${reason}` : `  ${rows.length} left out: ${reason}`);
  return lines.join('\n');
}

function inOneLine(parameters: Fit['parameters']): string {
  return Object.entries(parameters)
    .flatMap(([name, estimate]) => (estimate === undefined ? [] : [`${name} = ${inColumns(estimate.value)}`]))
    .join(', ');
}

/** A number as short as its digits allow: exponent form from a million up and below a thousandth. */
function inColumns(value: number, digits = 4): string {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e6 || size < 1e-3)) return value.toExponential(digits - 1);
  return String(Number(value.toPrecision(digits)));
}

/** Objects as aligned columns: plain values only. */
function table(objects: readonly Record<string, unknown>[]): string[] {
  const plain = (value: unknown): boolean => value === null || ['number', 'string', 'boolean'].includes(typeof value);
  const names = Object.keys(objects[0] ?? {}).filter((name) => name !== 'message' && objects.every((object) => plain(object[name])));
  const cell = (value: unknown): string => {
    if (typeof value === 'number') return Number.isFinite(value) ? inColumns(value) : '–';
    return typeof value === 'string' || typeof value === 'boolean' ? String(value) : '–';
  };
  const lines = [names, ...objects.map((object) => names.map((name) => cell(object[name])))];
  const widths = names.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  return lines.map((line) => `  ${line.map((text, i) => text.padEnd(widths[i])).join('  ')}`.trimEnd());
}
