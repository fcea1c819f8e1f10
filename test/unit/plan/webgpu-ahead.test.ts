// Compiling ahead on a device that does nothing: all that an executor will ask for, one after another, beside training.
import { afterEach, expect, it, vi } from 'vitest';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import type { LaneSettings } from '../../../src/plan/executor.ts';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import { compileAhead } from '../../../src/plan/webgpu/ahead.ts';
import { Autotune, variantsOn } from '../../../src/plan/webgpu/autotune.ts';
import { createWebGpuExecutor } from '../../../src/plan/webgpu/executor.ts';
import { openNullDevice } from './null-device.ts';

const small: ModelConfig = {
  shape: { layers: 1, width: 32, heads: 2, mlpRatio: 4 },
  context: 16,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 64,
};
/** Other kernels in nearly every place: odd sizes, rotary positions, norms of queries and keys. */
const other: ModelConfig = { ...small, shape: { layers: 2, width: 30, heads: 3, mlpRatio: 3 }, positions: 'rotary', qkNorm: true };

const text = Uint16Array.from({ length: 16 * 50 + 1 }, (_, i) => (i * i) % 64);
const source = { training: text, validation: text.slice(0, 17 * 2), dataSeed: 1 };
const lane = (model: ModelConfig): LaneSettings => ({
  parameters: initialParameters(parameterSpecs(model), 1),
  microBatches: 1,
  updates: 10_000,
  learningRate: () => 1e-3,
  ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
});

let open: Awaited<ReturnType<typeof openNullDevice>> | undefined;
afterEach(() => {
  vi.restoreAllMocks();
  open?.close();
});

it('leaves an executor nothing to compile, whichever variants the measurement of products picks', async () => {
  open = await openNullDevice(3);
  const { device, calls } = open;
  const plans = modelPlans(other, 2);
  const autotune = Autotune.of(device, variantsOn(false));
  await compileAhead(plans, 3, source, device, (launch) => autotune.candidates(launch, 3), new AbortController().signal);
  const compiled = calls.pipelines;
  expect(compiled).toBeGreaterThan(25);
  expect(calls.buffers).toBe(0);
  expect(calls.submits).toBe(0);
  const choices = await autotune.choices(plans, 3);
  expect(autotune.chosen.size).toBeGreaterThan(0);
  const executor = await createWebGpuExecutor(plans, [1, 2, 3].map(() => lane(other)), source, device, { choices }); // prettier-ignore
  executor.dispose();
  expect(calls.pipelines).toBe(compiled);
  // What is known already is not compiled again, and what was chosen is all that is left to try.
  await compileAhead(plans, 3, source, device, (launch) => autotune.candidates(launch, 3), new AbortController().signal);
  expect(calls.pipelines).toBe(compiled);
  for (const launch of plans.training.launches) if (launch.kind === 'linear') expect(autotune.candidates(launch, 3)).toHaveLength(1);
});

it('has one pipeline under way at a time, and training goes on past one that takes for ever', async () => {
  open = await openNullDevice(1);
  const { device } = open;
  const executor = await createWebGpuExecutor(modelPlans(small, 2), [lane(small)], source, device);
  const waiting: (() => void)[] = [];
  let begun = 0;
  const compile = device.createComputePipelineAsync.bind(device);
  const held = vi.spyOn(GPUDevice.prototype, 'createComputePipelineAsync').mockImplementation(async (descriptor) => {
    begun++;
    await new Promise<void>((resolve) => waiting.push(resolve));
    return compile(descriptor);
  });
  const stop = new AbortController();
  let over = false;
  const usual = Autotune.of(device, variantsOn(true));
  const ahead = compileAhead(modelPlans(other, 2), 1, source, device, (launch) => usual.candidates(launch, 1), stop.signal);
  void ahead.then(() => (over = true));
  for (const done of [1, 2, 3]) {
    await vi.waitFor(() => expect(begun).toBe(done));
    await executor.advance(1e9, () => 100 * done);
    expect(executor.updatesOf(0)).toBe(100 * done);
    expect(begun).toBe(done);
    expect(waiting).toHaveLength(1);
    held.mockImplementation(async () => {
      begun++;
      await new Promise<void>((resolve) => waiting.push(resolve));
      throw new Error('This device compiles nothing any more.');
    });
    waiting.pop()!();
  }
  await vi.waitFor(() => expect(begun).toBe(4));
  // An executor is to be set up: the rest is its own affair, and what is under way comes to its end.
  stop.abort();
  waiting.pop()!();
  await ahead;
  expect(over).toBe(true);
  expect(begun).toBe(4);
  expect(executor.updatesOf(0)).toBe(300);
  executor.dispose();
});
