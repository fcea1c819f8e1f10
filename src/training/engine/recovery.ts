// Trains lanes through faults: when a device is lost, runs out of memory or returns nothing, another executor takes
// them up from their last checkpoints.
import type { Executor } from '../../plan/executor.ts';
import type { LaneEvent, TrainingControl } from '../trainer.ts';
import { gaveUp, goingOn, lossStaysWrong, NotCreated, reasonOf, WrongLosses } from './faults.ts';
import type { Lane } from './lane.ts';
import { trainPopulation, type Pace, type PopulationHooks, type PopulationLane } from './population.ts';

/** Failures one after the other, without a checkpoint in between, after which runs end as failed. */
export const MOST_FAILURES = 3;

/** What is needed to train lanes through faults. */
export interface RecoverySurroundings {
  /** Sets up an executor whose lanes are these, at their starts. */
  readonly create: (lanes: readonly PopulationLane[]) => Promise<Executor>;
  readonly control: TrainingControl;
  readonly pace: Pace;
  readonly hooks: PopulationHooks;
  readonly emit: (event: LaneEvent) => void;
  /** Milliseconds to leave a device alone after a failure. */
  readonly rest: number;
  /** Lanes of one executor, at most; at least 1. */
  readonly most: number;
}

/** Trains all lanes to their ends, whatever the device does; leaves early when the control is aborted. Does not reject. */
export async function trainThroughFaults(lanes: readonly PopulationLane[], surroundings: RecoverySurroundings): Promise<void> {
  const { control, pace, hooks, emit, rest } = surroundings;
  let failures = 0;
  /** Lanes of one executor: fewer after failures that memory may have caused. */
  let most = surroundings.most;
  let kept = pace.now();
  const heed: PopulationHooks = {
    ...hooks,
    checkpoint: (saved) => {
      failures = 0;
      kept = pace.now();
      hooks.checkpoint(saved);
    },
  };
  for (;;) {
    await control.untilResumed();
    const left = lanes.filter(({ lane }) => !lane.ended);
    if (left.length === 0 || control.signal.aborted) return;
    const part = left.slice(0, most);
    try {
      const later = left.slice(most).map(({ lane }) => lane);
      await trainOnce(part, later, surroundings, heed, () => (kept = pace.now()));
      failures = 0;
    } catch (error) {
      if (control.signal.aborted) return;
      // Being set up with many lanes and failing says little; with one, everything.
      const short = error instanceof NotCreated && part.length > 1;
      if (!short) failures++;
      if (short || (failures > 1 && !(error instanceof WrongLosses))) most = Math.max(1, Math.ceil(part.length / 2));
      const lost = part.filter(({ lane }) => !lane.ended);
      if (failures < MOST_FAILURES) {
        if (lost.length > 0) emit({ kind: 'notice', sentence: goingOn(lost.length, error, Math.max(0, pace.now() - kept) / 1000) });
      } else {
        giveUp(lost, left, error, hooks);
        failures = 0;
      }
      await new Promise((resolve) => setTimeout(resolve, rest * (failures + 1)));
    }
  }
}

/** One executor from its set-up to its end. */
async function trainOnce(
  part: readonly PopulationLane[],
  later: readonly Lane[],
  { create, control, pace }: RecoverySurroundings,
  hooks: PopulationHooks,
  started: () => void,
): Promise<void> {
  let executor: Executor;
  try {
    executor = await create(part);
  } catch (error) {
    throw new NotCreated(error);
  }
  started();
  try {
    await trainPopulation(executor, part, later, control, pace, hooks);
  } finally {
    executor.dispose();
  }
}

/** Ends the runs that a fault is to blame on: those with wrong losses alone, else all that are left. */
function giveUp(part: readonly PopulationLane[], left: readonly PopulationLane[], error: unknown, hooks: PopulationHooks): void {
  const end = (lane: Lane, reason: ReturnType<typeof gaveUp>): void => {
    lane.end({ status: 'failed', reason });
    hooks.ended(lane);
  };
  if (error instanceof WrongLosses && error.first.size < part.length) {
    for (const [lane, loss] of error.first) end(lane, lossStaysWrong(loss));
    return;
  }
  for (const { lane } of left) {
    const loss = error instanceof WrongLosses ? error.first.get(lane) : undefined;
    end(lane, loss ? lossStaysWrong(loss) : gaveUp(MOST_FAILURES, reasonOf(error)));
  }
}
