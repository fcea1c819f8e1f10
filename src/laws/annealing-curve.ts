// The law of learning rate annealing as a curve to be fitted: log(L0 + A·S1^−α − C·S2(λ)) with its derivatives, and the
// starts of its search. For given α and λ the law is linear in L0, A and C.
import { annealingArea, forwardArea } from './annealing-areas.ts';
import { robustCurveFit, type Objective } from './huber.ts';
import type { CurveFit, CurveProblem } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';

/** L(s) = L0 + A·S1(s)^−alpha − C·S2(s), S2 summed with `lambda`. */
export interface AnnealingConstants {
  /** Nats per token. */
  readonly L0: number;
  readonly A: number;
  readonly alpha: number;
  /** Nats per token and unit of S2. */
  readonly C: number;
  readonly lambda: number;
}

/** The used points of one curve. */
export interface CurvePoints {
  /** η after warm-up, one per step. */
  readonly rates: Float64Array;
  /** Ascending. */
  readonly steps: readonly number[];
  readonly losses: readonly number[];
}

/** The law over all points, curve after curve. */
export interface AnnealingProblem {
  readonly curve: Omit<CurveProblem, 'start'>;
  readonly losses: readonly number[];
  readonly given: number | undefined;
  /** Mean of log S1: the search's second parameter is the log of the term A·S1^−α there. */
  readonly centre: number;
  readonly constants: (parameters: readonly number[]) => AnnealingConstants;
  /** Linear terms (1, S1^−α at the centre, S2/scale) of every point; the coefficient of the last is −C·scale. */
  readonly terms: (alpha: number, lambda: number) => readonly (readonly number[])[];
}

/** Exponents searched. */
export const ALPHA_BOUNDS = [0.01, 5] as const;

const START_ALPHAS = [0.05, 0.15, 0.3, 0.5, 0.75, 1.1, 1.7, 2.6];
const START_LAMBDAS = 10;
const STARTS = 3;

/** log(−1/log λ): the memory in steps of an annealing, on a log scale. The search walks in it. */
export const logMemory = (lambda: number): number => -Math.log(-Math.log(lambda));
const fromLogMemory = (memory: number): number => Math.exp(-Math.exp(-memory));

/**
 * @param lambda given, or the bounds between which it is fitted
 * @param like another problem whose parameters this one shall share the meaning of
 * @param refits whether it will be solved very often: S2 then comes from a table
 */
export function annealingProblem(
  curves: readonly CurvePoints[],
  lambda: number | readonly [low: number, high: number],
  like?: AnnealingProblem,
  refits = false,
): AnnealingProblem {
  const logS1 = curves.flatMap(({ rates, steps }) => Array.from(forwardArea(rates, steps), Math.log));
  const centre = like?.centre ?? logS1.reduce((sum, value) => sum + value, 0) / logS1.length;
  const x = logS1.map((value) => value - centre);
  const losses = curves.flatMap((curve) => [...curve.losses]);
  const given = typeof lambda === 'number' ? lambda : undefined;
  // C is scaled by the largest fall of the rate, times the memory: S2 then stays of order one as λ moves.
  const fall = Math.max(...curves.map(({ rates }) => rates.reduce((most, rate) => Math.max(most, rate), 0)));
  const scaleOf = (memory: number): number => fall * Math.exp(memory);

  const areas = refits ? tabulatedAreas(areasOver(curves)) : areasOver(curves);
  const memoryOf = (parameters: readonly number[]): number => (given === undefined ? parameters[4] : logMemory(given));
  const lambdaOf = (parameters: readonly number[]): number => given ?? fromLogMemory(parameters[4]);
  const terms = (alpha: number, at: number): number[][] => {
    const { area } = areas(at);
    const scale = scaleOf(logMemory(at));
    return x.map((value, i) => [1, Math.exp(-alpha * value), area[i] / scale]);
  };
  return {
    losses,
    given,
    centre,
    terms,
    constants: (parameters) => ({
      L0: Math.exp(parameters[0]),
      A: Math.exp(parameters[1] + parameters[2] * centre),
      alpha: parameters[2],
      C: parameters[3] / scaleOf(memoryOf(parameters)),
      lambda: lambdaOf(parameters),
    }),
    curve: {
      y: losses.map(Math.log),
      lower: [-50, -50, ALPHA_BOUNDS[0], 0, ...(typeof lambda === 'number' ? [] : [logMemory(lambda[0])])],
      upper: [50, 50, ALPHA_BOUNDS[1], Infinity, ...(typeof lambda === 'number' ? [] : [logMemory(lambda[1])])],
      model: (parameters) => {
        const [e, a, alpha, c] = parameters;
        const { area } = areas(lambdaOf(parameters));
        const factor = c / scaleOf(memoryOf(parameters));
        const floor = Math.exp(e);
        return Float64Array.from(x, (value, i) => Math.log(floor + Math.exp(a - alpha * value) - factor * area[i]));
      },
      jacobian: (parameters) => {
        const [e, a, alpha, c] = parameters;
        const at = lambdaOf(parameters);
        const { area, byMemory } = areas(at);
        const scale = scaleOf(memoryOf(parameters));
        const floor = Math.exp(e);
        return x.map((value, i) => {
          const term = Math.exp(a - alpha * value);
          const loss = floor + term - (c / scale) * area[i];
          const row = [floor / loss, term / loss, (-value * term) / loss, -area[i] / scale / loss];
          if (given === undefined) row.push(((c / scale) * (area[i] - byMemory[i])) / loss);
          return row;
        });
      },
    },
  };
}

interface Areas {
  readonly lambda: number;
  /** S2 of every point. */
  readonly area: Float64Array;
  /** Its derivative with respect to log memory. */
  readonly byMemory: Float64Array;
}

/** S2 over all points by the recursion; the last λ is kept, because a curve and its derivatives ask for the same. */
function areasOver(curves: readonly CurvePoints[]): (lambda: number) => Areas {
  let last: Areas | undefined;
  return (lambda) => {
    if (last?.lambda === lambda) return last;
    const parts = curves.map(({ rates, steps }) => annealingArea(rates, steps, lambda));
    // dλ/d(log memory) = λ/memory.
    const turn = lambda * Math.exp(-logMemory(lambda));
    last = {
      lambda,
      area: Float64Array.from(parts.flatMap(({ area }) => [...area])),
      byMemory: Float64Array.from(parts.flatMap(({ slope }) => Array.from(slope, (value) => value * turn))),
    };
    return last;
  };
}

/** Spacing of the table in log memory: cubic interpolation then errs by less than 10⁻⁷ of S2. */
const TABLE_STEP = 0.05;

/**
 * The same from a table that fills as it is asked, by cubic Hermite interpolation in log memory: thousands of refits
 * then cost one pass over the points each, not one over all steps.
 */
function tabulatedAreas(exact: (lambda: number) => Areas): (lambda: number) => Areas {
  const nodes = new Map<number, Areas>();
  const node = (k: number): Areas => {
    let known = nodes.get(k);
    if (known === undefined) {
      known = exact(fromLogMemory(k * TABLE_STEP));
      nodes.set(k, known);
    }
    return known;
  };
  let last: Areas | undefined;
  return (lambda) => {
    if (last?.lambda === lambda) return last;
    const place = logMemory(lambda) / TABLE_STEP;
    const k = Math.floor(place);
    const [below, above] = [node(k), node(k + 1)];
    const t = place - k;
    const s = 1 - t;
    const h = TABLE_STEP;
    const area = below.area.map(
      (low, i) =>
        low * (1 + 2 * t) * s * s + above.area[i] * (1 + 2 * s) * t * t + h * t * s * (below.byMemory[i] * s - above.byMemory[i] * t),
    );
    const byMemory = below.area.map(
      (low, i) => (6 * t * s * (above.area[i] - low)) / h + below.byMemory[i] * s * (1 - 3 * t) + above.byMemory[i] * t * (3 * t - 2),
    );
    last = { lambda, area, byMemory };
    return last;
  };
}

/** The best fit from starts where L0, A and C are solved exactly; undefined when no start has L0, A and C positive. */
export function solveAnnealing(
  problem: AnnealingProblem,
  few: AnnealingProblem,
  bounds: readonly [low: number, high: number] | undefined,
  objective: Objective,
): (CurveFit & { readonly objective: number }) | undefined {
  const lambdas =
    bounds === undefined
      ? [problem.given!]
      : Array.from({ length: START_LAMBDAS }, (_, i) =>
          fromLogMemory(logMemory(bounds[0]) + ((i + 0.5) / START_LAMBDAS) * (logMemory(bounds[1]) - logMemory(bounds[0]))),
        );
  const weights = few.losses.map((loss) => 1 / loss ** 2);
  const tried: { start: number[]; sum: number }[] = [];
  for (const lambda of lambdas) {
    for (const alpha of START_ALPHAS) {
      const linear = weightedLeastSquares(few.terms(alpha, lambda), few.losses, weights);
      if (linear.status === 'rank deficient') continue;
      const [L0, A, negativeC] = linear.coefficients;
      if (!(L0 > 0 && A > 0 && negativeC < 0)) continue;
      tried.push({
        start: [Math.log(L0), Math.log(A), alpha, -negativeC, ...(bounds === undefined ? [] : [logMemory(lambda)])],
        sum: linear.sumOfSquares,
      });
    }
  }
  tried.sort((first, second) => first.sum - second.sum);
  // Starts of one basin are alike: at most one for each α goes on.
  const starts = tried.filter(({ start }, i) => tried.findIndex((other) => other.start[2] === start[2]) === i).slice(0, STARTS);
  let best: (CurveFit & { readonly objective: number }) | undefined;
  for (const { start } of starts) {
    const fit = robustCurveFit({ ...few.curve, start }, objective);
    if (best === undefined || fit.objective < best.objective) best = fit;
  }
  if (best === undefined || few === problem) return best;
  return robustCurveFit({ ...problem.curve, start: best.parameters, rounds: 0 }, objective);
}
