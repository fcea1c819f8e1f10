// Operations of one number, numbered as in `unaryOperations` (src/plan/launches.ts). Those that have no short vector
// form are computed in double precision, one by one.
import { exponential, madd, sigmoid, storeFirst } from './vector';

/** out[i] = operation(x[i]); out may be x. */
// prettier-ignore
export function unary(operation: u32, x: usize, out: usize, size: u32): void {
  switch (operation) {
    case 0: { memory.copy(out, x, <usize>size << 2); break; }
    case 1: { vectors(1, x, out, size); break; }
    case 2: { vectors(2, x, out, size); break; }
    case 3: { vectors(3, x, out, size); break; }
    case 4: { vectors(4, x, out, size); break; }
    case 5: { vectors(5, x, out, size); break; }
    case 6: { vectors(6, x, out, size); break; }
    case 7: { vectors(7, x, out, size); break; }
    case 8: { vectors(8, x, out, size); break; }
    case 9: { vectors(9, x, out, size); break; }
    case 10: { vectors(10, x, out, size); break; }
    case 11: { vectors(11, x, out, size); break; }
    case 17: { vectors(17, x, out, size); break; }
    case 18: { vectors(18, x, out, size); break; }
    case 21: { vectors(21, x, out, size); break; }
    case 23: { vectors(23, x, out, size); break; }
    case 24: { vectors(24, x, out, size); break; }
    default: {
      for (let i: usize = 0; i < <usize>size << 2; i += 4) store<f32>(out + i, <f32>precise(operation, <f64>load<f32>(x + i)));
    }
  }
}

/** out[i] = x[i], whole numbers to floats. */
export function toFloats(x: usize, out: usize, size: u32): void {
  for (let i: usize = 0; i < <usize>size << 2; i += 4) store<f32>(out + i, <f32>load<i32>(x + i));
}

// The operation is a constant wherever this is inlined, and the choice in `apply` is made by the compiler.
// @ts-ignore: decorator
@inline
function vectors(operation: u32, x: usize, out: usize, size: u32): void {
  for (let left: i32 = size; left > 0; left -= 4) {
    const y = apply(operation, v128.load(x));
    if (left >= 4) v128.store(out, y);
    else storeFirst(out, y, left);
    x += 16;
    out += 16;
  }
}

// prettier-ignore
// @ts-ignore: decorator
@inline
function apply(operation: u32, x: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (operation) {
    case 1: return f32x4.neg(x);
    case 2: return f32x4.abs(x);
    case 3: {
      // NaN stays: only where x < 0 or x > 0 is anything else put in its place.
      const positive = v128.bitselect(one, x, f32x4.gt(x, zero));
      return v128.bitselect(f32x4.splat(-1), positive, f32x4.lt(x, zero));
    }
    case 4: return f32x4.floor(x);
    case 5: return f32x4.ceil(x);
    case 6: return f32x4.nearest(x);
    case 7: return f32x4.mul(x, x);
    case 8: return f32x4.sqrt(x);
    case 9: return f32x4.div(one, f32x4.sqrt(x));
    case 10: return f32x4.div(one, x);
    case 11: {
      // The square of the root reaches 0 and infinity where eˣ does.
      const root = exponential(f32x4.mul(x, f32x4.splat(0.5)));
      return f32x4.mul(root, root);
    }
    case 17: return hyperbolicTangent(x);
    case 18: return sigmoid(x);
    case 21: return f32x4.max(x, zero);
    case 23: {
      const positive = v128.bitselect(one, x, f32x4.gt(x, zero));
      return v128.bitselect(zero, positive, f32x4.le(x, zero));
    }
    case 24: return v128.and(one, f32x4.eq(x, zero));
    default: return x;
  }
}

/**
 * tanh x: near 0 a polynomial (S. Moshier, Cephes Mathematical Library, tanhf.c), elsewhere 1 − 2/(e²ˣ + 1).
 */
// @ts-ignore: decorator
@inline
function hyperbolicTangent(x: v128): v128 {
  const z = f32x4.mul(x, x);
  let p = f32x4.splat(-5.70498872745e-3);
  p = madd(p, z, f32x4.splat(2.06390887954e-2));
  p = madd(p, z, f32x4.splat(-5.37397155531e-2));
  p = madd(p, z, f32x4.splat(1.33314422036e-1));
  p = madd(p, z, f32x4.splat(-3.33332819422e-1));
  const near = madd(f32x4.mul(p, z), x, x);
  const one = f32x4.splat(1);
  const far = f32x4.sub(one, f32x4.div(f32x4.splat(2), f32x4.add(exponential(f32x4.add(x, x)), one)));
  return v128.bitselect(near, far, f32x4.lt(f32x4.abs(x), f32x4.splat(0.625)));
}

// prettier-ignore
function precise(operation: u32, x: f64): f64 {
  switch (operation) {
    case 12: return Math.expm1(x);
    case 13: return Math.log(x);
    case 14: return Math.log1p(x);
    case 15: return Math.sin(x);
    case 16: return Math.cos(x);
    case 19: return max<f64>(x, 0) + Math.log1p(Math.exp(-abs<f64>(x)));
    case 20: return errorFunction(x);
    case 22: return x >= 0 ? x : Math.expm1(x);
    default: return x;
  }
}

/** erf x to 1.5e-7: Abramowitz & Stegun, Handbook of Mathematical Functions (1964), 7.1.26; what tfjs computes. */
function errorFunction(x: f64): f64 {
  const t = 1 / (1 + 0.3275911 * abs<f64>(x));
  const p = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t + 0.254829592) * t;
  return copysign<f64>(1 - p * Math.exp(-x * x), x);
}
