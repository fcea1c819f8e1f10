// The engine on the processor: lanes one after another in WebAssembly, in micro-batches that stay in its caches.
import { countFlops } from '../../model/counts.ts';
import { parameterLength, parameterSpecs, type ModelConfig } from '../../model/parameters.ts';
import type { DeviceParts } from './engine-trainer.ts';
import type { MicroBatchRule } from './micro-batches.ts';

/** Bytes of one WebAssembly memory that every browser still gives, with room for the other workers. */
const BUDGET = 2 ** 29;

/** Lanes one after another keep within the processor's caches, and runs that come first in the sweep end first. */
const LANES = 16;

/** @throws Error one sentence, where there is no WebAssembly SIMD */
export async function wasmParts(): Promise<{ readonly parts: DeviceParts; readonly features: readonly string[] }> {
  const { createWasmExecutor } = await import('../../plan/wasm/executor.ts');
  const { wasmFootprint } = await import('../../plan/wasm/memory.ts');
  const { kernelBuilds } = await import('../../plan/wasm/kernels.ts');
  const [build] = kernelBuilds();
  if (build === undefined) throw new Error('This browser has no WebAssembly SIMD, which training on the processor needs.');
  return {
    features: build === 'relaxed' ? ['relaxed-simd'] : [],
    parts: {
      createExecutor: (plans, lanes, tokens) => createWasmExecutor(plans, lanes, tokens, build),
      microBatches: wasmMicroBatches,
      memory: { budget: BUDGET, largestBuffer: BUDGET, footprint: wasmFootprint },
      mostLanes: () => LANES,
      measuredLanes: 1,
      evaluatedTogether: 1,
    },
  };
}

/**
 * On a processor lanes run one after another, so a micro-step of many lanes is as dear as those of each. Seconds on a
 * core of 18 GFLOP/s, from measurements of two to four layers of width 16 to 32: a micro-step of a lane takes 2 µs a
 * layer and 0.35 ns a parameter beside its rows; rows cost the same in all micro-batches from 64 tokens on.
 */
export function wasmMicroBatches(model: ModelConfig): MicroBatchRule {
  const parameters = parameterLength(parameterSpecs(model));
  return {
    cost: { step: 0, lane: 2e-6 * model.shape.layers + 0.35e-9 * parameters, row: countFlops(model).computed / 18e9 },
    mostRows: 256,
    worth: 0.1,
  };
}
