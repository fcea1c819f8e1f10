// Four floats at a time: what all kernels are made of. Addresses are bytes; no address has to be aligned. Reading past
// the end of a tensor is allowed (the executor keeps 64 bytes behind the last one), writing is not.

/** `a·b + c`; in the relaxed build with a single rounding where the processor has such an instruction. */
// @ts-ignore: decorator
@inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** The sum of the four lanes. */
// @ts-ignore: decorator
@inline
export function sum4(v: v128): f32 {
  const pairs = f32x4.add(v, v128.shuffle<f32>(v, v, 2, 3, 2, 3));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** The largest of the four lanes. */
// @ts-ignore: decorator
@inline
export function max4(v: v128): f32 {
  return max<f32>(
    max<f32>(f32x4.extract_lane(v, 0), f32x4.extract_lane(v, 1)),
    max<f32>(f32x4.extract_lane(v, 2), f32x4.extract_lane(v, 3)),
  );
}

/** All ones in the first `count` lanes (0 to 4), else 0. */
// @ts-ignore: decorator
@inline
export function firstLanes(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/** Writes the first `count` lanes (1 to 3). */
// @ts-ignore: decorator
@inline
export function storeFirst(address: usize, v: v128, count: i32): void {
  store<f32>(address, f32x4.extract_lane(v, 0));
  if (count > 1) store<f32>(address, f32x4.extract_lane(v, 1), 4);
  if (count > 2) store<f32>(address, f32x4.extract_lane(v, 2), 8);
}

// Numbers of inner loops lie in memory: a constant vector is made anew, with three instructions, in every round of a
// loop, and a load is one.

const ONE = memory.data<f32>([1]);
const HALF = memory.data<f32>([0.5]);

/**
 * Below e^LEAST_EXPONENT a share of a softmax, and below σ(−MOST_SATURATED) a saturated GELU, are 0. They are nothing
 * beside what they are added to, and what is computed from them would be subnormal, with which processors are up to a
 * hundred times slower.
 */
const LEAST_EXPONENT = memory.data<f32>([-60]);
const MOST_SATURATED = memory.data<f32>([40]);

/** e to the power of these is within single precision, and no subnormal number. */
const LOWEST = memory.data<f32>([-87]);
const HIGHEST = memory.data<f32>([88]);
/** 1/ln 2, and −ln 2 in two parts, of which the first has few digits. */
const OCTAVES = memory.data<f32>([1.44269504]);
const OCTAVE = memory.data<f32>([-0.693359375]);
const OCTAVE_REST = memory.data<f32>([2.1219444e-4]);
/** 1.5·2²³: adding it rounds to whole numbers and leaves them in the low bits of the mantissa. */
const ROUNDER = memory.data<f32>([12582912]);
/** eʳ ≈ 1 + r + r²·(E2 + E3·r + …): the least largest relative error on ± ln 2/2, 3·10⁻⁹. */
const E2 = memory.data<f32>([0.49999994]);
const E3 = memory.data<f32>([0.16666521]);
const E4 = memory.data<f32>([4.166839e-2]);
const E5 = memory.data<f32>([8.368745e-3]);
const E6 = memory.data<f32>([1.381454e-3]);

/** Minus 2·√(2/π) and that times 0.044715: the argument of σ in a GELU; then what its derivative is made of. */
const GELU_1 = memory.data<f32>([-1.5957691216]);
const GELU_3 = memory.data<f32>([-0.07135481283]);
const SLOPE_0 = memory.data<f32>([1.5957691216]);
const SLOPE_2 = memory.data<f32>([0.21406443848]);
/** Nearer to 0 than this, σ of a GELU is ½ to single precision, and y/u no longer says so. */
const NO_INPUT = memory.data<f32>([1e-9]);

/** All four lanes the number at `address`. */
// @ts-ignore: decorator
@inline
export function all(address: usize): v128 {
  return v128.load32_splat(address);
}

/**
 * eˣ, to a unit in the last place, for x from −87 to 88; NaN stays. Range reduction by ln 2 in two parts (S. Moshier,
 * Cephes Mathematical Library, expf.c) and a polynomial of degree 6.
 */
// @ts-ignore: decorator
@inline
function exponentialWithin(x: v128): v128 {
  const rounder = all(ROUNDER);
  const shifted = madd(x, all(OCTAVES), rounder);
  const whole = f32x4.sub(shifted, rounder);
  const r = madd(whole, all(OCTAVE_REST), madd(whole, all(OCTAVE), x));
  const one = all(ONE);
  let p = all(E6);
  p = madd(p, r, all(E5));
  p = madd(p, r, all(E4));
  p = madd(p, r, all(E3));
  p = madd(p, r, all(E2));
  p = madd(p, r, one);
  p = madd(p, r, one);
  // Times 2 to the whole number: that is added to the exponent.
  return i32x4.add(p, i32x4.shl(shifted, 23));
}

/** eˣ, to a unit in the last place, for x from −60 to 88; below, 0; above, e⁸⁸; NaN stays. */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const none = f32x4.lt(x, all(LEAST_EXPONENT));
  // x comes first in both, so that NaN passes (pmin(a, b) = b < a ? b : a).
  return v128.andnot(exponentialWithin(f32x4.pmax(f32x4.pmin(x, all(HIGHEST)), all(LOWEST))), none);
}

/** {@link exponential} of what is at most 88, or not a number. */
// @ts-ignore: decorator
@inline
export function exponentialBelow(x: v128): v128 {
  const none = f32x4.lt(x, all(LEAST_EXPONENT));
  return v128.andnot(exponentialWithin(f32x4.pmax(x, all(LOWEST))), none);
}

/** 1/(1 + e⁻ˣ). */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  return f32x4.div(all(ONE), f32x4.add(all(ONE), exponential(f32x4.neg(x))));
}

/** σ(−x), 0 where it is saturated. */
// @ts-ignore: decorator
@inline
function geluShare(x: v128): v128 {
  const one = all(ONE);
  // Where x is too large for the exponential, what comes of it is not used.
  const e = exponentialWithin(f32x4.pmax(x, all(LOWEST)));
  return v128.andnot(f32x4.div(one, f32x4.add(one, e)), f32x4.gt(x, all(MOST_SATURATED)));
}

/** u·σ(1.5957691216·(u + 0.044715·u³)): GELU in its tanh form (Hendrycks & Gimpel, 2016, section 2), tanh written as σ. */
// @ts-ignore: decorator
@inline
export function gelu(u: v128): v128 {
  const inner = madd(f32x4.mul(u, u), all(GELU_3), all(GELU_1));
  return f32x4.mul(u, geluShare(f32x4.mul(u, inner)));
}

/** The derivative of {@link gelu} at u: s + u·s·(1 − s)·slope with s = σ(…). */
// @ts-ignore: decorator
@inline
export function geluSlope(u: v128): v128 {
  const square = f32x4.mul(u, u);
  const s = geluShare(f32x4.mul(u, madd(square, all(GELU_3), all(GELU_1))));
  return madd(f32x4.mul(f32x4.mul(u, s), madd(square, all(SLOPE_2), all(SLOPE_0))), f32x4.sub(all(ONE), s), s);
}

/**
 * The derivative of {@link gelu} at u, from y = gelu(u): s + y·(1 − s)·slope with s = σ(…) = y/u, which spares the
 * exponential.
 */
// @ts-ignore: decorator
@inline
export function geluDerivative(u: v128, y: v128): v128 {
  const none = f32x4.lt(f32x4.abs(u), all(NO_INPUT));
  const s = v128.bitselect(all(HALF), f32x4.div(y, u), none);
  const slope = madd(f32x4.mul(u, u), all(SLOPE_2), all(SLOPE_0));
  return madd(f32x4.mul(y, slope), f32x4.sub(all(ONE), s), s);
}
