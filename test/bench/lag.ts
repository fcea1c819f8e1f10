// How long a training worker keeps a message waiting.
import { atMost, type BenchRow } from './rows.ts';
import { median } from './timing.ts';

/** Pings a worker that trains every 10 ms for `seconds`, and reports the 99th percentile of the round trip. */
export async function eventLoopLag(backend: 'webgpu' | 'wasm', seconds: number): Promise<BenchRow> {
  const worker = new Worker(new URL('./lag.worker.ts', import.meta.url), { type: 'module' });
  const delays: number[] = [];
  await new Promise<void>((resolve, reject) => {
    worker.addEventListener('error', (event) => reject(new Error(event.message)));
    worker.addEventListener('message', (event: MessageEvent<number | 'training'>) => {
      if (event.data === 'training') resolve();
      else delays.push(performance.now() - event.data);
    });
    worker.postMessage({ kind: 'start', backend });
  });
  const end = performance.now() + 1000 * seconds;
  while (performance.now() < end) {
    worker.postMessage({ kind: 'ping', sent: performance.now() });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  worker.postMessage({ kind: 'stop' });
  await new Promise((resolve) => setTimeout(resolve, 500));
  worker.terminate();
  const sorted = delays.sort((a, b) => a - b);
  const high = sorted[Math.floor(0.99 * (sorted.length - 1))];
  return atMost(
    `${backend}: event-loop lag of a training worker, 99 %`,
    high,
    'milliseconds',
    5,
    `median ${median(sorted).toFixed(2)} ms of ${sorted.length} pings`,
  );
}
