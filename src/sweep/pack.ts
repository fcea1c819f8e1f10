// The runs that wait, and how the next population is taken from them: runs of one key side by side, as many as a worker
// likes, but never so many that other workers are left without.
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

/** How much smaller a population is for each time that a worker died under its runs. */
const SHRINK = 4;

interface Entry extends WaitingRun {
  readonly rank: number;
}

/** Runs that wait, grouped by what can train together. */
export class WaitingRuns {
  readonly #groups = new Map<string, Entry[]>();
  readonly #groupOf = new Map<string, string>();
  #cost = 0;

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
    const touched = new Set<Entry[]>();
    for (const waiting of runs) {
      const { id, config } = waiting.run;
      if (this.#groupOf.has(id)) continue;
      const key = `${waiting.attempts}:${populationKey(config)}`;
      let group = this.#groups.get(key);
      if (group === undefined) this.#groups.set(key, (group = []));
      group.push({ ...waiting, rank: rankOf(id) });
      this.#groupOf.set(id, key);
      this.#cost += waiting.cost;
      touched.add(group);
    }
    for (const group of touched) group.sort((a, b) => a.rank - b.rank);
  }

  /** Takes one run out; false when it does not wait. */
  remove(id: string): boolean {
    const key = this.#groupOf.get(id);
    if (key === undefined) return false;
    const group = this.#groups.get(key)!;
    const index = group.findIndex((entry) => entry.run.id === id);
    this.#drop(key, group, index, 1);
    return true;
  }

  /** The run whose turn it is. */
  first(): WaitingRun | undefined {
    return this.#firstGroup()?.group[0];
  }

  /** All runs that wait, in no particular order. */
  *values(): IterableIterator<WaitingRun> {
    for (const group of this.#groups.values()) yield* group;
  }

  /**
   * Takes out the next population: the run whose turn it is and those after it that can train beside it, at most
   * `lanes` of them, and at most the share of all waiting work that falls to one worker of `workers` (guided
   * self-scheduling, Polychronopoulos & Kuck, IEEE Transactions on Computers C-36, 1987: shares shrink as the end
   * nears, so workers end together).
   */
  take(lanes: number, workers: number): WaitingRun[] {
    const next = this.#firstGroup();
    if (next === undefined) return [];
    const { key, group } = next;
    const most = Math.max(1, Math.floor(lanes / SHRINK ** group[0].attempts));
    const share = this.#cost / Math.max(1, workers);
    let count = 1;
    let cost = group[0].cost;
    // Half a run over the share is nearer to it than half a run below.
    while (count < Math.min(most, group.length) && cost + group[count].cost / 2 <= share * (1 + 1e-9)) cost += group[count++].cost;
    return this.#drop(key, group, 0, count);
  }

  #firstGroup(): { key: string; group: Entry[] } | undefined {
    let best: { key: string; group: Entry[] } | undefined;
    for (const [key, group] of this.#groups) if (best === undefined || group[0].rank < best.group[0].rank) best = { key, group };
    return best;
  }

  #drop(key: string, group: Entry[], from: number, count: number): Entry[] {
    const taken = group.splice(from, count);
    if (group.length === 0) this.#groups.delete(key);
    for (const entry of taken) {
      this.#groupOf.delete(entry.run.id);
      this.#cost -= entry.cost;
    }
    if (this.#groupOf.size === 0) this.#cost = 0;
    return taken;
  }
}
