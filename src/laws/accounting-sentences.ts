// What the ladder of counting conventions says to a person.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';
import { shortNumber } from './sentences.ts';

const interval = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) ? `${value.toFixed(3)} (95 %: ${low.toFixed(3)} … ${high.toFixed(3)})` : value.toFixed(3);

export const accountingSentence = {
  sizes: { en: 'sizes with losses at several D', zh: '个在多个 D 下有损失的规模' } satisfies Sentence,
  oneTokenCount: { en: 'its size has a loss at one D only', zh: '其规模只在一个 D 下有损失' } satisfies Sentence,
  badCounts: { en: 'a count of its model is not a positive number', zh: '其模型的某个计数不是正数' } satisfies Sentence,
  found: (a: Estimate, loss: Estimate, budgets: number): Sentence => ({
    en: `N_opt ∝ C^${interval(a)}, L_opt ∝ C^−${interval(loss)}, from ${budgets} budgets.`,
    zh: `N_opt ∝ C^${interval(a)}，L_opt ∝ C^−${interval(loss)}，来自 ${budgets} 个预算。`,
  }),
  tooFewBudgets: (inside: number, edge: number, needed: number, at: 'small' | 'large' | undefined): Sentence => ({
    en: `Only ${inside} budgets have their best size inside the grid, ${edge} have it at its edge, and ${needed} are needed; ${
      at === 'small' ? 'run smaller sizes' : at === 'large' ? 'run larger sizes' : 'run more sizes at overlapping D'
    }.`,
    zh: `只有 ${inside} 个预算的最优规模在网格内部，${edge} 个在边缘，需要 ${needed} 个；请训练${
      at === 'small' ? '更小的规模' : at === 'large' ? '更大的规模' : '更多 D 相互重叠的规模'
    }。`,
  }),
  ladder: (converged: number, all: number, low: number, high: number): Sentence => ({
    en:
      converged === 0
        ? `No count of ${all} has an exponent.`
        : `The same runs give exponents of N_opt(C) from ${low.toFixed(3)} to ${high.toFixed(3)} under ${converged} of ${all} counts.`,
    zh:
      converged === 0
        ? `${all} 种计数方式都没有得到指数。`
        : `同一批训练在 ${all} 种计数方式中的 ${converged} 种下，N_opt(C) 的指数为 ${low.toFixed(3)} 至 ${high.toFixed(3)}。`,
  }),
  floorTooHigh: (floor: number, lowest: number): Sentence => ({
    en: `The floor of ${shortNumber(floor)} is not below the lowest loss, ${shortNumber(lowest)}.`,
    zh: `下限 ${shortNumber(floor)} 不低于最低的损失 ${shortNumber(lowest)}。`,
  }),
};
