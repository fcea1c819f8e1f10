// The engine's executors by the name of their backend.
import { createWasmExecutor } from '../../src/plan/wasm/executor.ts';
import { createWebGpuExecutor } from '../../src/plan/webgpu/executor.ts';
import { Autotune, variantsOn } from '../../src/plan/webgpu/autotune.ts';
import { openDevice } from '../../src/plan/webgpu/device.ts';
import { isEmulated, requestAdapter } from '../../src/training/devices.ts';
import type { ExecutorFactory } from './engine.ts';

/** Backends the bench knows. */
export type BenchBackend = 'webgpu' | 'wasm';

/** What makes executors of a backend; those on a GPU share one device, on which each product takes its fastest variant. */
export async function factoryOf(backend: BenchBackend): Promise<ExecutorFactory> {
  switch (backend) {
    case 'wasm':
      return (plans, lanes, tokens) => createWasmExecutor(plans, lanes, tokens);
    case 'webgpu': {
      const { device, tune } = await gpuOfBench();
      return async (plans, lanes, tokens) =>
        createWebGpuExecutor(plans, lanes, tokens, device, { choices: await tune.choices(plans, lanes.length) });
    }
    default:
      throw new Error(`no backend ${JSON.stringify(backend satisfies never)}`);
  }
}

let opened: Promise<{ readonly device: GPUDevice; readonly tune: Autotune }> | undefined;

/** The bench's device, and what was found out about it. */
export function gpuOfBench(): Promise<{ readonly device: GPUDevice; readonly tune: Autotune }> {
  return (opened ??= (async () => {
    const adapter = await requestAdapter(navigator.gpu);
    if (!adapter) throw new Error('WebGPU finds no GPU here.');
    const emulated = isEmulated(adapter.info);
    const device = await openDevice(adapter);
    return { device, tune: Autotune.of(device, variantsOn(emulated)) };
  })());
}
