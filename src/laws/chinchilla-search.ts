// Two independent routes to the global optimum of Hoffmann et al.'s third approach.
//
// Variable projection (default): for given exponents (α, β) the law is linear in E, A, B ≥ 0, so the search is over two
// numbers only. A grid over the plane finds every basin; each is descended in all five parameters.
// Multi-start: Hoffmann et al.'s own grid of starting points, each minimised by ml-levenberg-marquardt with
// reweighting. Slower; kept because two routes that agree are evidence that neither is stuck.
import { descend, huberSum, logResiduals, type Descent, type LogParameters, type LossPoints } from './chinchilla-objective.ts';
import { robustCurveFit, type Objective } from './huber.ts';
import { leastAbsoluteDescent } from './chinchilla-lad.ts';

/** Exponents outside are not searched: below, a term is a constant over any table; above, it is a step. */
export const EXPONENT_BOUNDS = [0.01, 4] as const;

/** δ of a given objective: Infinity for least squares, 0 for least absolute deviations. */
export function deltaOf(objective: Objective): number {
  switch (objective.name) {
    case 'huber':
      return objective.delta;
    case 'lad':
      return 0;
    case 'ls':
      return Infinity;
  }
}

/** Minimises any of the three objectives from one start, to rounding. */
export function descendTo(objective: Objective, points: LossPoints, start: LogParameters, weights?: ArrayLike<number>): Descent {
  return objective.name === 'lad'
    ? leastAbsoluteDescent(points, start, weights)
    : descend(points, start, { delta: deltaOf(objective), weights });
}

const EXPONENTS = 20;
const INNER_ROUNDS = 8;
const BASINS = 8;

/** The optimum by variable projection. Undefined when no basin could be descended. */
export function searchByProjection(points: LossPoints, objective: Objective): Descent | undefined {
  const [low, high] = EXPONENT_BOUNDS;
  const exponents = Float64Array.from({ length: EXPONENTS }, (_, i) => low * 2 * (high / low / 4) ** (i / (EXPONENTS - 1)));
  // Basins are located with a δ that does not vanish; the descent then follows the objective asked for.
  const delta = objective.name === 'lad' ? 1e-3 : deltaOf(objective);
  const nodes = Array.from(exponents, (alpha) => Array.from(exponents, (beta) => solveLinearPart(points, alpha, beta, delta)));
  const minima: { start: LogParameters; value: number }[] = [];
  for (let i = 0; i < EXPONENTS; i++) {
    for (let j = 0; j < EXPONENTS; j++) {
      const node = nodes[i][j];
      let lowest = Number.isFinite(node.value);
      for (let di = -1; di <= 1 && lowest; di++)
        for (let dj = -1; dj <= 1; dj++)
          if (nodes[i + di]?.[j + dj] !== undefined && nodes[i + di][j + dj].value < node.value) lowest = false;
      if (lowest) minima.push(node);
    }
  }
  minima.sort((first, second) => first.value - second.value);
  let best: Descent | undefined;
  const spacing = Math.log(exponents[1] / exponents[0]);
  for (const node of minima.slice(0, BASINS)) {
    const reached = descendTo(objective, points, refineExponents(points, node, delta, spacing / 2));
    if (best === undefined || reached.value < best.value) best = reached;
  }
  return best;
}

/** Compass search in (log α, log β) around a node of the grid, until the step is a hundredth. */
function refineExponents(
  points: LossPoints,
  from: { start: LogParameters; value: number },
  delta: number,
  firstStep: number,
): LogParameters {
  let best = from;
  for (let step = firstStep; step > 0.01;) {
    const [, , , alpha, beta] = best.start;
    const around = COMPASS.map(([x, y]) => solveLinearPart(points, alpha * Math.exp(step * x), beta * Math.exp(step * y), delta));
    const lowest = around.reduce((low, node) => (node.value < low.value ? node : low));
    if (lowest.value < best.value) best = lowest;
    else step /= 2;
  }
  return best.start;
}

const COMPASS = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
  [1, 1],
  [-1, -1],
  [1, -1],
  [-1, 1],
] as const;

/**
 * min over E, A, B ≥ 0 of the objective at fixed exponents, by reweighted Gauss–Newton: log(u·φ) is linearised at the
 * last u (at log L first), and the 3 × 3 problem solved over every subset of positive coefficients.
 */
export function solveLinearPart(points: LossPoints, alpha: number, beta: number, delta: number): { start: LogParameters; value: number } {
  const { logN, logD, logLoss } = points;
  const count = logLoss.length;
  const p1 = logN.map((value) => Math.exp(-alpha * value));
  const p2 = logD.map((value) => Math.exp(-beta * value));
  const observed = logLoss.map(Math.exp);
  const fitted = Float64Array.from(observed);
  const residuals = new Float64Array(count);
  const normal = new Float64Array(9);
  const right = new Float64Array(3);
  let best: { u: readonly number[]; value: number } = { u: [0, 0, 0], value: Infinity };
  for (let round = 0; round < INNER_ROUNDS; round++) {
    normal.fill(0);
    right.fill(0);
    for (let i = 0; i < count; i++) {
      const size = Math.abs(residuals[i]);
      const inverse = 1 / fitted[i];
      const weight = (size <= delta ? 1 : delta / size) * inverse * inverse;
      const target = fitted[i] * (1 - residuals[i]);
      const w1 = weight * p1[i];
      const w2 = weight * p2[i];
      normal[0] += weight;
      normal[1] += w1;
      normal[2] += w2;
      normal[4] += w1 * p1[i];
      normal[5] += w1 * p2[i];
      normal[8] += w2 * p2[i];
      right[0] += weight * target;
      right[1] += w1 * target;
      right[2] += w2 * target;
    }
    normal[3] = normal[1];
    normal[6] = normal[2];
    normal[7] = normal[5];
    const u = nonNegative(normal, right);
    if (u === undefined) break;
    let value = 0;
    for (let i = 0; i < count; i++) {
      fitted[i] = u[0] + u[1] * p1[i] + u[2] * p2[i];
      residuals[i] = Math.log(fitted[i]) - logLoss[i];
      const size = Math.abs(residuals[i]);
      value += size <= delta ? (size * size) / 2 : delta * (size - delta / 2);
    }
    if (!(value < best.value * (1 - 1e-4))) {
      if (value < best.value) best = { u, value };
      break;
    }
    best = { u, value };
  }
  // A coefficient on its bound enters the descent as a small share of the loss, where its gradient still shows.
  const least = 1e-3 * Math.exp(logLoss.reduce((low, value) => Math.min(low, value), Infinity));
  const [e, a, b] = best.u.map((value) => Math.log(value > 0 ? value : least));
  return { start: [e, a, b, alpha, beta], value: best.value };
}

const SUBSETS = [[0, 1, 2], [0, 1], [0, 2], [1, 2], [0], [1], [2]] as const;

/** argmin ½uᵀNu − rᵀu over u ≥ 0 in three dimensions: the best feasible solution over every set of free coefficients. */
function nonNegative(normal: Float64Array, right: Float64Array): number[] | undefined {
  let best: { u: number[]; value: number } | undefined;
  for (const subset of SUBSETS) {
    const free = solveSubset(normal, right, subset);
    if (free === undefined || free.some((value) => !(value > 0))) continue;
    const u = [0, 0, 0];
    subset.forEach((column, k) => (u[column] = free[k]));
    let value = 0;
    for (const column of subset) value -= (right[column] * u[column]) / 2;
    if (best === undefined || value < best.value) best = { u, value };
    if (subset.length === 3) break;
  }
  return best?.u;
}

function solveSubset(normal: Float64Array, right: Float64Array, subset: readonly number[]): number[] | undefined {
  const size = subset.length;
  const rows = subset.map((row) => [...subset.map((column) => normal[row * 3 + column]), right[row]]);
  for (let j = 0; j < size; j++) {
    for (let i = j + 1; i < size; i++) {
      const ratio = rows[i][j] / rows[j][j];
      for (let k = j; k <= size; k++) rows[i][k] -= ratio * rows[j][k];
    }
    if (!(rows[j][j] > 1e-14 * normal[subset[j] * 4])) return undefined;
  }
  const u = new Array<number>(size).fill(0);
  for (let j = size - 1; j >= 0; j--) {
    let sum = rows[j][size];
    for (let k = j + 1; k < size; k++) sum -= rows[j][k] * u[k];
    u[j] = sum / rows[j][j];
  }
  return u;
}

/**
 * Starting points of Hoffmann et al. (arXiv 2203.15556, section 3.3): α, β ∈ {0, .5, …, 2}, e ∈ {−1, −.5, …, 1},
 * a, b ∈ {0, 5, …, 25}. `share` keeps every 1/share-th of the 4,500.
 */
export function hoffmannStarts(points: LossPoints, share = 1): LogParameters[] {
  const starts: LogParameters[] = [];
  const [centreN, centreD] = points.centre;
  for (let alpha = 0; alpha <= 2; alpha += 0.5)
    for (let beta = 0; beta <= 2; beta += 0.5)
      for (let e = -1; e <= 1; e += 0.5)
        for (let a = 0; a <= 25; a += 5)
          for (let b = 0; b <= 25; b += 5) starts.push([e, a - alpha * centreN, b - beta * centreD, alpha, beta]);
  const stride = Math.max(1, Math.round(1 / share));
  return starts.filter((_, i) => i % stride === 0);
}

/** The optimum by Hoffmann et al.'s starting grid. Undefined when no start converged. */
export function searchFromManyStarts(
  points: LossPoints,
  objective: Objective,
  share = 1,
): { readonly best: Descent; readonly starts: number; readonly reached: number } | undefined {
  const starts = hoffmannStarts(points, share);
  const delta = objective.name === 'lad' ? 1e-3 : deltaOf(objective);
  const ends: Descent[] = [];
  for (const start of starts) {
    const value = huberSum(start, points, delta);
    if (!Number.isFinite(value)) continue;
    ends.push(objective.name === 'lad' ? leastAbsoluteDescent(points, start) : byLibrary(points, objective, start));
  }
  ends.sort((first, second) => first.value - second.value);
  const best = ends[0];
  if (best === undefined) return undefined;
  return { best, starts: starts.length, reached: ends.filter((end) => end.value <= best.value * (1 + 1e-6)).length };
}

/** One start minimised by ml-levenberg-marquardt under reweighting. */
export function byLibrary(points: LossPoints, objective: Objective, start: LogParameters): Descent {
  const zero = new Float64Array(points.logLoss.length);
  const shifted = { ...points, logLoss: zero };
  const fit = robustCurveFit(
    {
      model: (p) => logResiduals(p as unknown as LogParameters, shifted),
      jacobian: (p) => {
        const [e, a, b, alpha, beta] = p;
        const fitted = logResiduals(p as unknown as LogParameters, shifted);
        return Array.from(fitted, (m, i) => {
          const p1 = Math.exp(a - alpha * points.logN[i] - m);
          const p2 = Math.exp(b - beta * points.logD[i] - m);
          return [Math.exp(e - m), p1, p2, -p1 * points.logN[i], -p2 * points.logD[i]];
        });
      },
      y: points.logLoss,
      start,
    },
    objective,
  );
  return {
    parameters: fit.parameters as unknown as LogParameters,
    value: fit.objective,
    converged: fit.status === 'converged',
    iterations: NaN,
  };
}
