// The noise of gradients, measured while a run trains: how a measurement is cut into small batches, and what their
// squared norms say (src/laws/noise-scale.ts).
import type { RunConfig } from '../config/run.ts';
import { estimateNoise } from '../laws/noise-scale.ts';
import type { GradientNorms } from '../plan/executor.ts';

/** What one measurement says. Both are unbiased estimates and can be negative by chance: average before dividing. */
export interface GradientNoise {
  /** |G|²: squared norm of the gradient of the mean loss, nats² per squared unit of the parameters. */
  readonly squaredNorm: number;
  /**
   * B·tr Σ_B, Σ_B the covariance of the gradient over a batch of B tokens of whole sequences: with it E|G_B|² = |G|² +
   * variance/B, so that variance/squaredNorm is B_simple in tokens. Tokens of one sequence are not independent, so it is
   * the variance between sequences times the tokens of one.
   */
  readonly variance: number;
}

/** The small batches of a measurement. */
export interface SmallBatches {
  /** Sequences in each of them. */
  readonly sequences: number;
  /** How many there are: 2 or more. */
  readonly count: number;
}

/**
 * Small batches, about: with fewer the variance between them is uncertain, with more each is too small for a GPU, and
 * the squared norm of the gradient, which all of them together show, gains nothing.
 */
const BATCHES = 32;

/**
 * How the measurement of a run is cut up: it depends on the config alone, never on the device. Undefined where none is
 * asked for. A number of sequences that is no multiple of the small batch is rounded down.
 */
export function smallBatches({ noiseSequences }: Pick<RunConfig, 'noiseSequences'>): SmallBatches | undefined {
  if (noiseSequences < 2) return undefined;
  const sequences = Math.max(1, Math.floor(noiseSequences / BATCHES));
  return { sequences, count: Math.floor(noiseSequences / sequences) };
}

/** Tokens that one measurement reads; 0 where none is asked for. */
export function measuredTokens(config: Pick<RunConfig, 'noiseSequences' | 'context'>): number {
  const batches = smallBatches(config);
  return batches === undefined ? 0 : batches.sequences * batches.count * config.context;
}

/** What the norms of a run's measurement say; undefined when they are not finite, or zero, which no gradient is. */
export function gradientNoise(norms: GradientNorms, config: Pick<RunConfig, 'noiseSequences' | 'context'>): GradientNoise | undefined {
  const batches = smallBatches(config);
  if (batches === undefined || !(norms.small > 0) || !Number.isFinite(norms.small) || !Number.isFinite(norms.big)) return undefined;
  const small = batches.sequences * config.context;
  const { signal, noise } = estimateNoise(norms, small, small * batches.count);
  return { squaredNorm: signal, variance: noise };
}
