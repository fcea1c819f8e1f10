// A person's own text, pasted or from a file: checked, normalised, and named by what it holds.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { InputError } from '../messages/sentence.ts';
import type { Corpus } from './corpus.ts';
import { normalise } from './normalise.ts';

/** The largest text of one's own, bytes of UTF-8. */
export const MAXIMUM_OWN_BYTES = 50_000_000;

const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(bytes < 100e6 ? 1 : 0);

function tooLarge(bytes: number): InputError {
  return new InputError({
    en: `This text has ${megabytes(bytes)} MB, more than the ${megabytes(MAXIMUM_OWN_BYTES)} MB the lab takes; use a part of it.`,
    zh: `这段文本有 ${megabytes(bytes)} MB，超过上限 ${megabytes(MAXIMUM_OWN_BYTES)} MB；请只取其中一部分。`,
  });
}

const empty = () => new InputError({ en: 'This text is empty; choose one with words in it.', zh: '这段文本是空的；请选择有内容的文本。' });

const binary = () =>
  new InputError({
    en: 'This is not a text file (it holds bytes that no text has); choose a plain text file.',
    zh: '这不是文本文件（含有文本中不会出现的字节）；请选择纯文本文件。',
  });

const notUtf8 = () =>
  new InputError({
    en: 'This file is not text in UTF-8; save it as "UTF-8" in a text editor, or choose a plain text file.',
    zh: '此文件不是 UTF-8 编码的文本；请在文本编辑器中另存为“UTF-8”，或选择纯文本文件。',
  });

/**
 * A corpus from a text that was pasted.
 * @param name what the page calls it
 * @throws InputError when it is empty, binary or larger than {@link MAXIMUM_OWN_BYTES}
 */
export function ownTextCorpus(input: string, name = ''): Corpus {
  // UTF-8 takes at least one byte for each code unit: a huge text is refused without encoding it.
  const size = input.length > MAXIMUM_OWN_BYTES ? input.length : new TextEncoder().encode(input).length;
  if (size > MAXIMUM_OWN_BYTES) throw tooLarge(size);
  if (input.includes('\0')) throw binary();
  const text = normalise(input);
  if (text.trim() === '') throw empty();
  const data = new TextEncoder().encode(text);
  const hash = bytesToHex(sha256(data));
  const title = name === '' ? { en: 'Your own text', zh: '自备文本' } : { en: name, zh: name };
  return {
    info: { id: `own:${hash.slice(0, 16)}`, kind: 'own', title, licence: '', isDefault: false, bytes: data.length, sha256: hash },
    text,
    documents: [0],
  };
}

/**
 * A corpus from a file. A file too large is refused unread.
 * @throws InputError when it is empty, binary, not UTF-8 or larger than {@link MAXIMUM_OWN_BYTES}
 */
export async function ownFileCorpus(file: Blob & { readonly name?: string }): Promise<Corpus> {
  if (file.size > MAXIMUM_OWN_BYTES) throw tooLarge(file.size);
  if (file.size === 0) throw empty();
  const data = new Uint8Array(await file.arrayBuffer());
  // UTF-16 is text too, but full of NUL bytes: its byte-order mark tells what to do about it.
  const isUtf16 = (data[0] === 0xff && data[1] === 0xfe) || (data[0] === 0xfe && data[1] === 0xff);
  if (isUtf16) throw notUtf8();
  if (data.includes(0)) throw binary();
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(data);
  } catch {
    throw notUtf8();
  }
  return ownTextCorpus(text, file.name);
}
