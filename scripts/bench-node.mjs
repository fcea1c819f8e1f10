// The part of the bench that runs in Node: launches a step and the host's time, a GPU where Dawn finds one, and the bowl at size `minutes` from start to end.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundleInto } from './lab-bundle.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, '.cache');

/** Groups by name; each resolves with rows. */
const groups = {
  async 'node host'(folder) {
    await bundleInto(folder, { node: join(ROOT, 'test/bench/node.ts') });
    const { hostRows } = await import(pathToFileURL(join(folder, 'node.js')).href);
    return hostRows();
  },
  async 'node gpu'(folder) {
    await bundleInto(folder, { gpu: join(ROOT, 'test/bench/gpu-node.ts') });
    const { gpuRows } = await import(pathToFileURL(join(folder, 'gpu.js')).href);
    return gpuRows();
  },
  'node bowl'(folder) {
    const began = performance.now();
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'scripts/lab.mjs'), 'run', 'bowl', '--size', 'minutes', '--backend', 'wasm', '--out', join(folder, 'runs.jsonl')],
      { encoding: 'utf8', maxBuffer: 2 ** 28 },
    );
    if (status !== 0) throw new Error(stderr.trim().split('\n').at(-1));
    const minutes = (performance.now() - began) / 60_000;
    return [
      {
        name: 'wasm: the bowl at size minutes, from start to end',
        value: minutes,
        unit: 'minutes',
        target: '≤ 3',
        met: minutes <= 3,
        from: '',
      },
    ];
  },
};

/** Runs the groups whose name holds `only`. */
export async function benchInNode({ only, add, failed }) {
  for (const [name, run] of Object.entries(groups)) {
    if (!name.includes(only)) continue;
    // Within the repository, where native modules are found.
    mkdirSync(CACHE, { recursive: true });
    const folder = mkdtempSync(join(CACHE, 'bench-'));
    try {
      add(await run(folder));
    } catch (error) {
      failed(name, error);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}
