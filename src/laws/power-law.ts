// The power law y = c·x^a, alone or above a floor E: y = E + c·x^a, the floor given (the entropy of a synthetic
// language) or fitted. Residuals are in log y, so that errors are relative, as the noise of a loss is.
import type { BootstrapOptions } from './bootstrap.ts';
import { bootstrapCurve } from './curve-bootstrap.ts';
import { enoughPoints, firstProblem, refused, wideEnough } from './design.ts';
import type { Estimate, Fit, LeftOut } from './fit.ts';
import { objectiveValue, robustCurveFit, robustLinearFit, type Objective } from './huber.ts';
import type { CurveFit, CurveProblem } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';
import { sentences, shortNumber } from './sentences.ts';
import type { Sentence } from '../messages/sentence.ts';

/** c is a positive factor, a the exponent of x (negative for a loss that falls), E the floor where it is fitted. */
export type PowerLawParameter = 'c' | 'a' | 'E';

/** One point; `row` indexes the caller's table. */
export interface PowerLawPoint {
  readonly x: number;
  readonly y: number;
  readonly row: number;
}

/** Choices of the fit. */
export interface PowerLawOptions {
  /** None (default), fitted, or a number in the unit of y that is known from elsewhere. */
  readonly floor?: 'none' | 'fitted' | number;
  readonly objective?: Objective;
  readonly bootstrap?: BootstrapOptions;
  /** Names of the axes in messages. Default x and y. */
  readonly names?: { readonly x: string; readonly y: string };
}

/** The fitted law; residuals are log y − log fitted. */
export interface PowerLawFit extends Fit<PowerLawParameter> {
  readonly law: 'power';
  /** The floor that was given, or undefined. */
  readonly givenFloor: number | undefined;
  /** The curve over its points, ascending in x, with the 95 % interval of its height: for drawing with its band. Empty unless `converged`. */
  readonly curve: readonly PowerLawCurvePoint[];
}

/** y of the fitted law at x. */
export interface PowerLawCurvePoint extends Estimate {
  readonly x: number;
}

/** Points of the curve, log-spaced, and how far it goes beyond the points on either side: a factor. */
const CURVE_POINTS = 25;
const CURVE_BEYOND = 1.25;

/** Exponents are searched in ±this. */
const LARGEST_EXPONENT = 5;

/** A fitted floor below this share of the lowest y is no floor: the search has run to zero. */
const LEAST_FLOOR_SHARE = 1e-3;

/** Fits y = c·x^a (+ E) to points. Points that are not positive, or not above a given floor, are left out with the reason. */
export function fitPowerLaw(points: readonly PowerLawPoint[], options: PowerLawOptions = {}): PowerLawFit {
  const { floor = 'none', objective = { name: 'ls' }, bootstrap = {}, names = { x: 'x', y: 'y' } } = options;
  const given = typeof floor === 'number' ? floor : undefined;
  const left: LeftOut[] = [];
  const used = points.filter((point) => {
    const reason = !(point.x > 0 && Number.isFinite(point.x))
      ? sentences.notPositive(names.x)
      : !(point.y > 0 && Number.isFinite(point.y))
        ? sentences.notPositive(names.y)
        : given !== undefined && point.y <= given
          ? notAboveFloor(names.y, given)
          : undefined;
    if (reason !== undefined) left.push({ row: point.row, reason });
    return reason === undefined;
  });
  // A fixed order: the bootstrap's seed then means the same whatever order the points came in.
  used.sort((a, b) => a.x - b.x || a.y - b.y);
  const size = floor === 'fitted' ? 3 : 2;
  const law = 'power' as const;
  const distinct = new Set(used.map((point) => point.x)).size;
  const problem = firstProblem(
    enoughPoints(used.length, size),
    wideEnough(
      used.map((point) => point.x),
      names.x,
    ),
    enoughPoints(distinct, size - 1, distinctValues(names.x)),
  );
  const refuse = (why: NonNullable<typeof problem>): PowerLawFit => ({
    ...refused<PowerLawParameter>({
      law,
      problem: why,
      left,
      objective: objective.name,
      used: used.map((point) => point.row).sort((a, b) => a - b),
    }),
    law,
    givenFloor: given,
    curve: [],
  });
  if (problem !== undefined) return refuse(problem);

  const curve = curveOf(used, floor === 'fitted' ? 'fitted' : (given ?? 0));
  const solved = solve(curve, used, floor === 'fitted', objective);
  if (solved === undefined || solved.status === 'not converged')
    return refuse({ status: 'not converged', message: sentences.notConverged });
  const report = ([logC, a, logE]: readonly number[]): Record<PowerLawParameter, number> => ({
    c: Math.exp(logC - a * curve.centre),
    a,
    E: logE === undefined ? NaN : Math.exp(logE),
  });
  const at = report(solved.parameters);
  const lowest = Math.min(...used.map((point) => point.y));
  const bound =
    Math.abs(at.a) > LARGEST_EXPONENT * 0.999
      ? sentences.boundHit('a', Math.sign(at.a) * LARGEST_EXPONENT)
      : floor === 'fitted' && at.E < LEAST_FLOOR_SHARE * lowest
        ? sentences.boundHit('E', 0)
        : undefined;
  const byRow = used.map(({ row }, i) => ({ row, residual: solved.residuals[i] })).sort((a, b) => a.row - b.row);
  const base = {
    law,
    givenFloor: given,
    curve: [],
    used: byRow.map(({ row }) => row),
    left,
    residuals: byRow.map(({ residual }) => residual),
    objective: {
      name: objective.name,
      value: objectiveValue(objective, solved.residuals),
      ...(objective.name === 'huber' ? { delta: objective.delta } : {}),
    },
  };
  if (bound !== undefined) return { ...base, status: 'bound hit', message: bound, parameters: {}, bootstrap: undefined };
  const reported: readonly PowerLawParameter[] = floor === 'fitted' ? ['c', 'a', 'E'] : ['c', 'a'];
  const drawnAt = curvePlaces(used);
  const places = drawnAt.map((_, i) => `curve ${i}` as const);
  const { parameters: all, bootstrap: unit } = bootstrapCurve<PowerLawParameter | `curve ${number}`>({
    problem: curve.problem,
    fit: solved,
    objective,
    report: (parameters) => {
      const named = report(parameters);
      return Object.fromEntries([
        ...reported.map((name) => [name, named[name]]),
        ...drawnAt.map((x, i) => [places[i], named.c * x ** named.a + (floor === 'fitted' ? named.E : (given ?? 0))]),
      ]) as Record<PowerLawParameter | `curve ${number}`, number>;
    },
    factors: ['c', ...places],
    options: bootstrap,
  });
  const parameters = Object.fromEntries(reported.flatMap((name) => (all[name] ? [[name, all[name]]] : []))) as PowerLawFit['parameters'];
  return {
    ...base,
    status: 'converged',
    message: found(names, parameters, given),
    parameters,
    bootstrap: unit,
    curve: drawnAt.flatMap((x, i) => {
      const height = all[places[i]];
      return height === undefined ? [] : [{ x, ...height }];
    }),
  };
}

/** y at x by a fitted law; NaN unless it converged. */
export function powerLawAt(fit: PowerLawFit, x: number): number {
  const { c, a, E } = fit.parameters;
  return c === undefined || a === undefined ? NaN : (E?.value ?? fit.givenFloor ?? 0) + c.value * x ** a.value;
}

function curvePlaces(points: readonly PowerLawPoint[]): number[] {
  const low = points.reduce((least, { x }) => Math.min(least, x), Infinity) / CURVE_BEYOND;
  const high = points.reduce((most, { x }) => Math.max(most, x), 0) * CURVE_BEYOND;
  return Array.from({ length: CURVE_POINTS }, (_, i) => low * (high / low) ** (i / (CURVE_POINTS - 1)));
}

interface PowerCurve {
  readonly problem: Omit<CurveProblem, 'start'> & { readonly start: readonly number[] };
  /** Mean of log x: the curve's first parameter is log of c·exp(a·centre), the term at the middle of the data. */
  readonly centre: number;
  readonly logX: readonly number[];
}

function curveOf(points: readonly PowerLawPoint[], floor: 'fitted' | number): PowerCurve {
  const logs = points.map((point) => Math.log(point.x));
  const centre = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const logX = logs.map((value) => value - centre);
  const floorOf = (parameters: readonly number[]): number => (floor === 'fitted' ? Math.exp(parameters[2]) : floor);
  return {
    centre,
    logX,
    problem: {
      y: points.map((point) => Math.log(point.y)),
      start: [],
      lower: [-700, -LARGEST_EXPONENT, ...(floor === 'fitted' ? [-700] : [])],
      upper: [700, LARGEST_EXPONENT, ...(floor === 'fitted' ? [700] : [])],
      model: (parameters) => {
        const E = floorOf(parameters);
        return logX.map((x) => Math.log(E + Math.exp(parameters[0] + parameters[1] * x)));
      },
      jacobian: (parameters) => {
        const E = floorOf(parameters);
        return logX.map((x) => {
          const term = Math.exp(parameters[0] + parameters[1] * x);
          const share = term / (E + term);
          return floor === 'fitted' ? [share, share * x, 1 - share] : [share, share * x];
        });
      },
    },
  };
}

/** Starts from exact linear fits: in logs where there is no free floor, else over a grid of exponents, at each of which E and c are linear. */
function solve(
  curve: PowerCurve,
  points: readonly PowerLawPoint[],
  fitted: boolean,
  objective: Objective,
): (CurveFit & { objective: number }) | undefined {
  const starts: number[][] = [];
  if (!fitted) {
    const linear = robustLinearFit(
      curve.logX.map((x) => [1, x]),
      Array.from(curve.problem.y),
      objective,
    );
    if (linear.status !== 'rank deficient') starts.push([...linear.coefficients]);
  } else {
    const weights = points.map((point) => 1 / point.y ** 2);
    const tried: { start: number[]; sum: number }[] = [];
    for (const size of [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2.5, 4]) {
      for (const a of [-size, size]) {
        const linear = weightedLeastSquares(
          curve.logX.map((x) => [Math.exp(a * x), 1]),
          points.map((point) => point.y),
          weights,
        );
        if (linear.status === 'rank deficient') continue;
        const [term, E] = linear.coefficients;
        if (term > 0 && E > 0) tried.push({ start: [Math.log(term), a, Math.log(E)], sum: linear.sumOfSquares });
      }
    }
    tried.sort((first, second) => first.sum - second.sum);
    starts.push(...tried.slice(0, 3).map(({ start }) => start));
    // No exponent wants a positive floor: start from a small one, so that the search itself can say so.
    if (starts.length === 0) {
      const line = weightedLeastSquares(
        curve.logX.map((x) => [1, x]),
        curve.problem.y,
      );
      if (line.status === 'full rank') starts.push([...line.coefficients, Math.log(0.05 * Math.min(...points.map((point) => point.y)))]);
    }
  }
  let best: (CurveFit & { objective: number }) | undefined;
  for (const start of starts) {
    const fit = robustCurveFit({ ...curve.problem, start }, objective);
    if (best === undefined || fit.objective < best.objective) best = fit;
  }
  return best;
}

const distinctValues = (axis: string): Sentence => ({ en: `different values of ${axis}`, zh: `个不同的 ${axis} 取值` });

const notAboveFloor = (axis: string, floor: number): Sentence => ({
  en: `${axis} is not above the given floor ${shortNumber(floor)}`,
  zh: `${axis} 不高于给定的下限 ${shortNumber(floor)}`,
});

function found(
  names: { x: string; y: string },
  parameters: Readonly<Partial<Record<PowerLawParameter, Estimate>>>,
  given: number | undefined,
): Sentence {
  const show = (estimate: Estimate): string =>
    Number.isFinite(estimate.low)
      ? `${shortNumber(estimate.value)} (${shortNumber(estimate.low)} … ${shortNumber(estimate.high)})`
      : shortNumber(estimate.value);
  const { c, a, E } = parameters;
  const floor = E !== undefined ? `, E = ${show(E)}` : given !== undefined ? `, E = ${shortNumber(given)}` : '';
  const formula = `${names.y} = ${floor === '' ? '' : 'E + '}c·${names.x}^a`;
  return {
    en: `${formula} with c = ${show(c!)}, a = ${show(a!)}${floor}${given === undefined ? '' : ' (given)'}.`,
    zh: `${formula}，其中 c = ${show(c!)}，a = ${show(a!)}${floor}${given === undefined ? '' : '（给定）'}。`,
  };
}
