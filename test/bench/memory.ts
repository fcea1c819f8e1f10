// Whether memory stays what the plan said over many steps.
import { executorBytes } from '../../src/training/engine/memory.ts';
import { modelPlans } from '../../src/plan/model-plans.ts';
import { startPopulation, type ExecutorFactory } from './engine.ts';
import { atMost, type BenchRow } from './rows.ts';
import { shapes } from './shapes.ts';

/** Bytes the executor holds after `steps` steps over those its plan said, and how much the heap grew. */
export async function memoryOver(steps: number, backend: 'webgpu' | 'wasm', create: ExecutorFactory): Promise<BenchRow[]> {
  const shape = { ...shapes.small, sequences: 1 };
  const engine = await startPopulation('engine', shape, 1, steps, create);
  const heap = (): number => (performance as unknown as { memory?: { usedJSHeapSize: number } }).memory?.usedJSHeapSize ?? 0;
  await engine.run(200);
  const planned = executorBytes(modelPlans(shape.model, 1), 1, { activationsPerLane: backend === 'webgpu' });
  const before = { bytes: engine.executor.bytes, heap: heap() };
  await engine.run(steps);
  const grown = (heap() - before.heap) / 1e6;
  const after = engine.executor.bytes;
  engine.executor.dispose();
  return [
    atMost(
      `${backend}: bytes after ${steps} steps ÷ bytes before them`,
      after / before.bytes,
      '×',
      1,
      `${after} bytes held, ${planned} said by the plan`,
    ),
    atMost(`${backend}: JavaScript heap grown over ${steps} steps`, grown, 'megabytes', 20),
  ];
}
