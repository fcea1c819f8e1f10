// Sparsity: whether the best learning rate and batch stay where they are when an MLP of one size is divided into experts
// of which each token takes a few. After Step Law (Li et al., arXiv 2503.04715, section on mixtures of experts).
import type { Axes, Grid, SweepConfig } from '../config/sweep.ts';
import { isMixture, type RunConfig, type RunInput, type Shape } from '../config/run.ts';
import { bowlLoss } from '../laws/bowl-surface.ts';
import type { Sentence } from '../messages/sentence.ts';
import { countParameters } from '../model/counts.ts';
import { modelConfig } from '../model/parameters.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, RunGroup, Verdict } from './experiment.ts';
import { same, type TableCell, type TableFigure } from './figure.ts';
import { analyseGroups, minimaFigure, shiftsFigure, type GroupAnalysis } from './groups.ts';
import { shiftVerdict } from './shift-verdict.ts';

/** One way to divide an MLP of hidden width `ratio` × width. */
interface Sparsity {
  readonly experts: number;
  readonly perToken: number;
}

const dense: Sparsity = { experts: 1, perToken: 1 };

/** Every expert has its share of the hidden width, so that all sparsities have the same weights but for the router's. */
function gridOf(base: Omit<Shape, 'mlpRatio'>, ratio: number, { experts, perToken }: Sparsity, axes: Axes): Grid {
  const set: RunInput = { shape: { ...base, mlpRatio: ratio / experts }, experts, expertsPerToken: perToken };
  return { set, axes };
}

const shape = (layers: number, width: number, heads: number): Omit<Shape, 'mlpRatio'> => ({ layers, width, heads });
const powers = (exponents: readonly number[]): number[] => exponents.map((exponent) => 2 ** exponent);
const seeds = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** All sparsities of a size share their shapes, hidden widths in all, and axes. */
const designs: Readonly<
  Record<
    ExperimentSize,
    {
      readonly base: RunInput;
      readonly shapes: readonly Omit<Shape, 'mlpRatio'>[];
      /** Hidden width of all experts together, over the width. */
      readonly ratio: number;
      readonly sparsities: readonly Sparsity[];
      readonly axes: Axes;
    }
  >
> = {
  smoke: {
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 2, validationTokens: 8192, tokens: 8192 },
    shapes: [shape(1, 8, 1)],
    ratio: 4,
    sparsities: [dense, { experts: 4, perToken: 3 }, { experts: 4, perToken: 2 }],
    axes: { learningRate: powers([-11, -9.5, -8, -6.5, -5, -3.5]), batchSequences: [1, 4, 16, 64], seed: seeds(3) },
  },
  minutes: {
    // Tokens are a whole number of every batch: else D would differ between the columns of a grid.
    base: { corpus: 'sotu', context: 8, tokens: 199_680, validationTokens: 16_384 },
    shapes: [shape(1, 12, 2)],
    ratio: 16,
    sparsities: [dense, { experts: 8, perToken: 4 }, { experts: 8, perToken: 2 }, { experts: 16, perToken: 2 }],
    axes: { learningRate: powers([-9, -8, -7, -6, -5]), batchSequences: [1, 3, 8, 24, 80], seed: seeds(3) },
  },
  lesson: {
    base: { corpus: 'sotu', context: 64, tokens: 1_638_400 },
    shapes: [shape(2, 32, 2)],
    ratio: 16,
    sparsities: [dense, { experts: 8, perToken: 4 }, { experts: 8, perToken: 2 }, { experts: 16, perToken: 2 }],
    axes: { learningRate: powers([-10, -9, -8, -7, -6, -5]), batchSequences: [1, 2, 5, 10, 25], seed: seeds(2) },
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 3_276_800 },
    shapes: [shape(2, 32, 2), shape(2, 64, 4)],
    ratio: 16,
    sparsities: [
      dense,
      { experts: 8, perToken: 8 },
      { experts: 8, perToken: 4 },
      { experts: 16, perToken: 4 },
      { experts: 8, perToken: 2 },
      { experts: 16, perToken: 2 },
    ],
    axes: { learningRate: powers([-11, -10, -9, -8, -7, -6, -5, -4]), batchSequences: [1, 2, 4, 8, 16, 32, 64], seed: seeds(3) },
  },
};

const title: Sentence = { en: 'Sparsity: mixtures of experts', zh: '稀疏度：混合专家' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, shapes, ratio, sparsities, axes } = designs[size];
  const grids = sparsities.flatMap((sparsity) => shapes.map((one) => gridOf(one, ratio, sparsity, axes)));
  return { name: `${title.en} (${size})`, experiment: 'mixture-of-experts', base, grids };
}

function groupOf(config: RunConfig): RunGroup {
  if (!isMixture(config)) return { id: 'dense', label: { en: 'dense', zh: '稠密' } };
  const { experts, expertsPerToken: k } = config;
  return { id: `${k}/${experts}`, label: { en: `${k} of ${experts} experts`, zh: `${experts} 个专家取 ${k} 个` } };
}

/** Na/N: parameters that a token passes through over all, embeddings and head left out of both. */
function activeShare(config: RunConfig): number {
  const { active, nonEmbedding } = countParameters(modelConfig(config, config.vocabulary));
  return active / nonEmbedding;
}

/** One sparsity, N and D: its minimum, and what it pays at another's. */
export interface SparsityMinimum {
  readonly group: string;
  readonly N: number;
  readonly D: number;
  readonly active: number;
  /**
   * What the loss is above its minimum at the best learning rate and batch of the densest group, as a share, by the
   * fitted bowl; undefined where either minimum could not be placed.
   */
  readonly excess: number | undefined;
}

/** Groups by sparsity, the densest first. */
export interface SparsityAnalysis extends GroupAnalysis {
  readonly minima: readonly SparsityMinimum[];
}

/** N is what the sparsities have in common, so it is a count of all parameters, whatever was asked for. */
function analyse(records: readonly RunRecord[], options: AnalysisOptions = {}): SparsityAnalysis {
  const count = options.count === 'total' ? 'total' : 'nonEmbedding';
  const densestFirst = [...records]
    .map((record) => ({ record, share: activeShare(record.config) }))
    .sort((a, b) => b.share - a.share || compare(groupOf(a.record.config).id, groupOf(b.record.config).id))
    .map(({ record }) => record);
  const whole = analyseGroups(densestFirst, groupOf, { ...options, count });
  const active = new Map(records.map((record) => [record.id, record.N.active]));
  return { ...whole, minima: minimaOf(whole, active) };
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function minimaOf({ groups, shifts }: GroupAnalysis, active: ReadonlyMap<string, number>): SparsityMinimum[] {
  return groups.flatMap(({ id, analysis }, index) =>
    analysis.landscapes.map(({ N, D, bowl, rows }): SparsityMinimum => {
      // The densest landscape that this one was compared with is the one whose minimum lies at the shift from here.
      const shift = shifts.find((one) => one.group === id && one.N === N && one.D === D);
      const { lr, B, loss } = bowl.parameters;
      const placed = bowl.surface && lr && B && loss && shift?.learningRate && shift.batch;
      const excess = placed
        ? bowlLoss(bowl.surface, lr.value / 2 ** shift.learningRate.value, B.value / 2 ** shift.batch.value) / loss.value - 1
        : undefined;
      return { group: id, N, D, active: active.get(analysis.ids[rows[0]]) ?? N, excess: index === 0 ? undefined : excess };
    }),
  );
}

/** Largest shift that counts as none, octaves: a factor of two either way, a step of the grids. */
const TOLERANCE = 1;

/** Sparsities with a minimum, the dense one included, before anything is said. */
const LEAST_GROUPS = 3;

function verdict(analysis: SparsityAnalysis): Verdict {
  const found = shiftVerdict(analysis, { tolerance: TOLERANCE, leastGroups: LEAST_GROUPS, groups: { en: 'sparsities', zh: '稀疏度' } });
  const excesses = analysis.minima.flatMap(({ excess }) => (excess === undefined ? [] : [excess]));
  if (excesses.length === 0) return found;
  const most = perMille(Math.max(...excesses)).toFixed(1);
  return {
    ...found,
    sentence: {
      en: `${found.sentence.en} At the best setting of the densest, the others lose at most ${most} ‰ of their lowest loss.`,
      zh: `${found.sentence.zh}在最稠密者的最佳设置下，其余的损失至多比各自的最低值高 ${most} ‰。`,
    },
  };
}

const perMille = (share: number): number => 1000 * share;

/** Where each sparsity has its minimum, what is active there, what it pays elsewhere. */
function minimaTable({ groups, minima }: SparsityAnalysis): TableFigure {
  const rows = groups.flatMap(({ id, label, analysis }) =>
    analysis.landscapes.map(({ N, D, bowl }): TableCell[] => {
      const about = minima.find((one) => one.group === id && one.N === N && one.D === D);
      const placed = bowl.status === 'converged' ? bowl.parameters : {};
      const excess = about?.excess === undefined ? undefined : perMille(about.excess);
      const active = about?.active ?? N;
      return [label, N, D, active, placed.lr, placed.B, placed.loss, excess, bowl.message];
    }),
  );
  return {
    kind: 'table',
    id: 'sparsities',
    title: { en: 'Minima by sparsity', zh: '各稀疏度的最低点' },
    caption: {
      en: 'With 95 % intervals; batches in tokens, losses in nats per token. Active are the non-embedding parameters that a token passes through. The excess is what the fitted bowl has above its minimum at the best learning rate and batch of the densest model.',
      zh: '带 95 % 区间；批大小以词元计，损失以奈特每词元计。激活参数是一个词元所经过的非嵌入参数。超出量是在最稠密模型的最佳学习率与批大小处，拟合的碗比其最低点高出多少。',
    },
    columns: [
      { en: 'sparsity', zh: '稀疏度' },
      same('N'),
      same('D'),
      { en: 'active', zh: '激活参数' },
      { en: 'best learning rate', zh: '最佳学习率' },
      { en: 'best batch', zh: '最佳批大小' },
      { en: 'loss', zh: '损失' },
      { en: 'excess, ‰', zh: '超出，‰' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows,
  };
}

/** The experiment. */
export const mixtureOfExperts: Experiment<SparsityAnalysis> = {
  id: 'mixture-of-experts',
  title,
  summary: {
    en: 'The best learning rate and batch of a mixture of experts are those of a dense model of the same total size.',
    zh: '混合专家模型的最佳学习率与批大小，与总参数量相同的稠密模型一致。',
  },
  claim: {
    en: 'At one total number of parameters and training tokens, the best learning rate and batch do not move with sparsity: by less than one octave, however few of the parameters a token passes through.',
    zh: '在相同的总参数量与训练词元数下，最佳学习率与批大小不随稀疏度移动：无论一个词元经过多少参数，移动都小于一个八度。',
  },
  text: [
    {
      en: 'Step Law (Li et al., arXiv 2503.04715) was fitted on dense models. The paper then trains mixtures of experts of about two billion parameters, of which a token passes through 9 to 58 %, and finds the settings that the law gives for their total size within 0.5 % of the lowest loss.',
      zh: 'Step Law（Li 等，arXiv 2503.04715）由稠密模型拟合而来。论文随后训练了约二十亿参数的混合专家模型，一个词元只经过其中 9 % 至 58 % 的参数，发现按总参数量由该定律给出的设置与最低损失相差不到 0.5 %。',
    },
    {
      en: 'Here one MLP is divided: its hidden units are dealt out to 8 or 16 experts, and a router sends each token to the most probable 2 or 4 of them. All these models have the same weights in attention and MLPs; a mixture has a router and a few biases more, 4 to 7 % of N in the small size. Each is trained over the same grid of learning rates and batches, on the same tokens.',
      zh: '这里把同一个 MLP 切开：其隐藏单元分给 8 或 16 个专家，路由器把每个词元送往概率最大的 2 或 4 个。所有模型的注意力与 MLP 权重数相同；混合专家多出路由器与少量偏置，在小规模下约为 N 的 4 % 至 7 %。每个模型都在相同的学习率与批大小网格上、用相同的词元训练。',
    },
    {
      en: 'The gates of the chosen experts are their probabilities, rescaled to a sum of one (GShard, arXiv 2006.16668). A load-balancing loss (Switch Transformer, arXiv 2101.03961), taken over each sequence, is added to what is minimised with a weight of 0.01; the losses you see are next-token losses alone.',
      zh: '被选专家的门控值是其概率，归一化为和为一（GShard，arXiv 2006.16668）。训练目标中加入按序列计算的负载均衡损失（Switch Transformer，arXiv 2101.03961），权重 0.01；图中的损失只是下一词元的损失。',
    },
    {
      en: 'A bowl is fitted for each sparsity, and its minimum is held against that of the dense model: the shift in octaves, with its interval, and what the mixture would lose by taking the dense setting. Intervals that hold zero show only that no shift was seen; the verdict asks that a factor of two be ruled out.',
      zh: '对每个稀疏度各拟合一个碗，并与稠密模型的最低点比较：以八度计的移动及其区间，以及混合专家若采用稠密设置会多损失多少。区间包含零只说明未见移动；判定要求能够排除两倍的变化。',
    },
    {
      en: 'A mixture computes all its experts here and multiplies those not chosen by zero, which is exact: it takes the time of its total size, while the FLOPs that are counted are those of the chosen experts.',
      zh: '这里会计算全部专家，再把未选中的乘以零，结果是精确的：所需时间对应总参数量，而计入的 FLOPs 只含被选中的专家。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  groupOf,
  analyse,
  verdict,
  figures: (analysis) => [
    minimaFigure(analysis, { en: 'Minima of all sparsities', zh: '各稀疏度的最低点' }),
    shiftsFigure(analysis, 'learningRate'),
    shiftsFigure(analysis, 'batch'),
    minimaTable(analysis),
  ],
};
