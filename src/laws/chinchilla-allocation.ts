// What follows from L = E + A/N^α + B/D^β once it is known: how to split a compute budget, and what that gives.
// Hoffmann et al. (Chinchilla, arXiv 2203.15556), section 3.3, eq. 4, under C = 6·N·D.
import type { LossConstants } from './chinchilla-objective.ts';

/** FLOPs per parameter and token of training, the convention under which `a`, `b` and `G` are stated. */
export const FLOPS_PER_PARAMETER_TOKEN = 6;

/** Predicted loss, nats per token, of N parameters trained on D tokens. */
export function chinchillaLoss({ E, A, B, alpha, beta }: LossConstants, N: number, D: number): number {
  return E + A / N ** alpha + B / D ** beta;
}

/** Exponents and factor of the compute-optimal frontier: N_opt = G·(C/6)^a, D_opt = (C/6)^b / G, a + b = 1. */
export interface Allocation {
  /** β/(α + β). */
  readonly a: number;
  /** α/(α + β). */
  readonly b: number;
  /** (αA/βB)^{1/(α+β)}. */
  readonly G: number;
}

/** Eq. 4: minimises the predicted loss over N·D = C/6. */
export function allocation({ A, B, alpha, beta }: LossConstants): Allocation {
  const sum = alpha + beta;
  return { a: beta / sum, b: alpha / sum, G: Math.exp(Math.log((alpha * A) / (beta * B)) / sum) };
}

/** Compute-optimal parameters, tokens and loss at C FLOPs. */
export function computeOptimal(constants: LossConstants, C: number): { readonly N: number; readonly D: number; readonly loss: number } {
  const { a, b, G } = allocation(constants);
  const unit = C / FLOPS_PER_PARAMETER_TOKEN;
  const N = G * unit ** a;
  const D = unit ** b / G;
  return { N, D, loss: chinchillaLoss(constants, N, D) };
}

/** FLOPs (6·N·D) that N parameters are the compute-optimal size for. */
export function computeFor(constants: LossConstants, N: number): number {
  const { a, G } = allocation(constants);
  return FLOPS_PER_PARAMETER_TOKEN * (N / G) ** (1 / a);
}
