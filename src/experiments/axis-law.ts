// One axis of the laws of loss: a power law through a handful of points, whether it bends, and what it says of the last
// point when that one is left out.
import type { Estimate } from '../laws/fit.ts';
import { fitLogLinear, logLinearEstimate } from '../laws/log-linear.ts';
import { fitPowerLaw, powerLawAt, type PowerLawFit } from '../laws/power-law.ts';
import type { Sentence } from '../messages/sentence.ts';

/** A point of the axis: loss at a size, a number of tokens, or a budget. */
export interface AxisPoint {
  readonly x: number;
  /** Nats per token. */
  readonly loss: number;
  /** Runs behind it. */
  readonly runs: readonly string[];
  /** What it is. */
  readonly label: Sentence;
  /** Why no fit may use it. */
  readonly leftOut?: Sentence;
}

/** A power law L = c·x^a, or L = floor + c·x^a, with a negative. */
export interface AxisLaw {
  readonly points: readonly AxisPoint[];
  /** Loss that is known to be irreducible, nats per token; undefined where none is known. */
  readonly floor: number | undefined;
  /** Without any floor, as published. */
  readonly pure: PowerLawFit;
  /** Above the known floor; undefined where none is known. */
  readonly above: PowerLawFit | undefined;
  /**
   * Curvature of log loss (above the known floor) over log x: how much the slope changes over a factor of e. Zero for a
   * power law. Undefined with fewer than five points.
   */
  readonly bend: Estimate | undefined;
  /** The last point by the law through the others: predicted over observed, minus one; undefined where they are too few. */
  readonly miss: number | undefined;
}

/** The fit that is judged: above the floor where that is known. */
export function lawOf(axis: AxisLaw): PowerLawFit {
  return axis.above ?? axis.pure;
}

/** How fast the loss falls: −a, positive for a loss that falls; undefined unless the fit converged. */
export function fall(fit: PowerLawFit | undefined): Estimate | undefined {
  const a = fit?.status === 'converged' ? fit.parameters.a : undefined;
  return a && { value: -a.value, low: -a.high, high: -a.low };
}

const BEND_POINTS = 5;

/** Fits one axis. */
export function fitAxis(
  points: readonly AxisPoint[],
  options: { readonly floor?: number | undefined; readonly name: string; readonly resamples: number; readonly seed: number },
): AxisLaw {
  const { floor, name, resamples, seed } = options;
  const usable = points
    .map(({ x, loss, leftOut }, row) => ({ x, y: loss, row, leftOut }))
    .filter(({ leftOut }) => leftOut === undefined)
    .sort((a, b) => a.x - b.x);
  const fit = (through: typeof usable, above: number | undefined, bootstrap = { resamples, seed }): PowerLawFit =>
    fitPowerLaw(through, { floor: above ?? 'none', bootstrap, names: { x: name, y: 'L' } });
  const last = usable.at(-1);
  const others = fit(usable.slice(0, -1), floor, { resamples: 0, seed });
  const predicted = last === undefined ? NaN : powerLawAt(others, last.x);
  return {
    points,
    floor,
    pure: fit(usable, undefined),
    above: floor === undefined ? undefined : fit(usable, floor),
    bend: bendOf(
      usable.map(({ x, y }) => [Math.log(x), Math.log(y - (floor ?? 0))] as const).filter((point) => point.every(Number.isFinite)),
      { resamples, seed },
    ),
    miss: Number.isFinite(predicted) ? predicted / last!.y - 1 : undefined,
  };
}

function bendOf(points: readonly (readonly [x: number, y: number])[], options: { resamples: number; seed: number }): Estimate | undefined {
  if (points.length < BEND_POINTS) return undefined;
  const centre = points.reduce((sum, [x]) => sum + x, 0) / points.length;
  const fit = fitLogLinear({
    terms: points.map(([x]) => [1, x - centre, (x - centre) ** 2]),
    y: points.map(([, y]) => y),
    weights: points.map(() => 1),
    options,
  });
  return fit && logLinearEstimate(fit, [0, 0, 2]);
}
