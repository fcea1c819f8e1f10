// Early curves: the constants of L(N, S) from the first quarter of every run, and the other three quarters predicted.
// After Kaplan et al. (arXiv 2001.08361, section 1.1): training curves follow power laws whose parameters hardly depend
// on size, so that the early part of a curve tells the later.
import type { SweepConfig } from '../config/sweep.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import { exponentsOf } from '../laws/published-exponents.ts';
import { curveDesigns } from './curve-design.ts';
import { analyseEarlyCurves, EARLY, errorOf, type EarlyBatch, type EarlyCurvesAnalysis } from './early-curves-analysis.ts';
import type { AnalysisOptions, Experiment, ExperimentSize, Verdict } from './experiment.ts';
import { same, type LadderFigure, type PlotFigure, type TableFigure } from './figure.ts';

const title: Sentence = { en: 'The rest of the curve', zh: '曲线的其余部分' };

function sweepOf(size: ExperimentSize): SweepConfig {
  return { name: `${title.en} (${size})`, experiment: 'early-curves', ...curveDesigns[size] };
}

/** A prediction of the loss within this (root mean square of the logarithm) is a good one: seeds of small runs differ by as much. */
const GOOD = 0.02;

const percent = (error: number): string => `${(100 * error).toFixed(1)} %`;

const fitted = (batch: EarlyBatch): boolean => batch.curves.length > 0 && Number.isFinite(errorOf(batch.curves, 'byLaw'));

function verdict({ batches }: EarlyCurvesAnalysis): Verdict {
  const done = batches.filter(fitted);
  if (done.length === 0) {
    const why = batches[0]?.law.message ?? {
      en: 'No run with a curve has ended yet; run the sweep.',
      zh: '尚无带曲线的训练结束；请运行此扫描。',
    };
    return { status: 'not enough points', sentence: why };
  }
  const all = done.flatMap(({ curves }) => curves);
  const [law, own, last] = (['byLaw', 'byOwnCurve', 'byLast'] as const).map((by) => errorOf(all, by));
  const found: Sentence = {
    en: `From the first ${100 * EARLY} % of ${all.length} curves the law predicts their ends within ${percent(law)}; each curve's own power law does so within ${percent(own)}, and taking the last loss seen is off by ${percent(last)}.`,
    zh: `由 ${all.length} 条曲线的前 ${100 * EARLY} %，定律对终点的预测误差为 ${percent(law)}；每条曲线自身的幂律为 ${percent(own)}，取最后所见损失的误差为 ${percent(last)}。`,
  };
  const say = (status: Verdict['status'], more: Sentence): Verdict => ({
    status,
    sentence: { en: `${found.en} ${more.en}`, zh: `${found.zh}${more.zh}` },
  });
  if (!(law < last))
    return say('contradicted', {
      en: 'The law says less of the rest than assuming that nothing changes.',
      zh: '定律对其余部分的预测还不如假定不再变化。',
    });
  if (last < GOOD)
    return say('not shown here', {
      en: 'But the curves hardly fall after that, so there was nothing to predict; run more tokens.',
      zh: '但此后曲线几乎不再下降，没有什么可预测的；请增加词元数。',
    });
  if (law > GOOD || law > last / 2)
    return say('not shown here', {
      en: `That is better than nothing, but not within ${percent(GOOD)} and half of what the curves still fall.`,
      zh: `这好于不作预测，但没有达到 ${percent(GOOD)} 以内且不及曲线剩余降幅的一半。`,
    });
  return say('shown', { en: 'The early part of the curves tells the rest.', zh: '曲线的早期部分说明了其余部分。' });
}

function curvesFigure({ B, curves }: EarlyBatch): PlotFigure {
  return {
    kind: 'plot',
    id: `curves-${B}`,
    title: { en: `Curves and their prediction, batches of ${B} tokens`, zh: `曲线及其预测，批大小 ${B} 词元` },
    caption: {
      en: `Grey points come after the first ${100 * EARLY} % of the run and were not seen by the fit; lines are L(N, S) through the others.`,
      zh: `灰点位于训练的前 ${100 * EARLY} % 之后，拟合未见；线为穿过其余各点的 L(N, S)。`,
    },
    x: { label: { en: 'steps', zh: '步数' }, scale: 'log' },
    y: { label: { en: 'training loss (nats per token)', zh: '训练损失（奈特每词元）' }, scale: 'log' },
    series: curves.map(({ N, run, points, split, predicted }) => ({
      id: run,
      label: same(`N = ${N}`),
      points: points.map(([step, , loss], i) => ({
        x: step,
        y: loss,
        runs: [run],
        ...(step > split ? { leftOut: { en: 'predicted, not fitted', zh: '预测，未拟合' } } : {}),
        ...(Number.isFinite(predicted[i][1]) ? { residual: loss / predicted[i][1] - 1 } : {}),
      })),
    })),
    lines: curves
      .filter(({ byLaw }) => Number.isFinite(byLaw))
      .map(({ N, run, predicted }) => ({
        id: `law ${run}`,
        label: { en: `L(N, S), N = ${N}`, zh: `L(N, S)，N = ${N}` },
        points: predicted.map(([x, y]) => ({ x, y })),
        source: 'fitted' as const,
        series: run,
      })),
  };
}

function exponents({ batches }: EarlyCurvesAnalysis, of: 'alphaN' | 'alphaS'): LadderFigure {
  const name = of === 'alphaN' ? 'α_N' : 'α_S';
  return {
    kind: 'ladder',
    id: of,
    title: { en: `${name} from early curves`, zh: `由早期曲线得到的 ${name}` },
    caption: {
      en: 'With 95 % intervals from refits without each curve in turn; lines are published values.',
      zh: '带 95 % 区间，来自逐条去掉曲线后的重新拟合；竖线为已发表的值。',
    },
    x: { label: same(name), scale: 'linear' },
    rungs: batches.map(({ B, law }) => {
      const estimate = law.exponents?.[of];
      return {
        id: String(B),
        label: { en: `batches of ${B} tokens`, zh: `批大小 ${B} 词元` },
        estimate,
        ...(estimate ? {} : { note: law.message }),
      };
    }),
    references: exponentsOf(of === 'alphaN' ? 'size' : 'steps').map(({ label, value, citation }) => ({ label, value, citation })),
  };
}

function ends({ batches }: EarlyCurvesAnalysis): TableFigure {
  const off = (predicted: number, end: number): number | undefined => (predicted > 0 ? 100 * (predicted / end - 1) : undefined);
  return {
    kind: 'table',
    id: 'ends',
    title: { en: 'Predicted and observed ends', zh: '预测与实际的终点' },
    caption: {
      en: 'Errors in % of the observed loss: by L(N, S) of all curves, by each curve’s own power law, and by the last loss seen.',
      zh: '误差为实际损失的百分比：由所有曲线的 L(N, S)、由每条曲线自身的幂律、由最后所见的损失。',
    },
    columns: [
      { en: 'batch (tokens)', zh: '批大小（词元）' },
      same('N'),
      { en: 'observed', zh: '实际' },
      { en: 'L(N, S), %', zh: 'L(N, S)，%' },
      { en: 'own curve, %', zh: '自身曲线，%' },
      { en: 'no change, %', zh: '不变，%' },
    ],
    rows: batches.flatMap(({ curves }) =>
      curves.map(({ B, N, end, byLaw, byOwnCurve, byLast }) => [
        B,
        same(shortNumber(N)),
        end,
        off(byLaw, end),
        off(byOwnCurve, end),
        off(byLast, end),
      ]),
    ),
  };
}

/** The experiment. */
export const earlyCurves: Experiment<EarlyCurvesAnalysis> = {
  id: 'early-curves',
  title,
  summary: {
    en: 'A law fitted to the first quarter of the curves predicts where they end.',
    zh: '由曲线前四分之一拟合的定律能预测其终点。',
  },
  claim: {
    en: 'L(N, S) = (N_c/N)^α_N + (S_c/S)^α_S, its constants fitted to the first quarter of the curves of several sizes, predicts the rest of them.',
    zh: 'L(N, S) = (N_c/N)^α_N + (S_c/S)^α_S 的常数由几种大小的曲线前四分之一拟合，即可预测曲线的其余部分。',
  },
  text: [
    {
      en: 'Several sizes are trained at a constant learning rate after a short warm-up. Of every curve only the first quarter is looked at: it chooses the learning rate of each size, and it gives the four constants of one law for all sizes together.',
      zh: '几种大小在短暂预热后以恒定学习率训练。每条曲线只看前四分之一：由它选出各大小的学习率，并对所有大小共同得出一个定律的四个常数。',
    },
    {
      en: 'The law then says how each curve goes on. Its ends are held against the real ones, and so are two simpler guesses: each curve continued by its own power law, and nothing changing any more.',
      zh: '定律随即给出每条曲线的走向。将其终点与实际终点对照；同时对照两种更简单的猜测：每条曲线按自身幂律延续，以及不再变化。',
    },
    {
      en: 'Kaplan et al. (arXiv 2001.08361) found α_N = 0.077 and α_S = 0.76. The two batches are fitted apart. This shares its runs with the experiment on sample efficiency.',
      zh: 'Kaplan 等（arXiv 2001.08361）得到 α_N = 0.077、α_S = 0.76。两种批大小分开拟合。本实验与“样本效率”共用训练。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  readsCurves: true,
  analyse: (records, options?: AnalysisOptions) => analyseEarlyCurves(records, options),
  verdict,
  figures: (analysis) => [
    ...analysis.batches.map(curvesFigure),
    exponents(analysis, 'alphaN'),
    exponents(analysis, 'alphaS'),
    ends(analysis),
  ],
};
