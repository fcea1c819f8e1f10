// What `critical-batch` shows: steps against tokens, the critical batch and the gradient noise scale against the loss, the
// exponent, and the tables behind them.
import { criticalBatchAt } from '../laws/critical-batch.ts';
import { criticalBatch as criticalBatchOf, type CriticalBatchConstants } from '../laws/critical-batch-forms.ts';
import { PUBLISHED_CRITICAL_BATCH } from '../laws/kaplan-forms.ts';
import { exponentsOf } from '../laws/published-exponents.ts';
import type { CriticalBatchAnalysis } from './critical-batch-analysis.ts';
import { same, type Figure, type FigureLine, type FigureSeries, type LadderFigure, type PlotFigure, type TableFigure } from './figure.ts';

/** A re-implementation of Kaplan et al. up to 6.3 million parameters: B_crit = 2.20·10⁷·L^−4.263 tokens. */
const REPRODUCED: CriticalBatchConstants = { batch: 2.2e7, alpha: 1 / 4.263 };

const published = [
  {
    id: 'kaplan',
    label: { en: 'Kaplan et al.', zh: 'Kaplan 等' },
    constants: PUBLISHED_CRITICAL_BATCH,
    citation: 'Kaplan et al., arXiv 2001.08361, section 5.1 (WebText2, 50,257 tokens in the vocabulary)',
  },
  {
    id: 'reproduced',
    label: { en: 'reproduced, ≤ 6.3 M', zh: '复现，≤ 630 万' },
    constants: REPRODUCED,
    citation: exponentsOf('loss of the critical batch')[1].citation,
  },
] as const;

const steps = (count: number, from: number, to: number): number[] =>
  Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));

/** At most this many levels are drawn. */
const DRAWN = 5;

function tradeFigure({ fit }: CriticalBatchAnalysis): PlotFigure {
  const all = fit.levels.filter(({ points }) => points.length > 0);
  const shown = all.filter((_, i) => i % Math.ceil(all.length / DRAWN) === 0);
  const key = (level: (typeof all)[number]): string => `${level.N ?? ''} ${level.loss.toFixed(4)}`;
  return {
    kind: 'plot',
    id: 'trade',
    title: { en: 'Steps against tokens at equal loss', zh: '相同损失下的步数与词元' },
    caption: {
      en: 'One colour for each loss, one point for each batch at its best learning rate; lines are hyperbolas, (S/S_min − 1)(E/E_min − 1) = 1. Grey: batches below the one that needs the fewest tokens, where the trade does not hold.',
      zh: '每种损失一色，每个批大小在其最佳学习率下一点；线为双曲线 (S/S_min − 1)(E/E_min − 1) = 1。灰色：小于词元最省的批大小，那里不存在这种交换。',
    },
    x: { label: { en: 'steps to the loss', zh: '达到损失的步数' }, scale: 'log' },
    y: { label: { en: 'tokens to the loss', zh: '达到损失的词元' }, scale: 'log' },
    series: shown.map((level) => ({
      id: key(level),
      label: { en: `L = ${level.loss.toFixed(3)}`, zh: `L = ${level.loss.toFixed(3)}` },
      points: [
        ...level.points.map(({ S, E, B }) => ({ x: S, y: E, label: { en: `batch ${B}`, zh: `批 ${B}` } })),
        ...level.below.map(({ S, E, B }) => ({
          x: S,
          y: E,
          label: { en: `batch ${B}`, zh: `批 ${B}` },
          leftOut: { en: 'below the most token-efficient batch', zh: '小于词元最省的批大小' },
        })),
      ],
    })),
    lines: shown.flatMap((level): FigureLine[] => {
      const { Smin, Emin, points } = level;
      if (!(Smin > 0) || !(Emin > 0) || points.length < 2) return [];
      const S = points.map((point) => point.S);
      return [
        {
          id: `hyperbola ${key(level)}`,
          label: { en: `hyperbola, L = ${level.loss.toFixed(3)}`, zh: `双曲线，L = ${level.loss.toFixed(3)}` },
          points: steps(33, Math.max(Math.min(...S), Smin * 1.02), Math.max(...S)).map((x) => ({ x, y: Emin / (1 - Smin / x) })),
          source: 'fitted',
          series: key(level),
        },
      ];
    }),
  };
}

/** The gradient noise scale at each loss. */
function noiseSeries({ noise }: CriticalBatchAnalysis): FigureSeries[] {
  const points = noise.flatMap(({ loss, scale, measurements, runs }) =>
    scale === undefined || scale === 0
      ? []
      : [
          {
            x: loss,
            y: scale,
            label: { en: `gradient noise scale, ${measurements} measurements`, zh: `梯度噪声尺度，${measurements} 次测量` },
            runs,
          },
        ],
  );
  return points.length === 0 ? [] : [{ id: 'noise', label: { en: 'gradient noise scale', zh: '梯度噪声尺度' }, points }];
}

function criticalFigure(analysis: CriticalBatchAnalysis): PlotFigure {
  const { fit } = analysis;
  const good = fit.levels.filter(({ status }) => status === 'converged');
  const losses = (good.length > 0 ? good : fit.levels).map(({ loss }) => loss);
  const along = losses.length > 1 ? steps(33, Math.min(...losses), Math.max(...losses)) : [];
  const sizes = [...new Set(good.map(({ N }) => N))];
  return {
    kind: 'plot',
    id: 'critical-batch',
    title: { en: 'Critical batch against loss', zh: '临界批大小与损失' },
    caption: {
      en: 'E_min/S_min of each loss, and B_*/L^(1/α_B) through all of them with its 95 % band. Gradient noise scale: tr Σ/|G|² of gradients measured while the runs at the best learning rate of each batch trained, between sequences, counted in tokens. Dashed: published laws, of another text and vocabulary, whose nats per token are not these.',
      zh: '每种损失的 E_min/S_min，以及穿过全部的 B_*/L^(1/α_B) 与其 95 % 带。梯度噪声尺度：各批大小在最佳学习率下训练时测得的梯度的 tr Σ/|G|²，取序列之间的方差，以词元计。虚线为已发表的定律，文本与词表不同，每词元的奈特数不可直接比较。',
    },
    x: { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' },
    y: { label: { en: 'critical batch (tokens)', zh: '临界批大小（词元）' }, scale: 'log', octaves: true },
    series: [
      ...sizes.map((N) => ({
        id: String(N),
        label: same(`N = ${N}`),
        points: good.filter((level) => level.N === N).map(({ loss, Bcrit }) => ({ x: loss, y: Bcrit })),
      })),
      ...noiseSeries(analysis),
    ],
    lines: [
      ...(fit.status === 'converged'
        ? [
            {
              id: 'fitted',
              label: { en: 'fitted to all losses', zh: '拟合所有损失' },
              points: along.map((x) => {
                const { value, low, high } = criticalBatchAt(fit, x)!;
                return { x, y: value, ...(low > 0 && Number.isFinite(high) ? { low, high } : {}) };
              }),
              source: 'fitted' as const,
            },
          ]
        : []),
      ...published.map(({ id, label, constants, citation }) => ({
        id,
        label,
        points: along.map((x) => ({ x, y: criticalBatchOf(constants, x) })),
        source: 'published' as const,
        citation,
      })),
    ],
  };
}

function exponent({ fit }: CriticalBatchAnalysis): LadderFigure {
  const estimate = fit.status === 'converged' ? fit.parameters.alphaB : undefined;
  return {
    kind: 'ladder',
    id: 'alphaB',
    title: { en: 'α_B: how the critical batch follows the loss', zh: 'α_B：临界批大小如何随损失变化' },
    caption: { en: 'Of B_crit = B_*/L^(1/α_B), with its 95 % interval.', zh: 'B_crit = B_*/L^(1/α_B) 中的 α_B，带 95 % 区间。' },
    x: { label: same('α_B'), scale: 'linear' },
    rungs: [{ id: 'here', label: { en: 'these runs', zh: '这些训练' }, estimate, ...(estimate ? {} : { note: fit.message }) }],
    references: exponentsOf('loss of the critical batch').map(({ label, value, citation }) => ({ label, value, citation })),
  };
}

function levels({ fit }: CriticalBatchAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'levels',
    title: { en: 'Each loss', zh: '各损失' },
    caption: { en: 'The hyperbola of each loss by itself.', zh: '每种损失单独的双曲线。' },
    columns: [
      same('N'),
      { en: 'loss', zh: '损失' },
      { en: 'S_min (steps)', zh: 'S_min（步）' },
      { en: 'E_min (tokens)', zh: 'E_min（词元）' },
      { en: 'B_crit (tokens)', zh: 'B_crit（词元）' },
      { en: 'batches', zh: '批大小数' },
      { en: 'what it says', zh: '结论' },
    ],
    rows: fit.levels.map(({ N, loss, Smin, Emin, Bcrit, points, message }) => [
      N,
      loss,
      Smin > 0 ? Smin : undefined,
      Emin > 0 ? Emin : undefined,
      Bcrit > 0 ? Bcrit : undefined,
      points.length,
      message,
    ]),
  };
}

function batches({ cells }: CriticalBatchAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'batches',
    title: { en: 'Each batch at its best learning rate', zh: '各批大小及其最佳学习率' },
    caption: { en: 'Held-out loss at the end of the runs, nats per token.', zh: '训练结束时的留出损失，奈特每词元。' },
    columns: [
      same('N'),
      { en: 'batch (tokens)', zh: '批大小（词元）' },
      { en: 'best learning rate', zh: '最佳学习率' },
      { en: 'loss', zh: '损失' },
      { en: 'at the end of the rates tried', zh: '落在所试范围一端' },
    ],
    rows: cells.map(({ N, B, lr, loss, edge }) => [
      N,
      B,
      lr,
      loss,
      edge === undefined ? undefined : edge === 'low' ? { en: 'the lower', zh: '下端' } : { en: 'the upper', zh: '上端' },
    ]),
  };
}

/** All figures. */
export function criticalBatchFigures(analysis: CriticalBatchAnalysis): Figure[] {
  return [tradeFigure(analysis), criticalFigure(analysis), exponent(analysis), levels(analysis), batches(analysis)];
}
