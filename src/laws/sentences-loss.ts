// What the laws of loss against size, data and compute say to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from './fit.ts';
import { shortNumber } from './sentences.ts';

/** A number with its interval, where it has one. */
export const withInterval = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high)
    ? `${shortNumber(value)} (95 %: ${shortNumber(low)} … ${shortNumber(high)})`
    : shortNumber(value);

/** Sentences of chinchilla, isoflop, envelope. */
export const lossSentence = {
  tooFewValues: (axis: string, values: number, needed: number): Sentence => ({
    en: `Not identified: ${axis} takes only ${values} different values, and a term with its own exponent and floor needs ${needed}; run more values of ${axis}.`,
    zh: `无法辨识：${axis} 只有 ${values} 个不同取值，而带有自身指数与下限的一项需要 ${needed} 个；请增加 ${axis} 的取值。`,
  }),
  noFloor: {
    en: 'Bound hit: the best fit has no irreducible loss (E = 0), so these runs do not show the floor; run larger N and D, where the loss flattens.',
    zh: '触及边界：最优拟合没有不可约损失（E = 0），说明这些训练尚未显示出下限；请训练更大的 N 和 D，直至损失趋于平缓。',
  } as Sentence,
  noEffect: (axis: string): Sentence => ({
    en: `Not identified: the loss does not depend on ${axis} in these runs beyond rounding; run smaller or larger ${axis}.`,
    zh: `无法辨识：在这些训练中，损失几乎不随 ${axis} 变化；请训练更小或更大的 ${axis}。`,
  }),
  chinchilla: (a: Estimate, E: Estimate, runs: number, resamples: number): Sentence => ({
    en: `From ${runs} runs: N_opt ∝ C^a with a = ${withInterval(a)}, irreducible loss E = ${withInterval(E)}${resamples > 0 ? `; intervals from ${resamples} resamples of runs` : ''}.`,
    zh: `基于 ${runs} 次训练：N_opt ∝ C^a，a = ${withInterval(a)}，不可约损失 E = ${withInterval(E)}${resamples > 0 ? `；区间来自对训练的 ${resamples} 次重抽样` : ''}。`,
  }),
} as const;
