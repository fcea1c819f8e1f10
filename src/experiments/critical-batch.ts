// The critical batch: where larger batches stop saving steps in proportion and begin to cost tokens. After McCandlish et
// al. (arXiv 1812.06162, section 2.3) and Kaplan et al. (arXiv 2001.08361, section 5.1).
import type { RunInput } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import { criticalBatchAt } from '../laws/critical-batch.ts';
import { criticalBatch as criticalBatchOf, type CriticalBatchConstants } from '../laws/critical-batch-forms.ts';
import type { Estimate } from '../laws/fit.ts';
import { fitLogLinear, logLinearEstimate } from '../laws/log-linear.ts';
import { PUBLISHED_CRITICAL_BATCH } from '../laws/kaplan-forms.ts';
import { exponentsOf } from '../laws/published-exponents.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import { analyseCriticalBatch, type CriticalBatchAnalysis } from './critical-batch-analysis.ts';
import { octaves, shapeOf } from './curve-design.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, Verdict } from './experiment.ts';
import { same, type FigureLine, type LadderFigure, type PlotFigure, type TableFigure } from './figure.ts';
import { ratesStage } from './sample-efficiency.ts';

/** Batches from a few sequences, where the best of short runs lies, to where steps hardly fall any more; larger ones at higher learning rates. */
const designs: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: {
      corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144',
      context: 4,
      validationTokens: 8192,
      tokens: 65_536,
      schedule: 'constant',
      shape: shapeOf(8),
    },
    grids: [
      { axes: { batchSequences: [2, 4, 8], learningRate: octaves(-10, -5) } },
      { axes: { batchSequences: [16, 32, 64], learningRate: octaves(-8, -3) } },
    ],
  },
  minutes: {
    base: { corpus: 'sotu', context: 16, validationTokens: 16_384, tokens: 1_572_864, schedule: 'constant', shape: shapeOf(16) },
    grids: [
      { axes: { batchSequences: [4, 8, 16], learningRate: octaves(-11, -7) } },
      { axes: { batchSequences: [32, 64, 128, 256], learningRate: octaves(-9, -5) } },
    ],
  },
  lesson: {
    base: { corpus: 'sotu', context: 64, tokens: 6_553_600, schedule: 'constant' },
    grids: [
      { axes: { shape: [shapeOf(24), shapeOf(48)], batchSequences: [1, 2, 4], learningRate: octaves(-12, -8) } },
      { axes: { shape: [shapeOf(24), shapeOf(48)], batchSequences: [8, 16, 32, 64], learningRate: octaves(-10, -6) } },
      { axes: { shape: [shapeOf(24), shapeOf(48)], batchSequences: [128, 256], learningRate: octaves(-9, -5) } },
    ],
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 9_830_400, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shapeOf(24), shapeOf(48), shapeOf(96, 4)],
          batchSequences: [1, 2, 4],
          learningRate: octaves(-13, -8),
          seed: [0, 1],
        },
      },
      {
        axes: {
          shape: [shapeOf(24), shapeOf(48), shapeOf(96, 4)],
          batchSequences: [8, 16, 32, 64],
          learningRate: octaves(-11, -6),
          seed: [0, 1],
        },
      },
      {
        axes: {
          shape: [shapeOf(24), shapeOf(48), shapeOf(96, 4)],
          batchSequences: [128, 256, 512],
          learningRate: octaves(-10, -5),
          seed: [0, 1],
        },
      },
    ],
  },
};

const title: Sentence = { en: 'The critical batch', zh: '临界批大小' };

function sweepOf(size: ExperimentSize): SweepConfig {
  return { name: `${title.en} (${size})`, experiment: 'critical-batch', ...designs[size] };
}

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${shortNumber(value)} (${shortNumber(low)} … ${shortNumber(high)})` : shortNumber(value);

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

function verdict({ fit, cells }: CriticalBatchAnalysis): Verdict {
  const edges = cells.filter(({ edge }) => edge !== undefined).length;
  const hint: Sentence =
    edges === 0
      ? { en: '', zh: '' }
      : {
          en: ` ${edges} of ${cells.length} batches end with their best learning rate at the end of those tried: add rates there.`,
          zh: `${cells.length} 个批大小中有 ${edges} 个的最佳学习率落在所试范围一端：请在该处补充学习率。`,
        };
  const falling = fallOf(fit);
  if (falling !== undefined)
    return {
      status: 'contradicted',
      sentence: {
        en: `The critical batch falls with the loss: from ${shortNumber(falling.from)} tokens at a loss of ${falling.high.toFixed(3)} to ${shortNumber(falling.to)} at ${falling.low.toFixed(3)}.`,
        zh: `临界批大小随损失一同下降：从损失 ${falling.high.toFixed(3)} 时的 ${shortNumber(falling.from)} 词元到 ${falling.low.toFixed(3)} 时的 ${shortNumber(falling.to)} 词元。`,
      },
    };
  if (fit.status !== 'converged') {
    const few = fit.status === 'not enough points' || fit.status === 'range too narrow';
    return {
      status: few ? 'not enough points' : 'not shown here',
      sentence: { en: `${fit.message.en}${few ? hint.en : ''}`, zh: `${fit.message.zh}${few ? hint.zh : ''}` },
    };
  }
  const losses = fit.levels.filter(({ hyperbola }) => hyperbola !== undefined).map(({ loss }) => loss);
  const [high, low] = [Math.max(...losses), Math.min(...losses)];
  const at = (loss: number): Estimate => criticalBatchAt(fit, loss)!;
  const alpha = fit.parameters.alphaB!;
  const error = Math.sqrt(fit.residuals.reduce((sum, one) => sum + one * one, 0) / fit.residuals.length);
  const found: Sentence = {
    en: `The hyperbola describes tokens against steps within ${(100 * error).toFixed(1)} % at ${losses.length} losses; the critical batch is ${range(at(high))} tokens at a loss of ${high.toFixed(3)} and ${range(at(low))} at ${low.toFixed(3)}, α_B = ${range(alpha)}`,
    zh: `双曲线在 ${losses.length} 个损失上描述词元与步数，误差 ${(100 * error).toFixed(1)} %；临界批大小在损失 ${high.toFixed(3)} 时为 ${range(at(high))} 词元，在 ${low.toFixed(3)} 时为 ${range(at(low))}，α_B = ${range(alpha)}`,
  };
  const say = (status: Verdict['status'], en: string, zh: string): Verdict => ({
    status,
    sentence: { en: found.en + en, zh: found.zh + zh },
  });
  if (error > LARGEST_ERROR)
    return say('not shown here', ': too far off for a hyperbola; run more seeds.', '：与双曲线相差太远；请增加种子。');
  // 1/α_B is above zero where α_B has an upper end.
  if (!Number.isFinite(alpha.high) || !(alpha.low > 0))
    return say(
      'not shown here',
      ': that it grows as the loss falls is not sure; run longer, or more seeds.',
      '：它是否随损失下降而增大尚不确定；请增加词元数或种子。',
    );
  return say('shown', ': it grows as the loss falls.', '：它随损失下降而增大。');
}

/** Tokens off the hyperbola by more than this (root mean square of the logarithm) do not show one: reading a step off a noisy curve errs by less. */
const LARGEST_ERROR = 0.2;

/** A fall of the critical batch by less than this factor may be the noise that neighbouring losses of one curve share. */
const LEAST_FALL = 2;

/** Where every loss by itself has a critical batch, and they surely fall with the loss, by the line through them. */
function fallOf({ levels }: CriticalBatchAnalysis['fit']): { from: number; to: number; high: number; low: number } | undefined {
  const good = levels.filter(({ status }) => status === 'converged');
  const logs = good.map(({ loss }) => Math.log(loss));
  const centre = logs.reduce((sum, one) => sum + one, 0) / logs.length;
  const line = fitLogLinear({
    terms: logs.map((log) => [1, log - centre]),
    y: good.map(({ Bcrit }) => Math.log(Bcrit)),
    weights: logs.map(() => 1),
  });
  if (line === undefined || good.length < LEAST_LEVELS) return undefined;
  const [high, low] = [Math.max(...logs), Math.min(...logs)];
  const at = (log: number): number => Math.exp(line.coefficients[0] + line.coefficients[1] * (log - centre));
  const sure = logLinearEstimate(line, [0, 1]).low > 0 && at(high) > LEAST_FALL * at(low);
  return sure ? { from: at(high), to: at(low), high: Math.exp(high), low: Math.exp(low) } : undefined;
}

/** Losses with a critical batch of their own that a line through them needs. */
const LEAST_LEVELS = 4;

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

function criticalFigure({ fit }: CriticalBatchAnalysis): PlotFigure {
  const good = fit.levels.filter(({ status }) => status === 'converged');
  const losses = (good.length > 0 ? good : fit.levels).map(({ loss }) => loss);
  const along = losses.length > 1 ? steps(33, Math.min(...losses), Math.max(...losses)) : [];
  const sizes = [...new Set(good.map(({ N }) => N))];
  return {
    kind: 'plot',
    id: 'critical-batch',
    title: { en: 'Critical batch against loss', zh: '临界批大小与损失' },
    caption: {
      en: 'E_min/S_min of each loss, and B_*/L^(1/α_B) through all of them with its 95 % band. Dashed: published laws, of another text and vocabulary, whose nats per token are not these.',
      zh: '每种损失的 E_min/S_min，以及穿过全部的 B_*/L^(1/α_B) 与其 95 % 带。虚线为已发表的定律，文本与词表不同，每词元的奈特数不可直接比较。',
    },
    x: { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' },
    y: { label: { en: 'critical batch (tokens)', zh: '临界批大小（词元）' }, scale: 'log', octaves: true },
    series: sizes.map((N) => ({
      id: String(N),
      label: same(`N = ${N}`),
      points: good.filter((level) => level.N === N).map(({ loss, Bcrit }) => ({ x: loss, y: Bcrit })),
    })),
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

/** The experiment. */
export const criticalBatch: Experiment<CriticalBatchAnalysis> = {
  id: 'critical-batch',
  title,
  summary: {
    en: 'Up to a critical batch, larger batches save steps almost for free; beyond it they cost tokens. It grows as the loss falls.',
    zh: '在临界批大小之前，增大批几乎无代价地节省步数；之后则要耗费词元。它随损失下降而增大。',
  },
  claim: {
    en: 'At equal loss steps and tokens trade along a hyperbola over batches, and the critical batch B_crit = E_min/S_min grows as the loss falls, as B_*/L^(1/α_B).',
    zh: '损失相同时，各批大小的步数与词元沿一条双曲线交换；临界批大小 B_crit = E_min/S_min 随损失下降按 B_*/L^(1/α_B) 增大。',
  },
  text: [
    {
      en: 'One size is trained at many batches, each at several learning rates, held constant after a short warm-up. Every curve is read at the same losses: steps S, and tokens E = B·S. At each loss the best learning rate counts.',
      zh: '同一大小以多种批大小训练，每种取若干学习率，短暂预热后保持不变。所有曲线在相同的损失处读数：步数 S 与词元 E = B·S。每个损失取最佳学习率。',
    },
    {
      en: 'A large batch approaches the fewest steps, S_min, a small one the fewest tokens, E_min; in between (S/S_min − 1)(E/E_min − 1) = 1. At the batch E_min/S_min a run takes twice the fewest of both. Below the batch that needs the fewest tokens the trade no longer holds, since the learning rate cannot make up for so much noise: those batches are left out.',
      zh: '大批趋近最少步数 S_min，小批趋近最少词元 E_min；其间 (S/S_min − 1)(E/E_min − 1) = 1。批大小为 E_min/S_min 时两者各为最少的两倍。小于词元最省的批大小时这种交换不再成立，因为学习率无法弥补如此大的噪声：这些批大小不参与拟合。',
    },
    {
      en: 'Kaplan et al. (arXiv 2001.08361) found B_crit = 2·10⁸/L^4.76 tokens, whatever the size of the model. The gradient noise scale, which McCandlish et al. (arXiv 1812.06162) derive as its cause, is not measured here.',
      zh: 'Kaplan 等（arXiv 2001.08361）得到 B_crit = 2·10⁸/L^4.76 词元，与模型大小无关。McCandlish 等（arXiv 1812.06162）推导出的成因，即梯度噪声尺度，此处未测量。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  readsCurves: true,
  analyse: (records, options?: AnalysisOptions) => analyseCriticalBatch(records, options),
  verdict,
  figures: (analysis) => [tradeFigure(analysis), criticalFigure(analysis), exponent(analysis), levels(analysis), batches(analysis)],
  next: ({ cells }, sweep) => ratesStage(cells, sweep),
};
