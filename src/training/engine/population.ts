// Lanes on one executor, from where they are to their ends: slices of training, held-out losses at their steps,
// branches, checkpoints, controls.
import type { Executor } from '../../plan/executor.ts';
import { gradientNoise, smallBatches, type GradientNoise } from '../gradient-noise.ts';
import type { TrainingControl } from '../trainer.ts';
import { whoWaits, type WaitingLane } from './branching.ts';
import { WrongLosses, type WrongLoss } from './faults.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Lane } from './lane.ts';

/** A lane and the micro-batches in one of its updates. */
export interface PopulationLane {
  readonly lane: Lane;
  readonly microBatches: number;
}

/** How a population is driven. Times in milliseconds. */
export interface Pace {
  /** Training between two looks at the controls. */
  readonly slice: number;
  /** Training between two checkpoints, about. */
  readonly checkpoint: number;
  /** Lanes whose held-out loss is measured in one call. */
  readonly evaluatedTogether: number;
  readonly now: () => number;
}

/** What a population tells its owner. */
export interface PopulationHooks {
  /** The lane has ended, or is to be given up. */
  ended(lane: Lane): void;
  /** New checkpoints lie in the lanes. */
  checkpoint(lanes: readonly Lane[]): void;
  /** The lane has a checkpoint with which it goes on from a run that begins alike; it may wait for its turn. */
  branched(lane: Lane): void;
}

/**
 * Trains lanes to their ends; leaves early when the control is aborted. Lanes that begin alike are trained once up to
 * where they part.
 * @param lanes in the order of the executor's lanes, none of them ended; those with a checkpoint go on from there
 * @param later lanes that are trained afterwards; those that begin like one of `lanes` are given checkpoints to go on from
 * @throws WrongLosses when losses come that no model can have; whatever the executor rejects with
 */
export async function trainPopulation(
  executor: Executor,
  lanes: readonly PopulationLane[],
  later: readonly Lane[],
  control: TrainingControl,
  pace: Pace,
  hooks: PopulationHooks,
): Promise<void> {
  await new Population(executor, lanes, later, control, pace, hooks).train();
}

class Population {
  readonly #executor: Executor;
  readonly #lanes: readonly PopulationLane[];
  readonly #later: readonly Lane[];
  /** By a lane's index, those that wait for it; in the order in which they leave it. */
  #waiting: Map<number, WaitingLane[]> = new Map();
  readonly #control: TrainingControl;
  readonly #pace: Pace;
  readonly #hooks: PopulationHooks;
  #sinceCheckpoint = 0;

  constructor(
    executor: Executor,
    lanes: readonly PopulationLane[],
    later: readonly Lane[],
    control: TrainingControl,
    pace: Pace,
    hooks: PopulationHooks,
  ) {
    this.#executor = executor;
    this.#lanes = lanes;
    this.#later = later;
    this.#control = control;
    this.#pace = pace;
    this.#hooks = hooks;
  }

  async train(): Promise<void> {
    for (const [index, { lane }] of this.#lanes.entries()) if (lane.checkpoint) await this.#executor.restore(index, lane.checkpoint.state);
    this.#decideWhoWaits();
    while (await this.#mayGoOn()) {
      const start = this.#pace.now();
      await this.#advance();
      await this.#evaluate();
      await this.#branch();
      await this.#finish();
      this.#sinceCheckpoint += this.#pace.now() - start;
      if (this.#sinceCheckpoint >= this.#pace.checkpoint) await this.#checkpoint();
    }
    if (this.#control.signal.aborted) await this.#checkpoint();
  }

  /** Heeds the controls. False when there is nothing more to do here. */
  async #mayGoOn(): Promise<boolean> {
    await this.#control.untilResumed();
    if (this.#control.signal.aborted) return false;
    for (const index of this.#active()) {
      const { lane } = this.#lanes[index];
      if (!this.#control.isSkipped(lane.id) || !(await this.#handOver(index))) continue;
      this.#end(index, () => lane.end({ status: 'skipped' }));
      if (this.#waiting.has(index)) this.#decideWhoWaits();
    }
    return this.#active().length > 0;
  }

  /** Indices of the lanes that have not ended. */
  #active(): number[] {
    return [...this.#lanes.keys()].filter((index) => !this.#lanes[index].lane.ended);
  }

  #decideWhoWaits(): void {
    const here = this.#active().map((index) => ({ lane: this.#lanes[index].lane, index, updates: this.#executor.updatesOf(index) }));
    const later = this.#later.filter(({ ended }) => !ended);
    this.#waiting = whoWaits([...here, ...later.map((lane) => ({ lane, index: undefined, updates: lane.checkpoint?.state.updates ?? 0 }))]);
  }

  /** Who waits for a lane and has not ended. */
  #waitingFor(index: number): WaitingLane[] {
    return (this.#waiting.get(index) ?? []).filter(({ lane }) => !lane.ended);
  }

  /** Indices of the lanes that have not ended and wait for no other. */
  #working(): number[] {
    const waiting = new Set([...this.#waiting.keys()].flatMap((main) => this.#waitingFor(main).map(({ index }) => index)));
    return this.#active().filter((index) => !waiting.has(index));
  }

  /** The update before which a lane must halt: to measure its held-out loss, or to let a branch go. */
  #nextHalt(index: number): number {
    return Math.min(this.#lanes[index].lane.nextValidation, this.#waitingFor(index).at(0)?.at ?? Infinity);
  }

  #end(index: number, end: () => void): void {
    this.#executor.freeze(index);
    end();
    this.#hooks.ended(this.#lanes[index].lane);
  }

  /** One slice of training. */
  async #advance(): Promise<void> {
    const able = this.#working();
    // Lanes halt together, at the micro-step at which the first of them needs its held-out loss, or in the middle of
    // the update they are then in: so they stay in step, and one that must be evaluated often does not lag behind.
    const halt = Math.min(...able.map((index) => this.#nextHalt(index) * this.#lanes[index].microBatches));
    const targets = new Map(
      able.map((index) => [index, Math.min(this.#nextHalt(index), Math.ceil(halt / this.#lanes[index].microBatches))]),
    );
    const until = (index: number): number => targets.get(index) ?? 0;
    const working = able.filter((index) => this.#executor.updatesOf(index) < until(index));
    const start = this.#pace.now();
    const results = await this.#executor.advance(this.#pace.slice, until);
    // Lanes in step read the same tokens, which costs each the same.
    this.#share(this.#pace.now() - start, working);

    const wrong = new Map<Lane, WrongLoss>();
    for (const { lane: index, firstUpdate, losses } of results) {
      const { lane } = this.#lanes[index];
      const first = lane.ended ? undefined : lane.faultIn(firstUpdate, losses);
      if (first) wrong.set(lane, first);
    }
    if (wrong.size > 0) throw new WrongLosses(wrong);
    for (const { lane: index, firstUpdate, losses } of results) {
      const { lane } = this.#lanes[index];
      if (lane.ended) continue;
      lane.takeIn(firstUpdate, losses);
      if (!lane.divergent) continue;
      for (const waiting of this.#waitingFor(index)) {
        waiting.lane.divergeWith(lane);
        this.#hooks.ended(waiting.lane);
      }
      this.#end(index, () => lane.diverge());
    }
  }

  /** Shares time out among lanes. */
  #share(milliseconds: number, indices: readonly number[]): void {
    for (const index of indices) this.#lanes[index].lane.spend(milliseconds / 1000 / indices.length);
  }

  /** Measures the held-out losses that are due. */
  async #evaluate(): Promise<void> {
    const due = this.#working().filter((index) => {
      const { lane } = this.#lanes[index];
      return !lane.complete && lane.count === lane.nextValidation && this.#executor.updatesOf(index) === lane.count;
    });
    for (let from = 0; from < due.length; from += this.#pace.evaluatedTogether) {
      await this.#control.untilResumed();
      if (this.#control.signal.aborted) return;
      const part = due.slice(from, from + this.#pace.evaluatedTogether);
      const start = this.#pace.now();
      const losses = await this.#executor.evaluate(part);
      const noise = await this.#measureNoise(part);
      this.#share(this.#pace.now() - start, part);
      const wrong = new Map<Lane, WrongLoss>();
      part.forEach((index, i) => {
        const { lane } = this.#lanes[index];
        if (losses[i] === 0) wrong.set(lane, { step: lane.count, loss: 0 });
      });
      if (wrong.size > 0) throw new WrongLosses(wrong);
      part.forEach((index, i) => this.#lanes[index].lane.takeInValidation(losses[i], noise[i]));
    }
  }

  /** The noise of gradients of lanes whose held-out loss is measured; nothing where none is asked for, which is the same for all. */
  async #measureNoise(indices: readonly number[]): Promise<(GradientNoise | undefined)[]> {
    const configs = indices.map((index) => this.#lanes[index].lane.config);
    const batches = smallBatches(configs[0]);
    if (batches === undefined) return [];
    const norms = await this.#executor.gradientNorms(indices, batches.count);
    return norms.map((one, i) => gradientNoise(one, configs[i]));
  }

  /** Lets those go that waited for a lane which has come to where they part. */
  async #branch(): Promise<void> {
    for (const index of this.#waiting.keys()) {
      const { lane } = this.#lanes[index];
      const updates = this.#executor.updatesOf(index);
      const due = this.#waitingFor(index).filter(({ at }) => at === updates && lane.measuredUpTo(at));
      if (due.length === 0) continue;
      const beginning = lane.beginningAt(await this.#executor.save(index));
      // After a fault it may be told later that it has come so far.
      if (beginning === undefined) continue;
      for (const one of due) await this.#letGo(one, beginning);
      this.#waiting.set(
        index,
        this.#waitingFor(index).filter((one) => !due.includes(one)),
      );
    }
  }

  async #letGo({ lane, index }: WaitingLane, beginning: Checkpoint): Promise<void> {
    lane.goOnFrom(beginning);
    if (index !== undefined) await this.#executor.restore(index, beginning.state);
    this.#hooks.branched(lane);
  }

  /** Before a lane is ended that others wait for: one of those goes on in its place. False when that must wait a little. */
  async #handOver(index: number): Promise<boolean> {
    const waiting = this.#waitingFor(index);
    const heir = waiting.findLast((one) => one.index !== undefined) ?? waiting.at(-1);
    if (heir === undefined) return true;
    const state = await this.#executor.save(index);
    if (state.updates === 0) return true;
    const beginning = this.#lanes[index].lane.beginningAt(state);
    if (beginning === undefined) return false;
    await this.#letGo(heir, beginning);
    return true;
  }

  /** Ends the lanes that have done all they had to. */
  async #finish(): Promise<void> {
    for (const index of this.#active()) {
      const { lane } = this.#lanes[index];
      // After a fault a lane may have been told complete before its trained parameters were read.
      if (!lane.complete || this.#executor.updatesOf(index) < lane.total) continue;
      const parameters = await this.#executor.parameters(index);
      this.#end(index, () => lane.finish(parameters));
    }
  }

  async #checkpoint(): Promise<void> {
    this.#sinceCheckpoint = 0;
    const saved: Lane[] = [];
    for (const index of this.#working()) {
      const { lane } = this.#lanes[index];
      const checkpoint = lane.checkpointAt(await this.#executor.save(index));
      if (checkpoint === undefined) continue;
      lane.checkpoint = checkpoint;
      saved.push(lane);
    }
    this.#hooks.checkpoint(saved);
  }
}
