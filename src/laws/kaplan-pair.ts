// L(N, D) and L(N, S_min): two power laws joined, fitted in stages. L(N) comes first, from the most converged runs of
// each size; the second law then from all rows with α_N and N_c held. What the second law says those runs still lack
// of convergence corrects L(N), and so around until neither moves (kaplan-stages.ts solves for that end at once).
import { enoughPoints, firstProblem, notTied, wideEnough, type DesignProblem } from './design.ts';
import type { Objective } from './huber.ts';
import { furthest, type KaplanPoint, type KaplanRun } from './kaplan-runs.ts';
import { kaplanSentence } from './kaplan-sentences.ts';
import { fitStages, type StagedFit, type StagedProblem } from './kaplan-stages.ts';
import { joinedSurface, lineSurface, withFirstHeld, type Join, type Surface } from './kaplan-surfaces.ts';
import { fitCurve, type CurveFit } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';
import { sentences } from './sentences.ts';
import { distinctValues } from './usable-rows.ts';

/** Rows of a law, those of one run side by side. */
export interface KaplanRows {
  readonly points: readonly KaplanPoint[];
  /** Rows of each run that has any, as ranges [start, end). */
  readonly groups: readonly (readonly [number, number])[];
  /** For each of `groups`, its run among all runs of the table. */
  readonly runs: readonly number[];
}

/** A fitted pair: parameters [p, α] of L(N) about `centres[0]`, then [p, α] of the second law about `centres[1]`. */
export interface KaplanPair {
  readonly join: Join;
  readonly rows: KaplanRows;
  readonly problem: StagedProblem;
  readonly fit: StagedFit;
  /** Logs of N and of the second axis that count as the middle. */
  readonly centres: readonly [number, number];
  /** Which rows were L(N)'s. */
  readonly first: readonly boolean[];
  /** [p, α, p, α] when all four are fitted to all rows at once by least squares: a second opinion. */
  readonly jointly: readonly number[];
}

/** A pair, or why there is none. `noEffect`: the second axis leaves no trace in the losses, so the runs are converged. */
export type PairOutcome = { readonly pair: KaplanPair } | { readonly problem: DesignProblem; readonly noEffect: boolean };

/** The second axis of a pair: its name in messages, and where a point has it. */
export interface SecondAxis {
  readonly name: 'D' | 'S_min';
  readonly join: Join;
  readonly of: (point: KaplanPoint) => number;
}

const AXIS_VALUES = 3;
const START_EXPONENTS = [0.03, 0.06, 0.1, 0.2, 0.4, 0.8];
const STARTS = 3;
const MOST_FOR_STARTS = 500;
const SMALLEST_EXPONENT = 1e-3;
const LARGEST_EXPONENT = 8;

/** How much better (Akaike's criterion) a richer description of the rows must be before it is believed. */
const CLEARLY_BETTER = 6;

/** Rows of the given points of each run; runs without any are passed over. */
export function rowsOf(runs: readonly KaplanRun[], pick: (run: KaplanRun) => readonly KaplanPoint[]): KaplanRows {
  const points: KaplanPoint[] = [];
  const groups: [number, number][] = [];
  const indices: number[] = [];
  runs.forEach((run, index) => {
    const own = pick(run);
    if (own.length === 0) return;
    groups.push([points.length, points.length + own.length]);
    indices.push(index);
    for (const point of own) points.push(point);
  });
  return { points, groups, runs: indices };
}

/** Fits a pair by itself, or says why not. @param centreN log N in the middle, shared by both pairs of a table */
export function fitPair(rows: KaplanRows, axis: SecondAxis, centreN: number, objective: Objective): PairOutcome {
  const { points } = rows;
  const N = points.map((point) => point.N);
  const second = points.map(axis.of);
  const refuse = (problem: DesignProblem, noEffect = false): PairOutcome => ({ problem, noEffect });
  if (points.length === 0) return refuse({ status: 'not enough points', message: sentences.noValues(axis.name) });
  const first = furthest(points, (point) => point.N, axis.of);
  const problem = firstProblem(
    enoughPoints(points.length, 4),
    wideEnough(N, 'N'),
    wideEnough(second, axis.name),
    notTied(N, second, 'N', axis.name),
    enoughValues(N, 'N'),
    enoughValues(second, axis.name),
    enoughPoints(first.filter(Boolean).length, 2, kaplanSentence.mostConverged),
  );
  if (problem !== undefined) return refuse(problem);

  const logs = second.map(Math.log);
  const centre = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const x = Float64Array.from(N, (value) => Math.log(value) - centreN);
  const u = Float64Array.from(logs, (value) => value - centre);
  const y = Float64Array.from(points, (point) => Math.log(point.loss));
  const effect = effectOf(x, u, y, axis);
  if (effect.status === 'none')
    return refuse({ status: 'not identified', message: kaplanSentence.noTrace(effect.axis) }, effect.axis !== 'N');
  const jointly = effect.parameters;

  const staged = stagedProblem(joinedSurface(x, u, axis.join), y, x, first, objective);
  const fit = fitStages(staged, jointly);
  if (fit.status === 'not converged') return refuse({ status: 'not converged', message: sentences.notConverged });
  const bad = boundOf(fit.parameters, axis.name);
  if (bad !== undefined) return refuse(bad);
  return { pair: { join: axis.join, rows, problem: staged, fit, centres: [centreN, centre], first, jointly } };
}

/** The same pair with L(N) held at [p, α] from elsewhere. */
export function holdFirst(pair: KaplanPair, held: readonly number[], objective: Objective): KaplanPair | DesignProblem {
  const problem: StagedProblem = { surface: withFirstHeld(pair.problem.surface, held), y: pair.problem.y, objective };
  const fit = fitStages(problem, pair.fit.parameters.slice(2));
  if (fit.status === 'not converged') return { status: 'not converged', message: sentences.notConverged };
  const bad = boundOf([...held, ...fit.parameters], pair.join === 'power' ? 'D' : 'S_min');
  return bad ?? { ...pair, problem, fit: { ...fit, parameters: fit.parameters } };
}

/** One power law over one axis, by all rows given. Parameters [p, α]. */
export function fitLine(
  rows: KaplanRows,
  of: (point: KaplanPoint) => number,
  objective: Objective,
  name: string,
): { problem: StagedProblem; fit: StagedFit; centre: number } | DesignProblem {
  const logs = rows.points.map((point) => Math.log(of(point)));
  const centre = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const x = Float64Array.from(logs, (value) => value - centre);
  const y = Float64Array.from(rows.points, (point) => Math.log(point.loss));
  const problem: StagedProblem = { surface: lineSurface(x), y, objective };
  const fit = fitStages(problem, [y.reduce((sum, value) => sum + value, 0) / y.length, 0]);
  if (fit.status === 'not converged') return { status: 'not converged', message: sentences.notConverged };
  if (!(fit.parameters[1] > SMALLEST_EXPONENT)) return { status: 'bound hit', message: kaplanSentence.rising(name) };
  return { problem, fit, centre };
}

/** At least three different values of an axis. */
export function enoughValues(values: readonly number[], axis: string): DesignProblem | undefined {
  const distinct = distinctValues(values);
  return distinct >= AXIS_VALUES
    ? undefined
    : { status: 'not enough points', message: kaplanSentence.tooFewValues(axis, distinct, AXIS_VALUES) };
}

/** The largest correction to convergence among L(N)'s rows, as a share of their loss. */
export function largestCorrection(pair: KaplanPair, size: readonly number[]): number {
  const { points } = pair.rows;
  return points.reduce((most, point, i) => {
    if (!pair.first[i]) return most;
    const fitted = Math.log(point.loss) - pair.fit.residuals[i];
    const converged = size[0] - size[1] * (Math.log(point.N) - pair.centres[0]);
    return Math.max(most, 1 - Math.exp(converged - fitted));
  }, 0);
}

/** Rows of L(N) enter the first two equations as a plain power law in N does. */
function stagedProblem(surface: Surface, y: Float64Array, x: Float64Array, first: readonly boolean[], objective: Objective): StagedProblem {
  const values = new Float64Array(2 * x.length);
  first.forEach((isFirst, i) => {
    if (!isFirst) return;
    values[2 * i] = 1;
    values[2 * i + 1] = -x[i];
  });
  return { surface, y, firstStage: { columns: 2, values }, objective };
}

/** The least-squares fit of all four parameters, unless one of the axes alone describes the rows as well. */
function effectOf(
  x: Float64Array,
  u: Float64Array,
  y: Float64Array,
  axis: SecondAxis,
): { status: 'both'; parameters: readonly number[] } | { status: 'none'; axis: string } {
  const alone = (values: Float64Array): number => {
    const line = fitStages({ surface: lineSurface(values), y, objective: { name: 'ls' } }, [0, 0]);
    return line.status === 'converged' ? sumOfSquares(line.residuals) : Infinity;
  };
  const overSize = alone(x);
  const overSecond = alone(u);
  const without = overSize <= overSecond ? axis.name : 'N';
  const best = fitJointly(x, u, y, axis.join);
  const one = Math.min(overSize, overSecond);
  // Two more parameters, and rounding does not count as a trace.
  const gain = best === undefined || one <= 1e-24 * y.length ? 0 : y.length * Math.log(one / Math.max(best.sumOfSquares, 1e-300));
  return best === undefined || gain < 4 + CLEARLY_BETTER
    ? { status: 'none', axis: without }
    : { status: 'both', parameters: best.parameters };
}

/** All four parameters by all rows at once: searched for among a few hundred rows, then Gauss–Newton with all. */
function fitJointly(
  x: Float64Array,
  u: Float64Array,
  y: Float64Array,
  join: Join,
): { parameters: readonly number[]; sumOfSquares: number } | undefined {
  const stride = Math.ceil(x.length / MOST_FOR_STARTS);
  const few = (values: Float64Array): Float64Array => values.filter((_, i) => i % stride === 0);
  const [fewX, fewU, fewY] = [few(x), few(u), few(y)];
  const surface = joinedSurface(fewX, fewU, join);
  let best: CurveFit | undefined;
  for (const start of startsOf(fewX, fewU, fewY, join)) {
    const fit = fitCurve({
      y: fewY,
      start,
      rounds: 3,
      lower: [-700, SMALLEST_EXPONENT, -700, SMALLEST_EXPONENT],
      upper: [700, LARGEST_EXPONENT, 700, LARGEST_EXPONENT],
      model: (parameters) => {
        const fitted = new Float64Array(surface.rows);
        surface.evaluate(parameters, fitted);
        return fitted;
      },
      jacobian: (parameters) => {
        const derivatives = new Float64Array(surface.rows * 4);
        surface.evaluate(parameters, new Float64Array(surface.rows), derivatives);
        return Array.from({ length: surface.rows }, (_, i) => derivatives.subarray(4 * i, 4 * i + 4));
      },
    });
    if (best === undefined || fit.sumOfSquares < best.sumOfSquares) best = fit;
  }
  if (best === undefined || stride === 1) return best;
  const all = fitStages({ surface: joinedSurface(x, u, join), y, objective: { name: 'ls' } }, best.parameters, 1e-9);
  return { parameters: all.parameters, sumOfSquares: sumOfSquares(all.residuals) };
}

const sumOfSquares = (residuals: Float64Array): number => residuals.reduce((sum, residual) => sum + residual * residual, 0);

/** Starts where the joined loss is linear: at given exponents, in the sizes of the two terms. The best few that are positive. */
function startsOf(x: Float64Array, u: Float64Array, y: Float64Array, join: Join): number[][] {
  const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
  const tried: { start: number[]; sum: number }[] = [];
  for (const alpha of START_EXPONENTS) {
    for (const second of START_EXPONENTS) {
      const scale = join === 'power' ? second : 1;
      const target = y.map((value) => Math.exp((value - mean) / scale));
      // Weights that make the error of the linear problem that of log loss.
      const linear = weightedLeastSquares(
        Array.from(x, (value, i) => [Math.exp((-alpha * value) / scale), Math.exp((-second * u[i]) / scale)]),
        target,
        target.map((value) => (scale / value) ** 2),
      );
      if (linear.status === 'rank deficient' || !(linear.coefficients[0] > 0) || !(linear.coefficients[1] > 0)) continue;
      const [a, b] = linear.coefficients;
      tried.push({ start: [mean + scale * Math.log(a), alpha, mean + scale * Math.log(b), second], sum: linear.sumOfSquares });
    }
  }
  tried.sort((a, b) => a.sum - b.sum);
  return tried.slice(0, STARTS).map(({ start }) => start);
}

function boundOf(parameters: readonly number[], axis: SecondAxis['name']): DesignProblem | undefined {
  for (const [value, name] of [
    [parameters[1], 'alphaN'],
    [parameters[3], axis === 'D' ? 'alphaD' : 'alphaS'],
  ] as const) {
    if (!(value > SMALLEST_EXPONENT)) return { status: 'bound hit', message: kaplanSentence.rising(name) };
    if (value > LARGEST_EXPONENT) return { status: 'bound hit', message: sentences.boundHit(name, LARGEST_EXPONENT) };
  }
  return undefined;
}
