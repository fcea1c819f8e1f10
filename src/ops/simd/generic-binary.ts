// Operations of two numbers, numbered as in `binaryOperations` (src/plan/launches.ts), and the choice between two, over
// operands with strides. How an operation walks is written in a layout of 32-bit words: the lengths of six axes, then
// six strides in bytes for each operand.
import { geluSlope, storeFirst } from './vector';

// Words of a layout.
const FIRST: usize = 24;
const SECOND: usize = 48;
const THIRD: usize = 72;

// @ts-ignore: decorator
@inline
export function length(layout: usize, axis: usize): u32 {
  return load<u32>(layout + (axis << 2));
}

/** Bytes from the first element to where the coordinates of the five outer axes lead, for the strides at `strides`. */
// @ts-ignore: decorator
@inline
export function reach(strides: usize, i0: u32, i1: u32, i2: u32, i3: u32, i4: u32): usize {
  return (
    i0 * load<u32>(strides) +
    i1 * load<u32>(strides, 4) +
    i2 * load<u32>(strides, 8) +
    i3 * load<u32>(strides, 12) +
    i4 * load<u32>(strides, 16)
  );
}

/** out = operation(a, b) along the layout; out is dense and may be a or b where they are walked as it is. */
export function binary(operation: u32, a: usize, b: usize, out: usize, layout: usize): void {
  const rows = length(layout, 4);
  const columns = length(layout, 5);
  const aRow = load<u32>(layout + FIRST, 16);
  const bRow = load<u32>(layout + SECOND, 16);
  const aStep = load<u32>(layout + FIRST, 20);
  const bStep = load<u32>(layout + SECOND, 20);
  for (let i0: u32 = 0; i0 < length(layout, 0); i0++)
    for (let i1: u32 = 0; i1 < length(layout, 1); i1++)
      for (let i2: u32 = 0; i2 < length(layout, 2); i2++)
        for (let i3: u32 = 0; i3 < length(layout, 3); i3++) {
          const aPlane = a + reach(layout + FIRST, i0, i1, i2, i3, 0);
          const bPlane = b + reach(layout + SECOND, i0, i1, i2, i3, 0);
          binaryPlane(operation, aPlane, aRow, aStep, bPlane, bRow, bStep, out, rows, columns);
          out += (<usize>rows * columns) << 2;
        }
}

// The operation is chosen once for all rows of a plane: rows of a few numbers are common (experts, heads), and a choice
// for each of them takes longer than its arithmetic.
// prettier-ignore
function binaryPlane(
  operation: u32, a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, bStep: usize, out: usize, rows: u32, columns: u32,
): void {
  switch (operation) {
    case 0: { plane(0, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 1: { plane(1, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 2: { plane(2, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 3: { plane(3, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 7: { plane(7, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 8: { plane(8, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 9: { plane(9, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 10: { plane(10, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 11: { plane(11, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 12: { plane(12, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 13: { plane(13, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 14: { plane(14, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 15: { plane(15, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 16: { plane(16, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 17: { plane(17, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    case 18: { plane(18, a, aRow, aStep, b, bRow, bStep, out, rows, columns); break; }
    default: {
      for (; rows; rows--) {
        let x = a;
        let y = b;
        for (let left = columns; left; left--) {
          store<f32>(out, <f32>precise(operation, <f64>load<f32>(x), <f64>load<f32>(y)));
          x += aStep;
          y += bStep;
          out += 4;
        }
        a += aRow;
        b += bRow;
      }
    }
  }
}

// The operation is a constant wherever this is inlined, and the choice in `apply` is made by the compiler. So are steps
// that are common: next to each other, or one number for the whole row.
// prettier-ignore
// @ts-ignore: decorator
@inline
function plane(
  operation: u32, a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, bStep: usize, out: usize, rows: u32, columns: u32,
): void {
  if (aStep == 4 && bStep == 4) stepped(operation, a, aRow, 4, b, bRow, 4, out, rows, columns);
  else if (aStep == 4 && bStep == 0) stepped(operation, a, aRow, 4, b, bRow, 0, out, rows, columns);
  else if (aStep == 0 && bStep == 4) stepped(operation, a, aRow, 0, b, bRow, 4, out, rows, columns);
  else stepped(operation, a, aRow, aStep, b, bRow, bStep, out, rows, columns);
}

// prettier-ignore
// @ts-ignore: decorator
@inline
function stepped(
  operation: u32, a: usize, aRow: usize, aStep: usize, b: usize, bRow: usize, bStep: usize, out: usize, rows: u32, columns: u32,
): void {
  for (; rows; rows--) {
    let x = a;
    let y = b;
    let left: i32 = columns;
    for (; left >= 4; left -= 4) {
      v128.store(out, apply(operation, four(x, aStep, 4), four(y, bStep, 4)));
      x += aStep << 2;
      y += bStep << 2;
      out += 16;
    }
    if (left > 0) {
      storeFirst(out, apply(operation, four(x, aStep, left), four(y, bStep, left)), left);
      out += <usize>left << 2;
    }
    a += aRow;
    b += bRow;
  }
}

/** Four elements `step` bytes apart; where only `left` are left, the last of them again (or, when adjacent, what follows). */
// @ts-ignore: decorator
@inline
function four(x: usize, step: usize, left: i32): v128 {
  if (step == 4) return v128.load(x);
  const first = v128.load32_splat(x);
  if (step == 0) return first;
  const second = v128.load32_lane(x + step * min<usize>(1, left - 1), first, 1);
  const third = v128.load32_lane(x + step * min<usize>(2, left - 1), second, 2);
  return v128.load32_lane(x + step * min<usize>(3, left - 1), third, 3);
}

// prettier-ignore
// @ts-ignore: decorator
@inline
function apply(operation: u32, a: v128, b: v128): v128 {
  const zero = f32x4.splat(0);
  const one = f32x4.splat(1);
  switch (operation) {
    case 0: return f32x4.add(a, b);
    case 1: return f32x4.sub(a, b);
    case 2: return f32x4.mul(a, b);
    case 3: return f32x4.div(a, b);
    case 7: return f32x4.max(a, b);
    case 8: return f32x4.min(a, b);
    case 9: { const difference = f32x4.sub(a, b); return f32x4.mul(difference, difference); }
    case 10: return v128.and(one, f32x4.eq(a, b));
    case 11: return v128.and(one, f32x4.ne(a, b));
    case 12: return v128.and(one, f32x4.lt(a, b));
    case 13: return v128.and(one, f32x4.le(a, b));
    case 14: return v128.and(one, f32x4.gt(a, b));
    case 15: return v128.and(one, f32x4.ge(a, b));
    case 16: return v128.and(one, v128.and(f32x4.ne(a, zero), f32x4.ne(b, zero)));
    case 17: return v128.and(one, v128.or(f32x4.ne(a, zero), f32x4.ne(b, zero)));
    case 18: return f32x4.mul(geluSlope(a), b);
    default: return a;
  }
}

/** What turns on the last bit of a quotient, or is a power, in double precision. */
// prettier-ignore
function precise(operation: u32, a: f64, b: f64): f64 {
  switch (operation) {
    case 4: return floor<f64>(a / b);
    case 5: { const rest = a % b; return rest != 0 && rest < 0 != b < 0 ? rest + b : rest; }
    default: return Math.pow(a, b);
  }
}

/** out = condition ≠ 0 ? a : b along the layout; out is dense. */
export function select(condition: usize, a: usize, b: usize, out: usize, layout: usize): void {
  const columns = length(layout, 5);
  const conditionStep = load<u32>(layout + FIRST, 20);
  const aStep = load<u32>(layout + SECOND, 20);
  const bStep = load<u32>(layout + THIRD, 20);
  for (let i0: u32 = 0; i0 < length(layout, 0); i0++)
    for (let i1: u32 = 0; i1 < length(layout, 1); i1++)
      for (let i2: u32 = 0; i2 < length(layout, 2); i2++)
        for (let i3: u32 = 0; i3 < length(layout, 3); i3++)
          for (let i4: u32 = 0; i4 < length(layout, 4); i4++) {
            let c = condition + reach(layout + FIRST, i0, i1, i2, i3, i4);
            let x = a + reach(layout + SECOND, i0, i1, i2, i3, i4);
            let y = b + reach(layout + THIRD, i0, i1, i2, i3, i4);
            for (let left: i32 = columns; left > 0; left -= 4) {
              const holds = f32x4.ne(four(c, conditionStep, left), f32x4.splat(0));
              const chosen = v128.bitselect(four(x, aStep, left), four(y, bStep, left), holds);
              if (left >= 4) v128.store(out, chosen);
              else storeFirst(out, chosen, left);
              c += conditionStep << 2;
              x += aStep << 2;
              y += bStep << 2;
              out += min<usize>(16, <usize>left << 2);
            }
          }
}
