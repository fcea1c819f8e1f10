// A sweep while it is being edited in the form: every value as typed. What is left empty takes its default.
import { runFields, type RunField } from '../config/run.ts';
import { parseSweep, type Grid, type SweepConfig } from '../config/sweep.ts';
import { InputError } from '../messages/sentence.ts';
import { parseValue, parseValues, valueText } from './setting-values.ts';

/** An axis as typed. */
export interface DraftAxis {
  field: RunField;
  values: string;
}

/** A grid as typed; `set` is JSON, empty for none. */
export interface DraftGrid {
  set: string;
  axes: DraftAxis[];
}

/** A sweep as typed. */
export interface SweepDraft {
  name: string;
  experiment: string | undefined;
  base: Record<RunField, string>;
  grids: DraftGrid[];
}

/** The form's contents for a sweep. */
export function draftOf(sweep: SweepConfig): SweepDraft {
  const given: Partial<Record<RunField, unknown>> = sweep.base ?? {};
  return {
    name: sweep.name,
    experiment: sweep.experiment,
    base: Object.fromEntries(runFields.map((field) => [field, given[field] === undefined ? '' : valueText(given[field])])) as Record<
      RunField,
      string
    >,
    grids: sweep.grids.map(({ set = {}, axes = {} }) => ({
      set: Object.keys(set).length === 0 ? '' : JSON.stringify(set),
      axes: (Object.keys(axes) as RunField[]).map((field) => ({
        field,
        values: (axes[field] as readonly unknown[]).map(valueText).join(', '),
      })),
    })),
  };
}

/**
 * The sweep that a form holds, checked.
 * @throws InputError the first thing that is wrong, in one sentence
 */
export function sweepOf(draft: SweepDraft): SweepConfig {
  const base: Record<string, unknown> = {};
  for (const field of runFields) if (draft.base[field].trim() !== '') base[field] = parseValue(field, draft.base[field]);
  const grids = draft.grids.map(({ set, axes }): Grid => {
    const values: Record<string, unknown> = {};
    for (const axis of axes) {
      if (Object.hasOwn(values, axis.field))
        throw new InputError({
          en: `The setting "${axis.field}" has two axes in one grid; put their values together.`,
          zh: `同一网格中设置“${axis.field}”有两个轴；请合并它们的取值。`,
        });
      values[axis.field] = parseValues(axis.field, axis.values);
    }
    return { ...(set.trim() === '' ? {} : { set: parseSet(set) }), axes: values };
  });
  return parseSweep({
    name: draft.name.trim(),
    ...(draft.experiment === undefined ? {} : { experiment: draft.experiment }),
    base,
    grids,
  });
}

function parseSet(text: string): Grid['set'] {
  try {
    return JSON.parse(text) as Grid['set'];
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new InputError({ en: `The settings of a grid are not JSON: ${detail}.`, zh: `网格的设置不是 JSON：${detail}。` });
  }
}
