// Shape: whether the best learning rate and batch stay where they are when one number of parameters is laid out deep or
// wide, with more heads or another MLP. After Step Law (Li et al., arXiv 2503.04715).
import type { Axes, SweepConfig } from '../config/sweep.ts';
import type { RunConfig, RunInput, Shape } from '../config/run.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { Experiment, ExperimentSize, RunGroup } from './experiment.ts';
import { powersOfTwo, seeds, shape } from './grid-axes.ts';
import { analyseInvariance, invarianceFigures, invarianceVerdict, type InvarianceAnalysis } from './invariance.ts';

/** Shapes of one size share 15 % of non-embedding parameters; the first is the plain one. */
const grids: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly axes: Axes }>> = {
  smoke: {
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 2, validationTokens: 8192, tokens: 8192 },
    axes: {
      shape: [shape(1, 8, 1), shape(1, 8, 2), shape(1, 12, 1, 1)],
      learningRate: [-11, -9.5, -8, -6.5, -5, -3.5].map((exponent) => 2 ** exponent),
      batchSequences: [1, 4, 16, 64],
      seed: seeds(2),
    },
  },
  minutes: {
    base: { corpus: 'sotu', context: 16, tokens: 399_360, validationTokens: 16_384 },
    axes: {
      // 3,792 to 4,048 parameters: plain, more heads, deep and narrow, shallow and wide, a large MLP, a small one.
      shape: [shape(2, 12, 2), shape(2, 12, 4), shape(4, 8, 2, 5), shape(1, 16, 2, 5), shape(2, 8, 2, 12), shape(2, 16, 2, 1.5)],
      learningRate: powersOfTwo(-9, -4),
      batchSequences: [1, 4, 12, 40, 128],
      seed: seeds(2),
    },
  },
  lesson: {
    base: { corpus: 'sotu', context: 32, tokens: 1_597_440 },
    axes: {
      // About 25,700 parameters.
      shape: [shape(2, 32, 4), shape(2, 32, 8), shape(4, 24, 4, 3.5), shape(1, 44, 4, 4.5), shape(2, 24, 4, 9), shape(2, 40, 4, 2)],
      learningRate: powersOfTwo(-10, -4),
      batchSequences: [1, 4, 13, 40, 128],
      seed: seeds(2),
    },
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 3_194_880 },
    axes: {
      // About 101,000 parameters.
      shape: [
        shape(2, 64, 4),
        shape(2, 64, 16),
        shape(8, 32, 4),
        shape(4, 44, 4, 4.5),
        shape(1, 92, 4),
        shape(2, 48, 4, 9),
        shape(2, 80, 4, 2),
      ],
      learningRate: powersOfTwo(-11, -4),
      batchSequences: [1, 2, 6, 20, 65, 208],
      seed: seeds(3),
    },
  },
};

const title: Sentence = { en: 'Shape', zh: '形状' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, axes } = grids[size];
  return { name: `${title.en} (${size})`, experiment: 'shape', base, grids: [{ axes }] };
}

function groupOf({ shape: { layers, width, heads, mlpRatio } }: RunConfig): RunGroup {
  return {
    id: `L${layers} d${width} h${heads} m${mlpRatio}`,
    label: {
      en: `${layers} layer${layers === 1 ? '' : 's'} of ${width}, ${heads} head${heads === 1 ? '' : 's'}, MLP × ${mlpRatio}`,
      zh: `${layers} 层 × ${width}，${heads} 头，MLP × ${mlpRatio}`,
    },
  };
}

/** The plain shape first: an MLP of four times the width, then the more usual depths, then fewer heads. */
function plainFirst({ config: { shape: a } }: RunRecord, { config: { shape: b } }: RunRecord): number {
  const odd = ({ mlpRatio, layers }: Shape): number => Math.abs(Math.log(mlpRatio / 4)) + Math.abs(Math.log(layers / 2));
  return odd(a) - odd(b) || a.heads - b.heads || a.width - b.width || a.layers - b.layers || a.mlpRatio - b.mlpRatio;
}

/** Largest shift that counts as none, octaves: a factor of two either way, a step of the grids. */
const TOLERANCE = 1;

/** Shapes with a minimum, the plain one included, before anything is said. */
const LEAST_GROUPS = 3;

/** The experiment. */
export const shapeExperiment: Experiment<InvarianceAnalysis> = {
  id: 'shape',
  title,
  summary: {
    en: 'At one number of parameters the best learning rate and batch are the same for deep, wide, many-headed models.',
    zh: '参数数相同时，深的、宽的、多头的模型有相同的最佳学习率与批大小。',
  },
  claim: {
    en: 'At a fixed number of non-embedding parameters the best learning rate and batch do not depend on depth, width, heads or the MLP’s size.',
    zh: '在固定的非嵌入参数数下，最佳学习率与批大小不依赖深度、宽度、头数或 MLP 的大小。',
  },
  text: [
    {
      en: 'Claimed: at about 430 million parameters Li et al. (Step Law, arXiv 2503.04715) vary layers (8 to 14), width and the MLP’s ratio (1.1 to 6.25), and their law’s settings stay near the bottom of every landscape, which shifts slightly with shape.',
      zh: '主张：在约 4.3 亿参数下，Li 等（Step Law，arXiv 2503.04715）改变层数（8 至 14）、宽度与 MLP 倍率（1.1 至 6.25），其定律给出的设置都在各曲面的底部附近，底部随形状略有移动。',
    },
    {
      en: 'Tested here: shapes whose non-embedding parameters agree within a few percent, each with its own landscape on the same grid, text and tokens. The minima are drawn on the same axes, and held against that of the plain shape in octaves.',
      zh: '检验：若干形状的非嵌入参数数相差几个百分点，各自在相同的网格、文本与词元数上训练曲面。最低点画在同一坐标上，并以八度与普通形状比较。',
    },
    {
      en: 'To see: whether the intervals of the minima overlap, and what a shape pays at the plain shape’s best setting: along the valley a minimum may move far at almost no cost.',
      zh: '看什么：最低点的区间是否重叠，以及各形状在普通形状的最佳设置下要多付多少损失：沿着山谷，最低点可以移动很远而几乎没有代价。',
    },
    {
      en: 'To conclude: “shown” asks that every interval, taken together with the others, rule out a shift of a whole octave. Depths of one to eight layers and widths of a few dozen are far from the sizes of the claim: here heads of four features and MLPs of a dozen are at the limit of what such parts can do.',
      zh: '结论：“已证明”要求所有区间合在一起排除整整一个八度的移动。一至八层的深度、几十的宽度与原主张的大小相去甚远：这里每头四个特征、MLP 十几个单元，已接近这些部件的极限。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  groupOf,
  analyse: (records, options) => analyseInvariance(records, groupOf, plainFirst, options),
  verdict: (analysis) =>
    invarianceVerdict(analysis, { tolerance: TOLERANCE, leastGroups: LEAST_GROUPS, groups: { en: 'shapes', zh: '形状' } }),
  figures: (analysis) => invarianceFigures(analysis, { en: 'Minima by shape', zh: '各形状的最低点' }),
};
