// Whole loss curves under any learning rate schedule: L(s) = L0 + A·S1^−α − C·S2, S1 the sum of learning rates up to
// step s and S2 the area that annealing has gathered (annealing-areas.ts). Fitted to one curve or to several under
// different schedules, it predicts the curve of a schedule that was never run.
// Tissue et al., "Scaling Law with Learning Rate Annealing", arXiv 2408.11029; fitted as there by Huber's loss
// with δ = 10⁻³ on log loss. There λ is a constant chosen beforehand; here it may also be fitted.
import type { Sentence } from '../messages/sentence.ts';
import { InputError } from '../messages/sentence.ts';
import { annealingArea, forwardArea, ratesAfterWarmup, warmupSteps, type AnnealingSchedule } from './annealing-areas.ts';
import {
  ALPHA_BOUNDS,
  annealingProblem,
  logMemory,
  solveAnnealing,
  type AnnealingConstants,
  type AnnealingProblem,
  type CurvePoints,
} from './annealing-curve.ts';
import { annealingSentence } from './annealing-sentences.ts';
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import { whyUnusable } from './cells.ts';
import { correlatedNoise } from './correlated-residuals.ts';
import { enoughPoints, firstProblem, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, LeftOut, RunRow } from './fit.ts';
import { CHINCHILLA_DELTA, objectiveValue, robustCurveFit, type Objective } from './huber.ts';
import type { CurveFit } from './levenberg.ts';
import { lossSentence } from './sentences-loss.ts';
import { sentences } from './sentences.ts';
import { intervalFromSamples } from './statistics.ts';

export type { AnnealingConstants } from './annealing-curve.ts';

/** `lambda` is absent where it was given. */
export type AnnealingParameter = keyof AnnealingConstants;

/** One training curve. */
export interface AnnealingCurve extends AnnealingSchedule {
  readonly points: readonly AnnealingPoint[];
}

/** Loss after `step` steps (1 … rates.length), nats per token; `row` indexes the caller's table. */
export interface AnnealingPoint {
  readonly step: number;
  readonly loss: number;
  readonly row: number;
}

/** Choices of the fit. */
export interface AnnealingOptions {
  /** Given as a number, or fitted between bounds. Default: fitted from 0.5 to a memory as long as the longest curve. */
  readonly lambda?: number | readonly [low: number, high: number];
  /** Default Huber's loss with δ = 10⁻³ on log loss. */
  readonly objective?: Objective;
  readonly bootstrap?: BootstrapOptions;
}

/** The fitted law. Residuals are log loss − log fitted, curve after curve in the order of steps, as `used` is. */
export interface AnnealingFit extends Fit<AnnealingParameter> {
  readonly law: 'annealing';
  readonly givenLambda: number | undefined;
  /** Bounds between which λ was fitted; undefined where it was given. */
  readonly lambdaRange: readonly [low: number, high: number] | undefined;
  readonly constants: AnnealingConstants | undefined;
  /** Constants of each resample, for bands. */
  readonly samples: readonly AnnealingConstants[];
  /** Correlation of neighbouring residuals along a curve. */
  readonly correlation: number | undefined;
}

/** Points that choose the start of the search, and above which resamples are drawn less often. */
const MOST_FOR_STARTS = 600;
const MOST_WORK = 1_500_000;
const FEWEST_RESAMPLES = 50;

/** Points up to which a table of S2 is small enough to keep. */
const MOST_TABULATED = 5000;

/** A memory −1/log λ whose interval spans more than this factor is not identified. */
const LARGEST_DOUBT = 30;

/** Annealing that takes off less than this share of every loss has no effect. */
const LEAST_EFFECT = 1e-6;

/** A floor below this share of the lowest loss is no floor. */
const LEAST_FLOOR_SHARE = 1e-3;

/**
 * Fits the law to curves.
 * @throws InputError for a λ outside (0, 1) or a schedule that is no list of learning rates
 */
export function fitAnnealing(curves: readonly AnnealingCurve[], options: AnnealingOptions = {}): AnnealingFit {
  const { objective = { name: 'huber', delta: CHINCHILLA_DELTA }, bootstrap: bootstrapOptions = {} } = options;
  const { usable, rows, left } = usablePoints(curves);
  const lambda = options.lambda ?? defaultRange(curves);
  for (const value of typeof lambda === 'number' ? [lambda] : lambda)
    if (!(value > 0 && value < 1)) throw new InputError(annealingSentence.badLambda(value));
  const range = typeof lambda === 'number' ? undefined : lambda;
  const common = { law: 'annealing' as const, givenLambda: range === undefined ? (lambda as number) : undefined, lambdaRange: range };
  const nothing = { constants: undefined, samples: [], correlation: undefined };
  const refuse = (problem: DesignProblem): AnnealingFit => ({
    ...refused<AnnealingParameter>({ law: 'annealing', problem, left, objective: objective.name, used: rows }),
    ...common,
    ...nothing,
  });
  const size = range === undefined ? 4 : 5;
  const problem = designProblem(usable, rows.length, size, range === undefined ? (lambda as number) : range[1]);
  if (problem !== undefined) return refuse(problem);

  const whole = annealingProblem(usable, lambda);
  const solved = solveAnnealing(whole, thinned(usable, lambda, whole), range, objective);
  if (solved === undefined) return refuse({ status: 'not identified', message: annealingSentence.noPositiveTerms });
  const constants = whole.constants(solved.parameters);
  const effective = annealingShare(constants, usable, whole) > LEAST_EFFECT;
  // Without an effect λ has no optimum, and the search no end: that is the finding, not the search.
  if (effective && solved.status === 'not converged') return refuse({ status: 'not converged', message: sentences.notConverged });
  const found = {
    used: rows,
    left,
    residuals: [...solved.residuals],
    objective: {
      name: objective.name,
      value: objectiveValue(objective, solved.residuals),
      ...(objective.name === 'huber' ? { delta: objective.delta } : {}),
    },
  };
  const bound = effective ? boundOf(constants, whole, range) : annealingSentence.noEffect;
  if (bound !== undefined)
    return { ...common, ...nothing, ...found, status: 'bound hit', message: bound, parameters: {}, bootstrap: undefined };

  const refits = annealingProblem(usable, lambda, whole, range !== undefined && rows.length <= MOST_TABULATED);
  const { estimates, samples, bootstrap, correlation } = intervals(refits, solved, usable, objective, bootstrapOptions, range);
  if (estimates.lambda !== undefined && logMemory(estimates.lambda.high) - logMemory(estimates.lambda.low) > Math.log(LARGEST_DOUBT)) {
    const unknown = annealingSentence.memoryUnknown(estimates.lambda.low, estimates.lambda.high);
    return { ...common, ...nothing, ...found, status: 'not identified', message: unknown, parameters: {}, bootstrap };
  }
  const { L0, A, alpha, C } = estimates;
  return {
    ...common,
    ...found,
    status: 'converged',
    message: annealingSentence.found({ L0, A, alpha, C, lambda: estimates.lambda ?? (lambda as number) }, usable.length),
    parameters: estimates,
    bootstrap,
    constants,
    samples,
    correlation,
  };
}

/** One loss of a predicted curve, nats per token. The interval is of the curve, not of a single noisy run. */
export interface AnnealingPrediction {
  readonly step: number;
  readonly loss: Estimate;
}

/** The curve under another schedule, at given steps (1 … rates.length; default all). Empty unless the fit converged. */
export function predictAnnealing(fit: AnnealingFit, schedule: AnnealingSchedule, steps?: readonly number[]): AnnealingPrediction[] {
  const { constants, samples } = fit;
  if (constants === undefined) return [];
  const rates = ratesAfterWarmup(schedule);
  const at = [...(steps ?? Array.from({ length: rates.length }, (_, i) => i + 1))]
    .filter((step) => step >= 1 && step <= rates.length)
    .sort((first, second) => first - second);
  const forward = forwardArea(rates, at);
  let last: { lambda: number; area: Float64Array } | undefined;
  const curve = ({ L0, A, alpha, C, lambda }: AnnealingConstants): Float64Array => {
    if (last?.lambda !== lambda) last = { lambda, area: annealingArea(rates, at, lambda).area };
    const { area } = last;
    return forward.map((sum, i) => L0 + A * sum ** -alpha - C * area[i]);
  };
  const middle = curve(constants);
  const drawn = samples.map(curve);
  return at.map((step, i) => ({
    step,
    loss: intervalFromSamples(
      middle[i],
      drawn.map((values) => values[i]),
    ),
  }));
}

/** Curves of a table with steps: one per run for which `scheduleOf` knows the schedule; rows of other runs are left out. */
export function annealingCurves(
  table: readonly RunRow[],
  scheduleOf: (run: string) => AnnealingSchedule | undefined,
): { readonly curves: AnnealingCurve[]; readonly left: LeftOut[] } {
  const left: LeftOut[] = [];
  const byRun = new Map<string, { schedule: AnnealingSchedule; points: AnnealingPoint[] }>();
  table.forEach((entry, row) => {
    const run = entry.run ?? '';
    const schedule = byRun.get(run)?.schedule ?? scheduleOf(run);
    const reason =
      whyUnusable(entry) ??
      (entry.S === undefined ? sentences.missing('S') : schedule === undefined ? annealingSentence.noSchedule : undefined);
    if (reason !== undefined) {
      left.push({ row, reason });
      return;
    }
    const known = byRun.get(run) ?? { schedule: schedule!, points: [] };
    known.points.push({ step: entry.S!, loss: entry.loss, row });
    byRun.set(run, known);
  });
  return { curves: [...byRun.values()].map(({ schedule, points }) => ({ ...schedule, points })), left };
}

function usablePoints(curves: readonly AnnealingCurve[]): { usable: CurvePoints[]; rows: number[]; left: LeftOut[] } {
  const left: LeftOut[] = [];
  const rows: number[] = [];
  const usable = curves.flatMap((curve): CurvePoints[] => {
    const rates = ratesAfterWarmup(curve);
    if (rates.some((rate) => !(rate >= 0 && Number.isFinite(rate)))) throw new InputError(annealingSentence.badRate);
    const warmup = warmupSteps(curve);
    const points = curve.points
      .filter(({ step, loss, row }) => {
        const inside = Number.isInteger(step) && step >= 1 && step <= rates.length;
        const reason = !inside
          ? annealingSentence.outsideSchedule
          : !(loss > 0 && Number.isFinite(loss))
            ? sentences.notPositive('loss')
            : step <= warmup
              ? annealingSentence.inWarmup
              : undefined;
        if (reason !== undefined) left.push({ row, reason });
        return reason === undefined;
      })
      .sort((first, second) => first.step - second.step);
    if (points.length === 0) return [];
    rows.push(...points.map(({ row }) => row));
    return [{ rates, steps: points.map(({ step }) => step), losses: points.map(({ loss }) => loss) }];
  });
  return { usable, rows, left: left.sort((first, second) => first.row - second.row) };
}

function defaultRange(curves: readonly AnnealingCurve[]): readonly [number, number] {
  const longest = curves.reduce((most, { rates }) => Math.max(most, rates.length), 0);
  return [0.5, 1 - 1 / Math.max(longest, 10)];
}

function designProblem(curves: readonly CurvePoints[], points: number, size: number, lambda: number): DesignProblem | undefined {
  const few = enoughPoints(points, size, annealingSentence.points);
  if (few !== undefined) return few;
  const sums = curves.flatMap(({ rates, steps }) => [...forwardArea(rates, steps)]);
  if (sums.some((sum) => !(sum > 0))) return { status: 'range too narrow', message: sentences.notPositive('S1') };
  const narrow = wideEnough(sums, 'S1');
  const anneals = curves.some(({ rates, steps }) => annealingArea(rates, steps, lambda).area.some((area) => area > 0));
  return firstProblem(narrow, anneals ? undefined : { status: 'not identified', message: annealingSentence.noAnnealing });
}

/** An even selection of the points of every curve, in parameters that mean the same as those of `whole`. */
function thinned(
  curves: readonly CurvePoints[],
  lambda: number | readonly [low: number, high: number],
  whole: AnnealingProblem,
): AnnealingProblem {
  const count = whole.losses.length;
  const stride = Math.ceil(count / MOST_FOR_STARTS);
  if (stride <= 1) return whole;
  // From the end backwards: the last points, where the annealing is, always take part.
  const pick = <T>(values: readonly T[]): T[] => values.filter((_, i) => (values.length - 1 - i) % stride === 0);
  return annealingProblem(
    curves.map(({ rates, steps, losses }) => ({ rates, steps: pick(steps), losses: pick(losses) })),
    lambda,
    whole,
  );
}

/** The largest share of a loss that annealing took off it. */
function annealingShare({ C, lambda }: AnnealingConstants, curves: readonly CurvePoints[], problem: AnnealingProblem): number {
  const areas = curves.flatMap(({ rates, steps }) => [...annealingArea(rates, steps, lambda).area]);
  return areas.reduce((most, area, i) => Math.max(most, (C * area) / problem.losses[i]), 0);
}

function boundOf(constants: AnnealingConstants, problem: AnnealingProblem, range: AnnealingFit['lambdaRange']): Sentence | undefined {
  const { L0, alpha, lambda } = constants;
  const lowest = problem.losses.reduce((least, loss) => Math.min(least, loss), Infinity);
  const [low, high] = ALPHA_BOUNDS;
  if (L0 < LEAST_FLOOR_SHARE * lowest) return lossSentence.noFloor;
  if (alpha <= low) return sentences.boundHit('alpha', low);
  if (alpha >= high) return sentences.boundHit('alpha', high);
  if (range === undefined) return undefined;
  const near = (bound: number): boolean => Math.abs(logMemory(lambda) - logMemory(bound)) < 1e-6;
  const hit = range.find(near);
  return hit === undefined ? undefined : sentences.boundHit('lambda', hit);
}

type Estimates = Readonly<Record<Exclude<AnnealingParameter, 'lambda'>, Estimate>> & { readonly lambda?: Estimate };

/** Intervals by resampling the innovations of the residuals along each curve; every refit starts at the estimate. */
function intervals(
  problem: AnnealingProblem,
  solved: CurveFit,
  curves: readonly CurvePoints[],
  objective: Objective,
  options: BootstrapOptions,
  range: AnnealingFit['lambdaRange'],
): { estimates: Estimates; samples: AnnealingConstants[]; bootstrap: Fit['bootstrap']; correlation: number } {
  const count = solved.residuals.length;
  const size = solved.parameters.length;
  const noise = correlatedNoise(
    solved.residuals,
    curves.map(({ steps }) => steps.length),
    size,
  );
  const fitted = Float64Array.from(problem.curve.model(solved.parameters));
  const asked = options.resamples ?? 1000;
  const resamples = Math.min(asked, Math.max(FEWEST_RESAMPLES, Math.floor(MOST_WORK / count)));
  // λ is reported through its memory −1/log λ, a positive factor, so that no interval of λ leaves (0, 1).
  const named = (parameters: readonly number[]) => {
    const { L0, A, alpha, C, lambda } = problem.constants(parameters);
    return { L0, A, alpha, C, memory: -1 / Math.log(lambda) };
  };
  const { parameters, samples, bootstrap } = bootstrapParameters<'L0' | 'A' | 'alpha' | 'C' | 'memory'>({
    values: named(solved.parameters),
    unit: 'residuals',
    options: { ...options, resamples },
    degreesOfFreedom: Math.max(1, noise.effectivePoints - size),
    factors: ['A', 'C', 'memory'],
    draw: (random) => {
      const drawn = noise.draw(random);
      const y = fitted.map((value, i) => value + drawn[i]);
      const refit = robustCurveFit({ ...problem.curve, y, start: solved.parameters, rounds: 0, tolerance: 1e-9 }, objective);
      return refit.status === 'not converged' ? undefined : named(refit.parameters);
    },
  });
  const { memory, ...rest } = parameters;
  const lambda = (value: number): number => Math.exp(-1 / value);
  // The search never left its range, so neither may the interval.
  const inside = (value: number): number => Math.min(Math.max(lambda(value), range![0]), range![1]);
  const estimates: Estimates =
    range === undefined ? rest : { ...rest, lambda: { value: lambda(memory.value), low: inside(memory.low), high: inside(memory.high) } };
  return {
    estimates,
    samples: Array.from(samples.L0, (L0, i) => ({
      L0,
      A: samples.A[i],
      alpha: samples.alpha[i],
      C: samples.C[i],
      lambda: problem.given ?? lambda(samples.memory[i]),
    })),
    bootstrap,
    correlation: noise.correlation,
  };
}
