// Matrix products, in blocks that stay in the caches: tiles (tiles.ts) over packed columns of b (packing.ts). Blocking after
// Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication" (2008).
import { BLOCK_LINE, copyLines, packColumns, packRows, packWideColumns, packWideRows } from './packing';
import { edge, panel, panelTransposed, widePanel } from './tiles';

/** Terms of a sum, and rows, of one block: 32 columns' worth of B panels and a block of A stay in the caches. */
const INNER_BLOCK: u32 = 256;
const ROW_BLOCK: u32 = 128;
/** Bytes between terms of a transposed A that is used as it lies: more would drive each other out of the caches. */
const MOST_APART: usize = 1536;
/** Rows from which on wide panels are worth the rows that they make again, where narrow ones fill as well. */
const LEAST_WIDE: u32 = 24;
/** Bytes of a panel of B: INNER_BLOCK rows of 12 floats. */
const PANEL: usize = 12288;
/** Bytes of a block of A brought together: INNER_BLOCK lines. */
const PACKED: usize = 135168;

/**
 * How many panels of 12 columns come before those of 8: as many as there are, or one fewer if the rest then fills its
 * panels better.
 */
// @ts-ignore: decorator
@inline
function widePanels(columns: u32): u32 {
  const most = columns / 12;
  const rest = columns & 7;
  const odd = rest > 0 && rest <= 4;
  return most > 0 && (most & 1) != u32(odd) ? most - 1 : most;
}

/**
 * out [rows, columns] = a [rows, inner] · b [inner, columns] (+ bias [columns]) (+ addend), in f32.
 * @param aLine bytes between lines of a: its rows, or when `aTransposed` (a is [inner, rows]) its terms
 * @param bLine bytes between lines of b: its rows, or when `bTransposed` (b is [columns, inner]) its columns
 * @param outLine bytes between rows of out, and of addend
 * @param bias floats [columns], or 0
 * @param addend [rows, columns], or 0
 * @param scratch 147,600 bytes: a panel of b, a block of a, a tile
 */
export function matmul(
  a: usize, aLine: usize, aTransposed: bool, b: usize, bLine: usize, bTransposed: bool, out: usize, outLine: usize,
  rows: u32, inner: u32, columns: u32, bias: usize, addend: usize, scratch: usize,
): void {
  const packed = scratch + PANEL;
  const tile = packed + PACKED;
  const aRow: usize = aTransposed ? 4 : aLine;
  const aInner: usize = aTransposed ? aLine : 4;
  const wide = widePanels(columns);
  for (let k: u32 = 0; k < inner; k += INNER_BLOCK) {
    const terms = min(INNER_BLOCK, inner - k);
    // Later blocks add to what the first has written.
    const blockBias: usize = k ? 0 : bias;
    const blockAddend: usize = k ? out : addend;
    for (let i: u32 = 0; i < rows; ) {
      // The last rows, fewer than 4, are a block of their own.
      const left = rows - i;
      const blockRows = left < 4 ? left : min(ROW_BLOCK, left & ~3);
      let start = a + <usize>i * aRow + <usize>k * aInner;
      let line = aLine;
      if (aTransposed && aLine > MOST_APART && blockRows >= 4) {
        copyLines(start, aLine, terms, blockRows, packed);
        start = packed;
        line = BLOCK_LINE;
      }
      const place = <usize>i * outLine;
      const few = blockRows < LEAST_WIDE && blockRows % 3 != 0 && columns % 24 != 12;
      const first: u32 = blockRows < 4 || few ? 0 : wide * 12;
      for (let j: u32 = 0; j < first; j += 12) {
        const bytes = <usize>j << 2;
        if (bTransposed) packWideRows(b + <usize>j * bLine + (<usize>k << 2), bLine, terms, scratch);
        else packWideColumns(b + <usize>k * bLine + bytes, bLine, terms, scratch);
        const to = out + place + bytes;
        const from: usize = blockBias ? blockBias + bytes : 0;
        const plus: usize = blockAddend ? blockAddend + place + bytes : 0;
        widePanel(aTransposed, start, line, scratch, terms, blockRows, to, outLine, from, plus, tile);
      }
      for (let j: u32 = first; j < columns; j += 8) {
        const width = min<u32>(8, columns - j);
        const bytes = <usize>j << 2;
        packPanel(b, bLine, bTransposed, k, terms, j, width, scratch);
        const to = out + place + bytes;
        const from: usize = blockBias ? blockBias + bytes : 0;
        const plus: usize = blockAddend ? blockAddend + place + bytes : 0;
        if (width < 8 || blockRows < 4)
          edge(start, aRow, aTransposed ? line : 4, scratch, terms, blockRows, width, to, outLine, from, plus, tile);
        else if (aTransposed) panelTransposed(start, line, scratch, terms, blockRows, to, outLine, from, plus);
        else panel(start, line, scratch, terms, blockRows, to, outLine, from, plus);
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
