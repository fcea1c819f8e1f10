// From the losses of every step to what is kept of a run: the verdict on each loss as it comes, the smoothed loss at
// the end, a thinned curve, and the steps at which validation is worth its cost. Both trainers and the keeper of
// records use it.
import { batchTokens, steps, tokensRead, type RunConfig } from '../config/run.ts';
import { epochOf } from '../data/order.ts';
import { measuredTokens } from './gradient-noise.ts';
import { smoothedLastLoss, smoothingWindow } from './smoothed-loss.ts';
import type { LaneOutcome } from './trainer.ts';

/** Points of a thinned curve, at most. */
export const CURVE_POINTS = 400;

/** Why a run must end before its last step. */
export type EarlyEnd = Extract<LaneOutcome, { status: 'diverged' | 'failed' }>;

/** Watches one run's training losses: tells divergence from error, and keeps what the smoothed loss needs. */
export class LossWatch {
  readonly #total: number;
  readonly #recent: Float64Array;
  #count = 0;
  #end: EarlyEnd | undefined;

  constructor(config: RunConfig) {
    this.#total = steps(config);
    this.#recent = new Float64Array(smoothingWindow(this.#total));
  }

  /** Losses taken in so far; steps done. */
  get count(): number {
    return this.#count;
  }

  /**
   * Takes in the losses of the next steps, nats per token. Returns how many of them count (all, unless the run ends
   * among them: those before and including the loss that ended it).
   */
  add(losses: ArrayLike<number>): number {
    for (let i = 0; i < losses.length; i++) {
      if (this.#end) return i;
      const loss = losses[i];
      this.#end = this.#verdict(loss);
      if (!this.#end) this.#recent[this.#count % this.#recent.length] = loss;
      this.#count++;
    }
    return losses.length;
  }

  /** How the run has ended early, if it has. */
  get end(): EarlyEnd | undefined {
    return this.#end;
  }

  /** Gaussian-smoothed training loss at the last step taken in (nats per token); NaN before the first. */
  smoothed(): number {
    const length = this.#recent.length;
    const kept = Math.min(this.#count, length);
    const inOrder = Array.from({ length: kept }, (_, i) => this.#recent[(this.#count - kept + i) % length]);
    return kept === 0 ? NaN : smoothedLastLoss(inOrder, this.#total);
  }

  /** The last loss taken in (nats per token); NaN before the first. */
  get last(): number {
    return this.#count === 0 ? NaN : this.#recent[(this.#count - 1) % this.#recent.length];
  }

  #verdict(loss: number): EarlyEnd | undefined {
    const step = this.#count + 1;
    if (loss === 0) return zeroLoss(step);
    if (Number.isFinite(loss)) return undefined;
    return step === 1 ? nonFiniteFromTheStart() : diverged(step, this.last);
  }
}

/** A run that left the finite numbers at `step` (1 for the first), after `lastFiniteLoss` nats per token. */
export function diverged(step: number, lastFiniteLoss: number): EarlyEnd {
  return {
    status: 'diverged',
    step,
    lastFiniteLoss,
    reason: {
      en: `The loss left the finite numbers at step ${step}; the last finite one was ${lastFiniteLoss.toFixed(3)}.`,
      zh: `损失在第 ${step} 步超出有限数范围；最后一个有限值为 ${lastFiniteLoss.toFixed(3)}。`,
    },
  };
}

/** A loss of exactly zero: no trained model has one, so it says that something computed nothing. */
export function zeroLoss(step: number): EarlyEnd {
  return {
    status: 'failed',
    reason: {
      en: `The loss at step ${step} is exactly zero, which no model reaches: the device returned nothing.`,
      zh: `第 ${step} 步的损失恰为零，任何模型都不可能做到：设备没有返回结果。`,
    },
  };
}

/** No parameters of ours start with a loss that is not a number, so the first one being so is the device's doing. */
function nonFiniteFromTheStart(): EarlyEnd {
  return {
    status: 'failed',
    reason: {
      en: 'The loss was not a finite number from the first step on, before anything was learned: the device is at fault.',
      zh: '从第一步起损失就不是有限数，此时还未学习任何内容：是设备出了问题。',
    },
  };
}

/**
 * How a run ends that has done all its steps, by its last validation loss (nats per token). A validation loss that is
 * not finite is a divergence (the last update broke the model); one of exactly zero is an error.
 */
export function outcomeOf(watch: LossWatch, finalLoss: number, parameters: Float32Array): LaneOutcome {
  if (watch.end) return watch.end;
  if (finalLoss === 0) return zeroLoss(watch.count);
  if (!Number.isFinite(finalLoss)) return diverged(watch.count, watch.last);
  return { status: 'finished', finalLoss, smoothedTrainLoss: watch.smoothed(), parameters };
}

/**
 * The steps (1 … total, increasing, the last included) at which a curve of at most `points` points has one: every step
 * while that is denser than geometric spacing, geometric after.
 */
export function curveSteps(total: number, points = CURVE_POINTS): number[] {
  const count = Math.min(total, points);
  const result: number[] = [];
  for (let i = 1; i <= count; i++) {
    const geometric = Math.round(total ** (i / count));
    result.push(Math.max((result.at(-1) ?? 0) + 1, geometric));
  }
  return result;
}

/** Gathers the losses of all steps into the points of a thinned curve, each the mean over the steps since the one before. */
export class ThinnedCurve {
  readonly #steps: readonly number[];
  readonly #batch: number;
  readonly #points: [step: number, tokens: number, loss: number][] = [];
  #done = 0;
  #sum = 0;
  #inSum = 0;

  constructor(config: RunConfig, points = CURVE_POINTS) {
    this.#steps = curveSteps(steps(config), points);
    this.#batch = batchTokens(config);
  }

  /**
   * Takes in losses (nats per token) of the steps from `firstStep` (1 for the first) on. Steps taken in before are
   * passed over; a loss that is not finite ends in no point.
   */
  add(firstStep: number, losses: ArrayLike<number>): void {
    for (let i = Math.max(0, this.#done + 1 - firstStep); i < losses.length; i++) {
      this.#done = firstStep + i;
      if (Number.isFinite(losses[i])) {
        this.#sum += losses[i];
        this.#inSum++;
      }
      if (this.#done >= (this.#steps[this.#points.length] ?? Infinity)) this.#close();
    }
  }

  /** The curve so far, the steps since its last point included. */
  points(): readonly (readonly [step: number, tokens: number, loss: number])[] {
    if (this.#inSum === 0) return [...this.#points];
    return [...this.#points, [this.#done, this.#done * this.#batch, this.#sum / this.#inSum]];
  }

  #close(): void {
    if (this.#inSum > 0) this.#points.push([this.#done, this.#done * this.#batch, this.#sum / this.#inSum]);
    this.#sum = 0;
    this.#inSum = 0;
  }
}

/** Share of a run's arithmetic that validation before its end may take. */
const VALIDATION_SHARE = 0.1;

/**
 * The steps (1 … S, increasing, S included) after which the held-out loss is measured, and the noise of gradients where it is asked for: S, S/2, S/4, …, rounded up.
 * As many, from 2 to 12, as keep those before the last within about a tenth of the training's arithmetic (a held-out
 * token costs a third of a training token, one on which gradients are measured as much).
 */
export function validationSteps(config: RunConfig): number[] {
  const total = steps(config);
  const cost = config.validationTokens + 3 * measuredTokens(config);
  const affordable = Math.floor((VALIDATION_SHARE * 3 * tokensRead(config)) / cost);
  const count = 1 + Math.min(11, Math.max(1, affordable));
  const result = new Set<number>();
  for (let halvings = count - 1; halvings >= 0; halvings--) result.add(Math.ceil(total / 2 ** halvings));
  return [...result];
}

/** Passes over a corpus of `windows` whole windows that a run needs, the last one begun counted. */
export function epochs(config: RunConfig, windows: number): number {
  return epochOf(tokensRead(config), windows, config.context);
}
