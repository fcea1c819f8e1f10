// The arguments of `lab fit`: read, checked, and refused in one sentence.
import { parseArgs } from 'node:util';
import { InputError, type Locale } from '../messages/sentence.ts';
import type { CriticalBatchConstants } from '../laws/critical-batch-forms.ts';
import { CHINCHILLA_DELTA, type Objective } from '../laws/huber.ts';
import { LAW_NAMES, type LawName } from '../laws/law-tables.ts';
import { readColumns } from '../laws/table-columns.ts';
import type { TableColumn } from '../laws/table.ts';

/** Laws that can minimise any objective; the others are fitted by least squares and refuse to be told otherwise. */
const LAWS_WITH_OBJECTIVE: readonly LawName[] = ['chinchilla', 'kaplan', 'three-term', 'power'];

/** What `lab fit` was asked to do. */
export interface FitArguments {
  readonly law: LawName;
  readonly file: string;
  readonly json: boolean;
  readonly columns: Readonly<Partial<Record<TableColumn, string>>>;
  /** Undefined: the law's own default. */
  readonly objective: 'huber' | 'lad' | 'ls' | undefined;
  readonly resamples: number;
  readonly seed: number;
  /** `power`: the column that is x; undefined: the one that varies. */
  readonly x: 'N' | 'D' | 'C' | 'S' | undefined;
  /** `power`: no floor, a fitted one, a given one; undefined: a fitted one where the data ask for it. */
  readonly floor: 'none' | 'fitted' | number | undefined;
  /** `step-law`; undefined: the plateau where the grid resolves it, else the vertex. */
  readonly method: 'plateau' | 'vertex' | undefined;
  readonly keepEdges: boolean;
  /** `kaplan`: constants of B_crit(L), or none; undefined: those published. */
  readonly criticalBatch: CriticalBatchConstants | 'none' | undefined;
  /** Which count of our own JSON Lines is N. */
  readonly count: string;
  readonly language: Locale;
}

export const USAGE = `Usage: npm run -s lab -- fit LAW FILE [options]

LAW   ${LAW_NAMES.join(' | ')}
FILE  a table of runs: comma- or tab-separated with a header line, or JSON Lines of this lab.
      Columns: N, D, C, S, lr, B (tokens), loss (nats per token), seed, run.

--json                    one JSON object on standard output; rows count from 0 under the header
--columns N=params,...    names of the table's own columns
--objective huber|lad|ls  what is minimised (${LAWS_WITH_OBJECTIVE.join(', ')};
                          the other laws are fitted by least squares, ls)
--bootstrap 1000          resamples; 0 for none
--seed 0                  seed of the resamples
--x N|D|C|S               power: the column that is x
--floor none|fitted|2.1   power: the irreducible term
--method plateau|vertex   step-law: the published recipe, or through the vertices of bowls
                          (default: the recipe where the grid resolves its plateaus)
--keep-edges              step-law: keep cells whose optimum is at the edge of their grid
--critical-batch 2e8,0.21  kaplan: B_* (tokens) and alpha_B of B_crit(L) = B_* / L^(1/alpha_B) behind S_min and C_min;
                          none to take S and C as they are (default: as published for WebText2,
                          Kaplan et al. 2020, section 5.1)
--count nonEmbedding      which count of this lab's own runs is N: nonEmbedding or total
--language en|zh          language of messages`;

/** Reads the arguments after `fit`. Throws InputError. */
export function readFitArguments(args: readonly string[]): FitArguments {
  const { values, positionals } = parse(args);
  const mappings = [...(values.columns ?? []), ...positionals.slice(2).filter((text) => text.includes('='))];
  const extra = positionals.slice(2).filter((text) => !text.includes('='));
  const [law, file] = positionals;
  if (law === undefined || !LAW_NAMES.includes(law as LawName)) {
    throw new InputError({
      en: `${law === undefined ? 'No law was named' : `There is no law "${law}"`}; choose one of ${LAW_NAMES.join(', ')}.`,
      zh: `${law === undefined ? '没有指定定律' : `没有名为“${law}”的定律`}；请从 ${LAW_NAMES.join('、')} 中选择。`,
    });
  }
  if (file === undefined) throw new InputError({ en: `No file was named: fit ${law} FILE.csv`, zh: `没有指定文件：fit ${law} FILE.csv` });
  if (extra.length > 0) throw new InputError({ en: `"${extra[0]}" is one argument too many.`, zh: `多余的参数“${extra[0]}”。` });
  return {
    law: law as LawName,
    file,
    json: values.json ?? false,
    columns: readColumns(mappings),
    objective: readObjective(law as LawName, values.objective),
    resamples: wholeNumber('bootstrap', values.bootstrap ?? '1000', 0, 100_000),
    seed: wholeNumber('seed', values.seed ?? '0', 0, 2 ** 32 - 1),
    x: oneOf('x', values.x, ['N', 'D', 'C', 'S']),
    floor: readFloor(values.floor),
    method: oneOf('method', values.method, ['plateau', 'vertex']),
    keepEdges: values['keep-edges'] ?? false,
    criticalBatch: readCriticalBatch(values['critical-batch']),
    count: values.count ?? 'nonEmbedding',
    language: oneOf('language', values.language, ['en', 'zh']) ?? 'en',
  };
}

/** The objective of a name; Huber's δ is Chinchilla's. */
export function objectiveNamed(name: 'huber' | 'lad' | 'ls'): Objective {
  return name === 'huber' ? { name, delta: CHINCHILLA_DELTA } : { name };
}

const OPTIONS = {
  json: { type: 'boolean' },
  columns: { type: 'string', multiple: true },
  objective: { type: 'string' },
  bootstrap: { type: 'string' },
  seed: { type: 'string' },
  x: { type: 'string' },
  floor: { type: 'string' },
  method: { type: 'string' },
  'keep-edges': { type: 'boolean' },
  'critical-batch': { type: 'string' },
  count: { type: 'string' },
  language: { type: 'string' },
} as const;

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: joinNegatives(args), options: OPTIONS, allowPositionals: true, strict: true });
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new InputError({ en: `${why.replace(/\.? To specify.*$|\.$/, '')}. See --help.`, zh: `参数有误：${why}。请看 --help。` });
  }
}

/** `--floor -1` as `--floor=-1`, so that a negative number is refused as a number and not as an unknown option. */
function joinNegatives(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    if (/^-[\d.]/.test(arg) && before !== undefined && /^--[a-z]+$/.test(before)) joined[joined.length - 1] = `${before}=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

function oneOf<T extends string>(option: string, value: string | undefined, choices: readonly T[]): T | undefined {
  if (value === undefined || choices.includes(value as T)) return value as T | undefined;
  throw new InputError({
    en: `--${option} is ${choices.join(', ')}, not "${value}".`,
    zh: `--${option} 只能是 ${choices.join('、')}，不能是“${value}”。`,
  });
}

function readObjective(law: LawName, value: string | undefined): FitArguments['objective'] {
  const objective = oneOf('objective', value, ['huber', 'lad', 'ls']);
  if (objective === undefined || objective === 'ls' || LAWS_WITH_OBJECTIVE.includes(law)) return objective;
  throw new InputError({
    en: `${law} is fitted by least squares only, so --objective ${objective} does not apply; leave it out, or use it with ${LAWS_WITH_OBJECTIVE.join(', ')}.`,
    zh: `${law} 只用最小二乘拟合，--objective ${objective} 不适用；请去掉它，或用于 ${LAWS_WITH_OBJECTIVE.join('、')}。`,
  });
}

function wholeNumber(option: string, value: string, least: number, most: number): number {
  const number = value.trim() === '' ? NaN : Number(value);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new InputError({
    en: `--${option} is a whole number from ${least} to ${most}, not "${value}".`,
    zh: `--${option} 是 ${least} 到 ${most} 的整数，不能是“${value}”。`,
  });
}

function readFloor(value: string | undefined): FitArguments['floor'] {
  if (value === undefined || value === 'none' || value === 'fitted') return value;
  const number = Number(value);
  if (value.trim() !== '' && Number.isFinite(number) && number >= 0) return number;
  throw new InputError({
    en: `--floor is none, fitted, or a number that is not negative, not "${value}".`,
    zh: `--floor 只能是 none、fitted 或非负数，不能是“${value}”。`,
  });
}

function readCriticalBatch(value: string | undefined): FitArguments['criticalBatch'] {
  if (value === undefined || value === 'none') return value;
  const [batch, alpha, ...more] = value.split(',').map((text) => (text.trim() === '' ? NaN : Number(text)));
  if (more.length === 0 && batch > 0 && alpha > 0 && Number.isFinite(batch) && Number.isFinite(alpha)) return { batch, alpha };
  throw new InputError({
    en: `--critical-batch is none, or B_* in tokens and alpha_B as two positive numbers such as 2e8,0.21, not "${value}".`,
    zh: `--critical-batch 只能是 none，或两个正数 B_*（词元）与 alpha_B，例如 2e8,0.21，不能是“${value}”。`,
  });
}
