// Predictions in a file of JSON lines beside the runs (OUT.predictions.jsonl): only ever appended to.
import { appendFile, readFile } from 'node:fs/promises';
import { InputError } from '../messages/sentence.ts';
import { parsePredictionLine, predictionLine, type PredictionEntry } from '../sweep/prediction.ts';
import { entryKey, pairPredictions, type KeptPrediction, type PredictionStore } from '../sweep/prediction-store.ts';

/** The file of predictions that belongs to a file of runs. */
export function predictionsPath(runs: string): string {
  return `${runs.replace(/\.jsonl$/, '')}.predictions.jsonl`;
}

/** Keeps predictions in a file, which is made with the first of them. */
export class PredictionFile implements PredictionStore {
  readonly #path: string;
  #writing: Promise<unknown> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  add(entry: PredictionEntry): Promise<void> {
    const added = this.#writing.then(async () => {
      const known = new Set((await this.#entries()).map(entryKey));
      if (known.has(entryKey(entry))) return;
      try {
        await appendFile(this.#path, `${predictionLine(entry)}\n`);
      } catch (error) {
        throw this.#cannot('written', '写入', error);
      }
    });
    this.#writing = added.catch(() => undefined);
    return added;
  }

  /** Rejects with an InputError when the file holds other things, or a line that cannot be read. */
  async all(): Promise<KeptPrediction[]> {
    await this.#writing;
    return pairPredictions(await this.#entries());
  }

  close(): Promise<void> {
    return this.#writing.then(() => undefined);
  }

  async #entries(): Promise<PredictionEntry[]> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw this.#cannot('read', '读取', error);
    }
    return text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [parsePredictionLine(line, index + 1)]));
  }

  #cannot(en: string, zh: string, error: unknown): InputError {
    const why = error instanceof Error ? error.message : String(error);
    return new InputError({ en: `${this.#path} cannot be ${en}: ${why}.`, zh: `无法${zh} ${this.#path}：${why}。` });
  }
}
