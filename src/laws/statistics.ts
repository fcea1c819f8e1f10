// Intervals from bootstrap samples, and Student's t for designs with few degrees of freedom.
import { bisect, errorFunction, mean, quantileSorted, sampleStandardDeviation } from 'simple-statistics';
import type { Estimate } from './fit.ts';

export { mean, quantileSorted, sampleStandardDeviation };

/**
 * Two-sided probability P(|T| ≤ t) of Student's t with `degreesOfFreedom` (a positive integer).
 * Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4 (exact finite series).
 */
export function studentProbability(t: number, degreesOfFreedom: number): number {
  const angle = Math.atan(t / Math.sqrt(degreesOfFreedom));
  const cosine = Math.cos(angle);
  const odd = degreesOfFreedom % 2 === 1;
  let term = odd ? cosine : 1;
  let sum = degreesOfFreedom === 1 ? 0 : term;
  for (let k = odd ? 3 : 2; k <= degreesOfFreedom - 2; k += 2) {
    term *= ((k - 1) / k) * cosine * cosine;
    sum += term;
  }
  return odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
}

/**
 * The t with P(|T| ≤ t) = `level`, for example 2.262 at level 0.95 with 9 degrees of freedom. Degrees of freedom are
 * rounded down to an integer; Infinity (and anything above 1,000) gives the normal quantile. NaN below 1.
 */
export function studentQuantile(level: number, degreesOfFreedom: number): number {
  const whole = degreesOfFreedom > 1000 ? Infinity : Math.floor(degreesOfFreedom);
  if (!(whole >= 1)) return NaN;
  const cached = quantiles.get(level)?.get(whole);
  if (cached !== undefined) return cached;
  // simple-statistics' own probit is good to three digits only; its error function to seven.
  const probability = (t: number): number => (whole === Infinity ? errorFunction(t / Math.SQRT2) : studentProbability(t, whole));
  let upper = 4;
  while (probability(upper) < level) upper *= 2;
  const quantile = bisect((t: number) => probability(t) - level, 0, upper, 200, 1e-12);
  const ofLevel = quantiles.get(level) ?? new Map<number, number>();
  quantiles.set(level, ofLevel.set(whole, quantile));
  return quantile;
}

const quantiles = new Map<number, Map<number, number>>();

/** How an interval is read off bootstrap samples. */
export interface IntervalOptions {
  /** Coverage, default 0.95. */
  readonly level?: number;
  /**
   * Observations minus fitted parameters. The percentile interval is stretched around the estimate by t/z, because
   * with few degrees of freedom the residuals that are resampled do not carry the doubt about their own scale
   * (T. Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69, 2015).
   * Default Infinity: the plain percentile interval.
   */
  readonly degreesOfFreedom?: number;
  /** `log` stretches in the logarithm: for factors, which are positive. */
  readonly scale?: 'linear' | 'log';
}

/**
 * `value` with an interval from bootstrap samples: percentiles, stretched for few degrees of freedom. Samples that are
 * not finite are left out; with fewer than 20 finite ones both ends are NaN.
 */
export function intervalFromSamples(value: number, samples: ArrayLike<number>, options: IntervalOptions = {}): Estimate {
  const { level = 0.95, degreesOfFreedom = Infinity, scale = 'linear' } = options;
  const sorted = Float64Array.from(samples).filter(Number.isFinite).sort();
  if (sorted.length < 20) return { value, low: NaN, high: NaN };
  const values = sorted as unknown as number[];
  const stretch = studentQuantile(level, degreesOfFreedom) / studentQuantile(level, Infinity);
  const low = quantileSorted(values, (1 - level) / 2);
  const high = quantileSorted(values, (1 + level) / 2);
  if (stretch === 1) return { value, low, high };
  if (scale === 'log' && value > 0 && low > 0) {
    return { value, low: value * (low / value) ** stretch, high: value * (high / value) ** stretch };
  }
  return { value, low: value + (low - value) * stretch, high: value + (high - value) * stretch };
}

/** An estimate without an interval. */
export function withoutInterval(value: number): Estimate {
  return { value, low: NaN, high: NaN };
}
