// Corpora: what is known about each, and what a loaded one is.
import { InputError, type Sentence } from '../messages/sentence.ts';
import registry from './corpora.json';

/** What is known about a corpus before it is loaded. */
export interface CorpusInfo {
  /** Name in configs. Texts of a person's own are `own:` and 16 hexadecimal digits of their SHA-256. */
  readonly id: string;
  readonly kind: 'prose' | 'code' | 'chinese' | 'own' | 'mixture';
  readonly title: Sentence;
  /** SPDX names where there are any; empty for a person's own text. */
  readonly licence: string;
  /** The npm package that the text comes from; absent for a person's own text. */
  readonly source?: { readonly package: string; readonly version: string; readonly homepage: string };
  /** Whether every installation prepares it. */
  readonly isDefault: boolean;
  /** Size, bytes of UTF-8. */
  readonly bytes: number;
  /** SHA-256 of the UTF-8 text, hexadecimal. */
  readonly sha256: string;
}

/** A corpus that is prepared here, as public/corpora/index.json lists it. */
export interface PreparedCorpus extends CorpusInfo {
  /** Unicode code points. */
  readonly characters: number;
  /** Where each document starts, UTF-16 code units from the start of the text, rising, the first 0. */
  readonly documents: readonly number[];
}

/** A loaded corpus. */
export interface Corpus {
  readonly info: CorpusInfo;
  readonly text: string;
  /** Where each document starts, UTF-16 code units, rising, the first 0. */
  readonly documents: readonly number[];
}

/** Version of public/corpora/index.json (scripts/corpora.mjs writes it). */
const INDEX_FORMAT = 1;

/** Every corpus the lab knows how to prepare, whether it is prepared here or not. */
export const knownCorpora: readonly CorpusInfo[] = registry.map((entry) => ({
  id: entry.id,
  kind: entry.kind as CorpusInfo['kind'],
  title: entry.title,
  licence: entry.licence,
  source: { package: entry.package, version: entry.version, homepage: entry.homepage },
  isDefault: entry.default,
  bytes: entry.bytes,
  sha256: entry.sha256,
}));

/**
 * What is known about a corpus.
 * @throws InputError when no corpus has this id
 */
export function corpusInfo(id: string): CorpusInfo {
  const info = knownCorpora.find((corpus) => corpus.id === id);
  if (info) return info;
  if (id.startsWith('own:'))
    throw new InputError({
      en: `This run was made on a text of one's own (${id}) that is not here; add that text again.`,
      zh: `此训练使用的自备文本（${id}）不在这里；请重新添加该文本。`,
    });
  throw new InputError({
    en: `There is no corpus "${id}"; choose one of ${knownCorpora.map((corpus) => corpus.id).join(', ')}, synthetic, or a text of your own.`,
    zh: `没有名为“${id}”的语料；请选择 ${knownCorpora.map((corpus) => corpus.id).join('、')}、synthetic，或自备文本。`,
  });
}

/** What to say when a known corpus is not prepared here. */
export function notPrepared(info: CorpusInfo): InputError {
  const command = info.isDefault ? 'npm run corpora' : `npm run corpora -- ${info.id}`;
  return new InputError({
    en: `The corpus "${info.id}" is not prepared on this computer; run: ${command}`,
    zh: `本机尚未准备语料“${info.id}”；请运行：${command}`,
  });
}

interface IndexEntry {
  readonly id: string;
  readonly sha256: string;
  readonly characters: number;
  readonly documents: readonly number[];
}

/**
 * The corpora prepared here, from the text of index.json. Entries that this version of the lab does not know, or knows
 * with another text, are left out; a damaged index lists nothing.
 */
export function readIndex(json: string): PreparedCorpus[] {
  let index: unknown;
  try {
    index = JSON.parse(json);
  } catch {
    return [];
  }
  if (typeof index !== 'object' || index === null || (index as { format?: unknown }).format !== INDEX_FORMAT) return [];
  const { corpora } = index as { corpora?: unknown };
  if (!Array.isArray(corpora)) return [];
  return knownCorpora.flatMap((info) => {
    const entry = (corpora as IndexEntry[]).find((item) => (item as IndexEntry | null)?.id === info.id);
    if (!entry || entry.sha256 !== info.sha256 || !Array.isArray(entry.documents)) return [];
    return [{ ...info, characters: entry.characters, documents: entry.documents }];
  });
}

/** Reads the prepared files: a page fetches them, Node opens them. */
export interface CorpusReader {
  /** The file's bytes, or undefined when there is no such file. */
  read(name: string): Promise<Uint8Array | undefined>;
  /** SHA-256, hexadecimal. */
  sha256(data: Uint8Array): Promise<string> | string;
}

/** The corpora that are prepared here, in the registry's order. */
export async function listPrepared(reader: CorpusReader): Promise<PreparedCorpus[]> {
  const data = await reader.read('index.json');
  return data ? readIndex(new TextDecoder().decode(data)) : [];
}

/**
 * A prepared corpus, its text checked against the registry's hash, so that a config's corpus is the same everywhere.
 * @throws InputError when the id is unknown, or the corpus is not prepared here or damaged
 */
export async function loadCorpus(id: string, reader: CorpusReader): Promise<Corpus> {
  const info = corpusInfo(id);
  const entry = (await listPrepared(reader)).find((corpus) => corpus.id === id);
  const data = entry && (await reader.read(`${id}.txt`));
  if (!data || data.length !== info.bytes || (await reader.sha256(data)) !== info.sha256) throw notPrepared(info);
  return { info, text: new TextDecoder('utf-8', { ignoreBOM: true }).decode(data), documents: entry.documents };
}
