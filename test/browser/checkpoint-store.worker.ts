// A worker that keeps and finds checkpoints, for the test beside it; it can be ended in the middle of anything.
import { expose } from 'comlink';
import { openCheckpointStore } from '../../src/training/engine/checkpoint-store.ts';
import type { Checkpoint, CheckpointKey } from '../../src/training/engine/checkpoint.ts';

const store = openCheckpointStore();

export interface StoreWorker {
  load(key: CheckpointKey): Promise<Checkpoint | undefined>;
  save(key: CheckpointKey, checkpoint: Checkpoint): Promise<void>;
  remove(key: CheckpointKey): Promise<void>;
  /** Saves without end. */
  saveOn(key: CheckpointKey, checkpoint: Checkpoint): Promise<void>;
}

const opened = async () => {
  const found = await store;
  if (!found) throw new Error('This browser has no private files.');
  return found;
};

const service: StoreWorker = {
  load: async (key) => (await opened()).load(key),
  save: async (key, checkpoint) => (await opened()).save(key, checkpoint),
  remove: async (key) => (await opened()).remove(key),
  saveOn: async (key, checkpoint) => {
    for (let updates = 1; ; updates++) {
      const state = { ...checkpoint.state, updates, parameters: checkpoint.state.parameters.fill(updates) };
      await (await opened()).save(key, { ...checkpoint, state, losses: new Float32Array(updates).fill(updates) });
    }
  },
};

expose(service);
