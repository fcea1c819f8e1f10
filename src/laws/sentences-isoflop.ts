// What the compute-optimal fits (isoFLOP parabolas, envelopes) say to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';
import { shortNumber } from './sentences.ts';
import { withInterval } from './sentences-loss.ts';

/** Sentences of the isoFLOP fit. */
export const isoflopSentence = {
  budgets: { en: 'budgets with an interior optimum', zh: '个最优点在内部的算力预算' } as Sentence,
  noBudgets: {
    en: 'Not identified: the runs do not lie on compute budgets (several sizes at one C each); run such budgets, or fit all runs at once with chinchilla.',
    zh: '无法辨识：这些训练不在若干算力预算上（每个 C 下有多个模型大小）；请按预算训练，或用 chinchilla 一次拟合所有训练。',
  } as Sentence,
  tooFewBudgets: (budgets: number, needed: number, atTheEdge: number): Sentence => ({
    en: `Not enough points: ${budgets} budgets have an interior optimum${atTheEdge > 0 ? ` (${atTheEdge} more end at their edge)` : ''} and this fit needs ${needed}; ${atTheEdge > 0 ? 'extend the sizes of those budgets or run' : 'run'} more budgets with at least five sizes each.`,
    zh: `数据点不足：只有 ${budgets} 个预算的最优点在内部${atTheEdge > 0 ? `（另有 ${atTheEdge} 个位于边缘）` : ''}，此拟合需要 ${needed} 个；请${atTheEdge > 0 ? '扩展这些预算的模型大小，或' : ''}增加预算，每个至少五种大小。`,
  }),
  tooFewSizes: (sizes: number, needed: number): Sentence => ({
    en: `this budget has ${sizes} sizes and its parabola needs ${needed}; run ${needed - sizes} more sizes at this C`,
    zh: `该预算只有 ${sizes} 种大小，抛物线需要 ${needed} 种；请在此 C 下再训练 ${needed - sizes} 种`,
  }),
  atTheEdge: (end: 'small' | 'large'): Sentence =>
    end === 'small'
      ? {
          en: 'the lowest loss of this budget is at its smallest size; run smaller models at this C',
          zh: '该预算的最低损失在最小的模型处；请在此 C 下训练更小的模型',
        }
      : {
          en: 'the lowest loss of this budget is at its largest size; run larger models at this C',
          zh: '该预算的最低损失在最大的模型处；请在此 C 下训练更大的模型',
        },
  flat: {
    en: 'the losses of this budget show no minimum beyond their noise; run a wider range of sizes, or more seeds, at this C',
    zh: '该预算的损失在噪声之上看不出最小值；请在此 C 下扩大模型大小的范围，或增加种子',
  } as Sentence,
  outsideWindow: (window: number): Sentence => ({
    en: `N is more than a factor of ${shortNumber(window)} from the best size of its budget`,
    zh: `N 与该预算的最佳大小相差超过 ${shortNumber(window)} 倍`,
  }),
  optimum: (N: number, loss: number): Sentence => ({
    en: `optimum at N = ${shortNumber(N)}, loss ${shortNumber(loss)}`,
    zh: `最优点在 N = ${shortNumber(N)}，损失 ${shortNumber(loss)}`,
  }),
  found: (a: Estimate, budgets: number, others: number): Sentence => ({
    en: `From ${budgets} budgets: N_opt ∝ C^a with a = ${withInterval(a)}${others > 0 ? `; ${others} more budgets have no interior optimum and are left out` : ''}.`,
    zh: `基于 ${budgets} 个预算：N_opt ∝ C^a，a = ${withInterval(a)}${others > 0 ? `；另有 ${others} 个预算没有内部最优点，未采用` : ''}。`,
  }),
} as const;

/** Sentences of the envelope. */
export const envelopeSentence = {
  passages: { en: 'passages from one size to the next along the envelope', zh: '次沿包络从一个大小到下一个大小的交替' } as Sentence,
  tooFewPassages: (passages: number, needed: number): Sentence => ({
    en: `Not enough points: along the lower envelope the best size changes ${passages} times and this fit needs ${needed}; run more sizes, with curves that cross.`,
    zh: `数据点不足：沿下包络，最佳大小只交替了 ${passages} 次，此拟合需要 ${needed} 次；请训练更多大小，使曲线相交。`,
  }),
  neverBest: {
    en: 'its size is never the best at any C that several sizes reach',
    zh: '在多个大小都达到的任何 C 上，该大小都不是最优',
  } as Sentence,
  tooShort: { en: 'its size has fewer than two points, so it has no curve', zh: '该大小的点少于两个，构不成曲线' } as Sentence,
  found: (a: Estimate, passages: number, sizes: number): Sentence => ({
    en: `From ${passages} passages among ${sizes} sizes: N_opt ∝ C^a with a = ${withInterval(a)}.`,
    zh: `基于 ${sizes} 个大小之间的 ${passages} 次交替：N_opt ∝ C^a，a = ${withInterval(a)}。`,
  }),
} as const;
