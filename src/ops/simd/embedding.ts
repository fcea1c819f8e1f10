// Token and position embeddings, and their gradients. A token outside the vocabulary counts as its last one.
import { storeFirst } from './vector';

/** out[r] = table[tokens[r]] (+ positions[r mod context], when not 0), `width` floats each. */
export function embedding(
  tokens: usize, table: usize, positions: usize, out: usize, rows: u32, width: u32, context: u32, vocabulary: u32,
): void {
  const line = <usize>width << 2;
  let position: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const from = table + <usize>min(load<u32>(tokens), vocabulary - 1) * line;
    if (positions) addLines(from, positions + <usize>position * line, out, width);
    else memory.copy(out, from, line);
    tokens += 4;
    out += line;
    if (++position == context) position = 0;
  }
}

/** dTable[v] = Σ over rows of token v of dOut; dPositions[t] (when not 0) = Σ over rows at place t. */
export function embeddingGradient(
  tokens: usize, dOut: usize, dTable: usize, dPositions: usize, rows: u32, width: u32, context: u32, vocabulary: u32,
): void {
  const line = <usize>width << 2;
  memory.fill(dTable, 0, <usize>vocabulary * line);
  if (dPositions) memory.fill(dPositions, 0, <usize>context * line);
  let position: u32 = 0;
  for (let row: u32 = 0; row < rows; row++) {
    const to = dTable + <usize>min(load<u32>(tokens), vocabulary - 1) * line;
    addLines(to, dOut, to, width);
    if (dPositions) {
      const place = dPositions + <usize>position * line;
      addLines(place, dOut, place, width);
      if (++position == context) position = 0;
    }
    tokens += 4;
    dOut += line;
  }
}

/** out = a + b; out may be a. */
// @ts-ignore: decorator
@inline
export function addLines(a: usize, b: usize, out: usize, size: u32): void {
  const whole = (<usize>size << 2) & ~15;
  for (let c: usize = 0; c < whole; c += 16) v128.store(out + c, f32x4.add(v128.load(a + c), v128.load(b + c)));
  const tail: i32 = size & 3;
  if (tail) storeFirst(out + whole, f32x4.add(v128.load(a + whole), v128.load(b + whole)), tail);
}
