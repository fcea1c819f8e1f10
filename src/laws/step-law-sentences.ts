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
    const given = Object.entries(parameters).flatMap(([name, estimate]) =>
      estimate === undefined ? [] : [`${name} = ${range(estimate)}`],
    );
    return {
      en: `From ${cells} cells: ${given.join(', ')}${atTheEdge > 0 ? `; ${atTheEdge} cells at the edge of their grid are left out` : ''}${missing.length > 0 ? `; these runs do not identify ${missing.join(', ')}` : ''}.`,
      zh: `由 ${cells} 个单元得到：${given.join('，')}${atTheEdge > 0 ? `；${atTheEdge} 个最优点在网格边上的单元未使用` : ''}${missing.length > 0 ? `；这些训练无法确定 ${missing.join('、')}` : ''}。`,
    };
  },
};
