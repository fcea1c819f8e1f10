// The final learning rate: what ending every run at one small rate does to the landscape, against ending at a share of
// the peak. After Step Law (Li et al., arXiv 2503.04715, figure 6 of its page).
import type { Axes, SweepConfig } from '../config/sweep.ts';
import type { RunConfig, RunInput } from '../config/run.ts';
import type { Estimate } from '../laws/fit.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { Experiment, ExperimentSize, RunGroup, Verdict } from './experiment.ts';
import type { LadderFigure } from './figure.ts';
import { powersOfTwo, seeds, shape } from './grid-axes.ts';
import { octaves } from './groups.ts';
import { analyseInvariance, invarianceFigures, type InvarianceAnalysis } from './invariance.ts';

const schedule = ['cosine to fixed', 'cosine to fraction'] as const;

const grids: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly axes: Axes }>> = {
  smoke: {
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 2, validationTokens: 8192, tokens: 8192 },
    axes: {
      schedule,
      shape: [shape(1, 8, 1)],
      learningRate: [-11, -9.5, -8, -6.5, -5, -3.5].map((exponent) => 2 ** exponent),
      batchSequences: [1, 4, 16, 64],
      seed: seeds(2),
    },
  },
  minutes: {
    base: { corpus: 'sotu', context: 16, tokens: 399_360, validationTokens: 16_384 },
    axes: {
      schedule,
      shape: [shape(1, 8, 1, 3), shape(2, 12, 2)],
      learningRate: powersOfTwo(-9, -3),
      batchSequences: [1, 4, 12, 40, 128],
      seed: seeds(3),
    },
  },
  lesson: {
    base: { corpus: 'sotu', context: 32, tokens: 1_597_440 },
    axes: {
      schedule,
      shape: [shape(2, 16, 2), shape(2, 32, 4), shape(2, 64, 4)],
      learningRate: powersOfTwo(-10, -4),
      batchSequences: [1, 4, 13, 40, 128],
      seed: seeds(2),
    },
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 3_194_880 },
    axes: {
      schedule,
      shape: [shape(2, 16, 2), shape(2, 32, 4), shape(2, 64, 4), shape(2, 128, 4)],
      learningRate: powersOfTwo(-11, -3),
      batchSequences: [1, 2, 6, 20, 65, 208],
      seed: seeds(4),
    },
  },
};

const title: Sentence = { en: 'The final learning rate', zh: '最终学习率' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, axes } = grids[size];
  return { name: `${title.en} (${size})`, experiment: 'final-learning-rate', base, grids: [{ axes }] };
}

function groupOf({ schedule: kind, finalLearningRate, finalFraction }: RunConfig): RunGroup {
  switch (kind) {
    case 'cosine to fixed':
      return {
        id: `fixed:${finalLearningRate}`,
        label: { en: `final rate fixed at ${shortNumber(finalLearningRate)}`, zh: `最终学习率固定为 ${shortNumber(finalLearningRate)}` },
      };
    case 'cosine to fraction': {
      const percent = shortNumber(100 * finalFraction);
      return {
        id: `fraction:${finalFraction}`,
        label: { en: `final rate ${percent} % of the peak`, zh: `最终学习率为峰值的 ${percent} %` },
      };
    }
    default:
      return { id: kind, label: { en: kind, zh: kind } };
  }
}

/** Fixed first, then shares of the peak, small ones first. */
function fixedFirst({ config: a }: RunRecord, { config: b }: RunRecord): number {
  const rank = ({ schedule: kind }: RunConfig): number => (kind === 'cosine to fixed' ? 0 : kind === 'cosine to fraction' ? 1 : 2);
  return rank(a) - rank(b) || a.finalFraction - b.finalFraction || a.finalLearningRate - b.finalLearningRate;
}

/** One landscape under both schedules. */
export interface FinalRateComparison {
  readonly N: number;
  readonly D: number;
  /** Of the best learning rate, proportional over fixed, octaves. */
  readonly learningRate: Estimate;
  readonly batch: Estimate;
  /** Lowest loss with the proportional final rate over that with the fixed one, minus one, ‰. */
  readonly paid: Estimate;
}

/** The schedules' landscapes side by side. */
export interface FinalRateAnalysis extends InvarianceAnalysis {
  /** Of landscapes with a minimum under both; of the first two schedules. */
  readonly comparisons: readonly FinalRateComparison[];
}

function comparisonsOf({ groups, shifts }: InvarianceAnalysis): FinalRateComparison[] {
  const [fixed, proportional] = groups;
  if (proportional === undefined || !fixed.id.startsWith('fixed') || !proportional.id.startsWith('fraction')) return [];
  return shifts.flatMap(({ group, N, D, learningRate, batch }): FinalRateComparison[] => {
    if (group !== proportional.id || !learningRate || !batch) return [];
    const lossOf = (side: typeof fixed): Estimate | undefined =>
      side.analysis.landscapes.find((one) => one.N === N && one.D === D)?.bowl.parameters.loss;
    const [from, to] = [lossOf(fixed), lossOf(proportional)];
    return from && to ? [{ N, D, learningRate, batch, paid: excessOf(from, to) }] : [];
  });
}

/** to/from − 1 in ‰; the sides of two independent intervals added apart. */
function excessOf(from: Estimate, to: Estimate): Estimate {
  const value = 1000 * (to.value / from.value - 1);
  const per = 1000 / from.value;
  return {
    value,
    low: value - per * Math.hypot(to.value - to.low, from.high - from.value),
    high: value + per * Math.hypot(to.high - to.value, from.value - from.low),
  };
}

/** The mean of independent estimates, each side's errors added in squares. */
export function meanEstimate(estimates: readonly Estimate[]): Estimate {
  const count = estimates.length;
  const value = estimates.reduce((sum, one) => sum + one.value, 0) / count;
  const side = (of: (one: Estimate) => number): number => Math.hypot(...estimates.map(of)) / count;
  return { value, low: value - side((one) => one.value - one.low), high: value + side((one) => one.high - one.value) };
}

function verdict({ groups, comparisons }: FinalRateAnalysis): Verdict {
  if (comparisons.length === 0) {
    const bowls = groups.flatMap(({ analysis }) => analysis.landscapes.map(({ bowl }) => bowl));
    const edges = bowls.filter((bowl) => bowl.edges.length > 0).length;
    const hidden = groups.length >= 2 && bowls.length > 0 && edges === 0 && bowls.every((bowl) => bowl.surface !== undefined);
    return {
      status: hidden ? 'not shown here' : 'not enough points',
      sentence: {
        en: `No model size has a minimum inside its grid under both schedules; ${edges > 0 ? 'extend the grids whose optimum is at the edge' : hidden ? 'run more seeds or more training tokens' : 'run more of the grid'}.`,
        zh: `没有一个模型大小在两种调度下的最低点都在网格内部；${edges > 0 ? '请扩展最优点位于边缘的网格' : hidden ? '请增加随机种子或训练词元数' : '请继续训练网格中的其余部分'}。`,
      },
    };
  }
  const moved = meanEstimate(comparisons.map(({ learningRate }) => learningRate));
  const batch = meanEstimate(comparisons.map((one) => one.batch));
  const paid = meanEstimate(comparisons.map((one) => one.paid));
  const perMille = `${signed(paid.value)} ‰ (${signed(paid.low)} … ${signed(paid.high)})`;
  const say = (status: Verdict['status'], end: Sentence): Verdict => ({
    status,
    sentence: {
      en: `With a final rate that is a share of the peak, the minimum moves by ${octaves(moved).en} in learning rate and ${octaves(batch).en} in batch, and the lowest loss changes by ${perMille}, on average over ${comparisons.length} size${comparisons.length === 1 ? '' : 's'}: ${end.en}.`,
      zh: `最终学习率取峰值的一定比例时，最低点在学习率上移动 ${octaves(moved).zh}，在批大小上移动 ${octaves(batch).zh}，最低损失变化 ${perMille}（${comparisons.length} 个大小的平均）：${end.zh}。`,
    },
  });
  if (moved.low > 0) return say('contradicted', { en: 'it moves to higher learning rates', zh: '它移向更高的学习率' });
  if (paid.high < 0) return say('contradicted', { en: 'the loss is lower with the proportional rate', zh: '按比例时损失更低' });
  const lower = moved.high < 0;
  const worse = paid.low > 0;
  if (lower && worse) return say('shown', { en: 'to lower learning rates, at a loss', zh: '移向更低的学习率，且损失更高' });
  if (lower)
    return say('not shown here', {
      en: 'to lower learning rates, but at no loss that is told from zero',
      zh: '移向更低的学习率，但损失的变化与零无法区分',
    });
  if (worse) return say('not shown here', { en: 'at a loss, but by no shift that is told from zero', zh: '损失更高，但移动与零无法区分' });
  return say('not shown here', { en: 'neither is told from zero', zh: '两者均与零无法区分' });
}

const signed = (value: number): string => value.toFixed(1).replace('-', '−');

/** What the proportional final rate costs at its own minimum. */
function paidLadder({ comparisons }: FinalRateAnalysis): LadderFigure {
  return {
    kind: 'ladder',
    id: 'paid',
    title: { en: 'What a proportional final rate costs', zh: '按比例的最终学习率的代价' },
    caption: {
      en: 'Lowest loss with the proportional final rate above that with the fixed one, each at its own best setting, ‰, with 95 % intervals.',
      zh: '按比例时的最低损失高出固定时的部分（各取自己的最佳设置），以 ‰ 计，带 95 % 区间。',
    },
    x: { label: { en: 'loss above that with a fixed rate (‰)', zh: '高出固定时的损失（‰）' }, scale: 'linear' },
    rungs: comparisons.map(({ N, D, paid }, i) => ({
      id: `${i}`,
      label: { en: `N = ${N}, D = ${D}`, zh: `N = ${N}，D = ${D}` },
      estimate: paid,
    })),
    references: [{ label: { en: 'no difference', zh: '无差别' }, value: 0 }],
  };
}

/** The experiment. */
export const finalLearningRate: Experiment<FinalRateAnalysis> = {
  id: 'final-learning-rate',
  title,
  summary: {
    en: 'Ending a run at a tenth of its peak, not at one small learning rate, moves the minimum and costs loss.',
    zh: '训练结束时的学习率取峰值的十分之一而非固定的小值，会使最低点移动并抬高损失。',
  },
  claim: {
    en: 'With a final learning rate in proportion to the peak the minimum moves to lower learning rates, and the lowest loss is higher, than with one fixed final rate.',
    zh: '与固定的最终学习率相比，最终学习率与峰值成比例时，最低点移向更低的学习率，最低损失更高。',
  },
  text: [
    {
      en: 'Claimed: many recipes decay the learning rate to a tenth of its peak. Li et al. (Step Law, arXiv 2503.04715) end every run at 10⁻⁵ instead. With a tenth, runs of a high peak are still noisy at their end, so that the optimum seems to lie at a lower learning rate and a larger batch than it does, and the loss is worse.',
      zh: '主张：许多训练把学习率衰减到峰值的十分之一。Li 等（Step Law，arXiv 2503.04715）则让每次训练都结束于 10⁻⁵。若取十分之一，峰值高的训练在结束时仍有噪声，于是最优点看似位于更低的学习率与更大的批，损失也更差。',
    },
    {
      en: 'Tested here: the same grid twice, cosine decay to 10⁻⁵ and to a tenth of the peak, with the same text, order of tokens and seeds. Both minima are fitted by themselves; the shift is in octaves, the price in ‰ of the loss, each schedule at its own best setting.',
      zh: '检验：同一网格训练两遍，余弦衰减到 10⁻⁵ 与衰减到峰值的十分之一，文本、词元顺序与随机种子相同。两者的最低点各自拟合；移动以八度计，代价以损失的 ‰ 计，各取自己的最佳设置。',
    },
    {
      en: 'To see: the two minima on the same axes, the shifts, and the price at each size. In the landscapes the wall towards high learning rates should stand nearer with the proportional rate.',
      zh: '看什么：同一坐标上的两个最低点、移动量与各大小的代价。在曲面图中，按比例时高学习率一侧的壁应当更近。',
    },
    {
      en: 'To conclude: only the averages over sizes decide, and both parts of the claim must be told from zero. Intervals take the two landscapes as independent; they share seeds, so true intervals are, if anything, narrower.',
      zh: '结论：只由各大小的平均值决定，主张的两个部分都须与零区分开。区间把两个曲面当作独立；它们共用随机种子，真实的区间只会更窄。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  groupOf,
  analyse: (records, options) => {
    const analysis = analyseInvariance(records, groupOf, fixedFirst, options);
    return { ...analysis, comparisons: comparisonsOf(analysis) };
  },
  verdict,
  figures: (analysis) => [
    ...invarianceFigures(analysis, { en: 'Minima under both schedules', zh: '两种调度下的最低点' }),
    paidLadder(analysis),
  ],
};
