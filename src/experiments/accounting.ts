// Why Kaplan and Chinchilla differ: one set of runs counted six ways, and runs trained four ways, with the exponent of the
// compute-optimal size for each. After Porian et al., arXiv 2406.19146, and Pearce & Song, arXiv 2406.12907.
import { parseRun } from '../config/parse.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import { countingConventions } from '../laws/accounting-counts.ts';
import type { Estimate } from '../laws/fit.ts';
import { publishedAllocations } from '../laws/published-loss.ts';
import type { Sentence } from '../messages/sentence.ts';
import { analyseAccounting, EXACT_COUNT, exponentOf, KAPLAN_COUNT, type AccountingAnalysis, type Training } from './accounting-analysis.ts';
import { budgetDesigns, tuneFurther } from './budget.ts';
import { budgetGrids } from './budget-sweep.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, Verdict } from './experiment.ts';
import { same, type Figure, type LadderFigure, type LadderRung, type PlotFigure, type TableFigure } from './figure.ts';

/**
 * Tokens of the long warm-up: about the length of the runs on the smaller budgets, as Kaplan's 3,000 steps of half a million
 * tokens were (Porian et al., section 3).
 */
const LONG_WARMUP: Readonly<Record<ExperimentSize, number>> = { smoke: 8192, minutes: 131_072, lesson: 524_288, hours: 1_048_576 };

const title: Sentence = { en: 'Why Kaplan and Chinchilla differ', zh: 'Kaplan 与 Chinchilla 为何不同' };

function sweepOf(size: ExperimentSize): SweepConfig {
  const design = budgetDesigns[size];
  const short = budgetGrids(design);
  const base = parseRun(design.base);
  const batch = base.batchSequences * base.context;
  const warmupTokens = Math.round(LONG_WARMUP[size] / batch) * batch;
  const long = short.map((grid): Grid => ({ ...grid, set: { ...grid.set, warmupTokens } }));
  return { name: `${title.en} (${size})`, experiment: 'accounting', base: design.base, grids: [...short, ...long] };
}

/** The ladder from Kaplan's way to Chinchilla's, one change at a time, and Kaplan's count of the runs at its end. */
const LADDER: readonly {
  readonly id: string;
  readonly training: Training;
  readonly count: (typeof countingConventions)[number]['id'];
  readonly label: Sentence;
}[] = [
  {
    id: 'kaplan',
    training: { warmup: 'long', rate: 'fixed' },
    count: 'kaplan',
    label: { en: "Kaplan's count, long warm-up, one learning rate", zh: 'Kaplan 的计数，长预热，统一学习率' },
  },
  { id: 'head', training: { warmup: 'long', rate: 'fixed' }, count: 'head', label: { en: '+ the head counted', zh: '+ 计入输出层' } },
  { id: 'exact', training: { warmup: 'long', rate: 'fixed' }, count: 'flops', label: { en: '+ exact FLOPs', zh: '+ 精确 FLOPs' } },
  { id: 'warmup', training: { warmup: 'short', rate: 'fixed' }, count: 'flops', label: { en: '+ short warm-up', zh: '+ 短预热' } },
  { id: 'tuned', training: { warmup: 'short', rate: 'tuned' }, count: 'flops', label: { en: '+ tuned learning rate', zh: '+ 调优学习率' } },
  {
    id: 'tuned, kaplan',
    training: { warmup: 'short', rate: 'tuned' },
    count: 'kaplan',
    label: { en: "the same runs by Kaplan's count", zh: '同一批训练按 Kaplan 计数' },
  },
];

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})` : value.toFixed(2);

/** first − second of two estimates from different runs, their half-widths added in squares. */
function difference(first: Estimate, second: Estimate): Estimate {
  const value = first.value - second.value;
  const down = Math.hypot(first.value - first.low, second.high - second.value);
  const up = Math.hypot(first.high - first.value, second.value - second.low);
  return { value, low: value - down, high: value + up };
}

function verdict(analysis: AccountingAnalysis): Verdict {
  const { arms } = analysis;
  const first = exponentOf(arms, LADDER[0].training, KAPLAN_COUNT);
  const last = exponentOf(arms, { warmup: 'short', rate: 'tuned' }, EXACT_COUNT);
  if (first.a === undefined || last.a === undefined) {
    const missing =
      first.a === undefined
        ? { of: LADDER[0].label, why: first.message }
        : { of: { en: 'exact counts and tuned runs', zh: '精确计数与调优训练' }, why: last.message };
    return {
      status: 'not enough points',
      sentence: {
        en: `There is no exponent yet for ${missing.of.en}: ${missing.why.en}`,
        zh: `尚无以下情形的指数：${missing.of.zh}。${missing.why.zh}`,
      },
    };
  }
  const moved = difference(first.a, last.a);
  const oneRate = exponentOf(arms, { warmup: 'short', rate: 'fixed' }, EXACT_COUNT).a;
  const longWarm = exponentOf(arms, { warmup: 'long', rate: 'fixed' }, EXACT_COUNT).a;
  const steps: Sentence[] = [
    ...(analysis.counting
      ? [
          {
            en: `counting alone moves the tuned runs by ${range(analysis.counting)}`,
            zh: `仅计数一项使调优训练变化 ${range(analysis.counting)}`,
          },
        ]
      : []),
    ...(longWarm && oneRate
      ? [
          {
            en: `the shorter warm-up by ${range(difference(oneRate, longWarm))}`,
            zh: `缩短预热变化 ${range(difference(oneRate, longWarm))}`,
          },
        ]
      : []),
    ...(oneRate ? [{ en: `tuning by ${range(difference(last.a, oneRate))}`, zh: `调优变化 ${range(difference(last.a, oneRate))}` }] : []),
  ];
  const found: Sentence = {
    en: `N_opt goes as C^${range(first.a)} by Kaplan's count and training, as C^${range(last.a)} by exact counts and tuned runs, a difference of ${range(moved)}${steps.length > 0 ? `; ${steps.map(({ en }) => en).join(', ')}` : ''}`,
    zh: `按 Kaplan 的计数与训练 N_opt ∝ C^${range(first.a)}，按精确计数与调优训练为 C^${range(last.a)}，相差 ${range(moved)}${steps.length > 0 ? `；${steps.map(({ zh }) => zh).join('，')}` : ''}`,
  };
  const say = (status: Verdict['status'], en: string, zh: string): Verdict => ({
    status,
    sentence: { en: `${found.en}${en}`, zh: `${found.zh}${zh}` },
  });
  if (moved.low > 0) return say('shown', ': the first is the larger one.', '：前者更大。');
  if (moved.high < 0) return say('contradicted', ': the first is the smaller one.', '：前者更小。');
  return say(
    'not shown here',
    '; the interval of the difference does not exclude zero: run more seeds, or more budgets.',
    '；差的区间未排除零：请增加随机种子或预算。',
  );
}

function ladderFigure({ arms }: AccountingAnalysis): LadderFigure {
  const published = publishedAllocations.filter(({ id }) => ['kaplan', 'porian-reproduction', 'porian-tuned', 'chinchilla-2'].includes(id));
  return {
    kind: 'ladder',
    id: 'ladder',
    title: { en: 'From Kaplan to Chinchilla, one change at a time', zh: '从 Kaplan 到 Chinchilla，每次改变一项' },
    caption: {
      en: 'The exponent a of N_opt ∝ C^a with its 95 % interval. Each rung adds one change to the one above it; the last counts the tuned runs as Kaplan would.',
      zh: 'N_opt ∝ C^a 的指数 a，带 95 % 区间。每级比上一级多一项改变；最后一级按 Kaplan 的方式计数调优后的训练。',
    },
    x: { label: same('a'), scale: 'linear' },
    rungs: LADDER.map(({ id, label, training, count }): LadderRung => {
      const { a, message } = exponentOf(arms, training, count);
      return { id, label, estimate: a, ...(a === undefined ? { note: message } : {}) };
    }),
    references: published.map(({ label, a, citation }) => ({ label, value: a, citation })),
  };
}

function countsTable({ arms }: AccountingAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'counts',
    title: { en: 'The exponent by every count, for every way of training', zh: '各种计数、各种训练方式下的指数' },
    caption: {
      en: 'Each column is one set of runs; down a column nothing changes but what is counted.',
      zh: '每列是同一批训练；同一列中只有计数方式不同。',
    },
    columns: [{ en: 'count', zh: '计数' }, ...arms.map(({ label }) => label), { en: 'counted so by', zh: '采用者' }],
    rows: countingConventions.map(({ id, label, citation }) => [
      label,
      ...arms.map(({ training }) => exponentOf(arms, training, id).a),
      same(citation),
    ]),
  };
}

/** The best sizes over compute, by the two counts that are farthest apart. */
function optimaFigure({ arms }: AccountingAnalysis): PlotFigure {
  const shown = arms.flatMap(({ training, label, ladder }) =>
    ladder.rungs
      .filter(({ convention }) => convention.id === KAPLAN_COUNT || convention.id === EXACT_COUNT)
      .filter(() => training.warmup === 'short' || training.rate === 'fixed')
      .map((rung) => ({
        id: `${training.warmup} ${training.rate} ${rung.convention.id}`,
        name: { en: `${label.en}; ${rung.convention.label.en}`, zh: `${label.zh}；${rung.convention.label.zh}` },
        rung,
      })),
  );
  return {
    kind: 'plot',
    id: 'optima',
    title: { en: 'The best size over compute', zh: '最佳大小随算力的变化' },
    caption: {
      en: 'Vertices of the parabolas at each budget, and the power law through them; N and C as each series counts them.',
      zh: '各预算抛物线的顶点及其幂律；N 与 C 按各系列自己的计数。',
    },
    x: { label: { en: 'training FLOPs C, as counted', zh: '训练 FLOPs C（按所用计数）' }, scale: 'log' },
    y: { label: { en: 'best size N_opt, as counted', zh: '最佳大小 N_opt（按所用计数）' }, scale: 'log' },
    series: shown.map(({ id, name, rung }) => ({
      id,
      label: name,
      points: rung.optima.filter(({ status }) => status === 'inside').map(({ C, N }) => ({ x: C, y: N })),
    })),
    lines: shown.flatMap(({ id, name, rung }) => {
      const { a, 'N.c': factor } = rung.parameters;
      const budgets = rung.optima.filter(({ status }) => status === 'inside').map(({ C }) => C);
      if (a === undefined || factor === undefined || budgets.length === 0) return [];
      const points = [Math.min(...budgets), Math.max(...budgets)].map((C) => ({ x: C, y: factor.value * C ** a.value }));
      return [{ id: `line ${id}`, label: name, points, source: 'fitted' as const, series: id }];
    }),
  };
}

/** The experiment. */
export const accounting: Experiment<AccountingAnalysis> = {
  id: 'accounting',
  title,
  summary: {
    en: 'The same runs give another exponent of the best size when they are counted otherwise, and others when trained otherwise.',
    zh: '同一批训练换一种计数，最佳大小的指数就不同；换一种训练方式又不同。',
  },
  claim: {
    en: "Kaplan's way (parameters without embeddings and head, a warm-up as long as short runs, one learning rate) gives a larger exponent of the compute-optimal size than exact counts with a short warm-up and tuned rates.",
    zh: 'Kaplan 的做法（参数不含嵌入与输出层、预热与短训练一样长、统一学习率）得到的最优大小指数，大于精确计数、短预热、调优学习率的做法。',
  },
  text: [
    {
      en: 'Kaplan et al. found that the best size grows as C^0.73, Hoffmann et al. as C^0.50. Here both ways are taken on one machine. Counting costs no training at all: the ladder counts the same runs with and without the head, with and without embeddings, by 6N or by exact FLOPs.',
      zh: 'Kaplan 等得出最佳大小按 C^0.73 增长，Hoffmann 等为 C^0.50。这里在同一台机器上两种做法都试。计数不需要任何训练：对同一批训练，分别计入或不计输出层、计入或不计嵌入、按 6N 或按精确 FLOPs。',
    },
    {
      en: 'Training differs in two things. A warm-up of one length for all sizes takes up most of a short run; a short one takes as many tokens as the model has parameters. One learning rate for all runs favours some sizes over others; a tuned one is the best at each size and length. All four combinations are trained on the same sizes and lengths.',
      zh: '训练有两点不同。所有大小统一的长预热会占去短训练的大部分；短预热的词元数等于模型参数量。统一学习率偏向某些大小；调优学习率在每种大小与长度下取最佳。四种组合在相同的大小与长度上训练。',
    },
    {
      en: 'Porian et al. (arXiv 2406.19146) went the same way step by step: 0.84, with the head 0.71, with a short warm-up 0.60, tuned 0.50. Pearce & Song (arXiv 2406.12907) show that leaving embeddings out is enough to turn 0.5 into about 0.75 in small models.',
      zh: 'Porian 等（arXiv 2406.19146）逐步得到：0.84，计入输出层 0.71，缩短预热 0.60，调优 0.50。Pearce 与 Song（arXiv 2406.12907）指出，在小模型中仅不计嵌入就足以把 0.5 变成约 0.75。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  analyse: (records, options?: AnalysisOptions) => analyseAccounting(records, options),
  verdict,
  figures: (analysis): readonly Figure[] => [ladderFigure(analysis), countsTable(analysis), optimaFigure(analysis)],
  next: (analysis, sweep) => tuneFurther(analysis.cells, sweep),
};
