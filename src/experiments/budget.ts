// How to spend a budget: at fixed training FLOPs, how large a model on how many tokens. Hoffmann et al., "Training
// Compute-Optimal Large Language Models" (Chinchilla), arXiv 2203.15556, at a scale a browser can train.
import type { Shape } from '../config/run.ts';
import type { SweepConfig } from '../config/sweep.ts';
import type { Estimate } from '../laws/fit.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import { analyseBudgets, type Approach, type BudgetAnalysis } from './budget-analysis.ts';
import { budgetFigures } from './budget-figures.ts';
import { budgetGrids, octavesAbout, SHARED_TRUNK, type BudgetDesign } from './budget-sweep.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, NextStage, Verdict } from './experiment.ts';
import { ratesBeyond } from './tuning.ts';

const shapes = (...widths: readonly number[]): Shape[] =>
  widths.map((width) => ({ layers: 2, width, heads: width < 8 ? 1 : 2, mlpRatio: 4 }));

/** first, twice that, … `count` of them. */
const doublings = (first: number, count: number): number[] => Array.from({ length: count }, (_, i) => first * 2 ** i);

/** Designs, which `accounting` shares. Budgets lie where neither the smallest nor the largest size is best. */
export const budgetDesigns: Readonly<Record<ExperimentSize, BudgetDesign>> = {
  smoke: {
    base: {
      ...SHARED_TRUNK,
      corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144',
      context: 4,
      batchSequences: 8,
      validationTokens: 4096,
    },
    shapes: shapes(4, 8, 12, 16, 20, 24),
    budgets: doublings(6e7, 4),
    vocabulary: 12,
    tokens: [512, 65_536],
    rates: octavesAbout({ N: 2000, rate: 2 ** -6, exponent: -0.4 }, 1, 1),
    seeds: [0],
  },
  minutes: {
    base: { ...SHARED_TRUNK, corpus: 'sotu', context: 16, batchSequences: 8, validationTokens: 16_384 },
    shapes: shapes(4, 8, 12, 16, 20, 24, 28, 32, 40),
    budgets: doublings(2e9, 7),
    vocabulary: 99,
    tokens: [24_576, 3_400_000],
    rates: octavesAbout({ N: 6592, rate: 2 ** -7, exponent: -0.4 }, 1, 1),
    seeds: [0],
  },
  lesson: {
    base: { ...SHARED_TRUNK, corpus: 'sotu', context: 64, batchSequences: 2 },
    shapes: shapes(8, 12, 16, 24, 32, 48, 64, 96),
    budgets: doublings(1.6e10, 6),
    vocabulary: 99,
    tokens: [65_536, 9_000_000],
    rates: octavesAbout({ N: 6592, rate: 2 ** -7, exponent: -0.4 }, 1, 1),
    seeds: [0, 1],
  },
  hours: {
    base: { ...SHARED_TRUNK, corpus: 'sotu', context: 64, batchSequences: 4 },
    shapes: shapes(8, 12, 16, 24, 32, 48, 64, 96, 128),
    budgets: doublings(3.2e10, 7),
    vocabulary: 99,
    tokens: [131_072, 9_500_000],
    rates: octavesAbout({ N: 6592, rate: 2 ** -7, exponent: -0.4 }, 2, 2),
    seeds: [0, 1, 2],
  },
};

const title: Sentence = { en: 'How to spend a budget', zh: '如何分配算力预算' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const design = budgetDesigns[size];
  return { name: `${title.en} (${size})`, experiment: 'budget', base: design.base, grids: budgetGrids(design) };
}

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})` : value.toFixed(2);

const apart = (first: Estimate, second: Estimate): boolean => first.high < second.low || second.high < first.low;

function verdict(analysis: BudgetAnalysis): Verdict {
  const known = analysis.approaches.filter((one): one is Approach & { a: Estimate } => one.a !== undefined);
  const inside = analysis.profiles.optima.filter(({ status }) => status === 'converged').length;
  const counted: Sentence = {
    en: `${inside} of ${analysis.profiles.optima.length} budgets have their best size inside the sizes run.`,
    zh: `${analysis.profiles.optima.length} 个预算中有 ${inside} 个的最佳大小在所试范围内部。`,
  };
  if (known.length < 2) {
    const why = analysis.approaches.find(({ a }) => a === undefined)?.message;
    return {
      status: 'not enough points',
      sentence: {
        en: `${counted.en} Fewer than two approaches give an exponent. ${why?.en ?? ''}`.trim(),
        zh: `${counted.zh}能给出指数的方法不足两种。${why?.zh ?? ''}`,
      },
    };
  }
  const list = known.map(({ number, a }) => `${number}: ${range(a)}`).join(', ');
  const perParameter = known.flatMap(({ size, tokens }) => (size && tokens ? [tokens.value / size.value] : []));
  const ratio = perParameter.length > 0 ? [Math.min(...perParameter), Math.max(...perParameter)].map((value) => shortNumber(value)) : [];
  const found: Sentence = {
    en: `${counted.en} N_opt goes as C^a with a by approach ${list}${ratio.length > 0 ? `; at C = ${shortNumber(analysis.atC)} that is ${ratio[0] === ratio[1] ? ratio[0] : `${ratio[0]} to ${ratio[1]}`} tokens per parameter` : ''}`,
    zh: `${counted.zh}N_opt ∝ C^a，各方法的 a 为 ${list}${ratio.length > 0 ? `；在 C = ${shortNumber(analysis.atC)} 处为每参数 ${ratio[0] === ratio[1] ? ratio[0] : `${ratio[0]} 至 ${ratio[1]}`} 个词元` : ''}`,
  };
  const say = (status: Verdict['status'], en: string, zh: string): Verdict => ({
    status,
    sentence: { en: `${found.en}${en}`, zh: `${found.zh}${zh}` },
  });
  const pairs = known.flatMap((first, i) => known.slice(i + 1).map((second) => [first, second] as const));
  const disagree = pairs.filter(([first, second]) => apart(first.a, second.a));
  if (known.some(({ a }) => a.low > 1 || a.high < 0))
    return say('contradicted', ': size and tokens do not both grow with compute.', '：大小与词元数并未都随算力增长。');
  if (disagree.length > 0) {
    const [first, second] = disagree[0];
    return say(
      'contradicted',
      `: approaches ${first.number} and ${second.number} exclude each other.`,
      `：方法 ${first.number} 与方法 ${second.number} 互相排斥。`,
    );
  }
  // One approach may know less than the others (the envelope has few passages): two that are sure are enough.
  const open = known.filter(({ a }) => !(a.low > 0 && a.high < 1));
  const unsure = known.length - open.length < 2;
  if (unsure || inside < 3)
    return say(
      'not shown here',
      unsure
        ? `: the interval of approach ${open[0].number} does not exclude that only one of size and tokens grows; run more budgets, farther apart, or more seeds.`
        : ': too few budgets have a minimum; run more sizes or more budgets.',
      unsure
        ? `：方法 ${open[0].number} 的区间未排除大小与词元数中只有一个增长；请增加预算、拉开预算间距或增加随机种子。`
        : '：有最低点的预算太少；请增加模型大小或预算。',
    );
  const half = known.every(({ a }) => a.low <= 0.5 && a.high >= 0.5);
  return say(
    'shown',
    half ? ': both grow, the approaches agree, and none excludes a = 0.5.' : ': both grow, and the approaches agree.',
    half ? '：两者都增长，各方法一致，且都不排除 a = 0.5。' : '：两者都增长，且各方法一致。',
  );
}

/** Learning rates tried at one size and number of tokens, at most. */
const MOST_RATES = 7;

/** Rates beyond those tried wherever the best is the last: a size that is not tuned bends the profiles. */
export function tuneFurther(cells: BudgetAnalysis['cells'], sweep: SweepConfig): NextStage | undefined {
  const grids = ratesBeyond(
    cells.filter(({ tried }) => tried.length < MOST_RATES),
    sweep,
  );
  if (grids.length === 0) return undefined;
  return {
    sentence: {
      en: `At ${grids.length} sizes and lengths the best learning rate is the last one tried: train the rates beyond it.`,
      zh: `有 ${grids.length} 组大小与训练长度的最佳学习率位于所试范围的一端：请训练更外侧的学习率。`,
    },
    grids,
  };
}

/** The experiment. */
export const budget: Experiment<BudgetAnalysis> = {
  id: 'budget',
  title,
  summary: {
    en: 'At a fixed compute budget there is a best size; it and the tokens both grow as powers of the budget.',
    zh: '在固定的算力预算下存在最佳模型大小；它与词元数都随预算按幂律增长。',
  },
  claim: {
    en: 'At each compute budget the loss has a minimum over size, and the best size and the best tokens both grow as powers of compute, whichever of three ways they are read.',
    zh: '在每个算力预算下，损失随大小有最低点；无论用三种方法中的哪一种，最佳大小与最佳词元数都随算力按幂律增长。',
  },
  text: [
    {
      en: 'Every run of a budget costs the same FLOPs: a larger model reads fewer tokens. Too small a model cannot use the tokens, too large a one does not see enough of them; between the two lies the best size. The learning rate is tuned at each size and length.',
      zh: '同一预算下每次训练的 FLOPs 相同：模型越大，读取的词元越少。模型太小用不好这些词元，太大则看不够；最佳大小在两者之间。每种大小与训练长度都调好学习率。',
    },
    {
      en: 'Three approaches read the same runs. 1: at each C take the size with the lowest loss. 2: fit a parabola to each budget and take its vertex. 3: fit L = E + A/N^α + B/D^β to all runs and minimise it under the budget. Their exponents should agree.',
      zh: '三种方法读同一批训练。方法 1：在每个 C 取损失最低的大小。方法 2：对每个预算拟合抛物线并取顶点。方法 3：对所有训练拟合 L = E + A/N^α + B/D^β，并在预算约束下求极小。三者的指数应当一致。',
    },
    {
      en: 'Runs keep a constant learning rate and cool down over their last fifth, so shorter runs of a size are the beginnings of its longest one, and are trained once. Warm-up takes as many tokens as the model has parameters.',
      zh: '训练保持恒定学习率，在最后五分之一冷却，因此同一大小的较短训练是最长一次的开头，只训练一次。预热词元数等于模型的参数量。',
    },
    {
      en: 'Hoffmann et al. (arXiv 2203.15556) found a = 0.50, 0.49 and 0.46 by the three, about 20 tokens per parameter; Besiroglu et al. (arXiv 2404.10102) refitted the third to 0.51. Both count embeddings in N: choose "total" to compare. FLOPs here are exact under every count.',
      zh: 'Hoffmann 等（arXiv 2203.15556）用三种方法得到 a = 0.50、0.49 与 0.46，约每参数 20 个词元；Besiroglu 等（arXiv 2404.10102）重新拟合第三种得 0.51。两者的 N 都含嵌入：要比较请选择“total”。此处的 FLOPs 在任何计数下都是精确值。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  analyse: (records, options?: AnalysisOptions) => analyseBudgets(records, options),
  verdict,
  figures: budgetFigures,
  next: (analysis, sweep) => tuneFurther(analysis.cells, sweep),
};
