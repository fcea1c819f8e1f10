// The bench in the browser: one group of figures a page load, so that no peer's memory or shaders burden another.
import { registerBackends } from './tfjs.ts';
import { wasmFootprint } from '../../src/plan/wasm/memory.ts';
import { gpuFootprint } from '../../src/plan/webgpu/memory.ts';
import { factoryOf } from './backends.ts';
import { frameRate } from './frames.ts';
import { eventLoopLag } from './lag.ts';
import { matmulShare } from './matmul-rate.ts';
import { memoryOver } from './memory.ts';
import { laneGain, peerTimes } from './peer-times.ts';
import type { BenchRow } from './rows.ts';
import { SMALLEST } from './shapes.ts';
import { workersGain } from './workers-gain.ts';

/** Groups by name. `emulated`: the adapter is a CPU. */
const groups: Readonly<Record<string, (emulated: boolean) => Promise<BenchRow[]>>> = {
  'wasm peers': async () => peerTimes('wasm', await factoryOf('wasm'), 5),
  'wasm workers': async () => [await workersGain()],
  'wasm matmul': async () => [await matmulShare('wasm', await factoryOf('wasm'))],
  'wasm memory': async () => memoryOver(10_000, 'wasm', await factoryOf('wasm'), wasmFootprint),
  'wasm lag': async () => [await eventLoopLag('wasm', 5)],
  'webgpu peers': async () => peerTimes('webgpu', await factoryOf('webgpu'), 3),
  'webgpu lanes': async (emulated) => [await laneGain('webgpu', SMALLEST, 32, emulated ? 1.2 : 10, await factoryOf('webgpu'), 3)],
  'webgpu matmul': async () => [await matmulShare('webgpu', await factoryOf('webgpu'))],
  'webgpu memory': async () => memoryOver(10_000, 'webgpu', await factoryOf('webgpu'), gpuFootprint),
  'webgpu lag': async () => [await eventLoopLag('webgpu', 5)],
  frames: async () => [await frameRate(document.getElementById('chart')!, 5)],
};

/** Names of the groups, and how to run one; `adapter` is what WebGPU runs on. */
const bench = {
  groups: Object.keys(groups),
  async adapter(): Promise<{ name: string; emulated: boolean } | undefined> {
    const adapter = await navigator.gpu?.requestAdapter();
    if (!adapter) return undefined;
    const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
    return { name: [vendor, architecture, description].filter((part) => part !== '').join(' '), emulated: isFallbackAdapter };
  },
  run(group: string, emulated: boolean): Promise<BenchRow[]> {
    registerBackends();
    return groups[group](emulated);
  },
};
export type Bench = typeof bench;
(globalThis as unknown as { bench: Bench }).bench = bench;
