// Runs that begin alike: a run at a constant learning rate is the beginning of every longer one, so that runs which
// differ only in where they end, or in how they cool down, can be trained once up to where they part.
import { runFields, steps, type RunConfig, type RunField } from '../config/run.ts';
import { openEndedUpdates, warmupUpdates } from './schedule.ts';

/** Settings that the updates before the cooldown do not depend on, but through the length of the warm-up. */
const AFTERWARDS: ReadonlySet<RunField> = new Set([
  'tokens',
  'schedule',
  'warmupFraction',
  'warmupTokens',
  'finalLearningRate',
  'finalFraction',
  'cooldownFraction',
]);

const NAMED = runFields.filter((field) => !AFTERWARDS.has(field));

/**
 * Equal for runs of one trunk: each of two such runs takes, on one device, the same updates as the other up to the
 * smaller of their {@link trunkUpdates}. Undefined for a run that shares nothing with any other.
 */
export function trunkKey(config: RunConfig): string | undefined {
  if (trunkUpdates(config) === 0) return undefined;
  // A warm-up of one update is none: it takes the peak.
  return JSON.stringify([Math.max(1, warmupUpdates(config, steps(config))), ...NAMED.map((field) => config[field])]);
}

/** Updates of a run before its learning rate first depends on where it ends: those that it can share. From 0 to S. */
export function trunkUpdates(config: RunConfig): number {
  return openEndedUpdates(config, steps(config));
}

/** Whether a run's trunk is the same whatever its tokens: its warm-up does not grow with them. */
export function hasTrunkForAnyTokens(config: RunConfig): boolean {
  return trunkUpdates(config) > 0 && (config.warmupTokens > 0 || config.warmupFraction === 0);
}

/** A run that others begin alike with, and those others. A run that shares with no other has no branches. */
export interface Trunk<Run> {
  /** Of these runs the one with the most {@link trunkUpdates}: trained whole. */
  readonly main: Run;
  /** In the order in which they leave the main run. */
  readonly branches: readonly Branch<Run>[];
}

/** A run that need not be trained from its start. */
export interface Branch<Run> {
  readonly run: Run;
  /** Its first updates, which the main run takes too; at least 1. */
  readonly at: number;
}

/** Gathers runs by their trunks; each run is in one of them, trunks in the order of their first runs. */
export function trunksOf<Run extends { readonly config: RunConfig }>(runs: readonly Run[]): Trunk<Run>[] {
  const families = new Map<string, Run[]>();
  runs.forEach((run, index) => {
    const key = trunkKey(run.config) ?? `alone ${index}`;
    const family = families.get(key);
    if (family === undefined) families.set(key, [run]);
    else family.push(run);
  });
  return [...families.values()].map((family) => {
    const sorted = family.map((run) => ({ run, at: trunkUpdates(run.config) })).sort((a, b) => a.at - b.at);
    const main = sorted.pop()!;
    return { main: main.run, branches: sorted };
  });
}

/** Updates that each run need not take because another of `runs` takes them: 0 for main runs. In the order of `runs`. */
export function sharedUpdates(runs: readonly { readonly config: RunConfig }[]): number[] {
  const shared = new Map<object, number>();
  for (const { branches } of trunksOf(runs)) for (const { run, at } of branches) shared.set(run, at);
  return runs.map((run) => shared.get(run) ?? 0);
}
