// Gradients measured by the executor for processors.
import { expect, it } from 'vitest';
import { modelPlans } from '../../../../src/plan/model-plans.ts';
import { createWasmExecutor } from '../../../../src/plan/wasm/executor.ts';
import { wasmBytes } from '../../../../src/plan/wasm/memory.ts';
import type { ModelConfig } from '../../../../src/model/parameters.ts';
import { describeGradientNorms } from '../gradient-norms.ts';

describeGradientNorms((plans, lanes, tokens) => createWasmExecutor(plans, lanes, tokens), 2000);

it('a plan of gradients leaves the training step as it is, and takes memory only where it is', () => {
  const model: ModelConfig = {
    shape: { layers: 2, width: 64, heads: 2, mlpRatio: 4 },
    context: 8,
    positions: 'learned',
    qkNorm: false,
    tiedHead: false,
    vocabulary: 64,
  };
  const plain = modelPlans(model, 4);
  const measuring = modelPlans(model, 4, 2);
  expect(measuring.training).toBe(plain.training);
  expect(measuring.evaluation).toBe(plain.evaluation);
  expect(plain.gradient).toBeUndefined();
  const kinds = measuring.gradient!.launches.map(({ kind }) => kind);
  expect(kinds.at(-1)).toBe('gradientNorm');
  expect(kinds).toEqual(
    plain.training.launches
      .map(({ kind }) => kind)
      .slice(0, -3)
      .concat('gradientNorm'),
  );
  const more = wasmBytes(measuring, [1, 1, 1]) - wasmBytes(plain, [1, 1, 1]);
  expect(Math.abs(more - 4 * (plain.training.words.gradients + measuring.gradient!.words.constants))).toBeLessThanOrEqual(70_000);
});
