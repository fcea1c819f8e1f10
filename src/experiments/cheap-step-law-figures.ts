// What "Step Law by branches" shows: minima and shifts, optima against D by both designs, their powers of D, their costs.
import type { Estimate } from '../laws/fit.ts';
import { publishedExponents } from '../laws/published-step-law.ts';
import { withoutInterval } from '../laws/statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { BranchAnalysis } from './cheap-step-law.ts';
import {
  same,
  type Figure,
  type FigureLine,
  type FigurePoint,
  type LadderFigure,
  type LadderRung,
  type PlotFigure,
  type TableFigure,
} from './figure.ts';
import { minimaFigure, shiftsFigure, type AnalysedGroup } from './groups.ts';
import { bestAt } from './landscapes.ts';

/** Everything that is shown. */
export function branchFigures(analysis: BranchAnalysis): readonly Figure[] {
  return [
    minimaFigure(analysis, { en: 'Minima by both designs', zh: '两种设计的最低点' }),
    shiftsFigure(analysis, 'learningRate'),
    shiftsFigure(analysis, 'batch'),
    optimaAgainstTokens(analysis, 'learningRate'),
    optimaAgainstTokens(analysis, 'batch'),
    powersLadder(analysis),
    costTable(analysis),
  ];
}

type Axis = 'learningRate' | 'batch';

const best: Readonly<Record<Axis, Sentence>> = {
  learningRate: { en: 'best learning rate', zh: '最佳学习率' },
  batch: { en: 'best batch (tokens)', zh: '最佳批大小（词元）' },
};

/** Best learning rate or batch against D, one series for each design and size, with the line of each design. */
export function optimaAgainstTokens({ groups }: BranchAnalysis, axis: Axis): PlotFigure {
  const sizes = [...new Set(groups.flatMap(({ analysis }) => analysis.landscapes.map(({ N }) => N)))].sort((a, b) => a - b);
  const all = groups.flatMap((group) => sizes.map((N) => ({ group, N, id: `${group.id}:${N}` })));
  const labelled = ({ label }: AnalysedGroup, N: number): Sentence =>
    sizes.length === 1 ? label : { en: `${label.en}, N = ${N}`, zh: `${label.zh}，N = ${N}` };
  return {
    kind: 'plot',
    id: `optima-${axis}`,
    title: { en: `The ${best[axis].en.replace(/ \(.*/, '')} against D`, zh: `${best[axis].zh.replace(/（.*/, '')}随 D 的变化` },
    caption: {
      en: 'Minima of the fitted bowls with 95 % intervals, and the power law through those of each design with its band. Parallel lines have one power of D.',
      zh: '拟合的碗的最低点及 95 % 区间，以及穿过各设计最低点的幂律及其区间带。平行的直线对 D 的幂相同。',
    },
    x: { label: { en: 'D (tokens)', zh: 'D（词元）' }, scale: 'log' },
    y: { label: best[axis], scale: 'log', octaves: true },
    series: all.map(({ group, N, id }) => ({ id, label: labelled(group, N), points: pointsOf(group, N, axis) })),
    lines: all.flatMap(({ group, N, id }) => lineOf(group, N, axis, id, labelled(group, N))),
  };
}

function pointsOf({ analysis }: AnalysedGroup, N: number, axis: Axis): FigurePoint[] {
  return analysis.landscapes
    .filter((landscape) => landscape.N === N)
    .flatMap(({ D, bowl }): FigurePoint[] => {
      const estimate = bowl.status === 'converged' ? bowl.parameters[axis === 'learningRate' ? 'lr' : 'B'] : undefined;
      if (estimate === undefined) return [];
      const { value, low, high } = estimate;
      return [{ x: D, y: value, low, high, runs: bowl.plateau.rows.map((row) => analysis.ids[row]) }];
    });
}

const STEPS = 20;

function lineOf({ analysis }: AnalysedGroup, N: number, axis: Axis, series: string, label: Sentence): FigureLine[] {
  const tokens = analysis.landscapes.filter((one) => one.N === N && one.bowl.status === 'converged').map(({ D }) => D);
  if (tokens.length < 2) return [];
  const [from, to] = [Math.log(Math.min(...tokens)), Math.log(Math.max(...tokens))];
  const points = Array.from({ length: STEPS + 1 }, (_, i) => Math.exp(from + ((to - from) * i) / STEPS)).flatMap((D) => {
    const { lr, B } = bestAt(analysis, N, D);
    const at: Estimate | undefined = axis === 'learningRate' ? lr : B;
    return at === undefined ? [] : [{ x: D, y: at.value, low: at.low, high: at.high }];
  });
  return points.length === 0 ? [] : [{ id: `${series}:line`, label, points, source: 'fitted', series }];
}

/** Powers of D by both designs, their difference, and the published ones. */
export function powersLadder({ groups, powers }: BranchAnalysis): LadderFigure {
  const missing: Sentence = {
    en: 'too few minima inside their grids for a power of D',
    zh: '网格内部的最低点太少，无法得到 D 的幂',
  };
  const label = (id: string, other: Sentence): Sentence => groups.find((group) => group.id === id)?.label ?? other;
  const rungs = (['learningRate', 'batch'] as const).flatMap((axis): LadderRung[] => {
    const what: Sentence =
      axis === 'learningRate' ? { en: 'learning rate on D', zh: '学习率对 D' } : { en: 'batch on D', zh: '批大小对 D' };
    const rung = (id: string, of: Sentence, estimate: Estimate | undefined): LadderRung => ({
      id: `${axis}:${id}`,
      label: { en: `${what.en}: ${of.en}`, zh: `${what.zh}：${of.zh}` },
      estimate,
      ...(estimate === undefined ? { note: missing } : {}),
    });
    const published = publishedExponents.flatMap((law): LadderRung[] => {
      const exponent = law.exponents[axis === 'learningRate' ? 'lr.D' : 'batch.D'];
      if (exponent === undefined) return [];
      const estimate = 'low' in exponent ? exponent : withoutInterval(exponent.value);
      return [{ ...rung(law.id, law.label, estimate), note: same(law.citation) }];
    });
    return [
      rung('full', label('full', { en: 'full runs', zh: '完整训练' }), powers[axis].full),
      rung('branches', label('branches', { en: 'branches', zh: '分支' }), powers[axis].branches),
      rung('difference', { en: 'branches less full runs', zh: '分支减完整训练' }, powers[axis].difference),
      ...published,
    ];
  });
  return {
    kind: 'ladder',
    id: 'powers',
    title: { en: 'Powers of D by both designs', zh: '两种设计对 D 的幂' },
    caption: {
      en: 'With 95 % intervals where there are any. A difference at zero says that the cheap design gives the same law, whatever its factor.',
      zh: '有区间者带 95 % 区间。差为零表示便宜的设计给出同样的定律（系数可以不同）。',
    },
    x: { label: { en: 'exponent', zh: '指数' }, scale: 'linear' },
    rungs,
    references: [{ label: { en: 'no difference', zh: '无差别' }, value: 0 }],
  };
}

/** What each D costs by both designs. */
export function costTable({ cells, groups }: BranchAnalysis): TableFigure {
  const bowlAt = (id: string, N: number, D: number) =>
    groups.find((group) => group.id === id)?.analysis.landscapes.find((one) => one.N === N && one.D === D)?.bowl;
  return {
    kind: 'table',
    id: 'costs',
    title: { en: 'What both designs cost, and find', zh: '两种设计的代价与结果' },
    caption: {
      en: 'FLOPs of the settings that both designs have; a branch is charged what no longer run has trained already. "Full run there" is what a full run loses, above its lowest loss, at the best setting of the branches, by its fitted bowl.',
      zh: '两种设计共有设置的 FLOPs；分支只计更长的训练尚未完成的部分。“完整训练在该处”是按拟合的碗，完整训练在分支的最佳设置下比其最低损失高出多少。',
    },
    columns: [
      same('N'),
      same('D'),
      { en: 'FLOPs, full runs', zh: 'FLOPs，完整训练' },
      { en: 'FLOPs, branches', zh: 'FLOPs，分支' },
      { en: 'saved, %', zh: '节省，%' },
      { en: 'loss, full runs', zh: '损失，完整训练' },
      { en: 'loss, branches', zh: '损失，分支' },
      { en: 'full run there, ‰', zh: '完整训练在该处，‰' },
    ],
    rows: cells.map(({ N, D, full, trained, pays }) => [
      N,
      D,
      full,
      trained,
      100 * (1 - trained / full),
      bowlAt('full', N, D)?.parameters.loss,
      bowlAt('branches', N, D)?.parameters.loss,
      pays === undefined ? undefined : 1000 * pays,
    ]),
  };
}
