// How noisy a cell is: from replicate seeds where there are any, from the residuals of the fit otherwise; and the
// pool of errors that a bowl's bootstrap draws from.
import type { GridPoint } from './cells.ts';
import type { FullRankFit } from './regression.ts';

/** Noise of one cell, nats per token. */
export interface CellNoise {
  /** Standard deviation of one run between seeds, pooled over grid points with replicates; NaN without replicates. */
  readonly seed: number;
  /** Degrees of freedom of `seed`: replicates minus grid points that have them. */
  readonly seedDegreesOfFreedom: number;
  /** Standard deviation of one run around the fitted surface. */
  readonly residual: number;
  /** Whether residuals exceed what seeds explain: the quadratic misses some of the surface's shape in this window. */
  readonly misfit: boolean;
}

/** Errors of one run, exchangeable and centred, to be divided by √replicates for a grid point's mean. */
export interface ErrorPool {
  readonly errors: Float64Array;
  readonly degreesOfFreedom: number;
  readonly noise: CellNoise;
}

/** Residual variance beyond this multiple of the seeds' variance is misfit rather than noise. */
const MISFIT_RATIO = 2;

/**
 * Noise and error pool of a fit to grid points weighted by their replicates. Where seeds explain the residuals both
 * go into the pool (more degrees of freedom, narrower intervals); where they do not, residuals alone do.
 */
export function cellNoise(points: readonly GridPoint[], fit: FullRankFit): ErrorPool {
  const fromSurface = points.map((point, i) => {
    const room = 1 - fit.leverages[i];
    return room > 1e-9 ? (fit.residuals[i] * Math.sqrt(point.losses.length)) / Math.sqrt(room) : 0;
  });
  const fromSeeds: number[] = [];
  let squares = 0;
  let seedDegreesOfFreedom = 0;
  for (const point of points) {
    const replicates = point.losses.length;
    if (replicates < 2) continue;
    seedDegreesOfFreedom += replicates - 1;
    for (const loss of point.losses) {
      squares += (loss - point.loss) ** 2;
      fromSeeds.push((loss - point.loss) * Math.sqrt(replicates / (replicates - 1)));
    }
  }
  const residualVariance = fit.degreesOfFreedom > 0 ? fit.sumOfSquares / fit.degreesOfFreedom : NaN;
  const seedVariance = seedDegreesOfFreedom > 0 ? squares / seedDegreesOfFreedom : NaN;
  const misfit = residualVariance > MISFIT_RATIO * seedVariance;
  const together = seedDegreesOfFreedom > 0 && !misfit;
  const errors = Float64Array.from(together ? [...fromSurface, ...fromSeeds] : fromSurface);
  const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
  return {
    errors: errors.map((error) => error - mean),
    degreesOfFreedom: fit.degreesOfFreedom + (together ? seedDegreesOfFreedom : 0),
    noise: { seed: Math.sqrt(seedVariance), seedDegreesOfFreedom, residual: Math.sqrt(residualVariance), misfit },
  };
}
