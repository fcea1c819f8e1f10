// The runs that wait, and how the next population is taken from them: all runs of one key side by side where a worker
// can hold them, divided evenly where there are more workers, so that all are busy to the end.
import type { SweepRun } from '../config/sweep.ts';
import { populationKey } from '../training/trainer.ts';

/** A run that waits. */
export interface WaitingRun {
  readonly run: SweepRun;
  /** Work, in any unit that is the same for all runs (FLOPs, or seconds): only ratios count. */
  readonly cost: number;
  /** Times its worker died under it. Such runs train in ever smaller populations, apart from the others. */
  readonly attempts: number;
}

/** How much smaller a population is for each time that a worker died under its runs, and what it shrinks from at most. */
const SHRINK = 4;
const SHRINK_FROM = 64;

interface Entry extends WaitingRun {
  readonly rank: number;
}

/** Runs that can train together, in their order. */
interface Group {
  readonly entries: Entry[];
  /** What falls to one worker, set when the first population is taken. */
  share: number | undefined;
}

/** Runs that wait, grouped by what can train together. */
export class WaitingRuns {
  readonly #groups = new Map<string, Group>();
  readonly #groupOf = new Map<string, string>();

  /** Runs that wait. */
  get size(): number {
    return this.#groupOf.size;
  }

  has(id: string): boolean {
    return this.#groupOf.has(id);
  }

  /**
   * Adds runs; one that waits already is passed over.
   * @param rankOf place in the order of the sweep: lower is earlier
   */
  add(runs: readonly WaitingRun[], rankOf: (id: string) => number): void {
    const touched = new Set<Group>();
    for (const waiting of runs) {
      const { id, config } = waiting.run;
      if (this.#groupOf.has(id)) continue;
      const key = `${waiting.attempts}:${populationKey(config)}`;
      let group = this.#groups.get(key);
      if (group === undefined) this.#groups.set(key, (group = { entries: [], share: undefined }));
      group.entries.push({ ...waiting, rank: rankOf(id) });
      this.#groupOf.set(id, key);
      touched.add(group);
    }
    for (const group of touched) {
      group.entries.sort((a, b) => a.rank - b.rank);
      group.share = undefined;
    }
  }

  /** Takes one run out; false when it does not wait. */
  remove(id: string): boolean {
    const key = this.#groupOf.get(id);
    if (key === undefined) return false;
    const group = this.#groups.get(key)!;
    const index = group.entries.findIndex((entry) => entry.run.id === id);
    this.#drop(key, group, index, 1);
    return true;
  }

  /** The run whose turn it is. */
  first(): WaitingRun | undefined {
    return this.#firstGroup()?.group.entries[0];
  }

  /** All runs that wait, in no particular order. */
  *values(): IterableIterator<WaitingRun> {
    for (const group of this.#groups.values()) yield* group.entries;
  }

  /**
   * Takes out the next population: the run whose turn it is and those after it that can train beside it, at most
   * `lanes` of them, and of the work of all runs of their key what falls to one worker of `workers`. Of the last key that
   * waits it is the worker's share of what is left: shares shrink as the end nears, so that workers end together
   * whatever was mispredicted (guided self-scheduling, Polychronopoulos & Kuck, IEEE Transactions on Computers C-36,
   * 1987).
   */
  take(lanes: number, workers: number): WaitingRun[] {
    const next = this.#firstGroup();
    if (next === undefined) return [];
    const { key, group } = next;
    const { entries } = group;
    const { attempts } = entries[0];
    const most = attempts === 0 ? lanes : Math.max(1, Math.floor(Math.min(lanes, SHRINK_FROM) / SHRINK ** attempts));
    const left = entries.reduce((sum, entry) => sum + entry.cost, 0) / Math.max(1, workers);
    group.share ??= left;
    const share = this.#groups.size === 1 ? left : group.share;
    let count = 1;
    let cost = entries[0].cost;
    // Half a run over the share is nearer to it than half a run below.
    while (count < Math.min(most, entries.length) && cost + entries[count].cost / 2 <= share * (1 + 1e-9)) cost += entries[count++].cost;
    return this.#drop(key, group, 0, count);
  }

  #firstGroup(): { key: string; group: Group } | undefined {
    let best: { key: string; group: Group } | undefined;
    for (const [key, group] of this.#groups)
      if (best === undefined || group.entries[0].rank < best.group.entries[0].rank) best = { key, group };
    return best;
  }

  #drop(key: string, { entries }: Group, from: number, count: number): Entry[] {
    const taken = entries.splice(from, count);
    if (entries.length === 0) this.#groups.delete(key);
    for (const entry of taken) this.#groupOf.delete(entry.run.id);
    return taken;
  }
}
