// What `all-the-constants` shows: one figure for each step of the walk, the constants side by side, and the predictions
// beside what happened.
import { criticalBatchAt, criticalBatchConstants } from '../laws/critical-batch.ts';
import { criticalBatch, minimumSteps } from '../laws/critical-batch-forms.ts';
import type { Estimate } from '../laws/fit.ts';
import { lossAtSize, PUBLISHED_CRITICAL_BATCH } from '../laws/kaplan-forms.ts';
import { minimumLoss } from '../laws/trajectory-forms.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { ConstantsAnalysis } from './all-the-constants-analysis.ts';
import { same, type Figure, type PlotFigure, type TableCell, type TableFigure } from './figure.ts';

/** All figures, in the order of the walk. */
export function constantsFigures(analysis: ConstantsAnalysis): Figure[] {
  return [
    sizeFigure(analysis),
    stepsFigure(analysis),
    batchFigure(analysis),
    table(analysis),
    foretoldFigure(analysis),
    predictions(analysis),
  ];
}

const spaced = (low: number, high: number): number[] => Array.from({ length: 33 }, (_, i) => low * (high / low) ** (i / 32));

/** Points of a line between the ends of some values; none where they are fewer than two. */
function line(values: readonly number[], of: (x: number) => number): { x: number; y: number }[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return high > low ? spaced(low, high).flatMap((x) => (of(x) > 0 ? [{ x, y: of(x) }] : [])) : [];
}

function sizeFigure({ curves, kaplan, constants }: ConstantsAnalysis): PlotFigure {
  const { alphaN, Nc } = kaplan.laws.LN.parameters;
  const sizes = curves.map(({ N }) => N);
  return {
    kind: 'plot',
    id: 'size',
    title: { en: 'Step 1: α_N and N_c', zh: '第一步：α_N 与 N_c' },
    caption: {
      en: 'Points: the lowest smoothed loss of each size and batch. Lines: what each size would reach without end, by this step and by all six constants together; points above it still have some way to go.',
      zh: '点：各大小与批大小的最低平滑损失。线：训练无止境时各大小能达到的损失，分别由本步与六常数一并拟合得到；点在线上方，说明尚未到达。',
    },
    x: { label: { en: 'N (parameters)', zh: 'N（参数）' }, scale: 'log' },
    y: { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' },
    series: [...new Set(curves.map(({ B }) => B))]
      .sort((a, b) => a - b)
      .map((B) => ({
        id: String(B),
        label: { en: `batch ${B}`, zh: `批 ${B}` },
        points: curves.flatMap((curve) =>
          curve.B === B && curve.smooth ? [{ x: curve.N, y: Math.exp(curve.smooth.lowest), runs: curve.runs }] : [],
        ),
      })),
    lines: [
      ...(alphaN && Nc
        ? [
            {
              id: 'step',
              label: { en: 'L(N), this step', zh: 'L(N)，本步' },
              points: line(sizes, (N) => lossAtSize({ alphaN: alphaN.value, Nc: Nc.value }, N)),
              source: 'fitted' as const,
            },
          ]
        : []),
      ...(constants?.from === 'together'
        ? [
            {
              id: 'together',
              label: { en: 'L(N), all together', zh: 'L(N)，一并拟合' },
              points: line(sizes, (N) => minimumLoss(constants.values, N)),
              source: 'fitted' as const,
            },
          ]
        : []),
    ],
  };
}

function stepsFigure({ curves, kaplan, batches, constants }: ConstantsAnalysis): PlotFigure {
  const { alphaN, Nc, alphaS, Sc } = kaplan.laws.LNS.parameters;
  const critical = criticalBatchConstants(batches) ?? PUBLISHED_CRITICAL_BATCH;
  const floor = (N: number): number => (alphaN && Nc ? lossAtSize({ alphaN: alphaN.value, Nc: Nc.value }, N) : NaN);
  const series = curves.map(({ N, B, runs, points }) => ({
    id: `${N} ${B}`,
    label: { en: `N = ${N}, batch ${B}`, zh: `N = ${N}，批 ${B}` },
    points: points.flatMap(([step, , loss]) => {
      const above = loss - floor(N);
      return above > 0 ? [{ x: minimumSteps(step, B, criticalBatch(critical, loss)), y: above, runs }] : [];
    }),
  }));
  const xs = series.flatMap(({ points }) => points.map(({ x }) => x));
  return {
    kind: 'plot',
    id: 'steps',
    title: { en: 'Step 2: α_S and S_c', zh: '第二步：α_S 与 S_c' },
    caption: {
      en: 'What each curve has left above L(N), against the steps that an unlimited batch would have needed. If the law holds, all sizes and batches lie on one line.',
      zh: '各曲线高出 L(N) 的部分，横轴为无限大批所需的步数。若定律成立，所有大小与批大小落在一条线上。',
    },
    x: { label: { en: 'S_min (steps)', zh: 'S_min（步）' }, scale: 'log' },
    y: { label: { en: 'loss − L(N)', zh: '损失 − L(N)' }, scale: 'log' },
    series,
    lines: [
      ...(alphaS && Sc
        ? [
            {
              id: 'step',
              label: { en: '(S_c/S_min)^α_S, this step', zh: '(S_c/S_min)^α_S，本步' },
              points: line(xs, (x) => (Sc.value / x) ** alphaS.value),
              source: 'fitted' as const,
            },
          ]
        : []),
      ...(constants?.from === 'together'
        ? [
            {
              id: 'together',
              label: { en: '(S_c/S_min)^α_S, all together', zh: '(S_c/S_min)^α_S，一并拟合' },
              points: line(xs, (x) => (constants.values.Sc / x) ** constants.values.alphaS),
              source: 'fitted' as const,
            },
          ]
        : []),
    ],
  };
}

function batchFigure({ batches, constants }: ConstantsAnalysis): PlotFigure {
  const good = batches.levels.filter(({ status }) => status === 'converged');
  const losses = batches.levels.map(({ loss }) => loss);
  return {
    kind: 'plot',
    id: 'batches',
    title: { en: 'Step 3: α_B and B_*', zh: '第三步：α_B 与 B_*' },
    caption: {
      en: 'The critical batch at each loss whose hyperbola gives one, and the laws through all losses.',
      zh: '双曲线能给出临界批大小的各损失，以及穿过全部损失的定律。',
    },
    x: { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' },
    y: { label: { en: 'critical batch (tokens)', zh: '临界批大小（词元）' }, scale: 'log', octaves: true },
    series: [...new Set(good.map(({ N }) => N))].map((N) => ({
      id: String(N),
      label: same(`N = ${N}`),
      points: good.filter((level) => level.N === N).map(({ loss, Bcrit }) => ({ x: loss, y: Bcrit })),
    })),
    lines: [
      ...(batches.status === 'converged'
        ? [
            {
              id: 'step',
              label: { en: 'B_crit, this step', zh: 'B_crit，本步' },
              points: line(losses, (loss) => criticalBatchAt(batches, loss)!.value),
              source: 'fitted' as const,
            },
          ]
        : []),
      ...(constants?.from === 'together'
        ? [
            {
              id: 'together',
              label: { en: 'B_crit, all together', zh: 'B_crit，一并拟合' },
              points: line(losses, (loss) => criticalBatch(constants.values.critical, loss)),
              source: 'fitted' as const,
            },
          ]
        : []),
    ],
  };
}

function table({ kaplan, batches, jointly }: ConstantsAnalysis): TableFigure {
  const { LN, LNS } = kaplan.laws;
  const together = jointly.parameters;
  const row = (name: string, step: Estimate | undefined, all: Estimate | undefined, published: number, note: Sentence): TableCell[] => [
    same(name),
    step,
    all,
    published,
    step ? undefined : note,
  ];
  return {
    kind: 'table',
    id: 'constants',
    title: { en: 'The six constants', zh: '六个常数' },
    caption: {
      en: 'One pair at a time, all together, and those of Kaplan et al. (of another text and vocabulary: their N_c, S_c and B_* are not to be compared). N_c in parameters, S_c in steps, B_* in tokens; 95 % intervals.',
      zh: '逐对拟合、一并拟合，以及 Kaplan 等的值（文本与词表不同，N_c、S_c、B_* 不可直接比较）。N_c 单位参数，S_c 单位步，B_* 单位词元；95 % 区间。',
    },
    columns: [
      { en: 'constant', zh: '常数' },
      { en: 'step by step', zh: '逐步' },
      { en: 'all together', zh: '一并' },
      { en: 'Kaplan et al.', zh: 'Kaplan 等' },
      { en: 'why not', zh: '缺失原因' },
    ],
    rows: [
      row('α_N', LN.parameters.alphaN, together.alphaN, 0.077, LN.message),
      row('N_c', LN.parameters.Nc, together.Nc, 6.5e13, LN.message),
      row('α_S', LNS.parameters.alphaS, together.alphaS, 0.76, LNS.message),
      row('S_c', LNS.parameters.Sc, together.Sc, 2.1e3, LNS.message),
      row('α_B', batches.parameters.alphaB, together.alphaB, PUBLISHED_CRITICAL_BATCH.alpha, batches.message),
      row('B_*', batches.parameters.Bstar, together.Bstar, PUBLISHED_CRITICAL_BATCH.batch, batches.message),
      [{ en: 'all together', zh: '一并拟合' }, undefined, undefined, undefined, jointly.message],
    ],
  };
}

function foretoldFigure({ foretold }: ConstantsAnalysis): PlotFigure {
  const band = ({ value, low, high }: Estimate): { y: number; low?: number; high?: number } => ({
    y: value,
    ...(Number.isFinite(low) && Number.isFinite(high) ? { low, high } : {}),
  });
  return {
    kind: 'plot',
    id: 'foretold',
    title: { en: 'The whole curve of a model that no fit has seen', zh: '拟合未见过的模型的整条曲线' },
    caption: {
      en: 'The line, with its 95 % band, follows from the constants alone; the points are the run.',
      zh: '线及其 95 % 带仅由常数得出；点为实际训练。',
    },
    x: { label: { en: 'steps', zh: '步数' }, scale: 'log' },
    y: { label: { en: 'training loss (nats per token)', zh: '训练损失（奈特每词元）' }, scale: 'log' },
    series: foretold
      ? [
          {
            id: 'seen',
            label: { en: `N = ${foretold.curve.N}, batch ${foretold.curve.B}`, zh: `N = ${foretold.curve.N}，批 ${foretold.curve.B}` },
            points: foretold.points.map(({ step, loss, foretold: { value } }) => ({
              x: step,
              y: loss,
              residual: loss / value - 1,
              runs: foretold.curve.runs,
            })),
          },
        ]
      : [],
    lines: foretold
      ? [
          {
            id: 'foretold',
            label: { en: 'foretold', zh: '预测' },
            points: foretold.points.map((point) => ({ x: point.step, ...band(point.foretold) })),
            source: 'fitted',
            series: 'seen',
          },
        ]
      : [],
  };
}

function predictions({ foretold }: ConstantsAnalysis): TableFigure {
  const rows: TableCell[][] = [];
  if (foretold) {
    const { minimum, lowest, targets, curve, error } = foretold;
    rows.push([
      { en: 'least loss of the size', zh: '该大小的最低损失' },
      undefined,
      minimum,
      undefined,
      { en: `${lowest.toFixed(3)} so far`, zh: `目前 ${lowest.toFixed(3)}` },
    ]);
    for (const { loss, steps, seen, critical, hyperbola } of targets) {
      const tokens = steps && { value: steps.value * curve.B, low: steps.low * curve.B, high: steps.high * curve.B };
      rows.push(
        [{ en: 'steps to the loss', zh: '达到损失的步数' }, loss, steps, seen, undefined],
        [{ en: 'tokens to the loss', zh: '达到损失的词元' }, loss, tokens, seen * curve.B, undefined],
        [
          { en: 'critical batch at the loss', zh: '该损失的临界批大小' },
          loss,
          critical,
          hyperbola,
          { en: 'seen: by the hyperbolas alone', zh: '实测：仅由双曲线' },
        ],
      );
    }
    rows.push([
      { en: 'whole curve, % off', zh: '整条曲线，偏差 %' },
      undefined,
      undefined,
      100 * error,
      { en: 'root mean square', zh: '均方根' },
    ]);
  }
  return {
    kind: 'table',
    id: 'predictions',
    title: { en: 'The four predictions', zh: '四项预测' },
    caption: { en: 'From the constants alone, with 95 % intervals, beside what was seen.', zh: '仅由常数得出，带 95 % 区间，与实测并列。' },
    columns: [
      { en: 'quantity', zh: '量' },
      { en: 'loss', zh: '损失' },
      { en: 'foretold', zh: '预测' },
      { en: 'seen', zh: '实测' },
      { en: 'note', zh: '说明' },
    ],
    rows,
  };
}
