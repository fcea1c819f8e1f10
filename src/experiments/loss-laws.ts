// The laws of loss: against size, data and compute, each a line on double logarithms. After Kaplan et al. (arXiv
// 2001.08361, section 1), at a scale a browser can train, with a language whose true entropy is known beside a real text.
import type { RunInput, Shape } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, NextStage } from './experiment.ts';
import { analyseLossLaws, type LossLawsAnalysis } from './loss-laws-analysis.ts';
import { lossLawFigures } from './loss-laws-figures.ts';
import { lossLawsVerdict } from './loss-laws-verdict.ts';
import { ratesBeyond } from './tuning.ts';

const shape = (width: number, heads = 2, layers = 2): Shape => ({ layers, width, heads, mlpRatio: 4 });

/** 2^from, 2^(from + 1), … 2^to. */
const octaves = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/**
 * Every size at every number of tokens: a fixed ratio of the two would leave their exponents tied. Batches are fixed
 * and small, near the best of such short runs; the learning rate is tuned at each size and length. Two layers at least:
 * one-layer models lie off the law (Kaplan et al., section 3.2).
 */
const designs: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 4, batchSequences: 8, validationTokens: 8192 },
    grids: [
      {
        axes: {
          shape: [shape(4), shape(6), shape(8), shape(12), shape(16)],
          tokens: [4096, 8192, 16_384, 32_768],
          learningRate: [-7.5, -6, -4.5, -3].map((exponent) => 2 ** exponent),
        },
      },
    ],
  },
  minutes: {
    base: { context: 16, batchSequences: 8, validationTokens: 16_384 },
    grids: [
      // Small models want higher learning rates: each range is where tuned rates of the size were found, and one step more.
      {
        axes: {
          corpus: ['sotu', 'synthetic'],
          shape: [shape(8), shape(12), shape(16)],
          tokens: [131_072, 262_144, 524_288, 1_048_576],
          learningRate: octaves(-8, -4),
        },
      },
      {
        axes: {
          corpus: ['sotu', 'synthetic'],
          shape: [shape(24), shape(32)],
          tokens: [131_072, 262_144, 524_288, 1_048_576],
          learningRate: octaves(-9, -6),
        },
      },
    ],
  },
  lesson: {
    base: { context: 64, batchSequences: 2 },
    grids: [
      {
        axes: {
          corpus: ['sotu', 'synthetic'],
          shape: [shape(12), shape(16), shape(24), shape(32), shape(48), shape(64)],
          tokens: [409_600, 819_200, 1_638_400, 3_276_800],
          learningRate: octaves(-9, -6),
        },
      },
    ],
  },
  hours: {
    base: { context: 64 },
    grids: [
      {
        axes: {
          corpus: ['sotu', 'synthetic'],
          shape: [shape(12), shape(16), shape(24), shape(32), shape(48), shape(64), shape(96, 4), shape(128, 4)],
          tokens: [409_600, 819_200, 1_638_400, 3_276_800, 6_553_600],
          batchSequences: [2, 6],
          learningRate: octaves(-10, -6),
          seed: range(2),
        },
      },
    ],
  },
};

const title: Sentence = { en: 'Loss against size, data and compute', zh: '损失与大小、数据、计算量' };

function sweepOf(size: ExperimentSize): SweepConfig {
  return { name: `${title.en} (${size})`, experiment: 'loss-laws', ...designs[size] };
}

function next(analysis: LossLawsAnalysis, sweep: SweepConfig): NextStage | undefined {
  const grids = analysis.texts.flatMap(({ cells }) => ratesBeyond(cells, sweep));
  const count = grids.length;
  return count === 0
    ? undefined
    : {
        sentence: {
          en: `At ${count} sizes and lengths the best learning rate is at the end of those tried; these runs go beyond it.`,
          zh: `有 ${count} 个（大小、词元数）的最佳学习率落在所试范围一端；这些训练越过该端。`,
        },
        grids,
      };
}

/** The experiment. */
export const lossLaws: Experiment<LossLawsAnalysis> = {
  id: 'loss-laws',
  title,
  summary: {
    en: 'Three straight lines on double logarithms: the loss falls as a power of size, of data, of compute.',
    zh: '双对数坐标上的三条直线：损失随大小、数据、计算量的幂下降。',
  },
  claim: {
    en: 'The loss of models whose learning rate is tuned falls as a power law with size, with training tokens and with compute, each while the other two do not limit it; above an irreducible floor where there is one.',
    zh: '学习率调优后，模型的损失随大小、训练词元数和计算量各自按幂律下降，只要另外两者不成为限制；若存在不可约的下限，则指高出它的部分。',
  },
  text: [
    {
      en: 'Every size is trained on every number of tokens, each token read once, at several learning rates; the best rate counts, and a best rate at the end of those tried does not. The three panels show the loss against size at the most tokens, against tokens at the largest size, and the lowest loss at each budget of compute.',
      zh: '每种大小都在每个词元数上、以若干学习率训练，每个词元只读一次；取最佳学习率，落在所试范围一端的不算。三幅图分别是最多词元数下的损失与大小、最大模型的损失与词元数，以及每个计算量下的最低损失。',
    },
    {
      en: 'Runs of a small laboratory are short, so the panel over sizes is limited by data and the panel over data by size. The laws of Kaplan et al. fitted to all runs at once give the exponents that remain when the other limit is taken away; both stand in the ladders, beside the published values.',
      zh: '小型实验室的训练很短，因此随大小变化的图受数据限制，随数据变化的图受大小限制。用 Kaplan 等的定律同时拟合所有训练，可得去掉另一限制后的指数；两者与已发表的值一同列在阶梯图中。',
    },
    {
      en: 'One of the texts is a synthetic language: a Markov source whose entropy rate is known exactly, so no model can go below it. It is the one place where a fitted irreducible loss can be held against the truth.',
      zh: '其中一种文本是合成语言：熵率精确已知的马尔可夫源，任何模型都无法低于它。只有在这里，拟合出的不可约损失才能与真值对照。',
    },
    {
      en: 'Kaplan et al. (arXiv 2001.08361) found exponents 0.076, 0.095 and 0.050 for size, data and compute between 768 and 1.5 billion parameters. A re-implementation below 6.3 million parameters found 0.082, 0.122 (in the joint law) and 0.057.',
      zh: 'Kaplan 等（arXiv 2001.08361）在 768 至 15 亿参数之间得到大小、数据、计算量的指数 0.076、0.095 和 0.050。一个 630 万参数以下的复现得到 0.082、0.122（联合定律）和 0.057。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  analyse: (records, options?: AnalysisOptions) => analyseLossLaws(records, options),
  verdict: lossLawsVerdict,
  figures: lossLawFigures,
  next,
};
