// The command line as Node can run it: TypeScript sources, and tfjs's modules, which Node cannot load as they are
// published, bundled into .cache/lab/ whenever anything has changed.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { prepareKernels } from './kernels.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, '.cache/lab');
const ENTRIES = { main: join(ROOT, 'src/cli/main.ts'), 'training.node': join(ROOT, 'workers/training.node.ts') };
/** Milliseconds after which the bundle of older sources is removed: a command that still runs may load parts of it. */
const KEEP = 7 * 24 * 3600 * 1000;

/**
 * The folder of the bundle of the sources as they are, made if need be: `main.js` (src/cli/main.ts) and
 * `training.node.js` (workers/training.node.ts). Nothing is printed to standard output.
 */
export async function labBundle() {
  await prepareKernels();
  const folder = join(CACHE, fingerprint());
  if (existsSync(folder)) return folder;
  removeOld();
  const unfinished = join(CACHE, `unfinished-${process.pid}`);
  try {
    await bundleInto(unfinished, ENTRIES);
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another command may have built the same in the meantime.
    if (!existsSync(folder)) throw error;
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Bundles entry files, by name, into a folder. */
export async function bundleInto(outDir, input) {
  const { build: viteBuild } = await import('vite');
  await viteBuild({
    configFile: false,
    root: ROOT,
    logLevel: 'silent',
    publicDir: false,
    build: {
      ssr: true,
      target: 'node20',
      outDir,
      emptyOutDir: true,
      minify: false,
      rollupOptions: {
        input,
        output: { format: 'esm', entryFileNames: '[name].js', chunkFileNames: '[name]-[hash].js' },
      },
    },
    // `webgpu` is a native module: it stays where it is installed.
    ssr: { noExternal: true, external: ['webgpu'] },
  });
}

/** Hexadecimal digits that change with anything the bundle is made of. */
function fingerprint() {
  const hash = createHash('sha256');
  const files = ['src', 'workers'].flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name)),
  );
  for (const file of [...files.sort(), join(ROOT, 'package-lock.json'), fileURLToPath(import.meta.url)])
    hash.update(file).update('\0').update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

function removeOld() {
  if (!existsSync(CACHE)) return;
  for (const name of readdirSync(CACHE)) {
    const folder = join(CACHE, name);
    if (Date.now() - statSync(folder).mtimeMs > KEEP) rmSync(folder, { recursive: true, force: true });
  }
}
