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

/**
 * Below e^LEAST_EXPONENT a share of a softmax, and below σ(−MOST_SATURATED) a saturated GELU, are 0. They are nothing
 * beside what they are added to, and what is computed from them would be subnormal, with which processors are up to a
 * hundred times slower.
 */
const LEAST_EXPONENT: f32 = -60;
const MOST_SATURATED: f32 = 40;

/**
 * eˣ, to 2 units in the last place, for x from −60 to 88; below, 0; above, e⁸⁸; NaN stays. Range reduction by ln 2 in
 * two parts and a polynomial of degree 7: S. Moshier, Cephes Mathematical Library, expf.c.
 */
// @ts-ignore: decorator
@inline
export function exponential(x: v128): v128 {
  const none = f32x4.lt(x, f32x4.splat(LEAST_EXPONENT));
  // x comes first in both, so that NaN passes (pmin(a, b) = b < a ? b : a).
  x = f32x4.pmax(f32x4.pmin(x, f32x4.splat(88.0)), f32x4.splat(-87.0));
  // Adding 1.5·2²³ rounds to whole numbers and leaves them in the low bits of the mantissa.
  const shifted = f32x4.add(f32x4.mul(x, f32x4.splat(1.44269504)), f32x4.splat(12582912.0));
  const whole = f32x4.sub(shifted, f32x4.splat(12582912.0));
  const r = madd(whole, f32x4.splat(2.1219444e-4), madd(whole, f32x4.splat(-0.693359375), x));
  let p = f32x4.splat(1.98756915e-4);
  p = madd(p, r, f32x4.splat(1.3981999507e-3));
  p = madd(p, r, f32x4.splat(8.3334519073e-3));
  p = madd(p, r, f32x4.splat(4.1665795894e-2));
  p = madd(p, r, f32x4.splat(1.6666665459e-1));
  p = madd(p, r, f32x4.splat(5.0000001201e-1));
  p = f32x4.add(madd(p, f32x4.mul(r, r), r), f32x4.splat(1.0));
  const power = i32x4.add(i32x4.shl(shifted, 23), i32x4.splat(0x3f800000));
  return v128.andnot(f32x4.mul(p, power), none);
}

/** 1/(1 + e⁻ˣ). */
// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  return f32x4.div(f32x4.splat(1.0), f32x4.add(f32x4.splat(1.0), exponential(f32x4.neg(x))));
}

/** σ(−x), 0 where it is saturated. */
// @ts-ignore: decorator
@inline
function geluShare(x: v128): v128 {
  const one = f32x4.splat(1.0);
  return v128.andnot(f32x4.div(one, f32x4.add(one, exponential(x))), f32x4.gt(x, f32x4.splat(MOST_SATURATED)));
}

/** u·σ(1.5957691216·(u + 0.044715·u³)): GELU in its tanh form (Hendrycks & Gimpel, 2016, section 2), tanh written as σ. */
// @ts-ignore: decorator
@inline
export function gelu(u: v128): v128 {
  const inner = madd(f32x4.mul(u, u), f32x4.splat(-0.07135481283), f32x4.splat(-1.5957691216));
  return f32x4.mul(u, geluShare(f32x4.mul(u, inner)));
}

/** Nearer to 0 than this, σ of a GELU is ½ to single precision, and y/u no longer says so. */
const NO_INPUT: f32 = 1e-9;

/**
 * The derivative of {@link gelu} at u, from y = gelu(u): s + y·(1 − s)·slope with s = σ(…) = y/u, which spares the
 * exponential.
 */
// @ts-ignore: decorator
@inline
export function geluDerivative(u: v128, y: v128): v128 {
  const none = f32x4.lt(f32x4.abs(u), f32x4.splat(NO_INPUT));
  const s = v128.bitselect(f32x4.splat(0.5), f32x4.div(y, u), none);
  const slope = madd(f32x4.mul(u, u), f32x4.splat(0.21406443848), f32x4.splat(1.5957691216));
  return madd(f32x4.mul(y, slope), f32x4.sub(f32x4.splat(1.0), s), s);
}
