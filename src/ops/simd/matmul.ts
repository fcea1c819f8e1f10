// Matrix products. One micro-kernel makes tiles of 4 rows × 8 columns in registers; transposed operands are brought
// into its form by packing. Blocking after Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
import { firstLanes, madd, storeFirst } from './vector';

/** Terms of a sum, and rows, of one block: 32 columns' worth of B panels and a block of A stay in the caches. */
const INNER_BLOCK: u32 = 256;
const ROW_BLOCK: u32 = 128;
/** Bytes of a panel of B: INNER_BLOCK rows of 8 floats. */
const PANEL: usize = 8192;
/** Bytes of a packed block of A: ROW_BLOCK × INNER_BLOCK floats. */
const PACKED: usize = 131072;

/** How the block of a lies that a panel takes. */
const ROWS: u32 = 0;
const COLUMNS: u32 = 1;
const GROUPS: u32 = 2;

/**
 * out[i, 0…7] = (bias[0…7]) + Σ_k a[i, k]·b[k, 0…7] (+ addend[i, 0…7]) for `rows` rows, a multiple of 4.
 * @param form of a. ROWS: terms adjacent, rows `aLine` bytes apart. COLUMNS: rows adjacent, terms `aLine` bytes apart.
 *   GROUPS: [rows/4, inner, 4]
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
  const row1: usize = form == ROWS ? aLine : 4;
  const row2: usize = form == ROWS ? aLine * 2 : 8;
  const row3: usize = form == ROWS ? aLine * 3 : 12;
  const step: usize = form == ROWS ? 4 : form == COLUMNS ? aLine : 16;
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
      x = form == ROWS ? v128.load32_splat(pa + row1) : v128.load32_splat(pa, 4);
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
    a += form == ROWS ? aLine * 4 : form == COLUMNS ? 16 : <usize>inner << 4;
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

/** {@link panelOf} over groups of 4 rows. */
function panelOfGroups(
  groups: usize, b: usize, inner: u32, rows: u32, out: usize, outRow: usize, bias: usize, addend: usize,
): void {
  panelOf(GROUPS, groups, 0, b, inner, rows, out, outRow, bias, addend);
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

/** Packs `columns` (1 to 8) adjacent columns of b, rows `bRow` bytes apart, into rows of 8 floats; missing columns become 0. */
export function packColumns(b: usize, bRow: usize, inner: u32, columns: u32, out: usize): void {
  const low = firstLanes(columns);
  const high = firstLanes(<i32>columns - 4);
  for (const end = out + (<usize>inner << 5); out < end; out += 32) {
    v128.store(out, v128.and(v128.load(b), low));
    v128.store(out, v128.and(v128.load(b, 16), high), 16);
    b += bRow;
  }
}

/** Packs `rows` (1 to 8) rows of b, `bRow` bytes apart, as the columns of rows of 8 floats; missing ones become 0. */
export function packRows(b: usize, bRow: usize, inner: u32, rows: u32, out: usize): void {
  let done: u32 = 0;
  for (; done + 4 <= inner; done += 4) {
    const from = b + (<usize>done << 2);
    fourRows(from, bRow, rows, out);
    fourRows(from + bRow * 4, bRow, <i32>rows - 4, out + 16);
    out += 128;
  }
  for (; done < inner; done++) {
    for (let row: u32 = 0; row < 8; row++)
      store<f32>(out + (<usize>row << 2), row < rows ? load<f32>(b + <usize>row * bRow + (<usize>done << 2)) : 0);
    out += 32;
  }
}

/** Four terms of up to 4 rows: those beyond `present` become 0, and are not read. */
// @ts-ignore: decorator
@inline
function fourRows(from: usize, row: usize, present: i32, to: usize): void {
  if (present >= 4) {
    transpose4(v128.load(from), v128.load(from + row), v128.load(from + row * 2), v128.load(from + row * 3), to);
    return;
  }
  const none = f32x4.splat(0);
  const r0 = present > 0 ? v128.load(from) : none;
  const r1 = present > 1 ? v128.load(from + row) : none;
  const r2 = present > 2 ? v128.load(from + row * 2) : none;
  transpose4(r0, r1, r2, none, to);
}

/** The transpose of a square of 4 × 4, written to rows 32 bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(r0: v128, r1: v128, r2: v128, r3: v128, to: usize): void {
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
        if (width < 8 || blockRows < 4) edge(start, aRow, aInner, scratch, terms, blockRows, width, to, outLine, from, plus, tile);
        else if (aTransposed) panelOfGroups(packed, scratch, terms, blockRows, to, outLine, from, plus);
        else panel(start, aLine, scratch, terms, blockRows, to, outLine, from, plus);
      }
      i += blockRows;
    }
  }
}

/** Terms k … k + terms − 1 of columns j … j + width − 1 of b, as rows of 8 floats. */
// @ts-ignore: decorator
@inline
function packPanel(b: usize, bLine: usize, bTransposed: bool, k: u32, terms: u32, j: u32, width: u32, out: usize): void {
  if (bTransposed) packRows(b + <usize>j * bLine + (<usize>k << 2), bLine, terms, width, out);
  else packColumns(b + <usize>k * bLine + (<usize>j << 2), bLine, terms, width, out);
}
