// What the law of learning rate annealing says to a person.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';
import { withInterval } from './sentences-loss.ts';
import { shortNumber } from './sentences.ts';

/** λ is told apart from 1 by its later digits. */
const lambdaText = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(6))) : shortNumber(value));

const lambdaWithInterval = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high)
    ? `${lambdaText(value)} (95 %: ${lambdaText(low)} … ${lambdaText(high)})`
    : lambdaText(value);

export const annealingSentence = {
  points: { en: 'loss points after the warm-up', zh: '个预热之后的损失点' } as Sentence,
  inWarmup: { en: 'within the warm-up', zh: '处于预热阶段' } as Sentence,
  outsideSchedule: { en: 'the schedule has no such step', zh: '学习率计划中没有这一步' } as Sentence,
  noSchedule: { en: 'no schedule is known for its run', zh: '不知道该训练的学习率计划' } as Sentence,
  badLambda: (value: number): Sentence => ({
    en: `λ must lie between 0 and 1, not ${shortNumber(value)}.`,
    zh: `λ 必须介于 0 与 1 之间，而不是 ${shortNumber(value)}。`,
  }),
  badRate: {
    en: 'A schedule has a learning rate that is negative or not a number.',
    zh: '某个学习率计划含有负数或非数值的学习率。',
  } as Sentence,
  noAnnealing: {
    en: 'Not identified: the learning rate falls in none of these curves, so nothing shows what annealing does; add a run whose learning rate decays.',
    zh: '无法辨识：这些曲线中学习率都没有下降，看不出退火的作用；请加入一次学习率衰减的训练。',
  } as Sentence,
  noPositiveTerms: {
    en: 'Not identified: no positive floor, forward term and annealing term together describe these curves; use losses after the warm-up of runs under at least two schedules.',
    zh: '无法辨识：没有一组正的下限、前向项与退火项能共同描述这些曲线；请使用至少两种学习率计划下预热之后的损失。',
  } as Sentence,
  noEffect: {
    en: 'Bound hit: the best fit has no annealing term (C = 0), so the loss does not fall with the learning rate in these curves; add a run with a longer or deeper decay.',
    zh: '触及边界：最优拟合没有退火项（C = 0），即这些曲线中损失没有随学习率下降；请加入衰减更长或更深的训练。',
  } as Sentence,
  memoryUnknown: (low: number, high: number): Sentence => ({
    en: `Not identified: any λ from ${lambdaText(low)} to ${lambdaText(high)} describes these curves; give λ, or add a run with a short, steep decay.`,
    zh: `无法辨识：从 ${lambdaText(low)} 到 ${lambdaText(high)} 的任何 λ 都能描述这些曲线；请给定 λ，或加入一次短而陡的衰减。`,
  }),
  found: (
    { L0, A, alpha, C, lambda }: Readonly<Record<'L0' | 'A' | 'alpha' | 'C', Estimate>> & { readonly lambda: Estimate | number },
    curves: number,
  ): Sentence => {
    const memory = typeof lambda === 'number' ? lambdaText(lambda) : lambdaWithInterval(lambda);
    const formula = `L = L0 + A·S1^−α − C·S2`;
    const values = `L0 = ${withInterval(L0)}, A = ${withInterval(A)}, α = ${withInterval(alpha)}, C = ${withInterval(C)}, λ = ${memory}`;
    const given: Sentence = typeof lambda === 'number' ? { en: ' (given)', zh: '（给定）' } : { en: '', zh: '' };
    return {
      en: `From ${curves} ${curves === 1 ? 'curve' : 'curves'}: ${formula} with ${values}${given.en}.`,
      zh: `基于 ${curves} 条曲线：${formula}，其中 ${values}${given.zh}。`,
    };
  },
} as const;
