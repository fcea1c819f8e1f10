// Not enough data: the same text read many times over. After Kaplan et al. (arXiv 2001.08361, section 4): how much text
// a model needs before reading it again does harm goes as a power of the model's size below one.
import type { RunInput, Shape } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { Estimate } from '../laws/fit.ts';
import { lossAtSizeAndTokens } from '../laws/kaplan-forms.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, NextStage, Verdict } from './experiment.ts';
import { same, type FigureLine, type PlotFigure, type TableFigure } from './figure.ts';
import { analyseOverfitting, PUBLISHED_RATIO, type LimitedCell, type OverfittingAnalysis } from './overfitting-analysis.ts';
import { ratesBeyond } from './tuning.ts';

const shape = (width: number, heads = 2): Shape => ({ layers: 2, width, heads, mlpRatio: 4 });
const octaves = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));

/** Every size on every amount of text, and once on all of it (0), always for the same number of tokens read, at a constant learning rate: then each curve may be stopped anywhere. */
const designs: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: {
      corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144',
      context: 4,
      batchSequences: 8,
      validationTokens: 8192,
      tokens: 32_768,
      schedule: 'constant',
    },
    grids: [
      {
        axes: {
          shape: [shape(4), shape(8), shape(16)],
          uniqueTokens: [256, 1024, 0],
          learningRate: [-8, -6.5, -5, -3.5].map((exponent) => 2 ** exponent),
        },
      },
    ],
  },
  minutes: {
    base: { corpus: 'sotu', context: 16, batchSequences: 8, validationTokens: 16_384, tokens: 524_288, schedule: 'constant' },
    // Small models want higher learning rates, small texts lower ones.
    grids: [
      { axes: { shape: [shape(8), shape(16)], uniqueTokens: [4096, 8192, 16_384, 65_536, 0], learningRate: octaves(-9, -5) } },
      { axes: { shape: [shape(24), shape(40)], uniqueTokens: [4096, 8192, 16_384, 65_536, 0], learningRate: octaves(-11, -7) } },
    ],
  },
  lesson: {
    base: { corpus: 'sotu', context: 64, batchSequences: 4, tokens: 3_276_800, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shape(16), shape(24), shape(32), shape(48), shape(64)],
          uniqueTokens: [8192, 32_768, 131_072, 524_288, 0],
          learningRate: octaves(-11, -7),
        },
      },
    ],
  },
  hours: {
    base: { corpus: 'sotu', context: 64, batchSequences: 8, tokens: 9_830_400, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shape(16), shape(24), shape(32), shape(48), shape(64), shape(96, 4), shape(128, 4)],
          uniqueTokens: [8192, 32_768, 131_072, 524_288, 2_097_152, 0],
          learningRate: octaves(-11, -7),
          seed: [0, 1],
        },
      },
    ],
  },
};

const title: Sentence = { en: 'Not enough data', zh: '数据不足' };

function sweepOf(size: ExperimentSize): SweepConfig {
  return { name: `${title.en} (${size})`, experiment: 'overfitting', ...designs[size] };
}

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${value.toFixed(2)} (${low.toFixed(2)} … ${high.toFixed(2)})` : value.toFixed(2);

function verdict({ limited, onset, missing }: OverfittingAnalysis): Verdict {
  const early = limited.filter(({ stop }) => stop.early).length;
  const most = limited.reduce<LimitedCell | undefined>(
    (best, cell) => ((cell.excess ?? -1) > (best?.excess ?? -1) ? cell : best),
    undefined,
  );
  const seen: Sentence =
    limited.length === 0
      ? { en: '', zh: '' }
      : {
          en: `${early} of ${limited.length} cells on limited text do best before the end of training${most?.excess === undefined ? '' : `; at the worst the loss stays ${(100 * most.excess).toFixed(0)} % above that of unlimited text`}. `,
          zh: `${limited.length} 个有限文本的格中，${early} 个的最低损失在训练结束之前${most?.excess === undefined ? '' : `；最差时损失比不限文本高 ${(100 * most.excess).toFixed(0)} %`}。`,
        };
  const say = (status: Verdict['status'], more: Sentence): Verdict => ({
    status,
    sentence: { en: seen.en + more.en, zh: seen.zh + more.zh },
  });
  if (onset === undefined) return say('not enough points', missing!);
  const { ratio, power, points } = onset;
  const found: Sentence = {
    en: `Overfitting goes as (N^a/D)^b with a = ${range(ratio)} (Kaplan et al.: ${PUBLISHED_RATIO}) and b = ${range(power)}, from ${points} cells`,
    zh: `过拟合按 (N^a/D)^b 变化，a = ${range(ratio)}（Kaplan 等：${PUBLISHED_RATIO}），b = ${range(power)}，来自 ${points} 个格`,
  };
  const end = (en: string, zh: string): Sentence => ({ en: found.en + en, zh: found.zh + zh });
  if (ratio.high < 0) return say('contradicted', end(': larger models need less text.', '：模型越大，所需文本越少。'));
  if (ratio.low > 1) return say('contradicted', end(': the text must grow faster than the model.', '：文本必须比模型增长得更快。'));
  if (!(ratio.low > 0 && ratio.high < 1))
    return say(
      'not shown here',
      end(', an interval that reaches beyond 0 to 1; run more sizes, or more seeds.', '，区间超出 0 到 1；请增加模型大小或种子。'),
    );
  return say('shown', end(': text must grow with the model, but more slowly.', '：文本须随模型增长，但增长得更慢。'));
}

const bySize = (cells: readonly LimitedCell[]): [number, LimitedCell[]][] =>
  [...new Set(cells.map(({ N }) => N))].map((N) => [N, cells.filter((cell) => cell.N === N)]);

function curves({ limited, unlimited }: OverfittingAnalysis): PlotFigure {
  const largest = Math.max(...limited.map(({ N }) => N));
  const shown = [...limited, ...unlimited].filter(({ N }) => N === largest);
  return {
    kind: 'plot',
    id: 'curves',
    title: { en: 'Held-out loss of the largest model', zh: '最大模型的留出损失' },
    caption: {
      en: 'One curve for each amount of text. On little text the loss turns and rises: the model learns the text by heart.',
      zh: '每种文本量一条曲线。文本少时损失会掉头上升：模型在背诵文本。',
    },
    x: { label: { en: 'tokens read', zh: '已读词元' }, scale: 'log' },
    y: { label: { en: 'held-out loss (nats per token)', zh: '留出损失（奈特每词元）' }, scale: 'log' },
    series: shown.map(({ U, curve, run, excess }) => ({
      id: run,
      label:
        excess === undefined && unlimited.some((one) => one.run === run)
          ? { en: 'unlimited text', zh: '不限文本' }
          : { en: `${U} tokens of text`, zh: `${U} 词元文本` },
      joined: true,
      points: curve.map(([x, y]) => ({ x, y, runs: [run] })),
    })),
    lines: [],
  };
}

function stopped({ limited, kaplan }: OverfittingAnalysis): PlotFigure {
  const { alphaN, Nc, alphaD, Dc } = kaplan.laws.LND.parameters;
  const texts = limited.map(({ U }) => U);
  return {
    kind: 'plot',
    id: 'stopped-loss',
    title: { en: 'Loss against text, stopped in time', zh: '及时停止时的损失与文本量' },
    caption: {
      en: 'The lowest held-out loss of each cell, with L(N, D) of Kaplan et al. where it could be fitted.',
      zh: '每格的最低留出损失，以及能够拟合时 Kaplan 等的 L(N, D)。',
    },
    x: { label: { en: 'tokens of text', zh: '文本词元数' }, scale: 'log' },
    y: { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' },
    series: bySize(limited).map(([N, cells]) => ({
      id: String(N),
      label: same(`N = ${N}`),
      points: cells.map(({ U, cell, run, leftOut }) => ({ x: U, y: cell.loss, runs: [run], ...(cell.edge && leftOut ? { leftOut } : {}) })),
    })),
    lines:
      alphaN && Nc && alphaD && Dc && texts.length > 0
        ? bySize(limited).map(([N]): FigureLine => ({
            id: `law ${N}`,
            label: same(`L(N, D), N = ${N}`),
            points: spaced(Math.min(...texts), Math.max(...texts)).map((x) => ({
              x,
              y: lossAtSizeAndTokens({ alphaN: alphaN.value, Nc: Nc.value, alphaD: alphaD.value, Dc: Dc.value }, N, x),
            })),
            source: 'fitted',
            series: String(N),
          }))
        : [],
  };
}

const spaced = (low: number, high: number): number[] => Array.from({ length: 33 }, (_, i) => low * (high / low) ** (i / 32));

function onsetFigure({ limited, onset }: OverfittingAnalysis): PlotFigure {
  const place = ({ N, U }: LimitedCell): number => N ** PUBLISHED_RATIO / U;
  const shown = limited.filter(({ excess }) => excess !== undefined && excess > 0);
  const xs = shown.map(place);
  const lines: FigureLine[] = [];
  if (xs.length > 1) {
    const [low, high] = [Math.min(...xs), Math.max(...xs)];
    // L(N, D)/L(N, ∞) − 1 with the constants of L(N, D): it depends on N^0.74/D alone.
    const published = { alphaN: 0.076, alphaD: 0.103, Nc: 6.4e13, Dc: 1.8e13 };
    const factor = published.Nc ** -(published.alphaN / published.alphaD) * published.Dc;
    lines.push({
      id: 'published',
      label: { en: 'Kaplan et al.', zh: 'Kaplan 等' },
      points: spaced(low, high).map((x) => ({ x, y: (1 + factor * x) ** published.alphaD - 1 })),
      source: 'published',
      citation: 'Kaplan et al., arXiv 2001.08361, section 4.2, eq. 4.3, with the constants of L(N, D) as restated by re-implementations',
    });
    if (onset) {
      const { fit, centres } = onset;
      // The fitted law at the middle size: with its own exponent it is a line here only at one N.
      const N = Math.exp(centres[0]);
      lines.push({
        id: 'fitted',
        label: { en: `fitted, at N = ${shortNumber(N)}`, zh: `拟合，N = ${shortNumber(N)}` },
        points: spaced(low, high).map((x) => ({
          x,
          y: Math.exp(fit.coefficients[0] + fit.coefficients[2] * (centres[1] - Math.log(N ** PUBLISHED_RATIO / x))),
        })),
        source: 'fitted',
      });
    }
  }
  return {
    kind: 'plot',
    id: 'onset',
    title: { en: 'Overfitting against N^0.74/D', zh: '过拟合与 N^0.74/D' },
    caption: {
      en: 'How far the loss, stopped in time, lies above that of unlimited text. If the sizes fall on one line, only N^0.74/D matters. Points below 1 % are in no fit.',
      zh: '及时停止的损失比不限文本高出多少。若各大小落在一条线上，则只有 N^0.74/D 起作用。低于 1 % 的点不参与拟合。',
    },
    x: { label: { en: 'N^0.74 / tokens of text', zh: 'N^0.74 / 文本词元数' }, scale: 'log' },
    y: { label: { en: 'L(N, D)/L(N, ∞) − 1', zh: 'L(N, D)/L(N, ∞) − 1' }, scale: 'log' },
    series: bySize(shown).map(([N, cells]) => ({
      id: String(N),
      label: same(`N = ${N}`),
      points: cells.map((cell) => ({
        x: place(cell),
        y: cell.excess!,
        runs: [cell.run],
        label: { en: `${cell.U} tokens of text`, zh: `${cell.U} 词元文本` },
        ...(cell.leftOut ? { leftOut: cell.leftOut } : {}),
      })),
    })),
    lines,
  };
}

function table({ limited, unlimited }: OverfittingAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'cells',
    title: { en: 'Every size on every amount of text', zh: '每种大小与文本量' },
    caption: { en: 'At the best learning rate. Losses in nats per token.', zh: '取最佳学习率。损失单位奈特每词元。' },
    columns: [
      same('N'),
      { en: 'tokens of text', zh: '文本词元数' },
      { en: 'learning rate', zh: '学习率' },
      { en: 'lowest loss', zh: '最低损失' },
      { en: 'after tokens', zh: '所需词元' },
      { en: 'above unlimited text, %', zh: '高出不限文本，%' },
      { en: 'note', zh: '说明' },
    ],
    rows: [...limited, ...unlimited].map(({ N, U, cell, stop, excess, leftOut }) => [
      N,
      U,
      cell.lr,
      cell.loss,
      stop.tokens,
      excess === undefined ? undefined : 100 * excess,
      leftOut && excess !== undefined ? leftOut : undefined,
    ]),
  };
}

function next({ limited, unlimited }: OverfittingAnalysis, sweep: SweepConfig): NextStage | undefined {
  const grids = ratesBeyond(
    [...limited, ...unlimited].map(({ cell }) => cell),
    sweep,
  );
  return grids.length === 0
    ? undefined
    : {
        sentence: {
          en: `In ${grids.length} cells the best learning rate is at the end of those tried; these runs go beyond it.`,
          zh: `有 ${grids.length} 个格的最佳学习率落在所试范围一端；这些训练越过该端。`,
        },
        grids,
      };
}

/** The experiment. */
export const overfitting: Experiment<OverfittingAnalysis> = {
  id: 'overfitting',
  title,
  summary: {
    en: 'A text read too often does harm; how much text a model needs grows more slowly than the model.',
    zh: '文本读得太多次反而有害；模型所需的文本比模型增长得慢。',
  },
  claim: {
    en: 'How far the loss on limited text stays above that on unlimited text depends on N^a/D alone, with a between 0 and 1 (Kaplan et al.: 0.74): a larger model needs more text, but not in proportion.',
    zh: '有限文本上的损失高出不限文本多少，只取决于 N^a/D，a 在 0 与 1 之间（Kaplan 等：0.74）：更大的模型需要更多文本，但不成正比。',
  },
  text: [
    {
      en: 'Each size is trained for the same number of tokens on texts of several lengths, so that a short text is read many times over, and once on a text that never repeats. A short text is cut out of all parts of the long one. The held-out text is the same for all.',
      zh: '每种大小都在不同长度的文本上训练相同的词元数，短文本因此被反复阅读；另有一次从不重复。短文本取自长文本的各处。留出文本全部相同。',
    },
    {
      en: 'Read again and again, a text is learned by heart, and the loss on held-out text turns and rises. The lowest point of that curve is where one would stop; what counts is how far it lies above the loss on unlimited text. Kaplan et al. trained with dropout, which these runs do not have.',
      zh: '反复阅读的文本会被背下来，留出文本上的损失随之掉头上升。曲线的最低点就是应当停止之处；要看的是它比不限文本的损失高出多少。Kaplan 等使用了 dropout，此处没有。',
    },
    {
      en: 'In Kaplan et al. (arXiv 2001.08361, section 4) that excess depends on N^0.74/D alone: eight times the model needs about five times the text.',
      zh: '在 Kaplan 等（arXiv 2001.08361，第 4 节）中，这一差距只取决于 N^0.74/D：模型增大八倍，文本约需五倍。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  analyse: (records, options?: AnalysisOptions) => analyseOverfitting(records, options),
  readsCurves: true,
  verdict,
  figures: (analysis) => [curves(analysis), stopped(analysis), onsetFigure(analysis), table(analysis)],
  next,
};
