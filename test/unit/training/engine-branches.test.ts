// Runs that begin alike: each is told as if it had been trained alone, whatever happens, and what they share is trained
// once.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { steps, type RunInput } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import { Controls } from '../../../src/training/controls.ts';
import { sharedUpdates } from '../../../src/training/trunk.ts';
import { bench, cpuLike, expectWhole, gpuLike, MemoryStore, run, train, type Bench } from './engine-bench.ts';
import { fakeFootprint, fakePlans } from './fake-executor.ts';

const BATCH = 8 * 4;
const cooled = (updates: number, more: RunInput = {}): SweepRun =>
  run({ tokens: BATCH * updates, schedule: 'constant and cooldown', warmupTokens: BATCH * 10, learningRate: 2 ** -8, ...more });

/** Five lengths, each twice the one before, the shortest first. */
const axis = (more: RunInput = {}): SweepRun[] => [50, 100, 200, 400, 800].map((updates) => cooled(updates, more));

const updatesOf = (runs: readonly SweepRun[]): number => runs.reduce((sum, { config }) => sum + steps(config), 0);
const savedBy = (runs: readonly SweepRun[]): number => sharedUpdates(runs).reduce((sum, one) => sum + one, 0);

/** Micro-steps of a whole batch each. */
const whole = () => ({ cost: { step: 0, lane: 1, row: 0 }, mostRows: 1024, worth: 0 });

const lane = 5 * 4 * fakePlans({ ...run({}).config, vocabulary: 8 }, 4).training.parameters + 4 * 100 * BATCH;
/** Memory for so many lanes. */
const room = (lanes: number) => ({ memory: { budget: (lanes + 0.5) * lane, largestBuffer: Infinity, footprint: fakeFootprint } });

describe('a long run and its branches', () => {
  it('are told as if each had been trained alone, and the common part is trained once', async () => {
    const runs = axis();
    const set = bench({}, { microBatches: whole });
    const { told, notices } = await train(set, runs);
    for (const one of runs) expectWhole(one, told.get(one.id)!);
    expect(notices).toEqual([]);
    expect(set.device.executors.map(({ lanes }) => lanes)).toEqual([5]);
    expect(runs.map(({ id }) => told.get(id)!.shared)).toEqual([41, 81, 161, 321, 0]);
    expect(updatesOf(runs)).toBe(1550);
    // 800 of the longest; of the others the last fifth, but for its first update, which still takes the peak.
    expect(set.device.microSteps).toBe(800 + 9 + 19 + 39 + 79);
    // The time of what is shared is the long run's.
    const seconds = runs.map(({ id }) => told.get(id)!.seconds);
    expect(seconds[0]).toBeCloseTo(0.09, 6);
    expect(seconds.reduce((sum, one) => sum + one, 0)).toBeCloseTo(9.46, 6);
  });

  it('of every learning rate, batch and seed are kept apart', async () => {
    const runs = [1, 2].flatMap((seed) =>
      [2, 6].flatMap((batchSequences) => axis({ seed, batchSequences, learningRate: 2 ** -(6 + seed) })),
    );
    for (const microBatches of [gpuLike, cpuLike]) {
      const set = bench({}, { microBatches });
      const { told } = await train(set, runs);
      for (const one of runs) expectWhole(one, told.get(one.id)!);
      const total = runs.reduce((sum, { config }, i) => sum + (steps(config) - sharedUpdates(runs)[i]) * config.batchSequences, 0);
      expect(set.device.executors.reduce((sum, { sequences }) => sum + sequences, 0)).toBeGreaterThan(0);
      if (microBatches === gpuLike) expect(set.device.microSteps * 2).toBe(total);
    }
  });

  it('end in the order of their tokens, the first long before the last', async () => {
    const runs = axis();
    const { events } = await train(bench({}, { microBatches: whole }), [...runs].reverse());
    expect(events.flatMap((event) => (event.kind === 'ended' ? [event.id] : []))).toEqual(runs.map(({ id }) => id));
  });

  it('may be constant runs of several lengths, and cooldowns of several lengths of one run', async () => {
    const constant = [30, 70, 90].map((updates) => cooled(updates, { schedule: 'constant' }));
    const cooldowns = [0, 0.1, 0.4, 1].map((cooldownFraction) => cooled(100, { cooldownFraction }));
    const runs = [...constant, ...cooldowns];
    const set = bench({}, { microBatches: whole });
    const { told } = await train(set, runs);
    for (const one of runs) expectWhole(one, told.get(one.id)!);
    expect(set.device.microSteps).toBe(updatesOf(runs) - savedBy(runs));
    expect(set.device.microSteps).toBe(100 + 9 + 39 + 89);
  });

  it('diverge together where they diverge before they part', async () => {
    const runs = axis();
    const set = bench({ diverges: (_, update) => update === 170 }, { microBatches: whole });
    const { told } = await train(set, runs);
    for (const one of runs.slice(0, 2)) expectWhole(one, told.get(one.id)!);
    for (const one of runs.slice(2)) {
      const { outcome, losses, validation } = told.get(one.id)!;
      const alone = (await train(bench({ diverges: (_, update) => update === 170 }), [one])).told.get(one.id)!;
      expect(outcome).toMatchObject({ status: 'diverged', step: 171 });
      expect({ outcome, losses, validation }).toEqual({ outcome: alone.outcome, losses: alone.losses, validation: alone.validation });
    }
    // The third had branched off at 161 and diverges by itself; the others end with the long run.
    expect(set.device.microSteps).toBe(171 + 9 + 19 + 10);
  });
});

describe('where memory is short', () => {
  it('families stay together, and one too large for an executor goes on in the next from checkpoints', async () => {
    const runs = [1, 2].flatMap((seed) => axis({ seed }));
    for (const [lanes, executors] of [
      [5, [5, 5]],
      [8, [5, 5]],
      [2, [2, 2, 1, 2, 2, 1]],
      [1, Array<number>(10).fill(1)],
    ] as const) {
      const set = bench({}, { microBatches: whole, ...room(lanes) });
      const { told } = await train(set, runs);
      for (const one of runs) expectWhole(one, told.get(one.id)!);
      expect(set.device.executors.map((one) => one.lanes)).toEqual(executors);
      expect(set.device.microSteps).toBe(updatesOf(runs) - savedBy(runs));
    }
  });

  it('and turns out to be shorter than it was said to be, smaller parts are taken', async () => {
    const runs = axis();
    const set = bench({ refuse: (lanes) => (lanes > 2 ? 'Out of memory' : undefined) }, { microBatches: whole });
    const { told } = await train(set, runs);
    for (const one of runs) expectWhole(one, told.get(one.id)!);
    expect(set.device.executors.map((one) => one.lanes)).toEqual([5, 3, 2, 2, 1]);
    expect(set.device.microSteps).toBe(updatesOf(runs) - savedBy(runs));
  });
});

describe('a run that is skipped', () => {
  it('leaves what it has trained for the others to the longest of those', async () => {
    const runs = axis();
    const long = runs.at(-1)!;
    const controls = new Controls();
    const set = bench({}, { microBatches: whole });
    const { told } = await train(set, runs, controls, (event) => {
      if (event.kind === 'progress' && event.id === long.id && event.firstStep > 120) controls.skip(long.id);
    });
    expect(told.get(long.id)!.outcome).toEqual({ status: 'skipped' });
    const rest = runs.slice(0, -1);
    for (const one of rest) expectWhole(one, told.get(one.id)!);
    // Nothing was trained in vain.
    expect(set.device.microSteps).toBe(updatesOf(rest) - savedBy(rest));
  });

  it('while it waits for its branch disturbs nothing', async () => {
    const runs = axis();
    const controls = new Controls();
    const set = bench({}, { microBatches: whole });
    const { told } = await train(set, runs, controls, (event) => {
      if (event.kind === 'progress') controls.skip(runs[2].id);
    });
    expect(told.get(runs[2].id)!.outcome).toEqual({ status: 'skipped' });
    const rest = runs.filter((one) => one !== runs[2]);
    for (const one of rest) expectWhole(one, told.get(one.id)!);
    expect(set.device.microSteps).toBe(updatesOf(rest) - savedBy(rest));
  });
});

describe('faults', () => {
  const anyFamily = fc
    .uniqueArray(fc.integer({ min: 2, max: 300 }), { minLength: 1, maxLength: 6 })
    .chain((lengths) =>
      fc
        .tuple(fc.shuffledSubarray(lengths, { minLength: lengths.length }), fc.constantFrom(0, 0.2, 0.5))
        .map(([shuffled, cooldownFraction]) => shuffled.map((updates) => cooled(updates, { cooldownFraction }))),
    );

  it('of the device lose no run and no step, wherever they come', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyFamily,
        fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 2 }),
        fc.constantFrom<'lose' | 'zero'>('lose', 'zero'),
        fc.integer({ min: 1, max: 7 }),
        async (runs, moments, what, most) => {
          const set = bench(
            {
              trouble: (executor, count) => (count === moments[executor] ? what : undefined),
              refuse: (lanes) => (lanes > most ? 'Out of memory' : undefined),
            },
            { microBatches: whole, times: { now: () => set.clock.time, rest: 0, checkpoint: 500 } },
          );
          const { told } = await train(set, runs);
          for (const one of runs) expectWhole(one, told.get(one.id)!);
          const least = updatesOf(runs) - savedBy(runs);
          if (moments.length === 0) expect(set.device.microSteps).toBe(least);
          // What is done again is what came after the last checkpoint: in each fault 500 ms and a slice, of 10 ms steps.
          expect(set.device.microSteps).toBeLessThanOrEqual(least + moments.length * 60);
        },
      ),
      { numRuns: 30 },
    );
  });

  /** Trains until the clock says so, as a worker that is then killed would: nothing it does afterwards counts. */
  async function killedAt(set: Bench, runs: readonly SweepRun[], milliseconds: number): Promise<Set<string>> {
    const controls = new Controls();
    const ended = new Set<string>();
    await new Promise<void>((resolve) => {
      let over = false;
      void train(set, runs, controls, (event) => {
        if (over) return;
        if (event.kind === 'ended') ended.add(event.id);
        if (set.clock.time < milliseconds) return;
        over = true;
        controls.pause();
        // What was on its way to the disk arrives.
        setTimeout(resolve, 20);
      }).then(() => resolve());
    });
    return ended;
  }

  it('of the worker: the next one goes on where checkpoints are, branches as well as the long run', async () => {
    const runs = axis();
    const least = updatesOf(runs) - savedBy(runs);
    for (const moment of [300, 600, 1800, 3600, 5000, 9000]) {
      const store = new MemoryStore();
      const times = (set: () => Bench) => ({ now: () => set().clock.time, rest: 0, checkpoint: 500 });
      const first: Bench = bench({}, { store, microBatches: whole, times: times(() => first) });
      const ended = await killedAt(first, runs, moment);
      const before = first.device.microSteps;
      const left = runs.filter(({ id }) => !ended.has(id));
      const second: Bench = bench({}, { store, microBatches: whole, times: times(() => second) });
      const { told } = await train(second, left);
      for (const one of left) {
        expectWhole(one, told.get(one.id)!);
        expect(told.get(one.id)!.shared).toBe(sharedUpdates(runs)[runs.indexOf(one)]);
      }
      expect(before + second.device.microSteps).toBeLessThanOrEqual(least + 70);
      expect(store.kept.size).toBe(0);
    }
  });

  it('of the worker, where branches wait for memory: they are kept until their turn comes', async () => {
    const runs = axis();
    const store = new MemoryStore();
    const first = bench({}, { store, microBatches: whole, ...room(1) });
    const ended = await killedAt(first, runs, 8020);
    expect([...ended]).toEqual([runs.at(-1)!.id]);
    const left = runs.slice(0, -1);
    const second = bench({}, { store, microBatches: whole, ...room(1) });
    const { told } = await train(second, left);
    for (const one of left) expectWhole(one, told.get(one.id)!);
    expect(second.device.microSteps).toBe(9 + 19 + 39 + 79);
  });

  it('a branch that waits for its long run no more is trained from its start', async () => {
    const runs = axis();
    const store = new MemoryStore();
    const set = bench({}, { store, microBatches: whole });
    await train(set, [runs.at(-1)!]);
    const later = bench({}, { store, microBatches: whole });
    const { told } = await train(later, [runs[1]]);
    expectWhole(runs[1], told.get(runs[1].id)!);
    expect(told.get(runs[1].id)!.shared).toBe(0);
    expect(later.device.microSteps).toBe(100);
  });

  it('a long run that is past the place of a branch does not go back for it', async () => {
    const runs = axis();
    const long = runs.at(-1)!;
    const store = new MemoryStore();
    const first: Bench = bench({}, { store, microBatches: whole, times: { now: () => first.clock.time, rest: 0, checkpoint: 500 } });
    // Alone, to about 300 of 800 updates.
    await killedAt(first, [long], 3000);
    const at = store.kept.get(long.id)!.checkpoint.state.updates;
    expect(at).toBeGreaterThan(161);
    expect(at).toBeLessThanOrEqual(321);
    const second = bench({}, { store, microBatches: whole });
    const { told } = await train(second, runs);
    for (const one of runs) expectWhole(one, told.get(one.id)!);
    // Those that are behind have a trunk of their own; the fourth leaves the long run, if its held-out losses were measured.
    const shared = runs.map(({ id }) => told.get(id)!.shared);
    expect(shared.slice(0, 3)).toEqual([41, 81, 0]);
    expect([0, 321]).toContain(shared[3]);
  });
});
