// The SIMD executor in a real browser: both builds of the kernels train, to the rounding of a multiply-add, and the page
// stays alive.
import { expect, it } from 'vitest';
import { initialParameters, parameterSpecs, type ModelConfig } from '../../src/model/parameters.ts';
import type { LaneSettings, TokenSource } from '../../src/plan/executor.ts';
import { modelPlans } from '../../src/plan/model-plans.ts';
import { createWasmExecutor } from '../../src/plan/wasm/executor.ts';
import { kernelBuilds, type KernelBuild } from '../../src/plan/wasm/kernels.ts';

const model: ModelConfig = {
  shape: { layers: 2, width: 48, heads: 3, mlpRatio: 4 },
  context: 33,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 56,
};
const training = Uint16Array.from({ length: 33 * 40 + 1 }, (_, i) => (i * i + 3 * i) % 56);
const source: TokenSource = { training, validation: training.subarray(0, 34 * 5), dataSeed: 1 };
const lane = (seed: number): LaneSettings => ({
  parameters: initialParameters(parameterSpecs(model), seed),
  microBatches: 1,
  updates: 30,
  learningRate: () => 2e-3,
  ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.1, clipNorm: 1 },
});

async function train(build: KernelBuild) {
  const executor = await createWasmExecutor(modelPlans(model, 4), [lane(0), lane(1)], source, build);
  let ticks = 0;
  const ticking = setInterval(() => ticks++, 0);
  const losses = await executor.advance(1e9, () => 30);
  clearInterval(ticking);
  const evaluated = await executor.evaluate([0, 1]);
  executor.dispose();
  return { losses: losses.map((part) => [...part.losses]), evaluated: [...evaluated], ticks };
}

it('trains with either build, and timers run meanwhile', async () => {
  expect(kernelBuilds()).toContain('plain');
  const plain = await train('plain');
  expect(plain.losses.map(({ length }) => length)).toEqual([30, 30]);
  expect(plain.losses[0][29]).toBeLessThan(0.9 * plain.losses[0][0]);
  expect(plain.evaluated.every(Number.isFinite)).toBe(true);
  expect(plain.ticks).toBeGreaterThan(3);
  expect((await train('plain')).losses).toEqual(plain.losses);
  if (!kernelBuilds().includes('relaxed')) return;
  const relaxed = await train('relaxed');
  for (const lane of [0, 1])
    for (const [i, loss] of plain.losses[lane].entries()) expect(Math.abs(relaxed.losses[lane][i] / loss - 1)).toBeLessThan(1e-4);
});
