// The store of checkpoints in a browser's own private files: what one worker keeps, the next finds, even when the first
// was ended while it wrote.
import { wrap, type Remote } from 'comlink';
import { afterEach, expect, it } from 'vitest';
import { openCheckpointStore } from '../../src/training/engine/checkpoint-store.ts';
import type { Checkpoint, CheckpointKey } from '../../src/training/engine/checkpoint.ts';
import type { StoreWorker } from './checkpoint-store.worker.ts';

const workers: Worker[] = [];

function start(): { readonly store: Remote<StoreWorker>; readonly worker: Worker } {
  const worker = new Worker(new URL('./checkpoint-store.worker.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  return { store: wrap<StoreWorker>(worker), worker };
}

afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

const checkpoint = (updates: number, length = 5): Checkpoint => ({
  state: {
    parameters: new Float32Array(length).fill(updates),
    mean: new Float32Array(length).fill(-1),
    square: new Float32Array(length).fill(2),
    updates,
    pending: undefined,
  },
  losses: new Float32Array(updates).fill(3),
  validation: [{ step: 1, loss: 2.5 }],
  seconds: 1.5,
  shared: 0,
});
const key = (content: string): CheckpointKey => ({ id: `run ${content}`, content });

it('another worker finds the last checkpoint of a run, until the run is forgotten', async () => {
  const first = start().store;
  await first.remove(key('a'));
  expect(await first.load(key('a'))).toBeUndefined();
  for (const updates of [3, 4, 5]) await first.save(key('a'), checkpoint(updates));
  const second = start().store;
  expect(await second.load(key('a'))).toEqual(checkpoint(5));
  expect(await second.load({ ...key('a'), content: 'another' })).toBeUndefined();
  await second.save(key('a'), checkpoint(6));
  expect(await start().store.load(key('a'))).toEqual(checkpoint(6));
  await second.remove(key('a'));
  expect(await start().store.load(key('a'))).toBeUndefined();
});

it('a worker ended while it writes leaves a whole checkpoint', async () => {
  for (const milliseconds of [150, 230, 310]) {
    const { store, worker } = start();
    await store.remove(key('b'));
    await store.load(key('b'));
    void store.saveOn(key('b'), checkpoint(1, 200_000));
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
    worker.terminate();
    // Ending a worker takes effect at once; the lock on its file may take a moment.
    await new Promise((resolve) => setTimeout(resolve, 50));
    const found = await start().store.load(key('b'));
    if (!found) throw new Error('no checkpoint was left');
    expect(found.losses).toHaveLength(found.state.updates);
    expect(new Set(found.state.parameters)).toEqual(new Set([found.state.updates]));
  }
});

it('on the page itself, which has no synchronous files, there is no store', async () => {
  expect(await openCheckpointStore()).toBeUndefined();
});
