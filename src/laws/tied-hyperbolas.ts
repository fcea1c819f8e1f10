// The hyperbolas of several losses fitted together, their critical batches tied by B_crit(L) = B_* / L^p: at each level l
//   log E = log E_min,l + log(1 + B/B_crit(L_l)),   log B_crit(L_l) = height − slope·(log L_l − centre).
// To second order this is the regression of the levels' own critical batches on the loss, each weighted by how sharply
// its batches determine it; but a level whose batches say little stays in, at its little weight, instead of running off.

/** One run at one level of loss. */
export interface TiedPoint {
  /** Which level it belongs to; levels are numbered from 0 without gaps. */
  readonly level: number;
  /** Which run it was read off: what all its points share. */
  readonly run: number;
  readonly logB: number;
  readonly logE: number;
}

/** The fit. */
export interface TiedHyperbolas {
  readonly status: 'converged' | 'not converged';
  readonly height: number;
  readonly slope: number;
  /** Observed − fitted log E, one per point. */
  readonly residuals: Float64Array;
  readonly sumOfSquares: number;
  /** d log E/d(height, slope) with each level's mean taken out (its E_min takes it up), one pair per point. */
  readonly gradients: readonly Float64Array[];
  /** Inverse of the 2 × 2 normal matrix of the gradients, row by row; undefined where the points do not determine both. */
  readonly inverse: readonly [number, number, number] | undefined;
}

/** log B_crit moves at most this far in one step. */
const LARGEST_STEP = 2;

/**
 * Least squares by Gauss–Newton from `start`.
 * @param losses log loss of each level minus their centre
 */
export function fitTiedHyperbolas(
  points: readonly TiedPoint[],
  losses: ArrayLike<number>,
  start: { readonly height: number; readonly slope: number },
  logE?: ArrayLike<number>,
): TiedHyperbolas {
  let current = evaluate(points, losses, start.height, start.slope, logE);
  let settled = false;
  const spread = Math.max(1e-9, ...Array.from(losses, Math.abs));
  for (let step = 0; step < 100 && !settled; step++) {
    const { inverse, gradients, residuals } = current;
    if (inverse === undefined) break;
    let first = 0;
    let second = 0;
    gradients.forEach((gradient, i) => {
      first += gradient[0] * residuals[i];
      second += gradient[1] * residuals[i];
    });
    const up = inverse[0] * first + inverse[1] * second;
    const along = inverse[1] * first + inverse[2] * second;
    const size = Math.abs(up) + Math.abs(along) * spread;
    let shrink = Math.min(1, LARGEST_STEP / size);
    let moved = false;
    for (let halving = 0; halving < 30; halving++, shrink /= 2) {
      const tried = evaluate(points, losses, current.height + shrink * up, current.slope + shrink * along, logE);
      if (tried.sumOfSquares < current.sumOfSquares) {
        // A step this small changes nothing that is printed; the next would be far smaller still.
        settled = shrink * size < 1e-10 || current.sumOfSquares - tried.sumOfSquares < 1e-13 * tried.sumOfSquares;
        current = tried;
        moved = true;
        break;
      }
    }
    if (!moved) settled = true;
  }
  return { ...current, status: settled && current.inverse !== undefined ? 'converged' : 'not converged' };
}

/**
 * Residuals as if each point's run had had no part in the fit: (1 − H_rr)⁻¹·e_r with H_rr the run's block of the hat
 * matrix (the cluster form of HC3: Bell & McCaffrey, Survey Methodology 28, 2002). One per point.
 */
export function withoutOwnRun(fit: TiedHyperbolas, points: readonly TiedPoint[]): Float64Array {
  const { gradients, residuals, inverse } = fit;
  const freed = Float64Array.from(residuals);
  if (inverse === undefined) return freed;
  const sizes: number[] = [];
  for (const { level } of points) sizes[level] = (sizes[level] ?? 0) + 1;
  const room = points.map(({ level }) => Math.max(1 - 1 / sizes[level], 1e-3));
  const determinant = inverse[0] * inverse[2] - inverse[1] ** 2;
  const normal = [inverse[2] / determinant, -inverse[1] / determinant, inverse[0] / determinant];
  const byRun = new Map<number, number[]>();
  points.forEach(({ run }, i) => byRun.set(run, [...(byRun.get(run) ?? []), i]));
  for (const members of byRun.values()) {
    let [a, b, c] = normal;
    let first = 0;
    let second = 0;
    for (const i of members) {
      const [g, h] = gradients[i];
      a -= (g * g) / room[i];
      b -= (g * h) / room[i];
      c -= (h * h) / room[i];
      first += (g * residuals[i]) / room[i];
      second += (h * residuals[i]) / room[i];
    }
    // A run that alone determines a direction leaves nothing when it is gone: its residuals can't be freed of it.
    const least = 1e-3 * (normal[0] * normal[2] - normal[1] ** 2);
    const det = Math.max(a * c - b * b, least);
    const solved = a > 0 && c > 0 ? [(c * first - b * second) / det, (a * second - b * first) / det] : [0, 0];
    for (const i of members) freed[i] = (residuals[i] + gradients[i][0] * solved[0] + gradients[i][1] * solved[1]) / room[i];
  }
  return freed;
}

/** Standard error of the height (log B_crit at the centre) when the points of one run err together. */
export function heightError(fit: TiedHyperbolas, points: readonly TiedPoint[]): number {
  const { gradients, inverse } = fit;
  if (inverse === undefined) return Infinity;
  const freed = withoutOwnRun(fit, points);
  const byRun = new Map<number, number>();
  points.forEach(({ run }, i) => {
    const change = (inverse[0] * gradients[i][0] + inverse[1] * gradients[i][1]) * freed[i];
    byRun.set(run, (byRun.get(run) ?? 0) + change);
  });
  return Math.sqrt([...byRun.values()].reduce((sum, change) => sum + change ** 2, 0));
}

function evaluate(
  points: readonly TiedPoint[],
  losses: ArrayLike<number>,
  height: number,
  slope: number,
  logE?: ArrayLike<number>,
): Omit<TiedHyperbolas, 'status'> {
  const count = points.length;
  const levels = losses.length;
  const residuals = new Float64Array(count);
  const shares = new Float64Array(count);
  const sizes = new Float64Array(levels);
  const means = new Float64Array(levels);
  const shareMeans = new Float64Array(levels);
  for (let i = 0; i < count; i++) {
    const { level, logB } = points[i];
    const ratio = Math.exp(logB - height + slope * losses[level]);
    residuals[i] = (logE?.[i] ?? points[i].logE) - Math.log1p(ratio);
    shares[i] = ratio === Infinity ? 1 : ratio / (1 + ratio);
    sizes[level]++;
    means[level] += residuals[i];
    shareMeans[level] += shares[i];
  }
  const gradients: Float64Array[] = [];
  let [a, b, c, sumOfSquares] = [0, 0, 0, 0];
  for (let i = 0; i < count; i++) {
    const { level } = points[i];
    residuals[i] -= means[level] / sizes[level];
    // log B_crit rises with the height and falls along the slope; log E falls as log B_crit rises.
    const share = shares[i] - shareMeans[level] / sizes[level];
    const gradient = Float64Array.of(-share, share * losses[level]);
    gradients.push(gradient);
    a += gradient[0] ** 2;
    b += gradient[0] * gradient[1];
    c += gradient[1] ** 2;
    sumOfSquares += residuals[i] ** 2;
  }
  const determinant = a * c - b * b;
  const determined = determinant > 1e-12 * a * c && a > 1e-18 && Number.isFinite(determinant);
  return {
    height,
    slope,
    residuals,
    sumOfSquares: Number.isNaN(sumOfSquares) ? Infinity : sumOfSquares,
    gradients,
    inverse: determined ? [c / determinant, -b / determinant, a / determinant] : undefined,
  };
}
