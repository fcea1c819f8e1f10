// The choice among variants of the tiled products on a real device: made once for each shape class, and one that losses
// do not show.
import { expect, it, vi } from 'vitest';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../src/model/parameters.ts';
import type { LaneSettings } from '../../src/plan/executor.ts';
import { modelPlans } from '../../src/plan/model-plans.ts';
import { Autotune, shapeClass, variantsOn } from '../../src/plan/webgpu/autotune.ts';
import { createWebGpuExecutor } from '../../src/plan/webgpu/executor.ts';
import { requestLabDevice } from '../../src/plan/webgpu/device.ts';

const model: ModelConfig = {
  shape: { layers: 1, width: 24, heads: 2, mlpRatio: 2 },
  context: 16,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 20,
};
const plans = modelPlans(model, 2);
const training = Uint16Array.from({ length: 16 * 40 + 1 }, (_, i) => (i * i) % 20);
const source = { training, validation: training.slice(0, 17 * 3), dataSeed: 1 };
const lanes = [0, 1, 2].map((seed): LaneSettings => ({
  parameters: initialParameters(parameterSpecs(model), seed),
  microBatches: 1,
  updates: 12,
  learningRate: () => 0.01,
  ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
}));

async function losses(device: GPUDevice, choices?: Awaited<ReturnType<Autotune['choices']>>): Promise<number[]> {
  const executor = await createWebGpuExecutor(plans, lanes, source, device, choices && { choices });
  const found = await executor.advance(1e9, () => 12);
  executor.dispose();
  return found.flatMap(({ losses }) => [...losses]);
}

it('measures each shape class once, and what it chooses leaves the losses as they are', async () => {
  const device = await requestLabDevice();
  const variants = variantsOn(true);
  const tune = Autotune.of(device, variants);
  let choices = await tune.choices(plans, lanes.length);
  const products = [...plans.training.launches, ...plans.evaluation.launches].flatMap((launch) =>
    launch.kind === 'linear' || launch.kind === 'linearGradient' || launch.kind === 'matrixProduct' ? [launch] : [],
  );
  const classes = new Set(products.map((launch) => shapeClass(launch, lanes.length)));
  expect(classes.size).toBeGreaterThan(5);
  // A busy machine may take more than one call for all of them.
  while (tune.chosen.size < classes.size) choices = await tune.choices(plans, lanes.length);
  expect(new Set(tune.chosen.keys())).toEqual(classes);
  for (const launch of products) expect(variants).toContain(choices(launch));

  const submit = vi.spyOn(device.queue, 'submit');
  await Autotune.of(device, variants).choices(plans, lanes.length);
  expect(submit).not.toHaveBeenCalled();
  submit.mockRestore();

  const usual = await losses(device);
  expect(usual).toHaveLength(36);
  for (const variant of variants) {
    const found = await losses(device, () => variant);
    expect(Math.max(...found.map((loss, i) => Math.abs(loss / usual[i] - 1)))).toBeLessThan(1e-6);
  }
  device.destroy();
});
