// Published laws for the best learning rate and batch, drawn beside fitted ones as reference lines. Every constant
// stands here once, with where it is printed.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';

/** Which count of parameters a law was fitted with. */
export type ParameterCount = 'nonEmbedding' | 'flopsPerToken/6' | 'not stated';

/** A published law over N parameters and D tokens. */
export interface PublishedOptimum {
  readonly id: 'step-law' | 'tiny-step-law' | 'kaplan-learning-rate' | 'porian';
  readonly label: Sentence;
  /** Paper, and place in it or in its repository. */
  readonly citation: string;
  readonly url: string;
  /** The count of parameters to call `lr` and `B` with. */
  readonly count: ParameterCount;
  /** Sizes the law was fitted on, as far as the source says. */
  readonly fittedOn: Sentence;
  /** Peak learning rate at N and D. */
  readonly lr: (N: number, D: number) => number;
  /** Batch in tokens at N and D; undefined where the source has no law of N and D for it. */
  readonly B: ((N: number, D: number) => number) | undefined;
}

/** All published laws, Step Law first. */
export const publishedOptima: readonly PublishedOptimum[] = [
  {
    id: 'step-law',
    label: { en: 'Step Law', zh: 'Step Law（阶跃定律）' },
    citation: 'Li et al., "Predictable Scale: Part I", arXiv 2503.04715; README of github.com/step-law/steplaw',
    url: 'https://arxiv.org/abs/2503.04715',
    count: 'nonEmbedding',
    fittedOn: { en: '60 million to 1.07 billion parameters, 2 to 100 billion tokens', zh: '0.6 亿至 10.7 亿参数，20 亿至 1000 亿词元' },
    lr: (N, D) => 1.79 * N ** -0.713 * D ** 0.307,
    B: (_, D) => 0.58 * D ** 0.571,
  },
  {
    id: 'tiny-step-law',
    label: { en: 'Step Law refitted below 59 million parameters', zh: '在 5900 万参数以下重新拟合的 Step Law' },
    citation: 'Romanyukov et al., "Does Step Law transfer … below 59M", arXiv 2609.27581, abstract',
    url: 'https://arxiv.org/abs/2609.27581',
    count: 'not stated',
    fittedOn: {
      en: 'fewer than 59 million parameters, 4 to 600 tokens a parameter, TinyStories',
      zh: '少于 5900 万参数，每参数 4 至 600 词元，TinyStories',
    },
    lr: (N, D) => 0.0985 * N ** -0.508 * D ** 0.238,
    B: (_, D) => 3.6e-4 * D ** 0.931,
  },
  {
    id: 'kaplan-learning-rate',
    label: { en: 'Kaplan et al., learning rate', zh: 'Kaplan 等，学习率' },
    citation: 'Kaplan et al., "Scaling Laws for Neural Language Models", arXiv 2001.08361, appendix D.6',
    url: 'https://arxiv.org/abs/2001.08361',
    count: 'nonEmbedding',
    fittedOn: { en: '768 to 1.5 billion parameters', zh: '768 至 15 亿参数' },
    lr: (N) => 0.003239 - 0.0001395 * Math.log(N),
    B: undefined,
  },
  {
    id: 'porian',
    label: { en: 'Porian et al.', zh: 'Porian 等' },
    citation:
      'Porian et al., "Resolving Discrepancies in Compute-Optimal Scaling of Language Models", arXiv 2406.19146, as compared in arXiv 2503.04715, table 1',
    url: 'https://arxiv.org/abs/2406.19146',
    count: 'flopsPerToken/6',
    fittedOn: { en: '5 to 901 million parameters, embedding included', zh: '500 万至 9.01 亿参数，含嵌入' },
    lr: (N) => 3.7 * N ** -0.36,
    B: (N) => 0.7576 * N ** 0.703,
  },
];

/** Exponents of a published law, with intervals where the source gives what they can be had from. */
export interface PublishedExponents {
  readonly id: 'step-law' | 'tiny-step-law';
  readonly label: Sentence;
  readonly citation: string;
  readonly exponents: Readonly<Partial<Record<'lr.N' | 'lr.D' | 'batch.D' | 'batch.N', Estimate | { readonly value: number }>>>;
}

/** Exponents of Step Law and of its refit below 59 million parameters. */
export const publishedExponents: readonly PublishedExponents[] = [
  {
    id: 'step-law',
    label: { en: 'Step Law', zh: 'Step Law' },
    citation: 'arXiv 2503.04715; intervals: 2.5–97.5 percentiles of the 1,000 coefficient sets released at github.com/step-law/steplaw',
    exponents: {
      'lr.N': { value: -0.713, low: -0.7744, high: -0.6554 },
      'lr.D': { value: 0.307, low: 0.2712, high: 0.3451 },
      'batch.D': { value: 0.571, low: 0.534, high: 0.6055 },
    },
  },
  {
    id: 'tiny-step-law',
    label: { en: 'Step Law below 59 million parameters', zh: '5900 万参数以下的 Step Law' },
    citation: 'arXiv 2609.27581, abstract',
    exponents: { 'lr.N': { value: -0.508 }, 'lr.D': { value: 0.238 }, 'batch.D': { value: 0.931 } },
  },
];
