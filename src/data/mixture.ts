// Mixtures of corpora: parts of several texts, their documents interleaved, as one corpus. Named in configs by
// "mix:" and the parts, "mix:sotu+three" or, with weights, "mix:sotu*3+three".
import { InputError } from '../messages/sentence.ts';
import type { Corpus } from './corpus.ts';

/** One part of a mixture. */
export interface MixturePart {
  /** Id of the corpus. */
  readonly id: string;
  /** Share of the mixture's text, relative to the other parts; 1 to 99. */
  readonly weight: number;
}

const PREFIX = 'mix:';

/** The most parts a mixture may have. */
const MOST_PARTS = 8;

/** Whether a config's corpus names a mixture. */
export function isMixtureId(id: string): boolean {
  return id.startsWith(PREFIX);
}

/**
 * The parts that an id names.
 * @throws InputError when it names fewer than two, one twice, a weight that is not 1 to 99, or a mixture of mixtures
 */
export function parseMixtureId(id: string): MixturePart[] {
  const parts = id
    .slice(PREFIX.length)
    .split('+')
    .map((text): MixturePart => {
      const [name, weight, ...rest] = text.split('*');
      const number = weight === undefined ? 1 : Number(weight);
      if (name === '' || rest.length > 0 || !Number.isInteger(number) || number < 1 || number > 99) throw unreadable(id);
      return { id: name, weight: number };
    });
  const plain = parts.every((part) => !part.id.includes(':') || part.id.startsWith('own:'));
  if (
    !isMixtureId(id) ||
    parts.length < 2 ||
    parts.length > MOST_PARTS ||
    !plain ||
    new Set(parts.map((part) => part.id)).size < parts.length
  )
    throw unreadable(id);
  return parts;
}

function unreadable(id: string): InputError {
  return new InputError({
    en: `The mixture "${id}" cannot be read; write 2 to ${MOST_PARTS} different corpora, as in mix:sotu+three or mix:sotu*3+three.`,
    zh: `无法读取混合语料“${id}”；请写 2 至 ${MOST_PARTS} 种不同的语料，例如 mix:sotu+three 或 mix:sotu*3+three。`,
  });
}

/**
 * The mixture: as much text as the smallest part's share allows, each part's documents from its beginning (the last one
 * cut where its share ends), interleaved so that every stretch of the mixture holds its parts in their shares.
 * @param corpora in the order of the parts
 */
export function mixCorpora(id: string, parts: readonly MixturePart[], corpora: readonly Corpus[]): Corpus {
  const whole = parts.reduce((sum, { weight }) => sum + weight, 0);
  const length = Math.min(...corpora.map(({ text }, i) => (text.length * whole) / parts[i].weight));
  const pieces = corpora.flatMap((corpus, part) => {
    const share = Math.floor((length * parts[part].weight) / whole);
    return documentsOf(corpus, share).map((piece) => ({ ...piece, place: (piece.start + piece.text.length / 2) / share, part }));
  });
  pieces.sort((a, b) => a.place - b.place || a.part - b.part);
  const documents: number[] = [];
  let at = 0;
  for (const piece of pieces) {
    documents.push(at);
    at += piece.text.length;
  }
  const text = pieces.map((piece) => piece.text).join('');
  const infos = corpora.map(({ info }) => info);
  const sum = (language: 'en' | 'zh'): string =>
    infos.map(({ title }, i) => `${parts[i].weight} × ${title[language]}`).join(language === 'en' ? ' + ' : '＋');
  return {
    text,
    documents,
    info: {
      id,
      kind: 'mixture',
      title: { en: `Mixture: ${sum('en')}`, zh: `混合：${sum('zh')}` },
      licence: [...new Set(infos.map(({ licence }) => licence).filter((licence) => licence !== ''))].join('; '),
      isDefault: infos.every(({ isDefault }) => isDefault),
      bytes: new TextEncoder().encode(text).length,
      // Not a hash of the text, but as telling: the parts' own hashes and weights determine it.
      sha256: infos.map(({ sha256 }, i) => `${parts[i].weight}*${sha256}`).join('+'),
    },
  };
}

/** Documents of the first `length` code units, the last one cut there, never through a surrogate pair. */
function documentsOf({ text, documents }: Corpus, length: number): { start: number; text: string }[] {
  const end = (text.charCodeAt(length) & 0xfc00) === 0xdc00 ? length - 1 : length;
  return documents
    .filter((start) => start < end)
    .map((start, i) => ({ start, text: text.slice(start, Math.min(documents[i + 1] ?? text.length, end)) }));
}
