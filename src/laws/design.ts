// Whether a set of runs can identify a law at all, asked before anything is fitted. Each answer is a status and a
// sentence that says what to run next; undefined means the design is fit to be fitted.
import type { Fit, FitStatus, LeftOut } from './fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { weightedLeastSquares } from './regression.ts';
import { sentences } from './sentences.ts';

/** Why a design cannot carry a fit. */
export interface DesignProblem {
  readonly status: Exclude<FitStatus, 'converged'>;
  readonly message: Sentence;
}

/** An axis must span at least this factor before an exponent over it is worth fitting. */
export const LEAST_RATIO = 3;

/** Below this spread (standard deviation, natural log) of D at given N the two exponents trade off freely. */
const LEAST_FREE_SPREAD = 0.1;

/**
 * At least parameters + 2 points.
 * @param what the points are, in both languages ("runs", "cells with an interior optimum")
 */
export function enoughPoints(points: number, parameters: number, what: Sentence = sentences.runs): DesignProblem | undefined {
  const needed = parameters + 2;
  return points >= needed ? undefined : { status: 'not enough points', message: sentences.notEnoughPoints(points, needed, what) };
}

/**
 * The axis spans at least a factor of `leastRatio`.
 * @param values raw and positive, not logarithms
 * @param axis its name as shown to a person, for example `N` or `learning rate`
 */
export function wideEnough(values: readonly number[], axis: string, leastRatio = LEAST_RATIO): DesignProblem | undefined {
  if (values.length === 0) return { status: 'not enough points', message: sentences.noValues(axis) };
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const ratio = high / low;
  return ratio >= leastRatio * (1 - 1e-9)
    ? undefined
    : { status: 'range too narrow', message: sentences.rangeTooNarrow(axis, ratio, leastRatio) };
}

/**
 * Two axes vary independently: one is not a power of the other, as it is on a ladder of fixed D/N, where every
 * combination of the two exponents fits equally well.
 */
export function notTied(
  first: readonly number[],
  second: readonly number[],
  firstName: string,
  secondName: string,
): DesignProblem | undefined {
  const free = Math.min(spreadGiven(first, second), spreadGiven(second, first));
  return free > LEAST_FREE_SPREAD ? undefined : { status: 'not identified', message: sentences.tied(firstName, secondName) };
}

/** The first problem of a list of checks. */
export function firstProblem(...checks: readonly (DesignProblem | undefined)[]): DesignProblem | undefined {
  return checks.find((check) => check !== undefined);
}

/** The result of a fit that is refused: no parameters, the reason as its message. */
export function refused<Name extends string>(request: {
  readonly law: string;
  readonly problem: DesignProblem;
  readonly left: readonly LeftOut[];
  readonly objective?: Fit['objective']['name'];
  readonly used?: readonly number[];
}): Fit<Name> {
  const { law, problem, left, objective = 'ls', used = [] } = request;
  return {
    law,
    status: problem.status,
    message: problem.message,
    parameters: {} as Fit<Name>['parameters'],
    objective: { name: objective, value: NaN },
    used,
    left,
    residuals: [],
    bootstrap: undefined,
  };
}

/** Standard deviation of log `of` around its regression on log `given`. */
function spreadGiven(of: readonly number[], given: readonly number[]): number {
  const y = of.map(Math.log);
  const fit = weightedLeastSquares(
    given.map((value) => [1, Math.log(value)]),
    y,
  );
  if (fit.status === 'rank deficient') {
    const mean = y.reduce((sum, value) => sum + value, 0) / y.length;
    return Math.sqrt(y.reduce((sum, value) => sum + (value - mean) ** 2, 0) / y.length);
  }
  return Math.sqrt(fit.sumOfSquares / y.length);
}
