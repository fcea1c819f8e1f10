// What a browser would offer a trainer, in Node: WebGPU through the `webgpu` package (Dawn), and tfjs's wasm binaries.
import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';

const require = createRequire(import.meta.url);

/** The folder of tfjs's wasm binaries. */
export function nodeWasmBinaries(): string {
  return join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm/package.json')), 'dist') + sep;
}

let gpu: Promise<GPU | undefined> | undefined;

/** `navigator.gpu` as Dawn offers it, made on the first call; undefined where Dawn finds no adapter or has no build for this system. */
export function nodeGpu(): Promise<GPU | undefined> {
  return (gpu ??= startDawn());
}

async function startDawn(): Promise<GPU | undefined> {
  if (!(await findsAdapter())) return undefined;
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const instance = create([]);
  // tfjs's backend reads the global; newer versions of Node have a navigator of their own that cannot be assigned to.
  Object.defineProperty(globalThis, 'navigator', { value: { gpu: instance, userAgent: 'Node' }, configurable: true });
  return instance;
}

/** Milliseconds that a driver may take to answer. */
const PATIENCE = 30_000;

/** Asks in a process of its own: where drivers are missing Dawn complains on standard error, and where they are broken it may crash. */
function findsAdapter(): Promise<boolean> {
  let address: string;
  try {
    address = pathToFileURL(require.resolve('webgpu')).href;
  } catch {
    return Promise.resolve(false);
  }
  const question = `const { create } = await import(${JSON.stringify(address)});
    process.exit((await create([]).requestAdapter()) ? 0 : 1);`;
  return new Promise((resolve) => {
    execFile(process.execPath, ['--input-type=module', '--eval', question], { timeout: PATIENCE }, (error) => resolve(error === null));
  });
}
