// Which backend to train on: a real GPU if there is one, else SIMD WebAssembly on the CPU, else what the user says.
import { InputError, type Sentence } from '../messages/sentence.ts';
import type { Backend, DeviceReport } from './trainer.ts';

/** A backend that was decided on. */
export interface DeviceChoice extends Omit<DeviceReport, 'engine'> {
  /** WebGPU only: not yet used for a device. */
  readonly adapter?: GPUAdapter;
}

/** The name of the CPU path, for the page. */
export const WASM_DEVICE = 'CPU, SIMD WebAssembly';

const SOFTWARE = /swiftshader|llvmpipe|lavapipe|softpipe|basic render/i;

/** Whether an adapter is a CPU in disguise: the browser says so, or its name is that of a software renderer. */
export function isEmulated(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || SOFTWARE.test([info.vendor, info.architecture, info.device, info.description].join(' '));
}

/** An adapter's own name: its description, or as much of vendor, architecture and device as it tells. */
export function adapterName(info: GPUAdapterInfo): string {
  const parts = [info.vendor, info.architecture, info.device].filter((part) => part !== '');
  if (info.description === '') return parts.join(' ') || 'GPU';
  return parts.length === 0 ? info.description : `${info.description} (${parts.join(' ')})`;
}

/**
 * Decides on a backend.
 * @param wanted `auto` takes a real GPU if there is one, else wasm, with a notice that says why
 * @param gpu `navigator.gpu`; undefined where there is no WebGPU
 * @throws InputError when WebGPU was asked for by name and there is no adapter at all
 */
export async function chooseDevice(wanted: Backend | 'auto', gpu: GPU | undefined): Promise<DeviceChoice> {
  switch (wanted) {
    case 'cpu':
      return { backend: 'cpu', device: 'CPU, plain JavaScript', emulated: false, features: [] };
    case 'wasm':
      return onWasm();
    case 'auto':
    case 'webgpu': {
      const adapter = await requestAdapter(gpu);
      if (adapter === null) {
        if (wanted === 'webgpu') throw new InputError(gpu ? noAdapter('choose') : noWebgpu('choose'));
        return onWasm(gpu ? noAdapter('taken') : noWebgpu('taken'));
      }
      const emulated = isEmulated(adapter.info);
      const device = adapterName(adapter.info);
      if (emulated && wanted === 'auto') return onWasm(onlyEmulated(device));
      return { backend: 'webgpu', device, emulated, features: notableFeatures(adapter), adapter };
    }
    default:
      throw new Error(`no backend ${JSON.stringify(wanted satisfies never)}`);
  }
}

/** The adapter most able to compute, or null. A browser that fails at the question has none. */
export async function requestAdapter(gpu: GPU | undefined): Promise<GPUAdapter | null> {
  if (!gpu) return null;
  try {
    return await gpu.requestAdapter({ powerPreference: 'high-performance' });
  } catch {
    return null;
  }
}

function onWasm(notice?: Sentence): DeviceChoice {
  return { backend: 'wasm', device: WASM_DEVICE, emulated: false, features: [], ...(notice && { notice }) };
}

function notableFeatures(adapter: GPUAdapter): string[] {
  return ['shader-f16', 'subgroups', 'timestamp-query'].filter((feature) => adapter.features.has(feature));
}

type WhatThen = 'taken' | 'choose';

const then: Record<WhatThen, Sentence> = {
  taken: { en: 'training runs on the CPU with SIMD WebAssembly', zh: '改用 CPU 上的 SIMD WebAssembly 训练' },
  choose: { en: 'choose wasm instead', zh: '请改选 wasm' },
};

const noWebgpu = (what: WhatThen): Sentence => ({
  en: `There is no WebGPU here; ${then[what].en}.`,
  zh: `此处没有 WebGPU；${then[what].zh}。`,
});

const noAdapter = (what: WhatThen): Sentence => ({
  en: `WebGPU finds no GPU here; ${then[what].en}.`,
  zh: `WebGPU 在此处找不到 GPU；${then[what].zh}。`,
});

const onlyEmulated = (device: string): Sentence => ({
  en: `The only WebGPU adapter here, ${device}, is a CPU in disguise, and slower than WebAssembly; ${then.taken.en}.`,
  zh: `此处唯一的 WebGPU 适配器（${device}）由 CPU 模拟，比 WebAssembly 更慢；${then.taken.zh}。`,
});
