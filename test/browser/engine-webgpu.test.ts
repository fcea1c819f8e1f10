// The engine on a real WebGPU device: whole populations against the reference trainer, and through the loss of the device.
import plainBinary from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url';
import simdBinary from '@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url';
import { describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../src/config/parse.ts';
import { batchTokens, steps, type RunInput } from '../../src/config/run.ts';
import type { SweepRun } from '../../src/config/sweep.ts';
import { prepareDataset } from '../../src/data/dataset.ts';
import { parseSyntheticId } from '../../src/data/synthetic.ts';
import type { LaneState } from '../../src/plan/executor.ts';
import { modelPlans } from '../../src/plan/model-plans.ts';
import { Controls } from '../../src/training/controls.ts';
import { chooseDevice } from '../../src/training/devices.ts';
import { createEngineTrainer } from '../../src/training/engine/create.ts';
import { EngineTrainer, type EngineParts } from '../../src/training/engine/engine-trainer.ts';
import { webGpuParts } from '../../src/training/engine/on-webgpu.ts';
import { createReferenceTrainer } from '../../src/training/reference.ts';
import type { LaneEvent, LaneOutcome, Trainer, TrainingData } from '../../src/training/trainer.ts';

const wasmBinaries = {
  'tfjs-backend-wasm.wasm': plainBinary,
  'tfjs-backend-wasm-simd.wasm': simdBinary,
  'tfjs-backend-wasm-threaded-simd.wasm': simdBinary,
};
const corpus = 'synthetic:symbols=8,order=1,exponent=2,tokens=20000';
const CONTEXT = 8;
const source = { kind: 'synthetic', spec: parseSyntheticId(corpus) } as const;
const dataset = prepareDataset({ source, tokenizer: 'characters', vocabulary: 8, context: CONTEXT, validationTokens: 256 });
const data: TrainingData = { training: dataset.trainingTokens, validation: dataset.validationTokens, vocabulary: dataset.vocabulary };

const run = (more: RunInput): SweepRun => {
  const config = parseRun({
    corpus,
    shape: { layers: 2, width: 16, heads: 2, mlpRatio: 2 },
    context: CONTEXT,
    vocabulary: 8,
    validationTokens: 256,
    clipNorm: 1,
    weightDecay: 0.1,
    ...more,
  });
  return { id: runId(config), config };
};

interface Told {
  readonly losses: number[];
  readonly validation: number[];
  readonly outcome: LaneOutcome | undefined;
}

/** What was told of each run; fails when steps are missing or repeated. */
function byRun(runs: readonly SweepRun[], events: readonly LaneEvent[]): Map<string, Told> {
  const told = new Map(
    runs.map(({ id }) => [id, { losses: [] as number[], validation: [] as number[], outcome: undefined as Told['outcome'] }]),
  );
  for (const event of events) {
    if (event.kind === 'notice') continue;
    const one = told.get(event.id)!;
    if (event.kind === 'progress') {
      expect(event.firstStep).toBe(one.losses.length + 1);
      one.losses.push(...event.losses);
    } else if (event.kind === 'validation') one.validation.push(event.loss);
    else if (event.kind === 'ended') one.outcome = event.outcome;
  }
  return told;
}

async function train(trainer: Trainer, runs: readonly SweepRun[], on: (event: LaneEvent) => void = () => undefined) {
  const events: LaneEvent[] = [];
  await trainer.train(runs, data, new Controls(), (event) => {
    events.push(event);
    on(event);
  });
  return { told: byRun(runs, events), notices: events.flatMap((event) => (event.kind === 'notice' ? [event.sentence.en] : [])) };
}

const farthest = (found: readonly number[], expected: readonly number[]): number => {
  expect(found).toHaveLength(expected.length);
  return Math.max(...found.map((value, i) => Math.abs(value - expected[i]) / Math.abs(expected[i])));
};

it('a grid of learning rate × batch has the losses of the reference trainer', async () => {
  const runs = [2, 4, 6].flatMap((batchSequences) =>
    [2 ** -6, 2 ** -8].map((learningRate) => run({ batchSequences, learningRate, tokens: CONTEXT * 12 * 10, seed: batchSequences })),
  );
  const choice = await chooseDevice('webgpu', navigator.gpu);
  const engine = await createEngineTrainer(choice, navigator.gpu);
  expect(engine.report).toMatchObject({ backend: 'webgpu', engine: 'plan', device: choice.device, emulated: choice.emulated });
  const reference = await createReferenceTrainer(await chooseDevice('wasm', undefined), wasmBinaries);
  try {
    const found = await train(engine, runs);
    const expected = await train(reference, runs);
    expect(found.notices).toEqual([]);
    for (const { id, config } of runs) {
      const [own, other] = [found.told.get(id)!, expected.told.get(id)!];
      expect(own.losses).toHaveLength(steps(config));
      expect(farthest(own.losses, other.losses)).toBeLessThan(1e-4);
      expect(farthest(own.validation, other.validation)).toBeLessThan(1e-4);
      if (own.outcome?.status !== 'finished' || other.outcome?.status !== 'finished') throw new Error('a run did not finish');
      expect(Math.abs(own.outcome.smoothedTrainLoss / other.outcome.smoothedTrainLoss - 1)).toBeLessThan(1e-4);
    }
    const { secondsPerStep, lanes } = await engine.measure(runs[0].config, data, 30);
    expect(secondsPerStep).toBeGreaterThan(0);
    expect(lanes).toBeGreaterThan(1);
  } finally {
    engine.dispose();
    reference.dispose();
  }
});

it('runs of several lengths that begin alike have the very losses that each has alone', async () => {
  const lengths = [8, 16, 32];
  const runs = [2 ** -6, 2 ** -8].flatMap((learningRate) =>
    lengths.map((updates) =>
      run({
        schedule: 'constant and cooldown',
        warmupTokens: CONTEXT * 4 * 3,
        batchSequences: 4,
        tokens: CONTEXT * 4 * updates,
        learningRate,
      }),
    ),
  );
  const engine = await createEngineTrainer(await chooseDevice('webgpu', navigator.gpu), navigator.gpu);
  try {
    const shared = new Map<string, number>();
    const together = await train(engine, runs, (event) => {
      if (event.kind === 'shared') shared.set(event.id, event.steps);
    });
    expect(together.notices).toEqual([]);
    expect(runs.map(({ id }) => shared.get(id) ?? 0)).toEqual([7, 14, 0, 7, 14, 0]);
    for (const one of runs) {
      const [found, alone] = [together.told.get(one.id)!, (await train(engine, [one])).told.get(one.id)!];
      expect(found.losses).toHaveLength(steps(one.config));
      expect(found).toEqual(alone);
      expect(found.outcome?.status).toBe('finished');
    }
  } finally {
    engine.dispose();
  }
});

/** `navigator.gpu`, and the devices that came of it, so that a test can take one away. */
function watchedGpu(): { readonly gpu: GPU; readonly devices: GPUDevice[] } {
  const devices: GPUDevice[] = [];
  const requestAdapter = async (options?: GPURequestAdapterOptions): Promise<GPUAdapter | null> => {
    const adapter = await navigator.gpu.requestAdapter(options);
    if (!adapter) return null;
    const requestDevice = async (descriptor?: GPUDeviceDescriptor): Promise<GPUDevice> => {
      const device = await adapter.requestDevice(descriptor);
      devices.push(device);
      return device;
    };
    return { limits: adapter.limits, features: adapter.features, info: adapter.info, requestDevice } as unknown as GPUAdapter;
  };
  return { gpu: { requestAdapter } as unknown as GPU, devices };
}

describe('a device that is destroyed in the middle of a training', () => {
  const runs = [2, 4].map((batchSequences) => run({ batchSequences, learningRate: 2 ** -7, tokens: CONTEXT * 4 * 60 }));

  /** The engine, with a checkpoint after every slice and nothing kept in files; `restored`: where its lanes went on. */
  async function engine() {
    const { gpu, devices } = watchedGpu();
    const parts = await webGpuParts(gpu, true);
    const restored: LaneState[] = [];
    const createExecutor: EngineParts['createExecutor'] = async (...given) => {
      const executor = await parts.createExecutor(...given);
      const restore = executor.restore.bind(executor);
      executor.restore = (lane, state) => {
        restored.push(state);
        return restore(lane, state);
      };
      return executor;
    };
    const report = { backend: 'webgpu', engine: 'plan', device: 'test', emulated: true, features: [] } as const;
    const times = { slice: 1, checkpoint: 0, rest: 0 };
    // As on a GPU where launches are all that counts: every run in one population.
    const microBatches = () => ({ cost: { step: 1, lane: 0, row: 0 }, mostRows: 1024, worth: 0 });
    return {
      trainer: new EngineTrainer({ report, plansOf: modelPlans, ...parts, createExecutor, microBatches, times }),
      devices,
      restored,
    };
  }

  it('the population goes on from its last checkpoint, on another device, with the losses of an undisturbed one', async () => {
    const undisturbed = await engine();
    const expected = await train(undisturbed.trainer, runs);
    undisturbed.trainer.dispose();
    expect(expected.notices).toEqual([]);
    expect(undisturbed.restored).toEqual([]);

    const { trainer, devices, restored } = await engine();
    const found = await train(trainer, runs, (event) => {
      if (event.kind !== 'progress' || event.id !== runs[0].id) return;
      const done = event.tokens / batchTokens(runs[0].config);
      // Once early and once late, whatever a slice holds.
      if ((devices.length === 1 && done > 30) || (devices.length === 2 && done > 80)) devices.at(-1)!.destroy();
    });
    trainer.dispose();
    expect(devices).toHaveLength(3);
    expect(found.notices).toHaveLength(2);
    for (const notice of found.notices) expect(notice).toMatch(/^The GPU was lost \(destroyed\).* 2 runs go on from the last checkpoint/);
    expect(restored).toHaveLength(4);
    for (const { updates } of restored) expect(updates).toBeGreaterThan(0);
    for (const { id } of runs) {
      expect(found.told.get(id)!.losses).toEqual(expected.told.get(id)!.losses);
      expect(found.told.get(id)!.validation).toEqual(expected.told.get(id)!.validation);
      expect(found.told.get(id)!.outcome).toEqual(expected.told.get(id)!.outcome);
    }
  });
});
