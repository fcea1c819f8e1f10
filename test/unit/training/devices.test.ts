// The choice of a backend, with adapters made up.
import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/messages/sentence.ts';
import { adapterName, chooseDevice, isEmulated } from '../../../src/training/devices.ts';

const info = (more: Partial<GPUAdapterInfo>): GPUAdapterInfo => ({
  __brand: 'GPUAdapterInfo',
  vendor: '',
  architecture: '',
  device: '',
  description: '',
  isFallbackAdapter: false,
  subgroupMinSize: 4,
  subgroupMaxSize: 128,
  ...more,
});

const gpuWith = (adapter: Partial<GPUAdapterInfo> | null, features: string[] = []): GPU =>
  ({ requestAdapter: () => Promise.resolve(adapter && { info: info(adapter), features: new Set(features) }) }) as unknown as GPU;

const real = gpuWith({ vendor: 'nvidia', architecture: 'ada' }, ['shader-f16', 'depth-clip-control']);
const emulated = gpuWith({ vendor: 'google', architecture: 'swiftshader', isFallbackAdapter: true });
const broken = { requestAdapter: () => Promise.reject(new Error('crashed')) } as unknown as GPU;

describe('auto', () => {
  it('takes a real adapter, by its name', async () => {
    expect(await chooseDevice('auto', real)).toMatchObject({
      backend: 'webgpu',
      device: 'nvidia ada',
      emulated: false,
      features: ['shader-f16'],
    });
  });

  it.each([
    ['no WebGPU', undefined],
    ['no adapter', gpuWith(null)],
    ['an adapter that says it is emulated', emulated],
    ['an adapter whose name says so', gpuWith({ vendor: 'mesa', description: 'llvmpipe (LLVM 15.0.6, 256 bits)' })],
    ['a browser that fails at the question', broken],
  ])('takes WebAssembly where there is %s, and says why', async (_, gpu) => {
    const { backend, notice, emulated, adapter } = await chooseDevice('auto', gpu);
    expect(backend).toBe('wasm');
    expect(emulated).toBe(false);
    expect(adapter).toBeUndefined();
    expect(notice?.en).toMatch(/WebAssembly/);
    expect(notice?.zh).toMatch(/WebAssembly/);
  });
});

describe('a choice by name', () => {
  it('stands: an emulated GPU is used, and said to be one', async () => {
    const choice = await chooseDevice('webgpu', emulated);
    expect(choice).toMatchObject({ backend: 'webgpu', emulated: true });
    expect(choice.notice).toBeUndefined();
    expect(await chooseDevice('wasm', real)).toMatchObject({ backend: 'wasm' });
    expect((await chooseDevice('wasm', real)).notice).toBeUndefined();
    expect(await chooseDevice('cpu', real)).toMatchObject({ backend: 'cpu' });
  });

  it.each([undefined, gpuWith(null), broken])('of a GPU that is not there is refused in one sentence', async (gpu) => {
    await expect(chooseDevice('webgpu', gpu)).rejects.toBeInstanceOf(InputError);
  });
});

it('an adapter is named by its description, or by what it tells', () => {
  expect(adapterName(info({ vendor: 'intel', architecture: 'xe', description: 'Intel(R) Iris(R) Xe' }))).toBe(
    'Intel(R) Iris(R) Xe (intel xe)',
  );
  expect(adapterName(info({ vendor: 'apple', architecture: 'metal-3' }))).toBe('apple metal-3');
  expect(adapterName(info({}))).toBe('GPU');
});

it('software renderers are known by name', () => {
  expect(isEmulated(info({ vendor: 'microsoft', description: 'Microsoft Basic Render Driver' }))).toBe(true);
  expect(isEmulated(info({ vendor: 'amd', architecture: 'rdna-3' }))).toBe(false);
});
