// A share counted from a few cases: its exact interval, and the interval it has where each case is itself uncertain.
import type { Estimate } from './fit.ts';

/** Probability of at most `successes` of `trials` that each succeed with probability `p`. */
function atMost(successes: number, trials: number, p: number): number {
  let sum = 0;
  let choose = 1;
  for (let k = 0; k <= successes; k++) {
    sum += choose * p ** k * (1 - p) ** (trials - k);
    choose *= (trials - k) / (k + 1);
  }
  return Math.min(1, sum);
}

/** The p at which `probability`, which falls with p, is `level`. */
function root(probability: (p: number) => number, level: number): number {
  let low = 0;
  let high = 1;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (probability(middle) > level) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The share of `trials` that succeeded with its exact interval (Clopper & Pearson, Biometrika 26, 1934), which holds the
 * true share in at least `level` of cases whatever it is. For a few hundred trials at most.
 * @returns undefined without trials
 */
export function exactShare(successes: number, trials: number, level = 0.95): Estimate | undefined {
  if (trials === 0) return undefined;
  const tail = (1 - level) / 2;
  return {
    value: successes / trials,
    // The largest p under which as many successes or more are that unlikely, and the smallest under which as few or fewer are.
    low: successes === 0 ? 0 : root((p) => atMost(successes - 1, trials, p), 1 - tail),
    high: successes === trials ? 1 : root((p) => atMost(successes, trials, p), tail),
  };
}

/**
 * The share of cases that hold where case i holds with probability `probabilities[i]`, independently: its mean, and the
 * quantiles of its exact distribution (Poisson's binomial), which is what resampling every case by itself tends to.
 * @returns undefined without cases
 */
export function shareOfUncertain(probabilities: readonly number[], level = 0.95): Estimate | undefined {
  const count = probabilities.length;
  if (count === 0) return undefined;
  let chances = [1];
  for (const p of probabilities) {
    const next = new Array<number>(chances.length + 1).fill(0);
    chances.forEach((chance, k) => {
      next[k] += chance * (1 - p);
      next[k + 1] += chance * p;
    });
    chances = next;
  }
  const quantile = (at: number): number => {
    let sum = 0;
    for (let k = 0; k < count; k++) {
      sum += chances[k];
      // As sums of probabilities round: 0.975 of 1 is not to be missed by a last bit.
      if (sum >= at - 1e-12) return k / count;
    }
    return 1;
  };
  const tail = (1 - level) / 2;
  return { value: probabilities.reduce((sum, p) => sum + p, 0) / count, low: quantile(tail), high: quantile(1 - tail) };
}
