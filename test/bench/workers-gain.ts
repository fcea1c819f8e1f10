// What a second worker brings on wasm: populations are spread over cores, and nothing is shared between them.
import { atLeast, type BenchRow } from './rows.ts';
import { median } from './timing.ts';

const STEPS = 150;

/** One worker with a population of its own; `run` resolves with milliseconds when its steps are done. */
async function start(): Promise<{ run(): Promise<number>; end(): void }> {
  const worker = new Worker(new URL('./population.worker.ts', import.meta.url), { type: 'module' });
  const answer = (): Promise<number> =>
    new Promise((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<number>) => resolve(event.data);
      worker.onerror = (event) => reject(new Error(event.message));
    });
  await answer();
  return {
    run() {
      const done = answer();
      worker.postMessage(STEPS);
      return done;
    },
    end: () => worker.terminate(),
  };
}

/** Steps a second of two workers over those of one of them, in alternating rounds. */
export async function workersGain(): Promise<BenchRow> {
  const workers = [await start(), await start()];
  await Promise.all(workers.map((worker) => worker.run()));
  const gains: number[] = [];
  for (let round = 0; round < 5; round++) {
    const alone = await workers[round % 2].run();
    const together = await Promise.all(workers.map((worker) => worker.run()));
    gains.push(together.reduce((sum, time) => sum + alone / time, 0));
  }
  for (const worker of workers) worker.end();
  return atLeast(
    'wasm: steps a second of 2 workers ÷ 1 worker, L2 d32 B16 T64 V64',
    median(gains),
    '×',
    1.9,
    gains.map((gain) => gain.toFixed(2)).join(', '),
  );
}
