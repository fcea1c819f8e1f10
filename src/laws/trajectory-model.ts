// The trajectory as a curve to be fitted: log loss at every point of every run in six working parameters that lie in the
// middle of the data, and the constants of the law behind them.
import type { CurveProblem } from './levenberg.ts';
import { logistic, softplus, solveTrajectory, type TrajectoryConstants } from './trajectory-forms.ts';

/** One point of a run: natural logs of N, B (tokens), S and the loss; `run` numbers its run from 0. */
export interface TrajectoryPoint {
  readonly run: number;
  readonly logN: number;
  readonly logB: number;
  readonly logS: number;
  readonly logLoss: number;
}

/** Where the working parameters are anchored: the means of log N, log S and log loss. */
export interface TrajectoryCentre {
  readonly logN: number;
  readonly logS: number;
  readonly logLoss: number;
}

/** Positions of the working parameters. */
export const WORKING = {
  /** log of (N_c/N)^αN at the middle N. */
  size: 0,
  alphaN: 1,
  /** log of (S_c/S)^αS at the middle S. */
  steps: 2,
  alphaS: 3,
  /** log B_crit at the middle loss. */
  batch: 4,
  /** 1/α_B. */
  power: 5,
} as const;

/** Exponents and, in natural logs beyond the batches, B_crit stay in this box. */
const BOX = { alphaN: [1e-3, 3], alphaS: [0.02, 4], power: [0.02, 60], batch: 7 } as const;

/** Means of the points' logs. */
export function centreOf(points: readonly TrajectoryPoint[]): TrajectoryCentre {
  const mean = (of: (point: TrajectoryPoint) => number): number => points.reduce((sum, point) => sum + of(point), 0) / points.length;
  return { logN: mean((point) => point.logN), logS: mean((point) => point.logS), logLoss: mean((point) => point.logLoss) };
}

/** The least-squares problem in the working parameters. */
export function trajectoryProblem(points: readonly TrajectoryPoint[], centre: TrajectoryCentre): Omit<CurveProblem, 'start'> {
  let [lowest, highest] = [Infinity, -Infinity];
  for (const { logB } of points) {
    lowest = Math.min(lowest, logB);
    highest = Math.max(highest, logB);
  }
  /** log loss of one point. */
  const solve = (point: TrajectoryPoint, p: readonly number[]): number =>
    solveTrajectory(
      p[WORKING.size] - p[WORKING.alphaN] * (point.logN - centre.logN),
      p[WORKING.alphaS],
      p[WORKING.steps] / p[WORKING.alphaS] - (point.logS - centre.logS),
      p[WORKING.batch] + p[WORKING.power] * centre.logLoss - point.logB,
      p[WORKING.power],
      point.logLoss,
    );
  // A solver asks for the curve and its derivatives at the same parameters several times; arrays of parameters are never changed.
  const solved = new WeakMap<readonly number[], Float64Array>();
  const model = (parameters: readonly number[]): Float64Array => {
    const known = solved.get(parameters);
    if (known !== undefined) return known;
    const losses = Float64Array.from(points, (point) => solve(point, parameters));
    solved.set(parameters, losses);
    return losses;
  };
  return {
    y: points.map(({ logLoss }) => logLoss),
    lower: [-700, BOX.alphaN[0], -700, BOX.alphaS[0], lowest - BOX.batch, BOX.power[0]],
    upper: [700, BOX.alphaN[1], 700, BOX.alphaS[1], highest + BOX.batch, BOX.power[1]],
    model,
    jacobian: (parameters) => {
      const losses = model(parameters);
      return points.map((point, i) => gradient(point, parameters, centre, losses[i]));
    },
  };
}

/** Which end of its range a working parameter lies on, if any. */
export function boundHit(parameters: readonly number[], problem: Pick<CurveProblem, 'lower' | 'upper'>): keyof typeof WORKING | undefined {
  const names = Object.keys(WORKING) as (keyof typeof WORKING)[];
  return names.find((name) => {
    const value = parameters[WORKING[name]];
    const [low, high] = [problem.lower![WORKING[name]], problem.upper![WORKING[name]]];
    return value <= low + 1e-6 * Math.abs(low) || value >= high - 1e-6 * Math.abs(high);
  });
}

/** The constants of the law at given working parameters. */
export function constantsOf(parameters: readonly number[], centre: TrajectoryCentre): TrajectoryConstants {
  const [size, alphaN, steps, alphaS, batch, power] = parameters;
  return {
    alphaN,
    Nc: Math.exp(centre.logN + size / alphaN),
    alphaS,
    Sc: Math.exp(centre.logS + steps / alphaS),
    critical: { batch: Math.exp(batch + power * centre.logLoss), alpha: 1 / power },
  };
}

/** d log L/d parameters, by differentiating the equation that log L solves. */
function gradient(point: TrajectoryPoint, parameters: readonly number[], centre: TrajectoryCentre, logLoss: number): Float64Array {
  const [size, alphaN, steps, alphaS, batch, power] = parameters;
  const n = point.logN - centre.logN;
  const away = logLoss - centre.logLoss;
  const ratio = batch - power * away - point.logB;
  const effective = point.logS - centre.logS - softplus(ratio);
  const sizeShare = Math.exp(size - alphaN * n - logLoss);
  const stepShare = Math.exp(steps - alphaS * effective - logLoss);
  const batchShare = stepShare * alphaS * logistic(ratio);
  const feedback = 1 + batchShare * power;
  return Float64Array.of(
    sizeShare / feedback,
    (-sizeShare * n) / feedback,
    stepShare / feedback,
    (-stepShare * effective) / feedback,
    batchShare / feedback,
    (-batchShare * away) / feedback,
  );
}
