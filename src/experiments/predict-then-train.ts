// Predict, then train: small models give a law, the law foretells the loss of a model at least eight times larger at a
// batch none of them had, the prediction is frozen, and only then is that model trained. After Su et al., "Unraveling
// the Mystery of Scaling Laws: Part I", arXiv 2403.06563.
import type { RunInput, Shape } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, NextStage, Verdict } from './experiment.ts';
import { foretell, isTrained, settingsOf, TIMES_LARGER, type Foretelling, type TrainedTarget } from './foretelling.ts';
import { foretellingFigures } from './foretelling-figures.ts';
import { ratesBeyond } from './tuning.ts';

const shape = (layers: number, width: number, heads: number): Shape => ({ layers, width, heads, mlpRatio: 4 });

/** A batch in sequences, and the learning rates tried at it as powers of two: `count` of them, an octave apart. */
interface Batch {
  readonly batch: number;
  readonly from: number;
  readonly count: number;
}

/**
 * Every size at every batch with learning rates about that batch's best: larger batches take higher ones. Each batch and
 * rate has a seed of its own, so that the luck of one start is not that of all runs of a size.
 */
function batchGrids(shapes: readonly Shape[], batches: readonly Batch[], firstSeed = 0): Grid[] {
  return batches
    .flatMap(({ batch, from, count }) => Array.from({ length: count }, (_, i) => ({ batch, rate: 2 ** (from + i) })))
    .map(({ batch, rate }, index) => ({
      axes: { shape: shapes, batchSequences: [batch], learningRate: [rate], seed: [firstSeed + index] },
    }));
}

/**
 * The learning rate stays constant after its warm-up: then every point of a run's curve is the end of a shorter run, and
 * one run gives a whole axis of tokens. A run that decays its rate is on no such curve until its end.
 */
const constant = { schedule: 'constant' } as const;

/** Two heads at every width, so that all sizes are of one family. */
const wide = (...widths: readonly number[]): Shape[] => widths.map((width) => shape(2, width, 2));

// Batches reach from well below to well above the critical one, in equal steps; tokens are a whole number of each. The
// largest sizes, which cost most, are trained at the two batches that the foretold one lies between.
const designs: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: {
      ...constant,
      corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144',
      context: 2,
      validationTokens: 4096,
      tokens: 12_288,
    },
    grids: batchGrids(
      [shape(1, 4, 1), shape(1, 6, 1), shape(1, 8, 1), shape(1, 12, 1)],
      [
        { batch: 2, from: -9, count: 4 },
        { batch: 6, from: -8, count: 4 },
        { batch: 24, from: -7, count: 4 },
      ],
    ),
  },
  minutes: {
    base: { ...constant, corpus: 'sotu', context: 16, tokens: 1_181_952, validationTokens: 16_384 },
    grids: [
      ...batchGrids(wide(8, 12, 16), [
        { batch: 8, from: -9.5, count: 4 },
        { batch: 24, from: -8.5, count: 4 },
        { batch: 72, from: -7.5, count: 4 },
        { batch: 216, from: -7.5, count: 4 },
      ]),
      ...batchGrids(
        wide(24, 32),
        [
          { batch: 24, from: -8.5, count: 3 },
          { batch: 72, from: -7.5, count: 3 },
        ],
        16,
      ),
    ],
  },
  lesson: {
    base: { ...constant, corpus: 'sotu', context: 32, tokens: 4_976_640 },
    grids: [
      ...batchGrids(wide(8, 12, 16, 24), [
        { batch: 4, from: -10, count: 5 },
        { batch: 12, from: -9.5, count: 5 },
        { batch: 36, from: -8.5, count: 5 },
        { batch: 108, from: -8, count: 5 },
      ]),
      ...batchGrids(
        wide(32, 48),
        [
          { batch: 12, from: -9.5, count: 4 },
          { batch: 36, from: -8.5, count: 4 },
        ],
        20,
      ),
    ],
  },
  hours: {
    base: { ...constant, corpus: 'sotu', context: 64, tokens: 9_953_280 },
    grids: [
      ...batchGrids(wide(8, 12, 16, 24, 32), [
        { batch: 2, from: -10.5, count: 6 },
        { batch: 6, from: -10, count: 6 },
        { batch: 18, from: -9, count: 6 },
        { batch: 54, from: -8.5, count: 6 },
        { batch: 162, from: -8, count: 6 },
      ]),
      ...batchGrids(
        wide(48, 64),
        [
          { batch: 6, from: -10, count: 5 },
          { batch: 18, from: -9, count: 5 },
        ],
        30,
      ),
    ],
  },
};

const title: Sentence = { en: 'Predict, then train', zh: '先预测，再训练' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, grids } = designs[size];
  return { name: `${title.en} (${size})`, experiment: 'predict-then-train', base, grids };
}

const percent = (share: number): string => `${shortNumber(Number((100 * share).toPrecision(2)))} %`;

function verdict(analysis: Foretelling): Verdict {
  const { draft, why } = analysis;
  const target = analysis.trained.find(({ predicted }) => predicted !== undefined);
  if (target?.predicted !== undefined) return judged(analysis, target, target.predicted);
  if (analysis.trained.length > 0 || draft === undefined)
    return {
      status: 'not enough points',
      sentence: {
        en: `Nothing can be foretold from ${analysis.smallRuns} runs. ${why?.en ?? ''}`.trim(),
        zh: `由 ${analysis.smallRuns} 次训练无法做出预测。${why?.zh ?? ''}`,
      },
    };
  const { N, B, D, final, largestN } = draft;
  const range = `${final.loss.toFixed(3)} (${final.low.toFixed(3)} … ${final.high.toFixed(3)})`;
  return {
    status: 'not enough points',
    sentence: {
      en: `Foretold, and not trained yet: ${range} nats per token for N = ${N} (${shortNumber(N / largestN)} times the largest fitted) after ${D} tokens at batch ${B}; train it to see.`,
      zh: `已预测、尚未训练：N = ${N}（为所拟合的最大模型的 ${shortNumber(N / largestN)} 倍），批大小 ${B}，训练 ${D} 个词元后的损失为 ${range} 奈特每词元；请训练该模型以检验。`,
    },
  };
}

function judged(analysis: Foretelling, target: TrainedTarget, predicted: NonNullable<TrainedTarget['predicted']>): Verdict {
  const { N, B, loss, unchanged } = target;
  const times = shortNumber(N / analysis.largestN);
  const range = `${predicted.loss.toFixed(3)} (${predicted.low.toFixed(3)} … ${predicted.high.toFixed(3)})`;
  if (loss === null)
    return {
      status: 'not shown here',
      sentence: {
        en: `${range} nats per token was foretold for N = ${N}, but that run ended without a loss (${target.status}).`,
        zh: `对 N = ${N} 预测的损失为 ${range} 奈特每词元，但该训练没有得到损失（${target.status}）。`,
      },
    };
  const error = loss / predicted.loss - 1;
  const errors = Math.log(loss / predicted.loss) / predicted.standardError;
  const what: Sentence = {
    en:
      `A model ${times} times larger than any of the fit (N = ${N}), at a batch none of them had (${B} tokens), was foretold ${range} nats per token ` +
      `and reached ${loss.toFixed(3)}: ${percent(Math.abs(error))} ${error > 0 ? 'above' : 'below'} the prediction, ${Math.abs(errors).toFixed(1)} standard errors`,
    zh:
      `比所拟合的任何模型大 ${times} 倍（N = ${N}）、批大小（${B} 词元）也未曾出现过的模型，预测损失为 ${range} 奈特每词元，` +
      `实际为 ${loss.toFixed(3)}：比预测${error > 0 ? '高' : '低'} ${percent(Math.abs(error))}，即 ${Math.abs(errors).toFixed(1)} 个标准误`,
  };
  const say = (status: Verdict['status'], en: string, zh: string): Verdict => ({
    status,
    sentence: { en: `${what.en}${en}`, zh: `${what.zh}${zh}` },
  });
  if (loss < predicted.low || loss > predicted.high) return say('contradicted', ': a miss.', '：未命中。');
  if (unchanged !== undefined && unchanged <= predicted.high)
    return say(
      'not shown here',
      `: inside the interval, but so is ${unchanged.toFixed(3)}, the loss of the largest model of the fit; an interval this wide foretells nothing. Run more sizes, or more tokens.`,
      `：落在区间内，但所拟合的最大模型的损失 ${unchanged.toFixed(3)} 也在其中；区间过宽，等于没有预测。请增加模型大小的种类或训练词元数。`,
    );
  return say('shown', ': a hit.', '：命中。');
}

/** Learning rates tried at one size and batch, at most: where more would be needed, the cell is left out instead. */
const MOST_RATES = 12;

function next(analysis: Foretelling, sweep: SweepConfig): NextStage | undefined {
  const { draft, cells } = analysis;
  const beyond =
    analysis.trained.length > 0
      ? []
      : ratesBeyond(
          // One run a rate, as in the sweep itself, though its rates have seeds of their own.
          cells.flatMap((cell) =>
            cell.tried.length < MOST_RATES
              ? [{ ...cell, replicates: [{ dataSeed: cell.config.dataSeed, seeds: [cell.config.seed] }] }]
              : [],
          ),
          sweep,
        );
  if (beyond.length > 0)
    return {
      sentence: {
        en: `At ${beyond.length} sizes and batches the best learning rate is the last one tried: train the rates beyond it first.`,
        zh: `有 ${beyond.length} 组大小与批大小的最佳学习率位于所试范围的一端：请先训练更外侧的学习率。`,
      },
      grids: beyond,
    };
  if (draft === undefined || analysis.trained.length > 0 || isTrained(analysis)) return undefined;
  const { final, N, B, largestN } = draft;
  const range = `${final.loss.toFixed(3)} (${final.low.toFixed(3)} … ${final.high.toFixed(3)})`;
  return {
    sentence: {
      en: `Train the model that was foretold: N = ${N}, ${shortNumber(N / largestN)} times the largest fitted, at batch ${B}; ${range} nats per token is frozen before it starts.`,
      zh: `训练所预测的模型：N = ${N}，为所拟合的最大模型的 ${shortNumber(N / largestN)} 倍，批大小 ${B}；训练开始前，预测值 ${range} 奈特每词元即被冻结。`,
    },
    grids: [{ set: settingsOf(draft.config) }],
    predictions: [draft],
  };
}

/** The experiment. */
export const predictThenTrain: Experiment<Foretelling> = {
  id: 'predict-then-train',
  title,
  summary: {
    en: `Small models foretell the loss of one ${TIMES_LARGER} times larger; the prediction is frozen, then the model is trained.`,
    zh: `用小模型预测大 ${TIMES_LARGER} 倍的模型的损失；先冻结预测，再训练该模型。`,
  },
  claim: {
    en: `A law fitted to small models gives the loss of a model at least ${TIMES_LARGER} times larger, at a batch size that none of them had, within its 95 % interval.`,
    zh: `由小模型拟合的定律能给出至少大 ${TIMES_LARGER} 倍、批大小未曾出现过的模型的损失，误差在其 95 % 区间之内。`,
  },
  text: [
    {
      en: 'Several small models are trained over batches and learning rates, the rate constant after its warm-up, so that every point of a curve is the end of a shorter run. One valley of the learning rate is laid through all of them, its bottom a power of size and batch; held-out losses along the runs are brought to that bottom, averaged at each size and batch, and a law over size, tokens and batch is fitted to them.',
      zh: '若干小模型在多种批大小与学习率下训练；预热后学习率保持不变，因此曲线上的每一点都相当于一次较短训练的终点。由全部训练共同拟合一条学习率的“谷”，谷底为大小与批大小的幂函数；把训练过程中的留出损失换算到谷底，按大小与批大小取平均，再拟合一个关于模型大小、词元数与批大小的定律。',
    },
    {
      en: 'Which law? Each is rehearsed: fitted to the smallest three sizes, then four, and held against the larger ones. The one with the least error there is used. The interval adds three doubts: of the constants, each curve left out once; of the law, what rehearsals missed by beyond that, in proportion to how much further it must now reach, and how far the other laws disagree; and of one more run, the scatter of single ones.',
      zh: '用哪个定律？每个都先预演：先后只用最小的三种、四种大小拟合，再与更大的模型比较，采用误差最小者。区间包含三种不确定性：常数（逐一去掉一条曲线）；定律本身（预演中超出前者的误差，按外推距离成比例计入，以及其他定律的分歧）；以及单次训练的离散。',
    },
    {
      en: 'The large model takes the learning rate that the small ones give for its size and batch. Its prediction is written down with a time stamp and a hash before its first step; the hash covers every number, so a prediction that is changed later is seen to be. Hits and misses are kept in one list.',
      zh: '大模型的学习率由小模型按其大小与批大小推得。在它训练第一步之前，预测连同时间戳与哈希一起写下；哈希涵盖每一个数字，事后改动即可发现。命中与未命中都保存在同一列表中。',
    },
    {
      en: 'Su et al. (arXiv 2403.06563) fitted all constants of L = (N_c/N)^αN + (S_c/S_min)^αS to models of 1 to 60 million parameters and foretold the loss of models up to 33 billion; Kaplan et al. (arXiv 2001.08361) have the forms.',
      zh: 'Su 等（arXiv 2403.06563）用 100 万至 6000 万参数的模型拟合 L = (N_c/N)^αN + (S_c/S_min)^αS 的所有常数，预测了最大 330 亿参数模型的损失；公式来自 Kaplan 等（arXiv 2001.08361）。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  analyse: (records, options?: AnalysisOptions) => foretell(records, options),
  verdict,
  figures: foretellingFigures,
  next,
};
