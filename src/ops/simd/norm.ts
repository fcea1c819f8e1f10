// Layer normalisation and its gradient (Ba, Kiros & Hinton, "Layer Normalization", 2016), row by row.
import { firstLanes, madd, storeFirst, sum4 } from './vector';

const EPSILON: f32 = 1e-5;
/** Rows whose gain and bias gradients are added up before they join the total: keeps rounding small. */
const ROW_BLOCK: u32 = 64;

/** out = (x − mean)·inverse·gain + bias per row of `width`; `statistics` keeps (mean, inverse). */
export function norm(x: usize, gain: usize, bias: usize, out: usize, statistics: usize, rows: u32, width: u32): void {
  const line = <usize>width << 2;
  const whole = line & ~15;
  const tail: i32 = width & 3;
  const mask = firstLanes(tail);
  for (let row: u32 = 0; row < rows; row++) {
    let sum = f32x4.splat(0);
    for (let c: usize = 0; c < whole; c += 16) sum = f32x4.add(sum, v128.load(x + c));
    if (tail) sum = f32x4.add(sum, v128.and(mask, v128.load(x + whole)));
    const mean = sum4(sum) / <f32>width;
    const mean4 = f32x4.splat(mean);
    let squares = f32x4.splat(0);
    for (let c: usize = 0; c < whole; c += 16) {
      const d = f32x4.sub(v128.load(x + c), mean4);
      squares = madd(d, d, squares);
    }
    if (tail) {
      const d = v128.and(mask, f32x4.sub(v128.load(x + whole), mean4));
      squares = madd(d, d, squares);
    }
    const inverse = <f32>1 / sqrt<f32>(sum4(squares) / <f32>width + EPSILON);
    const inverse4 = f32x4.splat(inverse);
    store<f32>(statistics, mean);
    store<f32>(statistics, inverse, 4);
    for (let c: usize = 0; c < whole; c += 16) v128.store(out + c, scaled(x + c, mean4, inverse4, gain + c, bias + c));
    if (tail) storeFirst(out + whole, scaled(x + whole, mean4, inverse4, gain + whole, bias + whole), tail);
    x += line;
    out += line;
    statistics += 8;
  }
}

// @ts-ignore: decorator
@inline
function scaled(x: usize, mean: v128, inverse: v128, gain: usize, bias: usize): v128 {
  const normed = f32x4.mul(f32x4.sub(v128.load(x), mean), inverse);
  return madd(normed, v128.load(gain), v128.load(bias));
}

/**
 * The gradient of {@link norm}: dx (plus `residual`, if not 0; dx may be residual), dGain and dBias.
 * @param scratch 2·(width + 3) floats
 */
export function normGradient(
  dOut: usize, x: usize, statistics: usize, gain: usize, residual: usize, dx: usize, dGain: usize, dBias: usize,
  rows: u32, width: u32, scratch: usize,
): void {
  const line = <usize>width << 2;
  const partGain = scratch;
  const partBias = scratch + line + 12;
  memory.fill(dGain, 0, line);
  memory.fill(dBias, 0, line);
  for (let from: u32 = 0; from < rows; from += ROW_BLOCK) {
    memory.fill(partGain, 0, line);
    memory.fill(partBias, 0, line);
    const count = min(ROW_BLOCK, rows - from);
    rowsGradient(dOut, x, statistics, gain, residual, dx, partGain, partBias, count, width);
    addTo(dGain, partGain, width);
    addTo(dBias, partBias, width);
    const bytes = <usize>count * line;
    dOut += bytes;
    x += bytes;
    dx += bytes;
    if (residual) residual += bytes;
    statistics += <usize>count << 3;
  }
}

/** dx of some rows; their part of the gain and bias gradients is added to `dGain` and `dBias`, which have room for whole vectors. */
function rowsGradient(
  dOut: usize, x: usize, statistics: usize, gain: usize, residual: usize, dx: usize, dGain: usize, dBias: usize, rows: u32, width: u32,
): void {
  const line = <usize>width << 2;
  const whole = line & ~15;
  const tail: i32 = width & 3;
  const mask = firstLanes(tail);
  for (let row: u32 = 0; row < rows; row++) {
    const mean = v128.load32_splat(statistics);
    const inverse = v128.load32_splat(statistics, 4);
    let sum = f32x4.splat(0);
    let product = f32x4.splat(0);
    for (let c: usize = 0; c < whole; c += 16) {
      const y = v128.load(dOut + c);
      const normed = f32x4.mul(f32x4.sub(v128.load(x + c), mean), inverse);
      const g = f32x4.mul(y, v128.load(gain + c));
      sum = f32x4.add(sum, g);
      product = madd(g, normed, product);
      v128.store(dGain + c, madd(y, normed, v128.load(dGain + c)));
      v128.store(dBias + c, f32x4.add(v128.load(dBias + c), y));
    }
    if (tail) {
      const y = v128.and(mask, v128.load(dOut + whole));
      const normed = v128.and(mask, f32x4.mul(f32x4.sub(v128.load(x + whole), mean), inverse));
      const g = f32x4.mul(y, v128.and(mask, v128.load(gain + whole)));
      sum = f32x4.add(sum, g);
      product = madd(g, normed, product);
      storeFirst(dGain + whole, madd(y, normed, v128.load(dGain + whole)), tail);
      storeFirst(dBias + whole, f32x4.add(v128.load(dBias + whole), y), tail);
    }
    const sum4th = f32x4.splat(sum4(sum) / <f32>width);
    const product4th = f32x4.splat(sum4(product) / <f32>width);
    for (let c: usize = 0; c < line; c += 16) {
      const normed = f32x4.mul(f32x4.sub(v128.load(x + c), mean), inverse);
      const g = f32x4.mul(v128.load(dOut + c), v128.load(gain + c));
      let d = f32x4.mul(inverse, f32x4.sub(f32x4.sub(g, sum4th), f32x4.mul(normed, product4th)));
      if (residual) d = f32x4.add(d, v128.load(residual + c));
      if (c < whole) v128.store(dx + c, d);
      else storeFirst(dx + c, d, tail);
    }
    dOut += line;
    x += line;
    dx += line;
    if (residual) residual += line;
    statistics += 8;
  }
}

function addTo(total: usize, part: usize, size: u32): void {
  let left: i32 = size;
  for (; left > 0; left -= 4) {
    const sum = f32x4.add(v128.load(total), v128.load(part));
    if (left >= 4) v128.store(total, sum);
    else storeFirst(total, sum, left);
    total += 16;
    part += 16;
  }
}
