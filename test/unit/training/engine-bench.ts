// What tests of the engine's trainer share: a trainer on executors whose losses are known, what it told of each run, and
// what it should have.
import { expect } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { batchTokens, steps, type RunInput } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import { Controls } from '../../../src/training/controls.ts';
import type { Checkpoint, CheckpointKey, CheckpointStore } from '../../../src/training/engine/checkpoint.ts';
import { EngineTrainer, type EngineParts } from '../../../src/training/engine/engine-trainer.ts';
import { validationSteps } from '../../../src/training/recorder.ts';
import { smoothedLastLoss } from '../../../src/training/smoothed-loss.ts';
import type { LaneEvent, LaneOutcome, TrainingData } from '../../../src/training/trainer.ts';
import { Clock, expectedLosses, expectedValidation, FakeDevice, fakeFootprint, fakePlans, type FakeOptions } from './fake-executor.ts';

const base: RunInput = {
  corpus: 'synthetic:symbols=8,order=1,exponent=2,tokens=40000',
  shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
  context: 8,
  vocabulary: 8,
  batchSequences: 4,
  validationTokens: 72,
  learningRate: 2 ** -6,
};
export const run = (more: RunInput): SweepRun => {
  const config = parseRun({ ...base, tokens: 8 * 4 * 100, ...more });
  return { id: runId(config), config };
};
export const data: TrainingData = { training: new Uint16Array(40_001), validation: new Uint16Array(81), vocabulary: 8 };

export const cpuLike = () => ({ cost: { step: 0, lane: 1, row: 1 }, mostRows: 64, worth: 0 });
export const gpuLike = () => ({ cost: { step: 1e6, lane: 1, row: 1 }, mostRows: 1024, worth: 0 });

export interface Bench {
  readonly trainer: EngineTrainer;
  readonly device: FakeDevice;
  readonly clock: Clock;
}

export function bench(options: Partial<FakeOptions> = {}, parts: Partial<EngineParts> = {}): Bench {
  const clock = new Clock();
  const device = new FakeDevice({ clock, microStep: 10, ...options });
  const trainer = new EngineTrainer({
    report: { backend: 'cpu', engine: 'plan', device: 'fake', emulated: false, features: [] },
    createExecutor: device.create,
    plansOf: fakePlans,
    microBatches: gpuLike,
    memory: { budget: Infinity, largestBuffer: Infinity, footprint: fakeFootprint },
    mostLanes: () => 1000,
    measuredLanes: 2,
    evaluatedTogether: 3,
    times: { now: clock.now, rest: 0, checkpoint: 2000 },
    ...parts,
  });
  return { trainer, device, clock };
}

export interface Told {
  readonly losses: number[];
  readonly validation: [step: number, loss: number][];
  readonly epochs: number[];
  readonly outcome: LaneOutcome | undefined;
  readonly seconds: number;
  /** Steps that were trained once for it and another. */
  readonly shared: number;
}

/** What was told of each run. Fails when steps are missing, repeated or come after the end. */
export function byRun(runs: readonly SweepRun[], events: readonly LaneEvent[]): Map<string, Told> {
  return new Map(
    runs.map(({ id, config }) => {
      const mine = events.filter((event) => event.kind !== 'notice' && event.id === id);
      const losses: number[] = [];
      for (const event of mine) {
        if (event.kind !== 'progress') continue;
        expect(event.firstStep).toBe(losses.length + 1);
        losses.push(...event.losses);
        expect(event.tokens).toBe(losses.length * batchTokens(config));
      }
      const validation = mine.flatMap((event): [number, number][] => (event.kind === 'validation' ? [[event.step, event.loss]] : []));
      const epochs = mine.flatMap((event) => (event.kind === 'epoch' ? [event.epoch] : []));
      const ends = mine.filter((event) => event.kind === 'ended');
      expect(ends.length).toBeLessThanOrEqual(1);
      if (ends.length === 1) expect(mine.at(-1)).toBe(ends[0]);
      const shared = Math.max(0, ...mine.map((event) => (event.kind === 'shared' ? event.steps : 0)));
      return [id, { losses, validation, epochs, outcome: ends[0]?.outcome, seconds: ends[0]?.seconds ?? 0, shared }];
    }),
  );
}

export async function train(
  { trainer }: Bench,
  runs: readonly SweepRun[],
  controls = new Controls(),
  on: (event: LaneEvent) => void = () => undefined,
) {
  const events: LaneEvent[] = [];
  await trainer.train(runs, data, controls, (event) => {
    events.push(event);
    on(event);
  });
  return { events, told: byRun(runs, events), notices: events.filter((event) => event.kind === 'notice') };
}

/** The run was trained and told as its function says, from its first step to its last. */
export function expectWhole({ config }: SweepRun, told: Told): void {
  const expected = expectedLosses(config, 8);
  expect(told.losses).toHaveLength(expected.length);
  told.losses.forEach((loss, i) => expect(loss).toBeCloseTo(expected[i], 5));
  expect(told.validation.map(([step]) => step)).toEqual(validationSteps(config));
  for (const [step, loss] of told.validation) expect(loss).toBeCloseTo(expectedValidation(config, 8, step, data.validation.length), 5);
  if (told.outcome?.status !== 'finished') throw new Error(`ended as ${told.outcome?.status}`);
  expect(told.outcome.finalLoss).toBe(told.validation.at(-1)![1]);
  expect(told.outcome.smoothedTrainLoss).toBeCloseTo(smoothedLastLoss(told.losses, steps(config)), 9);
  expect(2 + Math.abs(told.outcome.parameters[0]) + data.validation.length / 1e9).toBeCloseTo(told.outcome.finalLoss, 6);
}

/** Checkpoints in plain memory. */
export class MemoryStore implements CheckpointStore {
  readonly kept = new Map<string, { readonly key: CheckpointKey; readonly checkpoint: Checkpoint }>();
  saves = 0;

  async load(key: CheckpointKey): Promise<Checkpoint | undefined> {
    await Promise.resolve();
    const found = this.kept.get(key.id);
    return found?.key.content === key.content ? found.checkpoint : undefined;
  }

  async save(key: CheckpointKey, checkpoint: Checkpoint): Promise<void> {
    await Promise.resolve();
    this.saves++;
    this.kept.set(key.id, { key, checkpoint });
  }

  async remove(key: CheckpointKey): Promise<void> {
    await Promise.resolve();
    this.kept.delete(key.id);
  }
}
