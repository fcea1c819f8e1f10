// Markov sources of any order: their stationary distribution and their exact entropy rate.

/**
 * A source that draws the next symbol given the last `order` symbols. Context c = Σ tᵢ·V^(order−1−i), the oldest symbol
 * first, so that reading symbol v leads from c to (c·V + v) mod V^order.
 */
export interface MarkovSource {
  /** V, symbols. */
  readonly symbols: number;
  /** k, symbols that the next one depends on. 0: each is drawn alone. */
  readonly order: number;
  /** Row-major [V^k, V]: probability of each symbol in each context; rows sum to 1. */
  readonly probabilities: Float64Array;
}

/** Contexts of a source: V^k. */
export function contexts(symbols: number, order: number): number {
  return symbols ** order;
}

/**
 * The share of time that a long text spends in each context: π = πP, by power iteration on the lazy chain (P + I)/2,
 * which has the same π and converges also where P is periodic.
 * @param tolerance bound on the error of π, in total variation, as estimated from the rate of convergence
 * @throws Error when it does not converge (a chain that splits into parts)
 */
export function stationaryDistribution({ symbols, order, probabilities }: MarkovSource, tolerance = 1e-13): Float64Array {
  const size = contexts(symbols, order);
  let current = new Float64Array(size).fill(1 / size);
  let next = new Float64Array(size);
  let lastChange = Infinity;
  for (let iteration = 0; iteration < 200_000; iteration++) {
    next.fill(0);
    for (let context = 0; context < size; context++) {
      const mass = current[context];
      const successor = (context * symbols) % size;
      for (let symbol = 0, at = context * symbols; symbol < symbols; symbol++, at++)
        next[order === 0 ? 0 : successor + symbol] += mass * probabilities[at];
    }
    let change = 0;
    let sum = 0;
    for (let context = 0; context < size; context++) {
      next[context] = (next[context] + current[context]) / 2;
      change += Math.abs(next[context] - current[context]);
      sum += next[context];
    }
    for (let context = 0; context < size; context++) next[context] /= sum;
    [current, next] = [next, current];
    // With a contraction r per step, what is still missing is change · r / (1 − r). Rounding stops the fall near 1e-16.
    const rate = Math.min(change / lastChange, 0.999_999);
    if (change < 1e-15 || (iteration > 2 && (change * rate) / (1 - rate) < tolerance)) return current;
    lastChange = change;
  }
  throw new Error('the source has no unique stationary distribution');
}

/**
 * Entropy rate, nats per symbol: H = −Σ_c π(c) Σ_v p(v|c) ln p(v|c), the least loss that any model can reach.
 * Cover & Thomas, "Elements of Information Theory", 2nd ed., theorem 4.2.4.
 */
export function entropyRate(source: MarkovSource, stationary = stationaryDistribution(source)): number {
  const { symbols, probabilities } = source;
  let rate = 0;
  for (let context = 0; context < stationary.length; context++) {
    let entropy = 0;
    for (let at = context * symbols; at < (context + 1) * symbols; at++)
      if (probabilities[at] > 0) entropy -= probabilities[at] * Math.log(probabilities[at]);
    rate += stationary[context] * entropy;
  }
  return rate;
}
