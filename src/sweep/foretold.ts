// Keeping what is foretold: predictions before their runs, outcomes after. The same on the page and on the command line.
import { runId } from '../config/parse.ts';
import { freezePrediction, outcomeOf, type FrozenPrediction, type PredictionDraft } from './prediction.ts';
import type { KeptPrediction, PredictionStore } from './prediction-store.ts';
import type { RunRecord } from './record.ts';

/**
 * Freezes and keeps drafts, and returns what was frozen. A run that was trained already is not foretold, nor one that
 * was foretold before.
 * @param trained ids of all runs that have a record
 * @param now ISO 8601, UTC; by default this moment
 */
export async function freezeDrafts(
  drafts: readonly PredictionDraft[],
  trained: ReadonlySet<string>,
  store: PredictionStore,
  now: string = new Date().toISOString(),
): Promise<FrozenPrediction[]> {
  const known = new Set((await store.all()).map(({ prediction }) => prediction.run));
  const frozen: FrozenPrediction[] = [];
  for (const draft of drafts) {
    const id = runId(draft.config);
    if (known.has(id) || trained.has(id)) continue;
    const prediction = freezePrediction(draft, now);
    await store.add({ kind: 'prediction', prediction });
    frozen.push(prediction);
  }
  return frozen;
}

/**
 * Writes down how foretold runs ended, and returns what was new.
 * @param now ISO 8601, UTC; by default this moment
 */
export async function keepOutcomes(
  records: Iterable<RunRecord>,
  store: PredictionStore,
  now: string = new Date().toISOString(),
): Promise<KeptPrediction[]> {
  const ended = new Map([...records].map((record) => [record.id, record]));
  const fresh: KeptPrediction[] = [];
  for (const { prediction, outcome } of await store.all()) {
    const record = ended.get(prediction.run);
    if (outcome !== undefined || record === undefined) continue;
    const found = outcomeOf(prediction, record, now);
    await store.add({ kind: 'outcome', outcome: found });
    fresh.push({ prediction, outcome: found });
  }
  return fresh;
}
