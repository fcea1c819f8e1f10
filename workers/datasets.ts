// The data of runs, prepared once and kept while runs read it.
import type { RunConfig } from '../src/config/run.ts';
import { loadCorpus, type Corpus, type CorpusReader } from '../src/data/corpus.ts';
import { prepareDataset, type Dataset } from '../src/data/dataset.ts';
import { isMixtureId, mixCorpora, parseMixtureId } from '../src/data/mixture.ts';
import { ownTextCorpus } from '../src/data/own-text.ts';
import { isSyntheticId, parseSyntheticId } from '../src/data/synthetic.ts';
import { InputError } from '../src/messages/sentence.ts';

/** Datasets, and corpora, kept at once. A sweep reads one or two; each may take tens of megabytes. */
const KEPT = 3;

/** Remembers the last few results of an asynchronous function, failures left out. */
class Recent<Value> {
  readonly #values = new Map<string, Promise<Value>>();

  /** What is remembered; nothing is made. */
  known(key: string): Promise<Value> | undefined {
    return this.#values.get(key);
  }

  get(key: string, make: () => Promise<Value>): Promise<Value> {
    const value = this.#values.get(key) ?? make();
    this.#values.delete(key);
    this.#values.set(key, value);
    value.catch(() => this.#values.delete(key));
    const [oldest] = this.#values.keys();
    if (this.#values.size > KEPT) this.#values.delete(oldest);
    return value;
  }
}

/** Runs with the same key read the same data. */
function keyOf({ corpus, tokenizer, vocabulary, context, uniqueTokens, validationTokens }: RunConfig): string {
  return JSON.stringify([corpus, tokenizer, vocabulary, context, uniqueTokens, validationTokens]);
}

/** Prepares datasets by a run's settings. */
export class Datasets {
  readonly #reader: CorpusReader;
  readonly #own = new Map<string, Corpus>();
  readonly #corpora = new Recent<Corpus>();
  readonly #datasets = new Recent<Dataset>();

  constructor(reader: CorpusReader) {
    this.#reader = reader;
  }

  /**
   * Takes in a text of the user's own.
   * @param id the corpus id by which runs name it
   * @throws InputError when it is no text, or another than the id says
   */
  provide(id: string, text: string): void {
    const corpus = ownTextCorpus(text);
    if (corpus.info.id !== id)
      throw new InputError({
        en: `This text is not the one that these runs read (${id}); add that text again.`,
        zh: `这段文本不是这些训练所用的文本（${id}）；请重新添加原来的文本。`,
      });
    this.#own.set(id, corpus);
  }

  /**
   * The data of a run.
   * @throws InputError when the corpus is unknown, absent or too small, or its vocabulary does not fit
   */
  of(config: RunConfig): Promise<Dataset> {
    const { corpus, tokenizer, vocabulary, context, uniqueTokens, validationTokens } = config;
    return this.#datasets.get(keyOf(config), async () => {
      const source = isSyntheticId(corpus)
        ? ({ kind: 'synthetic', spec: parseSyntheticId(corpus) } as const)
        : ({ kind: 'text', corpus: await this.#corpus(corpus) } as const);
      return prepareDataset({ source, tokenizer, vocabulary, context, uniqueTokens, validationTokens });
    });
  }

  /** The data of a run, if it has been asked for before. */
  known(config: RunConfig): Promise<Dataset> | undefined {
    return this.#datasets.known(keyOf(config));
  }

  async #corpus(id: string): Promise<Corpus> {
    if (isMixtureId(id)) {
      const parts = parseMixtureId(id);
      return mixCorpora(id, parts, await Promise.all(parts.map((part) => this.#corpus(part.id))));
    }
    return this.#own.get(id) ?? this.#corpora.get(id, () => loadCorpus(id, this.#reader));
  }
}
