// What workers have said about the data of a sweep's runs, asked once for each kind of data.
import { batchTokens, type RunConfig } from '../config/run.ts';
import { InputError } from '../messages/sentence.ts';
import type { DataFacts } from './pool.ts';

/** Equal for runs whose data has the same facts. */
export function dataKey(config: RunConfig): string {
  const { corpus, tokenizer, vocabulary, uniqueTokens, validationTokens, context } = config;
  return JSON.stringify([corpus, tokenizer, vocabulary, uniqueTokens, validationTokens, context]);
}

/** Facts by kind of data. */
export class KnownData {
  readonly #facts = new Map<string, DataFacts>();

  get(config: RunConfig): DataFacts | undefined {
    return this.#facts.get(dataKey(config));
  }

  set(config: RunConfig, facts: DataFacts): void {
    this.#facts.set(dataKey(config), facts);
  }

  /** Tokens in the vocabulary; at its limit while the data is not known. */
  readonly vocabulary = (config: RunConfig): number => this.get(config)?.vocabulary ?? config.vocabulary;

  /** One config for each kind of data that is not known yet. */
  unknown(configs: Iterable<RunConfig>): RunConfig[] {
    const found = new Map<string, RunConfig>();
    for (const config of configs) {
      const key = dataKey(config);
      if (!this.#facts.has(key)) found.set(key, config);
    }
    return [...found.values()];
  }

  /** @throws InputError when one batch is larger than the corpus */
  requireBatch(config: RunConfig): void {
    const facts = this.get(config);
    const batch = batchTokens(config);
    if (facts === undefined || batch <= facts.trainingTokens) return;
    throw new InputError({
      en: `One batch holds ${batch} tokens, but the corpus "${config.corpus}" has only ${facts.trainingTokens} to train on; lower the batch or take a longer text.`,
      zh: `一个批次含 ${batch} 个词元，而语料“${config.corpus}”只有 ${facts.trainingTokens} 个可供训练；请减小批大小或使用更长的文本。`,
    });
  }
}
