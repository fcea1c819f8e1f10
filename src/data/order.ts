// The order in which tokens are read: a seeded permutation of windows, each once per epoch, that any device can compute
// for itself from two numbers, without a table. 32-bit integer arithmetic only, so that WGSL (u32) and WebAssembly
// (i32) can mirror it bit for bit.
import { GOLDEN, hash32 } from './random.ts';

/**
 * Rounds of the Feistel network. Four make a pseudo-random permutation of a large domain (Luby & Rackoff, 1988); with
 * eight, each window comes at each place equally often to within 1 % from 9 windows on (within 4 % for 5 to 8).
 */
export const ROUNDS = 8;

/** The most windows an order can hold (any two 32-bit implementations agree up to here). */
export const MAXIMUM_WINDOWS = 2 ** 30;

/**
 * The window that comes at place `index` of a pass over `count` windows: a bijection on [0, count) for every seed.
 *
 * An alternating Feistel network on the smallest power of two that holds `count`, with cycle walking: values outside
 * the range are put through the network again until one falls inside (fewer than two passes on average).
 * Black & Rogaway, "Ciphers with Arbitrary Finite Domains" (2002), method 2. In full, on u32:
 *
 *     bits = 32 − countLeadingZeros(count − 1)        (count = 1: the answer is 0)
 *     low = bits >> 1;  high = bits − low             (bits in the lower and the upper half)
 *     key = hash32(seed);  x = index
 *     repeat
 *       for round r = 0 … 7:
 *         key_r = key + (r + 1) · 0x9E3779B9
 *         even r:  x ^= (hash32((x & lowMask) + key_r) & highMask) << low
 *         odd r:   x ^= hash32((x >> low) + key_r) & lowMask
 *     until x < count
 *
 * @param index place in the pass, whole, in [0, count)
 * @param count windows in the corpus, whole, in [1, 2^30]
 * @param seed of this pass ({@link epochSeed}), any 32-bit integer
 * @throws RangeError when index or count is out of range
 */
export function windowAt(index: number, count: number, seed: number): number {
  if (!(Number.isInteger(count) && count >= 1 && count <= MAXIMUM_WINDOWS)) throw new RangeError(`no order of ${count} windows`);
  if (!(Number.isInteger(index) && index >= 0 && index < count)) throw new RangeError(`no place ${index} among ${count} windows`);
  if (count === 1) return 0;
  const bits = 32 - Math.clz32(count - 1);
  const low = bits >>> 1;
  const lowMask = (1 << low) - 1;
  const highMask = (1 << (bits - low)) - 1;
  const key = hash32(seed);
  let x = index;
  do {
    for (let round = 0; round < ROUNDS; round++) {
      const roundKey = key + Math.imul(round + 1, GOLDEN);
      if ((round & 1) === 0) x ^= (hash32((x & lowMask) + roundKey) & highMask) << low;
      else x ^= hash32((x >>> low) + roundKey) & lowMask;
    }
  } while (x >= count);
  return x;
}

/** The seed of one pass over the data. Epochs count from 0. On u32: hash32(dataSeed + (epoch + 1) · 0x9E3779B9). */
export function epochSeed(dataSeed: number, epoch: number): number {
  return hash32(dataSeed + Math.imul(epoch + 1, GOLDEN));
}

/**
 * The window at a place of the endless stream of windows: one pass after another, each in an order of its own.
 * @param position place in the stream, whole, from 0
 */
export function windowInStream(position: number, count: number, dataSeed: number): number {
  const epoch = Math.floor(position / count);
  return windowAt(position - epoch * count, count, epochSeed(dataSeed, epoch));
}

/**
 * The windows that optimizer step `step` reads: places step·b … step·b + b − 1 of the stream. What has been read after
 * a number of tokens therefore depends on the data seed alone, whatever the batch, the model or the other runs.
 * @param step from 0
 * @param batchSequences b, windows in one batch
 * @returns b indices of windows
 */
export function batchWindows(step: number, batchSequences: number, count: number, dataSeed: number): Uint32Array {
  return Uint32Array.from({ length: batchSequences }, (_, i) => windowInStream(step * batchSequences + i, count, dataSeed));
}

/** Non-overlapping windows in a stream of tokens: window w reads inputs [w·context, w·context + context), targets one later. */
export function windowCount(tokens: number, context: number): number {
  return Math.max(0, Math.floor((tokens - 1) / context));
}

/**
 * The epoch in which a run is after `tokensSeen` training tokens: 1 while every token has been read at most once.
 * @param tokensSeen D so far
 * @param windows windows in the training data
 * @param context tokens in a window
 */
export function epochOf(tokensSeen: number, windows: number, context: number): number {
  return Math.max(1, Math.ceil(tokensSeen / (windows * context)));
}
