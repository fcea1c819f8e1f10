// The trade of steps for tokens at one loss, fitted: (S/S_min − 1)(E/E_min − 1) = 1 with E = B·S, which is
// log E = log E_min + log(1 + B/B_crit). McCandlish et al., arXiv 1812.06162.
import type { FitStatus } from './fit.ts';

/** A fitted hyperbola in logarithms; tokens and steps. */
export interface Hyperbola {
  /** `bound hit`: B_crit ran out of the search, because every batch lies far on one side of it. */
  readonly status: Extract<FitStatus, 'converged' | 'bound hit' | 'not converged'>;
  readonly logEmin: number;
  readonly logBcrit: number;
  /** log E − fitted, one per point. */
  readonly residuals: Float64Array;
  /** Variance of log B_crit per unit of residual variance (first order). */
  readonly variance: number;
  readonly sumOfSquares: number;
}

/** B_crit is searched up to this natural-log distance beyond the batches: a factor of about 1,000. */
const REACH = 7;

const SEARCH = 48;

/**
 * Least squares in log E over batches of at least two sizes.
 * @param logB, logE natural logs of the batch and of the tokens needed, one per run
 */
export function fitHyperbola(logB: ArrayLike<number>, logE: ArrayLike<number>): Hyperbola {
  const count = logB.length;
  let lowest = Infinity;
  let highest = -Infinity;
  for (let i = 0; i < count; i++) {
    lowest = Math.min(lowest, logB[i]);
    highest = Math.max(highest, logB[i]);
  }
  const [from, to] = [lowest - REACH, highest + REACH];
  let current = profile(logB, logE, from);
  for (let k = 1; k <= SEARCH; k++) {
    const tried = profile(logB, logE, from + ((to - from) * k) / SEARCH);
    if (tried.sumOfSquares < current.sumOfSquares) current = tried;
  }
  let settled = false;
  for (let step = 0; step < 60 && !settled; step++) {
    const move = current.step;
    let shrink = 1;
    let moved = false;
    for (let halving = 0; halving < 40; halving++, shrink /= 2) {
      const target = Math.min(Math.max(current.logBcrit + Math.max(-3, Math.min(3, shrink * move)), from), to);
      if (target === current.logBcrit) break;
      const tried = profile(logB, logE, target);
      if (tried.sumOfSquares < current.sumOfSquares) {
        settled = Math.abs(tried.logBcrit - current.logBcrit) < 1e-13;
        current = tried;
        moved = true;
        break;
      }
    }
    if (!moved) settled = true;
  }
  const { logBcrit } = current;
  const onBound = logBcrit <= from + 1e-9 || logBcrit >= to - 1e-9;
  return { ...current, status: !settled ? 'not converged' : onBound ? 'bound hit' : 'converged' };
}

interface Profile extends Omit<Hyperbola, 'status'> {
  /** The Gauss–Newton step in log B_crit. */
  readonly step: number;
}

/** The best E_min at a given B_crit, and what follows from it. */
function profile(logB: ArrayLike<number>, logE: ArrayLike<number>, logBcrit: number): Profile {
  const count = logB.length;
  const residuals = new Float64Array(count);
  /** −d log E/d log B_crit: the share of B in B + B_crit. */
  const shares = new Float64Array(count);
  let mean = 0;
  let shareMean = 0;
  for (let i = 0; i < count; i++) {
    const ratio = Math.exp(logB[i] - logBcrit);
    residuals[i] = logE[i] - Math.log1p(ratio);
    shares[i] = ratio / (1 + ratio);
    mean += residuals[i] / count;
    shareMean += shares[i] / count;
  }
  let square = 0;
  let product = 0;
  let sumOfSquares = 0;
  for (let i = 0; i < count; i++) {
    residuals[i] -= mean;
    shares[i] -= shareMean;
    square += shares[i] ** 2;
    product += shares[i] * residuals[i];
    sumOfSquares += residuals[i] ** 2;
  }
  return {
    logEmin: mean,
    logBcrit,
    residuals,
    variance: square > 0 ? 1 / square : Infinity,
    sumOfSquares,
    step: square > 0 ? -product / square : 0,
  };
}
