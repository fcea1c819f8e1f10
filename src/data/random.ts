// Random numbers of the data: a hash of 32 bits (counter-based, the same on every device) and a sequential generator.

/**
 * `lowbias32`: a bijection on 32-bit integers whose every input bit flips every output bit with probability near 1/2.
 * Source: Chris Wellons, "Prospecting for Hash Functions" (2018), github.com/skeeto/hash-prospector.
 * @returns a whole number in [0, 2^32)
 */
export function hash32(value: number): number {
  let x = value | 0;
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return (x ^ (x >>> 16)) >>> 0;
}

/** 2^32 divided by the golden ratio, odd: multiples of it are spread evenly over the 32-bit integers. */
export const GOLDEN = 0x9e3779b9;

/** A seed for the part of the data named by `stream`: different streams of one seed share nothing. */
export function streamSeed(seed: number, stream: number): number {
  return hash32(hash32(seed) + Math.imul(stream + 1, GOLDEN));
}

/**
 * A sequential generator of whole numbers in [0, 2^32): `sfc32`, period at least 2^32, passes PractRand.
 * Source: Chris Doty-Humphrey, PractRand 0.94 (sfc.h), with its 12 rounds of mixing the seed (15 here).
 */
export function randomIntegers(seed: number): () => number {
  let a = seed | 0;
  let b = hash32(seed ^ 0x5bd1e995) | 0;
  let c = hash32(seed + GOLDEN) | 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + sum) | 0;
    return sum >>> 0;
  };
  for (let round = 0; round < 15; round++) next();
  return next;
}

/** Uniform in (0, 1): never 0, so that its logarithm is finite. */
export function toUnit(integer: number): number {
  return (integer + 0.5) / 0x1_0000_0000;
}
