// Tiles of matrix products, made in registers: 3 rows × 12 columns, which has the most work for what it loads, and 4 × 8.
// Columns of b come in packed panels (packing.ts).
import { madd, storeFirst } from './vector';

/** How the block of a lies that a panel takes. */
const ROWS: u32 = 0;
const COLUMNS: u32 = 1;

/**
 * out[i, 0…7] = (bias[0…7]) + Σ_k a[i, k]·b[k, 0…7] (+ addend[i, 0…7]) for `rows` rows, a multiple of 4.
 * @param form of a. ROWS: terms adjacent, rows `aLine` bytes apart. COLUMNS: rows adjacent, terms `aLine` bytes apart
 * @param b rows of 8 floats
 * @param bias 8 floats, or 0
 * @param addend laid out as out, or 0
 * @param outRow bytes from one row of out (and addend) to the next
 */
// @ts-ignore: decorator
@inline
function panelOf(
  form: u32, a: usize, aLine: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  const start0 = bias ? v128.load(bias) : f32x4.splat(0);
  const start1 = bias ? v128.load(bias, 16) : f32x4.splat(0);
  const row2 = aLine * 2;
  const row3 = aLine * 3;
  const step: usize = form == ROWS ? 4 : aLine;
  const end = b + (<usize>inner << 5);
  for (let i: u32 = 0; i < rows; i += 4) {
    let c00 = start0;
    let c01 = start1;
    let c10 = start0;
    let c11 = start1;
    let c20 = start0;
    let c21 = start1;
    let c30 = start0;
    let c31 = start1;
    let pa = a;
    // Not unrolled by hand: engines do it themselves, and allocate registers better for it.
    for (let pb = b; pb < end; pb += 32) {
      const b0 = v128.load(pb);
      const b1 = v128.load(pb, 16);
      let x = v128.load32_splat(pa);
      c00 = madd(x, b0, c00);
      c01 = madd(x, b1, c01);
      x = form == ROWS ? v128.load32_splat(pa + aLine) : v128.load32_splat(pa, 4);
      c10 = madd(x, b0, c10);
      c11 = madd(x, b1, c11);
      x = form == ROWS ? v128.load32_splat(pa + row2) : v128.load32_splat(pa, 8);
      c20 = madd(x, b0, c20);
      c21 = madd(x, b1, c21);
      x = form == ROWS ? v128.load32_splat(pa + row3) : v128.load32_splat(pa, 12);
      c30 = madd(x, b0, c30);
      c31 = madd(x, b1, c31);
      pa += step;
    }
    let o = out;
    if (addend) {
      let r = addend;
      c00 = f32x4.add(c00, v128.load(r));
      c01 = f32x4.add(c01, v128.load(r, 16));
      r += outRow;
      c10 = f32x4.add(c10, v128.load(r));
      c11 = f32x4.add(c11, v128.load(r, 16));
      r += outRow;
      c20 = f32x4.add(c20, v128.load(r));
      c21 = f32x4.add(c21, v128.load(r, 16));
      r += outRow;
      c30 = f32x4.add(c30, v128.load(r));
      c31 = f32x4.add(c31, v128.load(r, 16));
      addend += outRow * 4;
    }
    v128.store(o, c00);
    v128.store(o, c01, 16);
    o += outRow;
    v128.store(o, c10);
    v128.store(o, c11, 16);
    o += outRow;
    v128.store(o, c20);
    v128.store(o, c21, 16);
    o += outRow;
    v128.store(o, c30);
    v128.store(o, c31, 16);
    out += outRow * 4;
    a += form == ROWS ? aLine * 4 : 16;
  }
}

/** {@link panelOf} with the terms of a's rows adjacent. */
export function panel(
  a: usize, aRow: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  panelOf(ROWS, a, aRow, b, inner, rows, out, outRow, bias, addend);
}

/** {@link panelOf} with the rows of a adjacent, and their terms `aInner` bytes apart. */
export function panelTransposed(
  a: usize, aInner: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  panelOf(COLUMNS, a, aInner, b, inner, rows, out, outRow, bias, addend);
}

/** As {@link panelOf}, for 12 columns (b has rows of 12 floats) and a multiple of 3 rows. */
// @ts-ignore: decorator
@inline
function widePanelOf(
  form: u32, a: usize, aLine: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  const start0 = bias ? v128.load(bias) : f32x4.splat(0);
  const start1 = bias ? v128.load(bias, 16) : f32x4.splat(0);
  const start2 = bias ? v128.load(bias, 32) : f32x4.splat(0);
  const row2 = aLine * 2;
  const step: usize = form == ROWS ? 4 : aLine;
  const end = b + <usize>inner * 48;
  for (let i: u32 = 0; i < rows; i += 3) {
    let c00 = start0;
    let c01 = start1;
    let c02 = start2;
    let c10 = start0;
    let c11 = start1;
    let c12 = start2;
    let c20 = start0;
    let c21 = start1;
    let c22 = start2;
    let pa = a;
    for (let pb = b; pb < end; pb += 48) {
      const b0 = v128.load(pb);
      const b1 = v128.load(pb, 16);
      const b2 = v128.load(pb, 32);
      let x = v128.load32_splat(pa);
      c00 = madd(x, b0, c00);
      c01 = madd(x, b1, c01);
      c02 = madd(x, b2, c02);
      x = form == ROWS ? v128.load32_splat(pa + aLine) : v128.load32_splat(pa, 4);
      c10 = madd(x, b0, c10);
      c11 = madd(x, b1, c11);
      c12 = madd(x, b2, c12);
      x = form == ROWS ? v128.load32_splat(pa + row2) : v128.load32_splat(pa, 8);
      c20 = madd(x, b0, c20);
      c21 = madd(x, b1, c21);
      c22 = madd(x, b2, c22);
      pa += step;
    }
    let o = out;
    if (addend) {
      let r = addend;
      c00 = f32x4.add(c00, v128.load(r));
      c01 = f32x4.add(c01, v128.load(r, 16));
      c02 = f32x4.add(c02, v128.load(r, 32));
      r += outRow;
      c10 = f32x4.add(c10, v128.load(r));
      c11 = f32x4.add(c11, v128.load(r, 16));
      c12 = f32x4.add(c12, v128.load(r, 32));
      r += outRow;
      c20 = f32x4.add(c20, v128.load(r));
      c21 = f32x4.add(c21, v128.load(r, 16));
      c22 = f32x4.add(c22, v128.load(r, 32));
      addend += outRow * 3;
    }
    v128.store(o, c00);
    v128.store(o, c01, 16);
    v128.store(o, c02, 32);
    o += outRow;
    v128.store(o, c10);
    v128.store(o, c11, 16);
    v128.store(o, c12, 32);
    o += outRow;
    v128.store(o, c20);
    v128.store(o, c21, 16);
    v128.store(o, c22, 32);
    out += outRow * 3;
    a += form == ROWS ? aLine * 3 : 12;
  }
}

function widePanelOfRows(
  a: usize, aRow: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  widePanelOf(ROWS, a, aRow, b, inner, rows, out, outRow, bias, addend);
}

function widePanelOfColumns(
  a: usize, aInner: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  widePanelOf(COLUMNS, a, aInner, b, inner, rows, out, outRow, bias, addend);
}

/** {@link widePanelOf} for 3 rows or more; the last one or two are made again, by way of `tile` (144 bytes). */
export function widePanel(
  transposed: bool, a: usize, aLine: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
  tile: usize,
): void {
  const left = rows % 3;
  const whole = rows - left;
  if (transposed) widePanelOfColumns(a, aLine, b, inner, whole, out, outRow, bias, addend);
  else widePanelOfRows(a, aLine, b, inner, whole, out, outRow, bias, addend);
  if (left == 0) return;
  const last = a + <usize>(rows - 3) * (transposed ? 4 : aLine);
  if (transposed) widePanelOfColumns(last, aLine, b, inner, 3, tile, 48, bias, 0);
  else widePanelOfRows(last, aLine, b, inner, 3, tile, 48, bias, 0);
  for (let row = whole; row < rows; row++) {
    const from = tile + <usize>(row + 3 - rows) * 48;
    const to = <usize>row * outRow;
    for (let c: usize = 0; c < 48; c += 16) {
      let value = v128.load(from + c);
      if (addend) value = f32x4.add(value, v128.load(addend + to + c));
      v128.store(out + to + c, value);
    }
  }
}

/**
 * As {@link panelOf}, for any rows and for 1 to 8 columns (b, packed, has 8 all the same), by way of `tile` (128 bytes).
 * Either `aRow` or `aInner` is 4.
 */
export function edge(
  a: usize, aRow: usize, aInner: usize, b: usize, inner: u32, rows: u32, columns: u32, out: usize, outRow: usize,
  bias: usize, addend: usize, tile: usize,
): void {
  const bias0 = bias ? v128.load(bias) : f32x4.splat(0);
  const bias1 = bias ? v128.load(bias, 16) : f32x4.splat(0);
  for (let i: u32 = 0; i < rows; i += 4) {
    const present = min<u32>(4, rows - i);
    const start = a + <usize>i * aRow;
    if (present < 4) {
      for (let row: u32 = 0; row < present; row++) oneRow(start + <usize>row * aRow, aInner, b, inner, tile + <usize>row * 32);
    } else if (aInner == 4) panel(start, aRow, b, inner, 4, tile, 32, 0, 0);
    else panelTransposed(start, aInner, b, inner, 4, tile, 32, 0, 0);
    for (let row: u32 = 0; row < present; row++) {
      const from = tile + <usize>row * 32;
      let low = f32x4.add(v128.load(from), bias0);
      let high = f32x4.add(v128.load(from, 16), bias1);
      if (addend) {
        low = f32x4.add(low, v128.load(addend));
        high = f32x4.add(high, v128.load(addend, 16));
        addend += outRow;
      }
      if (columns < 4) storeFirst(out, low, columns);
      else {
        v128.store(out, low);
        if (columns == 8) v128.store(out, high, 16);
        else if (columns > 4) storeFirst(out + 16, high, columns - 4);
      }
      out += outRow;
    }
  }
}

/** One row of 8 columns. */
function oneRow(a: usize, aInner: usize, b: usize, inner: u32, out: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  for (let k: u32 = 0; k < inner; k++) {
    const x = v128.load32_splat(a);
    c0 = madd(x, v128.load(b), c0);
    c1 = madd(x, v128.load(b, 16), c1);
    a += aInner;
    b += 32;
  }
  v128.store(out, c0);
  v128.store(out, c1, 16);
}
