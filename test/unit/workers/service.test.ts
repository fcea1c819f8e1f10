// The training service without a thread around it: texts of one's own, batches of events, what is refused.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import type { RunInput } from '../../../src/config/run.ts';
import { ownTextCorpus } from '../../../src/data/own-text.ts';
import { EngineTrainer } from '../../../src/training/engine/engine-trainer.ts';
import type { LaneEvent } from '../../../src/training/trainer.ts';
import { EventBatches } from '../../../workers/event-batches.ts';
import { TrainingService } from '../../../workers/service.ts';

const service = new TrainingService({
  wasmBinaries: '',
  reader: () => ({ read: () => Promise.resolve(undefined), sha256: () => '' }),
  gpu: () => Promise.resolve(undefined),
});
const run = (more: RunInput) => {
  const config = parseRun({
    corpus: 'synthetic:symbols=8,order=1,tokens=1000',
    shape: { layers: 1, width: 8, heads: 1, mlpRatio: 1 },
    context: 8,
    vocabulary: 8,
    validationTokens: 64,
    tokens: 64,
    ...more,
  });
  return { id: runId(config), config };
};

describe('before it is opened', () => {
  it('says so', async () => {
    await expect(service.describeData(run({}).config)).rejects.toThrow('not opened');
    await expect(service.announce(run({}).config)).rejects.toThrow('not opened');
  });
});

describe('opened', () => {
  beforeEach(async () => {
    await service.open({ backend: 'cpu', engine: 'reference', corpora: '' });
  });

  it('trains on a text of one’s own, under the name that its contents give it', async () => {
    const text = 'The quick brown fox jumps over the lazy dog, and then the dog jumps over the fox.\n'.repeat(200);
    const { id } = ownTextCorpus(text).info;
    const own = run({ corpus: id, vocabulary: 64 });
    await expect(service.describeData(own.config)).rejects.toThrow('add that text again');
    await expect(service.provideText(id, `${text} `.repeat(2))).rejects.toThrow('not the one');
    await service.provideText(id, text);
    expect((await service.describeData(own.config)).vocabulary).toBeGreaterThan(25);
    const events: LaneEvent[] = [];
    await service.train([own], (batch) => events.push(...batch));
    expect(events.at(-1)).toMatchObject({ kind: 'ended', id: own.id, outcome: { status: 'finished' } });
  });

  it('ends a run whose batch is larger than its corpus as failed, and trains the others', async () => {
    const [large, small] = [run({ batchSequences: 200, tokens: 1600 }), run({ tokens: 1600 })];
    const events: LaneEvent[] = [];
    await service.train([large, small], (batch) => events.push(...batch));
    const ends = events.flatMap((event) => (event.kind === 'ended' ? [[event.id, event.outcome.status]] : []));
    expect(ends).toEqual([
      [large.id, 'failed'],
      [small.id, 'finished'],
    ]);
  });

  it('refuses runs that cannot train together, and a second training beside the first', async () => {
    await expect(service.train([run({}), run({ context: 4 })], () => undefined)).rejects.toThrow('share');
    const first = service.train([run({ tokens: 64_000 })], () => undefined);
    await expect(service.train([run({})], () => undefined)).rejects.toThrow('already');
    await service.stop();
    await first;
  });
});

describe('the engine', () => {
  it('trains a population of several batches and learning rates on wasm', async () => {
    const report = await service.open({ backend: 'wasm', engine: 'plan', corpora: '' });
    expect(report).toMatchObject({ backend: 'wasm', engine: 'plan' });
    expect(report.notice).toBeUndefined();
    const runs = [1, 2, 6].map((batchSequences) => run({ batchSequences, learningRate: 2 ** -batchSequences, tokens: 480 }));
    expect(await service.lanesFor(runs[0].config)).toBeGreaterThanOrEqual(runs.length);
    const events: LaneEvent[] = [];
    await service.train(runs, (batch) => events.push(...batch));
    const ends = events.flatMap((event) => (event.kind === 'ended' ? [[event.id, event.outcome.status]] : []));
    expect(ends.sort()).toEqual(runs.map(({ id }) => [id, 'finished']).sort());
    const { secondsPerStep } = await service.measure(runs[0].config, 10);
    expect(secondsPerStep).toBeGreaterThan(0);
  });

  it('says so where it cannot work, and plain TensorFlow.js trains', async () => {
    const report = await service.open({ backend: 'cpu', engine: 'plan', corpora: '' });
    expect(report).toMatchObject({
      backend: 'cpu',
      engine: 'reference',
      notice: { en: expect.stringContaining('plain TensorFlow.js') as string },
    });
  });
});

describe('what is to come', () => {
  afterEach(() => void vi.restoreAllMocks());

  it('is told to the trainer with its data, where that has been prepared before', async () => {
    await service.open({ backend: 'wasm', engine: 'plan', corpora: '' });
    const told = vi.spyOn(EngineTrainer.prototype, 'announce');
    const [present, next] = [run({}), run({ shape: { layers: 1, width: 16, heads: 1, mlpRatio: 1 } })];
    await service.announce(next.config);
    expect(told).not.toHaveBeenCalled();

    await service.train([present], () => undefined);
    await service.announce(next.config);
    expect(told).toHaveBeenCalledOnce();
    const [config, data] = told.mock.calls[0];
    expect(config).toEqual(next.config);
    const { vocabulary, trainingTokens } = await service.describeData(next.config);
    expect(data.vocabulary).toBe(vocabulary);
    expect(data.training.length).toBeGreaterThanOrEqual(trainingTokens);

    await service.announce(run({ context: 4 }).config);
    expect(told).toHaveBeenCalledOnce();
  });

  it('is nothing to a trainer that compiles nothing, nor where the data cannot be prepared', async () => {
    await service.open({ backend: 'cpu', engine: 'reference', corpora: '' });
    await service.train([run({})], () => undefined);
    await expect(service.announce(run({}).config)).resolves.toBeUndefined();
    const absent = run({ corpus: 'sotu' }).config;
    const described = service.describeData(absent);
    await expect(service.announce(absent)).resolves.toBeUndefined();
    await expect(described).rejects.toThrow();
  });
});

describe('batches of events', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const progress = (losses: Float32Array): LaneEvent => ({ kind: 'progress', id: 'a', firstStep: 1, losses, tokens: 8 });

  it('are few, hold every event in order, and are empty once in a while when nothing happens', async () => {
    const batches: (readonly LaneEvent[])[] = [];
    const out = new EventBatches((events) => batches.push(events));
    for (let step = 1; step <= 100; step++) {
      out.add({ ...progress(Float32Array.of(step)), firstStep: step } as LaneEvent);
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(batches.length).toBeLessThanOrEqual(2);
    const quietFrom = batches.length;
    await vi.advanceTimersByTimeAsync(3000);
    expect(batches.length - quietFrom).toBeGreaterThanOrEqual(3);
    await out.close();
    const steps = batches.flat().map((event) => (event.kind === 'progress' ? event.losses[0] : NaN));
    expect(steps).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    const sent = batches.length;
    await vi.advanceTimersByTimeAsync(3000);
    expect(batches).toHaveLength(sent);
  });

  it('hand over arrays of their own: views into one buffer are copied', async () => {
    const shared = Float32Array.of(1, 2, 3, 4);
    const sent: LaneEvent[] = [];
    const out = new EventBatches((events) => sent.push(...events));
    out.add(progress(shared.subarray(0, 2)));
    out.add(progress(shared.subarray(2)));
    await out.close();
    const arrays = sent.map((event) => (event.kind === 'progress' ? event.losses : undefined));
    expect(arrays).toEqual([Float32Array.of(1, 2), Float32Array.of(3, 4)]);
    expect(new Set([shared.buffer, ...arrays.map((array) => array?.buffer)]).size).toBe(3);
  });

  it('outlive a listener that is gone', async () => {
    const out = new EventBatches(() => Promise.reject(new Error('gone')));
    out.add(progress(Float32Array.of(1)));
    await expect(out.close()).resolves.toBeUndefined();
  });
});
