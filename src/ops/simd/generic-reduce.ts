// Sums, means, extremes and products along an axis.
import { storeFirst } from './vector';

// Numbered as `reductions` in src/plan/wasm/lower-generic.ts.
const SUM: u32 = 0;
const MAXIMUM: u32 = 1;
const MINIMUM: u32 = 2;
const PRODUCT: u32 = 3;
/** Terms that are added up before their sum joins the total: keeps rounding small. */
const BLOCK: u32 = 64;

/** out[o, i] = Σ, max, min or Π over n of x[o, n, i], times `scale`; x is [outer, length, inner]. */
export function reduce(operation: u32, x: usize, out: usize, outer: u32, length: u32, inner: u32, scale: f32): void {
  const line = (<usize>inner) << 2;
  for (let o: u32 = 0; o < outer; o++) {
    if (inner == 1) store<f32>(out, alongLine(operation, x, length) * scale);
    else
      for (let left: i32 = inner; left > 0; left -= 4) {
        const at = line - ((<usize>left) << 2);
        const y = f32x4.mul(acrossLines(operation, x + at, length, line), f32x4.splat(scale));
        if (left >= 4) v128.store(out + at, y);
        else storeFirst(out + at, y, left);
      }
    x += line * <usize>length;
    out += line;
  }
}

/** Of `length` adjacent numbers; sums and products in double precision. */
function alongLine(operation: u32, x: usize, length: u32): f32 {
  const end = x + ((<usize>length) << 2);
  if (operation == SUM) {
    // Four sums: an addition need not wait for the one before it.
    let low = f64x2.splat(0);
    let high = f64x2.splat(0);
    for (; x + 16 <= end; x += 16) {
      const v = v128.load(x);
      low = f64x2.add(low, f64x2.promote_low_f32x4(v));
      high = f64x2.add(high, f64x2.promote_low_f32x4(i64x2.shuffle(v, v, 1, 1)));
    }
    low = f64x2.add(low, high);
    let total = f64x2.extract_lane(low, 0) + f64x2.extract_lane(low, 1);
    for (; x < end; x += 4) total += <f64>load<f32>(x);
    return <f32>total;
  }
  if (operation == PRODUCT) {
    let total: f64 = 1;
    for (; x < end; x += 4) total *= <f64>load<f32>(x);
    return <f32>total;
  }
  let most = load<f32>(x);
  for (x += 4; x < end; x += 4) most = operation == MAXIMUM ? max<f32>(most, load<f32>(x)) : min<f32>(most, load<f32>(x));
  return most;
}

/** Of four columns, `length` lines of `line` bytes. */
function acrossLines(operation: u32, x: usize, length: u32, line: usize): v128 {
  if (operation == SUM) {
    let total = f32x4.splat(0);
    for (let from: u32 = 0; from < length; from += BLOCK) {
      let sum = f32x4.splat(0);
      for (let n = min(BLOCK, length - from); n; n--) {
        sum = f32x4.add(sum, v128.load(x));
        x += line;
      }
      total = f32x4.add(total, sum);
    }
    return total;
  }
  let total = v128.load(x);
  for (let n: u32 = 1; n < length; n++) {
    x += line;
    const v = v128.load(x);
    if (operation == MAXIMUM) total = f32x4.max(total, v);
    else if (operation == MINIMUM) total = f32x4.min(total, v);
    else total = f32x4.mul(total, v);
  }
  return total;
}
