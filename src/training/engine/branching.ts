// Which lanes wait for which: of lanes that begin alike one trains what all of them need, and the others go on from
// where they part from it.
import { validationSteps } from '../recorder.ts';
import { trunkKey, trunkUpdates } from '../trunk.ts';
import type { Lane } from './lane.ts';

/** A lane that has not ended. */
export interface Standing {
  readonly lane: Lane;
  /** Its place in the executor; undefined for one that is trained later, on another. */
  readonly index: number | undefined;
  /** Updates done, from where it would go on. */
  readonly updates: number;
}

/** A lane that waits until another has done its first `at` updates. */
export interface WaitingLane extends Omit<Standing, 'updates'> {
  readonly at: number;
}

/**
 * Decides which lanes wait. In each family of lanes that begin alike the one that can go furthest for the others is their
 * main lane; those that it will serve wait for it. Main lanes are told to measure the held-out losses of those.
 * @param standings of all lanes that have not ended; only those with an index can be main lanes
 * @returns by the main lane's index, who waits for it, in the order in which they leave it
 */
export function whoWaits(standings: readonly Standing[]): Map<number, WaitingLane[]> {
  const families = new Map<string, Standing[]>();
  for (const standing of standings) {
    const key = trunkKey(standing.lane.config);
    if (key === undefined) continue;
    const family = families.get(key);
    if (family === undefined) families.set(key, [standing]);
    else family.push(standing);
  }
  const waiting = new Map<number, WaitingLane[]>();
  for (const family of families.values()) {
    let rest = family.filter(({ lane, updates }) => updates < trunkUpdates(lane.config)).sort(furthestLast);
    while (rest.length > 1) {
      const main = rest.findLast(({ index }) => index !== undefined);
      if (main?.index === undefined) break;
      const [served, left] = servedBy(main, rest);
      if (served.length > 0) waiting.set(main.index, served);
      rest = left;
    }
  }
  return waiting;
}

/** Lanes by the updates that they can share; of equal ones the most advanced is the last. */
function furthestLast(a: Standing, b: Standing): number {
  return trunkUpdates(a.lane.config) - trunkUpdates(b.lane.config) || a.updates - b.updates;
}

/** Those of `others` that can wait for `main`, and those that cannot. */
function servedBy(main: Standing, others: readonly Standing[]): [WaitingLane[], Standing[]] {
  const served: WaitingLane[] = [];
  const left: Standing[] = [];
  const most = trunkUpdates(main.lane.config);
  for (const other of others) {
    if (other === main) continue;
    const { lane, index } = other;
    const at = trunkUpdates(lane.config);
    const steps = validationSteps(lane.config).filter((step) => step <= at);
    if (main.updates > at || at > most || !main.lane.canMeasure(steps)) left.push(other);
    else {
      main.lane.measureToo(steps);
      served.push({ lane, index, at });
    }
  }
  return [served, left];
}
