// What the Step Law fit says to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import { list as sideList } from './bowl-sentences.ts';
import type { GridSide } from './bowl-window.ts';
import type { Estimate } from './fit.ts';
import { shortNumber } from './sentences.ts';

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) ? `${shortNumber(value)} (${shortNumber(low)} … ${shortNumber(high)})` : shortNumber(value);

/** Sentences of the Step Law fit. */
export const stepLawSentence = {
  oneGridPoint: {
    en: 'its cell has one learning rate and one batch only',
    zh: '所在单元只有一个学习率和一个批量',
  } as Sentence,
  allAtTheEdge: (cells: number, edges: readonly GridSide[]): Sentence => ({
    en: `At the edge: the optimum of every usable cell (${cells}) lies on the edge of its grid; add ${sideList(edges).en}.`,
    zh: `位于边缘：所有可用单元（${cells} 个）的最优点都在网格边上；请加上${sideList(edges).zh}。`,
  }),
  tooFewCells: (cells: number, needed: number, atTheEdge: number): Sentence => ({
    en: `Not enough points: ${cells} (N, D) cells have an interior optimum${atTheEdge > 0 ? ` (${atTheEdge} more lie at the edge of their grid)` : ''} and this fit needs ${needed}; run ${atTheEdge > 0 ? 'wider grids or ' : ''}more sizes or token counts.`,
    zh: `数据点不足：只有 ${cells} 个 (N, D) 单元的最优点在网格内部${atTheEdge > 0 ? `（另有 ${atTheEdge} 个在网格边上）` : ''}，此拟合需要 ${needed} 个；请${atTheEdge > 0 ? '加宽网格，或' : ''}增加模型大小或词元数。`,
  }),
  nothingVaries: {
    en: 'N and D span less than a factor of 3 each; run several model sizes, several token counts, or better both.',
    zh: 'N 和 D 的跨度都不到 3 倍；请训练多个模型大小、多个词元数，最好两者都有。',
  } as Sentence,
  found: (parameters: Partial<Record<string, Estimate>>, cells: number, atTheEdge: number, missing: readonly string[]): Sentence => {
    const laws = [lawText('η', 'lr', parameters), lawText('B', 'batch', parameters)].filter((law) => law !== '');
    return {
      en: `From ${cells} cells: ${laws.join('; ')}${atTheEdge > 0 ? `; ${atTheEdge} cells at the edge of their grid are left out` : ''}${missing.length > 0 ? `; these runs do not identify ${missing.join(', ')}` : ''}.`,
      zh: `由 ${cells} 个单元得到：${laws.join('；')}${atTheEdge > 0 ? `；${atTheEdge} 个最优点在网格边上的单元未使用` : ''}${missing.length > 0 ? `；这些训练无法确定 ${missing.join('、')}` : ''}。`,
    };
  },
};

/** `η = 1.8 (1.2 … 2.5) · N^−0.71 (−0.8 … −0.6)`, or `η ∝ N^…` where the factor is not known; empty when nothing is. */
function lawText(symbol: string, prefix: 'lr' | 'batch', parameters: Partial<Record<string, Estimate>>): string {
  const powers = (['N', 'D'] as const).flatMap((axis) => {
    const exponent = parameters[`${prefix}.${axis}`];
    return exponent === undefined ? [] : [`${axis}^${range(exponent)}`];
  });
  const factor = parameters[`${prefix}.c`];
  if (factor !== undefined) return `${symbol} = ${[range(factor), ...powers].join(' · ')}`;
  return powers.length === 0 ? '' : `${symbol} ∝ ${powers.join(' · ')}`;
}
