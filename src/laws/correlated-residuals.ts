// Noise for the bootstrap of curves whose neighbouring points err together, as the points of one training run do: a
// first-order autoregression is fitted to the residuals and its innovations are resampled (Bühlmann, "Sieve Bootstrap
// for Time Series", Bernoulli 3, 1997). Resampling the residuals themselves would take n points for n independent facts.
import type { Random } from './random.ts';

/** A model of the noise along one or several curves. */
export interface CorrelatedNoise {
  /** Correlation of neighbouring residuals, in [0, 0.98]. */
  readonly correlation: number;
  /** Points that would say as much were they independent: n·(1 − ρ)/(1 + ρ). */
  readonly effectivePoints: number;
  /** Noise of the same length and curves as the residuals. */
  readonly draw: (random: Random) => Float64Array;
}

const LARGEST_CORRELATION = 0.98;

/**
 * Models residuals.
 * @param residuals curve after curve, each in order of its steps
 * @param curves number of points of each curve
 * @param parameters fitted to them: least squares shrinks residuals by √(1 − parameters/effective points)
 */
export function correlatedNoise(residuals: ArrayLike<number>, curves: readonly number[], parameters: number): CorrelatedNoise {
  const count = residuals.length;
  let products = 0;
  let squares = 0;
  let pairs = 0;
  forEachCurve(curves, (start, end) => {
    for (let i = start; i < end; i++) {
      squares += residuals[i] ** 2;
      if (i > start) {
        products += residuals[i] * residuals[i - 1];
        pairs++;
      }
    }
  });
  const raw = squares > 0 && pairs > 0 ? (products / pairs) * (count / squares) : 0;
  // A fit leaves residuals less correlated than the noise was, by (1 + 3ρ)/n for a mean (Kendall, Biometrika 41, 1954)
  // and about (1 + ρ)/n for every further parameter.
  const unbiased = raw + (1 + 3 * raw + (parameters - 1) * (1 + raw)) / Math.max(count, 1);
  const correlation = Math.min(Math.max(0, unbiased), LARGEST_CORRELATION);
  const effectivePoints = (count * (1 - correlation)) / (1 + correlation);
  const innovations: number[] = [];
  forEachCurve(curves, (start, end) => {
    for (let i = start + 1; i < end; i++) innovations.push(residuals[i] - correlation * residuals[i - 1]);
  });
  if (innovations.length === 0) innovations.push(...Array.from(residuals));
  const mean = innovations.reduce((sum, value) => sum + value, 0) / innovations.length;
  const room = Math.max(0.1, 1 - parameters / count);
  const pool = innovations.map((value) => (value - mean) / Math.sqrt(room));
  const first = 1 / Math.sqrt(1 - correlation ** 2);
  return {
    correlation,
    effectivePoints,
    draw: (random) => {
      const noise = new Float64Array(count);
      forEachCurve(curves, (start, end) => {
        for (let i = start; i < end; i++) {
          const fresh = pool[random.integer(pool.length)];
          noise[i] = i === start ? first * fresh : correlation * noise[i - 1] + fresh;
        }
      });
      return noise;
    },
  };
}

function forEachCurve(curves: readonly number[], visit: (start: number, end: number) => void): void {
  let start = 0;
  for (const length of curves) {
    visit(start, start + length);
    start += length;
  }
}
