// The bowl: loss over learning rate and batch at several model sizes; whether it is convex near its minimum, and how
// the best learning rate moves with size. After Step Law (Li et al., arXiv 2503.04715), at a scale a browser can train.
import type { Axes, SweepConfig } from '../config/sweep.ts';
import type { RunInput } from '../config/run.ts';
import type { Estimate } from '../laws/fit.ts';
import { shortNumber } from '../laws/sentences.ts';
import { exactShare } from '../laws/share.ts';
import type { Sentence } from '../messages/sentence.ts';
import { bowlFigures } from './bowl-figures.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, Verdict } from './experiment.ts';
import { powersOfTwo, seeds, shape } from './grid-axes.ts';
import { analyseLandscapes, type LandscapeAnalysis } from './landscapes.ts';

/** Batches are in sequences of the context; small ones, because the best batch of a short run is a few hundred tokens at most. */
const grids: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly axes: Axes }>> = {
  smoke: {
    // A language of twelve symbols, learned in a thousand steps; a context of two lets batches be small enough to hurt.
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 2, validationTokens: 8192, tokens: 8192 },
    axes: {
      shape: [shape(1, 4, 1), shape(1, 8, 1), shape(1, 16, 1)],
      learningRate: [-11, -9.5, -8, -6.5, -5, -3.5].map((exponent) => 2 ** exponent),
      batchSequences: [1, 4, 16, 64],
      seed: seeds(4),
    },
  },
  minutes: {
    // Tokens are a whole number of every batch: else D would differ between the columns of a grid.
    base: { corpus: 'sotu', context: 16, tokens: 399_360, validationTokens: 16_384 },
    axes: {
      // Non-embedding parameters 752, 3,792 and 16,848: each more than four times the one before.
      shape: [{ ...shape(1, 8, 1), mlpRatio: 3 }, shape(2, 12, 2), { ...shape(2, 24, 2), mlpRatio: 5 }],
      learningRate: powersOfTwo(-9, -3),
      // Seven octaves in five steps: along the valley (a higher learning rate goes with a larger batch) a narrower grid is
      // flatter than the noise of a seed.
      batchSequences: [1, 4, 12, 40, 128],
      seed: seeds(2),
    },
  },
  lesson: {
    // Two D: a small batch is best at the shorter, hence one context shorter than the larger sweeps'.
    base: { corpus: 'sotu', context: 32 },
    axes: {
      shape: [shape(2, 16, 2), shape(2, 32, 2), shape(2, 64, 4)],
      tokens: [409_600, 1_638_400],
      learningRate: powersOfTwo(-10, -4),
      batchSequences: powersOfTwo(0, 6),
      seed: seeds(2),
    },
  },
  hours: {
    base: { corpus: 'sotu', context: 64 },
    axes: {
      shape: [shape(2, 16, 2), shape(2, 32, 2), shape(2, 64, 4), shape(2, 128, 4)],
      tokens: [409_600, 1_638_400, 6_553_600],
      learningRate: powersOfTwo(-11, -4),
      batchSequences: powersOfTwo(0, 6),
      seed: seeds(3),
    },
  },
};

const title: Sentence = { en: 'The bowl', zh: '碗' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, axes } = grids[size];
  return { name: `${title.en} (${size})`, experiment: 'bowl', base, grids: [{ axes }] };
}

/** Sizes whose minima must be found before anything is said about how the best learning rate moves. */
const LEAST_SIZES = 3;

/** Shares of resamples that count as sure. */
const SURE = 0.95;

const percent = (share: number): string => `${shortNumber(Math.round(1000 * share) / 10)} %`;
const range = ({ value, low, high }: Estimate): string => `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})`;

function verdict(analysis: LandscapeAnalysis): Verdict {
  const bowls = analysis.landscapes.map((landscape) => landscape.bowl);
  const fitted = bowls.filter((bowl) => bowl.surface !== undefined);
  const convex = fitted.filter((bowl) => bowl.convex === true);
  const concave = fitted.filter((bowl) => bowl.convexShare < 1 - SURE);
  const found = analysis.landscapes.filter(({ bowl }) => bowl.status === 'converged');
  const atEdge = bowls.filter((bowl) => bowl.edges.length > 0).length;
  const sizes = new Set(found.map((landscape) => landscape.N)).size;
  const sure = Math.min(...convex.map((bowl) => bowl.convexShare));
  const share = exactShare(convex.length, fitted.length);
  const interval = share && `${percent(share.low)} … ${percent(share.high)}`;
  const counted: Sentence = {
    en:
      `${convex.length} of ${fitted.length} fitted landscapes are convex near their minimum` +
      `${convex.length > 0 && Number.isFinite(sure) ? ` (each in at least ${percent(sure)} of resamples)` : ''}, a share of ${interval} (95 %), ${found.length} with a minimum inside their grid.`,
    zh:
      `拟合的 ${fitted.length} 个损失曲面中有 ${convex.length} 个在最低点附近为凸` +
      `${convex.length > 0 && Number.isFinite(sure) ? `（各自至少在 ${percent(sure)} 的重抽样中）` : ''}，占比 ${interval}（95 %），其中 ${found.length} 个的最低点在网格内部。`,
  };
  const say = (status: Verdict['status'], more: Sentence): Verdict => ({
    status,
    sentence: fitted.length === 0 ? more : { en: `${counted.en} ${more.en}`, zh: `${counted.zh}${more.zh}` },
  });
  if (concave.length > 0 && 2 * concave.length >= fitted.length)
    return say('contradicted', { en: 'Most of them surely curve downwards somewhere.', zh: '其中多数确定在某个方向上向下弯曲。' });
  if (sizes < LEAST_SIZES) {
    const flat = fitted.filter((bowl) => bowl.edges.length === 0);
    if (flat.length >= LEAST_SIZES)
      return say('not shown here', {
        en: `Only ${sizes} model sizes have a minimum that the noise leaves in place; run more seeds or more training tokens.`,
        zh: `只有 ${sizes} 个模型大小的最低点不被噪声淹没；请增加随机种子或训练词元数。`,
      });
    return say('not enough points', {
      en: `How the best learning rate moves needs ${LEAST_SIZES} model sizes with a minimum inside their grid, and there are ${sizes}; ${atEdge > 0 ? 'extend the grids whose optimum is at the edge' : 'run more of the grid'}.`,
      zh: `要看最佳学习率如何变化，需要 ${LEAST_SIZES} 个最低点在网格内部的模型大小，现有 ${sizes} 个；${atEdge > 0 ? '请扩展最优点位于边缘的网格' : '请继续训练网格中的其余部分'}。`,
    });
  }
  const exponent = analysis.vertexLaw.parameters['lr.N'];
  if (exponent === undefined) return say('not enough points', analysis.vertexLaw.message);
  const moves: Sentence = {
    en: `The best learning rate goes as N to the power ${range(exponent)}`,
    zh: `最佳学习率随 N 的 ${range(exponent)} 次幂变化`,
  };
  const end = (en: string, zh: string): Sentence => ({ en: `${moves.en}${en}`, zh: `${moves.zh}${zh}` });
  if (exponent.low > 0) return say('contradicted', end(': it rises.', '：它在上升。'));
  if (!(exponent.high < 0))
    return say(
      'not shown here',
      end(
        ', an interval that does not exclude zero; run more seeds, more sizes, or sizes farther apart.',
        '，区间未排除零；请增加随机种子、模型大小，或拉开大小的差距。',
      ),
    );
  if (2 * convex.length <= fitted.length) return say('not shown here', end(', but too few landscapes are convex.', '，但为凸的曲面太少。'));
  return say('shown', end(': it falls.', '：它在下降。'));
}

/** The experiment. */
export const bowl: Experiment<LandscapeAnalysis> = {
  id: 'bowl',
  title,
  summary: {
    en: 'Loss over learning rate and batch size is a bowl, and its lowest point moves with the size of the model.',
    zh: '损失随学习率和批大小的变化像一只碗，碗底随模型大小移动。',
  },
  claim: {
    en: 'At fixed model size and training tokens the loss is convex in (log learning rate, log batch) near its minimum, and the best learning rate falls as models grow.',
    zh: '在固定的模型大小与训练词元数下，损失在最低点附近关于（log 学习率, log 批大小）为凸；模型越大，最佳学习率越小。',
  },
  text: [
    {
      en: 'Several sizes of one architecture are each trained over a grid of learning rates and batch sizes, every run on the same number of tokens. Each cell of a grid shows the loss on held-out text at the end of its run; a cell may stand for several runs that differ in their seed alone.',
      zh: '同一架构的几种大小各自在学习率与批大小的网格上训练，每次训练的词元数相同。网格的每一格显示训练结束时在留出文本上的损失；一格可以代表若干次仅随机种子不同的训练。',
    },
    {
      en: 'A quadratic in the logarithms of both is fitted to the points near the lowest one. Both of its curvatures are positive where the landscape is a bowl; how sure that is comes from refitting resampled data. The plateau is every run within 0.25 % of the lowest: good settings are a region, not a point.',
      zh: '对最低点附近的点拟合一个关于两者对数的二次曲面。若损失曲面是碗形，两个曲率都为正；把握有多大，由重抽样后的拟合给出。平台是损失在最低值 0.25 % 以内的所有训练：好的设置是一片区域，而不是一个点。',
    },
    {
      en: 'Higher learning rates go with larger batches, so the valley runs diagonally. An optimum on the edge of its grid may lie beyond it: it is shown, kept out of every fit, and the missing rows or columns can be added.',
      zh: '较高的学习率配较大的批，因此山谷沿对角方向。落在网格边上的最优点可能在网格之外：它会显示出来，但不参与任何拟合，缺少的行或列可以补上。',
    },
    {
      en: 'From 60 million to 1 billion parameters, Li et al. (Step Law, arXiv 2503.04715) found the same shape, with the best learning rate falling as N to the power −0.71 and rising as D to the power 0.31. Romanyukov et al. (arXiv 2609.27581) find −0.51 and 0.24 below 59 million.',
      zh: 'Li 等（Step Law，arXiv 2503.04715）在 6000 万至 10 亿参数的模型上得到同样的形状：最佳学习率随 N 的 −0.71 次幂下降、随 D 的 0.31 次幂上升。Romanyukov 等（arXiv 2609.27581）在 5900 万参数以下得到 −0.51 与 0.24。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  analyse: (records, options?: AnalysisOptions) => analyseLandscapes(records, options),
  verdict,
  figures: bowlFigures,
};
