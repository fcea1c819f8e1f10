// The order in which tokens are read, the twin of src/data/order.ts.

function hash32(value: u32): u32 {
  let x = value;
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = (x ^ (x >> 15)) * 0x846ca68b;
  return x ^ (x >> 16);
}

const GOLDEN: u32 = 0x9e3779b9;
const ROUNDS: u32 = 8;

/**
 * The window at place `index` of pass `epoch` (from 0) over `count` windows, 1 to 2³⁰.
 * @param dataSeed of the stream of passes
 */
export function windowInEpoch(index: u32, epoch: u32, count: u32, dataSeed: u32): u32 {
  if (count == 1) return 0;
  const bits = 32 - clz<u32>(count - 1);
  const low = bits >> 1;
  const lowMask: u32 = (1 << low) - 1;
  const highMask: u32 = (1 << (bits - low)) - 1;
  const key = hash32(hash32(dataSeed + (epoch + 1) * GOLDEN));
  let x = index;
  do {
    for (let round: u32 = 0; round < ROUNDS; round++) {
      const roundKey = key + (round + 1) * GOLDEN;
      if (round & 1) x ^= hash32((x >> low) + roundKey) & lowMask;
      else x ^= (hash32((x & lowMask) + roundKey) & highMask) << low;
    }
  } while (x >= count);
  return x;
}
