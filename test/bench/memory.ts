// Whether memory stays what the plan said over many steps.
import { modelPlans } from '../../src/plan/model-plans.ts';
import type { FootprintOf } from '../../src/plan/executor.ts';
import { startPopulation, tokenSource, type ExecutorFactory } from './engine.ts';
import { atMost, type BenchRow } from './rows.ts';
import { shapes } from './shapes.ts';

/** How far the bytes that the executor holds before and after `steps` steps are from those said before it was made, and how much the heap grew. */
export async function memoryOver(
  steps: number,
  backend: 'webgpu' | 'wasm',
  create: ExecutorFactory,
  footprint: FootprintOf,
): Promise<BenchRow[]> {
  const shape = { ...shapes.small, sequences: 1 };
  const { bytes: said } = footprint(modelPlans(shape.model, shape.sequences), [1], tokenSource(shape));
  const engine = await startPopulation('engine', shape, 1, steps, create);
  const heap = (): number => (performance as unknown as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? 0;
  await engine.run(200);
  const before = { bytes: engine.executor.bytes, heap: heap() };
  await engine.run(steps);
  const grown = (heap() - before.heap) / 1e6;
  const after = engine.executor.bytes;
  engine.executor.dispose();
  const off = Math.max(Math.abs(before.bytes - said), Math.abs(after - said));
  const from = `${said} bytes said before anything was allocated, ${before.bytes} held after 200 steps, ${after} after ${steps} more`;
  return [
    atMost(`${backend}: bytes held over ${steps} steps that the plan did not say, or said and were not held`, off, 'bytes', 0, from),
    atMost(`${backend}: JavaScript heap grown over ${steps} steps`, grown, 'megabytes', 20),
  ];
}
