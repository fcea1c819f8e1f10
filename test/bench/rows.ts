// What the bench reports: one row a figure, held against what it should reach.

/** One figure. */
export interface BenchRow {
  readonly name: string;
  readonly value: number;
  /** `×` for a ratio taken side by side in this run, else the unit in full. */
  readonly unit: string;
  /** What is to be reached, as text: `≥ 12`, `≤ 0.3`; empty for figures that are only shown. */
  readonly target: string;
  /** Undefined where there is no target. */
  readonly met: boolean | undefined;
  /** What the figure rests on: times, counts. */
  readonly from: string;
}

/** A row whose value must be at least the target. */
export function atLeast(name: string, value: number, unit: string, target: number, from = ''): BenchRow {
  return { name, value, unit, target: `≥ ${target}`, met: value >= target, from };
}

/** A row whose value must be at most the target. */
export function atMost(name: string, value: number, unit: string, target: number, from = ''): BenchRow {
  return { name, value, unit, target: `≤ ${target}`, met: value <= target, from };
}

/** A row without a target. */
export function shown(name: string, value: number, unit: string, from = ''): BenchRow {
  return { name, value, unit, target: '', met: undefined, from };
}
