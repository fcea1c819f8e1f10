// The elbow of emergence: performance against pretraining loss is flat at a base and rises from one loss on,
// Perf = base + slope·max(0, elbow − L).
// Snell et al., "Predicting Emergent Capabilities by Finetuning", arXiv 2411.16035, section 5 (a ReLU in the loss, its
// parameters A, B and E there). Fitted exactly: between two neighbouring losses the partition is fixed and the best
// join follows from two separate fits; elsewhere the join is at a loss itself (Hudson, "Fitting Segmented Curves Whose
// Join Points Have to Be Estimated", Journal of the American Statistical Association 61, 1966).
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import { enoughPoints, refused, type DesignProblem } from './design.ts';
import { emergenceSentence } from './emergence-sentences.ts';
import type { Fit, LeftOut } from './fit.ts';
import { weightedLeastSquares } from './regression.ts';
import { distinctValues } from './usable-rows.ts';

/** One model on a task. */
export interface EmergencePoint {
  /** Pretraining loss, nats per token. */
  readonly loss: number;
  /** On the task, in any unit that is larger for better: accuracy in [0, 1], for example. */
  readonly performance: number;
}

/** Perf = base + slope·max(0, elbow − L): base and slope in the unit of performance (per nat), elbow in nats per token. */
export interface Elbow {
  readonly base: number;
  readonly slope: number;
  readonly elbow: number;
}

export type ElbowParameter = keyof Elbow;

/** Choices of the fit. */
export interface ElbowOptions {
  /** Performance of guessing, where it is known; default fitted. */
  readonly base?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** The fitted elbow. Residuals are performance − fitted, in its own unit. */
export interface ElbowFit extends Fit<ElbowParameter> {
  readonly law: 'elbow';
}

/** Losses closer than this, relatively, are those of one model. */
export const SAME_LOSS = 1e-6;

/** Performance at a loss. */
export function elbowPerformance({ base, slope, elbow }: Elbow, loss: number): number {
  return base + slope * Math.max(0, elbow - loss);
}

/** Fits the elbow of models on one task. */
export function fitElbow(points: readonly EmergencePoint[], options: ElbowOptions = {}): ElbowFit {
  const { base, bootstrap: bootstrapOptions = {} } = options;
  const { used, left } = usableEmergence(points);
  const refuse = (problem: DesignProblem): ElbowFit => ({
    ...refused<ElbowParameter>({ law: 'elbow', problem, left, used }),
    law: 'elbow',
  });
  const size = base === undefined ? 3 : 2;
  const few = enoughPoints(
    distinctValues(
      used.map((row) => points[row].loss),
      SAME_LOSS,
    ),
    size,
    emergenceSentence.models,
  );
  if (few !== undefined) return refuse(few);
  const losses = used.map((row) => points[row].loss);
  const performance = used.map((row) => points[row].performance);
  const found = bestElbow(losses, performance, base);
  const problem = elbowProblem(found, losses, base);
  if (problem !== undefined) return refuse(problem);
  const best = found!;
  const fitted = losses.map((loss) => elbowPerformance(best, loss));
  const residuals = performance.map((value, i) => value - fitted[i]);
  const degreesOfFreedom = Math.max(1, used.length - size);
  const errors = errorsOfPrediction(
    losses.map((loss) => {
      const active = loss < best.elbow ? 1 : 0;
      return [...(base === undefined ? [1] : []), active * (best.elbow - loss), active * best.slope];
    }),
    residuals,
  );
  const { parameters, bootstrap } = bootstrapParameters<ElbowParameter>({
    values: { base: best.base, slope: best.slope, elbow: best.elbow },
    unit: 'residuals',
    options: bootstrapOptions,
    degreesOfFreedom,
    draw: (random) =>
      // Each residual keeps its place, because the noise of an accuracy depends on its height (Wu's wild bootstrap).
      bestElbow(
        losses,
        fitted.map((value, i) => value + errors[i] * random.normal()),
        base,
      ),
  });
  return {
    law: 'elbow',
    status: 'converged',
    message: emergenceSentence.elbow(parameters.elbow),
    parameters,
    objective: { name: 'ls', value: residuals.reduce((sum, residual) => sum + residual * residual, 0) / 2 },
    used,
    left,
    residuals,
    bootstrap: (bootstrapOptions.resamples ?? 1000) > 0 ? bootstrap : undefined,
  };
}

/**
 * The error of predicting each point from the others, r/(1 − h): a point that pulls the fit shrinks its own residual
 * (MacKinnon & White, Journal of Econometrics 29, 1985, HC3). The residuals themselves where the fit has no others.
 */
export function errorsOfPrediction(derivatives: readonly ArrayLike<number>[], residuals: ArrayLike<number>): Float64Array {
  const fit = weightedLeastSquares(derivatives, residuals);
  if (fit.status === 'rank deficient') return Float64Array.from(residuals);
  return Float64Array.from(residuals, (residual, i) => (fit.leverages[i] < 1 - 1e-9 ? residual / (1 - fit.leverages[i]) : residual));
}

/** Rows that can be used, and why the others cannot. */
export function usableEmergence(points: readonly EmergencePoint[]): { used: number[]; left: LeftOut[] } {
  const left: LeftOut[] = [];
  const used = [...points.keys()].filter((row) => {
    const { loss, performance } = points[row];
    const reason = !(loss > 0 && Number.isFinite(loss))
      ? emergenceSentence.badForm
      : Number.isFinite(performance)
        ? undefined
        : emergenceSentence.badPerformance;
    if (reason !== undefined) left.push({ row, reason });
    return reason === undefined;
  });
  return { used, left };
}

/**
 * Why an elbow says nothing: no rise, or too few models on one of its sides. A base that is fitted needs two, because any
 * one model is the base of a line through the others.
 */
export function elbowProblem(found: Elbow | undefined, losses: readonly number[], base: number | undefined): DesignProblem | undefined {
  if (found === undefined || !(found.slope > 0)) return { status: 'not identified', message: emergenceSentence.flat };
  const count = (side: (loss: number) => boolean): number => distinctValues(losses.filter(side), SAME_LOSS);
  if (count((loss) => loss > found.elbow) < (base === undefined ? 2 : 1))
    return { status: 'at the edge', message: emergenceSentence.noBase };
  return count((loss) => loss < found.elbow) < 2 ? { status: 'at the edge', message: emergenceSentence.noRise } : undefined;
}

/**
 * The least-squares elbow with a positive slope; undefined when no rise improves on a constant.
 * @param base given, or fitted
 */
export function bestElbow(losses: readonly number[], performance: readonly number[], base?: number): Elbow | undefined {
  const order = [...losses.keys()].sort((i, j) => losses[i] - losses[j]);
  const x = order.map((i) => losses[i]);
  const y = order.map((i) => performance[i]);
  const count = x.length;
  const sumOfSquares = (elbow: Elbow): number => x.reduce((sum, loss, i) => sum + (y[i] - elbowPerformance(elbow, loss)) ** 2, 0);
  const constant = base ?? y.reduce((sum, value) => sum + value, 0) / count;
  let best: Elbow | undefined;
  let least = y.reduce((sum, value) => sum + (value - constant) ** 2, 0) * (1 - 1e-12);
  const offer = (elbow: Elbow): void => {
    if (!(elbow.slope > 0) || !Number.isFinite(elbow.elbow)) return;
    const sum = sumOfSquares(elbow);
    if (sum < least) [best, least] = [elbow, sum];
  };
  // Sums over the models below the elbow, which grow as it moves up.
  let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0];
  const origin = x[0];
  let total = 0;
  for (const value of y) total += value;
  for (let k = 0; k < count; k++) {
    const u = x[k] - origin;
    n++;
    sx += u;
    sy += y[k];
    sxx += u * u;
    sxy += u * y[k];
    if (k + 1 < count && x[k + 1] === x[k]) continue;
    const upper = k + 1 < count ? x[k + 1] : Infinity;
    const level = base ?? (n < count ? (total - sy) / (count - n) : undefined);
    const spread = sxx - (sx * sx) / n;
    if (level !== undefined && spread > 0) {
      const slope = (sxy - (sx * sy) / n) / spread;
      const join = origin + sx / n + (level - sy / n) / slope;
      if (join >= x[k] && join <= upper) offer({ base: level, slope: -slope, elbow: join });
    }
    // With the join at this loss itself the model is linear in base and slope.
    let [m1, m2, p1] = [0, 0, 0];
    for (let i = 0; i <= k; i++) {
      const rise = x[k] - x[i];
      m1 += rise;
      m2 += rise * rise;
      p1 += rise * y[i];
    }
    if (base === undefined) {
      const determinant = count * m2 - m1 * m1;
      if (determinant > 0)
        offer({ base: (m2 * total - m1 * p1) / determinant, slope: (count * p1 - m1 * total) / determinant, elbow: x[k] });
    } else if (m2 > 0) offer({ base, slope: (p1 - base * m1) / m2, elbow: x[k] });
  }
  return best;
}
