// Pictures of loss laws on tables: loss over one axis with a power law, observed over fitted loss, and the batches of the
// three-term law.
import type { RunRow } from '../laws/fit.ts';
import type { KaplanFit } from '../laws/kaplan.ts';
import type { PowerLawFit } from '../laws/power-law.ts';
import { publishedLosses } from '../laws/published-loss.ts';
import { bestBatchAt, threeTermAt, type ThreeTermFit } from '../laws/three-term.ts';
import type { TunedRun } from '../laws/tuned-runs.ts';
import { same, type FigureLine, type FigurePoint, type PlotFigure } from './figure.ts';
import { axes, evenly, leftPoints, lineAt, logSpaced, lossAxis, runsOf, usedPoints } from './table-law-marks.ts';
import type { SourceFit } from './table-laws.ts';

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
      ...publishedLines(of, xs),
    ],
  };
}

/** Published laws of one axis, where the points are. */
function publishedLines(of: 'size' | 'tokens' | 'compute', xs: readonly number[]): FigureLine[] {
  return publishedLosses.flatMap((published): FigureLine[] =>
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
  );
}

const kaplanAxes = [
  { law: 'LN', axis: 'N', of: 'size', symbol: 'N' },
  { law: 'LD', axis: 'D', of: 'tokens', symbol: 'D' },
  { law: 'LC', axis: 'C', of: 'compute', symbol: 'C_min' },
] as const;

/** Kaplan's laws of one axis each, with the losses they stand for. */
export function kaplanFigures(fits: readonly SourceFit<KaplanFit>[]): PlotFigure[] {
  return kaplanAxes.map(({ law, axis, of, symbol }): PlotFigure => {
    const drawings = fits.flatMap(({ source, fit }) => {
      const { drawing } = fit.laws[law];
      return drawing === undefined ? [] : [{ source, drawing }];
    });
    return {
      kind: 'plot',
      id: `kaplan-${law}`,
      title: { en: `L(${symbol})`, zh: `L(${symbol})` },
      caption: {
        en: 'Points: losses with the limit of the other axis taken away. Line: the law with its 95 % band. Dashed: published laws, of other tokenizers and texts: compare slopes, not levels.',
        zh: '点：去除另一轴限制后的损失。线：该定律及其 95 % 区间带。虚线为已发表的定律，分词器与文本不同：请比较斜率而非水平。',
      },
      x: axes[axis],
      y: lossAxis,
      series: drawings.map(({ source, drawing }) => ({
        id: source.id,
        label: source.label,
        points: evenly(
          drawing.points.map(({ x, loss, residual, row }): FigurePoint => ({
            x,
            y: loss,
            residual: Math.expm1(residual),
            ...(row !== undefined && runsOf(source.rows[row])),
          })),
        ),
      })),
      lines: [
        ...drawings.map(({ source, drawing }): FigureLine => ({
          id: `law ${source.id}`,
          label: source.label,
          series: source.id,
          source: 'fitted',
          points: drawing.curve.flatMap((point) => lineAt(point.x, point)),
        })),
        ...publishedLines(
          of,
          drawings.flatMap(({ drawing }) => drawing.points.map(({ x }) => x)),
        ),
      ],
    };
  });
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

/** Valleys over the batch that a picture holds, and different batches that make one. */
const MOST_VALLEYS = 6;
const LEAST_BATCHES = 3;

/** Tuned runs of one (N, D), ascending by batch. */
interface Valley {
  readonly N: number;
  readonly D: number;
  readonly runs: readonly TunedRun[];
}

function valleysOf({ tuned }: ThreeTermFit): Valley[] {
  const valleys = new Map<string, TunedRun[]>();
  for (const run of tuned) {
    const key = `${run.N} ${run.D}`;
    const known = valleys.get(key);
    if (known) known.push(run);
    else valleys.set(key, [run]);
  }
  return [...valleys.values()]
    .filter((runs) => runs.length >= LEAST_BATCHES)
    .map((runs): Valley => ({ N: runs[0].N, D: runs[0].D, runs: [...runs].sort((a, b) => a.B - b.B) }))
    .sort((a, b) => a.N - b.N || a.D - b.D);
}

const idsOf = ({ source }: SourceFit, rows: readonly number[]): Pick<FigurePoint, 'runs'> => {
  const runs = rows.flatMap((row) => source.rows[row].run ?? []);
  return runs.length > 0 ? { runs } : {};
};

/** The three-term law over the batch, at some of the (N, D), and the best batch over D. */
export function batchFigures(fits: readonly SourceFit<ThreeTermFit>[]): PlotFigure[] {
  const most = Math.max(1, Math.floor(MOST_VALLEYS / Math.max(1, fits.length)));
  const shown = fits.flatMap((one) =>
    evenly(valleysOf(one.fit), most).map((valley) => ({ one, valley, id: `${one.source.id} ${valley.N} ${valley.D}` })),
  );
  const valleys: PlotFigure = {
    kind: 'plot',
    id: 'batches',
    title: { en: 'Loss over the batch', zh: '损失随批大小的变化' },
    caption: {
      en: 'Tuned runs at some sizes and tokens, and the three-term law there with its 95 % band.',
      zh: '若干大小与词元数下调好学习率的训练，以及该处的三项定律及其 95 % 区间带。',
    },
    x: axes.B,
    y: lossAxis,
    series: shown.map(({ one, valley: { N, D, runs }, id }) => ({
      id,
      label: { en: `${one.source.label.en}, N = ${N}, D = ${D}`, zh: `${one.source.label.zh}，N = ${N}，D = ${D}` },
      points: runs.map(({ B, loss, rows }): FigurePoint => {
        const fitted = threeTermAt(one.fit, { N, D, B });
        return { x: B, y: loss, ...idsOf(one, rows), ...(fitted && { residual: loss / fitted.value - 1 }) };
      }),
    })),
    lines: shown.map(({ one, valley: { N, D, runs }, id }): FigureLine => ({
      id: `law ${id}`,
      label: { en: `law at N = ${N}, D = ${D}`, zh: `N = ${N}、D = ${D} 处的定律` },
      series: id,
      source: 'fitted',
      points: logSpaced(runs.map(({ B }) => B)).flatMap((B) => lineAt(B, threeTermAt(one.fit, { N, D, B }))),
    })),
  };
  const best: PlotFigure = {
    kind: 'plot',
    id: 'best-batch',
    title: { en: 'Best batch over tokens', zh: '最优批大小随词元数的变化' },
    caption: {
      en: 'Points: at each size and tokens the batch with the lowest loss of those tried. Line: where the law is lowest, with its 95 % band.',
      zh: '点：各大小与词元数下所试批大小中损失最低者。线：定律的最低处，带 95 % 区间带。',
    },
    x: axes.D,
    y: axes.B,
    series: fits.map((one) => ({
      id: one.source.id,
      label: one.source.label,
      points: evenly(
        valleysOf(one.fit).map(({ N, D, runs }): FigurePoint => {
          const lowest = runs.reduce((least, run) => (run.loss < least.loss ? run : least));
          return { x: D, y: lowest.B, label: same(`N = ${N}`), ...idsOf(one, lowest.rows) };
        }),
      ),
    })),
    lines: fits.map(({ source, fit }): FigureLine => ({
      id: `law ${source.id}`,
      label: source.label,
      series: source.id,
      source: 'fitted',
      points: logSpaced(fit.tuned.map(({ D }) => D)).flatMap((D) => lineAt(D, bestBatchAt(fit, D))),
    })),
  };
  return [valleys, best];
}
