// The ladder of counts: the same runs refitted under each convention of N and C, and what every step from one count to
// the next does to the exponents of N_opt(C) and L_opt(C). Why two laboratories with equal runs can publish 0.73 and
// 0.50 (Pearce & Song, arXiv 2406.12907; Porian et al., arXiv 2406.19146).
//
// Intervals as in Porian et al.: noise of the size that the runs show is added to their losses and everything from the
// interpolation on is done again. All conventions see the same noise, so that the difference between two of them is
// known better than either. How large the noise is, the residuals of the parabolas say; how much of it interpolation
// and parabolas leave in residuals is found by passing noise of known size through them.
import type { Sentence } from '../messages/sentence.ts';
import { InputError } from '../messages/sentence.ts';
import { countingConventions, type CountingConvention, type ModelCounts } from './accounting-counts.ts';
import {
  budgetsOf,
  countedSizes,
  lossesOverTokens,
  optimaAt,
  squaresThrough,
  type AccountingOptimum,
  type CountedRun,
  type CountedSizes,
} from './accounting-optima.ts';
import { accountingSentence } from './accounting-sentences.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { enoughPoints, firstProblem, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Bootstrap, Estimate, Fit, FitStatus, LeftOut } from './fit.ts';
import { createRandom, type Random } from './random.ts';
import { weightedLeastSquares } from './regression.ts';
import { sentences } from './sentences.ts';
import { intervalFromSamples, withoutInterval } from './statistics.ts';

export type { AccountingOptimum, CountedRun } from './accounting-optima.ts';

/** N_opt = N.c·C^a and L_opt − floor ∝ C^−loss; `.c` in parameters. */
export type AccountingParameter = 'a' | 'N.c' | 'loss';

/** Choices of the ladder. */
export interface AccountingOptions {
  /** In the order of the ladder; default all. */
  readonly conventions?: readonly CountingConvention[];
  /** Irreducible loss taken off before the exponent of the loss is fitted, nats per token; default 0, as Kaplan et al. */
  readonly floor?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** The exponents under one count. Residuals are log N_opt − log fitted, one per budget used. */
export interface AccountingRung extends Fit<AccountingParameter> {
  readonly law: 'accounting';
  readonly convention: CountingConvention;
  /** One per budget, ascending C. */
  readonly optima: readonly AccountingOptimum[];
  /** a minus the a of the rung before it that has one, both from the same resamples; undefined for the first. */
  readonly step: Estimate | undefined;
}

/** All counts of the same runs. */
export interface AccountingLadder {
  /** `converged` when any rung is. */
  readonly status: FitStatus;
  readonly message: Sentence;
  /** In the order of the conventions. */
  readonly rungs: readonly AccountingRung[];
  readonly used: readonly number[];
  readonly left: readonly LeftOut[];
  /** Standard deviation of the noise of a run as the residuals show it, relative to the loss; NaN without rungs. */
  readonly noise: number;
}

/** Sizes with curves that the ladder needs. */
const LEAST_SIZES = 6;

/** Budgets with an interior optimum that a line needs. */
const LEAST_BUDGETS = 4;

/** Draws that calibrate what noise leaves in residuals, and their size: small, so that the curves through losses answer linearly. */
const CALIBRATION = { draws: 60, size: 1e-5 } as const;

/**
 * Fits N_opt(C) and L_opt(C) under each count. Sizes and D may be any grid (each size at two D or more), or training curves.
 * @throws InputError for a floor that is not below every loss
 */
export function accountingLadder(runs: readonly CountedRun[], options: AccountingOptions = {}): AccountingLadder {
  const { conventions = countingConventions, floor = 0, bootstrap: { resamples = 1000, seed = 0, onProgress } = {} } = options;
  const { rows, left } = usable(runs);
  const lowest = rows.reduce((least, row) => Math.min(least, runs[row].loss), Infinity);
  if (!(floor < lowest)) throw new InputError(accountingSentence.floorTooHigh(floor, lowest));
  const sizes = countedSizes(runs, rows);
  left.push(...sizes.lone.map((row) => ({ row, reason: accountingSentence.oneTokenCount })));
  left.sort((first, second) => first.row - second.row);
  const lone = new Set(sizes.lone);
  const used = rows.filter((row) => !lone.has(row));
  const design = firstProblem(
    sizes.sizes.length < LEAST_SIZES ? enoughPoints(sizes.sizes.length, LEAST_SIZES - 2, accountingSentence.sizes) : undefined,
    wideEnough(
      sizes.sizes.map(({ counts }) => counts.nonEmbedding),
      'N',
    ),
  );
  const refuse = (convention: CountingConvention, problem: DesignProblem, optima: readonly AccountingOptimum[] = []): AccountingRung => ({
    ...refused<AccountingParameter>({ law: 'accounting', problem, left, used }),
    law: 'accounting',
    convention,
    optima,
    step: undefined,
  });
  if (design !== undefined) {
    const rungs = conventions.map((convention) => refuse(convention, design));
    return { status: design.status, message: design.message, rungs, used, left, noise: NaN };
  }

  const losses = lossesOverTokens(sizes);
  const tried = conventions.map((convention) => {
    const optima = optimaAt(sizes, losses, convention, budgetsOf(sizes, convention));
    const inside = optima.filter(({ status }) => status === 'inside');
    const budgets = inside.map(({ C }) => Math.log(C));
    const line = lineThrough(optima, floor);
    return { convention, optima, inside, budgets, line, problem: problemOf(optima) };
  });
  const counted = tried.filter(({ problem, line }) => problem === undefined && line !== undefined);
  const { noise, degreesOfFreedom } = noiseOf(sizes, counted, createRandom(seed));
  const lines = counted.map(() => [] as { a: number; c: number; loss: number }[]);
  const random = createRandom(seed + 1);
  for (let draw = 0; draw < resamples && counted.length > 0; draw++) {
    const noisy = lossesOverTokens(sizes, normals(random, sizes.units, noise));
    const drawn = counted.map(({ convention, budgets }) => lineThrough(optimaAt(sizes, noisy, convention, budgets), floor));
    // Kept or dropped together: rungs are compared draw by draw.
    if (drawn.every((line) => line !== undefined)) drawn.forEach((line, k) => lines[k].push(line));
    if ((draw + 1) % 50 === 0) onProgress?.((draw + 1) / resamples);
  }
  const trusted = lines.length > 0 && lines[0].length >= 0.8 * resamples && resamples > 0;
  const estimate = (value: number, samples: readonly number[]): Estimate =>
    trusted ? centred(value, samples, degreesOfFreedom) : withoutInterval(value);
  const bootstrap: Bootstrap | undefined = resamples > 0 ? { unit: 'runs', resamples, seed } : undefined;

  const rungs = tried.map(({ convention, optima, line, problem }): AccountingRung => {
    const index = counted.findIndex((rung) => rung.convention === convention);
    if (index < 0 || line === undefined) return refuse(convention, problem ?? notFound(optima), optima);
    const samples = lines[index];
    const before = counted[index - 1]?.line;
    const of = (name: 'a' | 'c' | 'loss'): Estimate =>
      estimate(
        line[name],
        samples.map((sample) => sample[name]),
      );
    const [a, loss, factor] = [of('a'), of('loss'), of('c')];
    return {
      law: 'accounting',
      status: 'converged',
      message: accountingSentence.found(a, loss, line.residuals.length),
      parameters: { a, loss, 'N.c': { value: Math.exp(factor.value), low: Math.exp(factor.low), high: Math.exp(factor.high) } },
      objective: { name: 'ls', value: line.residuals.reduce((sum, residual) => sum + residual * residual, 0) / 2 },
      used,
      left,
      residuals: line.residuals,
      bootstrap,
      convention,
      optima,
      step:
        before === undefined
          ? undefined
          : estimate(
              line.a - before.a,
              samples.map((sample, i) => sample.a - lines[index - 1][i].a),
            ),
    };
  });
  const exponents = counted.map(({ line }) => line!.a);
  return {
    status: counted.length > 0 ? 'converged' : rungs[0].status,
    message:
      counted.length > 0
        ? accountingSentence.ladder(counted.length, conventions.length, Math.min(...exponents), Math.max(...exponents))
        : rungs[0].message,
    rungs,
    used,
    left,
    noise,
  };
}

function usable(runs: readonly CountedRun[]): { rows: number[]; left: LeftOut[] } {
  const left: LeftOut[] = [];
  const positive = (value: number): boolean => value > 0 && Number.isFinite(value);
  const rows = [...runs.keys()].filter((row) => {
    const { counts, D, loss, status } = runs[row];
    const { nonEmbedding, total, flopsPerToken, head } = counts satisfies ModelCounts;
    const reason =
      status === 'diverged'
        ? sentences.diverged
        : status === 'failed'
          ? sentences.failed
          : !positive(loss)
            ? sentences.notPositive('loss')
            : !positive(D)
              ? sentences.notPositive('D')
              : [nonEmbedding, total, flopsPerToken].every(positive) && head >= 0
                ? undefined
                : accountingSentence.badCounts;
    if (reason !== undefined) left.push({ row, reason });
    return reason === undefined;
  });
  return { rows, left };
}

interface Line {
  readonly a: number;
  /** log N_opt at C = 1. */
  readonly c: number;
  readonly loss: number;
  readonly residuals: readonly number[];
}

/** log N_opt and log (L_opt − floor) as lines in log C; undefined with too few optima. */
function lineThrough(optima: readonly AccountingOptimum[], floor: number): Line | undefined {
  const inside = optima.filter(({ status, loss }) => status === 'inside' && loss > floor);
  if (inside.length < LEAST_BUDGETS) return undefined;
  const x = inside.map(({ C }) => Math.log(C));
  const centre = x.reduce((sum, value) => sum + value, 0) / x.length;
  const terms = x.map((value) => [1, value - centre]);
  const size = weightedLeastSquares(
    terms,
    inside.map(({ N }) => Math.log(N)),
  );
  const loss = weightedLeastSquares(
    terms,
    inside.map((optimum) => Math.log(optimum.loss - floor)),
  );
  if (size.status === 'rank deficient' || loss.status === 'rank deficient') return undefined;
  const [middle, a] = size.coefficients;
  return { a, c: middle - a * centre, loss: -loss.coefficients[1], residuals: [...size.residuals] };
}

function problemOf(optima: readonly AccountingOptimum[]): DesignProblem | undefined {
  const inside = optima.filter(({ status }) => status === 'inside');
  return inside.length < LEAST_BUDGETS
    ? notFound(optima)
    : wideEnough(
        inside.map(({ C }) => C),
        'C',
      );
}

function notFound(optima: readonly AccountingOptimum[]): DesignProblem {
  const count = (wanted: AccountingOptimum['status']): number => optima.filter(({ status }) => status === wanted).length;
  const [small, large] = [count('at the small edge'), count('at the large edge')];
  const most = small + large === 0 ? undefined : small > large ? 'small' : 'large';
  return {
    status: most === undefined ? 'not enough points' : 'at the edge',
    message: accountingSentence.tooFewBudgets(count('inside'), small + large, LEAST_BUDGETS, most),
  };
}

/** σ of log losses from the residuals of all parabolas, and for how many independent residuals they count. */
function noiseOf(
  sizes: CountedSizes,
  rungs: readonly { readonly convention: CountingConvention; readonly inside: readonly AccountingOptimum[] }[],
  random: Random,
): { noise: number; degreesOfFreedom: number } {
  if (rungs.length === 0) return { noise: NaN, degreesOfFreedom: NaN };
  const squares = (losses: readonly ((logD: number) => number)[]): number[] =>
    rungs.map(({ convention, inside }) => squaresThrough(sizes, losses, convention, inside));
  const observed = squares(lossesOverTokens(sizes));
  const perUnit: number[][] = rungs.map(() => []);
  for (let draw = 0; draw < CALIBRATION.draws; draw++) {
    const noise = normals(random, sizes.units, CALIBRATION.size);
    const [plus, minus] = [noise, noise.map((value) => -value)].map((each) => squares(lossesOverTokens(sizes, each)));
    // Residuals are linear in log losses: of noise and its opposite the products with the residuals themselves cancel.
    perUnit.forEach((list, k) => list.push((plus[k] + minus[k] - 2 * observed[k]) / (2 * CALIBRATION.size ** 2)));
  }
  let left = 0;
  let degreesOfFreedom = Infinity;
  for (const list of perUnit) {
    const mean = list.reduce((sum, value) => sum + value, 0) / list.length;
    const variance = list.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (list.length - 1);
    left += mean;
    // Satterthwaite, Biometrics Bulletin 2, 1946: a sum of squares with this mean and variance has that many degrees.
    degreesOfFreedom = Math.min(degreesOfFreedom, (2 * mean * mean) / variance);
  }
  const noise = Math.sqrt(observed.reduce((sum, value) => sum + value, 0) / left);
  return { noise: Number.isFinite(noise) ? noise : 0, degreesOfFreedom: Math.max(1, degreesOfFreedom) };
}

function normals(random: Random, count: number, size: number): Float64Array {
  const values = new Float64Array(count);
  for (let i = 0; i < count; i++) values[i] = size * random.normal();
  return values;
}

/** The spread of resamples around the estimate: noise on top of noise shifts minima, and that shift is no doubt of its own. */
function centred(value: number, samples: readonly number[], degreesOfFreedom: number): Estimate {
  const mean = samples.reduce((sum, sample) => sum + sample, 0) / samples.length;
  return intervalFromSamples(
    value,
    samples.map((sample) => sample - mean + value),
    { degreesOfFreedom },
  );
}
