// What the bowl shows: minima side by side, the share of landscapes that are convex, their curvatures, the laws.
import type { Estimate } from '../laws/fit.ts';
import { exactShare, shareOfUncertain } from '../laws/share.ts';
import { same, type Figure, type LadderFigure, type LadderRung, type PlotFigure, type TableFigure } from './figure.ts';
import { minimaFigure } from './groups.ts';
import type { Landscape, LandscapeAnalysis } from './landscapes.ts';
import { minimaTable } from './minima-table.ts';

/** Everything that is shown beside the landscapes. */
export function bowlFigures(analysis: LandscapeAnalysis): readonly Figure[] {
  return [minimaSideBySide(analysis), convexShareLadder(analysis), minimaTable(analysis), curvatures(analysis), lawsOf(analysis)];
}

/** The D of landscapes, ascending. */
function tokenCounts(landscapes: readonly Landscape[]): number[] {
  return [...new Set(landscapes.map(({ D }) => D))].sort((a, b) => a - b);
}

/** Minima of all landscapes on one pair of axes, one series for each D. */
export function minimaSideBySide(analysis: LandscapeAnalysis): PlotFigure {
  const groups = tokenCounts(analysis.landscapes).map((D) => ({
    id: `D${D}`,
    label: same(`D = ${D}`),
    analysis: { ...analysis, landscapes: analysis.landscapes.filter((landscape) => landscape.D === D) },
  }));
  return minimaFigure({ groups }, { en: 'Minima of all landscapes', zh: '所有曲面的最低点' });
}

/**
 * The share of landscapes whose Hessian is positive definite: of all, and at each D where there are several; then the
 * share that resampled landscapes have.
 */
export function convexShareLadder({ landscapes }: Pick<LandscapeAnalysis, 'landscapes'>): LadderFigure {
  const fitted = landscapes.filter(({ bowl }) => bowl.convex !== undefined);
  const tokens = tokenCounts(fitted);
  const percent = (share: Estimate | undefined): Estimate | undefined =>
    share && { value: 100 * share.value, low: 100 * share.low, high: 100 * share.high };
  const counted = (id: string, en: string, zh: string, some: readonly Landscape[]): LadderRung => {
    const convex = some.filter(({ bowl }) => bowl.convex === true).length;
    const estimate = percent(exactShare(convex, some.length));
    return {
      id,
      label: { en: `${en}: ${convex} of ${some.length}`, zh: `${zh}：${some.length} 个中的 ${convex} 个` },
      estimate,
      ...(estimate === undefined ? { note: { en: 'no landscape could be fitted', zh: '没有能拟合的曲面' } } : {}),
    };
  };
  const resampled = percent(shareOfUncertain(fitted.map(({ bowl }) => bowl.convexShare).filter(Number.isFinite)));
  return {
    kind: 'ladder',
    id: 'convex-share',
    title: { en: 'Share of landscapes that are convex', zh: '为凸的曲面所占比例' },
    caption: {
      en: 'A landscape counts as convex where both eigenvalues of its fitted Hessian are positive. Counts have exact 95 % intervals (Clopper and Pearson), which say how little a few landscapes can tell; the last line has what resampling the runs of each landscape leaves open about these very landscapes.',
      zh: '拟合的 Hessian 矩阵两个特征值均为正，则该曲面计为凸。计数带精确的 95 % 区间（Clopper–Pearson），它表明少数几个曲面能说明的有限；最后一行是对每个曲面的训练重抽样后，这些曲面本身仍不确定的程度。',
    },
    x: { label: { en: 'share of landscapes (%)', zh: '曲面占比（%）' }, scale: 'linear' },
    rungs: [
      counted('all', 'all landscapes', '所有曲面', fitted),
      ...(tokens.length > 1
        ? tokens.map((D) =>
            counted(
              `D${D}`,
              `D = ${D}`,
              `D = ${D}`,
              fitted.filter((landscape) => landscape.D === D),
            ),
          )
        : []),
      {
        id: 'resampled',
        label: { en: 'all landscapes, resampled', zh: '所有曲面，重抽样' },
        estimate: resampled,
        ...(resampled === undefined ? { note: { en: 'nothing was resampled', zh: '未做重抽样' } } : {}),
      },
    ],
    references: [{ label: { en: 'all', zh: '全部' }, value: 100 }],
  };
}

/** The two laws through the minima, in their own words. */
function lawsOf({ vertexLaw, plateauLaw }: LandscapeAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'laws',
    title: { en: 'Best learning rate and batch against N and D', zh: '最佳学习率与批大小随 N 与 D 的变化' },
    caption: { en: 'By two recipes, on the same runs.', zh: '同一批训练，两种方法。' },
    columns: [
      { en: 'recipe', zh: '方法' },
      { en: 'law', zh: '定律' },
    ],
    rows: [
      [{ en: 'through the vertices of the bowls', zh: '穿过各碗的顶点' }, vertexLaw.message],
      [{ en: "Step Law's: every run of the plateau", zh: 'Step Law 的做法：平台中的所有训练' }, plateauLaw.message],
    ],
  };
}

/** The curvatures behind "convex". */
function curvatures({ landscapes }: LandscapeAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'curvatures',
    title: { en: 'Curvatures of the fitted bowls', zh: '拟合的碗的曲率' },
    caption: {
      en: 'Eigenvalues of the Hessian in nats per octave², with 95 % intervals: along the valley and across it. Both are positive where the landscape is convex.',
      zh: 'Hessian 矩阵的特征值，单位为奈特每平方八度，带 95 % 区间：沿山谷方向与横跨山谷方向。两者均为正即为凸。',
    },
    columns: [
      same('N'),
      same('D'),
      { en: 'along the valley', zh: '沿山谷' },
      { en: 'across the valley', zh: '横跨山谷' },
      { en: 'convex in % of resamples', zh: '重抽样中为凸的百分比' },
    ],
    rows: landscapes.map(({ N, D, bowl: { eigenvalues, convexShare } }) => [
      N,
      D,
      eigenvalues.at(0),
      eigenvalues.at(1),
      Number.isFinite(convexShare) ? 100 * convexShare : undefined,
    ]),
  };
}
