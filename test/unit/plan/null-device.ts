// A GPU device that does nothing, for what the host does: Dawn's null backend, whose calls are counted, and which is made
// to answer every submission as if the work had been done, with losses of 1.
import { create, globals } from 'webgpu';
import { CONTROL } from '../../../src/ops/wgsl/kernel.ts';
import { openDevice } from '../../../src/plan/webgpu/device.ts';
import { RESULTS } from '../../../src/plan/webgpu/step-kernels.ts';

/** Held on to: Dawn does not survive that it is collected before its devices. */
const instances: GPU[] = [];

/** Calls so far. */
export interface Calls {
  dispatches: number;
  submits: number;
  passes: number;
  bindGroups: number;
  buffers: number;
  /** Of all buffers that were made together, and of the largest of them. */
  bytes: number;
  largestBuffer: number;
  pipelines: number;
  writes: number;
}

/**
 * Opens the device. Node alone has it; one at a time.
 * @param lanes of the executors that are to run on it
 * @returns the device, and a GPU that gives out that device alone
 */
export async function openNullDevice(
  lanes: number,
): Promise<{ readonly gpu: GPU; readonly device: GPUDevice; readonly calls: Calls; close(): void }> {
  Object.assign(globalThis, globals);
  const instance = create(['backend=null']);
  instances.push(instance);
  const adapter = await instance.requestAdapter();
  if (!adapter) throw new Error('Dawn has no null backend here.');
  const device = await openDevice(adapter);
  const calls: Calls = {
    dispatches: 0,
    submits: 0,
    passes: 0,
    bindGroups: 0,
    buffers: 0,
    bytes: 0,
    largestBuffer: 0,
    pipelines: 0,
    writes: 0,
  };
  const restore: (() => void)[] = [];
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- methods of any signature are wrapped
  const watch = <T extends object, K extends keyof T>(prototype: T, name: K, before: (this: any, ...given: any[]) => void): void => {
    const original = prototype[name] as (...given: unknown[]) => unknown;
    prototype[name] = function (this: unknown, ...given: unknown[]) {
      before.apply(this, given);
      return original.apply(this, given);
    } as T[K];
    restore.push(() => (prototype[name] = original as T[K]));
  };
  /** Tickets of submissions that have not been read yet. */
  const tickets: number[] = [];
  let ticket: number | undefined;
  let copies = false;
  watch(GPUCommandEncoder.prototype, 'copyBufferToBuffer', () => (copies = true));
  watch(GPUComputePassEncoder.prototype, 'dispatchWorkgroups', () => calls.dispatches++);
  watch(GPUCommandEncoder.prototype, 'beginComputePass', () => calls.passes++);
  watch(GPUDevice.prototype, 'createBindGroup', () => calls.bindGroups++);
  watch(GPUDevice.prototype, 'createBuffer', ({ size }: GPUBufferDescriptor) => {
    calls.buffers++;
    calls.bytes += size;
    calls.largestBuffer = Math.max(calls.largestBuffer, size);
  });
  watch(GPUDevice.prototype, 'createComputePipelineAsync', () => calls.pipelines++);
  watch(GPUQueue.prototype, 'writeBuffer', (_buffer: GPUBuffer, at: number, data: unknown) => {
    calls.writes++;
    if (at === 0 && data instanceof Uint32Array) ticket = data[CONTROL.ticket];
  });
  watch(GPUQueue.prototype, 'submit', () => {
    calls.submits++;
    // Set-up, measurements and the reading of lanes are submissions whose results nobody reads by their ticket.
    if (copies && ticket !== undefined) tickets.push(ticket);
    [ticket, copies] = [undefined, false];
  });
  const original = Object.getOwnPropertyDescriptor(GPUBuffer.prototype, 'getMappedRange')!;
  const getMappedRange = original.value as (offset?: number, size?: number) => ArrayBuffer;
  GPUBuffer.prototype.getMappedRange = function (this: GPUBuffer, offset?: number, size?: number) {
    const range = getMappedRange.call(this, offset, size);
    const words = new Uint32Array(range);
    words.fill(0x3f80_0000, RESULTS.losses);
    words[RESULTS.ticket] = tickets.shift() ?? 0;
    words[RESULTS.steps] = (words.length - RESULTS.losses) / lanes;
    return range;
  };
  restore.push(() => Object.defineProperty(GPUBuffer.prototype, 'getMappedRange', original));
  const close = (): void => {
    for (const undo of restore) undo();
    device.destroy();
  };
  const served = { limits: adapter.limits, requestDevice: () => Promise.resolve(device) };
  const gpu = { requestAdapter: () => Promise.resolve(served) } as unknown as GPU;
  return { gpu, device, calls, close };
}
