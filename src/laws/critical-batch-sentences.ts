// What the critical-batch fit says to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';
import { withInterval } from './sentences-loss.ts';
import { shortNumber } from './sentences.ts';

/** α_B with its interval; one without an upper end in words. */
export const exponentOfBatch = (alphaB: Estimate): Sentence =>
  alphaB.high === Infinity
    ? {
        en: `${shortNumber(alphaB.value)} (95 %: at least ${shortNumber(alphaB.low)}; these runs do not show that B_crit rises as the loss falls)`,
        zh: `${shortNumber(alphaB.value)}（95 %：不小于 ${shortNumber(alphaB.low)}；这些训练尚不能表明临界批量随损失下降而上升）`,
      }
    : { en: withInterval(alphaB), zh: withInterval(alphaB) };

/** Sentences of critical-batch and of the levels it reads. */
export const criticalBatchSentence = {
  batches: { en: 'batches', zh: '个批量' } as Sentence,
  tooShort: { en: 'fewer than two points on this curve', zh: '该曲线上的点不足两个' } as Sentence,
  noLevel: {
    en: 'the curve reaches none of the losses that enough other batches reach',
    zh: '该曲线没有达到足够多其他批量都达到的损失',
  } as Sentence,
  slowerRate: {
    en: 'another learning rate reaches the same losses in fewer steps at this batch',
    zh: '在此批量下，另一学习率用更少的步数达到同样的损失',
  } as Sentence,
  rateAtEdge: {
    en: 'the fastest learning rate at this batch is at the end of those tried; run learning rates beyond it',
    zh: '此批量下最快的学习率落在所试学习率的一端；请训练更外侧的学习率',
  } as Sentence,
  belowMostEfficient: {
    en: 'its batch is below the most token-efficient one, where the hyperbola does not hold',
    zh: '其批量小于最省词元的批量，双曲线关系在那里不成立',
  } as Sentence,
  tooFewBatches: (batches: number, needed: number): Sentence => ({
    en: `Not enough points: ${batches} batches at or above the most token-efficient one reach this loss, and a hyperbola needs ${needed}; run more large batches.`,
    zh: `数据点不足：不小于最省词元批量的批量中，只有 ${batches} 个达到该损失，而双曲线需要 ${needed} 个；请增加较大的批量。`,
  }),
  batchesTooClose: (ratio: number, least: number): Sentence => ({
    en: `The batches that reach this loss span only a factor of ${shortNumber(ratio)}; run batches at least a factor of ${shortNumber(least)} apart, better 30.`,
    zh: `达到该损失的批量只跨越 ${shortNumber(ratio)} 倍；请让批量至少跨越 ${shortNumber(least)} 倍，最好 30 倍。`,
  }),
  levelNotConverged: { en: 'The hyperbola did not converge at this loss.', zh: '在此损失处双曲线拟合未收敛。' } as Sentence,
  oneSided: (side: 'larger' | 'smaller'): Sentence =>
    side === 'larger'
      ? {
          en: 'Not identified: every batch needs nearly the same tokens, so the critical batch lies above them all; run larger batches.',
          zh: '无法确定：各批量所需词元几乎相同，临界批量高于所有批量；请训练更大的批量。',
        }
      : {
          en: 'Not identified: every batch needs nearly the same steps, so the critical batch lies below them all; run smaller batches.',
          zh: '无法确定：各批量所需步数几乎相同，临界批量低于所有批量；请训练更小的批量。',
        },
  tooNoisy: {
    en: 'Not identified: the noise between runs hides where the critical batch lies among these batches; run more seeds, or batches further apart.',
    zh: '无法确定：训练之间的噪声掩盖了临界批量在这些批量中的位置；请增加随机种子，或拉大批量的跨度。',
  } as Sentence,
  level: (batch: number): Sentence => ({
    en: `The critical batch is ${shortNumber(batch)} tokens at this loss.`,
    zh: `在此损失处临界批量为 ${shortNumber(batch)} 个词元。`,
  }),
  levels: { en: 'levels of loss with a critical batch', zh: '个可定出临界批量的损失水平' } as Sentence,
  lossTooNarrow: (ratio: number, least: number): Sentence => ({
    en: `Range too narrow: the levels of loss that enough batches reach span only a factor of ${shortNumber(ratio)}, and an exponent over loss needs ${shortNumber(least)}; train longer, the largest batches above all.`,
    zh: `范围过窄：足够多批量都达到的损失只跨越 ${shortNumber(ratio)} 倍，而拟合损失的指数需要 ${shortNumber(least)} 倍；请训练更久，尤其是最大的批量。`,
  }),
  notRising: {
    en: 'Not identified: the critical batch does not rise as the loss falls in these runs, so B_*/L^(1/α_B) does not describe them; train longer, over more batches.',
    zh: '无法确定：在这些训练中临界批量不随损失下降而上升，B_*/L^(1/α_B) 无法描述它们；请训练更久，并使用更多批量。',
  } as Sentence,
  found: (request: {
    Bstar: Estimate;
    alphaB: Estimate;
    levels: number;
    batches: number;
    middle: { loss: number; Bcrit: number };
  }): Sentence => {
    const { Bstar, alphaB, levels, batches, middle } = request;
    const at = `B_crit(${shortNumber(middle.loss)}) = ${shortNumber(middle.Bcrit)}`;
    const law = `B_crit(L) = B_*/L^(1/α_B)`;
    const alpha = exponentOfBatch(alphaB);
    return {
      en: `From ${levels} levels of loss over ${batches} batches: ${law} with B_* = ${withInterval(Bstar)} tokens, α_B = ${alpha.en}; ${at} tokens.`,
      zh: `由 ${batches} 个批量的 ${levels} 个损失水平得到：${law}，B_* = ${withInterval(Bstar)} 词元，α_B = ${alpha.zh}；${at} 词元。`,
    };
  },
} as const;
