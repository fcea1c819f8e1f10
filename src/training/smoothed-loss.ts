// Step Law's smoothed training loss (arXiv 2503.04715, the authors' log_analysis.py): a Gaussian filter over the losses
// of all steps, read at the last one.

/** Standard deviation of the filter, steps: 1 % of the run, at most 100. */
export function smoothingDeviation(totalSteps: number): number {
  return Math.min(100, 0.01 * totalSteps);
}

/** Where the filter is cut off, steps from its middle: 4σ rounded, as `scipy.ndimage.gaussian_filter1d` does. */
function smoothingRadius(totalSteps: number): number {
  return Math.floor(4 * smoothingDeviation(totalSteps) + 0.5);
}

/** Losses that the filter can see from the last step, that one included. */
export function smoothingWindow(totalSteps: number): number {
  return smoothingRadius(totalSteps) + 1;
}

/**
 * The filter's value at the last of `losses` (nats per token, one per step, oldest first; at least one).
 * Weights exp(−k²/2σ²), |k| ≤ radius, summing to 1; the series is reflected about its end (… b a | a b …), so that the
 * last but k loss has the weights of k and of k + 1.
 * @param totalSteps steps of the whole run, which set σ; `losses` may be its last {@link smoothingWindow} steps alone.
 */
export function smoothedLastLoss(losses: ArrayLike<number>, totalSteps: number): number {
  const deviation = smoothingDeviation(totalSteps);
  const radius = smoothingRadius(totalSteps);
  const count = losses.length;
  // Reflection without end: positions repeat with period 2·count.
  const at = (distance: number): number => {
    const place = (((count - 1 + distance) % (2 * count)) + 2 * count) % (2 * count);
    return losses[place < count ? place : 2 * count - 1 - place];
  };
  let sum = 0;
  let weights = 0;
  for (let k = -radius; k <= radius; k++) {
    const weight = k === 0 ? 1 : Math.exp(-(k * k) / (2 * deviation * deviation));
    sum += weight * at(k);
    weights += weight;
  }
  return sum / weights;
}
