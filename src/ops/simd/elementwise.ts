// What stands at the ends of a matrix product: sums of columns, GELU and its derivative.
import { gelu, geluDerivative, storeFirst } from './vector';

/** Rows that are added up before their sum joins the total: keeps rounding small however many rows there are. */
const ROW_BLOCK: u32 = 64;

/** out[c] = Σ over rows of x[r, c]; `line` bytes from row to row. */
export function columnSums(x: usize, line: usize, rows: u32, columns: u32, out: usize): void {
  let column: u32 = 0;
  for (; column + 16 <= columns; column += 16) {
    let t0 = f32x4.splat(0);
    let t1 = f32x4.splat(0);
    let t2 = f32x4.splat(0);
    let t3 = f32x4.splat(0);
    let from = x;
    for (let row: u32 = 0; row < rows; row += ROW_BLOCK) {
      let s0 = f32x4.splat(0);
      let s1 = f32x4.splat(0);
      let s2 = f32x4.splat(0);
      let s3 = f32x4.splat(0);
      for (let r = min(ROW_BLOCK, rows - row); r; r--) {
        s0 = f32x4.add(s0, v128.load(from));
        s1 = f32x4.add(s1, v128.load(from, 16));
        s2 = f32x4.add(s2, v128.load(from, 32));
        s3 = f32x4.add(s3, v128.load(from, 48));
        from += line;
      }
      t0 = f32x4.add(t0, s0);
      t1 = f32x4.add(t1, s1);
      t2 = f32x4.add(t2, s2);
      t3 = f32x4.add(t3, s3);
    }
    v128.store(out, t0);
    v128.store(out, t1, 16);
    v128.store(out, t2, 32);
    v128.store(out, t3, 48);
    x += 64;
    out += 64;
  }
  for (; column < columns; column += 4) {
    let total = f32x4.splat(0);
    let from = x;
    for (let row: u32 = 0; row < rows; row += ROW_BLOCK) {
      let sum = f32x4.splat(0);
      for (let r = min(ROW_BLOCK, rows - row); r; r--) {
        sum = f32x4.add(sum, v128.load(from));
        from += line;
      }
      total = f32x4.add(total, sum);
    }
    if (columns - column >= 4) v128.store(out, total);
    else storeFirst(out, total, columns - column);
    x += 16;
    out += 16;
  }
}

/** out[i] = gelu(x[i]) (+ addend[i]); addend may be 0, out may be x. */
export function geluForward(x: usize, addend: usize, out: usize, size: u32): void {
  let left: i32 = size;
  for (; left > 0; left -= 4) {
    let y = gelu(v128.load(x));
    if (addend) {
      y = f32x4.add(y, v128.load(addend));
      addend += 16;
    }
    if (left >= 4) v128.store(out, y);
    else storeFirst(out, y, left);
    x += 16;
    out += 16;
  }
}

/** gradient[i] ← gradient[i]·gelu′(x[i]), where y[i] = gelu(x[i]) is known. */
export function geluBackward(x: usize, y: usize, gradient: usize, size: u32): void {
  let left: i32 = size;
  for (; left > 0; left -= 4) {
    const product = f32x4.mul(v128.load(gradient), geluDerivative(v128.load(x), v128.load(y)));
    if (left >= 4) v128.store(gradient, product);
    else storeFirst(gradient, product, left);
    x += 16;
    y += 16;
    gradient += 16;
  }
}
