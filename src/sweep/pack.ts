// The runs that wait, and how the next population is taken from them: all runs of one key side by side where a worker
// can hold them, divided evenly where there are more workers, so that all are busy to the end. Runs that begin alike go
// to one worker, which trains what they share once.
import type { SweepRun } from '../config/sweep.ts';
import { populationKey } from '../training/trainer.ts';
import { trunkKey } from '../training/trunk.ts';

/** A run that waits. */
export interface WaitingRun {
  readonly run: SweepRun;
  /** Work, that of shared beginnings counted once, in any unit that is the same for all runs: only ratios count. */
  readonly cost: number;
  /** Times its worker died under it. Such runs train in ever smaller populations, apart from the others. */
  readonly attempts: number;
}

/** How much smaller a population is for each time that a worker died under its runs, and what it shrinks from at most. */
const SHRINK = 4;
const SHRINK_FROM = 64;

interface Entry extends WaitingRun {
  readonly rank: number;
  /** Equal for runs that begin alike. */
  readonly family: string;
}

/** Runs that can train together, in their order. */
interface Group {
  entries: Entry[];
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
      group.entries.push({ ...waiting, rank: rankOf(id), family: trunkKey(config) ?? id });
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
    this.#drop(key, group, new Set(group.entries.filter((entry) => entry.run.id === id)));
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
   * Takes out the next population: the run whose turn it is and those after it that can train beside it, runs that begin
   * alike together, at most `lanes` of them, and of the work of all runs of their key what falls to one worker of
   * `workers`. Of the last key that
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
    const left = costOf(entries) / Math.max(1, workers);
    group.share ??= left;
    const share = this.#groups.size === 1 ? left : group.share;
    const families = most === 1 ? [entries.slice(0, 1)] : familiesOf(entries);
    const taken = new Set(families[0].slice(0, most));
    let cost = costOf(families[0]);
    for (const family of families.slice(1)) {
      const more = costOf(family);
      // Half a family over the share is nearer to it than half a family below.
      if (taken.size + family.length > most || cost + more / 2 > share * (1 + 1e-9)) break;
      for (const entry of family) taken.add(entry);
      cost += more;
    }
    return this.#drop(key, group, taken);
  }

  #firstGroup(): { key: string; group: Group } | undefined {
    let best: { key: string; group: Group } | undefined;
    for (const [key, group] of this.#groups)
      if (best === undefined || group.entries[0].rank < best.group.entries[0].rank) best = { key, group };
    return best;
  }

  #drop(key: string, group: Group, dropped: ReadonlySet<Entry>): Entry[] {
    const taken = group.entries.filter((entry) => dropped.has(entry));
    group.entries = group.entries.filter((entry) => !dropped.has(entry));
    if (group.entries.length === 0) this.#groups.delete(key);
    for (const entry of taken) this.#groupOf.delete(entry.run.id);
    return taken;
  }
}

/** Entries that begin alike, families in the order of their first. */
function familiesOf(entries: readonly Entry[]): Entry[][] {
  const families = new Map<string, Entry[]>();
  for (const entry of entries) {
    const family = families.get(entry.family);
    if (family === undefined) families.set(entry.family, [entry]);
    else family.push(entry);
  }
  return [...families.values()];
}

function costOf(entries: readonly Entry[]): number {
  return entries.reduce((sum, entry) => sum + entry.cost, 0);
}
