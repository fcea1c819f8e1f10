// What a run needs to go on where it was, on another executor or in another worker, and where it may be kept.
import type { RunConfig } from '../../config/run.ts';
import type { LaneState } from '../../plan/executor.ts';
import type { GradientNoise } from '../gradient-noise.ts';
import type { Backend, TrainingData } from '../trainer.ts';

/** What is measured after `step` optimizer steps: the held-out loss, nats per token, and where it is asked for the noise of gradients. */
export interface ValidationPoint {
  readonly step: number;
  readonly loss: number;
  readonly noise?: GradientNoise;
}

/** A run under way, at one moment. */
export interface Checkpoint {
  /** Its lane after `state.updates` updates. */
  readonly state: LaneState;
  /** Training losses of those updates, nats per token. */
  readonly losses: Float32Array;
  /** Held-out losses measured so far, in order: the run's own, and those measured for runs that begin alike. */
  readonly validation: readonly ValidationPoint[];
  /** Seconds of training spent so far, those of shared updates not counted. */
  readonly seconds: number;
  /** Of the updates, the first so many were taken over from a run that begins alike. */
  readonly shared: number;
}

/** Keeps checkpoints where they outlive the worker. All methods may fail; training goes on without. */
export interface CheckpointStore {
  /** The last checkpoint saved under a key by anyone, if it can be read. */
  load(key: CheckpointKey): Promise<Checkpoint | undefined>;
  save(key: CheckpointKey, checkpoint: Checkpoint): Promise<void>;
  /** Forgets a run that has ended. */
  remove(key: CheckpointKey): Promise<void>;
}

/** What a checkpoint belongs to. */
export interface CheckpointKey {
  /** Id of the run; names its files. */
  readonly id: string;
  /** All that its numbers depend on. A checkpoint of another content is not this run's. */
  readonly content: string;
}

/** Another meaning of checkpoints, or another way of computing: older ones are then left unread. */
const VERSION = 2;

/** The key of a run trained on a backend with some data. */
export function checkpointKey(id: string, config: RunConfig, backend: Backend, data: TrainingData): CheckpointKey {
  const { training, validation, vocabulary } = data;
  return { id, content: JSON.stringify([VERSION, backend, vocabulary, training.length, validation.length, config]) };
}
