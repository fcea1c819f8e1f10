// Step Law: the best learning rate and batch as power laws of N and D, and whether the best batch depends on N. After
// Li et al. (arXiv 2503.04715), at a scale a browser can train.
import type { Estimate } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Experiment, Verdict } from './experiment.ts';
import { analyseLandscapes, type LandscapeAnalysis } from './landscapes.ts';
import { minimaTable } from './minima-table.ts';
import { batchOnSizePlot, exponentsLadder } from './step-law-figures.ts';
import { stepLawSweep } from './step-law-sweeps.ts';

/** How far N and D must spread over landscapes that have a minimum. */
const LEAST_SPAN = 16;

/** N by another count, and D rounded to whole batches, may fall short of the span by this share. */
const ROUNDING = 0.97;

/** Landscapes with a minimum: three for the plane, and one over. */
const LEAST_LANDSCAPES = 4;

/**
 * Exponents of N within this of zero are none for the purpose of "the best batch does not depend on N": over sixteen
 * times N they move it by less than an octave.
 */
export const NEGLIGIBLE_EXPONENT = 0.25;

/** "−0.38 (−0.56 … −0.20)". */
function range({ value, low, high }: Estimate): string {
  const text = (number: number): string => number.toFixed(2).replace('-', '−');
  return `${text(value)} (${text(low)} … ${text(high)})`;
}

const span = (values: readonly number[]): number => (values.length === 0 ? 1 : Math.max(...values) / Math.min(...values));

function verdict({ landscapes, vertexLaw, batchLine }: LandscapeAnalysis): Verdict {
  const found = landscapes.filter(({ bowl }) => bowl.status === 'converged');
  const spans = { N: span(found.map(({ N }) => N)), D: span(found.map(({ D }) => D)) };
  const { 'lr.N': rateOnN, 'lr.D': rateOnD } = vertexLaw.parameters;
  // Both exponents of the batch from one regression: D's without N would take up what N does wherever the two are not
  // spread evenly.
  const { N: batchOnN, D: batchOnD } = batchLine ?? {};
  const short = (['N', 'D'] as const).filter((axis) => spans[axis] < LEAST_SPAN * ROUNDING);
  if (found.length < LEAST_LANDSCAPES || short.length > 0) {
    const edges = landscapes.filter(({ bowl }) => bowl.edges.length > 0).length;
    const spanned = (axis: 'N' | 'D'): string => spans[axis].toFixed(1);
    return {
      status: 'not enough points',
      sentence: {
        en: `Step Law needs ${LEAST_LANDSCAPES} landscapes with a minimum inside their grid, over a factor of ${LEAST_SPAN} in N and in D; there are ${found.length}, over ${spanned('N')} in N and ${spanned('D')} in D; ${edges > 0 ? `extend the grids of the ${edges} whose optimum is at the edge` : 'run more of the sweep'}.`,
        zh: `Step Law 需要 ${LEAST_LANDSCAPES} 个最低点在网格内部的曲面，N 与 D 各跨越 ${LEAST_SPAN} 倍；现有 ${found.length} 个，N 跨越 ${spanned('N')} 倍、D 跨越 ${spanned('D')} 倍；${edges > 0 ? `请扩展最优点位于边缘的 ${edges} 个网格` : '请继续训练其余部分'}。`,
      },
    };
  }
  if (vertexLaw.status !== 'converged' || !rateOnN || !rateOnD || !batchOnN || !batchOnD)
    return { status: 'not enough points', sentence: vertexLaw.message };

  const numbers: Sentence = {
    en: `From ${found.length} landscapes over a factor of ${spans.N.toFixed(0)} in N and ${spans.D.toFixed(0)} in D: the best learning rate goes as N to the power ${range(rateOnN)} and D to the power ${range(rateOnD)}, the best batch as D to the power ${range(batchOnD)} and N to the power ${range(batchOnN)}`,
    zh: `由 ${found.length} 个曲面得到（N 跨越 ${spans.N.toFixed(0)} 倍，D 跨越 ${spans.D.toFixed(0)} 倍）：最佳学习率随 N 的 ${range(rateOnN)} 次幂、D 的 ${range(rateOnD)} 次幂变化，最佳批大小随 D 的 ${range(batchOnD)} 次幂、N 的 ${range(batchOnN)} 次幂变化`,
  };
  const say = (status: Verdict['status'], ends: readonly Sentence[]): Verdict => ({
    status,
    sentence: {
      en: `${numbers.en}: ${ends.map(({ en }) => en).join('; ')}.`,
      zh: `${numbers.zh}：${ends.map(({ zh }) => zh).join('；')}。`,
    },
  });
  const negligible = Math.max(-batchOnN.low, batchOnN.high) <= NEGLIGIBLE_EXPONENT;
  const against: Sentence[] = [];
  if (rateOnN.low > 0) against.push({ en: 'the best learning rate rises with N', zh: '最佳学习率随 N 上升' });
  if (rateOnD.high < 0) against.push({ en: 'the best learning rate falls with D', zh: '最佳学习率随 D 下降' });
  if (batchOnD.high < 0) against.push({ en: 'the best batch falls with D', zh: '最佳批大小随 D 下降' });
  if (!negligible && batchOnN.low > 0) against.push({ en: 'the best batch rises with N', zh: '最佳批大小随 N 上升' });
  if (!negligible && batchOnN.high < 0) against.push({ en: 'the best batch falls with N', zh: '最佳批大小随 N 下降' });
  if (against.length > 0) return say('contradicted', against);

  const open: Sentence[] = [];
  const unsure = (estimate: Estimate, what: Sentence): void => {
    if (!(estimate.low > 0 || estimate.high < 0)) open.push({ en: `${what.en} is not told from zero`, zh: `${what.zh}与零无法区分` });
  };
  unsure(rateOnN, { en: "the learning rate's power of N", zh: '学习率对 N 的幂' });
  unsure(rateOnD, { en: "the learning rate's power of D", zh: '学习率对 D 的幂' });
  unsure(batchOnD, { en: "the batch's power of D", zh: '批大小对 D 的幂' });
  if (!negligible)
    open.push({
      en: `no dependence of the batch on N is seen, but a power of ${NEGLIGIBLE_EXPONENT} is not ruled out`,
      zh: `未见批大小依赖 N，但不能排除 ${NEGLIGIBLE_EXPONENT} 次幂`,
    });
  if (open.length > 0) return say('not shown here', open);
  const apart = batchOnN.low > 0 || batchOnN.high < 0;
  return say('shown', [
    {
      en: apart ? 'the batch depends on N, but by less than an octave over a factor of 16' : 'the batch does not depend on N to speak of',
      zh: apart ? '批大小依赖 N，但 16 倍之间不到一个八度' : '批大小基本不依赖 N',
    },
  ]);
}

const title: Sentence = { en: 'Step Law', zh: 'Step Law（阶跃定律）' };
const sweep = (size: Parameters<typeof stepLawSweep>[2]) => stepLawSweep('step-law', title.en, size);

/** The experiment. */
export const stepLaw: Experiment<LandscapeAnalysis> = {
  id: 'step-law',
  title,
  summary: {
    en: 'The best learning rate is a power law of N and D, the best batch one of D alone.',
    zh: '最佳学习率是 N 与 D 的幂律，最佳批大小只是 D 的幂律。',
  },
  claim: {
    en: 'The best learning rate falls as a power of model size N and rises as a power of training tokens D; the best batch rises as a power of D and does not depend on N.',
    zh: '最佳学习率随模型大小 N 的幂下降、随训练词元数 D 的幂上升；最佳批大小随 D 的幂上升，与 N 无关。',
  },
  text: [
    {
      en: 'Claimed: from some 3,700 models of 60 million to 1 billion parameters, Li et al. (Step Law, arXiv 2503.04715) find η = 1.79·N^−0.713·D^0.307 for the best peak learning rate and B = 0.58·D^0.571 for the best batch in tokens, N without embeddings. Romanyukov et al. (arXiv 2609.27581) repeat it below 59 million parameters and find η = 0.0985·N^−0.508·D^0.238 and B = 3.6·10⁻⁴·D^0.931.',
      zh: '主张：Li 等（Step Law，arXiv 2503.04715）用约 3700 个 6000 万至 10 亿参数的模型得到：最佳峰值学习率 η = 1.79·N^−0.713·D^0.307，最佳批大小（词元）B = 0.58·D^0.571，N 不含嵌入。Romanyukov 等（arXiv 2609.27581）在 5900 万参数以下重复，得到 η = 0.0985·N^−0.508·D^0.238，B = 3.6·10⁻⁴·D^0.931。',
    },
    {
      en: 'Tested here: landscapes over learning rate and batch for several N and several D, varied apart from each other, each spread over a factor of 16 or more. A quadratic through each landscape gives its minimum with an interval; a plane through the logarithms of the minima gives the exponents. Where N and D rise together their exponents cannot be told apart, so small models are trained long too. Whether the batch depends on N is the exponent of N in a regression of the batch on both.',
      zh: '检验：对多个 N 与多个 D（彼此独立变化，各跨越 16 倍以上）训练学习率与批大小的曲面。每个曲面拟合一个二次曲面，得到带区间的最低点；穿过各最低点对数的平面给出指数。若 N 与 D 同增，两者的指数无法区分，因此小模型也要训练得久。批大小是否依赖 N，看批大小对两者回归时 N 的指数。',
    },
    {
      en: 'To see: the optima against N and D with the fitted line and its band, the published lines dashed on the same axes; the exponents under each other with theirs; the best batch against N with the part of D taken out, where a level line means that N does not matter. The second recipe is the paper’s own: every run within 0.25 % of its landscape’s lowest.',
      zh: '看什么：最优点随 N 与 D 的变化、拟合直线及其区间带，已发表的直线以虚线画在同一坐标上；各指数与已发表的值上下并列；去除 D 的影响后最佳批大小随 N 的变化，水平线表示与 N 无关。第二种方法是论文自己的：取曲面最低值 0.25 % 以内的所有训练。',
    },
    {
      en: 'To conclude: exponents hold for this range, this text and this recipe. "Does not depend" is shown only where the interval rules out an exponent of 0.25, an octave over a factor of 16; an interval that merely holds zero shows nothing. In the paper’s own data the exponent is about −0.1. A run with a decaying learning rate is one point of D: several D from one run, by a constant learning rate with cooldown branches, are a design of their own.',
      zh: '结论：指数只对这个范围、这份文本与这套设置成立。只有当区间排除 0.25 次幂（16 倍之间一个八度）时才算证明“不依赖”；区间仅仅包含零说明不了什么。论文自己的数据中该指数约为 −0.1。学习率衰减的一次训练只是一个 D；用恒定学习率加冷却分支从一次训练得到多个 D 是另一种设计。',
    },
  ],
  sizes: { smoke: sweep('smoke'), minutes: sweep('minutes'), lesson: sweep('lesson'), hours: sweep('hours') },
  analyse: (records, options) => analyseLandscapes(records, options),
  verdict,
  figures: (analysis) => [exponentsLadder(analysis), batchOnSizePlot(analysis), minimaTable(analysis)],
};
