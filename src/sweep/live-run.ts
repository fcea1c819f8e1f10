// One run of a queue, from waiting to its record.
import { batchTokens, steps, tokensRead } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import { ThinnedCurve } from '../training/recorder.ts';
import { populationKey } from '../training/trainer.ts';
import type { CurvePoint, GradientNoisePoint, RunRecord } from './record.ts';
import type { RunProgress } from './store.ts';

/** Where a run is; `ended` runs have a record that says how. */
export type RunPhase = 'waiting' | 'training' | 'ended';

/** A run as a watcher may read it at any time. */
export interface RunView {
  readonly run: SweepRun;
  readonly phase: RunPhase;
  /** How it ended; present with phase `ended`. */
  readonly record: RunRecord | undefined;
  /** Steps done and tokens read in this training. */
  readonly step: number;
  readonly tokens: number;
  /** Of the steps done, those taken over from a longer run that begins alike: they were trained once for both. */
  readonly sharedSteps: number;
  /** Passes over the corpus begun. */
  readonly epoch: number;
  /** Times a worker died under it. */
  readonly attempts: number;
  /** Training and validation losses so far (nats per token); of a waiting run, those of its last try. Copies: not for every event. */
  curve(): readonly CurvePoint[];
  validation(): readonly CurvePoint[];
  /** The noise of gradients so far; none for a run that waits. */
  gradientNoise(): readonly GradientNoisePoint[];
}

/** A run that the queue moves from phase to phase. */
export class LiveRun implements RunView {
  readonly run: SweepRun;
  /** Population key. */
  readonly kind: string;
  /** D, tokens. */
  readonly D: number;
  phase: RunPhase = 'waiting';
  record: RunRecord | undefined;
  step = 0;
  tokens = 0;
  epoch = 1;
  attempts = 0;
  sharedSteps = 0;
  /** Steps that, before anything of this training is known, another run is expected to take for this one. */
  expectedShared = 0;
  /** Seconds of one worker that it is predicted to take when it is trained from its start. */
  predictedAlone = 0;
  /** Trained tokens that the forecast has taken note of. */
  noted = 0;
  /** Progress not yet kept. */
  unsaved = false;
  #curve: ThinnedCurve | undefined;
  #validation: CurvePoint[] = [];
  #gradientNoise: GradientNoisePoint[] = [];
  #before: RunProgress | undefined;

  constructor(run: SweepRun) {
    this.run = run;
    this.kind = populationKey(run.config);
    this.D = tokensRead(run.config);
  }

  /** Begins to train, from the start. */
  begin(): void {
    this.phase = 'training';
    this.step = 0;
    this.tokens = 0;
    this.noted = 0;
    this.sharedSteps = 0;
    this.epoch = 1;
    this.#curve = new ThinnedCurve(this.run.config);
    this.#validation = [];
    this.#gradientNoise = [];
    this.#before = undefined;
  }

  /** Predicted seconds of one worker for what it adds to the work of others. */
  get predicted(): number {
    return this.predictedAlone * this.#shareAfter(this.#knownShared);
  }

  /** What of {@link predicted} is left. */
  get predictedLeft(): number {
    return this.predictedAlone * this.#shareAfter(Math.max(this.step, this.#knownShared));
  }

  /** Tokens that were trained for this run and not taken over. */
  get trainedTokens(): number {
    return this.tokens - this.sharedSteps * batchTokens(this.run.config);
  }

  get #knownShared(): number {
    return this.step > 0 ? this.sharedSteps : this.expectedShared;
  }

  /** Share of the run that comes after a step. */
  #shareAfter(step: number): number {
    return 1 - step / steps(this.run.config);
  }

  addLosses(firstStep: number, losses: Float32Array): void {
    this.#curve?.add(firstStep, losses);
    this.step = Math.max(this.step, firstStep + losses.length - 1);
    this.tokens = this.step * batchTokens(this.run.config);
    this.unsaved = true;
  }

  addValidation(step: number, tokens: number, loss: number): void {
    if (Number.isFinite(loss)) this.#validation.push([step, tokens, loss]);
    this.unsaved = true;
  }

  addGradientNoise(point: GradientNoisePoint): void {
    this.#gradientNoise.push(point);
  }

  /** Goes back to waiting; what was drawn of it stays until it trains again. */
  interrupt(): void {
    this.#before = this.progress();
    this.phase = 'waiting';
    this.#reset();
  }

  end(record: RunRecord): void {
    this.phase = 'ended';
    this.record = record;
    this.#before = undefined;
    this.unsaved = false;
    this.#reset();
  }

  /** Waits again, though it had ended. */
  again(): void {
    this.phase = 'waiting';
    this.record = undefined;
    this.attempts = 0;
  }

  /** Takes in what an earlier session kept. */
  restore(before: RunProgress): void {
    this.#before = before;
  }

  progress(): RunProgress {
    return { id: this.run.id, curve: this.curve(), validation: this.validation() };
  }

  curve(): readonly CurvePoint[] {
    return this.record?.curve ?? this.#curve?.points() ?? this.#before?.curve ?? [];
  }

  validation(): readonly CurvePoint[] {
    if (this.record !== undefined) return this.record.validation;
    return this.#curve === undefined ? (this.#before?.validation ?? []) : [...this.#validation];
  }

  gradientNoise(): readonly GradientNoisePoint[] {
    return this.record === undefined ? [...this.#gradientNoise] : (this.record.gradientNoise ?? []);
  }

  #reset(): void {
    if (this.phase === 'waiting') this.epoch = 1;
    this.#curve = undefined;
    this.#validation = [];
    this.#gradientNoise = [];
    this.step = 0;
    this.tokens = 0;
    this.noted = 0;
    this.sharedSteps = 0;
  }
}
