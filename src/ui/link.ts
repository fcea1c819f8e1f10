// A sweep as a link: its JSON, deflated and written in base64url after the page's `#sweep=`. Links come from outside,
// so what they unpack to is limited before it is read, and checked like any pasted sweep.
import { canonicalJson } from '../config/parse.ts';
import { parseSweepText, type SweepConfig } from '../config/sweep.ts';
import { InputError } from '../messages/sentence.ts';

const PREFIX = '#sweep=';

/** The longest text that a link may unpack to, characters. */
const LONGEST = 2_000_000;

/** The longest link that is tried at all, characters. */
const LONGEST_LINK = 200_000;

const broken = () =>
  new InputError({
    en: 'This link does not hold a sweep: it is damaged or cut short; ask for it again, or paste the JSON.',
    zh: '此链接中没有扫描配置：它已损坏或不完整；请重新获取链接，或直接粘贴 JSON。',
  });

async function throughStream(
  bytes: Uint8Array<ArrayBuffer>,
  stream: TransformStream<BufferSource, Uint8Array<ArrayBuffer>>,
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const reader = new Blob([bytes]).stream().pipeThrough(stream).getReader();
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    length += value.length;
    if (length > limit) {
      await reader.cancel();
      throw new InputError({
        en: `This link unpacks to more than ${limit} characters; no sweep is that long.`,
        zh: `此链接解压后超过 ${limit} 个字符；没有这么长的扫描配置。`,
      });
    }
    chunks.push(value);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** The part of a link after the page's address, from `#` on. */
export async function sweepToHash(sweep: SweepConfig): Promise<string> {
  const bytes = new TextEncoder().encode(canonicalJson(sweep));
  const packed = await throughStream(bytes, new CompressionStream('deflate-raw'), Infinity);
  let binary = '';
  for (const byte of packed) binary += String.fromCharCode(byte);
  return PREFIX + btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}

/**
 * The sweep that a page's hash holds; undefined when it holds none.
 * @throws InputError one sentence, when the link is damaged, too long, or its sweep is invalid.
 */
export async function sweepFromHash(hash: string): Promise<SweepConfig | undefined> {
  if (!hash.startsWith(PREFIX)) return undefined;
  const packed = hash.slice(PREFIX.length);
  if (packed.length > LONGEST_LINK || !/^[A-Za-z0-9_-]*$/.test(packed)) throw broken();
  let text: string;
  try {
    const binary = atob(packed.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const unpacked = await throughStream(bytes, new DecompressionStream('deflate-raw'), LONGEST);
    text = new TextDecoder('utf-8', { fatal: true }).decode(unpacked);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw broken();
  }
  return parseSweepText(text);
}
