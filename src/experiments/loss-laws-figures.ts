// What `loss-laws` shows: the three panels, the exponents beside published ones, and the floors.
import { powerLawAt } from '../laws/power-law.ts';
import { exponentsOf, type PublishedExponent } from '../laws/published-exponents.ts';
import type { Estimate } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { fall, lawOf, type AxisLaw } from './axis-law.ts';
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
import type { LossLawsAnalysis, TextLaws } from './loss-laws-analysis.ts';

type Axis = 'N' | 'D' | 'C';

const axisLabel: Readonly<Record<Axis, Sentence>> = {
  N: { en: 'N (parameters)', zh: 'N（参数）' },
  D: { en: 'D (tokens)', zh: 'D（词元）' },
  C: { en: 'C_min (FLOPs)', zh: 'C_min（FLOP）' },
};

const panelTitle: Readonly<Record<Axis, Sentence>> = {
  N: { en: 'Loss against size', zh: '损失与模型大小' },
  D: { en: 'Loss against data', zh: '损失与数据量' },
  C: { en: 'Loss against compute', zh: '损失与计算量' },
};

/** Published laws that stand beside each axis. */
const beside: Readonly<Record<Axis, PublishedExponent['of']>> = { N: 'size', D: 'tokens', C: 'minimum compute' };

/** All figures. */
export function lossLawFigures(analysis: LossLawsAnalysis): Figure[] {
  return [
    ...(['N', 'D', 'C'] as const).map((axis) => panel(analysis, axis)),
    ...(['N', 'D', 'C'] as const).map((axis) => exponents(analysis, axis)),
    floors(analysis),
    laws(analysis),
  ];
}

function panel({ texts }: LossLawsAnalysis, axis: Axis): PlotFigure {
  const correction = Math.max(0, ...texts.map(({ largestCorrection }) => largestCorrection));
  const percent = (100 * correction).toFixed(1);
  const captions: Readonly<Record<Axis, Sentence>> = {
    N: {
      en: 'Each size at the most tokens and its best learning rate. Dashed: published slopes, drawn through the middle of the points; their levels belong to another tokenizer.',
      zh: '每种大小取最多词元数下最佳学习率的损失。虚线为已发表的斜率，画过点的中部；其水平属于另一种分词器。',
    },
    D: {
      en: 'The largest size at each number of tokens, every token read once, the learning rate tuned at each. Dashed: published slopes through the middle of the points.',
      zh: '最大的模型在各词元数下的损失，每个词元只读一次，学习率逐一调优。虚线为画过点中部的已发表斜率。',
    },
    C: {
      en: `One curve for each size over its numbers of tokens; the law goes through the lowest loss at each budget. C_min is C/(1 + B/B_crit) with the published B_crit, which takes away at most ${percent} % of C here.`,
      zh: `每种大小一条曲线；定律穿过各计算量下的最低损失。C_min 为 C/(1 + B/B_crit)，B_crit 取已发表的值，在此最多减去 C 的 ${percent} %。`,
    },
  };
  return {
    kind: 'plot',
    id: `loss-against-${axis}`,
    title: panelTitle[axis],
    caption: captions[axis],
    x: { label: axisLabel[axis], scale: 'log' },
    y: { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' },
    series: texts.flatMap((text) => [
      { id: text.id, label: text.label, points: pointsOf(text.axes[axis]) },
      ...(axis === 'C' ? sizeCurves(text) : []),
    ]),
    lines: texts.flatMap((text) => linesOf(text, axis)),
  };
}

function pointsOf(axis: AxisLaw): FigurePoint[] {
  const law = lawOf(axis);
  return axis.points.map(({ x, loss, runs, label, leftOut }) => {
    const fitted = powerLawAt(law, x);
    return { x, y: loss, runs, label, ...(leftOut ? { leftOut } : {}), ...(fitted > 0 && !leftOut ? { residual: loss / fitted - 1 } : {}) };
  });
}

function sizeCurves({ id, label, cells }: TextLaws): PlotFigure['series'] {
  return [...new Set(cells.map(({ N }) => N))].map((N) => ({
    id: `${id} N=${N}`,
    label: { en: `${label.en}, N = ${N}`, zh: `${label.zh}，N = ${N}` },
    joined: true,
    points: cells.filter((cell) => cell.N === N).map(({ C, loss }) => ({ x: C, y: loss })),
  }));
}

/** Points of a smooth line between the ends, evenly spaced in log x. */
function along(points: readonly { readonly x: number }[], of: (x: number) => number): { x: number; y: number }[] {
  const low = Math.min(...points.map(({ x }) => x));
  const high = Math.max(...points.map(({ x }) => x));
  return Array.from({ length: 33 }, (_, i) => low * (high / low) ** (i / 32))
    .map((x) => ({ x, y: of(x) }))
    .filter(({ y }) => Number.isFinite(y));
}

function linesOf(text: TextLaws, axis: Axis): FigureLine[] {
  const law = text.axes[axis];
  const usable = law.points.filter(({ leftOut }) => leftOut === undefined);
  if (usable.length < 2) return [];
  const fit = lawOf(law);
  const middle = (of: (point: (typeof usable)[number]) => number): number =>
    Math.exp(usable.reduce((sum, point) => sum + Math.log(of(point)), 0) / usable.length);
  const centre = { x: middle(({ x }) => x), y: middle(({ loss }) => loss) };
  const { E } = text.floor.parameters;
  return [
    ...(fit.status === 'converged'
      ? [
          {
            id: `${text.id} fitted`,
            label: {
              en: `${text.label.en}: fitted${law.floor === undefined ? '' : ' above the true entropy'}`,
              zh: `${text.label.zh}：拟合${law.floor === undefined ? '' : '（真实熵之上）'}`,
            },
            points: along(usable, (x) => powerLawAt(fit, x)),
            source: 'fitted' as const,
            series: text.id,
          },
        ]
      : []),
    // Published slopes beside natural text alone: a synthetic language has its own.
    ...(text.entropy === undefined
      ? exponentsOf(beside[axis]).map((published, index) => ({
          id: `${text.id} published ${index}`,
          label: { en: `slope of ${published.label.en} (${published.value})`, zh: `${published.label.zh}的斜率（${published.value}）` },
          points: along(usable, (x) => centre.y * (x / centre.x) ** -published.value),
          source: 'published' as const,
          series: text.id,
          citation: published.citation,
        }))
      : [
          {
            id: `${text.id} entropy`,
            label: { en: 'true entropy of the language', zh: '该语言的真实熵' },
            points: along(usable, () => text.entropy!),
            source: 'exact' as const,
            series: text.id,
          },
          ...(text.floor.status === 'converged' && E
            ? [
                {
                  id: `${text.id} floor`,
                  label: { en: 'fitted floor E', zh: '拟合的下限 E' },
                  points: along(usable, () => E.value).map((point) => ({ ...point, low: E.low, high: E.high })),
                  source: 'fitted' as const,
                  series: text.id,
                },
              ]
            : []),
        ]),
  ];
}

function exponents({ texts }: LossLawsAnalysis, axis: Axis): LadderFigure {
  const name = { N: 'α_N', D: 'α_D', C: 'α_C' }[axis];
  const references = [...exponentsOf(beside[axis]), ...(axis === 'C' ? exponentsOf('compute') : [])];
  return {
    kind: 'ladder',
    id: `exponent-${axis}`,
    title: { en: `${name}: how fast the loss falls with ${axisLabel[axis].en}`, zh: `${name}：损失随 ${axisLabel[axis].zh} 下降的快慢` },
    caption: {
      en: 'Of L ∝ x^−α, with 95 % intervals. "Corrected" is the law of Kaplan et al. for unlimited data (or size), fitted to all runs; "above the entropy" is the exponent of what remains above the true entropy. Lines: published values.',
      zh: 'L ∝ x^−α 中的 α，带 95 % 区间。“修正”为 Kaplan 等针对无限数据（或大小）的定律，拟合所有训练；“熵之上”为高出真实熵部分的指数。竖线为已发表的值。',
    },
    x: { label: same(name), scale: 'linear' },
    rungs: texts.flatMap((text): LadderRung[] => {
      const { pure, above } = text.axes[axis];
      const corrected = { N: text.kaplan.laws.LN, D: text.kaplan.laws.LD, C: text.kaplan.laws.LC }[axis];
      const alpha = corrected.parameters[({ N: 'alphaN', D: 'alphaD', C: 'alphaC' } as const)[axis]];
      const rung = (id: string, en: string, zh: string, estimate: Estimate | undefined, note: Sentence): LadderRung => ({
        id: `${text.id} ${id}`,
        label: { en: `${text.label.en}: ${en}`, zh: `${text.label.zh}：${zh}` },
        estimate,
        ...(estimate ? {} : { note }),
      });
      return [
        rung('points', 'through the points', '穿过各点', fall(pure), pure.message),
        ...(above ? [rung('above', 'above the entropy', '熵之上', fall(above), above.message)] : []),
        rung('corrected', 'corrected', '修正', corrected.status === 'converged' ? alpha : undefined, corrected.message),
      ];
    }),
    references: references.map(({ label, value, citation, of }) => ({
      label: of === 'compute' ? { en: `${label.en}, fixed batch`, zh: `${label.zh}，固定批` } : label,
      value,
      citation,
    })),
  };
}

function floors({ texts }: LossLawsAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'floors',
    title: { en: 'Irreducible loss', zh: '不可约损失' },
    caption: {
      en: 'E of L = E + A/N^α + B/D^β (Hoffmann et al.) fitted to all sizes and tokens, with its 95 % interval, beside the true entropy rate where the language is synthetic. Nats per token.',
      zh: '对所有大小与词元数拟合 L = E + A/N^α + B/D^β（Hoffmann 等）得到的 E，带 95 % 区间；合成语言旁列真实熵率。单位奈特每词元。',
    },
    columns: [
      { en: 'text', zh: '文本' },
      { en: 'fitted floor E', zh: '拟合的下限 E' },
      { en: 'true entropy', zh: '真实熵' },
      { en: 'lowest loss', zh: '最低损失' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows: texts.map(({ label, floor, entropy, cells }) => [
      label,
      floor.status === 'converged' ? floor.parameters.E : undefined,
      entropy,
      cells.length > 0 ? Math.min(...cells.map(({ loss }) => loss)) : undefined,
      floor.message,
    ]),
  };
}

function laws({ texts }: LossLawsAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'straightness',
    title: { en: 'How straight the lines are', zh: '直线有多直' },
    caption: {
      en: 'Exponent, curvature (change of the slope over a factor of e; zero for a power law) and the last point as predicted by a law through the others. Above the true entropy where that is known.',
      zh: '指数、曲率（x 每乘以 e 斜率的变化；幂律为零），以及由其余各点的定律预测最后一点的偏差。真实熵已知时取熵之上的部分。',
    },
    columns: [
      { en: 'text', zh: '文本' },
      { en: 'axis', zh: '轴' },
      { en: 'exponent', zh: '指数' },
      { en: 'curvature', zh: '曲率' },
      { en: 'last point: predicted over observed, %', zh: '最后一点：预测比观测，%' },
      { en: 'points', zh: '点数' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows: texts.flatMap((text) =>
      (['N', 'D', 'C'] as const).map((name) => {
        const axis = text.axes[name];
        const fit = lawOf(axis);
        return [
          text.label,
          same(name === 'C' ? 'C_min' : name),
          fall(fit),
          axis.bend,
          axis.miss === undefined ? undefined : 100 * axis.miss,
          fit.used.length,
          fit.message,
        ];
      }),
    ),
  };
}
