// The law of emergence: how the elbow of performance in the pretraining loss moves with the amount of finetuning data,
// Perf(M, D) = base + slope·max(0, E(D) − L(M)), fitted to all models and amounts at once. Extrapolated to little data
// it says at which loss a task will emerge that no model of today solves.
// Snell et al., "Predicting Emergent Capabilities by Finetuning", arXiv 2411.16035, section 5: a ReLU in the loss whose
// elbow follows a law with parameters k, α and C, by default a power law in log D. Here E(D) = k·(log D)^α + C (natural
// log), or k·D^α + C to compare with; least squares in performance.
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import { enoughPoints, firstProblem, refused, wideEnough, type DesignProblem } from './design.ts';
import {
  bestElbow,
  elbowProblem,
  errorsOfPrediction,
  SAME_LOSS,
  usableEmergence,
  type Elbow,
  type EmergencePoint,
} from './emergence-elbow.ts';
import { emergenceSentence } from './emergence-sentences.ts';
import type { Estimate, Fit, LeftOut } from './fit.ts';
import { fitCurve, type CurveFit, type CurveProblem } from './levenberg.ts';
import { weightedLeastSquares } from './regression.ts';
import { sentences } from './sentences.ts';
import { intervalFromSamples, withoutInterval } from './statistics.ts';

/** One model finetuned on some data. */
export interface FinetunedPoint extends EmergencePoint {
  /** Amount of finetuning data, above 1: examples or tokens, the same unit for all. */
  readonly data: number;
}

/** base and slope in the unit of performance (per nat), C in nats per token; k·(log D)^alpha or k·D^alpha in nats. */
export type EmergenceParameter = 'base' | 'slope' | 'k' | 'alpha' | 'C';

/** Choices of the fit. */
export interface EmergenceOptions {
  /** `log power`: E(D) = k·(log D)^α + C. Default. */
  readonly form?: 'log power' | 'power';
  /** Performance of guessing, where it is known; default fitted. */
  readonly base?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** The constants of the law. */
export type EmergenceConstants = Readonly<Record<EmergenceParameter, number>>;

/** The fitted law. Residuals are performance − fitted, in its own unit. */
export interface EmergenceFit extends Fit<EmergenceParameter> {
  readonly law: 'emergence';
  readonly form: 'log power' | 'power';
  /** The elbow of each amount of data alone, ascending; undefined where its models do not show one. */
  readonly elbows: readonly { readonly data: number; readonly elbow: Elbow | undefined }[];
  readonly constants: EmergenceConstants | undefined;
  /** Constants of each resample. */
  readonly resampled: readonly EmergenceConstants[];
  readonly degreesOfFreedom: number;
}

/** Exponents searched; below zero the shift saturates. */
const ALPHA_BOUNDS = [-8, 8] as const;
const START_ALPHAS = [-2, -1, -0.4, 0.3, 0.7, 1, 1.5, 2.2, 3, 4.5];
const STARTS = 4;

/** Parameters of E(D): as many amounts and two more must show their elbow. */
const LAW_PARAMETERS = 3;

/** Fits the law to models finetuned on several amounts of data. */
export function fitEmergence(points: readonly FinetunedPoint[], options: EmergenceOptions = {}): EmergenceFit {
  const { form = 'log power', base, bootstrap: bootstrapOptions = {} } = options;
  const selected = usableEmergence(points);
  const left: LeftOut[] = [...selected.left];
  const used = selected.used.filter((row) => {
    const usable = points[row].data > 1 && Number.isFinite(points[row].data);
    if (!usable) left.push({ row, reason: emergenceSentence.badAmount });
    return usable;
  });
  left.sort((first, second) => first.row - second.row);
  const rows = used.map((row) => points[row]);
  const elbows = elbowsByAmount(rows, base);
  const inside = elbows.flatMap(({ data, elbow }) => (elbow === undefined ? [] : [{ data, elbow }]));
  const refuse = (problem: DesignProblem): EmergenceFit => ({
    ...refused<EmergenceParameter>({ law: 'emergence', problem, left, used }),
    ...{ law: 'emergence', form, elbows, constants: undefined, resampled: [], degreesOfFreedom: NaN },
  });
  const problem = firstProblem(
    enoughPoints(inside.length, LAW_PARAMETERS, emergenceSentence.amounts),
    inside.length === 0
      ? undefined
      : wideEnough(
          inside.map(({ data }) => data),
          'D',
        ),
  );
  if (problem !== undefined) return refuse(problem);

  const axis = axisOf(
    inside.map(({ data }) => data),
    form,
  );
  const curve = emergenceProblem(rows, axis, base);
  const solved = search(curve, inside, axis, base);
  const [low, high] = ALPHA_BOUNDS;
  const alpha = solved.parameters[ALPHA];
  if (!(solved.parameters[SHIFT] > 0)) return refuse({ status: 'not identified', message: emergenceSentence.noTrend });
  for (const bound of [low, high])
    if (Math.abs(alpha - bound) < 1e-6) return refuse({ status: 'bound hit', message: sentences.boundHit('alpha', bound) });
  if (solved.status === 'not converged') return refuse({ status: 'not converged', message: sentences.notConverged });

  const constantsOf = (parameters: readonly number[]): EmergenceConstants => inTheLawsTerms(parameters, axis, base);
  const constants = constantsOf(solved.parameters);
  const degreesOfFreedom = Math.max(1, rows.length - solved.parameters.length);
  const errors = errorsOfPrediction(curve.jacobian(solved.parameters), solved.residuals);
  const fitted = Float64Array.from(curve.model(solved.parameters));
  const resampled: EmergenceConstants[] = [];
  const { parameters, bootstrap } = bootstrapParameters<EmergenceParameter>({
    values: constants,
    unit: 'residuals',
    options: bootstrapOptions,
    degreesOfFreedom,
    draw: (random) => {
      // Each residual keeps its place, because the noise of an accuracy depends on its height (Wu's wild bootstrap).
      const y = fitted.map((value, i) => value + errors[i] * random.normal());
      const refit = fitCurve({ ...curve, y, start: solved.parameters, rounds: 0, tolerance: 1e-9 });
      if (refit.status !== 'converged') return undefined;
      const drawn = constantsOf(refit.parameters);
      resampled.push(drawn);
      return drawn;
    },
  });
  return {
    law: 'emergence',
    status: 'converged',
    message: emergenceSentence.law(parameters.alpha, inside.length, form),
    parameters,
    objective: { name: 'ls', value: solved.sumOfSquares / 2 },
    used,
    left,
    residuals: [...solved.residuals],
    bootstrap: (bootstrapOptions.resamples ?? 1000) > 0 ? bootstrap : undefined,
    form,
    elbows,
    constants,
    resampled,
    degreesOfFreedom,
  };
}

/** E(D): the loss below which the task emerges with D of data, nats per token. */
export function elbowOf({ k, alpha, C }: Pick<EmergenceConstants, 'k' | 'alpha' | 'C'>, form: EmergenceFit['form'], data: number): number {
  return k * (form === 'power' ? data : Math.log(data)) ** alpha + C;
}

/** E(D) with its interval; undefined unless the fit converged. With little data (D above 1) it is where few-shot prompts emerge. */
export function elbowAt(fit: EmergenceFit, data: number): Estimate | undefined {
  if (fit.constants === undefined) return undefined;
  const value = elbowOf(fit.constants, fit.form, data);
  if (fit.bootstrap === undefined) return withoutInterval(value);
  return intervalFromSamples(
    value,
    fit.resampled.map((constants) => elbowOf(constants, fit.form, data)),
    { degreesOfFreedom: fit.degreesOfFreedom },
  );
}

function elbowsByAmount(rows: readonly FinetunedPoint[], base: number | undefined): EmergenceFit['elbows'] {
  const byAmount = new Map<number, FinetunedPoint[]>();
  for (const point of rows) byAmount.set(point.data, [...(byAmount.get(point.data) ?? []), point]);
  return [...byAmount]
    .sort(([first], [second]) => first - second)
    .map(([data, members]) => {
      const losses = members.map(({ loss }) => loss);
      const performance = members.map((point) => point.performance);
      const enough = new Set(losses.map((loss) => Math.round(Math.log(loss) / SAME_LOSS))).size >= (base === undefined ? 4 : 3);
      const elbow = enough ? bestElbow(losses, performance, base) : undefined;
      return { data, elbow: elbowProblem(elbow, losses, base) === undefined ? elbow : undefined };
    });
}

/** log t of an amount, t being what is raised to α, relative to its middle; and the ends of the amounts fitted. */
interface Axis {
  readonly at: (data: number) => number;
  readonly middle: number;
  readonly low: number;
  readonly high: number;
}

function axisOf(amounts: readonly number[], form: EmergenceFit['form']): Axis {
  const logs = amounts.map((data) => (form === 'power' ? Math.log(data) : Math.log(Math.log(data))));
  const least = logs.reduce((low, value) => Math.min(low, value), Infinity);
  const most = logs.reduce((high, value) => Math.max(high, value), -Infinity);
  const middle = (least + most) / 2;
  return {
    at: (data) => (form === 'power' ? Math.log(data) : Math.log(Math.log(data))) - middle,
    middle,
    low: least - middle,
    high: most - middle,
  };
}

/** (t^α − t_mid^α)/(t_high^α − t_low^α): the shift as a share, of order one for every α, and log t/(…) at α = 0. */
function shareAt({ low, high }: Axis, alpha: number, at: number): number {
  return Math.abs(alpha) < 1e-9 ? at / (high - low) : Math.expm1(alpha * at) / (Math.expm1(alpha * high) - Math.expm1(alpha * low));
}

/** Working parameters: log slope, elbow at the middle, shift between the ends, α, and the base where it is fitted. */
const [SLOPE, MIDDLE, SHIFT, ALPHA, BASE] = [0, 1, 2, 3, 4];

function inTheLawsTerms(parameters: readonly number[], axis: Axis, base: number | undefined): EmergenceConstants {
  const alpha = parameters[ALPHA];
  const k = (parameters[SHIFT] / (Math.expm1(alpha * axis.high) - Math.expm1(alpha * axis.low))) * Math.exp(-alpha * axis.middle);
  return {
    base: base ?? parameters[BASE],
    slope: Math.exp(parameters[SLOPE]),
    k,
    alpha,
    C: parameters[MIDDLE] - k * Math.exp(alpha * axis.middle),
  };
}

function emergenceProblem(rows: readonly FinetunedPoint[], axis: Axis, base: number | undefined): Omit<CurveProblem, 'start'> {
  const places = rows.map(({ data }) => axis.at(data));
  const rises = (parameters: readonly number[]): Float64Array =>
    Float64Array.from(rows, ({ loss }, i) => parameters[MIDDLE] + parameters[SHIFT] * shareAt(axis, parameters[ALPHA], places[i]) - loss);
  const fixed = base === undefined ? [] : [base];
  return {
    y: rows.map(({ performance }) => performance),
    lower: [-50, -Infinity, -Infinity, ALPHA_BOUNDS[0], ...(base === undefined ? [-Infinity] : [])],
    upper: [50, Infinity, Infinity, ALPHA_BOUNDS[1], ...(base === undefined ? [Infinity] : [])],
    model: (parameters) => {
      const slope = Math.exp(parameters[SLOPE]);
      const level = fixed[0] ?? parameters[BASE];
      return rises(parameters).map((rise) => level + slope * Math.max(0, rise));
    },
    jacobian: (parameters) => {
      const slope = Math.exp(parameters[SLOPE]);
      const alpha = parameters[ALPHA];
      const step = 1e-5;
      return Array.from(rises(parameters), (rise, i) => {
        const active = rise > 0 ? slope : 0;
        const byAlpha = (shareAt(axis, alpha + step, places[i]) - shareAt(axis, alpha - step, places[i])) / (2 * step);
        const row = [active * rise, active, active * shareAt(axis, alpha, places[i]), active * parameters[SHIFT] * byAlpha];
        if (base === undefined) row.push(1);
        return row;
      });
    },
  };
}

/** From lines through the elbows of the single amounts, at several α. */
function search(
  curve: Omit<CurveProblem, 'start'>,
  inside: readonly { readonly data: number; readonly elbow: Elbow }[],
  axis: Axis,
  base: number | undefined,
): CurveFit {
  const middleOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1];
  const slope = Math.log(middleOf(inside.map(({ elbow }) => elbow.slope)));
  const level = base === undefined ? [middleOf(inside.map(({ elbow }) => elbow.base))] : [];
  const sumAt = (parameters: readonly number[]): number => {
    const fitted = curve.model(parameters);
    let sum = 0;
    for (let i = 0; i < curve.y.length; i++) sum += (curve.y[i] - fitted[i]) ** 2;
    return sum;
  };
  const tried = START_ALPHAS.flatMap((alpha) => {
    const line = weightedLeastSquares(
      inside.map(({ data }) => [1, shareAt(axis, alpha, axis.at(data))]),
      inside.map(({ elbow }) => elbow.elbow),
    );
    if (line.status === 'rank deficient') return [];
    const start = [slope, line.coefficients[0], line.coefficients[1], alpha, ...level];
    return [{ start, sum: sumAt(start) }];
  }).sort((first, second) => first.sum - second.sum);
  let best: CurveFit | undefined;
  for (const { start } of tried.slice(0, STARTS)) {
    const fit = fitCurve({ ...curve, start });
    if (best === undefined || fit.sumOfSquares < best.sumOfSquares) best = fit;
  }
  return best!;
}
