// What fits say to a person: why a row was left out, why a design was refused, what to run next.
import type { Sentence } from '../messages/sentence.ts';

/**
 * A number inside a sentence: integers below a million whole, all else to three significant digits, from a million up and
 * below a thousandth as 6.4·10¹⁰.
 */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value) || value === 0) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return String(value);
  const [digits, exponent] = value.toExponential(2).split('e');
  if (Number(exponent) >= -3 && Number(exponent) < 6) return String(Number(value.toPrecision(3)));
  const mantissa = Number(digits);
  return `${mantissa === 1 ? '' : `${mantissa}·`}10${superscript(Number(exponent))}`;
}

/** An integer in superscript digits: -7 → ⁻⁷. */
export const superscript = (exponent: number): string =>
  `${exponent < 0 ? '⁻' : ''}${[...String(Math.abs(exponent))].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)]).join('')}`;

/** Sentences shared by the laws. Each law adds its own beside its code. */
export const sentences = {
  runs: { en: 'runs', zh: '次训练' },
  cells: { en: 'cells with an interior optimum', zh: '个最优点在内部的 (N, D) 单元' },

  notEnoughPoints: (points: number, needed: number, what: Sentence): Sentence => ({
    en: `Not enough points: this fit needs at least ${needed} ${what.en} and has ${points}; run ${needed - points} more.`,
    zh: `数据点不足：此拟合至少需要 ${needed} ${what.zh}，现有 ${points}；请再补 ${needed - points}。`,
  }),
  noValues: (axis: string): Sentence => ({
    en: `No usable row has a value for ${axis}; add that column to the runs.`,
    zh: `没有任何可用的行含有 ${axis} 的值；请为这些训练补上该列。`,
  }),
  rangeTooNarrow: (axis: string, ratio: number, least: number): Sentence => ({
    en: `${axis} spans only a factor of ${shortNumber(ratio)}, too little for an exponent; run values of ${axis} at least a factor of ${shortNumber(least)} apart, better 10 or more.`,
    zh: `${axis} 只跨越了 ${shortNumber(ratio)} 倍，不足以拟合指数；请让 ${axis} 至少跨越 ${shortNumber(least)} 倍，最好 10 倍以上。`,
  }),
  tied: (first: string, second: string): Sentence => ({
    en: `${first} and ${second} are tied to each other in these runs (a fixed ratio, or nearly), so their exponents cannot be told apart; run several values of ${second} at one ${first}.`,
    zh: `这些训练中 ${first} 与 ${second} 相互绑定（比值固定或近乎固定），无法区分两者的指数；请在同一 ${first} 下训练多个 ${second}。`,
  }),
  missing: (column: string): Sentence => ({ en: `no ${column}`, zh: `缺少 ${column}` }),
  notPositive: (column: string): Sentence => ({ en: `${column} is not a positive number`, zh: `${column} 不是正数` }),
  diverged: { en: 'the run diverged', zh: '该训练发散' },
  failed: { en: 'the run failed', zh: '该训练失败' },
  notConverged: {
    en: 'The solver did not reach its tolerance from any starting point; the data may not follow this law.',
    zh: '求解器从所有起点出发都未达到容差；数据可能不符合此定律。',
  },
  boundHit: (name: string, bound: number): Sentence => ({
    en: `${name} ended on the bound of the search (${shortNumber(bound)}), so it is not an estimate; widen the range of the runs.`,
    zh: `${name} 停在搜索边界（${shortNumber(bound)}）上，因此不能作为估计；请扩大训练的范围。`,
  }),
} as const;
