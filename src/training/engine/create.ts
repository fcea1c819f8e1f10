// The engine on the device that was chosen.
import { modelPlans } from '../../plan/model-plans.ts';
import type { DeviceChoice } from '../devices.ts';
import type { DeviceReport, Trainer } from '../trainer.ts';
import { openCheckpointStore } from './checkpoint-store.ts';
import { EngineTrainer, type DeviceParts } from './engine-trainer.ts';
import { wasmParts } from './on-wasm.ts';
import { webGpuParts } from './on-webgpu.ts';

/**
 * Opens the engine on the device that was chosen.
 * @param gpu `navigator.gpu`, or what stands for it; for WebGPU, which asks it for adapters of its own: `choice.adapter` stays unused
 * @throws Error one sentence, when it cannot work there
 */
export async function createEngineTrainer({ backend, device, emulated, notice }: DeviceChoice, gpu: GPU | undefined): Promise<Trainer> {
  const create = async (parts: DeviceParts, features: readonly string[]): Promise<Trainer> => {
    const store = await openCheckpointStore();
    const report: DeviceReport = { backend, device, emulated, engine: 'plan', features, ...(notice && { notice }) };
    return new EngineTrainer({ report, plansOf: modelPlans, ...(store && { store }), ...parts });
  };
  switch (backend) {
    case 'wasm': {
      const { parts, features } = await wasmParts();
      return create(parts, features);
    }
    case 'webgpu':
      return create(await webGpuParts(gpu, emulated), []);
    case 'cpu':
      throw new Error('The engine does not run on the plain JavaScript backend.');
    default:
      throw new Error(`no backend ${JSON.stringify(backend satisfies never)}`);
  }
}
