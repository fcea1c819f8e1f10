// The learning rate of every update of a run: a linear warm-up to the peak, then one of four tails. Pure functions of
// the config, so that both trainers, and any device-side copy, read the same numbers.
import { steps, type RunConfig } from '../config/run.ts';

/** The settings of a run that its schedule reads. */
export type ScheduleConfig = Pick<
  RunConfig,
  'learningRate' | 'schedule' | 'warmupFraction' | 'finalLearningRate' | 'finalFraction' | 'cooldownFraction'
>;

/** Updates spent warming up, of `total`: the fraction rounded, at most all of them. */
export function warmupUpdates(config: ScheduleConfig, total: number): number {
  return Math.min(total, Math.round(config.warmupFraction * total));
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
      const length = Math.min(total - warmup, Math.round(config.cooldownFraction * total));
      const into = update - (total - length);
      return into <= 0 ? peak : peak * (1 - Math.sqrt(into / length));
    }
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
