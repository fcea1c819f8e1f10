// What was foretold in this browser, and what became of it. Kept in the browser's own store; where it has none, until the
// page is closed.
import { freezeDrafts, keepOutcomes } from '../../sweep/foretold.ts';
import { predictionLine, type PredictionDraft } from '../../sweep/prediction.ts';
import { BrowserPredictionStore } from '../../sweep/prediction-store-browser.ts';
import { MemoryPredictionStore, type KeptPrediction, type PredictionStore } from '../../sweep/prediction-store.ts';
import type { RunRecord } from '../../sweep/record.ts';
import { alerts } from './alerts.svelte.ts';

let opened: Promise<PredictionStore> | undefined;

function store(): Promise<PredictionStore> {
  opened ??= BrowserPredictionStore.connect().catch((error: unknown) => {
    alerts.report(error);
    return new MemoryPredictionStore();
  });
  return opened;
}

let list = $state.raw<readonly KeptPrediction[]>([]);

async function refresh(): Promise<void> {
  list = await (await store()).all();
}

/** The predictions kept here. */
export const predictions = {
  /** Oldest first. */
  get list(): readonly KeptPrediction[] {
    return list;
  },
  /** Reads the list from the browser's store. */
  load: refresh,
  /**
   * Freezes what a stage foretells; to be called before its runs start.
   * @param trained ids of all runs that have a record
   */
  async freeze(drafts: readonly PredictionDraft[], trained: ReadonlySet<string>): Promise<void> {
    await freezeDrafts(drafts, trained, await store());
    await refresh();
  },
  /** Writes down how foretold runs among these ended. */
  async take(records: Iterable<RunRecord>): Promise<void> {
    if ((await keepOutcomes(records, await store())).length > 0) await refresh();
  },
  /** All of it as JSON Lines, as the command line keeps it. */
  text(): string {
    return list
      .flatMap(({ prediction, outcome }) => [
        predictionLine({ kind: 'prediction', prediction }),
        ...(outcome ? [predictionLine({ kind: 'outcome', outcome })] : []),
      ])
      .map((line) => `${line}\n`)
      .join('');
  },
};
