// Compiles the SIMD kernels (src/ops/simd, AssemblyScript) and writes them into a module, src/plan/wasm/kernels.generated.ts:
// once with SIMD alone, once with relaxed SIMD, whose multiply-add rounds once where the processor can. Done only when
// the sources, this file or the compiler have changed. Everything it says goes to standard error.
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const SOURCES = join(ROOT, 'src/ops/simd');
const GENERATED = join(ROOT, 'src/plan/wasm/kernels.generated.ts');
const FLAGS = ['-O3', '--noAssert', '--runtime', 'stub', '--importMemory', '--use', 'abort=', '--enable', 'simd'];

/** Makes the module if it is missing or out of date. @throws Error with the compiler's messages */
export async function prepareKernels() {
  const stamp = fingerprint();
  if (existsSync(GENERATED) && readFileSync(GENERATED, 'utf8').startsWith(`// ${stamp}\n`)) return;
  console.error('Compiling the SIMD kernels …');
  const plain = await compile([]);
  const relaxed = await compile(['--enable', 'relaxed-simd']);
  const { exports } = await WebAssembly.instantiate(await WebAssembly.compile(Buffer.from(plain, 'base64')), {
    env: { memory: new WebAssembly.Memory({ initial: 1 }) },
  });
  const unfinished = `${GENERATED}.${process.pid}`;
  writeFileSync(
    unfinished,
    [
      `// ${stamp}`,
      '// Made by scripts/kernels.mjs from src/ops/simd; not to be edited.',
      '',
      '/** Bytes at the start of the memory that belong to the kernels. */',
      `export const reservedBytes = ${exports.reservedBytes()};`,
      '',
      '/** The kernels, base64, for any engine with SIMD. */',
      `export const plainKernels = '${plain}';`,
      '',
      '/** The same with the multiply-add of relaxed SIMD. */',
      `export const relaxedKernels = '${relaxed}';`,
      '',
    ].join('\n'),
  );
  renameSync(unfinished, GENERATED);
}

/** One build, as base64. */
async function compile(flags) {
  const { default: asc } = await import('assemblyscript/asc');
  const folder = mkdtempSync(join(tmpdir(), 'kernels-'));
  try {
    const file = join(folder, 'kernels.wasm');
    const { error, stderr } = await asc.main([join(SOURCES, 'index.ts'), '--outFile', file, ...FLAGS, ...flags]);
    if (error) throw new Error(`The SIMD kernels do not compile.\n${stderr.toString()}`);
    return readFileSync(file).toString('base64');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Hexadecimal digits that change with anything the kernels are made of. */
function fingerprint() {
  const compiler = JSON.parse(readFileSync(join(ROOT, 'node_modules/assemblyscript/package.json'), 'utf8')).version;
  const hash = createHash('sha256').update(compiler);
  const files = readdirSync(SOURCES)
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => join(SOURCES, name));
  for (const file of [...files, fileURLToPath(import.meta.url)]) hash.update('\0').update(readFileSync(file));
  return hash.digest('hex').slice(0, 16);
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) await prepareKernels();
