// The two sums over a schedule that the law of learning rate annealing is written in, by recursion over the steps.
// Tissue et al., "Scaling Law with Learning Rate Annealing", arXiv 2408.11029:
//   S1(s) = Σ_{i≤s} η_i,   S2(s) = Σ_{i≤s} Σ_{k≤i} (η_{k−1} − η_k)·λ^{i−k}.
// The inner sum is m_i = λ·m_{i−1} + (η_{i−1} − η_i), so both cost one pass.

/** The learning rate of every step of a run. */
export interface AnnealingSchedule {
  /** η of step i at index i − 1; positive somewhere, never negative. */
  readonly rates: ArrayLike<number>;
  /**
   * Steps of warm-up: they count as if trained at the rate that follows them, because a rise is no annealing (the
   * authors' own script does so). Default: the steps before the schedule first stops rising.
   */
  readonly warmup?: number;
}

/** Number of warm-up steps of a schedule. */
export function warmupSteps({ rates, warmup }: AnnealingSchedule): number {
  if (warmup !== undefined) return Math.min(Math.max(0, Math.floor(warmup)), rates.length);
  let steps = 0;
  while (steps + 1 < rates.length && rates[steps + 1] > rates[steps]) steps++;
  return steps;
}

/** The rates as the law sees them: those of the warm-up replaced by the rate that follows it. */
export function ratesAfterWarmup(schedule: AnnealingSchedule): Float64Array {
  const rates = Float64Array.from(schedule.rates);
  const warmup = warmupSteps(schedule);
  if (rates.length > 0) rates.fill(rates[Math.min(warmup, rates.length - 1)], 0, warmup);
  return rates;
}

/** S1 at given steps (1 … rates.length, ascending). Unit: learning rate × steps. */
export function forwardArea(rates: Float64Array, steps: ArrayLike<number>): Float64Array {
  const area = new Float64Array(steps.length);
  let sum = 0;
  let done = 0;
  for (let i = 0; i < steps.length; i++) {
    for (; done < steps[i]; done++) sum += rates[done];
    area[i] = sum;
  }
  return area;
}

/** S2 at given steps (1 … rates.length, ascending) and its derivative with respect to λ. */
export function annealingArea(rates: Float64Array, steps: ArrayLike<number>, lambda: number): { area: Float64Array; slope: Float64Array } {
  const area = new Float64Array(steps.length);
  const slope = new Float64Array(steps.length);
  let momentum = 0;
  let momentumSlope = 0;
  let sum = 0;
  let sumSlope = 0;
  let done = Math.min(1, rates.length);
  for (let i = 0; i < steps.length; i++) {
    for (; done < steps[i]; done++) {
      momentumSlope = momentum + lambda * momentumSlope;
      momentum = lambda * momentum + (rates[done - 1] - rates[done]);
      sum += momentum;
      sumSlope += momentumSlope;
    }
    area[i] = sum;
    slope[i] = sumSlope;
  }
  return { area, slope };
}
