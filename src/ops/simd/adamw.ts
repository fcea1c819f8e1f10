// Sums of gradients over micro-batches, their norm, and AdamW (Loshchilov & Hutter, "Decoupled Weight Decay
// Regularization", 2019, algorithm 2).
import { addLines } from './embedding';
import { all, firstLanes, madd, storeFirst, sum4 } from './vector';

/** out[i] = x[i]. */
export function copyWords(x: usize, out: usize, size: u32): void {
  memory.copy(out, x, <usize>size << 2);
}

/** total[i] += x[i]. */
export function addInto(total: usize, x: usize, size: u32): void {
  addLines(total, x, total, size);
}

/** Σ x[i]², in double precision over blocks of 256. */
export function sumOfSquares(x: usize, size: u32): f64 {
  let total: f64 = 0;
  for (let left: i32 = size; left > 0; left -= 256) {
    let sum = f32x4.splat(0);
    let here = min<i32>(left, 256);
    for (; here >= 4; here -= 4) {
      const v = v128.load(x);
      sum = madd(v, v, sum);
      x += 16;
    }
    if (here > 0) {
      const v = v128.and(firstLanes(here), v128.load(x));
      sum = madd(v, v, sum);
    }
    total += <f64>sum4(sum);
  }
  return total;
}

/** Σ x[i], in double precision. */
export function sumOf(x: usize, size: u32): f64 {
  let total: f64 = 0;
  for (let i: u32 = 0; i < size; i++) {
    total += <f64>load<f32>(x);
    x += 4;
  }
  return total;
}

/**
 * Below these, a gradient, a mean and a square are 0: they are too small to move a parameter, and what decays from them
 * would stay among the subnormal numbers, with which processors are up to a hundred times slower. A NaN stays.
 */
const SMALLEST_GRADIENT = memory.data<f32>([1e-18]);
const SMALLEST_MEAN = memory.data<f32>([1e-30]);
const SMALLEST_SQUARE = memory.data<f32>([1e-36]);

/** `x`, 0 where its magnitude is below the number at `smallest`. */
// @ts-ignore: a decorator of AssemblyScript
@inline
function flushed(x: v128, smallest: usize): v128 {
  return v128.andnot(x, f32x4.lt(f32x4.abs(x), all(smallest)));
}

/**
 * One update of `size` parameters: g = gradient·scale; mean ← β₁·mean + (1 − β₁)·g; square ← β₂·square + (1 − β₂)·g²;
 * parameter ← parameter − rate·mean/(√(square·unbiasSquare) + ε) − decay·parameter.
 * @param rate η/(1 − β₁ᵗ)
 * @param unbiasSquare 1/(1 − β₂ᵗ)
 * @param decay η·λ, or 0
 */
export function adamw(
  parameters: usize,
  gradient: usize,
  mean: usize,
  square: usize,
  size: u32,
  scale: f32,
  rate: f32,
  beta1: f32,
  oneLessBeta1: f32,
  beta2: f32,
  oneLessBeta2: f32,
  unbiasSquare: f32,
  epsilon: f32,
  decay: f32,
): void {
  const scale4 = f32x4.splat(scale);
  const rate4 = f32x4.splat(rate);
  const beta14 = f32x4.splat(beta1);
  const rest14 = f32x4.splat(oneLessBeta1);
  const beta24 = f32x4.splat(beta2);
  const rest24 = f32x4.splat(oneLessBeta2);
  const unbias4 = f32x4.splat(unbiasSquare);
  const epsilon4 = f32x4.splat(epsilon);
  const decay4 = f32x4.splat(decay);
  for (let left: i32 = size; left > 0; left -= 4) {
    const g = flushed(f32x4.mul(v128.load(gradient), scale4), SMALLEST_GRADIENT);
    const m = flushed(madd(beta14, v128.load(mean), f32x4.mul(rest14, g)), SMALLEST_MEAN);
    const s = flushed(madd(beta24, v128.load(square), f32x4.mul(rest24, f32x4.mul(g, g))), SMALLEST_SQUARE);
    const p = v128.load(parameters);
    const step = f32x4.div(f32x4.mul(rate4, m), f32x4.add(f32x4.sqrt(f32x4.mul(s, unbias4)), epsilon4));
    const next = f32x4.sub(p, madd(decay4, p, step));
    if (left >= 4) {
      v128.store(mean, m);
      v128.store(square, s);
      v128.store(parameters, next);
    } else {
      storeFirst(mean, m, left);
      storeFirst(square, s, left);
      storeFirst(parameters, next, left);
    }
    gradient += 16;
    mean += 16;
    square += 16;
    parameters += 16;
  }
}
