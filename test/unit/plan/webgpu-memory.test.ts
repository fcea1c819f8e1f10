// What an executor holds on the GPU is what was said of it before anything was allocated: to the byte, and to the end.
import { afterEach, describe, expect, it } from 'vitest';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import type { Executor, LaneSettings, TokenSource } from '../../../src/plan/executor.ts';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import { createWebGpuExecutor } from '../../../src/plan/webgpu/executor.ts';
import { gpuFootprint } from '../../../src/plan/webgpu/memory.ts';
import { openNullDevice } from './null-device.ts';

const dense: ModelConfig = {
  shape: { layers: 1, width: 24, heads: 3, mlpRatio: 4 },
  context: 17,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 13,
};

const lanes = (model: ModelConfig, count: number): LaneSettings[] =>
  Array.from({ length: count }, (_, seed) => ({
    parameters: initialParameters(parameterSpecs(model), seed),
    microBatches: 1 + (seed % 3),
    updates: 1000,
    learningRate: () => 1e-3,
    ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
  }));

const source = (model: ModelConfig, windows: number): TokenSource => {
  const training = Uint16Array.from({ length: model.context * windows + 1 }, (_, i) => (i * i) % model.vocabulary);
  return { training, validation: training.slice(0, 3 * (model.context + 1)), dataSeed: 1 };
};

let open: Awaited<ReturnType<typeof openNullDevice>> | undefined;
let executor: Executor | undefined;

afterEach(() => {
  executor?.dispose();
  open?.close();
});

describe('an executor on the GPU', () => {
  it.each<{ name: string; model: ModelConfig; sequences: number; count: number; windows: number }>([
    { name: 'one lane', model: dense, sequences: 1, count: 1, windows: 5 },
    { name: 'many lanes, a long text', model: dense, sequences: 3, count: 33, windows: 4001 },
    {
      name: 'rotary positions, a tied head, norms of queries and keys',
      model: { ...dense, positions: 'rotary', tiedHead: true, qkNorm: true, context: 32, vocabulary: 256 },
      sequences: 2,
      count: 5,
      windows: 100,
    },
    {
      name: 'several layers',
      model: { ...dense, shape: { layers: 3, width: 48, heads: 2, mlpRatio: 2.5 }, context: 8 },
      sequences: 7,
      count: 2,
      windows: 64,
    },
    {
      name: 'a mixture of experts',
      model: {
        ...dense,
        shape: { layers: 2, width: 16, heads: 2, mlpRatio: 4 },
        mixture: { experts: 4, perToken: 2, balanceCoefficient: 0.01 },
      },
      sequences: 2,
      count: 4,
      windows: 40,
    },
  ])('holds what was said: $name', async ({ model, sequences, count, windows }) => {
    const plans = modelPlans(model, sequences);
    const tokens = source(model, windows);
    const said = gpuFootprint(plans, Array<number>(count).fill(1), tokens);
    open = await openNullDevice(count);
    const { calls } = open;
    executor = await createWebGpuExecutor(plans, lanes(model, count), tokens, open.device);
    expect(executor.bytes).toBe(said.bytes);
    // What the device was asked for, whatever the executor says of itself.
    expect(calls.bytes).toBe(said.bytes);
    expect(calls.largestBuffer).toBe(said.largestBuffer);

    await executor.advance(1e9, () => 300);
    await executor.evaluate([0]);
    await executor.restore(0, await executor.save(0));
    await executor.parameters(count - 1);
    expect(executor.updatesOf(0)).toBe(300);
    expect(calls.bytes).toBe(said.bytes);
    expect(executor.bytes).toBe(said.bytes);
  });
});
