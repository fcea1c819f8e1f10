// Measurements of the gradient noise scale of many runs: averaged at equal loss, and held against a critical batch.
// McCandlish, Kaplan, Amodei et al., "An Empirical Model of Large-Batch Training", arXiv 1812.06162: numerator and
// denominator are averaged apart and divided last (appendix A.1), and the noise scale is expected near the critical batch
// (section 2).
import type { Estimate } from './fit.ts';
import { studentQuantile } from './statistics.ts';

/** One measurement in one run. */
export interface NoiseMeasurement {
  readonly run: string;
  /** The text it was measured on: runs that read the same text there err together. */
  readonly text: string;
  /** Nats per token. */
  readonly loss: number;
  /** Unbiased estimates of |G|² and of B·tr Σ_B; the squared norm can be negative by chance. */
  readonly squaredNorm: number;
  readonly variance: number;
}

/** Measurements at about one loss. */
export interface NoiseAtLoss {
  /** Geometric mean, nats per token. */
  readonly loss: number;
  /** Mean variance over mean squared norm, tokens; undefined where the mean squared norm is not above zero. */
  readonly scale: number | undefined;
  readonly measurements: number;
  readonly runs: readonly string[];
}

/** Means over stretches of equal length in log loss, at most `most` of them; descending loss. */
export function noiseByLoss(measurements: readonly NoiseMeasurement[], most = 8): NoiseAtLoss[] {
  const usable = measurements.filter(isUsable);
  if (usable.length === 0) return [];
  const logs = usable.map(({ loss }) => Math.log(loss));
  const [low, high] = [Math.min(...logs), Math.max(...logs)];
  const stretches = Array.from({ length: most }, (): NoiseMeasurement[] => []);
  usable.forEach((one, i) => {
    const place = high > low ? Math.floor((most * (high - logs[i])) / (high - low)) : 0;
    stretches[Math.min(most - 1, place)].push(one);
  });
  return stretches
    .filter((stretch) => stretch.length > 0)
    .map((stretch): NoiseAtLoss => {
      const meanOf = (read: (one: NoiseMeasurement) => number): number => stretch.reduce((sum, one) => sum + read(one), 0) / stretch.length;
      const squaredNorm = meanOf((one) => one.squaredNorm);
      return {
        loss: Math.exp(meanOf(({ loss }) => Math.log(loss))),
        scale:
          squaredNorm > 0
            ? Math.max(
                0,
                meanOf(({ variance }) => variance),
              ) / squaredNorm
            : undefined,
        measurements: stretch.length,
        runs: [...new Set(stretch.map(({ run }) => run))],
      };
    });
}

/** The noise scale over the critical batch at the same losses. */
export interface NoiseRatio {
  /** `high` is Infinity where the squared norm of the gradient is lost in noise; no interval (NaN) for one run or one text. */
  readonly ratio: Estimate;
  readonly measurements: number;
  readonly runs: number;
}

/** Half the width of a 95 % interval, in standard deviations of a normal. */
const NORMAL = 1.96;

/**
 * The factor ρ between the noise scale and a critical batch B_crit(L): 1/ρ is the mean over measurements of
 * B_crit(L)·|G|²/variance. Only |G|² is uncertain within one measurement, and it is in the numerator, so that the mean is
 * unbiased. Runs and texts make measurements alike, hence standard errors clustered by both (Cameron, Gelbach & Miller,
 * "Robust Inference with Multiway Clustering", Journal of Business & Economic Statistics 29, 2011, eq. 2.11), with
 * Student's t for the smaller number of clusters; the interval of the critical batch itself is added to them.
 * @param criticalAt B_crit at a loss, tokens; undefined where it is not known: such measurements are passed over
 * @returns undefined where nothing can be compared
 */
export function noiseRatio(
  measurements: readonly NoiseMeasurement[],
  criticalAt: (loss: number) => Estimate | undefined,
): NoiseRatio | undefined {
  const compared = measurements.filter(isUsable).flatMap((one) => {
    const critical = criticalAt(one.loss);
    return critical === undefined ? [] : [{ ...one, critical, value: (critical.value * one.squaredNorm) / one.variance }];
  });
  const count = compared.length;
  if (count === 0) return undefined;
  const mean = compared.reduce((sum, { value }) => sum + value, 0) / count;
  /** Variance of the mean, with measurements of one key as one. */
  const clustered = (key: (index: number) => string): { variance: number; clusters: number } => {
    const sums = new Map<string, number>();
    compared.forEach(({ value }, i) => sums.set(key(i), (sums.get(key(i)) ?? 0) + value - mean));
    const squares = [...sums.values()].reduce((sum, one) => sum + one * one, 0);
    return { variance: ((squares / count ** 2) * sums.size) / (sums.size - 1), clusters: sums.size };
  };
  const [runs, texts, each] = [clustered((i) => compared[i].run), clustered((i) => compared[i].text), clustered(String)];
  // The difference can fall short by chance of what either alone says.
  const ofMean = Math.max(runs.variance, texts.variance, runs.variance + texts.variance - each.variance);
  const widths = compared.map(({ critical: { low, high } }) => Math.log(high / low) / (2 * NORMAL));
  const ofCritical = widths.reduce((sum, width) => sum + width, 0) / count;
  const half = studentQuantile(0.95, Math.min(runs.clusters, texts.clusters) - 1) * Math.sqrt(ofMean + (mean * ofCritical) ** 2);
  const inverse = (value: number): number => (value > 0 ? 1 / value : Number.isNaN(value) ? NaN : Infinity);
  return {
    ratio: { value: inverse(mean), low: inverse(mean + half), high: inverse(mean - half) },
    measurements: count,
    runs: runs.clusters,
  };
}

function isUsable({ loss, squaredNorm, variance }: NoiseMeasurement): boolean {
  return loss > 0 && Number.isFinite(loss) && Number.isFinite(squaredNorm) && variance > 0 && Number.isFinite(variance);
}
