// Settings as people type them: "2^-7", "2×16×2", "0.9, 0.99"; and back. Ranges are the schema's business, not this file's.
import { fieldInfo, shapeInfo, type RunField, type Shape } from '../config/run.ts';
import { InputError } from '../messages/sentence.ts';
import { superscript } from '../laws/sentences.ts';

/** A number, also as a power: 0.01, 1e-3, 2^-7, 2^-6.5. */
export function parseNumber(text: string): number {
  const trimmed = text.trim().replace('−', '-');
  const power = /^(\d+(?:\.\d+)?)\^(-?\d+(?:\.\d+)?)$/.exec(trimmed);
  const value = power ? Number(power[1]) ** Number(power[2]) : trimmed === '' ? NaN : Number(trimmed);
  if (!Number.isFinite(value))
    throw new InputError({
      en: `"${text.slice(0, 40)}" is not a number; write it like 0.01, 1e-3 or 2^-7.`,
      zh: `“${text.slice(0, 40)}”不是数；请写成 0.01、1e-3 或 2^-7 的形式。`,
    });
  return value;
}

/** A size written as layers×width×heads, optionally ×MLP ratio; `x` and `*` do as well. */
export function parseShape(text: string): Partial<Shape> {
  const parts = text.trim().split(/[×x*]/);
  if (parts.length !== 3 && parts.length !== 4)
    throw new InputError({
      en: `"${text.slice(0, 40)}" is not a size; write layers×width×heads, like 2×16×2.`,
      zh: `“${text.slice(0, 40)}”不是模型大小；请写成 层数×宽度×头数，如 2×16×2。`,
    });
  const [layers, width, heads, mlpRatio] = parts.map(parseNumber);
  return { layers, width, heads, ...(mlpRatio === undefined ? {} : { mlpRatio }) };
}

/** One value of a setting, as typed. */
export function parseValue(field: RunField, text: string): unknown {
  if (field === 'shape') return parseShape(text);
  switch (fieldInfo(field).control) {
    case 'number':
    case 'integer':
      return parseNumber(text);
    case 'switch': {
      const word = text.trim().toLowerCase();
      if (word === 'true' || word === 'on' || word === '1') return true;
      if (word === 'false' || word === 'off' || word === '0') return false;
      throw new InputError({
        en: `"${text.slice(0, 40)}" is neither true nor false.`,
        zh: `“${text.slice(0, 40)}”既不是 true 也不是 false。`,
      });
    }
    case 'choice':
    case 'text':
      return text.trim();
  }
}

/** Values of an axis, as typed: separated by commas or spaces; names, which hold both, by semicolons or a comma and a space. */
export function parseValues(field: RunField, text: string): unknown[] {
  const control = field === 'shape' ? 'shape' : fieldInfo(field).control;
  const separator = control === 'text' ? /[;；]|[,，]\s+/ : /[,;，；\s]+/;
  const parts = text.split(separator).filter((part) => part.trim() !== '');
  if (parts.length === 0)
    throw new InputError({
      en: 'An axis needs at least one value; write some, or remove the axis.',
      zh: '每个轴至少需要一个取值；请填写或删除该轴。',
    });
  return parts.map((part) => parseValue(field, part));
}

/** A value as {@link parseValue} reads it: exact, powers of two as such. */
export function valueText(value: unknown): string {
  if (typeof value === 'number') {
    const exponent = Math.log2(value);
    if (value > 0 && value < 1 && Number.isInteger(exponent)) return `2^${exponent}`;
    return String(value);
  }
  if (value !== null && typeof value === 'object') {
    const { layers, width, heads, mlpRatio } = value as Partial<Shape>;
    return [layers ?? 2, width ?? 16, heads ?? 2, ...(mlpRatio === undefined || mlpRatio === 4 ? [] : [mlpRatio])].join('×');
  }
  return String(value);
}

/** A shape for reading: "2 layers × 16 wide, 2 heads" is too long for a table, so 2×16×2. */
export function shapeText(shape: Shape): string {
  return valueText(shape);
}

/** A range for a hint: "1 to 24", with powers for the very small and large. */
export function rangeText(field: Exclude<RunField, 'shape'> | { readonly shape: keyof Shape }): string {
  const { minimum, maximum } = typeof field === 'string' ? fieldInfo(field) : shapeInfo(field.shape);
  const one = (value: number): string => {
    if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e6)) {
      const exponent = Math.log10(Math.abs(value));
      if (Number.isInteger(Math.round(exponent * 1e9) / 1e9)) return `10${superscript(Math.round(exponent))}`;
    }
    return String(value);
  };
  return minimum === undefined || maximum === undefined ? '' : `${one(minimum)} – ${one(maximum)}`;
}
