// Recipes: whether the best learning rate and batch stay where they are from prose to code to mixtures. After Step Law
// (Li et al., arXiv 2503.04715).
import type { Axes, SweepConfig } from '../config/sweep.ts';
import type { RunConfig, RunInput } from '../config/run.ts';
import { knownCorpora } from '../data/corpus.ts';
import { isMixtureId, parseMixtureId } from '../data/mixture.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { Experiment, ExperimentSize, RunGroup } from './experiment.ts';
import { powersOfTwo, seeds, shape } from './grid-axes.ts';
import { analyseInvariance, invarianceFigures, invarianceVerdict, type InvarianceAnalysis } from './invariance.ts';

/** Prose, code, half of each, mostly code: corpora that every installation has. */
const shipped = ['sotu', 'three', 'mix:sotu+three', 'mix:sotu+three*3'];

/** Bytes for all: one vocabulary whatever the script, so that models of one shape are of one size. */
const bytes = { tokenizer: 'bytes', vocabulary: 256 } as const;

const grids: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly axes: Axes }>> = {
  smoke: {
    base: { context: 2, validationTokens: 8192, tokens: 8192, vocabulary: 64 },
    axes: {
      corpus: ['exponent=1', 'exponent=0.5', 'exponent=1.5'].map((one) => `synthetic:symbols=12,order=1,${one},tokens=262144`),
      shape: [shape(1, 8, 1)],
      learningRate: [-11, -9.5, -8, -6.5, -5, -3.5].map((exponent) => 2 ** exponent),
      batchSequences: [1, 4, 16, 64],
      seed: seeds(2),
    },
  },
  minutes: {
    base: { ...bytes, context: 16, tokens: 399_360, validationTokens: 16_384 },
    axes: {
      corpus: shipped,
      shape: [shape(2, 12, 2)],
      learningRate: powersOfTwo(-9, -4),
      batchSequences: [1, 4, 12, 40, 128],
      seed: seeds(2),
    },
  },
  lesson: {
    base: { ...bytes, context: 32, tokens: 1_597_440 },
    axes: {
      corpus: shipped,
      shape: [shape(2, 32, 4)],
      learningRate: powersOfTwo(-10, -4),
      batchSequences: [1, 4, 13, 40, 128],
      seed: seeds(2),
    },
  },
  hours: {
    // Chinese is not in every installation: this size asks for it, and says how to prepare it where it is missing.
    base: { ...bytes, context: 64, tokens: 3_194_880 },
    axes: {
      corpus: [...shipped, 'songci', 'mix:sotu+songci'],
      shape: [shape(2, 32, 4), shape(2, 64, 4)],
      learningRate: powersOfTwo(-11, -4),
      batchSequences: [1, 2, 6, 20, 65, 208],
      seed: seeds(3),
    },
  },
};

const title: Sentence = { en: 'Recipes', zh: '数据配方' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, axes } = grids[size];
  return { name: `${title.en} (${size})`, experiment: 'recipes', base, grids: [{ axes }] };
}

/** What a corpus is, in a word or two; its id where it has no better name. */
function nameOf(corpus: string): Sentence {
  if (isMixtureId(corpus)) {
    const parts = parseMixtureId(corpus);
    const whole = parts.reduce((sum, { weight }) => sum + weight, 0);
    const join = (language: 'en' | 'zh'): string =>
      parts.map(({ id, weight }) => `${Math.round((100 * weight) / whole)} % ${nameOf(id)[language]}`).join(' + ');
    return { en: join('en'), zh: join('zh') };
  }
  switch (knownCorpora.find(({ id }) => id === corpus)?.kind) {
    case 'prose':
      return { en: `prose (${corpus})`, zh: `散文（${corpus}）` };
    case 'code':
      return { en: `code (${corpus})`, zh: `代码（${corpus}）` };
    case 'chinese':
      return { en: `Chinese (${corpus})`, zh: `中文（${corpus}）` };
    default:
      return { en: corpus, zh: corpus };
  }
}

const groupOf = ({ corpus }: RunConfig): RunGroup => ({ id: corpus, label: nameOf(corpus) });

/** State of the Union prose first, other plain corpora, then mixtures. */
function proseFirst({ config: { corpus: a } }: RunRecord, { config: { corpus: b } }: RunRecord): number {
  const rank = (corpus: string): number => (corpus === 'sotu' ? 0 : isMixtureId(corpus) ? 2 : 1);
  return rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Largest shift that counts as none, octaves: a factor of two either way, a step of the grids. */
const TOLERANCE = 1;

/** Recipes with a minimum, the first included, before anything is said. */
const LEAST_GROUPS = 3;

/** The experiment. */
export const recipes: Experiment<InvarianceAnalysis> = {
  id: 'recipes',
  title,
  summary: {
    en: 'Prose, code and mixtures of them have their best learning rate and batch in the same place.',
    zh: '散文、代码及其混合的最佳学习率与批大小在同一处。',
  },
  claim: {
    en: 'At fixed model size and tokens the best learning rate and batch do not depend on what the text is.',
    zh: '在固定的模型大小与词元数下，最佳学习率与批大小不依赖文本的内容。',
  },
  text: [
    {
      en: 'Claimed: Li et al. (Step Law, arXiv 2503.04715) train 45 models on each of three other recipes (bilingual, code with mathematics, mostly code), and the settings that their law gives stay within 0.25 % of the lowest loss.',
      zh: '主张：Li 等（Step Law，arXiv 2503.04715）在另外三种配方（双语、代码加数学、以代码为主）上各训练 45 个模型，其定律给出的设置都在最低损失的 0.25 % 以内。',
    },
    {
      en: 'Tested here: State of the Union addresses, the source code of three.js, and two mixtures of them, as bytes, so that all have one vocabulary and models of one shape are of one size. A mixture takes the documents of its parts in turn, each to its share. Chinese (Song-dynasty lyrics) is not in every installation: the size “hours” has it, after npm run corpora -- songci.',
      zh: '检验：美国国情咨文、three.js 源代码及两种混合，均按字节，使所有语料词表相同、同一形状的模型大小相同。混合语料按份额轮流取各部分的文档。中文（宋词）并非每次安装都有：“hours” 规模包含它，需先运行 npm run corpora -- songci。',
    },
    {
      en: 'To see: the minima of all recipes on the same axes with their intervals, their shifts from prose in octaves, and what each pays at the best setting for prose. Losses of different texts are not to be compared: code is easier to predict.',
      zh: '看什么：各配方的最低点及区间画在同一坐标上，相对散文移动了多少个八度，以及在散文的最佳设置下各要多付多少。不同文本的损失不可比较：代码更容易预测。',
    },
    {
      en: 'To conclude: “shown” asks that every interval, taken together with the others, rule out a shift of a whole octave. A model this small learns letters and common words: what it meets in prose and in code differs more, relative to what it can learn, than for a large model.',
      zh: '结论：“已证明”要求所有区间合在一起排除整整一个八度的移动。这样小的模型学到的是字母与常用词：相对于它能学到的东西，散文与代码的差别比对大模型更大。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  groupOf,
  analyse: (records, options) => analyseInvariance(records, groupOf, proseFirst, options),
  verdict: (analysis) =>
    invarianceVerdict(analysis, { tolerance: TOLERANCE, leastGroups: LEAST_GROUPS, groups: { en: 'recipes', zh: '配方' } }),
  figures: (analysis) => invarianceFigures(analysis, { en: 'Minima by recipe', zh: '各配方的最低点' }),
};
