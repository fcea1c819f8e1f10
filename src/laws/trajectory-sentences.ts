// What the trajectory fit says to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import { exponentOfBatch } from './critical-batch-sentences.ts';
import type { Estimate } from './fit.ts';
import { withInterval } from './sentences-loss.ts';

/** Sentences of trajectory. */
export const trajectorySentence = {
  sizes: { en: 'model sizes', zh: '个模型规模' } as Sentence,
  batches: { en: 'batches', zh: '个批量' } as Sentence,
  runs: { en: 'runs (one size and batch each)', zh: '次训练（每次一个规模和批量）' } as Sentence,
  oneBatchEach: {
    en: 'Not identified: no size was trained at two batches, so the effect of the batch cannot be told from that of the size; run several batches at one N.',
    zh: '无法确定：没有任何规模用两个批量训练过，无法区分批量与规模的影响；请在同一 N 下训练多个批量。',
  } as Sentence,
  noStart: {
    en: 'Not identified: no loss that falls with N and with S describes these curves; train several sizes for longer, past their warm-up.',
    zh: '无法确定：没有随 N 和 S 下降的损失能描述这些曲线；请让多个规模训练更久，越过预热阶段。',
  } as Sentence,
  sizesUncertain: {
    en: 'Not identified: these runs stop too far above their minimum loss for α_N to be told; train longer, or over a wider range of N.',
    zh: '无法确定：这些训练停在远高于其最低损失之处，无法确定 α_N；请训练更久，或扩大 N 的范围。',
  } as Sentence,
  found: (request: {
    alphaN: Estimate;
    alphaS: Estimate;
    alphaB: Estimate;
    Bstar: Estimate;
    runs: number;
    resamples: number;
  }): Sentence => {
    const { alphaN, alphaS, alphaB, Bstar, runs, resamples } = request;
    const batch = exponentOfBatch(alphaB);
    const others = `α_N = ${withInterval(alphaN)}, α_S = ${withInterval(alphaS)}`;
    return {
      en: `From ${runs} runs: L = (N_c/N)^α_N + (S_c·(1 + B_crit/B)/S)^α_S, B_crit = B_*/L^(1/α_B), with ${others}, α_B = ${batch.en}, B_* = ${withInterval(Bstar)} tokens${resamples > 0 ? `; intervals from ${resamples} resamples of runs` : ''}.`,
      zh: `基于 ${runs} 次训练：L = (N_c/N)^α_N + (S_c·(1 + B_crit/B)/S)^α_S，B_crit = B_*/L^(1/α_B)，其中 ${others}, α_B = ${batch.zh}，B_* = ${withInterval(Bstar)} 词元${resamples > 0 ? `；区间来自对训练的 ${resamples} 次重抽样` : ''}。`,
    };
  },
} as const;
