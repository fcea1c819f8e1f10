// The schema of a sweep: grids over any setting of a run. A sweep is JSON that can be pasted, dropped or linked.
import * as v from 'valibot';
import { InputError } from '../messages/sentence.ts';
import { fingerprint, ownData, parseRun, runId, sentenceOf } from './parse.ts';
import { runFields, type RunConfig, type RunField, type RunInput } from './run.ts';

/** The most runs one sweep may hold. */
export const MAXIMUM_RUNS = 50_000;

// Not v.record, which silently drops keys such as "constructor"; expandSweep checks every key by name.
const settings = v.custom<Record<string, unknown>>(
  (input) => typeof input === 'object' && input !== null && !Array.isArray(input),
  'must be an object',
);

const grid = v.strictObject({
  /** Settings that all runs of this grid share, over the sweep's base. */
  set: v.optional(settings, {}),
  /** Values per setting; the grid is their product. */
  axes: v.optional(
    v.pipe(
      settings,
      v.check(
        (axes) => Object.values(axes).every((values) => Array.isArray(values) && values.length > 0),
        'must hold a list with at least one value for each setting',
      ),
    ),
    {},
  ),
});

/** Schema of a sweep: the union of its grids over one base run. */
export const sweepSchema = v.strictObject({
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  /** Id of the experiment whose analysis reads the sweep. */
  experiment: v.optional(v.pipe(v.string(), v.maxLength(100))),
  base: v.optional(settings, {}),
  grids: v.pipe(v.array(grid), v.minLength(1), v.maxLength(1000)),
});

/** Values for some settings of a run. */
export type Axes = { readonly [Field in RunField]?: readonly NonNullable<RunInput[Field]>[] };

/** One product of axes over the sweep's base. */
export interface Grid {
  readonly set?: RunInput;
  readonly axes?: Axes;
}

/** Axes over a base config; expands to runs. */
export interface SweepConfig {
  readonly name: string;
  readonly experiment?: string;
  readonly base?: RunInput;
  readonly grids: readonly Grid[];
}

/** One run of a sweep. */
export interface SweepRun {
  readonly id: string;
  readonly config: RunConfig;
}

/**
 * A checked sweep from anything. Every run in it is valid.
 * @throws InputError one sentence.
 */
export function parseSweep(input: unknown): SweepConfig {
  const result = v.safeParse(sweepSchema, ownData(input, 'sweep'));
  if (!result.success) throw sentenceOf(result.issues[0], { en: 'This sweep cannot be read', zh: '无法读取此扫描配置' });
  const sweep = result.output as SweepConfig;
  expandSweep(sweep);
  return sweep;
}

/** A checked sweep from JSON text. */
export function parseSweepText(text: string): SweepConfig {
  if (text.length > 2_000_000)
    throw new InputError({
      en: 'A sweep is a short JSON text; this one has over 2,000,000 characters, so it is probably another file.',
      zh: '扫描配置是一段简短的 JSON；这段文本超过 200 万个字符，很可能是别的文件。',
    });
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new InputError({ en: `This is not JSON: ${detail}.`, zh: `这不是 JSON：${detail}。` });
  }
  return parseSweep(data);
}

const ids = new WeakMap<SweepConfig, string>();

/**
 * A sweep's name in the store: sweeps of the same name and the same runs have the same id, however they are written.
 * @throws InputError as {@link expandSweep}
 */
export function sweepId(sweep: SweepConfig): string {
  const known = ids.get(sweep);
  if (known !== undefined) return known;
  const runs = expandSweep(sweep).map((run) => run.id);
  const id = fingerprint({ name: sweep.name, experiment: sweep.experiment ?? '', runs: runs.sort() });
  ids.set(sweep, id);
  return id;
}

/**
 * All runs of a sweep, each once (grids may overlap), in the order of the grids, the last axis fastest.
 * @throws InputError on an unknown setting, a value out of range, or too many runs.
 */
export function expandSweep(sweep: SweepConfig): SweepRun[] {
  const known = new Set<string>(runFields);
  const runs = new Map<string, SweepRun>();
  for (const { set = {}, axes = {} } of sweep.grids) {
    const names = Object.keys(axes);
    for (const name of [...names, ...Object.keys(set), ...Object.keys(sweep.base ?? {})])
      if (!known.has(name))
        throw new InputError({
          en: `This sweep cannot be read: unknown key "${name}"; remove it or check its spelling.`,
          zh: `无法读取此扫描配置：未知的键“${name}”；请删除或检查拼写。`,
        });
    const lists = names.map((name) => axes[name as RunField] as readonly unknown[]);
    const size = lists.reduce((product, list) => product * list.length, 1);
    if (size > MAXIMUM_RUNS || runs.size + size > 2 * MAXIMUM_RUNS)
      throw new InputError({
        en: `This sweep has more than ${MAXIMUM_RUNS} runs; take fewer values per axis.`,
        zh: `此扫描超过 ${MAXIMUM_RUNS} 次训练；请减少各轴的取值。`,
      });
    for (let index = 0; index < size; index++) {
      const values: Record<string, unknown> = {};
      let rest = index;
      for (let axis = names.length - 1; axis >= 0; axis--) {
        values[names[axis]] = lists[axis][rest % lists[axis].length];
        rest = Math.floor(rest / lists[axis].length);
      }
      const config = parseRun({ ...sweep.base, ...set, ...values });
      const id = runId(config);
      if (!runs.has(id)) runs.set(id, { id, config });
    }
  }
  if (runs.size > MAXIMUM_RUNS)
    throw new InputError({
      en: `This sweep has ${runs.size} runs, more than ${MAXIMUM_RUNS}; take fewer values per axis.`,
      zh: `此扫描有 ${runs.size} 次训练，超过 ${MAXIMUM_RUNS}；请减少各轴的取值。`,
    });
  return [...runs.values()];
}
