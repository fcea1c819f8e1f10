// Lanes on one executor, from where they are to their ends: slices of training, held-out losses at their steps,
// checkpoints, controls.
import type { Executor } from '../../plan/executor.ts';
import type { TrainingControl } from '../trainer.ts';
import { WrongLosses, type WrongLoss } from './faults.ts';
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
}

/**
 * Trains lanes to their ends; leaves early when the control is aborted.
 * @param lanes in the order of the executor's lanes, none of them ended; those with a checkpoint go on from there
 * @throws WrongLosses when losses come that no model can have; whatever the executor rejects with
 */
export async function trainPopulation(
  executor: Executor,
  lanes: readonly PopulationLane[],
  control: TrainingControl,
  pace: Pace,
  hooks: PopulationHooks,
): Promise<void> {
  await new Population(executor, lanes, control, pace, hooks).train();
}

class Population {
  readonly #executor: Executor;
  readonly #lanes: readonly PopulationLane[];
  readonly #control: TrainingControl;
  readonly #pace: Pace;
  readonly #hooks: PopulationHooks;
  #sinceCheckpoint = 0;

  constructor(executor: Executor, lanes: readonly PopulationLane[], control: TrainingControl, pace: Pace, hooks: PopulationHooks) {
    this.#executor = executor;
    this.#lanes = lanes;
    this.#control = control;
    this.#pace = pace;
    this.#hooks = hooks;
  }

  async train(): Promise<void> {
    for (const [index, { lane }] of this.#lanes.entries()) if (lane.checkpoint) await this.#executor.restore(index, lane.checkpoint.state);
    while (await this.#mayGoOn()) {
      const start = this.#pace.now();
      await this.#advance();
      await this.#evaluate();
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
      if (this.#control.isSkipped(lane.id)) this.#end(index, () => lane.end({ status: 'skipped' }));
    }
    return this.#active().length > 0;
  }

  /** Indices of the lanes that have not ended. */
  #active(): number[] {
    return [...this.#lanes.keys()].filter((index) => !this.#lanes[index].lane.ended);
  }

  #end(index: number, end: () => void): void {
    this.#executor.freeze(index);
    end();
    this.#hooks.ended(this.#lanes[index].lane);
  }

  /** One slice of training. */
  async #advance(): Promise<void> {
    const active = this.#active();
    // Lanes halt together, at the micro-step at which the first of them needs its held-out loss, or in the middle of
    // the update they are then in: so they stay in step, and one that must be evaluated often does not lag behind.
    const halt = Math.min(...active.map((index) => this.#lanes[index].lane.nextValidation * this.#lanes[index].microBatches));
    const until = (index: number): number => {
      const { lane, microBatches } = this.#lanes[index];
      return lane.ended ? 0 : Math.min(lane.nextValidation, Math.ceil(halt / microBatches));
    };
    const working = active.filter((index) => this.#executor.updatesOf(index) < until(index));
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
      if (lane.divergent) this.#end(index, () => lane.diverge());
    }
  }

  /** Shares time out among lanes. */
  #share(milliseconds: number, indices: readonly number[]): void {
    for (const index of indices) this.#lanes[index].lane.spend(milliseconds / 1000 / indices.length);
  }

  /** Measures the held-out losses that are due. */
  async #evaluate(): Promise<void> {
    const due = this.#active().filter((index) => {
      const { lane } = this.#lanes[index];
      return !lane.complete && lane.count === lane.nextValidation && this.#executor.updatesOf(index) === lane.count;
    });
    for (let from = 0; from < due.length; from += this.#pace.evaluatedTogether) {
      await this.#control.untilResumed();
      if (this.#control.signal.aborted) return;
      const part = due.slice(from, from + this.#pace.evaluatedTogether);
      const start = this.#pace.now();
      const losses = await this.#executor.evaluate(part);
      this.#share(this.#pace.now() - start, part);
      const wrong = new Map<Lane, WrongLoss>();
      part.forEach((index, i) => {
        const { lane } = this.#lanes[index];
        if (losses[i] === 0) wrong.set(lane, { step: lane.count, loss: 0 });
      });
      if (wrong.size > 0) throw new WrongLosses(wrong);
      part.forEach((index, i) => this.#lanes[index].lane.takeInValidation(losses[i]));
    }
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
    for (const index of this.#active()) {
      const { lane } = this.#lanes[index];
      const checkpoint = lane.checkpointAt(await this.#executor.save(index));
      if (checkpoint === undefined) continue;
      lane.checkpoint = checkpoint;
      saved.push(lane);
    }
    this.#hooks.checkpoint(saved);
  }
}
