// The corpora that can be trained on here: those prepared beside the page, those that could be, texts of one's own.
import { knownCorpora, listPrepared, type CorpusInfo, type PreparedCorpus } from '../../data/corpus.ts';
import { browserReader } from '../../data/load-browser.ts';

let prepared = $state.raw<readonly PreparedCorpus[]>([]);
let loaded = $state(false);

/** Corpora, known and prepared. */
export const catalogue = {
  get prepared(): readonly PreparedCorpus[] {
    return prepared;
  },
  /** Known to the lab but not prepared here. */
  get absent(): readonly CorpusInfo[] {
    return loaded ? knownCorpora.filter((corpus) => !prepared.some((one) => one.id === corpus.id)) : [];
  },
  get loaded(): boolean {
    return loaded;
  },
  /** Reads the list; call once. */
  async load(): Promise<void> {
    try {
      prepared = await listPrepared(browserReader());
    } finally {
      loaded = true;
    }
  },
};
