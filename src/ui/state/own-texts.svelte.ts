// Texts of a person's own, kept in this browser so that a sweep on them goes on after a reload.
import { openDB, type DBSchema, type IDBPDatabase } from 'idb';
import type { Corpus } from '../../data/corpus.ts';
import { InputError } from '../../messages/sentence.ts';

/** A text of a person's own, without the text. */
export interface OwnText {
  /** The corpus id that runs name it by. */
  readonly id: string;
  readonly name: string;
  /** Bytes of UTF-8. */
  readonly bytes: number;
}

interface Schema extends DBSchema {
  texts: { key: string; value: OwnText & { text: string } };
}

let opened: Promise<IDBPDatabase<Schema>> | undefined;

function database(): Promise<IDBPDatabase<Schema>> {
  opened ??= openDB<Schema>('tinyscale-texts', 1, { upgrade: (db) => void db.createObjectStore('texts', { keyPath: 'id' }) });
  return opened;
}

let list = $state.raw<readonly OwnText[]>([]);
/** Texts that could not be stored, kept until the page closes. */
// eslint-disable-next-line svelte/prefer-svelte-reactivity -- nothing is drawn from its changes
const unstored = new Map<string, string>();

/** The texts kept here. */
export const ownTexts = {
  get list(): readonly OwnText[] {
    return list;
  },
  /** Reads the list from the browser's store; call once. */
  async load(): Promise<void> {
    try {
      const all = await (await database()).getAll('texts');
      list = all.map(({ id, name, bytes }) => ({ id, name, bytes }));
    } catch {
      list = [];
    }
  },
  /**
   * Keeps a text.
   * @throws InputError when the browser would not store it; it can be used until the page closes all the same
   */
  async add(corpus: Corpus): Promise<OwnText> {
    const entry: OwnText = { id: corpus.info.id, name: corpus.info.title.en, bytes: corpus.info.bytes };
    list = [...list.filter((one) => one.id !== entry.id), entry];
    try {
      await (await database()).put('texts', { ...entry, text: corpus.text });
    } catch {
      unstored.set(entry.id, corpus.text);
      throw new InputError({
        en: 'This text can be used now, but the browser would not keep it; after a reload it must be added again.',
        zh: '此文本现在可用，但浏览器无法保存；刷新页面后需要重新添加。',
      });
    }
    return entry;
  },
  /** The text itself, or undefined when it is not here. */
  async text(id: string): Promise<string | undefined> {
    const waiting = unstored.get(id);
    if (waiting !== undefined) return waiting;
    try {
      return (await (await database()).get('texts', id))?.text;
    } catch {
      return undefined;
    }
  },
  async remove(id: string): Promise<void> {
    list = list.filter((one) => one.id !== id);
    unstored.delete(id);
    await (await database()).delete('texts', id);
  },
};
