// Sample efficiency: larger models reach the same loss with fewer tokens and in fewer steps. After Kaplan et al. (arXiv
// 2001.08361, section 1.1 and figure 2).
import type { SweepConfig } from '../config/sweep.ts';
import type { Estimate } from '../laws/fit.ts';
import { powerLawAt } from '../laws/power-law.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import { curveDesigns } from './curve-design.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, NextStage, Verdict } from './experiment.ts';
import { same, type FigureLine, type PlotFigure, type TableFigure } from './figure.ts';
import {
  analyseSampleEfficiency,
  type EfficiencyAxis,
  type EfficiencyLevel,
  type SampleEfficiencyAnalysis,
} from './sample-efficiency-analysis.ts';
import { ratesBeyond } from './tuning.ts';

const title: Sentence = { en: 'Sample efficiency', zh: '样本效率' };

function sweepOf(size: ExperimentSize): SweepConfig {
  return { name: `${title.en} (${size})`, experiment: 'sample-efficiency', ...curveDesigns[size] };
}

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})` : value.toFixed(2);

const exponentOf = ({ fit }: EfficiencyLevel): Estimate | undefined => (fit.status === 'converged' ? fit.parameters.a : undefined);

const nameOf = ({ of }: EfficiencyAxis): Sentence => (of === 'tokens' ? { en: 'tokens', zh: '词元' } : { en: 'steps', zh: '步数' });

/** The lowest loss at which an exponent could be fitted, in a sentence. */
function describe(axis: EfficiencyAxis): Sentence | undefined {
  const level = axis.levels.findLast((one) => exponentOf(one) !== undefined);
  if (level === undefined) return undefined;
  const needs = [...level.needs].sort((a, b) => a.N - b.N);
  const [small, large] = [needs[0], needs[needs.length - 1]];
  const name = nameOf(axis);
  const exponent = range(exponentOf(level)!);
  return {
    en: `To a loss of ${level.loss.toFixed(3)} at batch ${axis.B}, N = ${shortNumber(small.N)} needs ${shortNumber(small.amount)} ${name.en} and N = ${shortNumber(large.N)} ${shortNumber(large.amount)}: they go as N to the power ${exponent}.`,
    zh: `批大小 ${axis.B} 下达到损失 ${level.loss.toFixed(3)}，N = ${shortNumber(small.N)} 需要 ${shortNumber(small.amount)} ${name.zh}，N = ${shortNumber(large.N)} 需要 ${shortNumber(large.amount)}：按 N 的 ${exponent} 次幂变化。`,
  };
}

function verdict({ axes, curves }: SampleEfficiencyAnalysis): Verdict {
  const parts = axes.flatMap((axis) => describe(axis) ?? []);
  const say = (status: Verdict['status'], more: Sentence): Verdict => ({
    status,
    sentence: { en: [...parts.map(({ en }) => en), more.en].join(' '), zh: [...parts.map(({ zh }) => zh), more.zh].join('') },
  });
  const fitted = axes.map((axis) => axis.levels.flatMap((level) => exponentOf(level) ?? []));
  const edges = curves.filter(({ cell }) => cell.edge !== undefined).length;
  if (fitted.length === 0 || fitted.some((exponents) => exponents.length < 2))
    return say('not enough points', {
      en: `Each of tokens and steps needs two losses that four sizes pass through with their best learning rate inside those tried${edges > 0 ? `; ${edges} of ${curves.length} curves have it at the end: add rates there` : ''}.`,
      zh: `词元与步数各需要两个有四种大小经过、且最佳学习率在所试范围内部的损失${edges > 0 ? `；${curves.length} 条曲线中有 ${edges} 条落在一端：请在该处补充学习率` : ''}。`,
    });
  const all = fitted.flat();
  const rising = all.filter(({ low }) => low > 0).length;
  const falling = all.filter(({ high }) => high < 0).length;
  const counted: Sentence = {
    en: `The exponent is surely below zero at ${falling} of ${all.length} losses`,
    zh: `在 ${all.length} 个损失中，有 ${falling} 个的指数确定小于零`,
  };
  if (2 * rising >= all.length)
    return say('contradicted', {
      en: `At ${rising} of ${all.length} losses larger models surely need more.`,
      zh: `在 ${all.length} 个损失中，有 ${rising} 个确定是大模型需要更多。`,
    });
  if (fitted.every((exponents) => 2 * exponents.filter(({ high }) => high < 0).length > exponents.length) && rising === 0)
    return say('shown', { en: `${counted.en}, for tokens and for steps.`, zh: `${counted.zh}，词元与步数皆然。` });
  return say('not shown here', {
    en: `${counted.en}, too few; run more seeds, or sizes farther apart.`,
    zh: `${counted.zh}，太少；请增加种子或拉开大小的差距。`,
  });
}

function curvesFigure({ curves, axes }: SampleEfficiencyAnalysis): PlotFigure {
  const B = axes[0]?.B;
  return {
    kind: 'plot',
    id: 'curves',
    title: { en: 'Loss against tokens read, by size', zh: '各大小的损失与已读词元' },
    caption: {
      en: 'At the smallest batch and the best learning rate. At any height, the larger model is further to the left.',
      zh: '最小批、最佳学习率。同一高度上，较大的模型更靠左。',
    },
    x: { label: { en: 'tokens read', zh: '已读词元' }, scale: 'log' },
    y: { label: { en: 'training loss (nats per token)', zh: '训练损失（奈特每词元）' }, scale: 'log' },
    series: curves
      .filter((curve) => curve.B === B)
      .map(({ N, points, runs }) => ({
        id: String(N),
        label: same(`N = ${N}`),
        joined: true,
        points: points.map(([, x, y]) => ({ x, y, runs })),
      })),
    lines: [],
  };
}

function needsFigure(axis: EfficiencyAxis): PlotFigure {
  const name = nameOf(axis);
  return {
    kind: 'plot',
    id: `needs-${axis.of}`,
    title: { en: `${name.en === 'tokens' ? 'Tokens' : 'Steps'} to a loss against size`, zh: `达到损失所需${name.zh}与大小` },
    caption: {
      en: `At batches of ${axis.B} tokens, each size at its best learning rate; one colour for each loss.`,
      zh: `批大小 ${axis.B} 词元，各大小取最佳学习率；每种损失一色。`,
    },
    x: { label: { en: 'N (parameters)', zh: 'N（参数）' }, scale: 'log' },
    y: { label: { en: `${name.en} to the loss`, zh: `所需${name.zh}` }, scale: 'log' },
    series: axis.levels.map((level) => ({
      id: level.loss.toFixed(4),
      label: same(`L = ${level.loss.toFixed(3)}`),
      points: level.needs.map(({ N, amount, runs }) => {
        const fitted = powerLawAt(level.fit, N);
        return { x: N, y: amount, runs, ...(fitted > 0 ? { residual: amount / fitted - 1 } : {}) };
      }),
    })),
    lines: axis.levels.flatMap((level): FigureLine[] => {
      if (exponentOf(level) === undefined) return [];
      const ends = level.needs.map(({ N }) => N);
      return [
        {
          id: `fit ${level.loss.toFixed(4)}`,
          label: { en: `fitted, L = ${level.loss.toFixed(3)}`, zh: `拟合，L = ${level.loss.toFixed(3)}` },
          points: [Math.min(...ends), Math.max(...ends)].map((x) => ({ x, y: powerLawAt(level.fit, x) })),
          source: 'fitted',
          series: level.loss.toFixed(4),
        },
      ];
    }),
  };
}

function exponents({ axes }: SampleEfficiencyAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'exponents',
    title: { en: 'How fast the need falls with size', zh: '需求随大小下降的快慢' },
    caption: { en: 'Exponents of N with 95 % intervals.', zh: 'N 的指数，带 95 % 区间。' },
    columns: [
      { en: 'counted', zh: '计量' },
      { en: 'batch (tokens)', zh: '批大小（词元）' },
      { en: 'loss', zh: '损失' },
      { en: 'exponent', zh: '指数' },
      { en: 'sizes', zh: '大小数' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows: axes.flatMap((axis) =>
      axis.levels.map((level) => [nameOf(axis), axis.B, level.loss, exponentOf(level), level.needs.length, level.fit.message]),
    ),
  };
}

function next({ curves }: SampleEfficiencyAnalysis, sweep: SweepConfig): NextStage | undefined {
  return ratesStage(
    curves.map(({ cell }) => cell),
    sweep,
  );
}

/** The runs that follow where best learning rates are at the end of those tried. */
export function ratesStage(cells: Parameters<typeof ratesBeyond>[0], sweep: SweepConfig): NextStage | undefined {
  const grids = ratesBeyond(cells, sweep);
  return grids.length === 0
    ? undefined
    : {
        sentence: {
          en: `At ${grids.length} sizes and batches the best learning rate is at the end of those tried; these runs go beyond it.`,
          zh: `有 ${grids.length} 个（大小、批大小）的最佳学习率落在所试范围一端；这些训练越过该端。`,
        },
        grids,
      };
}

/** The experiment. */
export const sampleEfficiency: Experiment<SampleEfficiencyAnalysis> = {
  id: 'sample-efficiency',
  title,
  summary: {
    en: 'Larger models reach the same loss with fewer tokens and in fewer steps.',
    zh: '较大的模型以更少的词元、更少的步数达到同样的损失。',
  },
  claim: {
    en: 'The tokens (at a small batch) and the steps (at a large one) that a model needs to come down to a given loss fall as it grows.',
    zh: '模型降到给定损失所需的词元（小批）与步数（大批）随模型增大而减少。',
  },
  text: [
    {
      en: 'Several sizes are trained at a small and at a large batch, each with its own best learning rate, held constant after a short warm-up. Every token is read once, so the training loss is as good as a held-out one. Each curve is smoothed, and read at several losses: how many tokens, how many steps, until the curve falls below it.',
      zh: '几种大小分别以小批和大批训练，各用其最佳学习率，短暂预热后保持不变。每个词元只读一次，训练损失因此与留出损失同样可信。平滑每条曲线，在若干损失处读出：曲线降到其下需要多少词元、多少步。',
    },
    {
      en: 'A small batch needs the fewest tokens and many steps, a large one the fewest steps and many tokens: so tokens are read off at the small one and steps at the large one.',
      zh: '小批所需词元最少而步数多，大批所需步数最少而词元多：因此词元在小批上读，步数在大批上读。',
    },
    {
      en: 'Kaplan et al. (arXiv 2001.08361) found that the largest of their models needs about a hundred times fewer tokens than the smallest for the same loss. This shares its runs with the experiment on early curves.',
      zh: 'Kaplan 等（arXiv 2001.08361）发现，达到同样的损失，他们最大的模型所需词元约为最小模型的百分之一。本实验与“早期曲线”共用训练。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  readsCurves: true,
  analyse: (records, options?: AnalysisOptions) => analyseSampleEfficiency(records, options),
  verdict,
  figures: (analysis) => [curvesFigure(analysis), ...analysis.axes.map(needsFigure), exponents(analysis)],
  next,
};
