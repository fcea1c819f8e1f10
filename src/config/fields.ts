// Builders of schema entries. One entry carries everything the lab needs to know about a setting: its type and range
// (valibot), its default, and its unit, label and form control (metadata), so that nothing is declared twice.
import * as v from 'valibot';
import type { Sentence } from '../messages/sentence.ts';

/** What a form, a table head or an axis needs to know about a setting. */
export interface FieldInfo {
  readonly label: Sentence;
  readonly group: 'model' | 'data' | 'training' | 'optimizer';
  /** Unit in the words of the field: `tokens`, `sequences`, `layers`, … Empty for pure numbers. */
  readonly unit: string;
  readonly control: 'number' | 'integer' | 'choice' | 'switch' | 'text';
  readonly minimum?: number;
  readonly maximum?: number;
  readonly choices?: readonly string[];
  /** Values spread over decades: axes of charts and sliders are logarithmic. */
  readonly logarithmic?: boolean;
}

type About = Omit<FieldInfo, 'control' | 'choices' | 'minimum' | 'maximum'>;

/** A finite number in [minimum, maximum]. */
export function number(info: About, fallback: number, minimum: number, maximum: number) {
  return v.optional(
    v.pipe(
      v.number(),
      v.finite(),
      v.minValue(minimum),
      v.maxValue(maximum),
      v.metadata({ field: { ...info, control: 'number', minimum, maximum } satisfies FieldInfo }),
    ),
    fallback,
  );
}

/** A whole number in [minimum, maximum]. */
export function integer(info: About, fallback: number, minimum: number, maximum: number) {
  return v.optional(
    v.pipe(
      v.number(),
      v.safeInteger(),
      v.minValue(minimum),
      v.maxValue(maximum),
      v.metadata({ field: { ...info, control: 'integer', minimum, maximum } satisfies FieldInfo }),
    ),
    fallback,
  );
}

/** One of a closed list of words. */
export function choice<const Options extends readonly string[]>(info: About, options: Options, fallback: Options[number]) {
  return v.optional(
    v.pipe(v.picklist(options), v.metadata({ field: { ...info, control: 'choice', choices: options } satisfies FieldInfo })),
    fallback as never,
  );
}

/** On or off. */
export function toggle(info: About, fallback: boolean) {
  return v.optional(v.pipe(v.boolean(), v.metadata({ field: { ...info, control: 'switch' } satisfies FieldInfo })), fallback);
}

/** A short text (1 to 200 characters). */
export function text(info: About, fallback: string) {
  return v.optional(
    v.pipe(v.string(), v.minLength(1), v.maxLength(200), v.metadata({ field: { ...info, control: 'text' } satisfies FieldInfo })),
    fallback,
  );
}
