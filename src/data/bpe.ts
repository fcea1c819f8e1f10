// Byte-level byte-pair encoding, trained on a corpus. Sennrich, Haddow & Birch, "Neural Machine Translation of Rare
// Words with Subword Units" (2016), algorithm 1, on bytes, with words cut as in GPT-2 (Radford et al., 2019, §2.2).

/** Values of a byte: the first 256 tokens. */
export const BYTES = 256;

/** Two tokens that become one; merge m makes token 256 + m. */
export type Merge = readonly [left: number, right: number];

/**
 * Words, with the space before them; numbers; runs of signs; white space. Every character is in exactly one piece.
 * Pieces end at 64 characters, so that text without spaces does not make one endless word.
 */
const PIECES = / ?\p{L}{1,64}| ?\p{N}{1,64}| ?[^\s\p{L}\p{N}]{1,64}|\s{1,64}/gu;

/** Keys of a pair in maps; token ids stay below 2^16. */
const pairKey = (left: number, right: number): number => left * 65_536 + right;

/** Code units that merges are learned from: a few hundred merges settle long before this. */
const LEARNED_FROM = 4_000_000;
const STRETCHES = 16;

/**
 * Learns merges: again and again the most frequent pair of neighbours becomes a token (of equally frequent pairs the one
 * with the smallest ids), until the vocabulary is full or no pair occurs twice. Of a text above 4,000,000 UTF-16 code
 * units, 16 evenly spread stretches of that length together are read.
 * @param vocabulary tokens wanted, at least 256
 * @returns at most `vocabulary` − 256 merges, in order
 */
export function trainMerges(text: string, vocabulary: number): Merge[] {
  const { ids, next, previous, weight } = layOut(countPieces(sample(text)));
  // counts[left · vocabulary + right]; places holds where a pair begins, in rising order, some of them outdated.
  const counts = new Float64Array(vocabulary * vocabulary);
  const places = new Map<number, number[]>();
  const count = (at: number, sign: 1 | -1): void => {
    const key = ids[at] * vocabulary + ids[next[at]];
    counts[key] += sign * weight[at];
    if (sign < 0) return;
    const where = places.get(key);
    if (where) where.push(at);
    else places.set(key, [at]);
  };
  for (let at = 0; at < ids.length; at++) if (next[at] >= 0) count(at, 1);
  const merges: Merge[] = [];
  for (let made = BYTES; made < vocabulary; made++) {
    const best = mostFrequent(counts, made, vocabulary);
    if (best < 0) break;
    const [left, right] = [Math.floor(best / vocabulary), best % vocabulary];
    for (const at of places.get(best) ?? []) {
      const second = next[at];
      if (ids[at] !== left || second < 0 || ids[second] !== right) continue;
      const [before, after] = [previous[at], next[second]];
      if (before >= 0) count(before, -1);
      count(at, -1);
      if (after >= 0) count(second, -1);
      ids[at] = made;
      ids[second] = GONE;
      next[at] = after;
      if (after >= 0) previous[after] = at;
      if (before >= 0) count(before, 1);
      if (after >= 0) count(at, 1);
    }
    places.delete(best);
    merges.push([left, right]);
  }
  return merges;
}

/** In place of the id of a token that became part of the one before it. */
const GONE = 0xffff;

function sample(text: string): string {
  if (text.length <= LEARNED_FROM) return text;
  const stretch = LEARNED_FROM / STRETCHES;
  return Array.from({ length: STRETCHES }, (_, i) => {
    const start = Math.floor((i * (text.length - stretch)) / (STRETCHES - 1));
    return text.slice(start, start + stretch);
  }).join('');
}

function countPieces(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [piece] of text.matchAll(PIECES)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  return counts;
}

/** The bytes of all distinct pieces in a row, as doubly linked lists (−1: the piece ends), each with its piece's count. */
function layOut(pieces: Map<string, number>) {
  const encoder = new TextEncoder();
  let length = 0;
  for (const piece of pieces.keys()) length += encoder.encode(piece).length;
  const ids = new Uint16Array(length);
  const next = new Int32Array(length);
  const previous = new Int32Array(length);
  const weight = new Float64Array(length);
  let start = 0;
  for (const [piece, count] of pieces) {
    const bytes = encoder.encode(piece);
    ids.set(bytes, start);
    weight.fill(count, start, start + bytes.length);
    for (let i = 0; i < bytes.length; i++) {
      previous[start + i] = i > 0 ? start + i - 1 : -1;
      next[start + i] = i + 1 < bytes.length ? start + i + 1 : -1;
    }
    start += bytes.length;
  }
  return { ids, next, previous, weight };
}

/** The pair of tokens below `made` that occurs most, at least twice; −1 when there is none. */
function mostFrequent(counts: Float64Array, made: number, vocabulary: number): number {
  let best = -1;
  let most = 1;
  for (let left = 0; left < made; left++)
    for (let right = 0, key = left * vocabulary; right < made; right++, key++)
      if (counts[key] > most) {
        best = key;
        most = counts[key];
      }
  return best;
}

function applyMerge(ids: readonly number[], [left, right]: Merge, made: number): number[] {
  const out: number[] = [];
  for (let i = 0; i < ids.length; i++) {
    if (ids[i] === left && ids[i + 1] === right) {
      out.push(made);
      i++;
    } else out.push(ids[i]);
  }
  return out;
}

/** Pieces whose tokens are remembered; a corpus has fewer distinct words, an adversarial text does not. */
const REMEMBERED = 200_000;

/** The encoder of some merges: text to tokens, each piece by its earliest merges first. */
export function bpeEncoder(merges: readonly Merge[]): (text: string) => Uint16Array {
  const ranks = new Map(merges.map(([left, right], rank) => [pairKey(left, right), rank]));
  const encoder = new TextEncoder();
  const known = new Map<string, readonly number[]>();
  const encodePiece = (piece: string): readonly number[] => {
    let ids = Array.from(encoder.encode(piece));
    for (;;) {
      let first = merges.length;
      for (let i = 0; i + 1 < ids.length; i++) first = Math.min(first, ranks.get(pairKey(ids[i], ids[i + 1])) ?? first);
      if (first === merges.length) return ids;
      ids = applyMerge(ids, merges[first], BYTES + first);
    }
  };
  return (text) => {
    let out = new Uint16Array(Math.max(64, text.length >>> 1));
    let length = 0;
    for (const [piece] of text.matchAll(PIECES)) {
      let ids = known.get(piece);
      if (!ids) {
        ids = encodePiece(piece);
        if (known.size >= REMEMBERED) known.clear();
        known.set(piece, ids);
      }
      if (length + ids.length > out.length) {
        const larger = new Uint16Array(out.length * 2 + ids.length);
        larger.set(out);
        out = larger;
      }
      for (const id of ids) out[length++] = id;
    }
    return out.slice(0, length);
  };
}

/** The bytes that each token stands for. */
export function tokenBytes(merges: readonly Merge[]): Uint8Array[] {
  const bytes = Array.from({ length: BYTES }, (_, byte) => Uint8Array.of(byte));
  for (const [left, right] of merges) bytes.push(Uint8Array.from([...bytes[left], ...bytes[right]]));
  return bytes;
}
