// What "predict, then train" shows: the prediction and the curve that came, the laws that were tried, the learning rates.
import type { Sentence } from '../messages/sentence.ts';
import type { Figure, FigureSeries, PlotFigure, TableFigure } from './figure.ts';
import { same } from './figure.ts';
import { asEstimate, type Foretelling } from './foretelling.ts';
import { valleyRate } from '../laws/rate-valley.ts';
import { edgeReason } from './tuning.ts';

/** All figures. */
export function foretellingFigures(analysis: Foretelling): readonly Figure[] {
  return [curveFigure(analysis), outcomeTable(analysis), doubtsTable(analysis), lawsTable(analysis), ratesFigure(analysis)];
}

const tokens: Sentence = { en: 'training tokens', zh: '训练词元数' };
const loss: Sentence = { en: 'held-out loss, nats per token', zh: '留出损失，奈特每词元' };

/** The curves of the small models at the batch nearest the foretold one, and the foretold curve with what came of it. */
function curveFigure(analysis: Foretelling): PlotFigure {
  const { curves, draft, trained } = analysis;
  const target = trained.at(0);
  const B = target?.B ?? draft?.B ?? NaN;
  const batches = [...new Set(curves.map((curve) => curve.B))];
  const nearest = batches.reduce((best, one) => (Math.abs(Math.log(one / B)) < Math.abs(Math.log(best / B)) ? one : best), batches[0]);
  const shown = curves.filter((curve) => curve.B === nearest);
  const small = shown.map((curve): FigureSeries => ({
    id: `N ${curve.N}`,
    label: same(`N = ${curve.N}, B = ${curve.B}`),
    points: curve.points.map(({ tokens: x, loss: y, fitted }) => ({
      x,
      y,
      runs: curve.runs,
      ...(fitted === undefined ? {} : { residual: y / fitted - 1 }),
    })),
  }));
  const foretold = target?.curve ?? draft?.curve ?? [];
  const after = foretold[0]?.tokens ?? 0;
  const came: FigureSeries[] = target
    ? [
        {
          id: 'target',
          label: { en: `N = ${target.N}, B = ${target.B}, trained`, zh: `N = ${target.N}，B = ${target.B}，实际训练` },
          points: target.validation.filter(([, x]) => x >= 0.99 * after).map(([, x, y]) => ({ x, y, runs: [target.id] })),
          joined: true,
        },
      ]
    : [];
  const N = target?.N ?? draft?.N;
  return {
    kind: 'plot',
    id: 'prediction',
    title: { en: 'What was foretold, and what came', zh: '预测与实际' },
    caption: {
      en: 'The band is the 95 % interval of the foretold curve, from the small models alone. Small models are shown at the trained batch nearest to the foretold one.',
      zh: '阴影为预测曲线的 95 % 区间，仅由小模型得出。小模型取与所预测批大小最接近的一种。',
    },
    x: { label: tokens, scale: 'log' },
    y: { label: loss, scale: 'log' },
    series: [...small, ...came],
    lines: [
      ...shown.map((curve) => ({
        id: `law ${curve.N}`,
        label: { en: `law at N = ${curve.N}`, zh: `定律，N = ${curve.N}` },
        points: curve.points.flatMap(({ tokens: x, fitted }) => (fitted === undefined ? [] : [{ x, y: fitted }])),
        source: 'fitted' as const,
        series: `N ${curve.N}`,
      })),
      ...(foretold.length > 0
        ? [
            {
              id: 'foretold',
              label: { en: `foretold for N = ${N}, B = ${B}`, zh: `预测，N = ${N}，B = ${B}` },
              points: foretold.map(({ tokens: x, loss: y, low, high }) => ({ x, y, low, high })),
              source: 'fitted' as const,
              ...(target ? { series: 'target' } : {}),
            },
          ]
        : []),
    ],
  };
}

function outcomeTable({ trained, draft, largestN }: Foretelling): TableFigure {
  const rows = trained.map((one) => {
    const { predicted } = one;
    const compared = predicted !== undefined && one.loss !== null;
    return [
      one.N,
      one.N / largestN,
      one.B,
      one.lr,
      predicted && asEstimate(predicted),
      one.loss ?? undefined,
      compared ? 100 * (one.loss / predicted.loss - 1) : undefined,
      compared ? Math.log(one.loss / predicted.loss) / predicted.standardError : undefined,
      one.unchanged,
    ];
  });
  const waiting =
    draft && trained.length === 0
      ? [
          [
            draft.N,
            draft.N / largestN,
            draft.B,
            draft.config.learningRate,
            asEstimate(draft.final),
            undefined,
            undefined,
            undefined,
            draft.unchanged,
          ],
        ]
      : [];
  return {
    kind: 'table',
    id: 'outcome',
    title: { en: 'Foretold and observed', zh: '预测值与实测值' },
    caption: {
      en: 'Losses in nats per token on held-out text, with the 95 % interval; the last column is what the fit gives for the largest small model at that batch: the prediction of somebody who knows nothing of scaling.',
      zh: '留出文本上的损失，单位奈特每词元，带 95 % 区间；最后一列是拟合给出的最大小模型在该批大小下的损失：不懂缩放的人会这样预测。',
    },
    columns: [
      same('N'),
      { en: 'times the largest fitted', zh: '为拟合最大模型的倍数' },
      { en: 'batch, tokens', zh: '批大小（词元）' },
      { en: 'learning rate', zh: '学习率' },
      { en: 'foretold', zh: '预测' },
      { en: 'observed', zh: '实测' },
      { en: 'error, %', zh: '误差（%）' },
      { en: 'error, standard errors', zh: '误差（标准误）' },
      { en: 'if size changed nothing', zh: '若大小不起作用' },
    ],
    rows: [...rows, ...waiting],
  };
}

/** What the interval is made of. */
function doubtsTable({ doubts }: Foretelling): TableFigure {
  const row = (what: Sentence, value: number): TableFigure['rows'][number] => [what, 100 * value];
  return {
    kind: 'table',
    id: 'doubts',
    title: { en: 'Where the interval comes from', zh: '区间的来源' },
    caption: {
      en: 'Standard errors, as shares of the foretold loss; the square of the whole is the sum of their squares.',
      zh: '标准误占预测损失的比例；总标准误的平方等于各项平方之和。',
    },
    columns: [
      { en: 'doubt', zh: '不确定性' },
      { en: 'standard error, %', zh: '标准误（%）' },
    ],
    rows:
      doubts === undefined
        ? []
        : [
            row({ en: 'of the fitted constants (each curve left out once)', zh: '拟合常数（逐一去掉一条曲线）' }, doubts.constants),
            row({ en: 'of the law (errors in rehearsal, other laws)', zh: '定律本身（预演误差、其他定律）' }, doubts.law),
            row({ en: 'of one more run (scatter of single runs)', zh: '单次训练（各次训练的离散）' }, doubts.run),
            row({ en: 'whole', zh: '合计' }, Math.hypot(doubts.constants, doubts.law, doubts.run)),
          ],
  };
}

function lawsTable({ laws, chosen }: Foretelling): TableFigure {
  return {
    kind: 'table',
    id: 'laws',
    title: { en: 'Laws that were tried', zh: '所试的定律' },
    caption: {
      en: 'Each was fitted to the smallest three sizes, to the smallest four, ..., and held against the larger ones; the one with the least error there foretells.',
      zh: '每个定律先后只用最小的三种、四种……大小拟合，再与更大的模型比较；误差最小者用于预测。',
    },
    columns: [
      { en: 'law', zh: '定律' },
      { en: 'formula', zh: '公式' },
      { en: 'error in rehearsal, %', zh: '预演误差（%）' },
      { en: 'its mean, %', zh: '其均值（%）' },
      { en: 'parameters, or why there are none', zh: '参数，或没有参数的原因' },
      { en: 'used', zh: '采用' },
    ],
    rows: laws.map(({ id, label, formula, parameters, rehearsal, message }) => [
      label,
      same(formula),
      rehearsal && 100 * rehearsal.error,
      rehearsal && 100 * rehearsal.bias,
      message ?? (parameters && same(parametersText(parameters))),
      id === chosen ? { en: 'yes', zh: '是' } : { en: 'no', zh: '否' },
    ]),
  };
}

function parametersText(parameters: Readonly<Record<string, number>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name} = ${Number(value.toPrecision(3))}`)
    .join(', ');
}

/** Best learning rates at every size and batch, the line of the law through them, and the rate it gives the large model. */
function ratesFigure({ cells, rates, draft, trained }: Foretelling): PlotFigure {
  const batches = [...new Set(cells.map(({ B }) => B))].sort((a, b) => a - b);
  const target = trained.at(0);
  const used = target ? { N: target.N, B: target.B, lr: target.lr } : draft && { N: draft.N, B: draft.B, lr: draft.config.learningRate };
  const reach = [Math.min(...cells.map(({ N }) => N)), used?.N ?? Math.max(...cells.map(({ N }) => N))];
  const line = (B: number) =>
    rates === undefined || cells.length === 0
      ? []
      : reach.map((N) => {
          const { value, low, high } = valleyRate(rates, N, B);
          return { x: N, y: value, low, high };
        });
  return {
    kind: 'plot',
    id: 'rates',
    title: { en: 'Best learning rates, and the one that the large model is given', zh: '最佳学习率，以及大模型所用的学习率' },
    caption: {
      en: 'Points: the best rate tried at each size and batch; grey where the line puts it beyond all those tried. Lines: one valley through all runs, whose bottom is a power of size and batch; band: 95 %.',
      zh: '点：每种大小与批大小下所试的最佳学习率，灰色表示直线给出的最佳值超出所试范围。线：由所有训练共同拟合的谷底，为大小与批大小的幂函数；阴影为 95 % 区间。',
    },
    x: { label: same('N'), scale: 'log' },
    y: { label: { en: 'learning rate', zh: '学习率' }, scale: 'log', octaves: true },
    series: [
      ...batches.map((B) => ({
        id: `B ${B}`,
        label: same(`B = ${B}`),
        points: cells.flatMap((cell) =>
          cell.B === B ? [{ x: cell.N, y: cell.lr, runs: cell.runs, ...(cell.edge ? { leftOut: edgeReason } : {}) }] : [],
        ),
      })),
      ...(used ? [{ id: 'given', label: { en: 'given to the large model', zh: '大模型所用' }, points: [{ x: used.N, y: used.lr }] }] : []),
    ],
    lines: [
      ...batches.map((B) => ({ id: `line ${B}`, label: same(`B = ${B}`), points: line(B), source: 'fitted' as const, series: `B ${B}` })),
      ...(used
        ? [{ id: 'line given', label: same(`B = ${used.B}`), points: line(used.B), source: 'fitted' as const, series: 'given' }]
        : []),
    ],
  };
}
