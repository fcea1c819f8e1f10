// What pictures of laws on tables are made of: axes, the points of a line, rows that a fit used (with residuals) and rows
// that it left out (grey, with the reason).
import type { Estimate, RunRow } from '../laws/fit.ts';
import type { FigureAxis, FigureLine, FigurePoint } from './figure.ts';
import type { SourceFit } from './table-laws.ts';

/** Loss, on a logarithmic scale. */
export const lossAxis: FigureAxis = { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' };
/** The other quantities, on logarithmic scales. */
export const axes = {
  N: { label: { en: 'N (parameters)', zh: 'N（参数）' }, scale: 'log' },
  D: { label: { en: 'D (tokens)', zh: 'D（词元）' }, scale: 'log' },
  C: { label: { en: 'C (FLOPs)', zh: 'C（FLOP）' }, scale: 'log' },
  B: { label: { en: 'batch (tokens)', zh: '批大小（词元）' }, scale: 'log' },
  S: { label: { en: 'optimizer steps', zh: '优化步数' }, scale: 'log' },
} as const satisfies Record<string, FigureAxis>;

/** Points of a line. */
export const LINE_POINTS = 25;
/** Points of one source that a picture holds; of more, an even selection is drawn. */
const MOST_POINTS = 1500;

/** Abscissas of a line over positive `values`, from the least over `beyond` to the most times it; none without values. */
export function logSpaced(values: readonly number[], beyond = 1.25): number[] {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (positive.length === 0) return [];
  const low = positive.reduce((least, value) => Math.min(least, value), Infinity) / beyond;
  const high = positive.reduce((most, value) => Math.max(most, value), 0) * beyond;
  return Array.from({ length: LINE_POINTS }, (_, i) => low * (high / low) ** (i / (LINE_POINTS - 1)));
}

/** An even selection of at most `most` items: by default what a picture can hold. */
export function evenly<Item>(items: readonly Item[], most = MOST_POINTS): readonly Item[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, i) => items[Math.floor((i * items.length) / most)]);
}

/** A point of a line, where the law has one; its band only where both ends are finite. */
export function lineAt(x: number, estimate: Estimate | undefined): FigureLine['points'] {
  if (estimate === undefined || !(estimate.value > 0)) return [];
  const { value, low, high } = estimate;
  return [{ x, y: value, ...(low > 0 && high < Infinity && { low, high }) }];
}

/** The run that a row belongs to, where it says. */
export const runsOf = (row: RunRow): Pick<FigurePoint, 'runs'> => (row.run === undefined ? {} : { runs: [row.run] });

/** Rows that a fit left out, in grey. */
export function leftPoints({ fit, source }: SourceFit, place: (row: RunRow) => { x: number; y: number }): FigurePoint[] {
  return fit.left.flatMap(({ row, reason }): FigurePoint[] => {
    const one = source.rows.at(row);
    if (one === undefined) return [];
    const { x, y } = place(one);
    return x > 0 && y > 0 && Number.isFinite(x) && Number.isFinite(y) ? [{ x, y, leftOut: reason, ...runsOf(one) }] : [];
  });
}

/** Rows that a fit used; residuals are log observed − log fitted, one per used row. */
export function usedPoints({ fit, source }: SourceFit, place: (row: RunRow, fitted: number) => { x: number; y: number }): FigurePoint[] {
  const aligned = fit.residuals.length === fit.used.length;
  return fit.used.map((row, i): FigurePoint => {
    const one = source.rows[row];
    const residual = aligned ? fit.residuals[i] : NaN;
    return {
      ...place(one, one.loss / Math.exp(residual)),
      ...runsOf(one),
      ...(Number.isFinite(residual) && { residual: Math.expm1(residual) }),
    };
  });
}
