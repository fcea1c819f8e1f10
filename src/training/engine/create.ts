// The engine on a device: which executor, how its micro-batches and its memory are chosen.
import { countFlops } from '../../model/counts.ts';
import { parameterLength, parameterSpecs, type ModelConfig } from '../../model/parameters.ts';
import { modelPlans } from '../../plan/model-plans.ts';
import type { DeviceChoice } from '../devices.ts';
import type { Trainer } from '../trainer.ts';
import { openCheckpointStore } from './checkpoint-store.ts';
import { EngineTrainer, type EngineParts } from './engine-trainer.ts';
import type { MicroBatchRule } from './micro-batches.ts';

/**
 * Opens the engine on the device that was chosen.
 * @throws Error one sentence, when it cannot work there
 */
export async function createEngineTrainer(choice: DeviceChoice): Promise<Trainer> {
  const { backend, device, emulated, notice } = choice;
  const report = { backend, device, emulated, engine: 'plan' as const, ...(notice && { notice }) };
  const store = await openCheckpointStore();
  const common = { plansOf: modelPlans, ...(store && { store }) };
  switch (backend) {
    case 'wasm': {
      const { parts, features } = await wasmParts();
      return new EngineTrainer({ ...common, ...parts, report: { ...report, features } });
    }
    case 'cpu':
    case 'webgpu':
      throw new Error(`The engine does not run on ${backend}.`);
    default:
      throw new Error(`no backend ${JSON.stringify(backend satisfies never)}`);
  }
}

/** What depends on the device. */
type DeviceParts = Omit<EngineParts, 'report' | 'plansOf' | 'store'>;

/** Bytes of one WebAssembly memory that every browser still gives, with room for the other workers. */
const WASM_BUDGET = 2 ** 29;

/** Lanes one after another keep within the processor's caches, and runs that come first in the sweep end first. */
const WASM_LANES = 16;

async function wasmParts(): Promise<{ readonly parts: DeviceParts; readonly features: readonly string[] }> {
  const { createWasmExecutor } = await import('../../plan/wasm/executor.ts');
  const { kernelBuilds } = await import('../../plan/wasm/kernels.ts');
  const [build] = kernelBuilds();
  if (build === undefined) throw new Error('This browser has no WebAssembly SIMD, which training on the processor needs.');
  return {
    features: build === 'relaxed' ? ['relaxed-simd'] : [],
    parts: {
      createExecutor: (plans, lanes, tokens) => createWasmExecutor(plans, lanes, tokens, build),
      microBatches: wasmMicroBatches,
      memory: { budget: WASM_BUDGET, largestBuffer: Infinity, activationsPerLane: false },
      mostLanes: WASM_LANES,
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
    cost: { step: 0, lane: 2e-6 * model.shape.layers + 0.35e-9 * parameters, row: countFlops(model).training / 18e9 },
    mostRows: 256,
    worth: 0.1,
  };
}
