// What a bowl fit says to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import type { BowlAxes } from './bowl-surface.ts';
import type { GridSide } from './bowl-window.ts';
import type { Estimate } from './fit.ts';
import { shortNumber } from './sentences.ts';

const sides: Readonly<Record<GridSide, Sentence>> = {
  'low lr': { en: 'smaller learning rates', zh: '更小的学习率' },
  'high lr': { en: 'larger learning rates', zh: '更大的学习率' },
  'small batch': { en: 'smaller batches', zh: '更小的批量' },
  'large batch': { en: 'larger batches', zh: '更大的批量' },
};

/** Sides in words, joined. */
export const list = (edges: readonly GridSide[]): Sentence => ({
  en: edges.map((edge) => sides[edge].en).join(' and '),
  zh: edges.map((edge) => sides[edge].zh).join('和'),
});

const percent = (share: number): string => `${shortNumber(100 * share)} %`;

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) ? `${shortNumber(value)} (${shortNumber(low)} – ${shortNumber(high)})` : shortNumber(value);

/** Sentences of the bowl. */
export const bowlSentence = {
  nothingVaries: {
    en: 'Not enough points: neither learning rate nor batch varies among the finished runs of this cell; run several values of each.',
    zh: '数据点不足：此单元中已完成的训练里，学习率和批量都没有变化；请各训练多个取值。',
  } as Sentence,
  outsideWindow: (window: number): Sentence => ({
    en: `loss more than ${percent(window)} above the lowest of its cell`,
    zh: `损失比该单元的最低值高出 ${percent(window)} 以上`,
  }),
  tooFew: (points: number, needed: number, axes: BowlAxes, window: number): Sentence => {
    const axis: Sentence =
      axes === 'both'
        ? { en: 'each of learning rate and batch', zh: '学习率和批量各' }
        : axes === 'lr'
          ? { en: 'the learning rate', zh: '学习率' }
          : { en: 'the batch', zh: '批量' };
    return {
      en: `Not enough points: ${points} grid points lie within ${percent(window)} of the lowest loss, and a bowl needs at least ${needed} with three values of ${axis.en}; run a finer grid around the minimum.`,
      zh: `数据点不足：距最低损失 ${percent(window)} 以内只有 ${points} 个网格点，而拟合碗形至少需要 ${needed} 个，且${axis.zh}有三个取值；请在最小值附近加密网格。`,
    };
  },
  atTheEdge: (edges: readonly GridSide[]): Sentence => ({
    en: `At the edge: the lowest loss lies on the edge of the grid, so the optimum may lie beyond it; add ${list(edges).en}.`,
    zh: `位于边缘：最低损失在网格的边上，最优点可能在网格之外；请加上${list(edges).zh}。`,
  }),
  vertexOutside: (edges: readonly GridSide[]): Sentence => ({
    en: `At the edge: the minimum of the fitted bowl lies just outside the grid; add ${list(edges).en}.`,
    zh: `位于边缘：拟合出的碗的最低点刚好落在网格之外；请加上${list(edges).zh}。`,
  }),
  farOutside: (edges: readonly GridSide[]): Sentence => ({
    en: `Not identified: the fitted surface is a long valley whose minimum would lie far outside the grid; add ${list(edges).en}.`,
    zh: `无法确定：拟合曲面是一条长谷，其最低点远在网格之外；请加上${list(edges).zh}。`,
  }),
  notConvex: (share: number): Sentence => ({
    en: `Not convex here: the fitted quadratic has a curvature that is not positive${Number.isFinite(share) ? ` (it is convex in ${percent(share)} of resamples)` : ''}; run more seeds or a finer grid around the minimum.`,
    zh: `此处不是凸的：拟合的二次面有一个曲率不为正${Number.isFinite(share) ? `（在 ${percent(share)} 的重抽样中为凸）` : ''}；请增加随机种子，或在最小值附近加密网格。`,
  }),
  notSurelyConvex: (share: number): Sentence => ({
    en: `Not identified: the fitted bowl is convex in only ${percent(share)} of resamples, too few to place its minimum; run more seeds or a finer grid.`,
    zh: `无法确定：拟合的碗只在 ${percent(share)} 的重抽样中为凸，不足以定出最低点；请增加随机种子或加密网格。`,
  }),
  convex: (parameters: Partial<Record<'lr' | 'B' | 'loss', Estimate>>, share: number, resamples: number): Sentence => {
    const { lr, B } = parameters;
    const where = (name: Sentence, estimate: Estimate | undefined): Sentence[] =>
      estimate === undefined ? [] : [{ en: `${name.en} ${range(estimate)}`, zh: `${name.zh} ${range(estimate)}` }];
    const places = [...where({ en: 'learning rate', zh: '学习率' }, lr), ...where({ en: 'batch', zh: '批量' }, B)];
    const sure: Sentence =
      resamples > 0
        ? { en: ` (in ${percent(share)} of ${resamples} resamples)`, zh: `（${resamples} 次重抽样中的 ${percent(share)}）` }
        : { en: '', zh: '' };
    return {
      en: `Convex here${sure.en}, with its minimum at ${places.map((place) => place.en).join(' and ')}${B === undefined ? '' : ' tokens'}.`,
      zh: `此处为凸${sure.zh}，最低点在${places.map((place) => place.zh).join('、')}${B === undefined ? '' : ' 词元'}。`,
    };
  },
};
