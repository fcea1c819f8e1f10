// Held-out text: what is never trained on. Which part that is depends on the corpus alone, so that the losses of all
// runs on one corpus are measured on the same text.
import { randomIntegers, streamSeed } from './random.ts';

/** A stretch of text, UTF-16 code units, [start, end). */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The two parts of a corpus, each in the order of the text. They share nothing; a guard between them may be in neither. */
export interface Split {
  readonly training: readonly Range[];
  readonly heldOut: readonly Range[];
}

/** Held out of a large text. */
const FRACTION = 0.05;

/** Small texts give up to twice as much, until they hold out this many code units. */
const ENOUGH = 65_536;

/** Below this many documents, or when one is larger than a fifth of the text, a text is split by blocks. */
const FEW_DOCUMENTS = 20;

/** The most blocks held out of a text that is one document, and the least length of one, code units: seams between blocks stay rare. */
const BLOCKS = 16;
const LEAST_BLOCK = 1024;

/** Code units left unused on each side of a held-out block, so that no window of training text runs up to it. */
const GUARD = 256;

/** Code units to hold out of a text of this length: 5 %, up to 10 % of a small one. */
export function heldOutTarget(length: number): number {
  return Math.floor(Math.max(FRACTION * length, Math.min(2 * FRACTION * length, ENOUGH)));
}

/**
 * Splits a text. A collection is split by whole documents, one from each of many equal stretches of the sequence, since
 * documents are often sorted by time or topic and a tail would differ from the rest. A single document gives evenly
 * spread blocks, with a guard on both sides.
 * @param documents where each document starts, UTF-16 code units, rising, the first 0
 * @param seed which documents or blocks; the lab uses 0 throughout
 */
export function splitText(text: string, documents: readonly number[], seed = 0): Split {
  const ranges = documents.map((start, i) => ({ start, end: documents[i + 1] ?? text.length }));
  const largest = ranges.reduce((most, range) => Math.max(most, range.end - range.start), 0);
  return ranges.length < FEW_DOCUMENTS || largest > text.length / 5 ? splitBlocks(text, seed) : splitDocuments(ranges, text.length, seed);
}

function splitDocuments(ranges: readonly Range[], length: number, seed: number): Split {
  const random = randomIntegers(streamSeed(seed, 0));
  const target = heldOutTarget(length);
  const strata = Math.max(1, Math.round((ranges.length * target) / length));
  const chosen = new Set<number>();
  let soFar = 0;
  for (let stratum = 0; stratum < strata; stratum++) {
    const from = Math.floor((stratum * ranges.length) / strata);
    const to = Math.floor(((stratum + 1) * ranges.length) / strata);
    const wanted = (target * (stratum + 1)) / strata - soFar;
    // Lengths vary widely: of three documents the one that keeps the running total nearest to its target.
    let best = -1;
    for (let candidate = 0; candidate < 3; candidate++) {
      const index = from + (random() % (to - from));
      if (best < 0 || distance(ranges[index], wanted) < distance(ranges[best], wanted)) best = index;
    }
    chosen.add(best);
    soFar += ranges[best].end - ranges[best].start;
  }
  return { training: ranges.filter((_, i) => !chosen.has(i)), heldOut: ranges.filter((_, i) => chosen.has(i)) };
}

function distance(range: Range, wanted: number): number {
  return Math.abs(range.end - range.start - wanted);
}

function splitBlocks(text: string, seed: number): Split {
  const random = randomIntegers(streamSeed(seed, 1));
  const target = heldOutTarget(text.length);
  const blocks = Math.max(1, Math.min(BLOCKS, Math.floor(target / LEAST_BLOCK)));
  const blockLength = Math.floor(target / blocks);
  const guard = Math.min(GUARD, blockLength);
  const stretch = Math.floor(text.length / blocks);
  const training: Range[] = [];
  const heldOut: Range[] = [];
  let after = 0;
  for (let block = 0; block < blocks; block++) {
    // Somewhere in its stretch, guards included.
    const room = stretch - blockLength - 2 * guard;
    const start = wholeCharacter(text, block * stretch + guard + (room > 0 ? random() % room : 0));
    const end = wholeCharacter(text, start + blockLength);
    if (end <= start) continue;
    training.push({ start: after, end: wholeCharacter(text, start - guard) });
    heldOut.push({ start, end });
    after = wholeCharacter(text, end + guard);
  }
  training.push({ start: after, end: text.length });
  return { training: training.filter((range) => range.end > range.start), heldOut };
}

/** The same place, or one earlier when it would cut a surrogate pair in two. */
function wholeCharacter(text: string, at: number): number {
  return at > 0 && (text.charCodeAt(at) & 0xfc00) === 0xdc00 ? at - 1 : at;
}

/** The text of some ranges, joined. */
export function textOf(text: string, ranges: readonly Range[]): string {
  return ranges.map((range) => text.slice(range.start, range.end)).join('');
}
