// The queue on a fake pool: what it trains, in what order, and what it does when workers die, fall silent, are paused,
// stopped, told to skip, or given more to do. Time is vitest's.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { expandSweep, parseSweep, sweepId, type SweepConfig } from '../../../src/config/sweep.ts';
import { InputError } from '../../../src/messages/sentence.ts';
import type { QueueEvent } from '../../../src/sweep/events.ts';
import { SweepQueue, type QueueEnd, type QueueOptions } from '../../../src/sweep/queue.ts';
import { MemoryStore, type RunStore } from '../../../src/sweep/store.ts';
import { FakePool, type FakeOptions } from './fake-pool.ts';

const grid = (rates: number[], widths = [4, 8], more = {}): SweepConfig =>
  parseSweep({
    name: 'test',
    base: { context: 8, tokens: 1600, validationTokens: 64, batchSequences: 2 },
    grids: [{ axes: { shape: widths.map((width) => ({ layers: 1, width, heads: 1 })), learningRate: rates, ...more } }],
  });

const rates = [0.001, 0.002, 0.004, 0.008, 0.016];

interface Bench {
  readonly queue: SweepQueue;
  readonly pool: FakePool;
  readonly store: RunStore;
  readonly events: QueueEvent[];
}

async function bench(fake: FakeOptions = {}, options: Partial<QueueOptions> = {}): Promise<Bench> {
  const pool = new FakePool(fake);
  const store = options.store ?? new MemoryStore();
  const queue = await SweepQueue.open({ sweep: grid(rates), pool, store, silence: 10_000, ...options });
  const events: QueueEvent[] = [];
  queue.on((event) => events.push(event));
  return { queue, pool, store, events };
}

/** Lets time pass until a promise is settled. */
async function settled<T>(promise: Promise<T>): Promise<T> {
  let done = false;
  promise.then(
    () => (done = true),
    () => (done = true),
  );
  for (let i = 0; i < 10_000 && !done; i++) await vi.advanceTimersByTimeAsync(100);
  if (!done) throw new Error('never settled');
  return promise;
}

const trained = (pool: FakePool): string[] => pool.populations.flatMap(({ runs }) => runs.map((run) => run.id));
const ids = (sweep: SweepConfig): string[] => expandSweep(sweep).map((run) => run.id);
const notices = (events: readonly QueueEvent[]): string[] => events.flatMap((event) => (event.kind === 'notice' ? event.sentence.en : []));

describe('the queue', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('tells a worker that trains what comes next, where that is of another kind', async () => {
    const sweep = grid(rates, [4, 8, 12]);
    const { queue, pool } = await bench({ lanes: 5 }, { sweep });
    expect(await settled(queue.start())).toBe('finished');
    const kinds = pool.populations.map(({ runs }) => runs[0].config.shape.width);
    expect(new Set(kinds).size).toBe(3);
    expect(pool.announced.map(({ config }) => config.shape.width)).toEqual(kinds.slice(1));
    expect(pool.announced.every(({ training }) => training === 1)).toBe(true);

    // One at a time: what comes next is announced where the kind changes, and nowhere else.
    const single = await bench({ lanes: 1 }, { sweep });
    expect(await settled(single.queue.start())).toBe('finished');
    const widths = single.pool.populations.map(({ runs }) => runs[0].config.shape.width);
    expect(single.pool.announced.map(({ config }) => config.shape.width)).toEqual(
      widths.slice(1).filter((width, i) => width !== widths[i]),
    );
  });

  it('counts what runs share once: in its forecast, in its figures and in the records', async () => {
    const sweep = parseSweep({
      name: 'lengths',
      base: { context: 8, validationTokens: 1, batchSequences: 2, schedule: 'constant and cooldown', warmupTokens: 160 },
      grids: [{ axes: { tokens: [1600, 3200, 6400], learningRate: [0.01, 0.02] } }],
    });
    // 100, 200 and 400 steps, of which 81 and 161 are those of the longest too.
    const alone = await bench({}, { sweep });
    const sharing = await bench({ shares: true, size: 2, lanes: 100 }, { sweep });
    await settled(Promise.all([alone.queue.prepare(), sharing.queue.prepare()]));
    const ratio = (2 * sharing.queue.totals().secondsLeft!) / alone.queue.totals().secondsLeft!;
    expect(ratio).toBeCloseTo((700 - 81 - 161) / 700, 2);

    expect(await settled(sharing.queue.start())).toBe('finished');
    // Each worker has the three lengths of one learning rate.
    expect(sharing.pool.populations.map(({ runs }) => runs.map(({ config }) => config.tokens))).toEqual([
      [1600, 3200, 6400],
      [1600, 3200, 6400],
    ]);
    expect(sharing.queue.totals()).toMatchObject({ tokens: 22_400, tokensDone: 22_400, stepsDone: 1400, stepsShared: 2 * (81 + 161) });
    const records = await sharing.store.all();
    const found = records.map(({ S, sharedSteps }) => [S, sharedSteps]).sort(([a], [b]) => a! - b!);
    const [short, middle, long] = [
      [100, 81],
      [200, 161],
      [400, undefined],
    ];
    expect(found).toEqual([short, short, middle, middle, long, long]);

    expect(await settled(alone.queue.start())).toBe('finished');
    expect(alone.queue.totals()).toMatchObject({ stepsDone: 1400, stepsShared: 0 });
  });

  it('trains every run once, keeps its record and parameters, and says how it goes', async () => {
    const { queue, pool, store, events } = await bench({ size: 3, lanes: 2 });
    expect(await settled(queue.start())).toBe('finished');
    expect(trained(pool).sort()).toEqual(ids(queue.sweep).sort());
    expect(pool.mostTraining).toBe(3);
    const records = await store.all();
    expect(records).toHaveLength(10);
    for (const record of records) {
      expect(record).toMatchObject({ status: 'finished', finalLoss: 2, D: 1600, B: 16, S: 100, vocabulary: 32, epochs: 1, backend: 'cpu' });
      expect(record.curve.length).toBeGreaterThan(50);
      expect(record.curve.at(-1)![0]).toBe(100);
      expect(record.validation).toEqual([[100, 1600, 2]]);
      expect(await store.parameters(record.id)).toEqual(Float32Array.of(1, 2));
    }
    for (const id of ids(queue.sweep)) {
      const mine = events.filter((event) => 'id' in event && event.id === id && event.kind !== 'sweep').map((event) => event.kind);
      expect(mine[0]).toBe('run started');
      expect(mine.at(-1)).toBe('run ended');
      expect(mine.filter((kind) => kind === 'run ended')).toHaveLength(1);
    }
    expect(queue.totals()).toMatchObject({ runs: 10, finished: 10, waiting: 0, training: 0, tokens: 16_000, tokensDone: 16_000 });
    expect(queue.totals().flopsDone).toBe(queue.totals().flops);
    expect(queue.totals().secondsLeft).toBe(0);
    const states = events.flatMap((event) => (event.kind === 'state' ? event.state : []));
    expect(states).toEqual(['preparing', 'idle', 'running', 'finished']);
  });

  it('forecasts from its calibration, and from what happens', async () => {
    // Calibration says 100 ms a run.
    const { queue, pool } = await bench({ milliseconds: 10_000 });
    const end = queue.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(queue.totals().secondsLeft).toBeGreaterThan(80);
    expect(queue.totals().secondsLeft).toBeLessThan(120);
    await vi.advanceTimersByTimeAsync(50_000);
    const { secondsLeft, tokensPerSecond, secondsSpent } = queue.totals();
    expect(secondsLeft).toBeGreaterThan(40);
    expect(secondsLeft).toBeLessThan(60);
    expect(secondsSpent).toBeCloseTo(50, 0);
    expect(tokensPerSecond).toBeGreaterThan(0);
    expect(pool.measured.length).toBeGreaterThan(1);
    await settled(end);
  });

  it('goes on where a reload left it, and takes failed runs again', async () => {
    const store = new MemoryStore();
    const first = await bench({ milliseconds: 1000, loss: ({ learningRate }) => (learningRate > 0.01 ? NaN : 2) }, { store });
    const end = first.queue.start();
    await vi.advanceTimersByTimeAsync(4700);
    const before = await store.all();
    expect(before.length).toBeGreaterThan(2);
    expect(before.length).toBeLessThan(6);
    await settled(first.queue.stop());
    expect(await end).toBe('stopped');
    // What the interrupted run had done is kept for drawing.
    const progress = await store.progress();
    expect(progress).toHaveLength(1);
    expect(progress[0].curve.length).toBeGreaterThan(10);

    await store.put({ ...before[0], status: 'failed', finalLoss: null });
    const second = await bench({ loss: ({ learningRate }) => (learningRate > 0.01 ? NaN : 2) }, { store });
    expect(second.queue.run(progress[0].id)!.curve()).toEqual(progress[0].curve);
    await settled(second.queue.start());
    const again = trained(second.pool);
    expect(again).toContain(before[0].id);
    expect(again).toHaveLength(10 - before.length + 1);
    expect(second.queue.totals()).toMatchObject({ finished: 8, diverged: 2, failed: 0 });
    expect(await store.progress()).toEqual([]);

    const third = await bench({}, { store });
    expect(await settled(third.queue.start())).toBe('finished');
    expect(third.pool.starts).toBe(0);
  });

  it.each(['die', 'fall silent', 'reject', 'leave'] as const)('takes runs again when a worker should %s', async (what) => {
    let troubles = 0;
    const { queue, pool, events } = await bench({ size: 2, lanes: 4, trouble: () => (troubles++ === 0 ? what : undefined) });
    expect(await settled(queue.start())).toBe('finished');
    expect(queue.totals()).toMatchObject({ finished: 10, failed: 0 });
    const lost = pool.populations[0].runs.length;
    expect(lost).toBeGreaterThan(1);
    expect(trained(pool)).toHaveLength(10 + lost);
    expect(events.filter((event) => event.kind === 'run waiting')).toHaveLength(lost);
    expect(notices(events)).toHaveLength(1);
    if (what !== 'leave') {
      expect(pool.starts).toBe(3);
      expect(pool.terminated).toEqual([pool.populations[0].worker]);
    }
    // Each record holds the curve of its last try alone.
    for (const record of queue.records()) expect(record.curve.at(-1)![0]).toBe(100);
  });

  it('gives up a run that costs a worker every time, and trains the others', async () => {
    const bad = ids(grid(rates))[3];
    const { queue } = await bench(
      { lanes: 8, trouble: (runs) => (runs.some((run) => run.id === bad) ? 'die' : undefined) },
      { retries: 2 },
    );
    expect(await settled(queue.start())).toBe('finished');
    const failed = queue.records().filter((record) => record.status === 'failed');
    expect(failed.map((record) => record.id)).toEqual([bad]);
    expect(failed[0].reason!.en).toContain('out of memory');
    expect(queue.totals().finished).toBe(9);
  });

  it('does not take a pause for silence, and trains nothing meanwhile', async () => {
    const { queue, pool } = await bench({ milliseconds: 1000, size: 2 });
    const end = queue.start();
    await vi.advanceTimersByTimeAsync(1500);
    await queue.pause();
    expect(queue.state).toBe('paused');
    const { tokensDone, secondsSpent } = queue.totals();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(queue.totals()).toMatchObject({ tokensDone, secondsSpent });
    expect(pool.terminated).toEqual([]);
    await queue.resume();
    expect(await settled(end)).toBe('finished');
    expect(trained(pool)).toHaveLength(10);
    expect(queue.totals().secondsSpent).toBeLessThan(7);
  });

  it('skips runs that wait and runs that train', async () => {
    const { queue, pool, store } = await bench({ milliseconds: 1000 });
    const end = queue.start();
    await vi.advanceTimersByTimeAsync(300);
    const training = trained(pool)[0];
    const waiting = ids(queue.sweep).find((id) => id !== training)!;
    queue.skip(training);
    queue.skip(waiting);
    await settled(end);
    expect(queue.totals()).toMatchObject({ finished: 8, skipped: 2 });
    expect(trained(pool)).not.toContain(waiting);
    expect(
      (await store.all())
        .filter((record) => record.status === 'skipped')
        .map((record) => record.id)
        .sort(),
    ).toEqual([training, waiting].sort());
    await queue.retake(waiting);
    expect(queue.state).toBe('idle');
    await settled(queue.start());
    expect(queue.totals()).toMatchObject({ finished: 9, skipped: 1 });
  });

  it('stops within seconds even where a worker does not, and can be started again', async () => {
    const { queue, pool } = await bench({ trouble: (_, worker) => (worker === 0 ? 'fall silent' : undefined) }, { silence: 1e9 });
    const end = queue.start();
    await vi.advanceTimersByTimeAsync(1000);
    const stopping = queue.stop();
    expect(queue.state).toBe('stopping');
    await vi.advanceTimersByTimeAsync(6000);
    await stopping;
    expect(await end).toBe('stopped');
    expect(queue.state).toBe('stopped');
    expect(queue.totals()).toMatchObject({ training: 0, waiting: 10 });
    expect(await settled(queue.start())).toBe('finished');
    expect(queue.records().every((record) => record.status === 'finished')).toBe(true);
    expect(pool.starts).toBe(2);
  });

  it('takes more runs while it trains, and after the end', async () => {
    const { queue, store, pool, events } = await bench({ milliseconds: 1000 });
    const old = sweepId(queue.sweep);
    const end = queue.start();
    await vi.advanceTimersByTimeAsync(1500);
    const shapes = [4, 8].map((width) => ({ layers: 1, width, heads: 1, mlpRatio: 4 }));
    // Overlaps the first grid in one learning rate.
    expect(await queue.extend([{ axes: { shape: shapes, learningRate: [0.016, 0.032] } }])).toBe(2);
    expect(await settled(end)).toBe('finished');
    expect(queue.totals()).toMatchObject({ runs: 12, finished: 12 });
    expect(new Set(trained(pool)).size).toBe(12);
    expect(await store.all()).toHaveLength(12);
    // The grown sweep takes the place of the old one in the list.
    expect((await store.sweeps()).map((sweep) => sweep.id)).toEqual([sweepId(queue.sweep)]);
    expect(sweepId(queue.sweep)).not.toBe(old);
    expect(events.filter((event) => event.kind === 'sweep')).toHaveLength(1);

    expect(await queue.extend([{ axes: { shape: shapes, learningRate: [0.064] } }])).toBe(2);
    expect(queue.state).toBe('idle');
    await settled(queue.start());
    expect(queue.totals().finished).toBe(14);
  });

  it('tells of runs of an extension that the store knew already', async () => {
    const more = [{ axes: { learningRate: [0.5, 0.25] } }];
    const store = new MemoryStore();
    const first = await bench({}, { store });
    await first.queue.extend(more);
    await settled(first.queue.start());
    const { queue, events, pool } = await bench({}, { store });
    expect(await queue.extend(more)).toBe(2);
    expect(events.filter((event) => event.kind === 'run ended')).toHaveLength(2);
    expect(queue.records()).toHaveLength(queue.totals().runs);
    expect(trained(pool)).toEqual([]);
  });

  it('refuses a wrong extension in one sentence, and is as it was', async () => {
    const { queue } = await bench();
    await settled(queue.prepare());
    const before = queue.sweep;
    await expect(queue.extend([{ axes: { learningRate: [-1] } }])).rejects.toThrow(InputError);
    await expect(queue.extend([{ set: { batchSequences: 1e9 } }])).rejects.toThrow(InputError);
    expect(queue.sweep).toBe(before);
    expect(queue.totals().runs).toBe(10);
  });

  it('refuses batches larger than the corpus before anything trains', async () => {
    const facts = () => ({ vocabulary: 32, trainingTokens: 8, validationTokens: 8, bytesPerToken: 1 });
    const { queue, pool } = await bench({ facts });
    await expect(settled(queue.start())).rejects.toThrow('has only 8 to train on');
    expect(queue.state).toBe('failed');
    expect(pool.populations).toEqual([]);
  });

  it('says so when no worker can be had, and can be tried again', async () => {
    let broken = true;
    const { queue } = await bench({ startError: () => (broken ? 'There is no GPU here.' : undefined) });
    await expect(settled(queue.start())).rejects.toThrow('There is no GPU here.');
    expect(queue.state).toBe('failed');
    broken = false;
    expect(await settled(queue.start())).toBe('finished');
  });

  it('gives up when workers can no longer be replaced, and keeps what is done', async () => {
    const { queue, store } = await bench({
      milliseconds: 1000,
      trouble: (runs, worker) => (worker === 0 && runs[0].config.shape.width === 8 ? 'die' : undefined),
      startError: (start) => (start > 0 ? 'Out of threads.' : undefined),
    });
    await expect(settled(queue.start())).rejects.toThrow('Out of threads.');
    expect(queue.state).toBe('failed');
    expect((await store.all()).length).toBeGreaterThan(0);
    expect(queue.totals().training).toBe(0);
  });

  it('stops while it prepares', async () => {
    const { queue, pool } = await bench({ facts: () => ({ vocabulary: 32, trainingTokens: 1e9, validationTokens: 1, bytesPerToken: 1 }) });
    const end: Promise<QueueEnd> = queue.start();
    expect(queue.state).toBe('preparing');
    await settled(queue.stop());
    expect(await end).toBe('stopped');
    expect(pool.populations).toEqual([]);
    expect(await settled(queue.start())).toBe('finished');
  });

  it('tells of a store that has no room, and loses nothing', async () => {
    const store = new MemoryStore();
    const put = store.put.bind(store);
    let full = true;
    store.put = async (record) => {
      if (!full) return put(record);
      full = false;
      throw new Error('disk full');
    };
    const { queue, events } = await bench({}, { store });
    await settled(queue.start());
    expect(notices(events)).toEqual(['disk full']);
    expect(queue.records()).toHaveLength(10);
  });
});
