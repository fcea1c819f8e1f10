// The bootstrap that every law shares: draw, refit, collect, read the intervals. What is drawn (runs, cells, seeds,
// residuals) is up to the law, and is stated in its result.
import type { Bootstrap, Estimate } from './fit.ts';
import { createRandom, type Random } from './random.ts';
import { intervalFromSamples, withoutInterval } from './statistics.ts';

/** How many resamples from which seed, as a caller asks for it; the law chooses the unit. */
export interface BootstrapOptions {
  /** 0 turns intervals off (they come back as NaN). Default 1,000. */
  readonly resamples?: number;
  /** Default 0. */
  readonly seed?: number;
  /** Called with the share of resamples done, in (0, 1], about a hundred times. */
  readonly onProgress?: (share: number) => void;
}

/** What came of a bootstrap. */
export interface BootstrapResult<Name extends string> {
  readonly bootstrap: Bootstrap;
  readonly parameters: Readonly<Record<Name, Estimate>>;
  /** One array per parameter, one entry per resample whose fit succeeded, in the order drawn: rows belong together. */
  readonly samples: Readonly<Record<Name, Float64Array>>;
  /** Resamples whose refit failed (too few distinct points, no convergence); they are in no sample. */
  readonly failed: number;
}

/** Share of resamples that must succeed for intervals to be given: beyond it, failure itself selects the samples. */
export const LEAST_SHARE_OF_SUCCESSFUL_RESAMPLES = 0.8;

/**
 * Refits `resamples` times and gives each parameter its interval.
 * @param values the estimates from the data themselves
 * @param draw resamples the unit with `random`, refits, and returns the parameters, or undefined when that fit failed
 */
export function bootstrapParameters<Name extends string>(request: {
  readonly values: Readonly<Record<Name, number>>;
  readonly unit: Bootstrap['unit'];
  readonly options?: BootstrapOptions | undefined;
  readonly draw: (random: Random) => Readonly<Record<Name, number>> | undefined;
  /** Observations minus parameters, for the stretch of `intervalFromSamples`; default Infinity. */
  readonly degreesOfFreedom?: number;
  /** Parameters that are positive factors, stretched on the log scale. */
  readonly factors?: readonly Name[];
}): BootstrapResult<Name> {
  const { values, unit, options = {}, draw, degreesOfFreedom = Infinity, factors = [] } = request;
  const { resamples = 1000, seed = 0, onProgress } = options;
  const names = Object.keys(values) as Name[];
  const random = createRandom(seed);
  const collected = Object.fromEntries(names.map((name) => [name, new Float64Array(resamples)])) as Record<Name, Float64Array>;
  const reportEvery = Math.max(1, Math.floor(resamples / 100));
  let succeeded = 0;
  for (let i = 0; i < resamples; i++) {
    const refitted = draw(random);
    if (refitted !== undefined && names.every((name) => Number.isFinite(refitted[name]))) {
      for (const name of names) collected[name][succeeded] = refitted[name];
      succeeded++;
    }
    if ((i + 1) % reportEvery === 0) onProgress?.((i + 1) / resamples);
  }
  const samples = Object.fromEntries(names.map((name) => [name, collected[name].subarray(0, succeeded)])) as Record<Name, Float64Array>;
  const trusted = resamples > 0 && succeeded >= LEAST_SHARE_OF_SUCCESSFUL_RESAMPLES * resamples;
  const parameters = Object.fromEntries(
    names.map((name) => [
      name,
      trusted
        ? intervalFromSamples(values[name], samples[name], { degreesOfFreedom, scale: factors.includes(name) ? 'log' : 'linear' })
        : withoutInterval(values[name]),
    ]),
  ) as Record<Name, Estimate>;
  return { bootstrap: { unit, resamples, seed }, parameters, samples, failed: resamples - succeeded };
}

/**
 * Residuals ready to be resampled: each divided by √(1 − leverage), because least squares shrinks the residuals of
 * points that pull the fit most, then centred (Davison & Hinkley, Bootstrap Methods and their Application, 1997).
 * Points with a leverage of one carry no residual and are given the mean, zero.
 */
export function exchangeableResiduals(residuals: ArrayLike<number>, leverages: ArrayLike<number>): Float64Array {
  const corrected = Float64Array.from(residuals, (residual, i) => {
    const room = 1 - leverages[i];
    return room > 1e-9 ? residual / Math.sqrt(room) : 0;
  });
  let sum = 0;
  for (const residual of corrected) sum += residual;
  return corrected.map((residual) => residual - sum / corrected.length);
}

/** Row indices by group, groups in order of first appearance: the units of a bootstrap over runs, cells or seeds. */
export function groupRows(count: number, key: (row: number) => string | number): number[][] {
  const groups = new Map<string | number, number[]>();
  for (let row = 0; row < count; row++) {
    const of = key(row);
    const group = groups.get(of);
    if (group === undefined) groups.set(of, [row]);
    else group.push(row);
  }
  return [...groups.values()];
}
