// What N and C can mean: the conventions by which the papers count a model's size and its training compute. The same
// runs give different exponents of N_opt(C) under different counts, most of all where embeddings and head are a large
// part of the model (Pearce & Song, arXiv 2406.12907; Porian et al., arXiv 2406.19146).
import type { Sentence } from '../messages/sentence.ts';

/** Counts of one model, from which every convention follows. */
export interface ModelCounts {
  /** Parameters without embeddings and head. */
  readonly nonEmbedding: number;
  /** All parameters once; a head tied to the embedding is not counted twice. */
  readonly total: number;
  /** Weights of the head's product, width × vocabulary, tied or not. */
  readonly head: number;
  /** Exact training FLOPs per token, head and attention scores included. */
  readonly flopsPerToken: number;
}

/** Conventions in the order of the ladder. */
export const CONVENTION_IDS = ['kaplan', 'head', 'total', 'nonEmbeddingExact', 'totalExact', 'flops'] as const;
export type ConventionId = (typeof CONVENTION_IDS)[number];

/** One way to count. */
export interface CountingConvention {
  readonly id: ConventionId;
  readonly label: Sentence;
  /** Who counts so. */
  readonly citation: string;
  /** N, parameters. */
  readonly size: (counts: ModelCounts) => number;
  /** Training FLOPs per token, so that C is this times D. */
  readonly compute: (counts: ModelCounts) => number;
}

const kaplan = 'Kaplan et al., arXiv 2001.08361, section 2.1';
const porian = 'Porian et al., arXiv 2406.19146';
const hoffmann = 'Hoffmann et al., arXiv 2203.15556, appendix F';
const withHead = ({ nonEmbedding, head }: ModelCounts): number => nonEmbedding + head;

/** Every convention, from the count that leaves out most to the one that leaves out nothing. */
export const countingConventions: readonly CountingConvention[] = [
  {
    id: 'kaplan',
    label: { en: 'N without embeddings and head, C = 6ND', zh: 'N 不含嵌入与输出层，C = 6ND' },
    citation: kaplan,
    size: ({ nonEmbedding }) => nonEmbedding,
    compute: ({ nonEmbedding }) => 6 * nonEmbedding,
  },
  {
    id: 'head',
    label: { en: 'N with the head, C = 6ND', zh: 'N 含输出层，C = 6ND' },
    citation: porian,
    size: withHead,
    compute: (counts) => 6 * withHead(counts),
  },
  {
    id: 'total',
    label: { en: 'all parameters, C = 6ND', zh: '全部参数，C = 6ND' },
    citation: 'Pearce & Song, arXiv 2406.12907',
    size: ({ total }) => total,
    compute: ({ total }) => 6 * total,
  },
  {
    id: 'nonEmbeddingExact',
    label: { en: 'N without embeddings and head, exact FLOPs', zh: 'N 不含嵌入与输出层，精确 FLOPs' },
    citation: `${kaplan} for N; ${hoffmann} for C`,
    size: ({ nonEmbedding }) => nonEmbedding,
    compute: ({ flopsPerToken }) => flopsPerToken,
  },
  {
    id: 'totalExact',
    label: { en: 'all parameters, exact FLOPs', zh: '全部参数，精确 FLOPs' },
    citation: hoffmann,
    size: ({ total }) => total,
    compute: ({ flopsPerToken }) => flopsPerToken,
  },
  {
    id: 'flops',
    label: { en: 'N = FLOPs per token / 6, exact FLOPs', zh: 'N = 每词元 FLOPs ÷ 6，精确 FLOPs' },
    citation: porian,
    size: ({ flopsPerToken }) => flopsPerToken / 6,
    compute: ({ flopsPerToken }) => flopsPerToken,
  },
];
