// Published exponents of Kaplan's laws, to be set beside measured ones: the paper's own, and those of a re-implementation
// at sizes that a laboratory like this one reaches. Levels depend on the tokenizer and the text; exponents travel better.
import type { Sentence } from '../messages/sentence.ts';

/** L ∝ x^−value. */
export interface PublishedExponent {
  readonly of: 'size' | 'tokens' | 'compute' | 'minimum compute' | 'steps' | 'loss of the critical batch';
  readonly value: number;
  readonly label: Sentence;
  readonly citation: string;
}

const kaplan = 'Kaplan et al., arXiv 2001.08361';
const small = 'shehper, a re-implementation of Kaplan et al. on OpenWebText up to 6.3 million parameters (nanoGPT), notebook output';

const kaplanLabel: Sentence = { en: 'Kaplan et al.', zh: 'Kaplan 等' };
const smallLabel: Sentence = { en: 'reproduced, ≤ 6.3 M', zh: '复现，≤ 630 万' };

/** `steps` is α_S of L(N, S_min); `loss of the critical batch` is α_B of B_crit = B_*·L^(−1/α_B). */
export const publishedExponents: readonly PublishedExponent[] = [
  { of: 'size', value: 0.076, label: kaplanLabel, citation: `${kaplan}, section 1.2` },
  { of: 'size', value: 0.0823, label: smallLabel, citation: small },
  { of: 'tokens', value: 0.095, label: kaplanLabel, citation: `${kaplan}, section 1.2` },
  { of: 'tokens', value: 0.1224, label: smallLabel, citation: `${small}; from L(N, D)` },
  { of: 'compute', value: 0.057, label: kaplanLabel, citation: `${kaplan}, at a fixed batch, as restated by re-implementations` },
  { of: 'compute', value: 0.074, label: smallLabel, citation: small },
  { of: 'minimum compute', value: 0.05, label: kaplanLabel, citation: `${kaplan}, section 1.2` },
  { of: 'minimum compute', value: 0.0566, label: smallLabel, citation: small },
  { of: 'steps', value: 0.76, label: kaplanLabel, citation: `${kaplan}, section 1.2, as restated by re-implementations` },
  { of: 'steps', value: 0.594, label: smallLabel, citation: small },
  { of: 'loss of the critical batch', value: 0.21, label: kaplanLabel, citation: `${kaplan}, section 1.2` },
  { of: 'loss of the critical batch', value: 0.2346, label: smallLabel, citation: small },
];

/** Those of one law. */
export function exponentsOf(of: PublishedExponent['of']): readonly PublishedExponent[] {
  return publishedExponents.filter((entry) => entry.of === of);
}
