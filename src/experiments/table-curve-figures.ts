// Pictures of the laws of training curves on tables: the critical batch over loss, and the loss over steps.
import { criticalBatch, type CriticalBatchConstants } from '../laws/critical-batch-forms.ts';
import { criticalBatchAt, type CriticalBatchFit } from '../laws/critical-batch.ts';
import type { RunRow } from '../laws/fit.ts';
import { PUBLISHED_CRITICAL_BATCH } from '../laws/kaplan-forms.ts';
import { trajectoryLoss } from '../laws/trajectory-forms.ts';
import { trajectoryEstimate, type TrajectoryFit } from '../laws/trajectory.ts';
import { same, type FigureLine, type PlotFigure } from './figure.ts';
import { axes, evenly, lineAt, logSpaced, lossAxis, runsOf } from './table-law-marks.ts';
import type { SourceFit } from './table-laws.ts';

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
