// The engine's trainer on executors whose losses are known: what it tells of runs, how it obeys its controls, how it
// survives the loss of its device.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { steps } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import { Controls } from '../../../src/training/controls.ts';
import type { CheckpointStore } from '../../../src/training/engine/checkpoint.ts';
import type { LaneEvent, TrainingData } from '../../../src/training/trainer.ts';
import { bench, byRun, cpuLike, data, expectWhole, gpuLike, MemoryStore, run, train, type Bench } from './engine-bench.ts';
import { fakeFootprint, fakePlans } from './fake-executor.ts';

/** A grid of learning rate × batch, batches not all powers of two. */
const grid = [1, 2, 3].flatMap((seed) =>
  [1, 4, 6, 16].map((batchSequences) => run({ seed, batchSequences, learningRate: 2 ** (-4 - seed), tokens: 8 * 4 * 100 })),
);

describe('a population', () => {
  it('trains every run by its own seed, schedule and batch to its end, whatever the micro-batch', async () => {
    for (const microBatches of [gpuLike, cpuLike]) {
      const set = bench({}, { microBatches });
      const { told, notices } = await train(set, grid);
      for (const one of grid) expectWhole(one, told.get(one.id)!);
      expect(notices).toEqual([]);
      expect(set.device.executors.every(({ disposed }) => disposed)).toBe(true);
      // Nothing is trained twice: micro-steps are as many as the runs need.
      const sequencesRead = grid.reduce((sum, { config }) => sum + steps(config) * config.batchSequences, 0);
      if (microBatches === gpuLike) {
        expect(set.device.executors.map(({ lanes, sequences }) => [lanes, sequences])).toEqual([[12, 1]]);
        expect(set.device.microSteps).toBe(sequencesRead);
      } else expect(set.device.executors.map(({ sequences }) => sequences)).toEqual([8, 6, 4, 1]);
    }
  });

  it('is cut into as many executors as memory asks for, one after the other', async () => {
    const lane = 5 * 4 * fakePlans({ ...run({}).config, vocabulary: 8 }, 1).training.parameters + 4 * 100 * 8;
    const set = bench({}, { memory: { budget: 5.5 * lane, largestBuffer: Infinity, footprint: fakeFootprint } });
    const { told } = await train(set, grid);
    for (const one of grid) expectWhole(one, told.get(one.id)!);
    expect(set.device.executors.map(({ lanes }) => lanes)).toEqual([4, 4, 4]);
  });

  it('tells of epochs as they begin, and shares the time out among the runs', async () => {
    const small: TrainingData = { ...data, training: data.training.slice(0, 8 * 150 + 1) };
    const set = bench();
    const one = run({ batchSequences: 1, tokens: 8 * 400 });
    const other = run({ batchSequences: 4, tokens: 8 * 400 });
    const events: LaneEvent[] = [];
    await set.trainer.train([one, other], small, new Controls(), (event) => events.push(event));
    const told = byRun([one, other], events);
    expect(told.get(one.id)!.epochs).toEqual([2, 3]);
    expect(told.get(other.id)!.epochs).toEqual([2, 3]);
    // 800 micro-steps of 10 ms in all.
    expect(told.get(one.id)!.seconds + told.get(other.id)!.seconds).toBeCloseTo(8, 1);
    expect(told.get(one.id)!.seconds).toBeCloseTo(4, 1);
  });

  it('freezes a run that diverges and reports it; the others go on', async () => {
    const wild = run({ learningRate: 0.5, seed: 9 });
    const tame = run({ learningRate: 2 ** -8 });
    const set = bench({ diverges: (settings, update) => settings.learningRate(50) > 0.1 && update >= 30 });
    const { told, notices } = await train(set, [tame, wild]);
    expectWhole(tame, told.get(tame.id)!);
    const { outcome, losses } = told.get(wild.id)!;
    if (outcome?.status !== 'diverged') throw new Error(`ended as ${outcome?.status}`);
    expect(outcome.step).toBe(31);
    expect(outcome.lastFiniteLoss).toBe(losses[29]);
    expect(losses).toHaveLength(31);
    expect(losses[30]).toBeNaN();
    expect(notices).toEqual([]);
  });
});

describe('controls', () => {
  it('skip ends one run as skipped, and the others go on', async () => {
    const [long, short] = [run({ seed: 3 }), run({ seed: 4 })];
    const controls = new Controls();
    const { told } = await train(bench(), [long, short], controls, (event) => {
      if (event.kind === 'progress' && event.id === long.id) controls.skip(long.id);
    });
    expect(told.get(long.id)!.outcome).toEqual({ status: 'skipped' });
    expect(told.get(long.id)!.losses.length).toBeLessThan(100);
    expectWhole(short, told.get(short.id)!);
  });

  it('stop leaves without ends, and starts nothing more', async () => {
    const set = bench({}, { microBatches: cpuLike });
    const controls = new Controls();
    const { told } = await train(set, grid, controls, (event) => {
      if (event.kind === 'progress') controls.stop();
    });
    expect([...told.values()].every(({ outcome }) => outcome === undefined)).toBe(true);
    expect(set.device.executors).toHaveLength(1);
    expect(set.device.executors[0].disposed).toBe(true);
  });

  it('pause holds all runs still, resume goes on as if nothing had been, and stop ends a pause', async () => {
    const set = bench();
    const one = run({});
    const controls = new Controls();
    let steady = false;
    let seen = 0;
    const { told } = await train(set, [one], controls, (event) => {
      if (event.kind !== 'progress' || ++seen !== 2) return;
      controls.pause();
      setTimeout(() => {
        const before = set.device.microSteps;
        setTimeout(() => {
          steady = set.device.microSteps === before;
          controls.resume();
        }, 30);
      }, 30);
    });
    expect(steady).toBe(true);
    expectWhole(one, told.get(one.id)!);

    const stopped = new Controls();
    const { told: left } = await train(bench(), [one], stopped, (event) => {
      if (event.kind !== 'progress') return;
      stopped.pause();
      setTimeout(() => stopped.stop(), 20);
    });
    expect(left.get(one.id)!.outcome).toBeUndefined();
  });
});

describe('a device that fails', () => {
  it('loses nothing, wherever it is lost: the runs go on from their checkpoints, and the page is told', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 3000 }), { minLength: 1, maxLength: 2 }),
        fc.constantFrom<'lose' | 'zero'>('lose', 'zero'),
        async (moments, what) => {
          // A checkpoint every 2,000 ms is one every 200 micro-steps of the population.
          let faults = 0;
          const set = bench({
            trouble: (executor, count) => {
              if (count !== moments[executor]) return undefined;
              faults++;
              return what;
            },
          });
          const { told, notices } = await train(set, grid);
          for (const one of grid) expectWhole(one, told.get(one.id)!);
          // A zero in the middle of an update is not seen.
          if (what === 'lose') expect(notices).toHaveLength(faults);
          else expect(notices.length).toBeLessThanOrEqual(faults);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('repeats no more than what was done since the last checkpoint', async () => {
    const one = run({ tokens: 8 * 4 * 2000, validationTokens: 8 * 4 * 2000 });
    const undisturbed = bench();
    await train(undisturbed, [one]);
    const set = bench({ trouble: (executor, count) => (executor < 3 && count === 500 ? 'lose' : undefined) });
    const { told, notices } = await train(set, [one]);
    expectWhole(one, told.get(one.id)!);
    expect(notices).toHaveLength(3);
    // Three times at most 2,000 ms and a slice, in micro-steps of 10 ms.
    expect(set.device.microSteps - undisturbed.device.microSteps).toBeGreaterThan(0);
    expect(set.device.microSteps - undisturbed.device.microSteps).toBeLessThanOrEqual(3 * 206);
    expect(notices[0]).toMatchObject({ sentence: { en: expect.stringContaining('The device was lost. One run goes on') as string } });
  });

  it('that is lost three times in a row ends its runs as failed, with the reason; the population does not reject', async () => {
    const set = bench({ trouble: (_, count) => (count === 50 ? 'lose' : undefined) }, { mostLanes: () => 4 });
    const { told, notices } = await train(set, grid.slice(0, 4));
    for (const { outcome } of told.values()) {
      if (outcome?.status !== 'failed') throw new Error(`ended as ${outcome?.status}`);
      expect(outcome.reason.en).toContain('3 times in a row: The device was lost.');
    }
    expect(notices).toHaveLength(2);
    expect(set.device.executors).toHaveLength(3);
    expect(set.device.executors.every(({ disposed }) => disposed)).toBe(true);
  });

  it('returns zeros for one run again and again: that run fails, the others finish', async () => {
    const set = bench({ trouble: (_, __, lane) => (lane === 0 ? 'zero' : undefined) });
    const runs = [run({ seed: 1 }), run({ seed: 2 }), run({ seed: 3 })];
    // Lane 0 is whoever comes first, so each run's turn comes, and only the last trains alone.
    const { told } = await train(set, runs);
    for (const { outcome } of told.values()) {
      if (outcome?.status !== 'failed') throw new Error(`ended as ${outcome?.status}`);
      expect(outcome.reason.en).toContain('exactly zero');
    }
    const honest = bench({ trouble: (executor, __, lane) => (lane === 1 && executor < 3 ? 'zero' : undefined) });
    const { told: others } = await train(honest, runs);
    expect([...others.values()].map(({ outcome }) => outcome?.status)).toEqual(['finished', 'failed', 'finished']);
    expectWhole(runs[2], others.get(runs[2].id)!);
  });

  it('too small for all lanes takes them in smaller parts', async () => {
    const set = bench({ refuse: (lanes) => (lanes > 3 ? 'Out of memory' : undefined) });
    const { told, notices } = await train(set, grid);
    for (const one of grid) expectWhole(one, told.get(one.id)!);
    expect(set.device.executors.map(({ lanes }) => lanes)).toEqual([12, 6, 3, 3, 3, 3]);
    expect(notices).toHaveLength(2);
  });

  it('that never works ends the runs as failed', async () => {
    const set = bench({ refuse: () => 'No device' });
    const { told } = await train(set, grid);
    for (const { outcome } of told.values()) expect(outcome?.status).toBe('failed');
    expect(set.device.executors.length).toBeLessThan(10);
  });
});

describe('checkpoints that outlive the worker', () => {
  /** Trains until the clock says so, as a worker that is then ended would. */
  async function until(set: Bench, runs: readonly SweepRun[], milliseconds: number, how: 'stop' | 'terminate'): Promise<void> {
    const controls = new Controls();
    let over = false;
    await Promise.race([
      train(set, runs, controls, () => {
        if (set.clock.time >= milliseconds && !over) {
          over = true;
          if (how === 'stop') controls.stop();
          else controls.pause();
        }
      }),
      new Promise<void>((resolve) => {
        const timer = setInterval(() => {
          if (!over || how !== 'terminate') return;
          clearInterval(timer);
          resolve();
        }, 5);
        timer.unref();
      }),
    ]);
  }

  it('let the next worker go on, and tell the whole run again', async () => {
    for (const how of ['stop', 'terminate'] as const) {
      const store = new MemoryStore();
      const first = bench({}, { store });
      await until(first, grid, 9000, how);
      expect(store.saves).toBeGreaterThan(0);
      // The next worker takes half of the runs, in other micro-batches.
      const half = grid.filter((_, i) => i % 2 === 0);
      const second = bench({}, { store, microBatches: cpuLike });
      const { told, notices } = await train(second, half);
      for (const one of half) expectWhole(one, told.get(one.id)!);
      expect(notices.length).toBeGreaterThan(0);
      expect(half.some(({ id }) => store.kept.has(id))).toBe(false);
      const alone = bench({}, { microBatches: cpuLike });
      await train(alone, half);
      expect(second.device.microSteps).toBeLessThan(0.9 * alone.device.microSteps);
    }
  });

  it('of another run, other data or another shape are not taken', async () => {
    const store = new MemoryStore();
    await until(bench({}, { store }), grid, 9000, 'stop');
    const one = [...store.kept.values()][0];
    const mine = grid.find(({ id }) => id === one.key.id)!;
    const spoil = async (entry: typeof one): Promise<void> => {
      // Alone, its micro-batch is its whole batch: as many micro-steps as steps when it begins at the first.
      const fresh = bench({}, { store });
      store.kept.set(mine.id, entry);
      const { told } = await train(fresh, [mine]);
      expectWhole(mine, told.get(mine.id)!);
      expect(fresh.device.microSteps).toBe(steps(mine.config));
    };
    await spoil({ ...one, key: { ...one.key, content: `${one.key.content} ` } });
    await spoil({ ...one, checkpoint: { ...one.checkpoint, losses: one.checkpoint.losses.slice(1) } });
    await spoil({ ...one, checkpoint: { ...one.checkpoint, state: { ...one.checkpoint.state, mean: new Float32Array(3) } } });
  });

  it('that cannot be kept do not disturb the training', async () => {
    const store: CheckpointStore = {
      load: () => Promise.reject(new Error('no storage')),
      save: () => Promise.reject(new Error('disk full')),
      remove: () => Promise.reject(new Error('no storage')),
    };
    const { told, notices } = await train(bench({}, { store }), grid);
    for (const one of grid) expectWhole(one, told.get(one.id)!);
    expect(notices).toEqual([]);
  });
});

it('measures a step beside as many lanes as are to be measured', async () => {
  const set = bench({}, { microBatches: cpuLike });
  // 16 sequences in micro-batches of 8: two micro-steps of 10 ms in each of two lanes.
  const { secondsPerStep, lanes } = await set.trainer.measure(run({ batchSequences: 16 }).config, data, 500);
  expect(lanes).toBe(2);
  expect(secondsPerStep).toBeCloseTo(0.04, 3);
  expect(set.device.executors[0].disposed).toBe(true);
});
