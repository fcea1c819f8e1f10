// The analysis behind `overfitting`: the loss at which training on a limited text had better stop, how far it lies above
// that of unlimited text, and how both sizes (of the model and of the text) enter.
import { tokensRead, type RunField } from '../config/run.ts';
import type { Estimate, RunRow } from '../laws/fit.ts';
import { fitKaplan, type KaplanFit } from '../laws/kaplan.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from '../laws/log-linear.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { CurvePoint, RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { edgeReason, tunedCells, type TunedCell } from './tuning.ts';

const VARIED: readonly RunField[] = ['shape', 'tokens', 'learningRate', 'batchSequences', 'seed', 'dataSeed', 'uniqueTokens'];

/** Kaplan et al.'s α_N/α_D (arXiv 2001.08361, section 4.2). */
export const PUBLISHED_RATIO = 0.74;

/** An excess below this is too near the noise of a seed for its logarithm to mean anything. */
export const LEAST_EXCESS = 0.01;

/** Where a run had better stop: the lowest held-out loss along it. */
export interface Stop {
  /** Nats per token. */
  readonly loss: number;
  /** Tokens read up to it. */
  readonly tokens: number;
  /** Whether that is before the end of the run. */
  readonly early: boolean;
}

/** One size on one amount of text, its learning rate tuned. */
export interface LimitedCell {
  /** Parameters by the chosen count. */
  readonly N: number;
  /** Tokens of text; those read where the text is not limited. */
  readonly U: number;
  readonly cell: TunedCell;
  readonly stop: Stop;
  /** Held-out curve of its best run: tokens read, loss. */
  readonly curve: readonly (readonly [tokens: number, loss: number])[];
  readonly run: string;
  /** L(N, U)/L(N, unlimited) − 1; undefined for unlimited text, or where there is no such run of the size. */
  readonly excess: number | undefined;
  /** Why the excess is in no fit. */
  readonly leftOut: Sentence | undefined;
}

/** excess = c·(N^ratio/U)^power. */
export interface OnsetLaw {
  readonly ratio: Estimate;
  readonly power: Estimate;
  /** log excess over 1, log N, −log U (the first two centred). */
  readonly fit: LogLinearFit;
  readonly centres: readonly [logN: number, logU: number];
  readonly points: number;
}

/** What limited text does. */
export interface OverfittingAnalysis extends TableAnalysis {
  /** Ascending N, then U. */
  readonly limited: readonly LimitedCell[];
  readonly unlimited: readonly LimitedCell[];
  /** Undefined where the excesses do not determine it; `missing` then says why. */
  readonly onset: OnsetLaw | undefined;
  readonly missing: Sentence | undefined;
  /** L(N, D) of Kaplan et al. with D the text, of the stopped losses. */
  readonly kaplan: KaplanFit;
}

/** Where the held-out loss is lowest: by a parabola in log tokens through the lowest point and its neighbours. */
export function stopOf(curve: readonly CurvePoint[]): Stop {
  const k = curve.reduce((best, [, , loss], i) => (loss < curve[best][2] ? i : best), 0);
  const [, tokens, loss] = curve[k];
  if (k === 0 || k === curve.length - 1) return { loss, tokens, early: k < curve.length - 1 };
  const [x, y] = [curve.slice(k - 1, k + 2).map((point) => Math.log(point[1])), curve.slice(k - 1, k + 2).map((point) => point[2])];
  const left = (y[1] - y[0]) / (x[1] - x[0]);
  const right = (y[2] - y[1]) / (x[2] - x[1]);
  const bend = (right - left) / (x[2] - x[0]);
  if (!(bend > 0)) return { loss, tokens, early: true };
  const at = (x[0] + x[1]) / 2 - left / (2 * bend);
  return { loss: y[1] + left * (at - x[1]) + bend * (at - x[1]) * (at - x[0]), tokens: Math.exp(at), early: true };
}

/** Analyses runs over sizes and amounts of text. */
export function analyseOverfitting(records: readonly RunRecord[], options: AnalysisOptions = {}): OverfittingAnalysis {
  const { records: used, ...table } = tableOf(records, VARIED, options);
  const { resamples, seed } = table.options;
  const textOf = ({ config, epochs }: RunRecord): number =>
    epochs > 1 && config.uniqueTokens > 0 ? config.uniqueTokens : tokensRead(config);
  const rows = table.rows.map((row, i): RunRow => {
    const record = used[i];
    const loss = record.status === 'finished' && record.validation.length > 0 ? stopOf(record.validation).loss : NaN;
    return { ...row, D: textOf(record), loss };
  });
  const cells = tunedCells(rows, used);
  const isLimited = (cell: TunedCell): boolean => used[cell.best[0]].epochs > 1;
  const unlimited = cells.filter((cell) => !isLimited(cell)).map((cell) => describe(cell, undefined));
  const reference = (cell: TunedCell): TunedCell | undefined =>
    unlimited
      .filter(({ N }) => N === cell.N)
      .map((one) => one.cell)
      .sort((a, b) => b.D - a.D)[0];
  const limited = cells.filter(isLimited).map((cell) => describe(cell, reference(cell)));
  const { onset, missing } = fitOnset(limited, { resamples, seed });
  return {
    ...table,
    rows,
    limited,
    unlimited,
    onset,
    missing,
    kaplan: fitKaplan(
      limited.filter(({ cell }) => cell.edge === undefined).map(({ N, U, cell }) => ({ N, D: U, loss: cell.loss })),
      { bootstrap: { resamples, seed } },
    ),
  };

  function describe(cell: TunedCell, unlimitedCell: TunedCell | undefined): LimitedCell {
    const best = used[cell.best[0]];
    const excess = unlimitedCell && cell.loss / unlimitedCell.loss - 1;
    return {
      N: cell.N,
      U: cell.D,
      cell,
      stop: stopOf(best.validation),
      curve: best.validation.map(([, tokens, loss]) => [tokens, loss] as const),
      run: best.id,
      excess,
      leftOut:
        cell.edge !== undefined || unlimitedCell?.edge !== undefined
          ? edgeReason
          : excess === undefined
            ? reasons.noReference
            : excess < LEAST_EXCESS
              ? reasons.small
              : undefined,
    };
  }
}

const reasons = {
  noReference: { en: 'no run of this size on unlimited text', zh: '此大小没有不限文本的训练' },
  small: { en: 'less than 1 % above unlimited text: as good as unlimited', zh: '高出不限文本不到 1 %：与不限文本无异' },
} as const satisfies Record<string, Sentence>;

const LEAST_POINTS = 5;

function fitOnset(
  limited: readonly LimitedCell[],
  options: { resamples: number; seed: number },
): { onset: OnsetLaw | undefined; missing: Sentence | undefined } {
  const points = limited.filter(({ leftOut }) => leftOut === undefined);
  const sizes = new Set(points.map(({ N }) => N)).size;
  const texts = new Set(points.map(({ U }) => U)).size;
  if (points.length < LEAST_POINTS || sizes < 3 || texts < 2)
    return {
      onset: undefined,
      missing: {
        en: `The onset needs ${LEAST_POINTS} cells with at least 1 % of overfitting over 3 sizes and 2 amounts of text, and there are ${points.length} over ${sizes} and ${texts}; run smaller texts or larger models.`,
        zh: `起点的拟合需要 ${LEAST_POINTS} 个过拟合至少 1 % 的格，覆盖 3 种大小和 2 种文本量；现有 ${points.length} 个，${sizes} 种大小，${texts} 种文本量；请训练更小的文本或更大的模型。`,
      },
    };
  const mean = (of: (point: LimitedCell) => number): number => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const centres = [mean(({ N }) => Math.log(N)), mean(({ U }) => Math.log(U))] as const;
  const fit = fitLogLinear({
    terms: points.map(({ N, U }) => [1, Math.log(N) - centres[0], centres[1] - Math.log(U)]),
    y: points.map(({ excess }) => Math.log(excess!)),
    weights: points.map(() => 1),
    options,
  });
  const power = fit && logLinearEstimate(fit, [0, 0, 1]);
  if (fit === undefined || power === undefined || !(power.value > 0))
    return {
      onset: undefined,
      missing: { en: 'Overfitting does not fall with more text in these runs.', zh: '在这些训练中，过拟合并不随文本增多而减少。' },
    };
  return { onset: { ratio: ratioOf(fit), power, fit, centres, points: points.length }, missing: undefined };
}

/** Coefficient of log N over that of −log U, with the interval that Fieller's theorem gives for a ratio. */
function ratioOf({ coefficients, covariance, quantile }: LogLinearFit): Estimate {
  const [, p, q] = coefficients;
  const [pp, pq, qq] = [covariance[1][1], covariance[1][2], covariance[2][2]];
  const value = p / q;
  const t2 = quantile ** 2;
  const a = q * q - t2 * qq;
  const b = p * q - t2 * pq;
  const c = p * p - t2 * pp;
  const root = Math.sqrt(Math.max(b * b - a * c, 0));
  // The power of the text itself is not surely above zero: the ratio has no bounds.
  return a > 0 ? { value, low: (b - root) / a, high: (b + root) / a } : { value, low: NaN, high: NaN };
}
