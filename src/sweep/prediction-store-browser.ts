// Predictions in the browser's IndexedDB, in a database of their own: clearing runs does not clear what was foretold.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import { InputError } from '../messages/sentence.ts';
import { parseOutcome, parsePrediction, type PredictionEntry } from './prediction.ts';
import { entryKey, pairPredictions, type KeptPrediction, type PredictionStore } from './prediction-store.ts';

interface Schema extends DBSchema {
  entries: { key: string; value: PredictionEntry };
}

const cannot = (error: unknown): InputError => {
  const detail = error instanceof Error ? error.message : String(error);
  return new InputError({
    en: `The browser cannot keep predictions (${detail}); export the runs and their predictions before the page is closed.`,
    zh: `浏览器无法保存预测（${detail}）；请在关闭页面前导出训练与预测。`,
  });
};

/** Keeps predictions in IndexedDB. */
export class BrowserPredictionStore implements PredictionStore {
  readonly #database: IDBPDatabase<Schema>;

  private constructor(database: IDBPDatabase<Schema>) {
    this.#database = database;
  }

  /** Opens the store. Rejects with an InputError where the browser has none. */
  static async connect(name = 'tinyscale-predictions'): Promise<BrowserPredictionStore> {
    try {
      const database = await openDB<Schema>(name, 1, {
        upgrade: (fresh) => void fresh.createObjectStore('entries'),
        blocking: (_current, _blocked, event) => (event.target as IDBDatabase).close(),
      });
      return new BrowserPredictionStore(database);
    } catch (error) {
      throw cannot(error);
    }
  }

  async add(entry: PredictionEntry): Promise<void> {
    try {
      // `add` refuses a key that is there: what was foretold first stays.
      const key = entryKey(entry);
      const transaction = this.#database.transaction('entries', 'readwrite');
      if ((await transaction.store.getKey(key)) === undefined) await transaction.store.add(entry, key);
      await transaction.done;
    } catch (error) {
      throw cannot(error);
    }
  }

  /** Entries that are no longer readable are passed over. */
  async all(): Promise<KeptPrediction[]> {
    let kept: PredictionEntry[];
    try {
      kept = await this.#database.getAll('entries');
    } catch (error) {
      throw cannot(error);
    }
    return pairPredictions(
      kept.flatMap((entry): PredictionEntry[] => {
        try {
          return entry.kind === 'prediction'
            ? [{ kind: 'prediction', prediction: parsePrediction(entry.prediction) }]
            : [{ kind: 'outcome', outcome: parseOutcome(entry.outcome) }];
        } catch {
          return [];
        }
      }),
    );
  }

  close(): Promise<void> {
    this.#database.close();
    return Promise.resolve();
  }
}
