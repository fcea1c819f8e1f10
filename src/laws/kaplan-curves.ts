// What of Kaplan's laws is drawn: the line of each law of one axis with the 95 % interval of its height, and the losses that
// it stands for, with the other axis' limit taken away.
import type { Estimate } from './fit.ts';

/** The line at one place: N, D in tokens, or C_min in FLOPs; loss in nats per token. */
export interface KaplanCurvePoint extends Estimate {
  readonly x: number;
}

/** A loss that a law of one axis stands for: the fitted one times what the row's own residual says. */
export interface KaplanDrawnPoint {
  readonly x: number;
  /** Nats per token. */
  readonly loss: number;
  /** log loss − log fitted. */
  readonly residual: number;
  /** Of the table; absent for points of a frontier, which belong to no row alone. */
  readonly row?: number;
}

/** A law of one axis, ready to be drawn. */
export interface KaplanDrawing {
  readonly points: readonly KaplanDrawnPoint[];
  /** Ascending in x. */
  readonly curve: readonly KaplanCurvePoint[];
}

/** Places of a line, and how far it goes beyond the points on either side: a factor. */
const PLACES = 40;
const BEYOND = 1.25;

/**
 * The drawing of a law.
 * @param height of its line at x, nats per token
 * @param at the same with its interval, which may take long: it is asked for few x
 */
export function kaplanDrawing(
  rows: readonly { readonly x: number; readonly residual: number; readonly row?: number }[],
  height: (x: number) => number,
  at: (x: number) => Estimate,
): KaplanDrawing {
  const used = rows.filter(({ x }) => x > 0 && Number.isFinite(x));
  if (used.length === 0) return { points: [], curve: [] };
  const low = used.reduce((least, { x }) => Math.min(least, x), Infinity) / BEYOND;
  const high = used.reduce((most, { x }) => Math.max(most, x), 0) * BEYOND;
  return {
    points: used.map(({ x, residual, ...rest }) => ({ x, loss: height(x) * Math.exp(residual), residual, ...rest })),
    curve: Array.from({ length: PLACES }, (_, i) => {
      const x = low * (high / low) ** (i / (PLACES - 1));
      return { x, ...at(x) };
    }),
  };
}
