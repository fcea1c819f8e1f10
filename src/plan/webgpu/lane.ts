// One lane as the host knows it: where it stands, and its losses.
import type { LaneLosses, LaneSettings } from '../executor.ts';
import { SETTINGS } from './step-kernels.ts';

/** A run within the population. Its numbers are on the GPU. */
export class GpuLane {
  readonly settings: LaneSettings;
  /** Micro-steps asked for, and those of them whose results have come. */
  asked = 0;
  done = 0;
  frozen = false;
  /** Losses not yet handed out; grows by doubling. */
  #losses = new Float32Array(64);
  #count = 0;

  constructor(settings: LaneSettings) {
    this.settings = settings;
  }

  /** Updates done. */
  get updates(): number {
    return Math.floor(this.done / this.settings.microBatches);
  }

  /** Micro-batches accumulated since the last update. */
  get pending(): number {
    return this.done % this.settings.microBatches;
  }

  /** Micro-steps that it is to do in all, when it is to reach update `until`. */
  target(until: number): number {
    return Math.min(until, this.settings.updates) * this.settings.microBatches;
  }

  /** Micro-step `step` has been done; `loss` is that of its update, if it was due. */
  land(step: number, loss: number): void {
    if (this.frozen) return;
    this.done = step + 1;
    if (this.done % this.settings.microBatches !== 0) return;
    if (this.#count === this.#losses.length) {
      const longer = new Float32Array(2 * this.#losses.length);
      longer.set(this.#losses);
      this.#losses = longer;
    }
    this.#losses[this.#count++] = loss;
    if (!Number.isFinite(loss)) this.frozen = true;
  }

  /** Losses that came since the last call; undefined when none did. */
  takeLosses(lane: number): LaneLosses | undefined {
    const count = this.#count;
    if (count === 0) return undefined;
    this.#count = 0;
    return { lane, firstUpdate: this.updates - count, losses: this.#losses.slice(0, count) };
  }

  /** Puts the lane after `done` micro-steps. */
  restore(done: number): void {
    this.asked = done;
    this.done = done;
    this.frozen = false;
    this.#count = 0;
  }

  /** Writes what does not change from update to update. */
  writeSettings(into: Float32Array, at: number): void {
    const { beta1, beta2, epsilon, weightDecay, clipNorm, microBatches } = this.settings;
    into[at + SETTINGS.beta1] = beta1;
    into[at + SETTINGS.restOfBeta1] = 1 - beta1;
    into[at + SETTINGS.beta2] = beta2;
    into[at + SETTINGS.restOfBeta2] = 1 - beta2;
    into[at + SETTINGS.epsilon] = epsilon;
    into[at + SETTINGS.weightDecay] = weightDecay;
    into[at + SETTINGS.clipNorm] = clipNorm;
    into[at + SETTINGS.microBatches] = microBatches;
  }

  /** Writes the schedule of micro-step `step`, if an update follows it. */
  writeSchedule(into: Float32Array, at: number, step: number): void {
    const { microBatches, beta1, beta2 } = this.settings;
    if ((step + 1) % microBatches !== 0) return;
    const update = (step + 1) / microBatches;
    into[at] = this.settings.learningRate(update - 1);
    into[at + 1] = 1 - beta1 ** update;
    into[at + 2] = 1 - beta2 ** update;
  }
}
