// The bench's WebGPU figures in Node, through Dawn: how a machine with a GPU and no browser is measured.
import { nodeGpu } from '../../workers/node-device.ts';
import { countFlops } from '../../src/model/counts.ts';
import { adapterName, isEmulated } from '../../src/training/devices.ts';
import { factoryOf, gpuOfBench } from './backends.ts';
import { startPopulation, type ExecutorFactory } from './engine.ts';
import { matmulShare } from './matmul-rate.ts';
import { laneGain, peerTimes } from './peer-times.ts';
import { shown, type BenchRow } from './rows.ts';
import { SMALLEST, shapes, type BenchShape } from './shapes.ts';
import { sideBySide } from './timing.ts';

/** Tokens a second of `lanes` lanes of `shape`, and what that is in training FLOPs. */
async function throughput(shape: BenchShape, lanes: number, create: ExecutorFactory): Promise<BenchRow> {
  const engine = await startPopulation('engine', shape, lanes, 1, create);
  await engine.run(2);
  // Turns of about a quarter of a second, so that submissions are long and full.
  const began = performance.now();
  await engine.run(2);
  const steps = Math.max(1, Math.ceil((2 * 250) / (performance.now() - began)));
  const times = await sideBySide([{ ...engine, steps }], 3);
  engine.executor.dispose();
  const seconds = times.milliseconds.get('engine')! / 1000;
  const tokens = (lanes * shape.sequences * shape.model.context) / seconds;
  const rate = (tokens * countFlops(shape.model).training) / 1e9;
  return shown(
    `Dawn: ${lanes} ${lanes === 1 ? 'lane' : 'lanes'}, ${shape.name}`,
    tokens,
    'tokens/second',
    `${rate.toPrecision(3)} GFLOP/s`,
  );
}

/** How many shape classes took each variant of the tiled products. */
function chosenRows({ tune }: Awaited<ReturnType<typeof gpuOfBench>>): BenchRow[] {
  const classes = new Map<string, string[]>();
  for (const [key, { tile }] of tune.chosen) {
    const variant = Object.values(tile).join(' ');
    classes.set(variant, [...(classes.get(variant) ?? []), key]);
  }
  return [...classes].map(([variant, keys]) => shown(`Dawn: tile ${variant}`, keys.length, 'shape classes', keys.join('; ')));
}

/** Rows of the GPU that Dawn finds; none where it finds none. */
export async function gpuRows(): Promise<BenchRow[]> {
  const adapter = await (await nodeGpu())?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) return [];
  const emulated = isEmulated(adapter.info);
  await import('@tensorflow/tfjs-backend-webgpu');
  const create = await factoryOf('webgpu');
  const rows = [await laneGain('webgpu', SMALLEST, 32, emulated ? 1.2 : 10, create, 3)];
  // The rest says nothing of a CPU in disguise that the browser's rows do not say.
  if (!emulated) {
    rows.push(...(await peerTimes('webgpu', create, 3, { withJax: false })));
    for (const shape of [SMALLEST, shapes.small, shapes.middle, shapes.wide])
      for (const lanes of [1, 4, 16, 64]) rows.push(await throughput(shape, lanes, create));
    rows.push(await matmulShare('webgpu', create));
    rows.push(...chosenRows(await gpuOfBench()));
  }
  return rows.map((row) => ({ ...row, name: `${row.name} (Node, ${adapterName(adapter.info)})` }));
}
