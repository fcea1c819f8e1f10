// What a browser would offer a trainer, in Node: WebGPU through the `webgpu` package (Dawn), and tfjs's wasm binaries.
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

/** The folder of tfjs's wasm binaries. */
export function nodeWasmBinaries(): string {
  const entry = createRequire(import.meta.url).resolve('@tensorflow/tfjs-backend-wasm/package.json');
  return join(dirname(entry), 'dist') + sep;
}

let gpu: Promise<GPU | undefined> | undefined;

/** `navigator.gpu` as Dawn offers it, made on the first call; undefined where the package has no build for this system. */
export function nodeGpu(): Promise<GPU | undefined> {
  return (gpu ??= startDawn());
}

async function startDawn(): Promise<GPU | undefined> {
  try {
    const { create, globals } = await import('webgpu');
    Object.assign(globalThis, globals);
    const instance = create([]);
    // tfjs's backend reads the global; newer versions of Node have a navigator of their own that cannot be assigned to.
    Object.defineProperty(globalThis, 'navigator', { value: { gpu: instance, userAgent: 'Node' }, configurable: true });
    return instance;
  } catch {
    return undefined;
  }
}
