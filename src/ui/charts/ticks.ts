// Where a logarithmic axis has its marks, so that small ranges are not left without a label and large ones not crowded.
import { count, significant } from '../format.ts';

/** A mark of an axis. */
export interface Tick {
  readonly value: number;
  readonly label: string;
}

/** Powers of two within [low, high], thinned to at most `most`. */
export function powersOfTwo(low: number, high: number, most: number, label: (value: number) => string): Tick[] {
  const first = Math.ceil(Math.log2(low) - 1e-9);
  const last = Math.floor(Math.log2(high) + 1e-9);
  const every = Math.max(1, Math.ceil((last - first + 1) / most));
  const ticks: Tick[] = [];
  for (let exponent = first; exponent <= last; exponent += every) ticks.push({ value: 2 ** exponent, label: label(2 ** exponent) });
  return ticks;
}

/** Marks of a decimal logarithmic axis within [low, high]: decades, or 1-2-5, or even steps where the range is small. */
export function decimals(low: number, high: number, most: number): Tick[] {
  const steps = [[1], [1, 3], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7]];
  const within = (mantissas: readonly number[]): number[] => {
    const values: number[] = [];
    for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.ceil(Math.log10(high)); exponent++)
      for (const mantissa of mantissas) {
        const value = mantissa * 10 ** exponent;
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) values.push(value);
      }
    return values;
  };
  const candidates = steps.map(within).filter((values) => values.length <= most);
  let best = candidates.reduce<number[]>((longest, values) => (values.length > longest.length ? values : longest), []);
  if (best.length < 3) best = evenly(low, high, most);
  if (best.length > most) best = best.filter((_, i) => i % Math.ceil(best.length / most) === 0);
  return best.map((value) => ({ value, label: value >= 1e12 ? significant(value, 2) : value >= 1000 ? count(value) : significant(value, 4) }));
}

/** Round values at even steps (1, 2 or 5 times a power of ten) within [low, high]. */
export function evenly(low: number, high: number, most: number): number[] {
  const rough = (high - low) / Math.max(1, most - 1);
  if (!(rough > 0) || !Number.isFinite(rough)) return [low];
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = magnitude * ([1, 2, 5, 10].find((factor) => factor * magnitude >= rough) ?? 10);
  const values: number[] = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) values.push(Number((i * step).toPrecision(12)));
  return values;
}

/** Marks of a linear axis within [low, high]. */
export function linearTicks(low: number, high: number, most: number): Tick[] {
  const values = evenly(low, high, most);
  const digits = Math.max(0, -Math.floor(Math.log10(Math.abs(values.length > 1 ? values[1] - values[0] : 1)) + 1e-9));
  return values.map((value) => ({
    value,
    label: Math.abs(value) >= 10_000 ? count(value) : value.toFixed(Math.min(8, digits)).replace('-', '−'),
  }));
}
