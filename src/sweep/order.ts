// The order in which a sweep's runs are trained: first a coarse grid over every landscape, so that its bowl is visible
// early, then the points between, then the replicates.
import { runFields, type RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import { roughFlops } from './cost.ts';

/** Settings that span a landscape or repeat it; all others tell one landscape from another. */
const WITHIN: ReadonlySet<string> = new Set(['learningRate', 'batchSequences', 'seed']);

/** Equal for runs of one landscape: all settings but learning rate, batch and seed. */
export function landscapeKey(config: RunConfig): string {
  return JSON.stringify(runFields.filter((field) => !WITHIN.has(field)).map((field) => config[field]));
}

/**
 * Indices of a coarse selection from `count` sorted values: evenly spread, about every second one, both extremes among
 * them; all of them when there are three or fewer, because a bowl needs three values along each axis.
 */
export function coarseIndices(count: number): number[] {
  if (count <= 3) return Array.from({ length: count }, (_, i) => i);
  const chosen = Math.floor(count / 2) + 1;
  return Array.from({ length: chosen }, (_, i) => Math.round((i * (count - 1)) / (chosen - 1)));
}

interface Place {
  readonly run: SweepRun;
  readonly pass: number;
  readonly size: number;
  readonly index: number;
}

/**
 * All runs, each once. Pass 0 takes the coarse grid of every landscape with its first seed, pass 1 the rest of the grid,
 * pass k + 1 the k-th replicate. Within a pass smaller models come first, because their landscapes are complete
 * soonest; in the last pass larger ones do, so that several workers end together (longest processing time first,
 * Graham, SIAM Journal on Applied Mathematics 17, 1969).
 */
export function orderRuns(runs: readonly SweepRun[]): SweepRun[] {
  const landscapes = new Map<string, { index: number; run: SweepRun }[]>();
  runs.forEach((run, index) => {
    const key = landscapeKey(run.config);
    const landscape = landscapes.get(key);
    if (landscape === undefined) landscapes.set(key, [{ index, run }]);
    else landscape.push({ index, run });
  });
  const places: Place[] = [];
  for (const landscape of landscapes.values()) {
    const coarseRates = coarseValues(landscape.map(({ run }) => run.config.learningRate));
    const coarseBatches = coarseValues(landscape.map(({ run }) => run.config.batchSequences));
    const seeds = [...new Set(landscape.map(({ run }) => run.config.seed))];
    const size = roughFlops(landscape[0].run.config);
    for (const { index, run } of landscape) {
      const { learningRate, batchSequences, seed } = run.config;
      const replicate = seeds.indexOf(seed);
      const coarse = coarseRates.has(learningRate) && coarseBatches.has(batchSequences);
      places.push({ run, pass: replicate > 0 ? replicate + 1 : coarse ? 0 : 1, size, index });
    }
  }
  const last = places.reduce((latest, place) => Math.max(latest, place.pass), 0);
  const before = (a: Place, b: Place): number => {
    if (a.pass !== b.pass) return a.pass - b.pass;
    const bySize = last > 0 && a.pass === last ? b.size - a.size : a.size - b.size;
    return bySize || a.index - b.index;
  };
  return places.sort(before).map((place) => place.run);
}

function coarseValues(values: readonly number[]): Set<number> {
  const sorted = [...new Set(values)].sort((a, b) => a - b);
  return new Set(coarseIndices(sorted.length).map((index) => sorted[index]));
}
