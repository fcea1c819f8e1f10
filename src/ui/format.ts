// Numbers as people read them: SI prefixes for counts, powers of two for learning rates that are one, whole units of
// time. Nothing here depends on the language but the words for units, which callers pass or add.
import { superscript } from '../laws/sentences.ts';

/** A number to `digits` significant figures without exponent notation between 1e-4 and 1e6, else as 1.2 × 10⁻⁵. */
export function significant(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : value > 0 ? '∞' : '−∞';
  if (value === 0) return '0';
  const exponent = Math.floor(Math.log10(Math.abs(value)));
  if (exponent >= -4 && exponent < 6) return String(Number(value.toPrecision(digits))).replace('-', '−');
  const [mantissa, power] = value.toExponential(digits - 1).split('e');
  return `${String(Number(mantissa)).replace('-', '−')} × 10${superscript(Number(power))}`;
}

const PREFIXES = ['', ' k', ' M', ' G', ' T', ' P'];

/** A count with an SI prefix: 409600 → "410 k", 1234 → "1.23 k", 64 → "64". */
export function count(value: number): string {
  if (!Number.isFinite(value)) return '–';
  let power = 0;
  let scaled = value;
  while (Math.abs(scaled) >= 999.5 && power < PREFIXES.length - 1) {
    scaled /= 1000;
    power++;
  }
  const text = power === 0 ? String(Math.round(scaled * 100) / 100) : String(Number(scaled.toPrecision(3)));
  return text + PREFIXES[power];
}

/** A large number as 1.2 × 10¹³. */
export function powerOfTen(value: number): string {
  if (!Number.isFinite(value) || value === 0) return significant(value);
  const [mantissa, power] = value.toExponential(1).split('e');
  return `${mantissa} × 10${superscript(Number(power))}`;
}

/** Seconds as "8 s", "3 min 20 s", "1 h 05 min" or "2 d 3 h". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return '–';
  if (seconds < 1) return '< 1 s';
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
  const hours = Math.round(seconds / 3600);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** A learning rate: as 2⁻⁷ when it is a whole power of two, else to three figures. */
export function learningRate(value: number): string {
  const exponent = Math.log2(value);
  return Math.abs(exponent - Math.round(exponent)) < 1e-6 ? `2${superscript(Math.round(exponent))}` : significant(value);
}

/** A loss in nats per token: three decimals. */
export function loss(value: number | null | undefined): string {
  return value === null || value === undefined || !Number.isFinite(value) ? '–' : value.toFixed(3);
}

/** A share as a percentage: 0.0025 → "0.25 %". */
export function percent(share: number): string {
  return `${String(Number((100 * share).toPrecision(3)))} %`;
}
