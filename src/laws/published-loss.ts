// Published laws of loss, drawn as reference lines beside fitted ones. Every constant stands here once, with where it is
// printed and what its N, D and C count: the same numbers under another count are another law.
import type { Sentence } from '../messages/sentence.ts';
import { chinchillaLoss } from './chinchilla-allocation.ts';
import type { LossConstants } from './chinchilla-objective.ts';
import { lossAtSize, lossAtSizeAndSteps, lossAtSizeAndTokens, lossAtTokens } from './kaplan-forms.ts';

/** Which parameters a published law counts: without embeddings and head, or all of them. */
export type PublishedCount = 'nonEmbedding' | 'total';

/** FLOPs of a petaflop/s-day, 10¹⁵ · 24 · 3600, the unit of compute of Kaplan et al. (arXiv 2001.08361, section 1.3). */
export const PETAFLOP_DAY = 8.64e19;

interface Published {
  readonly id: string;
  readonly label: Sentence;
  /** Paper, and place in it; where the number was read elsewhere, where. */
  readonly citation: string;
  readonly url: string;
  /** What D (or S) counts, what tokens they are, and on which sizes the law was fitted. */
  readonly fittedOn: Sentence;
}

/** A published loss in nats per token of the source's own tokenizer and text, by what it is a function of. */
export type PublishedLoss = Published &
  (
    | { readonly of: 'size'; readonly count: PublishedCount; readonly loss: (N: number) => number }
    | { readonly of: 'tokens'; readonly loss: (D: number) => number }
    | { readonly of: 'size and tokens'; readonly count: PublishedCount; readonly loss: (N: number, D: number) => number }
    /** `loss` at S_min steps: those that an infinite batch would need. */
    | { readonly of: 'size and minimum steps'; readonly count: PublishedCount; readonly loss: (N: number, minimumSteps: number) => number }
    /** `loss` at C_min FLOPs (6·N·tokens at a batch far below the critical one), of the best size for them. */
    | { readonly of: 'compute'; readonly count: PublishedCount; readonly loss: (C: number) => number }
  );

/** A published law E + A/N^α + B/D^β with its constants, for refitting, bands and allocation. */
export interface PublishedChinchilla extends Published {
  readonly id: 'chinchilla' | 'chinchilla-replication';
  readonly of: 'size and tokens';
  readonly count: PublishedCount;
  readonly constants: LossConstants;
  readonly loss: (N: number, D: number) => number;
}

const hoffmann: LossConstants = {
  E: Math.exp(0.5267228),
  A: Math.exp(6.0073404),
  B: Math.exp(6.0179186),
  alpha: 0.33917084,
  beta: 0.2849083,
};

const besiroglu: LossConstants = { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 };

const massiveText: Sentence = {
  en: '70 million to 16 billion parameters, 5 to 500 billion tokens; N with embeddings, D in training tokens',
  zh: '7000 万至 160 亿参数，50 亿至 5000 亿词元；N 含嵌入，D 为训练词元数',
};

/** Approach 3 of Hoffmann et al. as published, and as refitted to the points of its figure. */
export const publishedChinchilla: readonly PublishedChinchilla[] = [
  {
    id: 'chinchilla',
    label: { en: 'Chinchilla', zh: 'Chinchilla' },
    citation:
      'Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv 2203.15556, approach 3: E = 1.69, A = 406.4, B = 410.7, α = 0.34, β = 0.28; unrounded (as used here) in the notebook of Besiroglu et al. (github.com/epoch-research/analyzing-chinchilla)',
    url: 'https://arxiv.org/abs/2203.15556',
    fittedOn: massiveText,
    of: 'size and tokens',
    count: 'total',
    constants: hoffmann,
    loss: (N, D) => chinchillaLoss(hoffmann, N, D),
  },
  {
    id: 'chinchilla-replication',
    label: { en: 'Chinchilla, replicated', zh: 'Chinchilla（复现）' },
    citation:
      'Besiroglu et al., "Chinchilla Scaling: A Replication Attempt", arXiv 2404.10102, and its notebook (github.com/epoch-research/analyzing-chinchilla)',
    url: 'https://arxiv.org/abs/2404.10102',
    fittedOn: massiveText,
    of: 'size and tokens',
    count: 'total',
    constants: besiroglu,
    loss: (N, D) => chinchillaLoss(besiroglu, N, D),
  },
];

const kaplan = 'Kaplan et al., "Scaling Laws for Neural Language Models", arXiv 2001.08361';
const kaplanUrl = 'https://arxiv.org/abs/2001.08361';
const webText: Sentence = {
  en: '768 to 1.5 billion parameters without embeddings, WebText2, 50,257 tokens in the vocabulary, context 1,024; D in training tokens',
  zh: '不含嵌入的 768 至 15 亿参数，WebText2，词表 50257，上下文 1024；D 为训练词元数',
};

/** All published laws of loss: Chinchilla's two, then Kaplan's. */
export const publishedLosses: readonly PublishedLoss[] = [
  ...publishedChinchilla,
  {
    id: 'kaplan-size',
    label: { en: 'Kaplan et al., L(N)', zh: 'Kaplan 等，L(N)' },
    citation: `${kaplan}, section 1.2`,
    url: kaplanUrl,
    fittedOn: webText,
    of: 'size',
    count: 'nonEmbedding',
    loss: (N) => lossAtSize({ alphaN: 0.076, Nc: 8.8e13 }, N),
  },
  {
    id: 'kaplan-tokens',
    label: { en: 'Kaplan et al., L(D)', zh: 'Kaplan 等，L(D)' },
    citation: `${kaplan}, section 1.2`,
    url: kaplanUrl,
    fittedOn: webText,
    of: 'tokens',
    loss: (D) => lossAtTokens({ alphaD: 0.095, Dc: 5.4e13 }, D),
  },
  {
    id: 'kaplan-compute',
    label: { en: 'Kaplan et al., L(C_min)', zh: 'Kaplan 等，L(C_min)' },
    citation: `${kaplan}, section 1.2 (exponent 0.050, 3.1·10⁸ petaflop/s-days)`,
    url: kaplanUrl,
    fittedOn: webText,
    of: 'compute',
    count: 'nonEmbedding',
    loss: (C) => ((3.1e8 * PETAFLOP_DAY) / C) ** 0.05,
  },
  {
    id: 'kaplan-size-and-tokens',
    label: { en: 'Kaplan et al., L(N, D)', zh: 'Kaplan 等，L(N, D)' },
    citation: `${kaplan}, section 1.2, constants as restated by several re-implementations`,
    url: kaplanUrl,
    fittedOn: webText,
    of: 'size and tokens',
    count: 'nonEmbedding',
    loss: (N, D) => lossAtSizeAndTokens({ alphaN: 0.076, alphaD: 0.103, Nc: 6.4e13, Dc: 1.8e13 }, N, D),
  },
  {
    id: 'kaplan-size-and-steps',
    label: { en: 'Kaplan et al., L(N, S_min)', zh: 'Kaplan 等，L(N, S_min)' },
    citation: `${kaplan}, section 1.2, constants as restated by several re-implementations`,
    url: kaplanUrl,
    fittedOn: webText,
    of: 'size and minimum steps',
    count: 'nonEmbedding',
    loss: (N, minimumSteps) => lossAtSizeAndSteps({ alphaN: 0.077, Nc: 6.5e13, alphaS: 0.76, Sc: 2.1e3 }, N, minimumSteps),
  },
];

/** A published exponent of N_opt ∝ C^a, with the counts of N and C that it holds for. */
export interface PublishedAllocation {
  readonly id: string;
  readonly label: Sentence;
  readonly citation: string;
  readonly url: string;
  /** What N and C count. */
  readonly counting: Sentence;
  readonly a: number;
  /** Parameters at C FLOPs, where the source gives the factor too. */
  readonly size?: (C: number) => number;
}

const allCounted: Sentence = { en: 'N and C with embeddings and head', zh: 'N 与 C 含嵌入与输出层' };
const porian = 'Porian et al., "Resolving Discrepancies in Compute-Optimal Scaling of Language Models", arXiv 2406.19146';
const porianUrl = 'https://arxiv.org/abs/2406.19146';
const withHead: Sentence = { en: 'N and C with the head, without the embedding', zh: 'N 与 C 含输出层，不含嵌入' };
const withoutHead: Sentence = { en: 'N and C without embeddings and head', zh: 'N 与 C 不含嵌入与输出层' };

/** Published exponents of the compute-optimal size, and Porian et al.'s steps from Kaplan's to Chinchilla's (RefinedWeb). */
export const publishedAllocations: readonly PublishedAllocation[] = [
  {
    id: 'kaplan',
    label: { en: 'Kaplan et al.', zh: 'Kaplan 等' },
    citation: `${kaplan}, section 6.1, N_opt = 1.3·10⁹·C_min^0.73 with C_min in petaflop/s-days, as restated by two re-implementations`,
    url: kaplanUrl,
    counting: withoutHead,
    a: 0.73,
    size: (C) => 1.3e9 * (C / PETAFLOP_DAY) ** 0.73,
  },
  ...([1, 2] as const).map((approach) => ({
    id: `chinchilla-${approach}`,
    label: { en: `Chinchilla, approach ${approach}`, zh: `Chinchilla，方法 ${approach}` },
    citation: `Hoffmann et al., "Training Compute-Optimal Large Language Models", arXiv 2203.15556, section 3.${approach}`,
    url: 'https://arxiv.org/abs/2203.15556',
    counting: allCounted,
    a: approach === 1 ? 0.5 : 0.49,
  })),
  ...(
    [
      ['reproduction', { en: 'Kaplan reproduced', zh: '复现 Kaplan' }, withoutHead, 0.835],
      ['head', { en: '+ head counted', zh: '+ 计入输出层' }, withHead, 0.707],
      ['warmup', { en: '+ short warm-up', zh: '+ 短预热' }, withHead, 0.602],
      ['decay', { en: '+ decay over the run', zh: '+ 衰减与训练等长' }, withHead, 0.572],
      ['tuned', { en: '+ tuned, no decay', zh: '+ 调参，无衰减' }, withHead, 0.497],
    ] as const
  ).map(([step, label, counting, a]) => ({
    id: `porian-${step}`,
    label: { en: `Porian et al.: ${label.en}`, zh: `Porian 等：${label.zh}` },
    citation: `${porian}, RefinedWeb, from its released code and results`,
    url: porianUrl,
    counting,
    a,
  })),
];

/** Values of the axes a law may ask for; raw counts. */
export interface PublishedAxes {
  readonly N?: number;
  readonly D?: number;
  readonly minimumSteps?: number;
  /** FLOPs. */
  readonly C?: number;
}

/** Loss by a published law, nats per token; NaN where an axis it needs is missing. */
export function publishedLossAt(law: PublishedLoss, { N = NaN, D = NaN, minimumSteps = NaN, C = NaN }: PublishedAxes): number {
  switch (law.of) {
    case 'size':
      return law.loss(N);
    case 'tokens':
      return law.loss(D);
    case 'size and tokens':
      return law.loss(N, D);
    case 'size and minimum steps':
      return law.loss(N, minimumSteps);
    case 'compute':
      return law.loss(C);
    default:
      law satisfies never;
      return NaN;
  }
}
