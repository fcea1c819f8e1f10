// Matrix products. One micro-kernel makes tiles of 4 rows × 8 columns in registers; transposed operands are brought
// into its form by packing. Blocking after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
import { madd } from './vector';

/** Terms of a sum, and rows, of one block: 32 columns' worth of B panels and a block of A stay in the caches. */
const INNER_BLOCK: u32 = 256;
const ROW_BLOCK: u32 = 128;
/** Bytes of a panel of B: INNER_BLOCK rows of 8 floats. */
const PANEL: usize = 8192;
/** Bytes of a packed block of A: ROW_BLOCK × INNER_BLOCK floats. */
const PACKED: usize = 131072;

/**
 * out[i, 0…7] = (bias[0…7]) + Σ_k a[i, k]·b[k, 0…7] (+ addend[i, 0…7]) for `rows` rows, a multiple of 4.
 *
 * `T` is f32 where a's terms are adjacent, i32 where its rows are (`aRow` is 4).
 * @param aRow bytes from one row of a to the next
 * @param b bytes from one row to the next are `bInner`
 * @param bias 8 floats, or 0
 * @param addend laid out as out, or 0
 * @param outRow bytes from one row of out (and addend) to the next
 */
// @ts-ignore: decorator
@inline
function panelOf<T>(
  a: usize,
  aRow: usize,
  aInner: usize,
  b: usize,
  bInner: usize,
  inner: u32,
  rows: u32,
  out: usize,
  outRow: usize,
  bias: usize,
  addend: usize,
): void {
  const step: usize = isFloat<T>() ? 4 : aInner;
  const start0 = bias ? v128.load(bias) : f32x4.splat(0);
  const start1 = bias ? v128.load(bias, 16) : f32x4.splat(0);
  const aRow2 = aRow * 2;
  const aRow3 = aRow * 3;
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
    let pb = b;
    // Not unrolled by hand: engines do it themselves, and allocate registers better for it.
    for (let k = inner; k; k--) {
      const b0 = v128.load(pb);
      const b1 = v128.load(pb, 16);
      let x = v128.load32_splat(pa);
      c00 = madd(x, b0, c00);
      c01 = madd(x, b1, c01);
      x = isFloat<T>() ? v128.load32_splat(pa + aRow) : v128.load32_splat(pa, 4);
      c10 = madd(x, b0, c10);
      c11 = madd(x, b1, c11);
      x = isFloat<T>() ? v128.load32_splat(pa + aRow2) : v128.load32_splat(pa, 8);
      c20 = madd(x, b0, c20);
      c21 = madd(x, b1, c21);
      x = isFloat<T>() ? v128.load32_splat(pa + aRow3) : v128.load32_splat(pa, 12);
      c30 = madd(x, b0, c30);
      c31 = madd(x, b1, c31);
      pa += step;
      pb += bInner;
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
    a += aRow * 4;
  }
}

/** {@link panelOf} with the terms of a's rows adjacent. */
export function panel(
  a: usize, aRow: usize, b: usize, bInner: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  panelOf<f32>(a, aRow, 4, b, bInner, inner, rows, out, outRow, bias, addend);
}

/** {@link panelOf} with the rows of a adjacent, and their terms `aInner` bytes apart. */
export function panelTransposed(
  a: usize, aInner: usize, b: usize, bInner: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  panelOf<i32>(a, 4, aInner, b, bInner, inner, rows, out, outRow, bias, addend);
}

/**
 * As {@link panelOf}, for any rows and for 1 to 8 columns (b, packed, has 8 all the same), by way of `tile` (128 bytes).
 * Either `aRow` or `aInner` is 4.
 */
export function edge(
  a: usize, aRow: usize, aInner: usize, b: usize, bInner: usize, inner: u32, rows: u32, columns: u32, out: usize, outRow: usize,
  bias: usize, addend: usize, tile: usize,
): void {
  for (let i: u32 = 0; i < rows; i += 4) {
    const present = min<u32>(4, rows - i);
    const start = a + <usize>i * aRow;
    if (present < 4) {
      for (let row: u32 = 0; row < present; row++) oneRow(start + <usize>row * aRow, aInner, b, bInner, inner, tile + <usize>row * 32);
    } else if (aInner == 4) panel(start, aRow, b, bInner, inner, 4, tile, 32, 0, 0);
    else panelTransposed(start, aInner, b, bInner, inner, 4, tile, 32, 0, 0);
    for (let row: u32 = 0; row < present; row++) {
      const place = <usize>(i + row) * outRow;
      for (let column: usize = 0; column < <usize>columns << 2; column += 4) {
        let value = load<f32>(tile + <usize>row * 32 + column);
        if (bias) value += load<f32>(bias + column);
        if (addend) value += load<f32>(addend + place + column);
        store<f32>(out + place + column, value);
      }
    }
  }
}

/** One row of 8 columns. */
function oneRow(a: usize, aInner: usize, b: usize, bInner: usize, inner: u32, out: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = f32x4.splat(0);
  for (let k: u32 = 0; k < inner; k++) {
    const x = v128.load32_splat(a);
    c0 = madd(x, v128.load(b), c0);
    c1 = madd(x, v128.load(b, 16), c1);
    a += aInner;
    b += bInner;
  }
  v128.store(out, c0);
  v128.store(out, c1, 16);
}

/** Packs `columns` (1 to 8) adjacent columns of b, rows `bRow` bytes apart, into rows of 8 floats; missing columns become 0. */
export function packColumns(b: usize, bRow: usize, inner: u32, columns: u32, out: usize): void {
  if (columns == 8) {
    for (let k: u32 = 0; k < inner; k++) {
      v128.store(out, v128.load(b));
      v128.store(out, v128.load(b, 16), 16);
      b += bRow;
      out += 32;
    }
    return;
  }
  for (let k: u32 = 0; k < inner; k++) {
    for (let column: u32 = 0; column < 8; column++)
      store<f32>(out + (<usize>column << 2), column < columns ? load<f32>(b + (<usize>column << 2)) : 0);
    b += bRow;
    out += 32;
  }
}

/** Packs `rows` (1 to 8) rows of b, `bRow` bytes apart, as the columns of rows of 8 floats; missing ones become 0. */
export function packRows(b: usize, bRow: usize, inner: u32, rows: u32, out: usize): void {
  let done: u32 = 0;
  if (rows == 8) {
    const low = b;
    const high = b + bRow * 4;
    const bRow2 = bRow * 2;
    const bRow3 = bRow * 3;
    for (; done + 4 <= inner; done += 4) {
      const at = <usize>done << 2;
      transpose4(low + at, bRow, bRow2, bRow3, out);
      transpose4(high + at, bRow, bRow2, bRow3, out + 16);
      out += 128;
    }
  }
  for (; done < inner; done++) {
    for (let row: u32 = 0; row < 8; row++)
      store<f32>(out + (<usize>row << 2), row < rows ? load<f32>(b + <usize>row * bRow + (<usize>done << 2)) : 0);
    out += 32;
  }
}

/** The transpose of a square of 4 × 4, written to rows 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(from: usize, row: usize, row2: usize, row3: usize, to: usize): void {
  const r0 = v128.load(from);
  const r1 = v128.load(from + row);
  const r2 = v128.load(from + row2);
  const r3 = v128.load(from + row3);
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
  v128.store(to, v128.shuffle<f64>(low01, low23, 1, 3), 32);
  v128.store(to, v128.shuffle<f64>(high01, high23, 0, 2), 64);
  v128.store(to, v128.shuffle<f64>(high01, high23, 1, 3), 96);
}

/**
 * Packs `rows` adjacent columns of a (a multiple of 4), whose rows are `aInner` bytes apart, into groups of 4:
 * [rows/4, inner, 4]. Sixteen columns, a cache line, at a time: groups lie a power of two apart, and more of them at once
 * would drive each other out of the cache.
 */
function packGroups(a: usize, aInner: usize, inner: u32, rows: u32, out: usize): void {
  const group = <usize>inner << 4;
  let done: u32 = 0;
  for (; done + 16 <= rows; done += 16) {
    let from = a;
    for (let to = out; to < out + group; to += 16) {
      v128.store(to, v128.load(from));
      v128.store(to + group, v128.load(from, 16));
      v128.store(to + group * 2, v128.load(from, 32));
      v128.store(to + group * 3, v128.load(from, 48));
      from += aInner;
    }
    a += 64;
    out += group * 4;
  }
  for (; done < rows; done += 4) {
    let from = a;
    for (let to = out; to < out + group; to += 16) {
      v128.store(to, v128.load(from));
      from += aInner;
    }
    a += 16;
    out += group;
  }
}

/**
 * out [rows, columns] = a [rows, inner] · b [inner, columns] (+ bias [columns]) (+ addend), in f32.
 * @param aLine bytes between lines of a: its rows, or when `aTransposed` (a is [inner, rows]) its terms
 * @param bLine bytes between lines of b: its rows, or when `bTransposed` (b is [columns, inner]) its columns
 * @param outLine bytes between rows of out, and of addend
 * @param bias floats [columns], or 0
 * @param addend [rows, columns], or 0
 * @param scratch 139,392 bytes: a panel of b, a block of a, a tile
 */
export function matmul(
  a: usize, aLine: usize, aTransposed: bool, b: usize, bLine: usize, bTransposed: bool, out: usize, outLine: usize,
  rows: u32, inner: u32, columns: u32, bias: usize, addend: usize, scratch: usize,
): void {
  const packed = scratch + PANEL;
  const tile = packed + PACKED;
  const aRow: usize = aTransposed ? 4 : aLine;
  const aInner: usize = aTransposed ? aLine : 4;
  for (let k: u32 = 0; k < inner; k += INNER_BLOCK) {
    const terms = min(INNER_BLOCK, inner - k);
    // Later blocks add to what the first has written.
    const blockBias: usize = k ? 0 : bias;
    const blockAddend: usize = k ? out : addend;
    for (let i: u32 = 0; i < rows; ) {
      // The last rows, fewer than 4, are a block of their own.
      const left = rows - i;
      const blockRows = left < 4 ? left : min(ROW_BLOCK, left & ~3);
      const start = a + <usize>i * aRow + <usize>k * aInner;
      if (aTransposed && blockRows >= 4) packGroups(start, aLine, terms, blockRows, packed);
      const place = <usize>i * outLine;
      for (let j: u32 = 0; j < columns; j += 8) {
        const width = min<u32>(8, columns - j);
        const bytes = <usize>j << 2;
        packPanel(b, bLine, bTransposed, k, terms, j, width, scratch);
        const to = out + place + bytes;
        const from: usize = blockBias ? blockBias + bytes : 0;
        const plus: usize = blockAddend ? blockAddend + place + bytes : 0;
        if (width < 8 || blockRows < 4) edge(start, aRow, aInner, scratch, 32, terms, blockRows, width, to, outLine, from, plus, tile);
        else if (aTransposed) groupsPanel(packed, scratch, terms, blockRows, to, outLine, from, plus);
        else panel(start, aLine, scratch, 32, terms, blockRows, to, outLine, from, plus);
      }
      i += blockRows;
    }
  }
}

/** {@link panelTransposed} over groups of 4 rows that {@link packGroups} made. */
// @ts-ignore: decorator
@inline
function groupsPanel(groups: usize, b: usize, inner: u32, rows: u32, out: usize, outLine: usize, bias: usize, addend: usize): void {
  for (let row: u32 = 0; row < rows; row += 4) {
    panelTransposed(groups, 16, b, 32, inner, 4, out, outLine, bias, addend);
    groups += <usize>inner << 4;
    out += outLine * 4;
    if (addend) addend += outLine * 4;
  }
}

/** Terms k … k + terms − 1 of columns j … j + width − 1 of b, as rows of 8 floats. */
// @ts-ignore: decorator
@inline
function packPanel(b: usize, bLine: usize, bTransposed: bool, k: u32, terms: u32, j: u32, width: u32, out: usize): void {
  if (bTransposed) packRows(b + <usize>j * bLine + (<usize>k << 2), bLine, terms, width, out);
  else packColumns(b + <usize>k * bLine + (<usize>j << 2), bLine, terms, width, out);
}
