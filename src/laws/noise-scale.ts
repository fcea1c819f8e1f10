// The gradient noise scale: how large a batch can be before its gradients stop being worth their tokens.
// McCandlish, Kaplan, Amodei et al., "An Empirical Model of Large-Batch Training", arXiv 1812.06162, section 2 and
// appendix A.1. With Adam it is a proxy: it was derived for plain gradient descent.
import { InputError } from '../messages/sentence.ts';
import { weightedLeastSquares } from './regression.ts';

/** Squared gradient norms at two batch sizes, from the same parameters. */
export interface GradientNorms {
  /** |G|² of the small batch (with several small batches, such as micro-batches, the mean of their squared norms). */
  readonly small: number;
  /** |G|² of the large batch (such as the accumulated gradient). */
  readonly big: number;
}

/** Unbiased estimates from one pair of norms. Either can be negative by chance: average before dividing. */
export interface NoiseEstimate {
  /** |G|² of the true gradient. */
  readonly signal: number;
  /** tr(Σ): variance of one example's gradient, summed over parameters (per unit of the batch sizes: sequences or tokens). */
  readonly noise: number;
}

/**
 * E|G_B|² = |G|² + tr(Σ)/B at both batch sizes, solved for |G|² and tr(Σ) (appendix A.1).
 * @param smallBatch, bigBatch in one unit (sequences, or tokens): B_simple comes in that unit; smallBatch < bigBatch
 * @throws InputError when the batch sizes are not positive and ascending
 */
export function estimateNoise(norms: GradientNorms, smallBatch: number, bigBatch: number): NoiseEstimate {
  if (!(smallBatch > 0) || !(bigBatch > smallBatch) || !Number.isFinite(bigBatch)) {
    throw new InputError({
      en: `The noise scale needs two batch sizes, the first positive and below the second; got ${smallBatch} and ${bigBatch}.`,
      zh: `噪声尺度需要两个批量大小，第一个为正且小于第二个；得到的是 ${smallBatch} 和 ${bigBatch}。`,
    });
  }
  return {
    signal: (bigBatch * norms.big - smallBatch * norms.small) / (bigBatch - smallBatch),
    noise: (norms.small - norms.big) / (1 / smallBatch - 1 / bigBatch),
  };
}

/** A running estimate of the noise scale. Immutable: each update returns the next. */
export interface NoiseScale {
  /** Running means of the two estimates, corrected for starting at zero; NaN before the first. */
  readonly signal: number;
  readonly noise: number;
  /** B_simple = tr(Σ)/|G|² in the unit of the batch sizes; NaN before the first, Infinity while the signal is not above zero. */
  readonly scale: number;
  /** Pairs seen. */
  readonly pairs: number;
  readonly decay: number;
}

/** The start of a running estimate; `decay` in [0, 1) is the share of the past kept at each pair (0 keeps the last only). */
export function startNoiseScale(decay = 0.99): NoiseScale {
  if (!(decay >= 0 && decay < 1)) {
    throw new InputError({
      en: `The decay of the noise scale must lie in [0, 1); got ${decay}.`,
      zh: `噪声尺度的衰减率必须在 [0, 1) 内；得到的是 ${decay}。`,
    });
  }
  return { signal: NaN, noise: NaN, scale: NaN, pairs: 0, decay };
}

/**
 * Averages numerator and denominator separately and divides last: the ratio of two noisy unbiased estimates is itself
 * biased. A pair with a norm that is not finite is skipped. Noise below zero counts as none.
 */
export function updateNoiseScale(state: NoiseScale, { signal, noise }: NoiseEstimate): NoiseScale {
  if (!Number.isFinite(signal) || !Number.isFinite(noise)) return state;
  const { decay } = state;
  const pairs = state.pairs + 1;
  // Weight of the newest pair once earlier weights are normalised to sum to one.
  const weight = (1 - decay) / (1 - decay ** pairs);
  const blend = (before: number, now: number): number => (state.pairs === 0 ? now : before + weight * (now - before));
  const signalMean = blend(state.signal, signal);
  const noiseMean = blend(state.noise, noise);
  return {
    signal: signalMean,
    noise: noiseMean,
    scale: signalMean > 0 ? Math.max(noiseMean, 0) / signalMean : Infinity,
    pairs,
    decay,
  };
}

/** Best learning rate and largest loss drop of a step at batch B, relative to those at an infinite batch: 1/(1 + B_noise/B). */
export function efficiencyAtBatch(batch: number, noiseScale: number): number {
  return 1 / (1 + noiseScale / batch);
}

/**
 * |G|² and tr(Σ) from squared gradient norms at several batch sizes, all at the same parameters: E|G_B|² = |G|² + tr(Σ)/B
 * (appendix A.1) is a line in 1/B. A squared norm scatters about in proportion to itself, so each is weighted by the
 * inverse square of the line through it, twice over.
 * @returns undefined when there are not two different batches
 * @throws InputError for a batch that is not positive or a norm that is negative or not finite
 */
export function noiseOverBatches(measured: readonly { readonly batch: number; readonly squaredNorm: number }[]): NoiseEstimate | undefined {
  for (const { batch, squaredNorm } of measured) {
    if (!(batch > 0) || !Number.isFinite(batch) || !(squaredNorm >= 0) || !Number.isFinite(squaredNorm)) {
      throw new InputError({
        en: `The noise scale needs positive batches and squared gradient norms that are not negative; got ${squaredNorm} at batch ${batch}.`,
        zh: `噪声尺度需要正的批量和非负的梯度范数平方；得到的是批量 ${batch} 处的 ${squaredNorm}。`,
      });
    }
  }
  const rows = measured.map(({ batch }) => [1, 1 / batch]);
  const norms = measured.map(({ squaredNorm }) => squaredNorm);
  let fit = weightedLeastSquares(rows, norms);
  for (let round = 0; round < 2 && fit.status === 'full rank'; round++) {
    const residuals = fit.residuals;
    // The line may dip below zero by chance; nothing is weighted as if it were less than a thousandth of the mean.
    const least = (1e-3 * norms.reduce((sum, value) => sum + value, 0)) / norms.length;
    if (!(least > 0)) break;
    fit = weightedLeastSquares(
      rows,
      norms,
      norms.map((value, i) => 1 / Math.max(value - residuals[i], least) ** 2),
    );
  }
  return fit.status === 'full rank' ? { signal: fit.coefficients[0], noise: fit.coefficients[1] } : undefined;
}
