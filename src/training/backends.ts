// tfjs's backends: opening each without its traps, and sharing the one global "current backend" between jobs that take
// turns in one thread.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import type { Backend } from './trainer.ts';

/** Where tfjs's wasm binaries are: a folder (ends with a slash), or an address for each file name. */
export type WasmBinaries = string | Readonly<Record<string, string>>;

/** A backend that works. */
export interface OpenBackend {
  readonly backend: Backend;
  /** Resolves with one sentence of why when the device is lost; stays pending otherwise. */
  readonly lost: Promise<string>;
}

/** The end of whatever is being opened: while a backend opens, tfjs has no current one. */
let opening: Promise<unknown> = Promise.resolve();

/**
 * Opens a backend and makes it current.
 * @param adapter the WebGPU adapter to take; only for, and required by, `webgpu`. It cannot be used a second time.
 * @throws Error one sentence, when the backend cannot work here
 */
export function openBackend(backend: Backend, wasmBinaries: WasmBinaries, adapter?: GPUAdapter): Promise<OpenBackend> {
  const opened = opening.then(() => open(backend, wasmBinaries, adapter));
  opening = opened.catch(() => undefined);
  return opened;
}

/**
 * Does a stretch of tensor work on a backend that was opened before. The current backend is global to tfjs, so whoever
 * shares the thread does all tensor work in such stretches, which must be synchronous.
 */
export async function onBackend<T>(backend: Backend, work: () => T): Promise<T> {
  for (let seen; seen !== opening;) {
    seen = opening;
    await seen;
  }
  // Takes effect at once for a backend that is open; the promise only says so.
  void tf.setBackend(backend);
  return work();
}

async function open(backend: Backend, wasmBinaries: WasmBinaries, adapter?: GPUAdapter): Promise<OpenBackend> {
  // Without it tfjs greets on standard error and checks every op for deprecation.
  tf.enableProdMode();
  let lost = new Promise<string>(() => undefined);
  switch (backend) {
    case 'cpu':
      await import('@tensorflow/tfjs-backend-cpu');
      break;
    case 'wasm':
      await prepareWasm(wasmBinaries);
      break;
    case 'webgpu':
      if (!adapter) throw new Error('There is no WebGPU adapter here; choose wasm.');
      ({ lost } = await registerWebgpu(adapter));
      break;
    default:
      throw new Error(`no backend ${JSON.stringify(backend satisfies never)}`);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`The ${backend} backend of TensorFlow.js could not start here.`);
  return { backend, lost };
}

/** Registers tfjs's wasm backend, single-threaded: minifying breaks its threads, which it starts from its own source text. */
async function prepareWasm(binaries: WasmBinaries): Promise<void> {
  const { setWasmPaths } = await import('@tensorflow/tfjs-backend-wasm');
  if (tf.engine().registryFactory.wasm !== undefined && 'wasm' in tf.engine().registry) return;
  tf.env().set('WASM_HAS_MULTITHREAD_SUPPORT', false);
  setWasmPaths(typeof binaries === 'string' ? binaries : { ...binaries });
  useFastProducts();
}

/**
 * Makes transposed products of matrices fast on wasm: its kernel takes the SIMD path only for plain ones, so that every
 * product of a backward pass is about 25 times slower than it need be. Here operands are transposed first.
 */
function useFastProducts(): void {
  const plain = tf.getKernel('BatchMatMul', 'wasm');
  const transpose = tf.getKernel('Transpose', 'wasm');
  if (!plain || !transpose) return;
  const flipped = (x: tf.TensorInfo, backend: object): tf.TensorInfo => {
    const perm = x.shape.map((_, axis) => axis);
    perm.push(...perm.splice(-2).reverse());
    return transpose.kernelFunc({ inputs: { x }, backend, attrs: { perm } }) as tf.TensorInfo;
  };
  const batch = ({ shape }: tf.TensorInfo): number => shape.slice(0, -2).reduce((product, length) => product * length, 1);
  tf.unregisterKernel('BatchMatMul', 'wasm');
  tf.registerKernel({
    ...plain,
    kernelFunc: (call) => {
      const { inputs, backend, attrs } = call;
      const { a, b } = inputs as { a: tf.TensorInfo; b: tf.TensorInfo };
      const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
      if (batch(a) * batch(b) > 1 || (!transposeA && !transposeB)) return plain.kernelFunc(call);
      const left = transposeA ? flipped(a, backend) : a;
      const right = transposeB ? flipped(b, backend) : b;
      const product = plain.kernelFunc({ inputs: { a: left, b: right }, backend, attrs: { transposeA: false, transposeB: false } });
      const memory = backend as { disposeData(id: object): boolean };
      if (left !== a) memory.disposeData(left.dataId);
      if (right !== b) memory.disposeData(right.dataId);
      return product;
    },
  });
}

/** Limits that tfjs's kernels profit from; the adapter's own are asked for, not the small defaults. */
const LIMITS = [
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxBufferSize',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

/** Registers a WebGPU backend on a device of our own, so that its loss is heard of. */
async function registerWebgpu(adapter: GPUAdapter): Promise<{ readonly lost: Promise<string> }> {
  const { WebGPUBackend } = await import('@tensorflow/tfjs-backend-webgpu');
  const requiredLimits = Object.fromEntries(LIMITS.map((limit) => [limit, adapter.limits[limit]]));
  const device = await adapter.requestDevice({ requiredLimits });
  if ('webgpu' in tf.engine().registryFactory) tf.removeBackend('webgpu');
  tf.registerBackend('webgpu', () => new WebGPUBackend(device, adapter.info));
  return { lost: device.lost.then(({ message }) => `The GPU was lost: ${message.replace(/\.$/, '') || 'no reason given'}.`) };
}
