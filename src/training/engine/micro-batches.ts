// Which runs train in one executor, and in what micro-batches. Lanes of an executor share a micro-batch; a run whose
// batch is m of them updates every m-th time.

/**
 * What a micro-step costs, in any unit of time: `step` once for all lanes, `lane` for each lane whatever its rows
 * (gradients stored and added up, launches that lanes do not share), `row` for each token of each lane.
 */
export interface MicroStepCost {
  readonly step: number;
  readonly lane: number;
  readonly row: number;
}

/** How micro-batches are chosen on a device. */
export interface MicroBatchRule {
  readonly cost: MicroStepCost;
  /** Tokens in one micro-batch, at most (a micro-batch of one sequence is always allowed). */
  readonly mostRows: number;
  /** Share of the time that must be saved for runs to be split into more groups: together they keep the sweep's order. */
  readonly worth: number;
}

/** Runs that train together: places in the list of batches, and the sequences of their micro-batch. */
export interface MicroBatchGroup {
  readonly sequences: number;
  readonly members: readonly number[];
}

/** Candidate micro-batches beyond this many are thinned out: all sets of them are tried. */
const MOST_CANDIDATES = 12;

/**
 * Splits runs of one model and one number of training tokens D into groups that share a micro-batch, so that the time
 * Σ over groups of D/(b·context) · (step + lanes·(lane + b·context·row)) is least, or as good as (`worth`) in fewer groups.
 * A group's micro-batch b divides the batch of each of its runs, which therefore are trained exactly.
 * Where steps cost little beside rows (lanes one after another on a CPU), each batch takes its own largest divisor under
 * the limit; where launches cost most (lanes side by side on a GPU), many batches share one micro-batch.
 * @param batches sequences in the batch of each run, whole, at least 1
 * @returns groups, largest micro-batch first; every run in exactly one
 */
export function microBatchGroups(
  batches: readonly number[],
  context: number,
  { cost, mostRows, worth }: MicroBatchRule,
): MicroBatchGroup[] {
  const most = Math.max(1, Math.floor(mostRows / context));
  const counts = new Map<number, number>();
  for (const batch of batches) counts.set(batch, (counts.get(batch) ?? 0) + 1);
  const distinct = [...counts.keys()];
  const candidates = thinned(candidatesFor(distinct, most));

  const ways: { readonly time: number; readonly groups: number; readonly chosen: Map<number, number> }[] = [];
  for (let set = 1; set < 2 ** candidates.length; set++) {
    const sizes = candidates.filter((_, i) => (set >> i) & 1);
    const chosen = assign(distinct, sizes);
    if (chosen) ways.push({ time: timeOf(chosen, counts, context, cost), groups: sizes.length, chosen });
  }
  const least = Math.min(...ways.map(({ time }) => time));
  const good = ways.filter(({ time }) => time * (1 - worth) <= least);
  const { chosen } = good.reduce((a, b) => (b.groups < a.groups || (b.groups === a.groups && b.time < a.time) ? b : a));
  const groups = new Map<number, number[]>();
  batches.forEach((batch, index) => {
    const sequences = chosen.get(batch)!;
    const members = groups.get(sequences);
    if (members === undefined) groups.set(sequences, [index]);
    else members.push(index);
  });
  return [...groups].map(([sequences, members]) => ({ sequences, members })).sort((a, b) => b.sequences - a.sequences);
}

/** Micro-batches worth trying: each batch's largest divisor within the limit, and the common divisors of those. */
function candidatesFor(batches: readonly number[], most: number): number[] {
  const found = new Set(batches.map((batch) => largestDivisor(batch, most)));
  for (const a of [...found]) for (const b of [...found]) found.add(greatestCommonDivisor(a, b));
  found.add([...found].reduce(greatestCommonDivisor));
  return [...found].sort((a, b) => b - a);
}

/** The list cut to a length whose subsets can all be tried; the last one, which divides all batches, stays. */
function thinned(candidates: readonly number[]): number[] {
  if (candidates.length <= MOST_CANDIDATES) return [...candidates];
  return Array.from({ length: MOST_CANDIDATES }, (_, i) => candidates[Math.round((i * (candidates.length - 1)) / (MOST_CANDIDATES - 1))]);
}

/** For each batch the largest of `sizes` (decreasing) that divides it; undefined when some batch has none, or some size no batch. */
function assign(batches: readonly number[], sizes: readonly number[]): Map<number, number> | undefined {
  const chosen = new Map<number, number>();
  for (const batch of batches) {
    const size = sizes.find((candidate) => batch % candidate === 0);
    if (size === undefined) return undefined;
    chosen.set(batch, size);
  }
  return new Set(chosen.values()).size === sizes.length ? chosen : undefined;
}

/** Time per training token of all groups together. */
function timeOf(chosen: ReadonlyMap<number, number>, counts: ReadonlyMap<number, number>, context: number, cost: MicroStepCost): number {
  const lanes = new Map<number, number>();
  for (const [batch, sequences] of chosen) lanes.set(sequences, (lanes.get(sequences) ?? 0) + counts.get(batch)!);
  let time = 0;
  for (const [sequences, count] of lanes) {
    const rows = sequences * context;
    time += (cost.step + count * (cost.lane + rows * cost.row)) / rows;
  }
  return time;
}

/** The largest whole number that divides `batch` and is at most `most`. */
export function largestDivisor(batch: number, most: number): number {
  for (let divisor = Math.min(batch, most); divisor > 1; divisor--) if (batch % divisor === 0) return divisor;
  return 1;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
