// The learning rate of every update of a run: a linear warm-up to the peak, then one of four tails. Pure functions of
// the config, so that both trainers, and any device-side copy, read the same numbers.
import { batchTokens, steps, type RunConfig } from '../config/run.ts';

/** The settings of a run that its schedule reads. */
export type ScheduleConfig = Pick<
  RunConfig,
  | 'learningRate'
  | 'schedule'
  | 'warmupFraction'
  | 'warmupTokens'
  | 'batchSequences'
  | 'context'
  | 'finalLearningRate'
  | 'finalFraction'
  | 'cooldownFraction'
>;

/**
 * Updates spent warming up, of `total`: `warmupTokens` in whole batches, rounded, at least one; or, where that is 0, the
 * `warmupFraction` rounded. At most all of them.
 */
export function warmupUpdates(config: ScheduleConfig, total: number): number {
  const { warmupFraction, warmupTokens } = config;
  const wanted = warmupTokens > 0 ? Math.max(1, Math.round(warmupTokens / batchTokens(config))) : Math.round(warmupFraction * total);
  return Math.min(total, wanted);
}

/**
 * Learning rate of update `update` (0 … total − 1) in a run of `total` updates.
 *
 * Warm-up: with W = {@link warmupUpdates}, update s < W takes η(s + 1)/W, so the first is not zero and update W − 1 is
 * the peak η. Then, with h the index of the peak (W − 1, or 0 without warm-up):
 * - `cosine to fixed`, `cosine to fraction`: final + (η − final)·½(1 + cos πx), x = (s − h)/(total − 1 − h), so that the
 *   last update takes `final` exactly (`finalLearningRate`, at most η; or η·`finalFraction`). A fixed final rate is
 *   Step Law's choice (arXiv 2503.04715).
 * - `constant`: η.
 * - `constant and cooldown`: η, and over the last n updates η(1 − √x), x = (s − (total − n))/n, n = the
 *   `cooldownFraction` of the run rounded, but never into the warm-up (Hägele et al., arXiv 2405.18392, "1-sqrt").
 *
 * A run of one update takes η.
 */
export function learningRateAt(config: ScheduleConfig, update: number, total: number): number {
  const peak = config.learningRate;
  const warmup = warmupUpdates(config, total);
  if (update < warmup) return (peak * (update + 1)) / warmup;
  switch (config.schedule) {
    case 'cosine to fixed':
      return cosine(peak, Math.min(peak, config.finalLearningRate), update, warmup, total);
    case 'cosine to fraction':
      return cosine(peak, peak * config.finalFraction, update, warmup, total);
    case 'constant':
      return peak;
    case 'constant and cooldown': {
      const length = cooldownUpdates(config, total);
      const into = update - (total - length);
      return into <= 0 ? peak : peak * (1 - Math.sqrt(into / length));
    }
    default:
      return config.schedule satisfies never;
  }
}

/** Updates of the cooldown of `constant and cooldown`, the last of `total`. */
function cooldownUpdates(config: ScheduleConfig, total: number): number {
  return Math.min(total - warmupUpdates(config, total), Math.round(config.cooldownFraction * total));
}

/**
 * The leading updates of a run of `total` whose learning rates do not depend on where the run ends, given how many of
 * them warm up: all of a `constant` run; those before a cooldown and its first, which still takes the peak. 0 for a
 * cosine, which has them in its warm-up alone.
 */
export function openEndedUpdates(config: ScheduleConfig, total: number): number {
  switch (config.schedule) {
    case 'constant':
      return total;
    case 'constant and cooldown':
      return Math.min(total, total - cooldownUpdates(config, total) + 1);
    case 'cosine to fixed':
    case 'cosine to fraction':
      return 0;
    default:
      return config.schedule satisfies never;
  }
}

/** Half a cosine from `peak` at the last update of the warm-up (or the first of the run) to `final` at the last of the run. */
function cosine(peak: number, final: number, update: number, warmup: number, total: number): number {
  const top = Math.max(0, warmup - 1);
  if (total - 1 <= top) return peak;
  const weight = 0.5 * (1 + Math.cos((Math.PI * (update - top)) / (total - 1 - top)));
  return peak * weight + final * (1 - weight);
}

/** Learning rates of updates `first` … `first + count − 1` of a run, by {@link learningRateAt}. */
export function learningRates(config: RunConfig, first: number, count: number): Float32Array {
  const total = steps(config);
  return Float32Array.from({ length: count }, (_, i) => learningRateAt(config, first + i, total));
}
