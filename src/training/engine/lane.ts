// One run as the engine trains it: what it has shown so far, what it waits for next, how it ended. Knows no executor.
import { batchTokens, steps, type RunConfig } from '../../config/run.ts';
import type { SweepRun } from '../../config/sweep.ts';
import { epochOf } from '../../data/order.ts';
import type { GradientNoise } from '../gradient-noise.ts';
import { LossWatch, outcomeOf, validationSteps } from '../recorder.ts';
import type { LaneEvent, LaneOutcome } from '../trainer.ts';
import type { Checkpoint, ValidationPoint } from './checkpoint.ts';
import type { WrongLoss } from './faults.ts';

/** Losses of a run, one a step, in an array that grows. */
class LossHistory {
  #values = new Float32Array(1024);
  #length = 0;

  add(values: Float32Array): void {
    const length = this.#length + values.length;
    if (length > this.#values.length) {
      const grown = new Float32Array(Math.max(length, 2 * this.#values.length));
      grown.set(this.#values);
      this.#values = grown;
    }
    this.#values.set(values, this.#length);
    this.#length = length;
  }

  /** A copy of the first `count`. */
  first(count: number): Float32Array {
    return this.#values.slice(0, Math.min(count, this.#length));
  }
}

/** A run under way. Losses are taken in once: those of steps that are trained again after a fault are passed over. */
export class Lane {
  readonly id: string;
  readonly config: RunConfig;
  /** S: steps in all. */
  readonly total: number;
  readonly #batch: number;
  readonly #windows: number;
  readonly #emit: (event: LaneEvent) => void;
  readonly #watch: LossWatch;
  readonly #history = new LossHistory();
  /** The steps of the run's own held-out losses; with them those that are measured for runs that begin alike. */
  readonly #ownSteps: ReadonlySet<number>;
  #validationSteps: readonly number[];
  readonly #validation: ValidationPoint[] = [];
  #shared = 0;
  #epoch = 1;
  #seconds = 0;
  #ended = false;
  /** Where the lane goes on after a fault; undefined: from the start. */
  checkpoint: Checkpoint | undefined;

  /**
   * @param windows windows in the training data
   * @param from where an earlier worker left it; what it had shown is told again
   */
  constructor({ id, config }: SweepRun, windows: number, emit: (event: LaneEvent) => void, from?: Checkpoint) {
    this.id = id;
    this.config = config;
    this.total = steps(config);
    this.#batch = batchTokens(config);
    this.#windows = windows;
    this.#emit = emit;
    this.#watch = new LossWatch(config);
    this.#validationSteps = validationSteps(config);
    this.#ownSteps = new Set(this.#validationSteps);
    if (from === undefined) return;
    this.checkpoint = from;
    this.#seconds = from.seconds;
    this.#tellShared(from.shared);
    this.#tell(from.losses, from.validation);
  }

  /** Steps whose losses have been taken in. */
  get count(): number {
    return this.#watch.count;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The step after which the held-out loss is measured next; the last step once all are measured. */
  get nextValidation(): number {
    const last = this.#validation.at(-1)?.step ?? 0;
    return this.#validationSteps.find((step) => step > last) ?? this.total;
  }

  /** Whether the loss left the finite numbers. */
  get divergent(): boolean {
    return this.#watch.end !== undefined;
  }

  /** Time spent on this run, seconds. */
  spend(seconds: number): void {
    this.#seconds += seconds;
  }

  /**
   * The first of these losses that only a device at fault returns: exactly zero, or not
   * finite before anything was learned, or not finite where it was finite when the step was trained before.
   */
  faultIn(firstUpdate: number, losses: Float32Array): WrongLoss | undefined {
    if (this.divergent) return undefined;
    const known = Math.max(1, this.count);
    const index = losses.findIndex((loss, i) => loss === 0 || (!Number.isFinite(loss) && firstUpdate + i < known));
    return index < 0 ? undefined : { step: firstUpdate + index + 1, loss: losses[index] };
  }

  /** Takes in the losses of updates from `firstUpdate` (from 0) on and tells those that are new. */
  takeIn(firstUpdate: number, losses: Float32Array): void {
    const firstStep = this.#watch.count + 1;
    if (firstUpdate > this.#watch.count) throw new Error(`Losses of run ${this.id} are missing before update ${firstUpdate}.`);
    const fresh = losses.subarray(Math.min(losses.length, this.#watch.count - firstUpdate));
    const counted = fresh.slice(0, this.#watch.add(fresh));
    if (counted.length === 0) return;
    this.#history.add(counted);
    this.#emit({ kind: 'progress', id: this.id, firstStep, losses: counted, tokens: this.count * this.#batch });
    // The epoch of the step to come: it is told when its first window is read.
    const epoch = epochOf(Math.min(this.count + 1, this.total) * this.#batch, this.#windows, this.config.context);
    if (epoch > this.#epoch) this.#emit({ kind: 'epoch', id: this.id, epoch });
    this.#epoch = epoch;
  }

  /** Takes in the held-out loss (nats per token) at {@link nextValidation}, and the noise of gradients if it was measured. */
  takeInValidation(loss: number, noise?: GradientNoise): void {
    this.#addValidation({ step: this.nextValidation, loss, ...(noise && { noise }) });
  }

  /** Whether all held-out losses that are due up to `step` have been measured. */
  measuredUpTo(step: number): boolean {
    return this.complete || this.nextValidation > step;
  }

  /** Whether it has measured the held-out loss after each of these steps, or still can. */
  canMeasure(steps: readonly number[]): boolean {
    const last = this.#validation.at(-1)?.step ?? 0;
    return steps.every((step) => (step > last ? step >= this.count : this.#validation.some((point) => point.step === step)));
  }

  /** The held-out loss is measured after these steps too, for a run that begins alike; it is not told as this run's. */
  measureToo(steps: readonly number[]): void {
    this.#validationSteps = [...new Set([...this.#validationSteps, ...steps])].sort((a, b) => a - b);
  }

  #addValidation(point: ValidationPoint): void {
    this.#validation.push(point);
    const { step, loss, noise } = point;
    if (!this.#ownSteps.has(step)) return;
    const at = { id: this.id, step, tokens: step * this.#batch };
    this.#emit({ kind: 'validation', ...at, loss });
    if (noise) this.#emit({ kind: 'gradient noise', ...at, ...noise });
  }

  /** All steps are done and the held-out loss was measured after the last. */
  get complete(): boolean {
    return this.#validation.at(-1)?.step === this.total;
  }

  /** Ends the run that is {@link complete}. */
  finish(parameters: Float32Array): void {
    this.end(outcomeOf(this.#watch, this.#validation.at(-1)!.loss, parameters));
  }

  /** Ends the run as its losses say: diverged. */
  diverge(): void {
    if (this.#watch.end) this.end(this.#watch.end);
  }

  /** Ends the run, once. */
  end(outcome: LaneOutcome): void {
    if (this.#ended) return;
    this.#ended = true;
    this.checkpoint = undefined;
    this.#emit({ kind: 'ended', id: this.id, outcome, seconds: this.#seconds });
  }

  /** The checkpoint of this run with its lane in `state`; undefined while losses up to there are still on their way. */
  checkpointAt(state: Checkpoint['state']): Checkpoint | undefined {
    if (state.updates > this.count || this.divergent) return undefined;
    const shared = Math.min(this.#shared, state.updates);
    return { ...this.#shown(state.updates), state, seconds: this.#seconds, shared };
  }

  /** The checkpoint with which a run goes on that begins like this one, whose lane is in `state`; undefined as above. */
  beginningAt(state: Checkpoint['state']): Checkpoint | undefined {
    if (state.updates > this.count || this.divergent) return undefined;
    return { ...this.#shown(state.updates), state, seconds: 0, shared: state.updates };
  }

  /** Goes on from where a run that begins alike has come; its losses up to there are told as this run's. */
  goOnFrom(beginning: Checkpoint): void {
    this.checkpoint = { ...beginning, seconds: this.#seconds };
    this.#tellShared(beginning.shared);
    this.#tell(beginning.losses, beginning.validation);
  }

  /** Diverges as a run did that begins alike, before the two part. */
  divergeWith(main: Lane): void {
    this.#tellShared(main.count);
    const { losses, validation } = main.#shown(main.count);
    this.#tell(losses, validation);
    this.diverge();
  }

  /** What was shown of the first `updates` updates. */
  #shown(updates: number): Pick<Checkpoint, 'losses' | 'validation'> {
    return { losses: this.#history.first(updates), validation: this.#validation.filter(({ step }) => step <= updates) };
  }

  /** Tells what is new in losses and held-out losses from the start of the run. */
  #tell(losses: Float32Array, validation: readonly ValidationPoint[]): void {
    this.takeIn(0, losses);
    const last = this.#validation.at(-1)?.step ?? 0;
    for (const point of validation) if (point.step > last) this.#addValidation(point);
  }

  #tellShared(steps: number): void {
    if (steps <= this.#shared) return;
    this.#shared = steps;
    this.#emit({ kind: 'shared', id: this.id, steps });
  }
}
