// The critical batch: where larger batches stop saving steps in proportion and begin to cost tokens. After McCandlish et
// al. (arXiv 1812.06162, section 2.3) and Kaplan et al. (arXiv 2001.08361, section 5.1).
import type { RunInput } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { Sentence } from '../messages/sentence.ts';
import { analyseCriticalBatch, type CriticalBatchAnalysis } from './critical-batch-analysis.ts';
import { criticalBatchFigures } from './critical-batch-figures.ts';
import { criticalBatchVerdict } from './critical-batch-verdict.ts';
import { octaves, shapeOf } from './curve-design.ts';
import type { AnalysisOptions, Experiment, ExperimentSize } from './experiment.ts';
import { ratesStage } from './sample-efficiency.ts';

/**
 * Batches from a few sequences, where the best of short runs lies, to where steps hardly fall any more; larger ones at higher
 * learning rates. The warm-up is short: small batches reach high losses soon after it, and before its end nothing is read.
 */
const designs: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: {
      corpus: 'synthetic:symbols=12,order=2,exponent=2,tokens=262144',
      context: 4,
      validationTokens: 2048,
      tokens: 131_072,
      schedule: 'constant',
      warmupFraction: 0.02,
      shape: shapeOf(8),
      noiseSequences: 512,
    },
    grids: [
      { axes: { batchSequences: [4, 8, 16], learningRate: octaves(-9, -6) } },
      { axes: { batchSequences: [32, 64, 128, 256], learningRate: octaves(-8, -4) } },
    ],
  },
  minutes: {
    base: {
      corpus: 'sotu',
      context: 16,
      validationTokens: 16_384,
      tokens: 1_572_864,
      schedule: 'constant',
      warmupFraction: 0.02,
      shape: shapeOf(16),
      noiseSequences: 2048,
    },
    // Twice, each time in another order of the text: what is measured on one text errs alike in all runs.
    grids: [0, 1].flatMap((seed) => [
      { set: { seed, dataSeed: seed }, axes: { batchSequences: [8, 16], learningRate: octaves(-9, -6) } },
      { set: { seed, dataSeed: seed }, axes: { batchSequences: [32, 64, 128], learningRate: octaves(-8, -5) } },
      { set: { seed, dataSeed: seed }, axes: { batchSequences: [256, 512], learningRate: octaves(-7, -4) } },
    ]),
  },
  lesson: {
    base: { corpus: 'sotu', context: 64, tokens: 6_553_600, schedule: 'constant', warmupFraction: 0.02, noiseSequences: 512 },
    grids: [
      { axes: { shape: [shapeOf(24), shapeOf(48)], batchSequences: [1, 2, 4], learningRate: octaves(-12, -8) } },
      { axes: { shape: [shapeOf(24), shapeOf(48)], batchSequences: [8, 16, 32, 64], learningRate: octaves(-10, -6) } },
      { axes: { shape: [shapeOf(24), shapeOf(48)], batchSequences: [128, 256], learningRate: octaves(-9, -5) } },
    ],
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 9_830_400, schedule: 'constant', warmupFraction: 0.02, noiseSequences: 1024 },
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
      en: 'Kaplan et al. (arXiv 2001.08361) found B_crit = 2·10⁸/L^4.76 tokens, whatever the size of the model. McCandlish et al. (arXiv 1812.06162) derive its cause: the gradient noise scale, the variance of gradients over their squared mean, at which a batch averages as much noise away as it leaves. It is measured while the runs train, each time on some hundreds of the sequences that come next: squared norms of gradients over small parts of them and over all of them give |G|² and tr Σ (appendix A.1). It is counted in tokens, but between sequences, since the tokens of one are not independent; with Adam it is a proxy.',
      zh: 'Kaplan 等（arXiv 2001.08361）得到 B_crit = 2·10⁸/L^4.76 词元，与模型大小无关。McCandlish 等（arXiv 1812.06162）推导了其成因：梯度噪声尺度，即梯度的方差与其均值平方之比，批大小等于它时，平均掉的噪声与留下的一样多。训练过程中测量它，每次取接下来的数百个序列：各小部分与全部的梯度范数平方给出 |G|² 与 tr Σ（附录 A.1）。它以词元计，但取序列之间的方差，因为同一序列的词元并不独立；对 Adam 而言它只是近似。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  readsCurves: true,
  analyse: (records, options?: AnalysisOptions) => analyseCriticalBatch(records, options),
  verdict: criticalBatchVerdict,
  figures: criticalBatchFigures,
  next: ({ cells }, sweep) => ratesStage(cells, sweep),
};
