// Where predictions and their outcomes are kept: hits and misses alike, nothing is ever replaced or removed.
import type { FrozenPrediction, PredictionEntry, PredictionOutcome } from './prediction.ts';

/** A prediction and what became of it. */
export interface KeptPrediction {
  readonly prediction: FrozenPrediction;
  /** The first that was written down after it; undefined while the run has not ended. */
  readonly outcome: PredictionOutcome | undefined;
}

/** Keeps predictions. Entries can be added and read, never changed. Methods reject with an InputError (one sentence). */
export interface PredictionStore {
  /** Adds an entry. One that is there already is not added again. */
  add(entry: PredictionEntry): Promise<void>;
  /** All predictions, oldest first, each with its outcome. */
  all(): Promise<KeptPrediction[]>;
  close(): Promise<void>;
}

/** Name of an entry: two entries of one name are the same. A prediction has one outcome, the first. */
export function entryKey(entry: PredictionEntry): string {
  return entry.kind === 'prediction' ? `prediction ${entry.prediction.hash}` : `outcome ${entry.outcome.prediction}`;
}

/** Predictions with their outcomes, oldest first. Of several entries of one name the first counts. */
export function pairPredictions(entries: readonly PredictionEntry[]): KeptPrediction[] {
  const outcomes = new Map<string, PredictionOutcome>();
  const predictions = new Map<string, FrozenPrediction>();
  for (const entry of entries) {
    if (entry.kind === 'prediction') {
      if (!predictions.has(entry.prediction.hash)) predictions.set(entry.prediction.hash, entry.prediction);
    } else if (!outcomes.has(entry.outcome.prediction)) outcomes.set(entry.outcome.prediction, entry.outcome);
  }
  return [...predictions.values()]
    .sort((a, b) => Date.parse(a.created) - Date.parse(b.created))
    .map((prediction) => ({ prediction, outcome: outcomes.get(prediction.hash) }));
}

/** Keeps predictions in memory, for tests and for pages that may not store. */
export class MemoryPredictionStore implements PredictionStore {
  readonly #entries = new Map<string, PredictionEntry>();

  add(entry: PredictionEntry): Promise<void> {
    const key = entryKey(entry);
    if (!this.#entries.has(key)) this.#entries.set(key, entry);
    return Promise.resolve();
  }

  all(): Promise<KeptPrediction[]> {
    return Promise.resolve(pairPredictions([...this.#entries.values()]));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
