// The engine's executors by the name of their backend.
import { createWasmExecutor } from '../../src/plan/wasm/executor.ts';
import { createWebGpuExecutor } from '../../src/plan/webgpu/executor.ts';
import { requestLabDevice } from '../../src/plan/webgpu/device.ts';
import type { ExecutorFactory } from './engine.ts';

/** Backends the bench knows. */
export type BenchBackend = 'webgpu' | 'wasm';

/** What makes executors of a backend; those on a GPU share one device. */
export async function factoryOf(backend: BenchBackend): Promise<ExecutorFactory> {
  switch (backend) {
    case 'wasm':
      return (plans, lanes, tokens) => createWasmExecutor(plans, lanes, tokens);
    case 'webgpu': {
      const device = await requestLabDevice();
      return (plans, lanes, tokens) => createWebGpuExecutor(plans, lanes, tokens, device);
    }
    default:
      throw new Error(`no backend ${JSON.stringify(backend satisfies never)}`);
  }
}
