// All the constants: a walk from small runs to the six constants of one law, and what they foretell. After Su et al.,
// "Unraveling the Mystery of Scaling Laws: Part I" (arXiv 2403.06563), on the forms of Kaplan et al. (arXiv 2001.08361).
import type { RunInput } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { Sentence } from '../messages/sentence.ts';
import { shortNumber } from '../laws/sentences.ts';
import { analyseConstants, type ConstantsAnalysis } from './all-the-constants-analysis.ts';
import { constantsFigures } from './all-the-constants-figures.ts';
import { octaves, shapeOf } from './curve-design.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, Verdict } from './experiment.ts';
import { ratesStage } from './sample-efficiency.ts';

/** Sizes at a small and a large batch, one size at many batches, and apart from them a larger size at a batch of its own, which no fit sees. */
const designs: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: {
      corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144',
      context: 4,
      validationTokens: 8192,
      tokens: 65_536,
      schedule: 'constant',
    },
    grids: [
      { axes: { shape: [shapeOf(4), shapeOf(6), shapeOf(8)], batchSequences: [4, 32], learningRate: octaves(-9, -5) } },
      { axes: { shape: [shapeOf(6)], batchSequences: [8, 16, 64], learningRate: octaves(-8, -4) } },
      { axes: { shape: [shapeOf(16)], batchSequences: [12], learningRate: octaves(-9, -5) } },
    ],
  },
  minutes: {
    base: { corpus: 'sotu', context: 16, validationTokens: 16_384, tokens: 786_432, schedule: 'constant' },
    grids: [
      { axes: { shape: [shapeOf(8), shapeOf(12), shapeOf(16), shapeOf(24)], batchSequences: [4], learningRate: octaves(-10, -7) } },
      { axes: { shape: [shapeOf(8), shapeOf(12), shapeOf(16), shapeOf(24)], batchSequences: [64], learningRate: octaves(-8, -5) } },
      { axes: { shape: [shapeOf(16)], batchSequences: [8, 16], learningRate: octaves(-10, -7) } },
      { axes: { shape: [shapeOf(16)], batchSequences: [32, 128, 256], learningRate: octaves(-8, -5) } },
      { axes: { shape: [shapeOf(40)], batchSequences: [24], learningRate: octaves(-10, -7) } },
    ],
  },
  lesson: {
    base: { corpus: 'sotu', context: 64, tokens: 3_276_800, schedule: 'constant' },
    grids: [
      { axes: { shape: [shapeOf(16), shapeOf(24), shapeOf(32), shapeOf(48)], batchSequences: [1, 32], learningRate: octaves(-11, -6) } },
      { axes: { shape: [shapeOf(32)], batchSequences: [2, 4, 8, 16, 64, 128], learningRate: octaves(-10, -6) } },
      { axes: { shape: [shapeOf(96, 4)], batchSequences: [12], learningRate: octaves(-11, -7) } },
    ],
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 9_830_400, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shapeOf(16), shapeOf(24), shapeOf(32), shapeOf(48), shapeOf(64), shapeOf(96, 4)],
          batchSequences: [2, 16, 64],
          learningRate: octaves(-12, -6),
          seed: [0, 1],
        },
      },
      { axes: { shape: [shapeOf(32)], batchSequences: [4, 8, 32, 128, 256], learningRate: octaves(-11, -5), seed: [0, 1] } },
      { axes: { shape: [shapeOf(192, 6)], batchSequences: [24], learningRate: octaves(-12, -8), seed: [0, 1] } },
    ],
  },
};

const title: Sentence = { en: 'All the constants', zh: '全部常数' };

function sweepOf(size: ExperimentSize): SweepConfig {
  return { name: `${title.en} (${size})`, experiment: 'all-the-constants', ...designs[size] };
}

/** A curve foretold within this (root mean square of the logarithm) is foretold well. */
const GOOD = 0.03;

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

function verdict({ constants, missing, jointly, foretold, curves }: ConstantsAnalysis): Verdict {
  if (constants === undefined) {
    const edges = curves.filter(({ cell }) => cell.edge !== undefined).length;
    const few = jointly.status === 'not enough points' || jointly.status === 'range too narrow';
    const hint: Sentence =
      edges === 0
        ? { en: '', zh: '' }
        : {
            en: ` ${edges} of ${curves.length} curves have their best learning rate at the end of those tried.`,
            zh: `${curves.length} 条曲线中有 ${edges} 条的最佳学习率落在所试范围一端。`,
          };
    return {
      status: few ? 'not enough points' : 'not shown here',
      sentence: { en: missing!.en + hint.en, zh: missing!.zh + hint.zh },
    };
  }
  const { alphaN, alphaS, critical } = constants.values;
  const have: Sentence = {
    en: `From ${curves.length} curves, ${constants.from === 'together' ? 'all six together' : 'one pair at a time'}: α_N = ${shortNumber(alphaN)}, α_S = ${shortNumber(alphaS)}, α_B = ${shortNumber(critical.alpha)}.`,
    zh: `由 ${curves.length} 条曲线，${constants.from === 'together' ? '六个常数一并拟合' : '逐对拟合'}：α_N = ${shortNumber(alphaN)}，α_S = ${shortNumber(alphaS)}，α_B = ${shortNumber(critical.alpha)}。`,
  };
  const say = (status: Verdict['status'], more: Sentence): Verdict => ({
    status,
    sentence: { en: `${have.en} ${more.en}`, zh: have.zh + more.zh },
  });
  if (foretold === undefined || foretold.points.length === 0 || !Number.isFinite(foretold.error))
    return say('not enough points', {
      en: 'The size and batch to be foretold have not been trained; run them.',
      zh: '待预测的大小与批大小尚未训练；请运行它们。',
    });
  const { curve, error, nearestError, targets } = foretold;
  const last = targets.at(-1);
  const reached: Sentence =
    last?.steps === undefined || !Number.isFinite(last.steps.value)
      ? { en: '', zh: '' }
      : {
          en: ` To a loss of ${last.loss.toFixed(3)} they foretell ${shortNumber(last.steps.value)} steps, and it took ${shortNumber(last.seen)}.`,
          zh: `达到损失 ${last.loss.toFixed(3)}，预测 ${shortNumber(last.steps.value)} 步，实际 ${shortNumber(last.seen)} 步。`,
        };
  const found: Sentence = {
    en: `The curve of N = ${shortNumber(curve.N)} at batches of ${curve.B} tokens, which no fit has seen, is foretold within ${percent(error)}; the nearest curve that was fitted is ${percent(nearestError)} off.${reached.en}`,
    zh: `拟合从未见过的 N = ${shortNumber(curve.N)}、批大小 ${curve.B} 词元的曲线，预测误差 ${percent(error)}；最近的已拟合曲线相差 ${percent(nearestError)}。${reached.zh}`,
  };
  const end = (en: string, zh: string): Sentence => ({ en: found.en + en, zh: found.zh + zh });
  if (error > nearestError) return say('contradicted', end(' The constants say less than that neighbour.', '常数所言不如这一近邻。'));
  if (error > GOOD)
    return say(
      'not shown here',
      end(` Better than the neighbour, but not within ${percent(GOOD)}.`, `好于近邻，但未达 ${percent(GOOD)} 以内。`),
    );
  return say('shown', end('', ''));
}

/** The experiment. */
export const allTheConstants: Experiment<ConstantsAnalysis> = {
  id: 'all-the-constants',
  title,
  summary: {
    en: 'Six constants from small runs foretell the whole curve of a larger model at another batch.',
    zh: '由小规模训练得到的六个常数，能预测更大模型在另一批大小下的整条曲线。',
  },
  claim: {
    en: 'α_N, N_c, α_S, S_c, α_B and B_*, found from small runs, foretell the loss along the whole run of a larger model at a batch size that no fit has seen.',
    zh: '由小规模训练得到的 α_N、N_c、α_S、S_c、α_B、B_*，能预测更大模型在拟合未见过的批大小下整个训练过程的损失。',
  },
  text: [
    {
      en: 'Step 1: how low can a size come? L(N) = (N_c/N)^α_N, from the end of each size’s runs, corrected for how far they still were from it.',
      zh: '第一步：一种大小最低能到多少？L(N) = (N_c/N)^α_N，取各大小训练的终点，并对其与极限的距离加以修正。',
    },
    {
      en: 'Step 2: how fast does it get there? What a curve has left above L(N) falls as (S_c/S_min)^α_S, with S_min the steps that an unlimited batch would have needed.',
      zh: '第二步：以多快到达？曲线高出 L(N) 的部分按 (S_c/S_min)^α_S 下降，S_min 是无限大批所需的步数。',
    },
    {
      en: 'Step 3: what does the batch do? At equal loss, steps and tokens over batches lie on a hyperbola; its corner is the critical batch B_crit = B_*/L^(1/α_B). Small runs never quite converge and never have an unlimited batch, so in the end all six constants are fitted together.',
      zh: '第三步：批大小起什么作用？损失相同时，各批大小的步数与词元落在一条双曲线上，其拐角即临界批大小 B_crit = B_*/L^(1/α_B)。小规模训练既未完全收敛，批也并非无限，因此最后六个常数一并拟合。',
    },
    {
      en: 'The four predictions: the least loss of a size; the steps and tokens to a loss; the critical batch at any loss; the whole curve at any batch. They are tried on a larger model at a batch of its own, which was kept out of every fit. Su et al. (arXiv 2403.06563) do this from 1–60 million parameters up to 33 billion.',
      zh: '四项预测：某一大小的最低损失；达到某损失所需的步数与词元；任意损失下的临界批大小；任意批大小下的整条曲线。在一个未参与任何拟合、批大小也独有的更大模型上检验。Su 等（arXiv 2403.06563）由 100 万–6000 万参数预测到 330 亿。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  readsCurves: true,
  analyse: (records, options?: AnalysisOptions) => analyseConstants(records, options),
  verdict,
  figures: constantsFigures,
  next: ({ curves, foretold }, sweep) =>
    ratesStage(
      [...curves, ...(foretold ? [foretold.curve] : [])].map(({ cell }) => cell),
      sweep,
    ),
};
