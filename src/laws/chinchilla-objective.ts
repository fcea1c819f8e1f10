// The objective of Hoffmann et al.'s third approach and its minimisation from one start: a damped Newton method on
// the five parameters of L = E + A/N^α + B/D^β, in logarithms.
//
// Why not a library: ml-levenberg-marquardt knows squares only, so Huber's loss costs it a sequence of reweighted
// fits, 50 ms a start at 250 points; a thousand resamples then take a minute. The model is a log-sum-exp of lines,
// so its second derivatives are free, and Newton needs about ten evaluations of 30 µs. The library remains the second,
// independent route (chinchilla-search.ts).

/** Runs as the solver sees them. Logarithms are natural; those of N and D are centred, which decouples A from α. */
export interface LossPoints {
  readonly logN: Float64Array;
  readonly logD: Float64Array;
  readonly logLoss: Float64Array;
  /** Subtracted from log N and log D. */
  readonly centre: readonly [logN: number, logD: number];
}

/** (log E, log of A/N^α at the centre, log of B/D^β at the centre, α, β). */
export type LogParameters = readonly [e: number, a: number, b: number, alpha: number, beta: number];

/** E + A/N^α + B/D^β: nats per token, N and D raw counts. */
export interface LossConstants {
  readonly E: number;
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** Centres and takes logarithms. All values must be positive. */
export function lossPoints(N: readonly number[], D: readonly number[], loss: readonly number[]): LossPoints {
  const logN = Float64Array.from(N, Math.log);
  const logD = Float64Array.from(D, Math.log);
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centre = [mean(logN), mean(logD)] as const;
  return {
    logN: logN.map((value) => value - centre[0]),
    logD: logD.map((value) => value - centre[1]),
    logLoss: Float64Array.from(loss, Math.log),
    centre,
  };
}

/** Constants in the law's own units. */
export function toConstants([e, a, b, alpha, beta]: LogParameters, centre: LossPoints['centre']): LossConstants {
  return { E: Math.exp(e), A: Math.exp(a + alpha * centre[0]), B: Math.exp(b + beta * centre[1]), alpha, beta };
}

/** The inverse of `toConstants`. */
export function toLogParameters(constants: LossConstants, centre: LossPoints['centre']): LogParameters {
  const { E, A, B, alpha, beta } = constants;
  return [Math.log(E), Math.log(A) - alpha * centre[0], Math.log(B) - beta * centre[1], alpha, beta];
}

/** log(E + A/N^α + B/D^β) − log L at each point: fitted − observed. */
export function logResiduals(parameters: LogParameters, points: LossPoints): Float64Array {
  const [e, a, b, alpha, beta] = parameters;
  return points.logLoss.map((observed, i) => {
    const z1 = a - alpha * points.logN[i];
    const z2 = b - beta * points.logD[i];
    const top = Math.max(e, z1, z2);
    return top + Math.log(Math.exp(e - top) + Math.exp(z1 - top) + Math.exp(z2 - top)) - observed;
  });
}

const SIZE = 5;

/**
 * Σ weight·Huber_δ(log L̂ − log L): r²/2 within δ, δ(|r| − δ/2) beyond; δ = Infinity is least squares. Summed, not
 * averaged (Hoffmann et al., arXiv 2203.15556, eq. 3): an average shrinks with the number of runs, and an optimiser's
 * default tolerance then stops at its start.
 */
export function huberSum(parameters: LogParameters, points: LossPoints, delta: number, weights?: ArrayLike<number>): number {
  const { logN, logD, logLoss } = points;
  const [e, a, b, alpha, beta] = parameters;
  let sum = 0;
  for (let i = 0; i < logLoss.length; i++) {
    const weight = weights === undefined ? 1 : weights[i];
    if (weight === 0) continue;
    const z1 = a - alpha * logN[i];
    const z2 = b - beta * logD[i];
    const top = z1 > z2 ? (z1 > e ? z1 : e) : z2 > e ? z2 : e;
    const size = Math.abs(top + Math.log(Math.exp(e - top) + Math.exp(z1 - top) + Math.exp(z2 - top)) - logLoss[i]);
    sum += weight * (size <= delta ? (size * size) / 2 : delta * (size - delta / 2));
  }
  return Number.isNaN(sum) ? Infinity : sum;
}

/** The objective with its derivatives, matrices 5 × 5 row by row. */
interface Derivatives {
  value: number;
  readonly gradient: Float64Array;
  /** Second derivatives of the objective, its kinks at |r| = δ left out. */
  readonly hessian: Float64Array;
  /** Σ weight·ψ(r)/r·∇m∇mᵀ: the matrix of a reweighted least-squares step, positive semi-definite and never too small. */
  readonly majorant: Float64Array;
}

/**
 * With p the shares of the three terms in L̂ and z their exponents (linear in the parameters), m = log L̂ has
 * ∇m = Σ p∇z and ∇²m = Σ p∇z∇zᵀ − ∇m∇mᵀ.
 */
function differentiate(
  parameters: LogParameters,
  points: LossPoints,
  delta: number,
  weights: ArrayLike<number> | undefined,
  into: Derivatives,
): void {
  const { logN, logD, logLoss } = points;
  const [e, a, b, alpha, beta] = parameters;
  const { gradient, hessian, majorant } = into;
  gradient.fill(0);
  hessian.fill(0);
  majorant.fill(0);
  const g = new Float64Array(SIZE);
  let value = 0;
  for (let i = 0; i < logLoss.length; i++) {
    const weight = weights === undefined ? 1 : weights[i];
    if (weight === 0) continue;
    const x = logN[i];
    const y = logD[i];
    const z1 = a - alpha * x;
    const z2 = b - beta * y;
    const top = z1 > z2 ? (z1 > e ? z1 : e) : z2 > e ? z2 : e;
    const e0 = Math.exp(e - top);
    const e1 = Math.exp(z1 - top);
    const e2 = Math.exp(z2 - top);
    const total = e0 + e1 + e2;
    const residual = top + Math.log(total) - logLoss[i];
    const size = Math.abs(residual);
    const inside = size <= delta;
    value += weight * (inside ? (size * size) / 2 : delta * (size - delta / 2));
    const slope = weight * (inside ? residual : residual > 0 ? delta : -delta);
    const p0 = e0 / total;
    const p1 = e1 / total;
    const p2 = e2 / total;
    g[0] = p0;
    g[1] = p1;
    g[2] = p2;
    g[3] = -p1 * x;
    g[4] = -p2 * y;
    const bend = (inside ? weight : 0) - slope;
    const step = inside ? weight : (weight * delta) / size;
    for (let j = 0; j < SIZE; j++) {
      gradient[j] += slope * g[j];
      for (let k = 0; k <= j; k++) {
        const product = g[j] * g[k];
        hessian[j * SIZE + k] += bend * product;
        majorant[j * SIZE + k] += step * product;
      }
    }
    hessian[0] += slope * p0;
    hessian[6] += slope * p1;
    hessian[12] += slope * p2;
    hessian[16] -= slope * p1 * x;
    hessian[18] += slope * p1 * x * x;
    hessian[22] -= slope * p2 * y;
    hessian[24] += slope * p2 * y * y;
  }
  into.value = Number.isNaN(value) ? Infinity : value;
}

/** Where a descent ended. */
export interface Descent {
  readonly parameters: LogParameters;
  /** The objective there. */
  readonly value: number;
  /** Whether a step no longer lowers the objective by more than rounding. */
  readonly converged: boolean;
  readonly iterations: number;
}

/** Options of a descent. */
export interface DescentOptions {
  readonly delta: number;
  readonly weights?: ArrayLike<number> | undefined;
  /** Most evaluations, default 1,000. */
  readonly most?: number;
  /** Least relative gain that counts as a gain, default 1e-15. */
  readonly tolerance?: number;
  /** μ of the first step, default 1; less from a start that is nearly there. */
  readonly firstDamping?: number;
}

/**
 * Minimises `huberSum` from `start`. Each step solves (H + μM)d = −∇ with H the Hessian and M the matrix of a
 * reweighted least-squares step: a large μ gives that method's safe descent, μ → 0 Newton's last digits.
 */
export function descend(points: LossPoints, start: LogParameters, options: DescentOptions): Descent {
  const { delta, weights, most = 1000, tolerance = 1e-15, firstDamping = 1 } = options;
  const at: Derivatives = {
    value: Infinity,
    gradient: new Float64Array(SIZE),
    hessian: new Float64Array(SIZE * SIZE),
    majorant: new Float64Array(SIZE * SIZE),
  };
  let parameters: LogParameters = start;
  differentiate(parameters, points, delta, weights, at);
  let damping = firstDamping;
  let iterations = 1;
  let quiet = 0;
  if (at.value === Infinity) return { parameters, value: Infinity, converged: false, iterations };
  // Residuals of this size are the rounding of their logarithms: a law without noise has been found.
  let rounding = 0;
  for (let i = 0; i < points.logLoss.length; i++) rounding += 1e-29 * (weights === undefined ? 1 : weights[i]);
  while (iterations < most) {
    if (at.value <= rounding) return { parameters, value: at.value, converged: true, iterations };
    const step = solveDamped(at, damping);
    if (step === undefined) {
      damping = Math.max(damping * 4, 1e-3);
      if (damping > 1e12) break;
      continue;
    }
    let promised = 0;
    for (let j = 0; j < SIZE; j++) promised -= step[j] * at.gradient[j];
    // Nearly undamped, the promise is what is left to gain (twice it, for a quadratic).
    if (damping < 1e-3 && promised < tolerance * at.value) return { parameters, value: at.value, converged: true, iterations };
    const candidate: LogParameters = [
      parameters[0] + step[0],
      parameters[1] + step[1],
      parameters[2] + step[2],
      parameters[3] + step[3],
      parameters[4] + step[4],
    ];
    const value = huberSum(candidate, points, delta, weights);
    iterations++;
    if (value < at.value) {
      const gain = (at.value - value) / at.value;
      parameters = candidate;
      damping = damping < 1e-9 ? 0 : damping / 8;
      differentiate(parameters, points, delta, weights, at);
      iterations++;
      // A heavily damped step gains little wherever it is taken, so only quiet steps in a row at little damping count.
      quiet = gain < tolerance && damping < 1e-3 ? quiet + 1 : 0;
      if (quiet >= 2) return { parameters, value: at.value, converged: true, iterations };
    } else {
      // Even the linear model promises less than rounding: this is the minimum.
      if (promised <= 4e-16 * at.value) return { parameters, value: at.value, converged: true, iterations };
      damping = Math.max(damping * 6, 1e-6);
      if (damping > 1e12) return { parameters, value: at.value, converged: promised <= 1e-13 * at.value, iterations };
    }
  }
  return { parameters, value: at.value, converged: false, iterations };
}

/** Solves (H + damping·(M + tiny ridge)) d = −gradient by Cholesky; undefined when that matrix is not positive definite. */
function solveDamped(at: Derivatives, damping: number): Float64Array | undefined {
  const { gradient, hessian, majorant } = at;
  const factor = new Float64Array(SIZE * SIZE);
  let largest = 0;
  for (let j = 0; j < SIZE; j++) largest = Math.max(largest, majorant[j * SIZE + j]);
  for (let j = 0; j < SIZE; j++) {
    // A term whose share of the loss is below rounding has no say in the step, and its parameters stay.
    if (majorant[j * SIZE + j] <= 1e-30 * largest) {
      factor[j * SIZE + j] = Infinity;
      continue;
    }
    for (let k = 0; k <= j; k++) {
      let sum = hessian[j * SIZE + k] + damping * majorant[j * SIZE + k];
      if (j === k) sum += 1e-12 * damping * majorant[j * SIZE + j];
      for (let m = 0; m < k; m++) sum -= factor[j * SIZE + m] * factor[k * SIZE + m];
      if (j === k) {
        if (!(sum > 1e-14 * majorant[j * SIZE + j])) return undefined;
        factor[j * SIZE + j] = Math.sqrt(sum);
      } else {
        factor[j * SIZE + k] = sum / factor[k * SIZE + k];
      }
    }
  }
  const step = new Float64Array(SIZE);
  for (let j = 0; j < SIZE; j++) {
    let sum = -gradient[j];
    for (let m = 0; m < j; m++) sum -= factor[j * SIZE + m] * step[m];
    step[j] = sum / factor[j * SIZE + j];
  }
  for (let j = SIZE - 1; j >= 0; j--) {
    let sum = step[j];
    for (let m = j + 1; m < SIZE; m++) sum -= factor[m * SIZE + j] * step[m];
    step[j] = sum / factor[j * SIZE + j];
    if (!Number.isFinite(step[j])) return undefined;
  }
  return step;
}
