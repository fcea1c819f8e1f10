// Published laws that can be asked for a learning rate and a batch for a model and a number of tokens. Those that are
// laws of N and D stand in published-step-law.ts; here are the ones that count otherwise, and one way to ask them all.
import type { Sentence } from '../messages/sentence.ts';
import { publishedOptima } from './published-step-law.ts';

/** What a law is asked for: a model, by every count that a law may want, and training tokens. */
export interface SettingsRequest {
  /** Parameters without embeddings and head. */
  readonly nonEmbedding: number;
  /** Training FLOPs per token / 6, head and attention scores included. */
  readonly flops: number;
  /** Training FLOPs per token without the head, attention scores included in full (context × context). */
  readonly modelFlops: number;
  /** Training tokens. */
  readonly D: number;
}

/** What it answers; a law may have nothing to say about one of the two. */
export interface Settings {
  /** Peak learning rate. */
  readonly lr: number | undefined;
  /** Batch, tokens. */
  readonly B: number | undefined;
}

/** A published law as something to ask. */
export interface PublishedSettings {
  readonly id: 'step-law' | 'tiny-step-law' | 'kaplan-learning-rate' | 'porian' | 'deepseek' | 'bjorck';
  readonly label: Sentence;
  readonly citation: string;
  readonly url: string;
  readonly fittedOn: Sentence;
  /** Step Law or a refit of it, or one of the laws before it. */
  readonly kind: 'step law' | 'earlier';
  /** What it leaves open, where it does. */
  readonly silent?: Sentence;
  readonly settings: (request: SettingsRequest) => Settings;
}

const kaplanSilent: Sentence = {
  en: 'its batch is a function of the loss on its own tokens, which other tokens do not have',
  zh: '其批大小是它自己词元上损失的函数，换了词元便无从得出',
};

const ofSizeAndTokens = publishedOptima.map(({ id, label, citation, url, fittedOn, count, lr, B }): PublishedSettings => ({
  id,
  label,
  citation,
  url,
  fittedOn,
  kind: id === 'step-law' || id === 'tiny-step-law' ? 'step law' : 'earlier',
  ...(id === 'kaplan-learning-rate' ? { silent: kaplanSilent } : {}),
  settings: ({ nonEmbedding, flops, D }) => {
    const N = count === 'flopsPerToken/6' ? flops : nonEmbedding;
    return { lr: lr(N, D), B: B?.(N, D) };
  },
}));

/** All published laws that can be asked. */
export const publishedSettings: readonly PublishedSettings[] = [
  ...ofSizeAndTokens,
  {
    id: 'deepseek',
    label: { en: 'DeepSeek LLM', zh: 'DeepSeek LLM' },
    citation: 'DeepSeek-AI, "DeepSeek LLM", arXiv 2401.02954, equation 1; C = M·D with M the non-embedding FLOPs per token',
    url: 'https://arxiv.org/abs/2401.02954',
    fittedOn: { en: 'budgets of 10^17 to 2·10^19 FLOPs', zh: '10^17 至 2·10^19 FLOPs 的预算' },
    kind: 'earlier',
    settings: ({ modelFlops, D }) => ({ lr: 0.3118 * (modelFlops * D) ** -0.125, B: 0.292 * (modelFlops * D) ** 0.3271 }),
  },
  {
    id: 'bjorck',
    label: { en: 'Microsoft (Bjorck et al.)', zh: '微软（Bjorck 等）' },
    citation:
      'Bjorck et al., "Scaling Optimal LR Across Token Horizons", arXiv 2409.19913: 1.55·10⁻³·(N/10⁹)^−0.23·(D/10⁹)^−0.32, as restated in reviews of arXiv 2503.04715',
    url: 'https://arxiv.org/abs/2409.19913',
    fittedOn: { en: 'up to a few billion parameters, batches of half a million tokens', zh: '至数十亿参数，批大小五十万词元' },
    kind: 'earlier',
    silent: { en: 'it was fitted at one batch, of half a million tokens', zh: '它只在一种批大小（五十万词元）下拟合' },
    settings: ({ nonEmbedding, D }) => ({ lr: 1.55e-3 * (nonEmbedding / 1e9) ** -0.23 * (D / 1e9) ** -0.32, B: undefined }),
  },
];

/** Laws that cannot be asked, and why. */
export const silentLaws: readonly { readonly label: Sentence; readonly reason: Sentence }[] = [
  {
    label: { en: 'MiniCPM (arXiv 2404.06395)', zh: 'MiniCPM（arXiv 2404.06395）' },
    reason: {
      en: 'its batch is a function of the loss on C4 in its own tokens, and its learning rate is one constant under another parametrization (µP)',
      zh: '其批大小是 C4 上以自己词元计的损失的函数，学习率是另一种参数化（µP）下的常数',
    },
  },
  {
    label: { en: 'MeiTuan (Su et al., arXiv 2403.06563)', zh: '美团（Su 等，arXiv 2403.06563）' },
    reason: {
      en: 'its learning rate is a power of the loss on its own tokens, with constants that hold for its own setup only',
      zh: '其学习率是自己词元上损失的幂，常数只对其自身的设置成立',
    },
  },
];
