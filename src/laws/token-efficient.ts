// The most token-efficient batch of a size. Below it smaller batches cost tokens instead of saving them, and the trade
// of steps for tokens (McCandlish et al., arXiv 1812.06162), in which they always save some, does not hold.

/** One batch of a size. */
export interface BatchOfSize {
  /** Tokens. */
  readonly B: number;
  /** log S at which it reaches a log loss; NaN where it doesn't. */
  readonly logStepsTo: (logLoss: number) => number;
  /** Log losses between which it is known. */
  readonly from: number;
  readonly to: number;
}

/** Losses at which the batches are compared, and how many of those that a batch reaches count: the lowest. */
const LEVELS = 30;
const COMPARED = 9;

/**
 * Positions of the batches that are smaller than the cheapest one at more than half of the losses (the lower ones) that
 * they reach.
 */
export function belowMostEfficient(batches: readonly BatchOfSize[]): Set<number> {
  if (batches.length < 2) return new Set();
  const top = batches.reduce((most, { from }) => Math.max(most, from), -Infinity);
  const bottom = batches.reduce((least, { to }) => Math.min(least, to), Infinity);
  const smaller = batches.map((): boolean[] => []);
  for (let k = 0; k < LEVELS; k++) {
    const level = bottom + ((top - bottom) * (k + 0.5)) / LEVELS;
    const tokens = batches.map(({ B, logStepsTo }) => logStepsTo(level) + Math.log(B));
    const cheapest = tokens.reduce((best, value, i) => (value < (tokens[best] ?? Infinity) ? i : best), -1);
    if (cheapest < 0) continue;
    tokens.forEach((value, i) => {
      if (!Number.isNaN(value) && smaller[i].length < COMPARED) smaller[i].push(batches[i].B < batches[cheapest].B);
    });
  }
  return new Set(batches.flatMap((_, i) => (2 * smaller[i].filter(Boolean).length > smaller[i].length ? [i] : [])));
}
