// How large a model is and what it costs: N by each convention and exact FLOPs. Scaling laws differ by these counts
// (Pearce & Song, arXiv 2406.12907; Porian et al., arXiv 2406.19146), so all are kept side by side and named.
import { mlpWidth } from '../config/run.ts';
import { parameterSpecs, type ModelConfig } from './parameters.ts';

/** N by each convention. */
export interface ParameterCounts {
  /** All but embeddings and head (Kaplan et al., arXiv 2001.08361, section 2.1; biases and norms counted). */
  readonly nonEmbedding: number;
  /** Every parameter once, embeddings and head included (Hoffmann et al., arXiv 2203.15556). */
  readonly total: number;
  /** Training FLOPs per token / 6: parameters that do work, head and attention scores included (after Porian et al., arXiv 2406.19146). */
  readonly flops: number;
  /**
   * `nonEmbedding` without the experts that a token does not pass through (Na of Step Law, Li et al., arXiv 2503.04715);
   * the router counts. Equal to `nonEmbedding` in a dense model.
   */
  readonly active: number;
}

/** Forward FLOPs per token of each part (a multiply and an add are two), averaged over a full context. */
export interface FlopCounts {
  /** Query, key, value and output projections, all layers. */
  readonly attentionProjections: number;
  /** q·k and weights·v over the pairs the causal mask leaves, (context + 1)/2 per token and head, all layers. */
  readonly attentionScores: number;
  /** Both products of the MLP, or of the experts that a token passes through, all layers. */
  readonly mlp: number;
  /** The routers' products, all layers; 0 in a dense model. */
  readonly router: number;
  readonly head: number;
  readonly forward: number;
  /** Forward and backward, 3 × forward (the backward pass does each product twice). */
  readonly training: number;
  /**
   * What training really computes here: every expert for every token (src/ops/mixture/mixture.ts), so more than
   * `training` in a mixture of experts. It says how long a run takes, not what it is worth.
   */
  readonly computed: number;
}

/** Names of the counts of N. */
export type ParameterConvention = keyof ParameterCounts;

/** N by each convention. */
export function countParameters(model: ModelConfig): ParameterCounts {
  let total = 0;
  let nonEmbedding = 0;
  for (const { size, part } of parameterSpecs(model)) {
    total += size;
    if (part === 'block' || part === 'finalNorm') nonEmbedding += size;
  }
  return { nonEmbedding, total, flops: countFlops(model).training / 6, active: nonEmbedding - idleParameters(model) };
}

/** Parameters of the experts, in all layers, that a token does not pass through: their matrices and biases. */
export function idleParameters({ shape, mixture }: Pick<ModelConfig, 'shape' | 'mixture'>): number {
  if (!mixture) return 0;
  const hidden = mlpWidth(shape);
  const expert = 2 * shape.width * hidden + hidden + shape.width;
  return shape.layers * (mixture.experts - mixture.perToken) * expert;
}

/**
 * Exact FLOPs of the matrix products per token. Attention counts only the pairs (query, key ≤ query): over a full
 * context that is context·(context + 1)/2 per head, which per token and layer gives 2·(context + 1)·width for the two
 * products together (Kaplan's 2·n_ctx·d, section 2.1, but for the + 1). Of experts those count that a token passes through.
 * Norms, softmax, GELU, biases and gates are not counted.
 */
export function countFlops(model: ModelConfig): FlopCounts {
  const { layers, width } = model.shape;
  const attentionProjections = layers * 2 * 4 * width * width;
  const attentionScores = layers * 2 * (model.context + 1) * width;
  const expert = layers * 2 * 2 * width * mlpWidth(model.shape);
  const { experts, perToken } = model.mixture ?? { experts: 0, perToken: 1 };
  const mlp = perToken * expert;
  const router = layers * 2 * width * experts;
  const head = 2 * width * model.vocabulary;
  const forward = attentionProjections + attentionScores + mlp + router + head;
  // All experts, and the product of gates and output biases.
  const besides = model.mixture ? (experts - perToken) * expert + layers * 2 * experts * width : 0;
  return {
    ...{ attentionProjections, attentionScores, mlp, router, head, forward },
    ...{ training: 3 * forward, computed: 3 * (forward + besides) },
  };
}
