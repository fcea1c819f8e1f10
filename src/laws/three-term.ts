// The three-term law: L = E + A/N^a + B_s/S^b + C_b/B^c, S = D/B steps, B the batch in tokens, the learning rate tuned
// out. Too few steps cost B_s/S^b, too small a batch costs C_b/B^c; at fixed D their balance gives the best batch:
//   d/dB [B_s (B/D)^b + C_b B^-c] = 0   ⇒   B_opt(D) = (c·C_b / (b·B_s))^{1/(b+c)} · D^{b/(b+c)}.
// The idea of one law over steps and batch follows Schaipp (arXiv 2607.01487); this exact form is ours, not the paper's.
import type { BootstrapOptions } from './bootstrap.ts';
import { bootstrapCurve } from './curve-bootstrap.ts';
import { enoughPoints, firstProblem, LEAST_RATIO, notTied, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, RunRow } from './fit.ts';
import { objectiveValue, robustCurveFit, type Objective } from './huber.ts';
import type { CurveFit, CurveProblem } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';
import { sentences, shortNumber } from './sentences.ts';
import { intervalFromSamples } from './statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import { tunedRuns, type TunedRun } from './tuned-runs.ts';

/**
 * Parameters of the law and, derived from them, the best batch: B_opt(D) = `Bopt.c`·D^`Bopt.D` (tokens).
 * `E` holds E + A/N^a where the runs have too narrow a range of N to part the two; then `A` and `a` are absent.
 */
export type ThreeTermParameter = 'E' | 'A' | 'a' | 'Bs' | 'b' | 'Cb' | 'c' | 'Bopt.c' | 'Bopt.D';

/** Choices of the fit. */
export interface ThreeTermOptions {
  readonly objective?: Objective;
  readonly bootstrap?: BootstrapOptions;
}

/** The fitted law; residuals are log loss − log fitted, one per tuned run. */
export interface ThreeTermFit extends Fit<ThreeTermParameter> {
  readonly law: 'three-term';
  readonly tuned: readonly TunedRun[];
  /** Whether the size term is part of the fit. */
  readonly withSize: boolean;
  /** Parameters of each resample, entries of one resample at one index: what bands are made of. Undefined unless converged. */
  readonly samples: Readonly<Record<ThreeTermParameter, Float64Array>> | undefined;
}

const LARGEST_EXPONENT = 4;
const SMALLEST_EXPONENT = 0.01;

/** Exponents at which the linear part is solved to find starts. */
const START_EXPONENTS = [0.1, 0.2, 0.35, 0.6, 1.1];
const STARTS = 4;

/** Runs that choose the start. */
const MOST_FOR_STARTS = 500;

/** Fits the law to runs over (N, D, B) with their learning rates. */
export function fitThreeTerm(table: readonly RunRow[], options: ThreeTermOptions = {}): ThreeTermFit {
  const { objective = { name: 'ls' }, bootstrap = {} } = options;
  const { tuned, left } = tunedRuns(table);
  const law = 'three-term' as const;
  const refuse = (problem: DesignProblem): ThreeTermFit => ({
    ...refused<ThreeTermParameter>({
      law,
      problem,
      left,
      objective: objective.name,
      used: tuned.flatMap((run) => run.rows).sort((a, b) => a - b),
    }),
    law,
    tuned,
    withSize: false,
    samples: undefined,
  });
  const N = tuned.map((run) => run.N);
  const B = tuned.map((run) => run.B);
  const S = tuned.map((run) => run.D / run.B);
  const withSize = tuned.length > 0 && Math.max(...N) / Math.min(...N) >= LEAST_RATIO * (1 - 1e-9);
  const size = withSize ? 7 : 5;
  const problem = firstProblem(
    enoughPoints(tuned.length, size, tunedRunsName),
    wideEnough(B, 'B'),
    wideEnough(S, 'S'),
    notTied(S, B, 'S', 'B'),
    withSize ? notTied(N, S, 'N', 'S') : oneSize(N),
    withSize ? notTied(N, B, 'N', 'B') : undefined,
  );
  if (problem !== undefined) return refuse(problem);

  const curve = curveOf(tuned, withSize);
  const solved = solve(tuned, curve, objective);
  if (solved === 'no positive terms') return refuse({ status: 'not identified', message: noPositiveTerms });
  if (solved.status === 'not converged') return refuse({ status: 'not converged', message: sentences.notConverged });
  const base = {
    law,
    tuned,
    withSize,
    used: tuned.flatMap((run) => run.rows).sort((a, b) => a - b),
    left,
    residuals: [...solved.residuals],
    objective: {
      name: objective.name,
      value: objectiveValue(objective, solved.residuals),
      ...(objective.name === 'huber' ? { delta: objective.delta } : {}),
    },
  };
  const bound = boundOf(solved.parameters, curve);
  if (bound !== undefined)
    return { ...base, status: 'bound hit', message: bound, parameters: {}, bootstrap: undefined, samples: undefined };
  const {
    parameters,
    bootstrap: unit,
    samples,
  } = bootstrapCurve<ThreeTermParameter>({
    problem: { ...curve.problem, start: solved.parameters },
    fit: solved,
    objective,
    report: curve.report,
    factors: ['A', 'Bs', 'Cb', 'Bopt.c'],
    options: bootstrap,
  });
  return { ...base, status: 'converged', message: found(parameters, tuned.length, withSize), parameters, bootstrap: unit, samples };
}

/** Loss at (N, D, B) by a fitted law, nats per token; N is ignored where the fit has no size term. NaN unless it converged. */
export function threeTermLoss(fit: ThreeTermFit, N: number, D: number, B: number): number {
  if (fit.status !== 'converged') return NaN;
  return lossOf((name) => fit.parameters[name]?.value, { N, D, B });
}

/** Where the law is asked for its loss: parameters, tokens, batch in tokens. */
export interface ThreeTermPoint {
  readonly N: number;
  readonly D: number;
  readonly B: number;
}

/** Loss at a point, nats per token, with its 95 % interval from the resamples; undefined unless the fit converged. */
export function threeTermAt(fit: ThreeTermFit, point: ThreeTermPoint): Estimate | undefined {
  return ofSamples(fit, (value) => lossOf(value, point));
}

/** B_opt(D) in tokens with its 95 % interval; undefined unless the fit converged. @param D tokens */
export function bestBatchAt(fit: ThreeTermFit, D: number): Estimate | undefined {
  return ofSamples(fit, (value) => value('Bopt.c')! * D ** value('Bopt.D')!);
}

type ValueOf = (name: ThreeTermParameter) => number | undefined;

function lossOf(value: ValueOf, { N, D, B }: ThreeTermPoint): number {
  const [A, a] = [value('A'), value('a')];
  const size = A !== undefined && a !== undefined ? A / N ** a : 0;
  return value('E')! + size + value('Bs')! / (D / B) ** value('b')! + value('Cb')! / B ** value('c')!;
}

function ofSamples(fit: ThreeTermFit, of: (value: ValueOf) => number): Estimate | undefined {
  const { samples } = fit;
  if (fit.status !== 'converged' || samples === undefined) return undefined;
  const value = of((name) => fit.parameters[name]?.value);
  const resampled = Array.from(samples.E, (_, i) => of((name) => (fit.parameters[name] === undefined ? undefined : samples[name][i])));
  return intervalFromSamples(value, resampled, { degreesOfFreedom: fit.tuned.length - (fit.withSize ? 7 : 5), scale: 'log' });
}

interface ThreeTermCurve {
  readonly problem: Omit<CurveProblem, 'start'>;
  /** Log of each axis about its mean, one array per term. */
  readonly axes: readonly (readonly number[])[];
  readonly losses: readonly number[];
  readonly withSize: boolean;
  readonly centres: readonly number[];
  readonly names: readonly ThreeTermParameter[];
  readonly report: (parameters: readonly number[]) => Record<ThreeTermParameter, number>;
}

/** Parameters: log E, then for each term the log of its size at the middle of its axis, and its exponent. */
function curveOf(tuned: readonly TunedRun[], withSize: boolean, shared?: readonly number[]): ThreeTermCurve {
  const raw = [...(withSize ? [tuned.map((run) => run.N)] : []), tuned.map((run) => run.D / run.B), tuned.map((run) => run.B)].map((axis) =>
    axis.map(Math.log),
  );
  const centres = shared ?? raw.map((axis) => axis.reduce((sum, value) => sum + value, 0) / axis.length);
  const axes = raw.map((axis, t) => axis.map((value) => value - centres[t]));
  const count = tuned.length;
  /** E and the terms of every run, one row per run: E first. */
  const parts = (parameters: readonly number[]): Float64Array[] => {
    const E = Math.exp(parameters[0]);
    const rows: Float64Array[] = [];
    for (let i = 0; i < count; i++) {
      const row = new Float64Array(axes.length + 1);
      row[0] = E;
      for (let t = 0; t < axes.length; t++) row[t + 1] = Math.exp(parameters[1 + 2 * t] - parameters[2 + 2 * t] * axes[t][i]);
      rows.push(row);
    }
    return rows;
  };
  const sum = (row: Float64Array): number => {
    let total = 0;
    for (let k = 0; k < row.length; k++) total += row[k];
    return total;
  };
  const names: ThreeTermParameter[] = ['E', ...(withSize ? (['A', 'a'] as const) : []), 'Bs', 'b', 'Cb', 'c'];
  return {
    axes,
    withSize,
    centres,
    losses: tuned.map((run) => run.loss),
    names,
    problem: {
      y: tuned.map((run) => Math.log(run.loss)),
      lower: names.map((_, k) => (k > 0 && k % 2 === 0 ? SMALLEST_EXPONENT : -50)),
      upper: names.map((_, k) => (k > 0 && k % 2 === 0 ? LARGEST_EXPONENT : 50)),
      model: (parameters) => parts(parameters).map((row) => Math.log(sum(row))),
      jacobian: (parameters) =>
        parts(parameters).map((row, i) => {
          const total = sum(row);
          const derivatives = new Float64Array(names.length);
          derivatives[0] = row[0] / total;
          for (let t = 0; t < axes.length; t++) {
            const share = row[t + 1] / total;
            derivatives[1 + 2 * t] = share;
            derivatives[2 + 2 * t] = -share * axes[t][i];
          }
          return derivatives;
        }),
    },
    report: (parameters) => {
      const result = {} as Record<ThreeTermParameter, number>;
      names.forEach((name, k) => {
        const isFactor = k > 0 && k % 2 === 1;
        result[name] = isFactor
          ? Math.exp(parameters[k] + parameters[k + 1] * centres[(k - 1) / 2])
          : k === 0
            ? Math.exp(parameters[0])
            : parameters[k];
      });
      const { Bs, b, Cb, c } = result;
      result['Bopt.c'] = ((c * Cb) / (b * Bs)) ** (1 / (b + c));
      result['Bopt.D'] = b / (b + c);
      return result;
    },
  };
}

/** The best fit to all runs, from the best few starts; of very many runs a regular few hundred choose the start. */
function solve(
  tuned: readonly TunedRun[],
  curve: ThreeTermCurve,
  objective: Objective,
): (CurveFit & { objective: number }) | 'no positive terms' {
  const stride = Math.ceil(tuned.length / MOST_FOR_STARTS);
  if (stride <= 1) return solveFromStarts(curve, objective);
  const few = curveOf(
    tuned.filter((_, i) => i % stride === 0),
    curve.withSize,
    curve.centres,
  );
  const start = solveFromStarts(few, objective);
  return start === 'no positive terms' ? start : robustCurveFit({ ...curve.problem, start: start.parameters, rounds: 0 }, objective);
}

/** Starts where the linear part (E and the sizes of the terms) is solved at given exponents, then the whole curve from the best few. */
function solveFromStarts(curve: ThreeTermCurve, objective: Objective): (CurveFit & { objective: number }) | 'no positive terms' {
  const weights = curve.losses.map((loss) => 1 / loss ** 2);
  const tried: { start: number[]; sum: number }[] = [];
  const powers = curve.axes.map((axis) => START_EXPONENTS.map((exponent) => axis.map((value) => Math.exp(-exponent * value))));
  const choices = curve.axes.reduce<number[][]>((lists) => lists.flatMap((list) => START_EXPONENTS.map((_, e) => [...list, e])), [[]]);
  for (const choice of choices) {
    const linear = weightedLeastSquares(
      curve.losses.map((_, i) => [1, ...choice.map((e, t) => powers[t][e][i])]),
      curve.losses,
      weights,
    );
    if (linear.status === 'rank deficient' || !linear.coefficients.every((value) => value > 0)) continue;
    const [E, ...sizes] = linear.coefficients;
    tried.push({
      start: [Math.log(E), ...sizes.flatMap((value, t) => [Math.log(value), START_EXPONENTS[choice[t]]])],
      sum: linear.sumOfSquares,
    });
  }
  if (tried.length === 0) return 'no positive terms';
  tried.sort((a, b) => a.sum - b.sum);
  let best: (CurveFit & { objective: number }) | undefined;
  for (const { start } of tried.slice(0, STARTS)) {
    const fit = robustCurveFit({ ...curve.problem, start }, objective);
    if (best === undefined || fit.objective < best.objective) best = fit;
  }
  return best!;
}

/** A parameter that ran to the end of its search, in words; a floor or a term that vanished counts. */
function boundOf(parameters: readonly number[], curve: ThreeTermCurve): Sentence | undefined {
  const least = Math.log(1e-4 * Math.min(...curve.losses));
  for (const [k, name] of curve.names.entries()) {
    const isExponent = k > 0 && k % 2 === 0;
    if (isExponent && parameters[k] <= SMALLEST_EXPONENT) return sentences.boundHit(name, SMALLEST_EXPONENT);
    if (isExponent && parameters[k] >= LARGEST_EXPONENT) return sentences.boundHit(name, LARGEST_EXPONENT);
    if (!isExponent && parameters[k] < least) return sentences.boundHit(name, 0);
  }
  return undefined;
}

function oneSize(N: readonly number[]): DesignProblem | undefined {
  return Math.max(...N) / Math.min(...N) < 1.1 ? undefined : wideEnough(N, 'N');
}

const tunedRunsName: Sentence = { en: 'tuned (N, D, B) points', zh: '个调好学习率的 (N, D, B) 点' };

const noPositiveTerms: Sentence = {
  en: 'Not identified: no combination of positive terms describes these runs; run batches on both sides of the best one, at several D.',
  zh: '无法确定：没有一组正的项能描述这些训练；请在多个 D 下训练最优批量两侧的批量。',
};

function found(parameters: Readonly<Partial<Record<ThreeTermParameter, Estimate>>>, points: number, withSize: boolean): Sentence {
  const show = (name: ThreeTermParameter): string => {
    const { value, low, high } = parameters[name]!;
    return Number.isFinite(low) ? `${shortNumber(value)} (${shortNumber(low)} … ${shortNumber(high)})` : shortNumber(value);
  };
  const note: Sentence = withSize ? { en: '', zh: '' } : { en: '; these runs do not identify A and a', zh: '；这些训练无法确定 A 与 a' };
  return {
    en: `From ${points} tuned points: B_opt = ${show('Bopt.c')} · D^${show('Bopt.D')}, E = ${show('E')}${note.en}.`,
    zh: `由 ${points} 个调好的点得到：B_opt = ${show('Bopt.c')} · D^${show('Bopt.D')}，E = ${show('E')}${note.zh}。`,
  };
}
