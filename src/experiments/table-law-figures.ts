// Pictures of the laws that a table is fitted by: points of each source, its fitted line with the band, published lines,
// rows left out in grey with the reason.
import { computeOptimal } from '../laws/chinchilla-allocation.ts';
import type { ChinchillaFit } from '../laws/chinchilla.ts';
import { criticalBatch, type CriticalBatchConstants } from '../laws/critical-batch-forms.ts';
import { criticalBatchAt, type CriticalBatchFit } from '../laws/critical-batch.ts';
import type { EnvelopeFit } from '../laws/envelope.ts';
import type { Estimate, RunRow } from '../laws/fit.ts';
import { isoflopAt, type IsoflopFit } from '../laws/isoflop.ts';
import { PUBLISHED_CRITICAL_BATCH } from '../laws/kaplan-forms.ts';
import { logLinearEstimate } from '../laws/log-linear.ts';
import type { PowerLawFit } from '../laws/power-law.ts';
import { publishedAllocations, publishedLosses } from '../laws/published-loss.ts';
import { intervalFromSamples, withoutInterval } from '../laws/statistics.ts';
import { trajectoryLoss } from '../laws/trajectory-forms.ts';
import { trajectoryEstimate, type TrajectoryFit } from '../laws/trajectory.ts';
import type { Sentence } from '../messages/sentence.ts';
import { same, type FigureAxis, type FigureLine, type FigurePoint, type PlotFigure } from './figure.ts';
import type { SourceFit } from './table-laws.ts';

const lossAxis: FigureAxis = { label: { en: 'loss (nats per token)', zh: '损失（奈特每词元）' }, scale: 'log' };
const axes = {
  N: { label: { en: 'N (parameters)', zh: 'N（参数）' }, scale: 'log' },
  D: { label: { en: 'D (tokens)', zh: 'D（词元）' }, scale: 'log' },
  C: { label: { en: 'C (FLOPs)', zh: 'C（FLOP）' }, scale: 'log' },
  S: { label: { en: 'optimizer steps', zh: '优化步数' }, scale: 'log' },
} as const satisfies Record<string, FigureAxis>;

/** Points of a line. */
const LINE_POINTS = 25;
/** Points of one source that a picture holds; of more, an even selection is drawn. */
const MOST_POINTS = 1500;

function logSpaced(values: readonly number[], beyond = 1.25): number[] {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  if (positive.length === 0) return [];
  const low = positive.reduce((least, value) => Math.min(least, value), Infinity) / beyond;
  const high = positive.reduce((most, value) => Math.max(most, value), 0) * beyond;
  return Array.from({ length: LINE_POINTS }, (_, i) => low * (high / low) ** (i / (LINE_POINTS - 1)));
}

function evenly<Item>(items: readonly Item[]): readonly Item[] {
  if (items.length <= MOST_POINTS) return items;
  return Array.from({ length: MOST_POINTS }, (_, i) => items[Math.floor((i * items.length) / MOST_POINTS)]);
}

const lineAt = (x: number, estimate: Estimate | undefined): FigureLine['points'] =>
  estimate && estimate.value > 0 ? [{ x, y: estimate.value, low: estimate.low, high: estimate.high }] : [];

const runsOf = (row: RunRow): Pick<FigurePoint, 'runs'> => (row.run === undefined ? {} : { runs: [row.run] });

/** Rows that a fit left out, in grey. */
function leftPoints({ fit, source }: SourceFit, place: (row: RunRow) => { x: number; y: number }): FigurePoint[] {
  return fit.left.flatMap(({ row, reason }): FigurePoint[] => {
    const one = source.rows.at(row);
    if (one === undefined) return [];
    const { x, y } = place(one);
    return x > 0 && y > 0 && Number.isFinite(x) && Number.isFinite(y) ? [{ x, y, leftOut: reason, ...runsOf(one) }] : [];
  });
}

/** Rows that a fit used; residuals are log observed − log fitted, one per used row. */
function usedPoints({ fit, source }: SourceFit, place: (row: RunRow, fitted: number) => { x: number; y: number }): FigurePoint[] {
  const aligned = fit.residuals.length === fit.used.length;
  return fit.used.map((row, i): FigurePoint => {
    const one = source.rows[row];
    const residual = aligned ? fit.residuals[i] : NaN;
    return {
      ...place(one, one.loss / Math.exp(residual)),
      ...runsOf(one),
      ...(Number.isFinite(residual) && { residual: Math.expm1(residual) }),
    };
  });
}

/** Loss over one axis with the fitted power law. */
export function powerFigure(fits: readonly SourceFit<PowerLawFit>[], axis: 'N' | 'D' | 'C'): PlotFigure {
  const of = ({ N: 'size', D: 'tokens', C: 'compute' } as const)[axis];
  const xs = fits.flatMap(({ source }) => source.rows.flatMap((row) => row[axis] ?? []));
  const place = (row: RunRow): { x: number; y: number } => ({ x: row[axis] ?? NaN, y: row.loss });
  return {
    kind: 'plot',
    id: `power-${axis}`,
    title: { en: `Loss over ${axis}`, zh: `损失随 ${axis} 的变化` },
    caption: {
      en: 'The fitted power law with its 95 % band. Dashed: published laws, of other tokenizers and texts: compare slopes, not levels.',
      zh: '拟合的幂律及其 95 % 区间带。虚线为已发表的定律，分词器与文本不同：请比较斜率而非水平。',
    },
    x: axes[axis],
    y: lossAxis,
    series: fits.map((one) => ({
      id: one.source.id,
      label: one.source.label,
      points: evenly([...usedPoints(one, place), ...leftPoints(one, place)]),
    })),
    lines: [
      ...fits
        .filter(({ fit }) => fit.curve.length > 0)
        .map(({ source, fit }): FigureLine => ({
          id: `law ${source.id}`,
          label: source.label,
          series: source.id,
          source: 'fitted',
          points: fit.curve.map(({ x, value, low, high }) => ({ x, y: value, low, high })),
        })),
      ...publishedLosses.flatMap((published): FigureLine[] =>
        published.of === of
          ? [
              {
                id: published.id,
                label: published.label,
                citation: published.citation,
                source: 'published',
                points: logSpaced(xs).map((x) => ({ x, y: published.loss(x) })),
              },
            ]
          : [],
      ),
    ],
  };
}

/** Observed over fitted loss: on the diagonal the law holds. */
export function observedFigure(fits: readonly SourceFit[]): PlotFigure {
  const series = fits.map((one) => ({
    id: one.source.id,
    label: one.source.label,
    points: evenly(one.fit.residuals.length === one.fit.used.length ? usedPoints(one, (row, fitted) => ({ x: fitted, y: row.loss })) : []),
  }));
  return {
    kind: 'plot',
    id: 'observed',
    title: { en: 'Observed against fitted loss', zh: '观测损失与拟合损失' },
    caption: {
      en: 'Every run that the fit used; on the line the law is right. Residuals beneath.',
      zh: '拟合所用的每次训练；在线上即与定律一致。下方为残差。',
    },
    x: { label: { en: 'fitted loss (nats per token)', zh: '拟合损失（奈特每词元）' }, scale: 'log' },
    y: lossAxis,
    series,
    lines: [
      {
        id: 'equal',
        label: { en: 'observed = fitted', zh: '观测 = 拟合' },
        source: 'exact',
        points: logSpaced(
          series.flatMap(({ points }) => points.map(({ x }) => x)),
          1.01,
        ).map((x) => ({ x, y: x })),
      },
    ],
  };
}

/** N_opt over C, with the published exponents through the middle of the first line where no factor is published. */
function optimumFigure(
  of: readonly {
    readonly source: SourceFit['source'];
    readonly points: readonly FigurePoint[];
    readonly at: (C: number) => Estimate | undefined;
  }[],
  caption: Sentence,
): PlotFigure {
  const budgets = logSpaced(
    of.flatMap(({ source }) =>
      source.rows.flatMap((row) => row.C ?? (row.N !== undefined && row.D !== undefined ? 6 * row.N * row.D : [])),
    ),
    1,
  );
  const lines = of.map(({ source, at }): FigureLine => ({
    id: `law ${source.id}`,
    label: source.label,
    series: source.id,
    source: 'fitted',
    points: budgets.flatMap((C) => lineAt(C, at(C))),
  }));
  const middle = lines.find(({ points }) => points.length > 0)?.points.at(Math.floor(LINE_POINTS / 2));
  return {
    kind: 'plot',
    id: 'optimum',
    title: { en: 'Compute-optimal size', zh: '计算最优的模型大小' },
    caption,
    x: axes.C,
    y: { label: { en: 'N_opt (parameters)', zh: 'N_opt（参数）' }, scale: 'log' },
    series: of.map(({ source, points }) => ({ id: source.id, label: source.label, points })),
    lines: [
      ...lines.filter(({ points }) => points.length > 0),
      ...(middle === undefined
        ? []
        : publishedAllocations
            .filter(({ id }) => ['kaplan', 'chinchilla-1', 'chinchilla-2'].includes(id))
            .map(({ id, label, citation, a }): FigureLine => ({
              id,
              label: { en: `${label.en}: slope ${a}`, zh: `${label.zh}：斜率 ${a}` },
              citation,
              source: 'published',
              points: budgets.map((x) => ({ x, y: middle.y * (x / middle.x) ** a })),
            }))),
    ],
  };
}

const allocationCaption: Sentence = {
  en: 'The size that a budget is best spent on, with its 95 % band. Dashed: published slopes through the middle of the line.',
  zh: '给定计算量下最优的模型大小，带 95 % 区间带。虚线为穿过直线中部的已发表斜率。',
};

/** N_opt(C) that the constants of approach 3 imply. */
export function allocationFigure(fits: readonly SourceFit<ChinchillaFit>[]): PlotFigure {
  return optimumFigure(
    fits.map(({ source, fit }) => ({
      source,
      // Each run at its own budget, so that the line is seen beside what was trained.
      points: evenly(fit.used.map((row) => source.rows[row])).map((row) => ({
        x: row.C ?? 6 * row.N! * row.D!,
        y: row.N!,
        ...runsOf(row),
      })),
      at: (C) => {
        if (fit.status !== 'converged' || fit.constants === undefined) return undefined;
        const value = computeOptimal(fit.constants, C).N;
        if (fit.samples.length === 0) return withoutInterval(value);
        return intervalFromSamples(
          value,
          fit.samples.map((sample) => computeOptimal(sample, C).N),
          { scale: 'log' },
        );
      },
    })),
    allocationCaption,
  );
}

/** Profiles with their parabolas, and the optima over the budgets. */
export function isoflopFigures(fits: readonly SourceFit<IsoflopFit>[]): PlotFigure[] {
  const profiles: PlotFigure = {
    kind: 'plot',
    id: 'profiles',
    title: { en: 'IsoFLOP profiles', zh: '等计算量曲线' },
    caption: {
      en: 'Loss over size on each budget, with the parabola in log N; its lowest point is the optimum.',
      zh: '各计算量下损失随大小的变化及其关于 log N 的抛物线；最低点即最优。',
    },
    x: axes.N,
    y: lossAxis,
    series: fits.flatMap(({ source, fit }) =>
      fit.optima.map(({ C, rows }) => ({
        id: `${source.id} ${C}`,
        label: { en: `${source.label.en}, C = ${C.toExponential(1)}`, zh: `${source.label.zh}，C = ${C.toExponential(1)}` },
        points: rows.map((row) => ({ x: source.rows[row].N ?? NaN, y: source.rows[row].loss, ...runsOf(source.rows[row]) })),
      })),
    ),
    lines: fits.flatMap(({ source, fit }) =>
      fit.optima.flatMap(({ C, rows, parabola }): FigureLine[] =>
        parabola === undefined
          ? []
          : [
              {
                id: `parabola ${source.id} ${C}`,
                label: { en: `parabola at ${C.toExponential(1)}`, zh: `${C.toExponential(1)} 处的抛物线` },
                series: `${source.id} ${C}`,
                source: 'fitted',
                points: logSpaced(rows.map((row) => source.rows[row].N ?? NaN)).map((x) => ({
                  x,
                  y: parabola.lowest + (parabola.curvature / 2) * (Math.log(x) - parabola.vertex) ** 2,
                })),
              },
            ],
      ),
    ),
  };
  const optima = optimumFigure(
    fits.map(({ source, fit }) => ({
      source,
      points: fit.optima.flatMap(({ C, N, status, message }): FigurePoint[] => {
        if (status === 'converged') return [{ x: C, y: N }];
        return N > 0 ? [{ x: C, y: N, leftOut: message }] : [];
      }),
      at: (C) => isoflopAt(fit, 'N', C),
    })),
    allocationCaption,
  );
  return [profiles, optima];
}

/** The lower envelope of all curves, and the line through its passages from size to size. */
export function envelopeFigure(fits: readonly SourceFit<EnvelopeFit>[]): PlotFigure {
  return {
    kind: 'plot',
    id: 'envelope',
    title: { en: 'The size that is best at each budget', zh: '各计算量下的最优大小' },
    caption: {
      en: 'Steps: the size with the lowest loss at each C. The line goes through the passages from one size to the next; dashed: published slopes.',
      zh: '阶梯：各 C 下损失最低的大小。直线穿过大小之间的转换处；虚线为已发表的斜率。',
    },
    x: axes.C,
    y: axes.N,
    series: fits.map(({ source, fit }) => ({
      id: source.id,
      label: source.label,
      joined: true,
      points: evenly(fit.envelope.map(({ C, N }) => ({ x: C, y: N }))),
    })),
    lines: fits.flatMap(({ source, fit }): FigureLine[] => {
      const { line } = fit;
      if (line === undefined) return [];
      return [
        {
          id: `law ${source.id}`,
          label: source.label,
          series: source.id,
          source: 'fitted',
          // log C is the line in log N: its band lies along C, so the line is drawn without one here.
          points: logSpaced(fit.envelope.map(({ N }) => N)).map((N) => ({
            x: Math.exp(logLinearEstimate(line.fit, [1, Math.log(N) - line.centre]).value),
            y: N,
          })),
        },
      ];
    }),
  };
}

/** B_crit over loss: each level's own, the law with its band, the published one. */
export function criticalBatchFigure(fits: readonly SourceFit<CriticalBatchFit>[]): PlotFigure {
  const losses = fits.flatMap(({ fit }) => fit.levels.map(({ loss }) => loss));
  const published: CriticalBatchConstants = PUBLISHED_CRITICAL_BATCH;
  return {
    kind: 'plot',
    id: 'critical-batch',
    title: { en: 'Critical batch size over loss', zh: '临界批大小随损失的变化' },
    caption: {
      en: 'B_crit of each level of loss, from the hyperbola of steps against tokens, and the law with its 95 % band.',
      zh: '各损失水平由步数与词元数的双曲线得到的 B_crit，以及定律及其 95 % 区间带。',
    },
    x: lossAxis,
    y: { label: { en: 'B_crit (tokens)', zh: 'B_crit（词元）' }, scale: 'log' },
    series: fits.map(({ source, fit }) => ({
      id: source.id,
      label: source.label,
      points: fit.levels
        .filter(({ Bcrit }) => Bcrit > 0 && Number.isFinite(Bcrit))
        .map(({ loss, Bcrit, status, message, N }) => ({
          x: loss,
          y: Bcrit,
          ...(N !== undefined && { label: same(`N = ${N}`) }),
          ...(status !== 'converged' && { leftOut: message }),
        })),
    })),
    lines: [
      ...fits.map(({ source, fit }): FigureLine => ({
        id: `law ${source.id}`,
        label: source.label,
        series: source.id,
        source: 'fitted',
        points: logSpaced(
          fit.levels.map(({ loss }) => loss),
          1.02,
        ).flatMap((loss) => lineAt(loss, criticalBatchAt(fit, loss))),
      })),
      {
        id: 'published',
        label: { en: 'Kaplan et al., WebText2', zh: 'Kaplan 等，WebText2' },
        citation: 'Kaplan et al., "Scaling Laws for Neural Language Models", arXiv 2001.08361, section 5.1',
        source: 'published',
        points: logSpaced(losses, 1.02).map((loss) => ({ x: loss, y: criticalBatch(published, loss) })),
      },
    ],
  };
}

/** Curves that a picture of trajectories holds, and resamples that its bands are made of. */
const MOST_CURVES = 6;
const BAND_RESAMPLES = 100;

/** Some runs' losses over their steps, and the law at their N and B. */
export function trajectoryFigure(fits: readonly SourceFit<TrajectoryFit>[]): PlotFigure {
  const curves = fits.flatMap(({ source, fit }) => {
    const runs = new Map<string, RunRow[]>();
    for (const index of fit.used) {
      const row = source.rows[index];
      const key = row.run ?? `${row.N} ${row.B}`;
      const one = runs.get(key);
      if (one) one.push(row);
      else runs.set(key, [row]);
    }
    const all = [...runs.entries()].sort(([, [a]], [, [b]]) => a.N! - b.N! || a.B! - b.B!);
    const most = Math.max(1, Math.floor(MOST_CURVES / fits.length));
    const chosen =
      all.length <= most ? all : Array.from({ length: most }, (_, i) => all[Math.round((i * (all.length - 1)) / Math.max(1, most - 1))]);
    return chosen.map(([key, rows]) => ({ id: `${source.id} ${key}`, source, fit, rows, N: rows[0].N!, B: rows[0].B! }));
  });
  return {
    kind: 'plot',
    id: 'trajectories',
    title: { en: 'Loss over steps', zh: '损失随步数的变化' },
    caption: {
      en: 'Some of the runs, and the law at their N and B with its 95 % band.',
      zh: '部分训练，以及定律在其 N 与 B 处的曲线及 95 % 区间带。',
    },
    x: axes.S,
    y: lossAxis,
    series: curves.map(({ id, source, rows, N, B }) => ({
      id,
      label: { en: `${source.label.en}, N = ${N}, B = ${B}`, zh: `${source.label.zh}，N = ${N}，B = ${B}` },
      joined: true,
      points: evenly(rows.map((row) => ({ x: row.S!, y: row.loss, ...runsOf(row) })).sort((a, b) => a.x - b.x)),
    })),
    lines: curves.flatMap(({ id, fit, rows, N, B }): FigureLine[] => {
      if (fit.constants === undefined) return [];
      const few: TrajectoryFit = { ...fit, resampled: fit.resampled.slice(0, BAND_RESAMPLES) };
      return [
        {
          id: `law ${id}`,
          label: { en: `law at N = ${N}, B = ${B}`, zh: `N = ${N}、B = ${B} 处的定律` },
          series: id,
          source: 'fitted',
          points: logSpaced(
            rows.map((row) => row.S!),
            1,
          ).flatMap((S) =>
            lineAt(
              S,
              trajectoryEstimate(few, (constants) => trajectoryLoss(constants, { N, B, S }), 'log'),
            ),
          ),
        },
      ];
    }),
  };
}
