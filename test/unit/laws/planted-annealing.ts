// Curves of runs that follow the law of learning rate annealing, on schedules of this lab's length and of published length.
import { annealingArea, forwardArea, ratesAfterWarmup } from '../../../src/laws/annealing-areas.ts';
import type { AnnealingConstants, AnnealingCurve } from '../../../src/laws/annealing.ts';
import type { Random } from '../../../src/laws/random.ts';

/** Learning rate over its peak, at a share of the steps after the warm-up. */
export type Shape = (progress: number) => number;
export const cosine: Shape = (t) => 0.5 * (1 + Math.cos(Math.PI * t));
export const constant: Shape = () => 1;
export const cooldown: Shape = (t) => (t < 0.8 ? 1 : 1 - Math.sqrt((t - 0.8) / 0.2));
export const twoSteps: Shape = (t) => (t < 0.6 ? 1 : t < 0.85 ? 0.3 : 0.1);

/** Warm-up over 5 % of the steps, then a shape of the rest. */
export function schedule(shape: Shape, steps: number, peak: number): Float64Array {
  const warmup = Math.round(steps * 0.05);
  return Float64Array.from({ length: steps }, (_, i) =>
    i < warmup ? (peak * (i + 1)) / (warmup + 1) : peak * shape((i + 1 - warmup) / (steps - warmup)),
  );
}

/** The same for many points of long runs, by the recursion that the first test checks. */
export function curveOf(
  truth: AnnealingConstants,
  rates: Float64Array,
  every: number,
  noise: (i: number) => number = () => 0,
): AnnealingCurve {
  const seen = ratesAfterWarmup({ rates });
  const steps = Array.from({ length: Math.floor(rates.length / every) }, (_, i) => (i + 1) * every);
  const S1 = forwardArea(seen, steps);
  const S2 = annealingArea(seen, steps, truth.lambda).area;
  return {
    rates,
    points: steps.map((step, i) => ({
      step,
      row: i,
      loss: (truth.L0 + truth.A * S1[i] ** -truth.alpha - truth.C * S2[i]) * Math.exp(noise(i)),
    })),
  };
}

// Ours: a thousand steps at 1e-2. Theirs: 20,000 at 2e-4, a floor and a fall of the size that such runs have.
export const ours = { truth: { L0: 1.6, A: 0.9, alpha: 0.45, C: 0.12, lambda: 0.98 }, steps: 1000, peak: 1e-2, every: 10 };
export const theirs = { truth: { L0: 2.63, A: 0.43, alpha: 0.55, C: 0.4, lambda: 0.999 }, steps: 20_000, peak: 2e-4, every: 250 };
/** Noise of standard deviation `size` whose neighbours are correlated by `rho`; to be called in order. */
export const autoregressive = (random: Random, rho: number, size: number): ((i: number) => number) => {
  let last = 0;
  return (i) => (last = i === 0 ? size * random.normal() : rho * last + size * Math.sqrt(1 - rho * rho) * random.normal());
};
