// Kaplan's laws are about runs at their best learning rate, and L(N, D) about the best batch as well. Where a table
// tried several, the lowest loss (mean over seeds) stands for its size and tokens.
import type { Sentence } from '../messages/sentence.ts';

/** The end of a run, as far as tuning goes; what the table does not have is undefined or NaN. */
export interface TuningEnd {
  readonly N: number;
  readonly D: number;
  /** Batch, tokens. */
  readonly B: number;
  readonly lr: number | undefined;
  /** Nats per token. */
  readonly loss: number;
}

/** What tuning says about one run. */
export interface Tuning {
  /** Why the run is left out of every law: another learning rate is better, or the best one is not known. */
  readonly reason: Sentence | undefined;
  /** Whether no other batch is better at this N and D by more than half a percent. */
  readonly bestBatch: boolean;
  /** Whether a larger batch is clearly better at this N and D (by more than 2 %), which the trade of steps for tokens behind S_min does not know. */
  readonly smallBatch: boolean;
}

/** D this close is one. */
const SAME_TOKENS = 1.01;

/** Batches whose loss is within this share of the best one's all count as best: to take the lowest of equals would take the luckiest. */
const PLATEAU = 0.005;

/** A small batch must lose this share before it counts as failing, not as unlucky. */
const CLEARLY_WORSE = 0.02;

/**
 * One answer for each run.
 * @param diverged runs that diverged: they bound the learning rates tried at their N and B, wherever they stopped
 */
export function tuningOf(ends: readonly TuningEnd[], diverged: readonly Omit<TuningEnd, 'D' | 'loss'>[]): Tuning[] {
  const tooHigh = new Map<string, number[]>();
  for (const { N, B, lr } of diverged) if (lr !== undefined) tooHigh.set(`${N} ${B}`, [...(tooHigh.get(`${N} ${B}`) ?? []), lr]);
  const reasons: (Sentence | undefined)[] = ends.map(() => undefined);
  const bestBatch: boolean[] = ends.map(() => true);
  const smallBatch: boolean[] = ends.map(() => false);
  for (const cell of cellsOf(ends)) {
    const ofBatch = grouped(cell, (run) => ends[run].B);
    const kept = new Map<number, number[]>();
    for (const [B, runs] of ofBatch) {
      const rates = grouped(
        runs.filter((run) => ends[run].lr !== undefined),
        (run) => ends[run].lr!,
      );
      const tried = [...rates.keys(), ...(tooHigh.get(`${ends[runs[0]].N} ${B}`) ?? [])];
      if (new Set(tried).size < 2) {
        kept.set(B, runs);
        continue;
      }
      const best = lowest(rates, ends);
      const atEdge = best === Math.min(...tried) || best === Math.max(...tried);
      for (const run of runs) if (ends[run].lr !== best) reasons[run] = tuningReasons.higher;
      if (atEdge) for (const run of rates.get(best) ?? []) reasons[run] = tuningReasons.edge;
      else kept.set(B, rates.get(best) ?? []);
    }
    if (kept.size < 2) continue;
    const best = lowest(kept, ends);
    const least = meanLoss(kept.get(best)!, ends);
    for (const [B, runs] of kept) {
      const excess = meanLoss(runs, ends) / least - 1;
      for (const run of runs) {
        bestBatch[run] = excess <= PLATEAU;
        smallBatch[run] = B < best && excess > CLEARLY_WORSE;
      }
    }
  }
  return ends.map((_, run) => ({ reason: reasons[run], bestBatch: bestBatch[run], smallBatch: smallBatch[run] }));
}

/** Runs of one N and (up to rounding to whole steps) one D; a run without D or B is by itself. */
function cellsOf(ends: readonly TuningEnd[]): number[][] {
  const cells: number[][] = [];
  const complete = ends.flatMap(({ N, D, B }, run) => (D > 0 && B > 0 && !Number.isNaN(N) ? [run] : []));
  for (const runs of grouped(complete, (run) => ends[run].N).values()) {
    runs.sort((a, b) => ends[a].D - ends[b].D || a - b);
    let start = 0;
    for (let end = 1; end <= runs.length; end++) {
      if (end < runs.length && ends[runs[end]].D < ends[runs[start]].D * SAME_TOKENS) continue;
      cells.push(runs.slice(start, end));
      start = end;
    }
  }
  return cells;
}

function grouped(runs: readonly number[], key: (run: number) => number): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  for (const run of runs) {
    const group = groups.get(key(run));
    if (group === undefined) groups.set(key(run), [run]);
    else group.push(run);
  }
  return groups;
}

/** The key of the group with the lowest mean loss. */
function lowest(groups: ReadonlyMap<number, readonly number[]>, ends: readonly TuningEnd[]): number {
  let best = NaN;
  let least = Infinity;
  for (const [key, runs] of [...groups].sort(([a], [b]) => a - b)) {
    const mean = meanLoss(runs, ends);
    if (!(mean < least)) continue;
    least = mean;
    best = key;
  }
  return best;
}

const meanLoss = (runs: readonly number[], ends: readonly TuningEnd[]): number =>
  runs.reduce((sum, run) => sum + ends[run].loss, 0) / runs.length;

const tuningReasons = {
  higher: { en: 'another learning rate gives a lower loss at this N, D and B', zh: '在此 N、D、B 下另一学习率的损失更低' },
  edge: {
    en: 'the lowest loss at this N, D and B is at the end of the learning rates tried; run learning rates beyond it',
    zh: '在此 N、D、B 下最低损失落在所试学习率的一端；请训练更外侧的学习率',
  },
} as const satisfies Record<string, Sentence>;
