// The sign test: of pairs, how often the first is the smaller, and how likely chance alone would be so lopsided.

/** What it finds. */
export interface SignTest {
  /** Pairs that are not ties. */
  readonly pairs: number;
  /** Pairs whose first value is the smaller. */
  readonly smaller: number;
  /** Two-sided, at most 1; 1 without pairs. */
  readonly p: number;
}

/** The exact two-sided sign test of paired values (Dixon & Mood, Journal of the American Statistical Association 41, 1946). */
export function signTest(first: readonly number[], second: readonly number[]): SignTest {
  const differences = first.map((value, i) => value - second[i]).filter((difference) => difference !== 0 && !Number.isNaN(difference));
  const pairs = differences.length;
  const smaller = differences.filter((difference) => difference < 0).length;
  const extreme = Math.max(smaller, pairs - smaller);
  let tail = 0;
  let probability = 2 ** -pairs;
  for (let k = 0; k <= pairs; k++) {
    if (k >= extreme) tail += probability;
    probability *= (pairs - k) / (k + 1);
  }
  return { pairs, smaller, p: Math.min(1, 2 * tail) };
}
