// Approach 3 of Hoffmann et al. (Chinchilla, arXiv 2203.15556, section 3.3): L = E + A/N^α + B/D^β fitted to all runs
// at once by a robust loss on log L, and what follows for the compute-optimal size.
import { bootstrapParameters, groupRows, type BootstrapOptions } from './bootstrap.ts';
import { allocation } from './chinchilla-allocation.ts';
import { leastAbsoluteDescent } from './chinchilla-lad.ts';
import {
  descend,
  logResiduals,
  lossPoints,
  toConstants,
  type Descent,
  type LogParameters,
  type LossConstants,
  type LossPoints,
} from './chinchilla-objective.ts';
import { deltaOf, descendTo, EXPONENT_BOUNDS, searchByProjection, searchFromManyStarts } from './chinchilla-search.ts';
import { enoughPoints, firstProblem, notTied, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, RunRow } from './fit.ts';
import { CHINCHILLA_DELTA, type Objective } from './huber.ts';
import { createRandom, type Random } from './random.ts';
import { lossSentence } from './sentences-loss.ts';
import { sentences } from './sentences.ts';
import { withoutInterval } from './statistics.ts';
import { distinctValues, usableRows } from './usable-rows.ts';

/** Parameters of the law; `a` and `b` are the exponents of N_opt ∝ C^a and D_opt ∝ C^b under C = 6·N·D. */
export type ChinchillaParameter = 'E' | 'A' | 'B' | 'alpha' | 'beta' | 'a' | 'b';

/** Choices of the fit. */
export interface ChinchillaOptions {
  /** Default Huber's loss with δ = 10⁻³ on log loss, summed. A name alone takes that δ. */
  readonly objective?: Objective | Objective['name'];
  /** How the optimum is looked for; both lead to the same one. Default `projection`; `multi-start` takes minutes. */
  readonly route?: 'projection' | 'multi-start';
  readonly bootstrap?: BootstrapOptions;
}

/** The fitted law. Residuals are log L − log L̂. */
export interface ChinchillaFit extends Fit<ChinchillaParameter> {
  readonly law: 'chinchilla';
  /** Point estimates in the law's own units, where the search ended on any. */
  readonly constants: LossConstants | undefined;
  /** N_opt = G·(C/6)^a. */
  readonly G: Estimate | undefined;
  /** One entry per successful resample, for drawing bands: constants that belong together. */
  readonly samples: readonly LossConstants[];
}

/** More points than this do not change which basin is the deepest: the search runs on an even selection, the descent on all. */
const SEARCH_POINTS = 2000;

/** Row-resamples that take about 20 s; beyond it fewer resamples are drawn, and the result says how many. */
const MOST_WORK = 8e6;

/** E below this share of the lowest loss is compared with a fit without E. */
const SMALL_FLOOR = 0.05;

/** Fits approach 3 to the final losses of a table with N, D (raw counts) and loss (nats per token). */
export function fitChinchilla(table: readonly RunRow[], options: ChinchillaOptions = {}): ChinchillaFit {
  const objective = namedObjective(options.objective ?? 'huber');
  const { used, left } = usableRows(table, ['N', 'D']);
  const refuse = (problem: DesignProblem): ChinchillaFit => ({
    ...refused<ChinchillaParameter>({ law: 'chinchilla', problem, left, objective: objective.name, used }),
    law: 'chinchilla',
    constants: undefined,
    G: undefined,
    samples: [],
  });
  const N = used.map((row) => table[row].N!);
  const D = used.map((row) => table[row].D!);
  const problem = lossDesignProblem(N, D);
  if (problem !== undefined) return refuse(problem);

  const points = lossPoints(
    N,
    D,
    used.map((row) => table[row].loss),
  );
  const best = globalOptimum(points, objective, options.route ?? 'projection');
  if (best === undefined) return refuse({ status: 'not converged', message: sentences.notConverged });
  const constants = toConstants(best.parameters, points.centre);
  const finished = verdict(best, points, objective, constants);
  const residuals = [...logResiduals(best.parameters, points)].map((value) => -value);
  const value = { name: objective.name, value: best.value, ...(objective.name === 'huber' ? { delta: objective.delta } : {}) };
  if (finished !== undefined) {
    // Where only the floor is missing, the rest of the law is still a description of the runs.
    const described = finished.status === 'bound hit' ? constants : undefined;
    return {
      ...refuse(finished),
      objective: value,
      residuals,
      constants: described,
      parameters: described === undefined ? {} : estimates(described, (number) => withoutInterval(number)),
    };
  }

  const { resamples: asked = 1000, seed = 0, onProgress } = options.bootstrap ?? {};
  const resamples = Math.min(asked, Math.max(100, Math.floor(MOST_WORK / used.length)));
  const groups = groupRows(used.length, (i) => table[used[i]].run ?? `row ${i}`);
  const values = { ...constants, ...allocation(constants) };
  const { bootstrap, parameters, samples } = bootstrapParameters<ChinchillaParameter | 'G'>({
    values,
    unit: 'runs',
    options: { resamples, seed, ...(onProgress === undefined ? {} : { onProgress }) },
    degreesOfFreedom: groups.length - 5,
    factors: ['A', 'B', 'G'],
    draw: (random) => {
      const again = refit(points, objective, best.parameters, drawWeights(random, groups, used.length));
      return again === undefined ? undefined : { ...again, ...allocation(again) };
    },
  });
  const { G, ...law } = parameters;
  return {
    law: 'chinchilla',
    status: 'converged',
    message: lossSentence.chinchilla(law.a, law.E, used.length, bootstrap.resamples),
    parameters: law,
    objective: value,
    used,
    left,
    residuals,
    bootstrap,
    constants,
    G,
    samples: Array.from(samples.E, (E, i) => ({ E, A: samples.A[i], B: samples.B[i], alpha: samples.alpha[i], beta: samples.beta[i] })),
  };
}

/** What keeps a table from identifying E, A, α, B, β; undefined when nothing does. */
export function lossDesignProblem(N: readonly number[], D: readonly number[]): DesignProblem | undefined {
  const threeValues = (values: readonly number[], axis: string): DesignProblem | undefined => {
    const distinct = distinctValues(values);
    return distinct >= 3 ? undefined : { status: 'not identified', message: lossSentence.tooFewValues(axis, distinct, 3) };
  };
  return (
    firstProblem(enoughPoints(N.length, 5), wideEnough(N, 'N'), wideEnough(D, 'D')) ??
    firstProblem(notTied(N, D, 'N', 'D'), threeValues(N, 'N'), threeValues(D, 'D'))
  );
}

function namedObjective(objective: Objective | Objective['name']): Objective {
  if (typeof objective !== 'string') return objective;
  return objective === 'huber' ? { name: 'huber', delta: CHINCHILLA_DELTA } : { name: objective };
}

function globalOptimum(points: LossPoints, objective: Objective, route: 'projection' | 'multi-start'): Descent | undefined {
  const few = evenSelection(points, SEARCH_POINTS);
  const found = route === 'projection' ? searchByProjection(few, objective) : searchFromManyStarts(few, objective)?.best;
  if (found === undefined || few === points) return found;
  return descendTo(objective, points, found.parameters);
}

/** A fixed random selection of `most` points: table order and regular spacing both can follow N or D. */
function evenSelection(points: LossPoints, most: number): LossPoints {
  const count = points.logLoss.length;
  if (count <= most) return points;
  const random = createRandom(0);
  const indices = Int32Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < most; i++) {
    const j = i + random.integer(count - i);
    [indices[i], indices[j]] = [indices[j], indices[i]];
  }
  const pick = (values: Float64Array): Float64Array => Float64Array.from(indices.subarray(0, most), (i) => values[i]);
  return { logN: pick(points.logN), logD: pick(points.logD), logLoss: pick(points.logLoss), centre: points.centre };
}

/** Why the optimum is not an estimate of the law; undefined when it is. */
function verdict(best: Descent, points: LossPoints, objective: Objective, constants: LossConstants): DesignProblem | undefined {
  const [low, high] = EXPONENT_BOUNDS;
  const lowest = Math.exp(points.logLoss.reduce((least, value) => Math.min(least, value), Infinity));
  const share = (exponent: number, logs: Float64Array, term: number): number => {
    // How much of the loss the term's change over the table accounts for.
    let first = Infinity;
    let last = -Infinity;
    for (const value of logs) {
      const size = Math.exp(term - exponent * value);
      first = Math.min(first, size);
      last = Math.max(last, size);
    }
    return (last - first) / lowest;
  };
  if (constants.E < SMALL_FLOOR * lowest) {
    const without: LogParameters = [-60, ...best.parameters.slice(1)] as unknown as LogParameters;
    const noFloor = descendTo(objective, points, without);
    if (noFloor.value <= best.value * (1 + 1e-9) + 1e-28 * points.logLoss.length)
      return { status: 'bound hit', message: lossSentence.noFloor };
  }
  for (const [name, axis, exponent, logs, term] of [
    ['alpha', 'N', constants.alpha, points.logN, best.parameters[1]],
    ['beta', 'D', constants.beta, points.logD, best.parameters[2]],
  ] as const) {
    if (share(exponent, logs, term) < 1e-6) return { status: 'not identified', message: lossSentence.noEffect(axis) };
    if (exponent < low) return { status: 'bound hit', message: sentences.boundHit(name, low) };
    if (exponent > high) return { status: 'bound hit', message: sentences.boundHit(name, high) };
  }
  return best.converged ? undefined : { status: 'not converged', message: sentences.notConverged };
}

/** How often each point is drawn when as many groups as there are are drawn with replacement. */
function drawWeights(random: Random, groups: readonly (readonly number[])[], points: number): Float64Array {
  const weights = new Float64Array(points);
  for (let i = 0; i < groups.length; i++) for (const point of groups[random.integer(groups.length)]) weights[point]++;
  return weights;
}

/** The optimum of a resample, from the optimum of all runs. Undefined when it does not converge. */
function refit(points: LossPoints, objective: Objective, start: LogParameters, weights: Float64Array): LossConstants | undefined {
  const reached =
    objective.name === 'lad'
      ? leastAbsoluteDescent(points, start, weights, true)
      : descend(points, start, { delta: deltaOf(objective), weights, tolerance: 1e-10, firstDamping: 1e-2 });
  return reached.converged ? toConstants(reached.parameters, points.centre) : undefined;
}

function estimates(constants: LossConstants, estimate: (value: number) => Estimate): Record<ChinchillaParameter, Estimate> {
  const { a, b } = allocation(constants);
  const { E, A, B, alpha, beta } = constants;
  return {
    E: estimate(E),
    A: estimate(A),
    B: estimate(B),
    alpha: estimate(alpha),
    beta: estimate(beta),
    a: estimate(a),
    b: estimate(b),
  };
}
