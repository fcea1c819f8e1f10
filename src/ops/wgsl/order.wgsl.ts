// The order in which tokens are read, in WGSL: the twin of src/data/order.ts.

/** `windowInStream(position, count, dataSeed)` on u32. */
export const ORDER_FUNCTIONS = `
const GOLDEN = 0x9e3779b9u;
fn hash32(value: u32) -> u32 {
  var x = value;
  x = (x ^ (x >> 16u)) * 0x7feb352du;
  x = (x ^ (x >> 15u)) * 0x846ca68bu;
  return x ^ (x >> 16u);
}
fn windowInStream(position: u32, count: u32, dataSeed: u32) -> u32 {
  if (count == 1u) { return 0u; }
  let epoch = position / count;
  let bits = 32u - countLeadingZeros(count - 1u);
  let low = bits >> 1u;
  let lowMask = (1u << low) - 1u;
  let highMask = (1u << (bits - low)) - 1u;
  let key = hash32(hash32(dataSeed + (epoch + 1u) * GOLDEN));
  var x = position - epoch * count;
  loop {
    for (var round = 0u; round < 8u; round++) {
      let roundKey = key + (round + 1u) * GOLDEN;
      if ((round & 1u) == 1u) { x ^= hash32((x >> low) + roundKey) & lowMask; }
      else { x ^= (hash32((x & lowMask) + roundKey) & highMask) << low; }
    }
    if (x < count) { break; }
  }
  return x;
}`;
