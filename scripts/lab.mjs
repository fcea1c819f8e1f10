// `npm run -s lab -- …`: runs the command line from its bundle. src/cli/main.ts exports `main(arguments)`, which resolves
// with the exit code. Nothing here writes to standard output.
import { setFlagsFromString } from 'node:v8';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { labBundle } from './lab-bundle.mjs';

// Relaxed SIMD is about a fifth faster, and what browsers have; Node has it without a flag from version 22 on.
if (Number(process.versions.node.split('.')[0]) < 22) setFlagsFromString('--experimental-wasm-relaxed-simd');

try {
  const { main } = await import(pathToFileURL(join(await labBundle(), 'main.js')).href);
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`The command line could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
