// Pictures of Chinchilla's three approaches on tables: the size that a budget is best spent on, with its band.
import { computeOptimal } from '../laws/chinchilla-allocation.ts';
import type { ChinchillaFit } from '../laws/chinchilla.ts';
import { envelopeAt, type EnvelopeFit } from '../laws/envelope.ts';
import type { Estimate } from '../laws/fit.ts';
import { isoflopAt, type IsoflopFit } from '../laws/isoflop.ts';
import { publishedAllocations } from '../laws/published-loss.ts';
import { shortNumber } from '../laws/sentences.ts';
import { intervalFromSamples, withoutInterval } from '../laws/statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { FigureLine, FigurePoint, PlotFigure } from './figure.ts';
import { axes, evenly, LINE_POINTS, lineAt, logSpaced, lossAxis, runsOf } from './table-law-marks.ts';
import type { SourceFit } from './table-laws.ts';

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
        label: { en: `${source.label.en}, C = ${shortNumber(C)}`, zh: `${source.label.zh}，C = ${shortNumber(C)}` },
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
                label: { en: `parabola at ${shortNumber(C)}`, zh: `${shortNumber(C)} 处的抛物线` },
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
      en: 'Steps: the size with the lowest loss at each C. The line goes through the passages from one size to the next, with its 95 % band.',
      zh: '阶梯：各 C 下损失最低的大小。直线穿过大小之间的转换处，带 95 % 区间带。',
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
      if (fit.status !== 'converged') return [];
      return [
        {
          id: `law ${source.id}`,
          label: source.label,
          series: source.id,
          source: 'fitted',
          points: logSpaced(fit.passages.map(({ C }) => C)).flatMap((C) => lineAt(C, envelopeAt(fit, C))),
        },
      ];
    }),
  };
}
