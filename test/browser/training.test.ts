// Training in a real browser: the gradients of whole models on WebGPU and WebAssembly against tfjs's plain JavaScript
// backend, runs that repeat themselves to the bit, and a training worker spoken to through comlink.
import * as tf from '@tensorflow/tfjs-core';
import plainBinary from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdBinary from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { proxy, wrap, type Remote } from 'comlink';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../src/config/parse.ts';
import type { RunInput } from '../../src/config/run.ts';
import type { SweepRun } from '../../src/config/sweep.ts';
import { prepareDataset } from '../../src/data/dataset.ts';
import { parseSyntheticId } from '../../src/data/synthetic.ts';
import { loss } from '../../src/model/gpt.ts';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../src/model/parameters.ts';
import { flatten, unflatten } from '../../src/training/adamw.ts';
import { onBackend, openBackend } from '../../src/training/backends.ts';
import { Controls } from '../../src/training/controls.ts';
import { chooseDevice, requestAdapter } from '../../src/training/devices.ts';
import { createReferenceTrainer } from '../../src/training/reference.ts';
import type { Backend, LaneEvent, LaneOutcome, TrainingData } from '../../src/training/trainer.ts';
import type { TrainingWorker } from '../../workers/protocol.ts';

const wasmBinaries = {
  'tfjs-backend-wasm.wasm': plainBinary,
  'tfjs-backend-wasm-simd.wasm': simdBinary,
  'tfjs-backend-wasm-threaded-simd.wasm': simdBinary,
};

const corpus = 'synthetic:symbols=8,order=1,exponent=2,tokens=20000';
const run = (more: RunInput = {}): SweepRun => {
  const config = parseRun({
    corpus,
    shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
    context: 8,
    vocabulary: 8,
    batchSequences: 4,
    validationTokens: 256,
    tokens: 32 * 6,
    ...more,
  });
  return { id: runId(config), config };
};

/** What a training told of one run. */
interface Trained {
  readonly losses: number[];
  readonly outcome: LaneOutcome | undefined;
}

function digest(events: readonly LaneEvent[], id: string): Trained {
  const own = events.filter((event) => event.kind !== 'notice' && event.id === id);
  return {
    losses: own.flatMap((event) => (event.kind === 'progress' ? [...event.losses] : [])),
    outcome: own.find((event) => event.kind === 'ended')?.outcome,
  };
}

describe('gradients of the whole model', () => {
  const shape = { layers: 2, width: 16, heads: 2, mlpRatio: 4 };
  const models: ModelConfig[] = [
    { shape, context: 16, positions: 'learned', qkNorm: false, tiedHead: false, vocabulary: 19 },
    { shape, context: 16, positions: 'rotary', qkNorm: true, tiedHead: true, vocabulary: 19 },
  ];

  beforeAll(async () => {
    await openBackend('cpu', wasmBinaries);
    await openBackend('wasm', wasmBinaries);
    await openBackend('webgpu', wasmBinaries, (await requestAdapter(navigator.gpu)) ?? undefined);
  });

  /** Loss, and gradient as one flat vector, of two sequences. */
  async function gradient(model: ModelConfig, backend: Backend): Promise<{ value: number; flat: Float32Array }> {
    const specs = parameterSpecs(model);
    // Far from the start, where every part of the model matters.
    const parameters = initialParameters(specs, 1).map((x, i) => 4 * x + 0.1 * Math.sin(i));
    const tokens = Array.from({ length: 33 }, (_, i) => (i * i * 7 + i) % 19);
    const [value, flat] = await onBackend(backend, () =>
      tf.tidy(() => {
        const { value, grads } = tf.valueAndGrads((...parts: tf.Tensor[]) =>
          loss(
            model,
            Object.fromEntries(specs.map(({ name }, i) => [name, parts[i]])),
            tf.tensor1d(tokens.slice(0, -1), 'int32'),
            tf.tensor1d(tokens.slice(1), 'int32'),
          ),
        )(unflatten(tf.tensor1d(parameters), specs));
        return [value, flatten(grads)] as tf.Tensor[];
      }),
    );
    return { value: ((await value.data()) as Float32Array)[0], flat: (await flat.data()) as Float32Array };
  }

  const norm = (values: Float32Array): number => Math.hypot(...values);
  const distance = (a: Float32Array, b: Float32Array): number => norm(a.map((x, i) => x - b[i]));

  it.each(['webgpu', 'wasm'] as const)('on %s is that of the cpu backend, parameter by parameter', async (backend) => {
    for (const model of models) {
      const [expected, found] = [await gradient(model, 'cpu'), await gradient(model, backend)];
      expect(Math.abs(found.value - expected.value)).toBeLessThan(1e-5);
      expect(distance(found.flat, expected.flat) / norm(expected.flat)).toBeLessThan(1e-5);
      for (const { name, offset, size } of parameterSpecs(model)) {
        const part = (flat: Float32Array) => flat.slice(offset, offset + size);
        // Where a sum cancels (softmax hardly sees a bias of the keys), the size of the whole gradient's parts counts too.
        const scale = norm(part(expected.flat)) + 0.1 * norm(expected.flat) * Math.sqrt(size / expected.flat.length);
        expect(distance(part(found.flat), part(expected.flat)) / scale, name).toBeLessThan(1e-5);
      }
    }
  });
});

const dataset = prepareDataset({
  source: { kind: 'synthetic', spec: parseSyntheticId(corpus) },
  tokenizer: 'characters',
  vocabulary: 8,
  context: 8,
  validationTokens: 256,
});
const data: TrainingData = { training: dataset.trainingTokens, validation: dataset.validationTokens, vocabulary: dataset.vocabulary };

describe('two runs of the same seed', () => {
  it.each(['webgpu', 'wasm', 'cpu'] as const)('have the same losses on %s, and another seed has others', async (backend) => {
    const trainer = await createReferenceTrainer(await chooseDevice(backend, navigator.gpu), wasmBinaries);
    expect(trainer.report).toMatchObject({ backend, engine: 'reference' });
    const train = async (one: SweepRun): Promise<Trained> => {
      const events: LaneEvent[] = [];
      await trainer.train([one], data, new Controls(), (event) => events.push(event));
      return digest(events, one.id);
    };
    const first = await train(run());
    expect(first.losses).toHaveLength(6);
    expect(first.outcome?.status).toBe('finished');
    expect(await train(run())).toEqual(first);
    expect((await train(run({ seed: 1 }))).losses[0]).not.toBe(first.losses[0]);
  });
});

it('a lost GPU ends the training with an error, and the run without an outcome', async () => {
  const trainer = await createReferenceTrainer(await chooseDevice('webgpu', navigator.gpu), wasmBinaries);
  const long = run({ tokens: 32 * 10_000 });
  const events: LaneEvent[] = [];
  const trained = trainer.train([long], data, new Controls(), (event) => {
    events.push(event);
    if (event.kind === 'progress') (tf.findBackend('webgpu') as unknown as { device: GPUDevice }).device.destroy();
  });
  await expect(trained).rejects.toThrow('The GPU was lost');
  const { losses, outcome } = digest(events, long.id);
  expect(outcome).toBeUndefined();
  expect(losses.every((loss) => loss > 0)).toBe(true);
});

describe('the training worker', () => {
  let worker: Worker;
  let remote: Remote<TrainingWorker>;
  const corpora = new URL('/corpora/', location.href).href;

  beforeAll(async () => {
    worker = new Worker(new URL('../../workers/training.worker.ts', import.meta.url), { type: 'module' });
    remote = wrap<TrainingWorker>(worker);
    await remote.open({ backend: 'wasm', engine: 'reference', corpora });
  });
  afterAll(() => worker.terminate());

  it('takes WebAssembly where the only adapter is a CPU in disguise, and says why', async () => {
    const report = await remote.open({ backend: 'auto', engine: 'reference', corpora });
    expect(report).toMatchObject({ backend: 'wasm', emulated: false, device: 'CPU, SIMD WebAssembly' });
    expect(report.notice?.en).toContain('CPU in disguise');
  });

  it('describes the data of a run', async () => {
    const report = await remote.describeData(run().config);
    expect(report).toMatchObject({ vocabulary: 8, trainingTokens: 19992, validationTokens: 256, bytesPerToken: 1 });
    expect(report.entropyRate).toBeGreaterThan(0);
  });

  it('trains, skips, samples, and gives signs of life', async () => {
    const [short, long] = [run({ tokens: 32 * 40 }), run({ tokens: 32 * 100_000 })];
    expect(await remote.lanesFor(short.config)).toBe(1);
    const events: LaneEvent[] = [];
    const one = (id: string) => ({ id, config: parseRun({ ...short.config, seed: 7 }) });
    await remote.train(
      [short, one('other')],
      proxy((batch) => void events.push(...batch)),
    );
    const { losses, outcome } = digest(events, short.id);
    expect(losses).toHaveLength(40);
    if (outcome?.status !== 'finished') throw new Error(`ended as ${outcome?.status}`);
    expect(digest(events, 'other').outcome?.status).toBe('finished');
    expect(digest(events, 'other').losses).not.toEqual(losses);

    const request = { config: short.config, parameters: outcome.parameters, prompt: '', length: 30, temperature: 1, seed: 1 };
    const { text } = await remote.sample(request);
    expect(text).toHaveLength(30);
    expect((await remote.sample(request)).text).toBe(text);
    expect((await remote.sample({ ...request, seed: 2 })).text).not.toBe(text);

    const ends: string[] = [];
    let batches = 0;
    await remote.train(
      [long],
      proxy((batch) => {
        if (++batches === 2) void remote.pause().then(() => remote.resume());
        if (batches === 4) void remote.skip(long.id);
        for (const event of batch) if (event.kind === 'ended') ends.push(event.outcome.status);
      }),
    );
    expect(ends).toEqual(['skipped']);
  });

  it('stops, keeps quiet about the run it left, and gives signs of life while paused', async () => {
    const events: LaneEvent[] = [];
    let empty = 0;
    await remote.train(
      [run({ tokens: 32 * 100_000 })],
      proxy((batch) => {
        if (events.length === 0 && batch.length > 0) void remote.pause();
        events.push(...batch);
        if (batch.length === 0 && ++empty === 2) void remote.stop();
      }),
    );
    expect(events.some(({ kind }) => kind === 'progress')).toBe(true);
    expect(events.every(({ kind }) => kind !== 'ended')).toBe(true);
  });

  it('refuses what it cannot do with one sentence, in both languages', async () => {
    const refusal = async (promise: Promise<unknown>): Promise<Error & { sentence?: { en: string; zh: string } }> =>
      promise.then(
        () => new Error('not refused'),
        (error: Error) => error,
      );
    const unknown = await refusal(remote.describeData(run({ corpus: 'nowhere' }).config));
    expect(unknown.message).toContain('"nowhere"');
    expect(unknown.sentence?.zh).toContain('nowhere');
    expect((await refusal(remote.provideText('own:0123456789abcdef', 'Some text.'))).message).toContain('add that text again');
    const sample = { config: run().config, parameters: new Float32Array(3), prompt: '', length: 5, temperature: 1, seed: 0 };
    expect((await refusal(remote.sample(sample))).message).toContain('3 parameters');
    const events: LaneEvent[] = [];
    const large = run({ batchSequences: 4000, tokens: 32_000 });
    await remote.train(
      [large],
      proxy((batch) => void events.push(...batch)),
    );
    expect(digest(events, large.id).outcome).toMatchObject({ status: 'failed' });
  });

  it('measures a step', async () => {
    expect((await remote.measure(run().config, 50)).secondsPerStep).toBeGreaterThan(0);
  });
});
