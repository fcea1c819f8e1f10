// What each batch needs to reach a loss: S steps and E = B·S tokens, read off smoothed curves at several levels of
// loss, and the hyperbola through those batches that the trade-off speaks of. Below the most token-efficient batch
// smaller ones need more tokens, not fewer (their best learning rates no longer make up for their noise), and the
// hyperbola does not hold: such batches are left out.
import type { Sentence } from '../messages/sentence.ts';
import { criticalBatchSentence } from './critical-batch-sentences.ts';
import type { FitStatus } from './fit.ts';
import { fitHyperbola, type Hyperbola } from './hyperbola.ts';
import { groupBy, type RunCurve, type RunCurves } from './run-curves.ts';
import { firstFallTo, smoothCurve, type SmoothCurve } from './smooth-curve.ts';
import { belowMostEfficient, type BatchOfSize } from './token-efficient.ts';

/** One run at one level of loss. */
export interface LevelPoint {
  /** Index into the curves. */
  readonly curve: number;
  /** Batch, tokens. */
  readonly B: number;
  /** Steps to the loss. */
  readonly S: number;
  /** Tokens to the loss, B·S. */
  readonly E: number;
}

/** One level of loss of one model size. Smin, Emin, Bcrit are NaN unless `converged`. */
export interface CriticalBatchLevel {
  /** Parameters; undefined where the table has none. */
  readonly N: number | undefined;
  /** Nats per token. */
  readonly loss: number;
  readonly Smin: number;
  /** Tokens. */
  readonly Emin: number;
  /** Tokens, E_min/S_min. */
  readonly Bcrit: number;
  readonly status: FitStatus;
  readonly message: Sentence;
  /** Runs that carry the hyperbola, ascending B. */
  readonly points: readonly LevelPoint[];
  /** Runs that reached the loss at a batch below the most token-efficient one. */
  readonly below: readonly LevelPoint[];
  /** The hyperbola through this level's points alone; undefined where they are too few or too close. */
  readonly hyperbola: Hyperbola | undefined;
}

/** What became of the curves: the levels, and for each curve whether a level uses it, else why not. */
export interface LevelSearch {
  readonly levels: readonly CriticalBatchLevel[];
  readonly reasons: readonly (Sentence | undefined)[];
}

/** A hyperbola's two parameters and two more. */
export const LEAST_BATCHES = 4;

/** Batches must span this factor at a level. */
export const LEAST_BATCH_RATIO = 3;

/** Levels lie where at least this share of the batches (and the fewest that a hyperbola needs) pass. */
const SHARE_OF_BATCHES = 0.4;

/** A log B_crit with a standard error above this (a factor of about 3 either way) says little at one level. */
const LARGEST_ERROR = 1.1;

/** A B_crit whose 95 % interval reaches more than this factor either way, at the middle loss, is not an estimate. */
export const WIDEST_FACTOR = 10;

/** Levels at which each size is looked at, and their hyperbolas. */
export function criticalBatchLevels({ curves, ratesTried }: RunCurves, count: number | readonly number[]): LevelSearch {
  const smooth = curves.map((curve) => smoothCurve(curve.rows.map((_, i) => [Math.exp(curve.logS[i]), Math.exp(curve.logLoss[i])])));
  const reasons = new Array<Sentence | undefined>(curves.length).fill(criticalBatchSentence.noLevel);
  smooth.forEach((curve, index) => {
    if (curve === undefined) reasons[index] = criticalBatchSentence.tooShort;
  });
  const levels: CriticalBatchLevel[] = [];
  const bySize = groupBy([...curves.keys()], (index) => curves[index].N);
  for (const [N, members] of bySize) {
    const size = members.filter((index) => smooth[index] !== undefined);
    const reached = levelsOf(curves, smooth, size, count).map((logLoss) => readLevel(curves, smooth, size, logLoss, ratesTried, reasons));
    levels.push(...judgeLevels(N, aboveMostEfficient(reached)));
  }
  const used = new Set(levels.flatMap(({ hyperbola, points }) => (hyperbola === undefined ? [] : points.map(({ curve }) => curve))));
  const below = new Set(levels.flatMap((level) => level.below.map(({ curve }) => curve)));
  const unfitted = new Map(
    levels.flatMap(({ hyperbola, message, points }) => (hyperbola !== undefined ? [] : points.map(({ curve }) => [curve, message]))),
  );
  return {
    levels,
    reasons: reasons.map((reason, index) =>
      used.has(index) ? undefined : below.has(index) ? criticalBatchSentence.belowMostEfficient : (unfitted.get(index) ?? reason),
    ),
  };
}

/** Log losses, descending, spread evenly over the stretch that most batches pass through. */
function levelsOf(
  curves: readonly RunCurve[],
  smooth: readonly (SmoothCurve | undefined)[],
  members: readonly number[],
  count: number | readonly number[],
): number[] {
  if (typeof count !== 'number') return [...count].map(Math.log).sort((a, b) => b - a);
  const batches = [...groupBy(members, (index) => curves[index].B)].map(([B, group]): BatchOfSize => {
    const ofBatch = group.map((index) => smooth[index]!);
    return {
      B,
      logStepsTo: (level) => {
        const first = ofBatch.reduce((least, curve) => Math.min(least, firstFallTo(curve, level) ?? Infinity), Infinity);
        return first === Infinity ? NaN : first;
      },
      from: Math.max(...ofBatch.map(({ grid }) => grid[0])),
      to: Math.min(...ofBatch.map(({ lowest }) => lowest)),
    };
  });
  const below = belowMostEfficient(batches);
  const ranges = batches.filter((_, i) => !below.has(i));
  const most = Math.ceil(SHARE_OF_BATCHES * ranges.length);
  const wanted = Math.min(ranges.length, Math.max(LEAST_BATCHES, most)) - 1;
  if (wanted < 0) return [];
  const top = ranges.map(({ from }) => from).sort((a, b) => b - a)[wanted];
  const bottom = ranges.map(({ to }) => to).sort((a, b) => a - b)[wanted];
  if (!(top > bottom)) return [];
  return Array.from({ length: count }, (_, k) => top - ((top - bottom) * (k + 0.5)) / count);
}

/** Every batch that reaches a level, and the one that needs the fewest tokens (NaN where none reaches it). */
interface ReadLevel {
  readonly logLoss: number;
  readonly points: readonly LevelPoint[];
  readonly cheapest: number;
}

type SplitLevel = Pick<CriticalBatchLevel, 'points' | 'below'> & { readonly logLoss: number };

/** Levels on either side over which the most token-efficient batch is taken (as a median): of one level noise picks it. */
const NEIGHBOURS = 2;

/** Splits each level at the most token-efficient batch, which moves slowly along the curves. */
function aboveMostEfficient(levels: readonly ReadLevel[]): SplitLevel[] {
  return levels.map(({ logLoss, points }, k) => {
    const around = levels
      .slice(Math.max(0, k - NEIGHBOURS), k + NEIGHBOURS + 1)
      .flatMap(({ cheapest }) => (cheapest > 0 ? [cheapest] : []))
      .sort((a, b) => a - b);
    const least = around[(around.length - 1) >> 1] ?? 0;
    return { logLoss, points: points.filter(({ B }) => B >= least), below: points.filter(({ B }) => B < least) };
  });
}

/** Steps to one loss at every batch: at each the learning rate that gets there first, its seeds side by side. */
function readLevel(
  curves: readonly RunCurve[],
  smooth: readonly (SmoothCurve | undefined)[],
  members: readonly number[],
  logLoss: number,
  ratesTried: RunCurves['ratesTried'],
  reasons: (Sentence | undefined)[],
): ReadLevel {
  const batches: { logE: number; points: LevelPoint[] }[] = [];
  for (const [B, group] of groupBy(members, (index) => curves[index].B)) {
    const rates = [...groupBy(group, (index) => curves[index].lr)].flatMap(([lr, seeds]) => {
      const logS = seeds.map((index) => firstFallTo(smooth[index]!, logLoss) ?? NaN);
      // Seeds that did not get there would be missing from the mean: the learning rate is judged by all or not at all.
      return logS.every(Number.isFinite) ? [{ lr, seeds, logS, mean: logS.reduce((sum, value) => sum + value, 0) / logS.length }] : [];
    });
    if (rates.length === 0) continue;
    const best = rates.reduce((first, rate) => (rate.mean < first.mean ? rate : first));
    for (const index of group) reasons[index] = criticalBatchSentence.slowerRate;
    const tried = ratesTried(curves[group[0]].N, B);
    if (tried.length > 1 && (best.lr === tried[0] || best.lr === tried.at(-1))) {
      for (const index of best.seeds) reasons[index] = criticalBatchSentence.rateAtEdge;
      continue;
    }
    batches.push({
      logE: best.mean + Math.log(B),
      points: best.seeds.map((curve, i) => ({ curve, B, S: Math.exp(best.logS[i]), E: B * Math.exp(best.logS[i]) })),
    });
  }
  batches.sort((a, b) => a.points[0].B - b.points[0].B);
  const cheapest = batches.reduce((best, { logE }, i) => (logE < (batches[best]?.logE ?? Infinity) ? i : best), -1);
  return { logLoss, points: batches.flatMap(({ points }) => points), cheapest: batches[cheapest]?.points[0].B ?? NaN };
}

/** Fits each level, and judges it by the scatter of all levels of its size: one level's few batches say little of their own. */
function judgeLevels(N: number | undefined, reached: readonly SplitLevel[]): CriticalBatchLevel[] {
  const fitted = reached.map(({ points }) => (designProblem(points) === undefined ? hyperbolaOf(points) : undefined));
  let squares = 0;
  let freedom = 0;
  fitted.forEach((hyperbola, i) => {
    if (hyperbola?.status !== 'converged') return;
    squares += hyperbola.sumOfSquares;
    freedom += reached[i].points.length - 2;
  });
  const variance = freedom > 0 ? squares / freedom : 0;
  return reached.map(({ logLoss, points, below }, i): CriticalBatchLevel => {
    const hyperbola = fitted[i];
    const { status, message } = judge(points, hyperbola, variance);
    const good = status === 'converged' && hyperbola !== undefined;
    return {
      N,
      loss: Math.exp(logLoss),
      Smin: good ? Math.exp(hyperbola.logEmin - hyperbola.logBcrit) : NaN,
      Emin: good ? Math.exp(hyperbola.logEmin) : NaN,
      Bcrit: good ? Math.exp(hyperbola.logBcrit) : NaN,
      status,
      message,
      points,
      below,
      hyperbola,
    };
  });
}

type Judgement = Pick<CriticalBatchLevel, 'status' | 'message'>;

function judge(points: readonly LevelPoint[], hyperbola: Hyperbola | undefined, variance: number): Judgement {
  const problem = designProblem(points);
  if (problem !== undefined || hyperbola === undefined) return problem!;
  if (hyperbola.status === 'not converged') return { status: 'not converged', message: criticalBatchSentence.levelNotConverged };
  const uncertain = Math.sqrt(variance * hyperbola.variance) > LARGEST_ERROR;
  if (hyperbola.status === 'bound hit' || uncertain) {
    return {
      status: 'not identified',
      message: whyUncertain(
        hyperbola.logBcrit,
        points.map(({ B }) => Math.log(B)),
      ),
    };
  }
  return { status: 'converged', message: criticalBatchSentence.level(Math.exp(hyperbola.logBcrit)) };
}

/** What to run next when a critical batch is too uncertain: batches on its side of those run, or more of them. */
export function whyUncertain(logBcrit: number, logB: readonly number[]): Sentence {
  const low = logB.reduce((least, value) => Math.min(least, value), Infinity);
  const high = logB.reduce((most, value) => Math.max(most, value), -Infinity);
  if (logBcrit > high) return criticalBatchSentence.oneSided('larger');
  return logBcrit < low ? criticalBatchSentence.oneSided('smaller') : criticalBatchSentence.tooNoisy;
}

function designProblem(points: readonly LevelPoint[]): Judgement | undefined {
  const batches = new Set(points.map(({ B }) => B));
  if (batches.size === 0) return { status: 'not enough points', message: criticalBatchSentence.tooFewBatches(0, LEAST_BATCHES) };
  const ratio = Math.max(...batches) / Math.min(...batches);
  if (batches.size > 1 && ratio < LEAST_BATCH_RATIO * (1 - 1e-9))
    return { status: 'range too narrow', message: criticalBatchSentence.batchesTooClose(ratio, LEAST_BATCH_RATIO) };
  if (batches.size < LEAST_BATCHES)
    return { status: 'not enough points', message: criticalBatchSentence.tooFewBatches(batches.size, LEAST_BATCHES) };
  return undefined;
}

function hyperbolaOf(points: readonly LevelPoint[]): Hyperbola {
  return fitHyperbola(
    points.map(({ B }) => Math.log(B)),
    points.map(({ E }) => Math.log(E)),
  );
}
