// `npm run bench`: every figure of the engine, in one run on the machine it is on. In Chromium for what needs a
// browser, in Node for the host budget and the bowl. Options: --json FILE, --only PART (groups whose name holds it).
import { writeFileSync } from 'node:fs';
import { cpus, platform, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { createServer } from 'vite';
import { benchInNode } from './bench-node.mjs';
import { chromiumArguments, chromiumPath } from './chromium.mjs';
import { prepareKernels } from './kernels.mjs';

const { values } = parseArgs({ options: { json: { type: 'string' }, only: { type: 'string', default: '' } } });
const rows = [];
let device;

const add = (more) => {
  for (const row of more) {
    rows.push(row);
    const mark = row.met === undefined ? ' ' : row.met ? '✓' : '✗';
    console.log(
      `${mark} ${row.name}: ${Number(row.value.toPrecision(4))} ${row.unit}${row.target ? ` (${row.target})` : ''}${row.from ? `   [${row.from}]` : ''}`,
    );
  }
};
const failed = (group, error) => {
  console.log(`✗ ${group}: ${String(error?.message ?? error).split('\n')[0]}`);
  rows.push({ name: group, value: null, unit: '', target: 'runs', met: false, from: String(error?.message ?? error).split('\n')[0] });
};

await prepareKernels();
// Nothing may reload a page that measures: no watching, and every library made ready before.
const server = await createServer({
  logLevel: 'error',
  server: { port: 0, watch: null, hmr: false },
  optimizeDeps: { include: ['@jax-js/jax', '@tensorflow/tfjs-core/dist/train'], entries: ['test/bench/index.html'] },
});
await server.listen();
const address = `${server.resolvedUrls.local[0]}test/bench/index.html`;
const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArguments, '--enable-precise-memory-info'] });

/** A fresh page of the bench. */
async function open() {
  const page = await browser.newPage();
  await page.goto(address);
  await page.waitForFunction(() => 'bench' in globalThis, undefined, { timeout: 120_000 });
  return page;
}

try {
  const first = await open();
  device = await first.evaluate(() => globalThis.bench.adapter());
  const groups = await first.evaluate(() => globalThis.bench.groups);
  await first.close();
  for (const group of groups.filter((name) => name.includes(values.only))) {
    if (group.startsWith('webgpu') && !device) continue;
    const page = await open();
    try {
      add(await page.evaluate(([name, emulated]) => globalThis.bench.run(name, emulated), [group, device?.emulated ?? false]));
    } catch (error) {
      failed(group, error);
    }
    await page.close();
  }
} finally {
  await browser.close();
  await server.close();
}
await benchInNode({ only: values.only, add, failed });

const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  memoryGigabytes: Math.round(totalmem() / 1e9),
  platform: `${platform()}, Node ${process.version}`,
  webgpu: device ? `${device.name}${device.emulated ? ' (emulated)' : ''}` : 'none',
  date: new Date().toISOString().slice(0, 10),
};
if (values.json) writeFileSync(values.json, `${JSON.stringify({ machine, rows }, undefined, 1)}\n`);
const targets = rows.filter((row) => row.met !== undefined);
console.log(
  `${targets.filter((row) => row.met).length} of ${targets.length} targets met on ${machine.processor}, ${machine.cores} cores; WebGPU: ${machine.webgpu}.`,
);
