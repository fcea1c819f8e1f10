// What the laws of emergence say to a person.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';

const nats = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) ? `${value.toFixed(3)} (95 %: ${low.toFixed(3)} … ${high.toFixed(3)})` : value.toFixed(3);

export const emergenceSentence = {
  models: { en: 'models with different losses', zh: '个损失不同的模型' } satisfies Sentence,
  amounts: { en: 'amounts of data whose elbow lies inside their models', zh: '个拐点落在其模型范围内的数据量' } satisfies Sentence,
  badAmount: { en: 'its amount of data is not a number above 1', zh: '其数据量不是大于 1 的数' } satisfies Sentence,
  badPerformance: { en: 'performance is not a number', zh: '性能不是数' } satisfies Sentence,
  badForm: { en: 'loss is not a positive number', zh: '损失不是正数' } satisfies Sentence,
  flat: {
    en: 'Performance does not rise as the loss falls: nothing emerges among these models; train models to a lower loss, or finetune on more data.',
    zh: '性能没有随损失下降而上升：这些模型中没有涌现；请把模型训练到更低的损失，或用更多数据微调。',
  } satisfies Sentence,
  noBase: {
    en: 'Performance rises over all of these models or all but one, so that no base is seen from which it rises; add weaker models.',
    zh: '性能在所有这些模型上（或除一个外）都在上升，看不到上升之前的基线；请加入更弱的模型。',
  } satisfies Sentence,
  noRise: {
    en: 'Only the model with the lowest loss is above the base, so that the slope is not determined; add models of lower loss.',
    zh: '只有损失最低的模型高于基线，斜率无法确定；请加入损失更低的模型。',
  } satisfies Sentence,
  noTrend: {
    en: 'The elbow does not move towards higher losses with more data, so that the law of its shift has nothing to describe.',
    zh: '拐点没有随数据增多而移向更高的损失，因此移动定律无可描述。',
  } satisfies Sentence,
  elbow: (elbow: Estimate): Sentence => ({
    en: `Performance rises above its base below a loss of ${nats(elbow)} nats per token.`,
    zh: `损失低于 ${nats(elbow)} nats/词元时，性能升到基线以上。`,
  }),
  law: (alpha: Estimate, amounts: number, form: 'log power' | 'power'): Sentence => ({
    en: `The elbow moves as ${form === 'power' ? 'D' : '(log D)'}^${nats(alpha)}, over ${amounts} amounts of data.`,
    zh: `拐点按 ${form === 'power' ? 'D' : '(log D)'}^${nats(alpha)} 移动，来自 ${amounts} 个数据量。`,
  }),
};
