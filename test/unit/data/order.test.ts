// The order of windows: a permutation for every count and seed, uniform, and the same for ever.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchWindows, epochOf, epochSeed, windowAt, windowCount, windowInStream } from '../../../src/data/order.ts';
import { hash32 } from '../../../src/data/random.ts';

const seeds = fc.integer({ min: 0, max: 0xffffffff });

/** Pearson's statistic against equal shares, in standard deviations above its mean. */
function chiSquareExcess(counts: readonly number[], freedom = counts.length - 1): number {
  const expected = counts.reduce((sum, count) => sum + count, 0) / counts.length;
  const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  return (statistic - freedom) / Math.sqrt(2 * freedom);
}

/** The algorithm in the docstring, in unbounded integers reduced to 32 bits: a second, slower implementation. */
function windowAtByTheBook(index: number, count: number, seed: number): number {
  const u32 = (x: bigint): bigint => x & 0xffffffffn;
  const hash = (value: bigint): bigint => {
    let x = u32(value);
    x = u32((x ^ (x >> 16n)) * 0x7feb352dn);
    x = u32((x ^ (x >> 15n)) * 0x846ca68bn);
    return x ^ (x >> 16n);
  };
  if (count === 1) return 0;
  const bits = BigInt((count - 1).toString(2).length);
  const low = bits >> 1n;
  const [lowMask, highMask] = [(1n << low) - 1n, (1n << (bits - low)) - 1n];
  const key = hash(BigInt(seed));
  let x = BigInt(index);
  do {
    for (let round = 0n; round < 8n; round++) {
      const roundKey = u32(key + (round + 1n) * 0x9e3779b9n);
      if (round % 2n === 0n) x ^= (hash((x & lowMask) + roundKey) & highMask) << low;
      else x ^= hash((x >> low) + roundKey) & lowMask;
    }
  } while (x >= BigInt(count));
  return Number(x);
}

describe('windowAt', () => {
  it('is a bijection on [0, count) for any count and seed', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), seeds, (count, seed) => {
        const seen = new Set(Array.from({ length: count }, (_, i) => windowAt(i, count, seed)));
        expect(seen.size).toBe(count);
        expect(Math.max(...seen)).toBe(count - 1);
        expect(Math.min(...seen)).toBe(0);
      }),
      { numRuns: 100 },
    );
  });

  it('is a bijection on large counts, one below, at and above a power of two', () => {
    for (const count of [2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1]) {
      const seen = new Uint8Array(count);
      for (let i = 0; i < count; i++) seen[windowAt(i, count, 123)] = 1;
      expect(seen.reduce((sum, x) => sum + x, 0)).toBe(count);
    }
  });

  it('is the algorithm of its docstring, up to the largest counts', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 30 }), seeds, fc.nat(), (count, seed, place) => {
        const index = place % count;
        expect(windowAt(index, count, seed)).toBe(windowAtByTheBook(index, count, seed));
      }),
      { numRuns: 300 },
    );
  });

  it('puts every window at every place equally often over the seeds', () => {
    for (const count of [2, 3, 9, 12, 20, 33]) {
      const table = new Array<number>(count * count).fill(0);
      for (let seed = 0; seed < 10_000; seed++) for (let i = 0; i < count; i++) table[i * count + windowAt(i, count, seed)]++;
      expect(chiSquareExcess(table, (count - 1) ** 2), `count ${count}`).toBeLessThan(5);
    }
  });

  it('gives neighbours in the order no preferred distance', () => {
    const count = 64_000;
    const bins = new Array<number>(32).fill(0);
    for (let i = 0; i + 1 < count; i += 2) {
      const distance = (windowAt(i + 1, count, 9) - windowAt(i, count, 9) + count) % count;
      bins[Math.floor((distance * 32) / count)]++;
    }
    expect(chiSquareExcess(bins)).toBeLessThan(5);
  });

  it('gives unrelated orders for neighbouring seeds', () => {
    const count = 5000;
    let same = 0;
    for (let i = 0; i < count; i++) if (windowAt(i, count, 1) === windowAt(i, count, 2)) same++;
    expect(same).toBeLessThan(10);
  });

  it('never changes: a run made before can be made again', () => {
    expect([0, 1, 2, 3].map(hash32)).toEqual([0, 1753845952, 3507691905, 1408362973]);
    expect(Array.from({ length: 10 }, (_, i) => windowAt(i, 10, 42))).toEqual([3, 0, 4, 7, 9, 1, 2, 8, 5, 6]);
    expect([0, 1, 2, 123_456].map((i) => windowAt(i, 160_000, epochSeed(7, 0)))).toEqual([49064, 87837, 156889, 107334]);
    expect([0, 1, 2, 123_456].map((i) => windowAt(i, 160_000, epochSeed(7, 1)))).toEqual([96036, 113408, 94100, 137978]);
  });

  it('refuses places and counts out of range', () => {
    expect(() => windowAt(5, 5, 0)).toThrow(RangeError);
    expect(() => windowAt(-1, 5, 0)).toThrow(RangeError);
    expect(() => windowAt(0, 0, 0)).toThrow(RangeError);
    expect(() => windowAt(0, 2 ** 30 + 1, 0)).toThrow(RangeError);
  });
});

describe('the stream of windows', () => {
  it('reads every window once per epoch, in another order each time', () => {
    const count = 97;
    const epochs = [0, 1, 2].map((epoch) => Array.from({ length: count }, (_, i) => windowInStream(epoch * count + i, count, 5)));
    for (const epoch of epochs) expect([...epoch].sort((a, b) => a - b)).toEqual(Array.from({ length: count }, (_, i) => i));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[1]).not.toEqual(epochs[2]);
  });

  it('is the same whatever the batch', () => {
    fc.assert(
      fc.property(seeds, fc.integer({ min: 1, max: 16 }), fc.integer({ min: 10, max: 300 }), (seed, batch, count) => {
        const steps = Math.ceil(120 / batch);
        const read = Array.from({ length: steps }, (_, step) => Array.from(batchWindows(step, batch, count, seed))).flat();
        expect(read.slice(0, 120)).toEqual(Array.from({ length: 120 }, (_, i) => windowInStream(i, count, seed)));
      }),
    );
  });

  it('counts windows so that every target exists, and epochs from 1', () => {
    expect(windowCount(65, 64)).toBe(1);
    expect(windowCount(64, 64)).toBe(0);
    expect(windowCount(0, 64)).toBe(0);
    expect(windowCount(129, 64)).toBe(2);
    expect([0, 1, 640, 641, 1280, 1281].map((tokens) => epochOf(tokens, 10, 64))).toEqual([1, 1, 1, 2, 2, 3]);
  });
});
