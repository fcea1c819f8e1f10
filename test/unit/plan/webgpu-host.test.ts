// What the host does for a step on the GPU, on a device that does nothing: how many dispatches and submissions, and that
// nothing is made anew from step to step.
import { afterEach, expect, it, vi } from 'vitest';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import type { Executor, LaneSettings } from '../../../src/plan/executor.ts';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import { createWebGpuExecutor, type WebGpuOptions } from '../../../src/plan/webgpu/executor.ts';
import { openNullDevice } from './null-device.ts';

const model = (layers: number): ModelConfig => ({
  shape: { layers, width: 32, heads: 2, mlpRatio: 4 },
  context: 32,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 64,
});
const training = Uint16Array.from({ length: 32 * 100 + 1 }, (_, i) => (i * i) % 64);
const source = { training, validation: training.subarray(0, 33 * 6), dataSeed: 1 };

function lane(layers: number, seed: number, microBatches = 1): LaneSettings {
  return {
    parameters: initialParameters(parameterSpecs(model(layers)), seed),
    microBatches,
    updates: 10_000,
    learningRate: () => 1e-3,
    ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
  };
}

let open: Awaited<ReturnType<typeof openNullDevice>> | undefined;
let executor: Executor | undefined;

async function start(layers: number, lanes: readonly LaneSettings[], options: WebGpuOptions = {}) {
  open = await openNullDevice(lanes.length);
  executor = await createWebGpuExecutor(modelPlans(model(layers), 4), lanes, source, open.device, options);
  return { executor, calls: open.calls };
}

afterEach(() => {
  executor?.dispose();
  open?.close();
});

it.each([
  { layers: 1, lanes: 1 },
  { layers: 2, lanes: 32 },
  { layers: 4, lanes: 3 },
])('$layers layers, $lanes lanes: as many dispatches as the plan has launches, at most 14 L + 12', async ({ layers, lanes }) => {
  const { executor, calls } = await start(
    layers,
    Array.from({ length: lanes }, (_, seed) => lane(layers, seed)),
  );
  const before = { ...calls };
  await executor.advance(1e9, () => 300);
  expect(executor.updatesOf(lanes - 1)).toBe(300);
  const { launches } = modelPlans(model(layers), 4).training;
  expect((calls.dispatches - before.dispatches) / 300).toBe(launches.length);
  expect(launches.length).toBeLessThanOrEqual(14 * layers + 12);
});

it('makes nothing anew while it trains, and puts many steps into a submission', async () => {
  const { executor, calls } = await start(2, [lane(2, 0), lane(2, 1, 3)]);
  await executor.advance(1e9, () => 20);
  const before = { ...calls };
  await executor.advance(1e9, () => 1000);
  expect(calls.buffers).toBe(before.buffers);
  expect(calls.bindGroups).toBe(before.bindGroups);
  expect(calls.pipelines).toBe(before.pipelines);
  const submits = calls.submits - before.submits;
  // Updates 20 … 1000 of the lane of three micro-batches: 2940 micro-steps.
  expect(submits).toBeLessThan(2940 / 4);
  expect(calls.passes - before.passes).toBe(submits);
  expect(calls.writes - before.writes).toBe(2 * submits);
});

it('dispatches lanes that are done, or frozen, no more', async () => {
  const { executor, calls } = await start(1, [lane(1, 0), { ...lane(1, 1), updates: 5 }]);
  await executor.advance(1e9, () => Infinity);
  expect([executor.updatesOf(0), executor.updatesOf(1)]).toEqual([10_000, 5]);
  const before = { ...calls };
  executor.freeze(0);
  expect(await executor.advance(1e9, () => Infinity)).toEqual([]);
  expect(calls).toEqual(before);
});

it('evaluates all held-out windows by the forward launches', async () => {
  const { executor, calls } = await start(2, [lane(2, 0), lane(2, 1)]);
  const before = { ...calls };
  expect([...(await executor.evaluate([1, 0]))]).toEqual([1, 1]);
  // Six windows in batches of four.
  expect(calls.dispatches - before.dispatches).toBe(2 * modelPlans(model(2), 4).evaluation.launches.length);
});

it('gives a device up that does not answer, and says so', async () => {
  const { executor } = await start(1, [lane(1, 0)], { patience: 30 });
  await executor.advance(1e9, () => 3);
  const mapAsync = vi.spyOn(GPUBuffer.prototype, 'mapAsync').mockReturnValue(new Promise(() => undefined));
  try {
    await expect(executor.advance(1e9, () => 6)).rejects.toThrow('has not answered');
  } finally {
    mapAsync.mockRestore();
  }
  expect((await open!.device.lost).reason).toBe('destroyed');
  await expect(executor.save(0)).rejects.toThrow('has not answered');
});
