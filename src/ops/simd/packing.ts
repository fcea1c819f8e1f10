// Packing for matrix products: columns of b as panels, rows of 8 or 12 floats that a tile reads one after another.
import { firstLanes } from './vector';

/** Bytes between terms of a block of a transposed matrix that {@link copyLines} has brought together. */
export const BLOCK_LINE: usize = 528;

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

/** Packs 4 rows of b, `bRow` bytes apart, as 4 columns of lines `line` bytes apart. */
// @ts-ignore: decorator
@inline
function packFourRows(b: usize, bRow: usize, inner: u32, out: usize, line: usize): void {
  const row1 = b + bRow;
  const row2 = row1 + bRow;
  const row3 = row2 + bRow;
  const whole = <usize>(inner & ~3) << 2;
  const end = <usize>inner << 2;
  let at: usize = 0;
  for (; at < whole; at += 16) {
    transpose4(v128.load(b + at), v128.load(row1 + at), v128.load(row2 + at), v128.load(row3 + at), out, line);
    out += line * 4;
  }
  for (; at < end; at += 4) {
    store<f32>(out, load<f32>(b + at));
    store<f32>(out, load<f32>(row1 + at), 4);
    store<f32>(out, load<f32>(row2 + at), 8);
    store<f32>(out, load<f32>(row3 + at), 12);
    out += line;
  }
}

/** Four terms of up to 4 rows: those beyond `present` become 0, and are not read. */
// @ts-ignore: decorator
@inline
function fourRows(from: usize, row: usize, present: i32, to: usize): void {
  if (present >= 4) {
    transpose4(v128.load(from), v128.load(from + row), v128.load(from + row * 2), v128.load(from + row * 3), to, 32);
    return;
  }
  const none = f32x4.splat(0);
  const r0 = present > 0 ? v128.load(from) : none;
  const r1 = present > 1 ? v128.load(from + row) : none;
  const r2 = present > 2 ? v128.load(from + row * 2) : none;
  transpose4(r0, r1, r2, none, to, 32);
}

/** The transpose of a square of 4 × 4, written to rows `line` bytes apart. */
// @ts-ignore: decorator
@inline
function transpose4(r0: v128, r1: v128, r2: v128, r3: v128, to: usize, line: usize): void {
  const low01 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
  const high01 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
  const low23 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
  const high23 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<f64>(low01, low23, 0, 2));
  v128.store(to + line, v128.shuffle<f64>(low01, low23, 1, 3));
  v128.store(to + line * 2, v128.shuffle<f64>(high01, high23, 0, 2));
  v128.store(to + line * 3, v128.shuffle<f64>(high01, high23, 1, 3));
}

/** Packs 12 adjacent columns of b, rows `bRow` bytes apart, into rows of 12 floats. */
export function packWideColumns(b: usize, bRow: usize, inner: u32, out: usize): void {
  for (const end = out + <usize>inner * 48; out < end; out += 48) {
    v128.store(out, v128.load(b));
    v128.store(out, v128.load(b, 16), 16);
    v128.store(out, v128.load(b, 32), 32);
    b += bRow;
  }
}

/** Packs 12 rows of b, `bRow` bytes apart, as the columns of rows of 12 floats. */
export function packWideRows(b: usize, bRow: usize, inner: u32, out: usize): void {
  for (let rows: u32 = 0; rows < 12; rows += 4) {
    packFourRows(b, bRow, inner, out, 48);
    b += bRow * 4;
    out += 16;
  }
}

/** Brings `terms` lines of `rows` floats together, BLOCK_LINE bytes apart. */
export function copyLines(a: usize, aLine: usize, terms: u32, rows: u32, out: usize): void {
  for (; terms; terms--) {
    memory.copy(out, a, <usize>rows << 2);
    a += aLine;
    out += BLOCK_LINE;
  }
}
