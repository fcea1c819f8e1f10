// The critical batch from loss curves at several batch sizes: at each of several losses the hyperbola between steps and
// tokens, then B_crit(L) = B_*/L^{1/α_B} over the losses. McCandlish et al., arXiv 1812.06162; Kaplan et
// al., arXiv 2001.08361, section 5.1, eq. 5.1–5.3, who find B_crit independent of the model's size: sizes are pooled.
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import type { CriticalBatchConstants } from './critical-batch-forms.ts';
import {
  criticalBatchLevels,
  LEAST_BATCHES,
  LEAST_BATCH_RATIO,
  WIDEST_FACTOR,
  whyUncertain,
  type CriticalBatchLevel,
  type LevelSearch,
} from './critical-batch-levels.ts';
import { criticalBatchSentence } from './critical-batch-sentences.ts';
import { enoughPoints, firstProblem, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, LeftOut, RunRow } from './fit.ts';
import type { Random } from './random.ts';
import { weightedLeastSquares } from './regression.ts';
import { groupBy, runCurves, type RunCurve } from './run-curves.ts';
import { sentences } from './sentences.ts';
import { intervalFromSamples, studentQuantile, withoutInterval } from './statistics.ts';
import { fitTiedHyperbolas, heightError, withoutOwnRun, type TiedHyperbolas, type TiedPoint } from './tied-hyperbolas.ts';

/** B_crit(L) = Bstar/L^{1/alphaB}, in tokens, L in nats per token. */
export type CriticalBatchParameter = 'Bstar' | 'alphaB';

/** Choices of the fit. */
export interface CriticalBatchOptions {
  /** How many levels of loss each size is read at (spread over what most of its batches reach), or the losses themselves, nats per token. Default 10. */
  readonly levels?: number | readonly number[];
  /** Share of each run's steps, from its start, that is not read: the warm-up. Default 0.05. Tables of final losses are read whole. */
  readonly warmup?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** The fitted law. Residuals are log E − fitted log E, one per point of the levels that have a hyperbola, in their order. */
export interface CriticalBatchFit extends Fit<CriticalBatchParameter> {
  readonly law: 'critical-batch';
  /** Ascending N, descending loss. */
  readonly levels: readonly CriticalBatchLevel[];
  /** log B_crit as a line in log L, with its resamples, for drawing with its band; undefined unless the fit converged. */
  readonly line: CriticalBatchLine | undefined;
}

/** log B_crit = height − slope·(log L − centre). */
export interface CriticalBatchLine {
  readonly centre: number;
  readonly height: number;
  readonly slope: number;
  /** One entry per resample. */
  readonly heights: Float64Array;
  readonly slopes: Float64Array;
  readonly degreesOfFreedom: number;
}

/** The losses of the levels must span this factor: B_crit goes by about the fifth power of the loss, so little is enough. */
const LEAST_LOSS_RATIO = 1.1;

/** Points times resamples that a fit of very many runs may cost, and the fewest resamples whatever it costs. */
const MOST_WORK = 4_000_000;
const FEWEST_RESAMPLES = 30;

const DEFAULT_LEVELS = 10;
const DEFAULT_WARMUP = 0.05;

/** Fits the law to curves (rows of one `run`), or to final losses of each batch at several lengths. N may be absent. */
export function fitCriticalBatch(table: readonly RunRow[], options: CriticalBatchOptions = {}): CriticalBatchFit {
  const { levels: count = DEFAULT_LEVELS, warmup = DEFAULT_WARMUP, bootstrap = {} } = options;
  const read = runCurves(table, { warmup, withN: false });
  const { curves } = read;
  const search = criticalBatchLevels(read, count);
  const { levels } = search;
  const left = leftRows(curves, search, read.left);
  const used = curves.flatMap(({ rows }, i) => (search.reasons[i] === undefined ? rows : [])).sort((a, b) => a - b);
  const good = levels.filter(isReady);
  const refuse = (problem: DesignProblem): CriticalBatchFit => ({
    ...refused<CriticalBatchParameter>({ law: 'critical-batch', problem, left, used }),
    law: 'critical-batch',
    levels,
    line: undefined,
  });
  const problem = designProblem(curves, levels, good);
  if (problem !== undefined) return refuse(problem);

  const centre = good.reduce((sum, { loss }) => sum + Math.log(loss), 0) / good.length;
  const losses = good.map(({ loss }) => Math.log(loss) - centre);
  const points = good.flatMap((level, l) =>
    level.points.map(({ curve, B, E }): TiedPoint => ({ level: l, run: curve, logB: Math.log(B), logE: Math.log(E) })),
  );
  const fit = fitTiedHyperbolas(points, losses, startOf(good, losses));
  const { height, slope } = fit;

  const runs = new Set(points.map(({ run }) => run));
  const sizes = new Set(good.map(({ N }) => N)).size;
  // Each size spends a run on its own E_min, all together two on B_crit; the points of one run are one observation.
  const degreesOfFreedom = Math.max(1, runs.size - sizes - 2);
  const unfit = judge(fit, points, degreesOfFreedom);
  if (unfit !== undefined) return refuse(unfit);
  const { resamples = 1000 } = bootstrap;
  const {
    samples,
    parameters,
    bootstrap: drawn,
  } = bootstrapParameters<'Bstar' | 'slope' | 'height'>({
    values: { Bstar: Math.exp(height + slope * centre), slope, height },
    unit: [...runs].every((index) => curves[index].oneRun) ? 'runs' : 'cells',
    options: { ...bootstrap, resamples: Math.min(resamples, Math.max(FEWEST_RESAMPLES, Math.floor(MOST_WORK / points.length))) },
    degreesOfFreedom,
    factors: ['Bstar'],
    draw: redraw(fit, points, losses, centre, curves.length),
  });
  const alphaB = reciprocal(parameters.slope);
  const middle = Math.exp(centre);
  return {
    law: 'critical-batch',
    status: 'converged',
    message: criticalBatchSentence.found({
      Bstar: parameters.Bstar,
      alphaB,
      levels: good.length,
      batches: new Set(good.flatMap(({ points }) => points.map(({ B }) => B))).size,
      middle: { loss: middle, Bcrit: Math.exp(height) },
    }),
    parameters: { Bstar: parameters.Bstar, alphaB },
    objective: { name: 'ls', value: fit.sumOfSquares / 2 },
    used,
    left,
    residuals: [...fit.residuals],
    bootstrap: drawn.resamples > 0 ? drawn : undefined,
    levels,
    line: { centre, height, slope, heights: samples.height, slopes: samples.slope, degreesOfFreedom },
  };
}

/** B_crit at a loss, tokens, with its 95 % interval; undefined unless the fit converged. */
export function criticalBatchAt(fit: CriticalBatchFit, loss: number): Estimate | undefined {
  if (fit.line === undefined) return undefined;
  const { centre, height, slope, heights, slopes, degreesOfFreedom } = fit.line;
  const away = Math.log(loss) - centre;
  const value = Math.exp(height - slope * away);
  if (heights.length === 0) return withoutInterval(value);
  return intervalFromSamples(
    value,
    heights.map((sample, i) => Math.exp(sample - slopes[i] * away)),
    { degreesOfFreedom, scale: 'log' },
  );
}

/** The constants of a fit for the forms of `critical-batch-forms.ts`; undefined unless it converged. */
export function criticalBatchConstants({ parameters }: CriticalBatchFit): CriticalBatchConstants | undefined {
  const { Bstar, alphaB } = parameters;
  return Bstar === undefined || alphaB === undefined ? undefined : { batch: Bstar.value, alpha: alphaB.value };
}

/** An estimate of 1/x from one of x > 0; where the interval of x reaches zero, its reciprocal has no upper end. */
export function reciprocal({ value, low, high }: Estimate): Estimate {
  return { value: 1 / value, low: 1 / high, high: low > 0 ? 1 / low : Number.isNaN(low) ? NaN : Infinity };
}

/** A level with enough batches for a hyperbola, whether or not they determine its critical batch on their own. */
type ReadyLevel = CriticalBatchLevel & { readonly hyperbola: NonNullable<CriticalBatchLevel['hyperbola']> };

const isReady = (level: CriticalBatchLevel): level is ReadyLevel => level.hyperbola !== undefined;

/**
 * Resamples over runs: each run's whole curve of residuals is multiplied by one standard normal of its own (the wild
 * bootstrap of Wu, Annals of Statistics 14, 1986, with runs as the unit), and everything is fitted again. No batch is
 * ever missing from a resample, so one run a batch is enough.
 */
function redraw(
  fit: TiedHyperbolas,
  points: readonly TiedPoint[],
  losses: readonly number[],
  centre: number,
  curves: number,
): (random: Random) => Record<'Bstar' | 'slope' | 'height', number> | undefined {
  const freed = withoutOwnRun(fit, points);
  return (random) => {
    const sign = Float64Array.from({ length: curves }, () => random.normal());
    const logE = points.map(({ run, logE: observed }, i) => observed - fit.residuals[i] + sign[run] * freed[i]);
    const { status, height, slope } = fitTiedHyperbolas(points, losses, fit, logE);
    return status === 'converged' ? { Bstar: Math.exp(height + slope * centre), slope, height } : undefined;
  };
}

/** The levels' own critical batches regressed on the loss, each weighted by how well it is determined. */
function startOf(levels: readonly ReadyLevel[], losses: readonly number[]): { height: number; slope: number } {
  const line = weightedLeastSquares(
    losses.map((loss) => [1, -loss]),
    levels.map(({ hyperbola }) => hyperbola.logBcrit),
    levels.map(({ hyperbola }) => 1 / Math.max(hyperbola.variance, 1e-300)),
  );
  return line.status === 'full rank'
    ? { height: line.coefficients[0], slope: line.coefficients[1] }
    : { height: levels[0].hyperbola.logBcrit, slope: 0 };
}

/** Why a tied fit is no estimate. */
function judge(fit: TiedHyperbolas, points: readonly TiedPoint[], degreesOfFreedom: number): DesignProblem | undefined {
  const uncertain: DesignProblem = {
    status: 'not identified',
    message: whyUncertain(
      fit.height,
      points.map(({ logB }) => logB),
    ),
  };
  if (fit.inverse === undefined) return uncertain;
  if (fit.status === 'not converged') return { status: 'not converged', message: sentences.notConverged };
  if (studentQuantile(0.95, degreesOfFreedom) * heightError(fit, points) > Math.log(WIDEST_FACTOR)) return uncertain;
  return fit.slope > 0 ? undefined : { status: 'not identified', message: criticalBatchSentence.notRising };
}

function designProblem(
  curves: readonly RunCurve[],
  levels: readonly CriticalBatchLevel[],
  good: readonly ReadyLevel[],
): DesignProblem | undefined {
  const rows = curves.reduce((sum, curve) => sum + curve.rows.length, 0);
  const batches = [...groupBy(curves, ({ N }) => N).values()].map((size) => new Set(size.map(({ B }) => B)).size);
  const most = Math.max(0, ...batches);
  const first = firstProblem(
    enoughPoints(rows, LEAST_BATCHES - 2),
    wideEnough(
      curves.map(({ B }) => B),
      'B',
      LEAST_BATCH_RATIO,
    ),
    enoughPoints(most, LEAST_BATCHES - 2, criticalBatchSentence.batches),
  );
  if (first !== undefined) return first;
  if (levels.length === 0) return { status: 'range too narrow', message: criticalBatchSentence.lossTooNarrow(1, LEAST_LOSS_RATIO) };
  // What most levels that failed say is what to do about it.
  const failed = [...groupBy(levels, ({ status }) => status).values()].filter(([{ status }]) => status !== 'converged');
  const commonest = failed.sort((a, b) => b.length - a.length)[0]?.at(-1);
  const tooFew = enoughPoints(good.length, 2, criticalBatchSentence.levels);
  if (tooFew !== undefined && commonest !== undefined && commonest.status !== 'converged')
    return { status: commonest.status, message: commonest.message };
  return firstProblem(tooFew, lossRange(good.map(({ loss }) => loss)));
}

function lossRange(losses: readonly number[]): DesignProblem | undefined {
  const ratio = Math.max(...losses) / Math.min(...losses);
  return ratio >= LEAST_LOSS_RATIO
    ? undefined
    : { status: 'range too narrow', message: criticalBatchSentence.lossTooNarrow(ratio, LEAST_LOSS_RATIO) };
}

function leftRows(curves: readonly RunCurve[], { reasons }: LevelSearch, before: readonly LeftOut[]): LeftOut[] {
  const left = [...before];
  curves.forEach(({ rows }, index) => {
    const reason = reasons[index];
    if (reason !== undefined) for (const row of rows) left.push({ row, reason });
  });
  return left.sort((a, b) => a.row - b.row);
}
