// The trade of steps for tokens at one loss, and the critical batch. McCandlish et al., arXiv 1812.06162;
// Kaplan et al., arXiv 2001.08361, section 5.1 (eq. 5.1–5.5). Batches and E in tokens, S in steps, L in nats.

/** B_crit(L) = B_* / L^{1/α_B} (Kaplan et al., eq. 5.3). */
export interface CriticalBatchConstants {
  /** B_*, tokens. */
  readonly batch: number;
  /** α_B. */
  readonly alpha: number;
}

/** B_crit at loss L, tokens. */
export function criticalBatch({ batch, alpha }: CriticalBatchConstants, loss: number): number {
  return batch * loss ** (-1 / alpha);
}

/** Steps and tokens that a loss needs at least: S_min at an infinite batch, E_min at the smallest, E_min = B_crit·S_min. */
export interface LossLevelCost {
  readonly Smin: number;
  readonly Emin: number;
}

/** Steps to the loss at batch B: S_min·(1 + B_crit/B), from (S/S_min − 1)(E/E_min − 1) = 1 with E = B·S. */
export function stepsAtBatch({ Smin, Emin }: LossLevelCost, batch: number): number {
  return Smin * (1 + Emin / Smin / batch);
}

/** Tokens to the loss at batch B: E_min·(1 + B/B_crit). */
export function tokensAtBatch({ Smin, Emin }: LossLevelCost, batch: number): number {
  return Emin * (1 + (batch * Smin) / Emin);
}

/** S_min of a point reached after S steps at batch B and loss L: S/(1 + B_crit(L)/B) (Kaplan et al., eq. 5.4). */
export function minimumSteps(steps: number, batch: number, critical: number): number {
  return steps / (1 + critical / batch);
}

/** C_min of a point that cost C FLOPs at batch B and loss L: C/(1 + B/B_crit(L)) (Kaplan et al., eq. 5.5). */
export function minimumCompute(compute: number, batch: number, critical: number): number {
  return compute / (1 + batch / critical);
}
