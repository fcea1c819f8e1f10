// The engine's executors by the name of their backend.
import { createWasmExecutor } from '../../src/plan/wasm/executor.ts';
import type { ExecutorFactory } from './engine.ts';

/** Backends the bench knows. */
export type BenchBackend = 'webgpu' | 'wasm';

/** What makes executors of a backend. */
export function factoryOf(backend: BenchBackend): Promise<ExecutorFactory> {
  if (backend === 'wasm') return Promise.resolve((plans, lanes, tokens) => createWasmExecutor(plans, lanes, tokens));
  return Promise.reject(new Error('The engine has no WebGPU executor yet.'));
}
