// The laws of Kaplan et al., "Scaling Laws for Neural Language Models", arXiv 2001.08361, section 1.2, as functions, and
// what they say together about the best use of compute (appendix B). N parameters (the paper: non-embedding), D tokens,
// S optimizer steps, C FLOPs, losses in nats per token.
import { criticalBatch, type CriticalBatchConstants } from './critical-batch-forms.ts';

/** L(N) = (N_c/N)^α_N: data and steps without limit. */
export interface SizeLaw {
  readonly alphaN: number;
  /** N_c, parameters. */
  readonly Nc: number;
}

/** L(D) = (D_c/D)^α_D: size and steps without limit. */
export interface DataLaw {
  readonly alphaD: number;
  /** D_c, tokens. */
  readonly Dc: number;
}

/** The step term of L(N, S_min): (S_c/S_min)^α_S. */
export interface StepLaw {
  readonly alphaS: number;
  /** S_c, steps. */
  readonly Sc: number;
}

/**
 * B_crit(L) = B_* · L^{−1/α_B} with B_* ≈ 2·10⁸ tokens and α_B ≈ 0.21, as published for WebText2 (Kaplan et al., arXiv
 * 2001.08361, section 5.1). Other data and tokenizers have other constants.
 */
export const PUBLISHED_CRITICAL_BATCH: CriticalBatchConstants = { batch: 2e8, alpha: 0.21 };

/** L(N). */
export function lossAtSize({ alphaN, Nc }: SizeLaw, N: number): number {
  return (Nc / N) ** alphaN;
}

/** L(D). */
export function lossAtTokens({ alphaD, Dc }: DataLaw, D: number): number {
  return (Dc / D) ** alphaD;
}

/** L(N, D) = [(N_c/N)^{α_N/α_D} + D_c/D]^{α_D} (section 4.1). */
export function lossAtSizeAndTokens({ alphaN, Nc, alphaD, Dc }: SizeLaw & DataLaw, N: number, D: number): number {
  return ((Nc / N) ** (alphaN / alphaD) + Dc / D) ** alphaD;
}

/** L(N, S_min) = (N_c/N)^α_N + (S_c/S_min)^α_S (section 5.2). */
export function lossAtSizeAndSteps({ alphaN, Nc, alphaS, Sc }: SizeLaw & StepLaw, N: number, minimumSteps: number): number {
  return (Nc / N) ** alphaN + (Sc / minimumSteps) ** alphaS;
}

/** What L(N, S_min) and B_crit(L) imply for a budget of C_min FLOPs: L = (Cc/C)^alphaC at N = `Nopt.c`·C^p. */
export interface ComputeOptimum {
  readonly alphaC: number;
  /** C_c, FLOPs. */
  readonly Cc: number;
  /** Exponent of N_opt ∝ C_min^p. */
  readonly p: number;
  /** N_opt at one FLOP. */
  readonly 'Nopt.c': number;
}

/**
 * The optimum in closed form (appendix B): with C_min = 6·N·S_min·B_crit(L), minimised over N at each loss,
 * α_C = 1/(1/α_S + 1/α_B + 1/α_N), C_c = 6·N_c·B_*·S_c·(1 + α_N/α_S)^{1/α_S + 1/α_N}·(α_S/α_N)^{1/α_S}, and
 * N_opt = N_c·(C_min/C_c)^{α_C/α_N}·(1 + α_N/α_S)^{1/α_N}.
 */
export function computeOptimum({ alphaN, Nc, alphaS, Sc }: SizeLaw & StepLaw, critical: CriticalBatchConstants): ComputeOptimum {
  const ratio = alphaN / alphaS;
  const alphaC = 1 / (1 / alphaS + 1 / critical.alpha + 1 / alphaN);
  const Cc = 6 * Nc * critical.batch * Sc * (1 + ratio) ** (1 / alphaS + 1 / alphaN) * (1 / ratio) ** (1 / alphaS);
  const p = alphaC / alphaN;
  return { alphaC, Cc, p, 'Nopt.c': Nc * (1 + ratio) ** (1 / alphaN) * Cc ** -p };
}

/** C_min of reaching a loss with a model of N parameters by S_min steps at a small batch: 6·N·S_min·B_crit(L) (appendix B). */
export function computeOfMinimumSteps(N: number, minimumSteps: number, loss: number, critical: CriticalBatchConstants): number {
  return 6 * N * minimumSteps * criticalBatch(critical, loss);
}
