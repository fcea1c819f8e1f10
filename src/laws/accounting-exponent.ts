// What counting without embeddings does to the exponent of N_opt(C), in closed form.
// Pearce & Song, "Reconciling Kaplan and Chinchilla Scaling Laws", arXiv 2406.12907: if the loss follows
// L = E + A/N_T^α + B/D^β in all parameters N_T, and N_T = N + γ·N^{1/3} with N the parameters without embeddings, then
// N_opt over C = 6·N·D is no power law: its exponent changes with N, from near 3/4 in tiny models through a peak to
// β/(α + β) in large ones.
import type { ModelCounts } from './accounting-counts.ts';

/** The terms of L = E + A/N_T^alpha + B/D^beta; N_T all parameters, D tokens. E does not matter here. */
export interface TotalSizeLaw {
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/**
 * γ of N_T = N + γ·N^{1/3} for models of one aspect: with N = 12·layers·width² and aspect = width/layers the width is
 * (N·aspect/12)^{1/3}, and the embedding has vocabulary × width parameters.
 * @param matrices vocabulary × width matrices outside the blocks: 1 for a tied head, 2 for an untied one
 */
export function embeddingFactor(vocabulary: number, aspect: number, matrices = 1): number {
  return matrices * vocabulary * (aspect / 12) ** (1 / 3);
}

/** γ that fits N_T = N + γ·N^{1/3} to models, by least squares on the share of N_T that is outside the blocks. NaN for none. */
export function fittedEmbeddingFactor(models: readonly Pick<ModelCounts, 'nonEmbedding' | 'total'>[]): number {
  let product = 0;
  let square = 0;
  for (const { nonEmbedding, total } of models) {
    const root = Math.cbrt(nonEmbedding) / total;
    product += root * ((total - nonEmbedding) / total);
    square += root * root;
  }
  return product / square;
}

/** C = 6·N·D at which a model of N parameters without embeddings is the best, FLOPs. */
export function computeWhereOptimal({ A, B, alpha, beta }: TotalSizeLaw, gamma: number, N: number): number {
  const root = gamma * Math.cbrt(N);
  const tokens = ((beta * B) / (alpha * A)) ** (1 / beta) * (N + root / 3) ** (-1 / beta) * (N + root) ** ((1 + alpha) / beta);
  return 6 * N * tokens;
}

/**
 * d log N_opt / d log C at N parameters without embeddings. With u = N^{2/3}: 1/g = 1 − (1/β)·(u + γ/9)/(u + γ/3) +
 * ((1 + α)/β)·(u + γ/3)/(u + γ). β/(α + β) where γ = 0.
 */
export function localExponent({ alpha, beta }: Pick<TotalSizeLaw, 'alpha' | 'beta'>, gamma: number, N: number): number {
  const u = Math.cbrt(N) ** 2;
  return 1 / (1 - (u + gamma / 9) / (u + gamma / 3) / beta + (((1 + alpha) / beta) * (u + gamma / 3)) / (u + gamma));
}
