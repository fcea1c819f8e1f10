// The loss of a run at any step and batch size, solved both ways:
//   L = (N_c/N)^αN + (S_c·(1 + B_crit(L)/B)/S)^αS,   B_crit(L) = B_*/L^{1/αB}.
// Kaplan et al., arXiv 2001.08361, eq. 1.6 (L(N, S_min)), 5.3 and 5.4; put together to a whole trajectory by Su et al.,
// "Unraveling the Mystery of Scaling Laws: Part I", arXiv 2403.06563. L stands on both sides, so it is bracketed.
import { criticalBatch, type CriticalBatchConstants } from './critical-batch-forms.ts';

/** Constants of the law. N, steps S and tokens B raw; losses in nats per token. */
export interface TrajectoryConstants {
  readonly alphaN: number;
  /** Parameters at which the loss of a converged model would be 1. */
  readonly Nc: number;
  readonly alphaS: number;
  /** Steps. */
  readonly Sc: number;
  readonly critical: CriticalBatchConstants;
}

/** The least loss that N parameters reach, with data and steps without end: (N_c/N)^αN. */
export function minimumLoss({ alphaN, Nc }: TrajectoryConstants, N: number): number {
  return Math.exp(alphaN * (Math.log(Nc) - Math.log(N)));
}

/**
 * Loss after S steps at batch B (tokens, Infinity allowed). Infinity at S = 0, NaN for anything that no run has
 * (N, B or S not positive).
 */
export function trajectoryLoss(constants: TrajectoryConstants, run: { N: number; B: number; S: number }): number {
  const { alphaS, Sc, critical } = constants;
  const { N, B, S } = run;
  if (!(N > 0) || !(B > 0) || !(S >= 0)) return NaN;
  if (S === 0) return Infinity;
  const solved = solveTrajectory(
    Math.log(minimumLoss(constants, N)),
    alphaS,
    Math.log(Sc) - Math.log(S),
    Math.log(critical.batch) - Math.log(B),
    1 / critical.alpha,
  );
  return Math.exp(solved);
}

/** Steps to a loss at an infinite batch, S_min(L); Infinity where N parameters never get there. */
export function minimumStepsTo(constants: TrajectoryConstants, N: number, loss: number): number {
  const above = loss - minimumLoss(constants, N);
  if (Number.isNaN(above)) return NaN;
  return above > 0 ? constants.Sc * above ** (-1 / constants.alphaS) : Infinity;
}

/** Steps to a loss at batch B, S_min·(1 + B_crit(L)/B); Infinity where N parameters never get there. */
export function requiredSteps(constants: TrajectoryConstants, run: { N: number; B: number; loss: number }): number {
  return minimumStepsTo(constants, run.N, run.loss) * (1 + criticalBatch(constants.critical, run.loss) / run.B);
}

/** Tokens to a loss at batch B: B times the steps. At B = B_crit(L) twice the fewest steps and twice the fewest tokens. */
export function requiredTokens(constants: TrajectoryConstants, run: { N: number; B: number; loss: number }): number {
  const Smin = minimumStepsTo(constants, run.N, run.loss);
  return Smin * (run.B + criticalBatch(constants.critical, run.loss));
}

/** The least loss that N parameters reach on D tokens, at the smallest of batches: E_min(L) = D solved for L. */
export function lossAtTokens(constants: TrajectoryConstants, N: number, D: number): number {
  if (!(N > 0) || !(D > 0)) return NaN;
  const logFloor = Math.log(minimumLoss(constants, N));
  // S_min·B_crit(L) = D is the trajectory's equation with nothing but the batch term.
  const { alphaS, Sc, critical } = constants;
  return Math.exp(solveTrajectory(logFloor, alphaS, -Infinity, Math.log(Sc) + Math.log(critical.batch) - Math.log(D), 1 / critical.alpha));
}

/**
 * log L of the trajectory: the root of log[L_N + (r·(1 + q·L^{−p}))^αS] − log L, which falls in L, so that it has one root. The
 * bracket starts at the floor L_N and at the right-hand side there, which no root exceeds; Newton steps inside it, bisection
 * where they leave it.
 * @param logFloor log L_N
 * @param logSteps log r = log(S_c/S); −Infinity leaves only the batch term, whose `logBatch` is then log(r·q)
 * @param logBatch log q = log(B_* / B)
 * @param power p = 1/α_B
 * @param guess where to look first, if something near the root is known
 */
export function solveTrajectory(
  logFloor: number,
  alphaS: number,
  logSteps: number,
  logBatch: number,
  power: number,
  guess?: number,
): number {
  /** log of the step term at log L, and its derivative in log L. */
  const onlyBatch = logSteps === -Infinity;
  const term = (logLoss: number): number => {
    const ratio = logBatch - power * logLoss;
    return alphaS * (onlyBatch ? ratio : logSteps + softplus(ratio));
  };
  let low = logFloor;
  let high = logSum(logFloor, term(logFloor));
  if (!Number.isFinite(high) || !(high > low)) return high;
  let x = guess !== undefined && guess > low && guess < high ? guess : high;
  for (let i = 0; i < 200; i++) {
    const t = term(x);
    const right = logSum(logFloor, t);
    const gap = right - x;
    if (gap > 0) low = x;
    else high = x;
    // The gap itself is known no better than this.
    if (Math.abs(gap) <= 2e-15 * Math.max(1, Math.abs(x), Math.abs(t)) || !(high > low)) break;
    const share = Math.exp(t - right);
    const batchShare = onlyBatch ? 1 : logistic(logBatch - power * x);
    const slope = -share * alphaS * power * batchShare - 1;
    const next = x - gap / slope;
    const step = next > low && next < high ? next : (low + high) / 2;
    if (step === x) break;
    x = step;
  }
  return x;
}

/** log(e^a + e^b). */
export function logSum(a: number, b: number): number {
  const most = Math.max(a, b);
  return most === -Infinity || most === Infinity ? most : most + Math.log1p(Math.exp(-Math.abs(a - b)));
}

/** log(1 + e^x). */
export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** 1/(1 + e^{−x}). */
export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
