// Rows picked by indices, and their sums. Indices are floats or, when `whole`, integers.
import { addLines } from './embedding';

// @ts-ignore: decorator
@inline
function indexAt(indices: usize, j: u32, whole: bool): i32 {
  const at = indices + (<usize>j << 2);
  return whole ? load<i32>(at) : <i32>load<f32>(at);
}

/** out[o, j] = x[o, indices[j]], `inner` floats each; x is [outer, length, inner]. An index out of range counts as the nearest. */
export function gather(x: usize, indices: usize, whole: bool, out: usize, outer: u32, length: u32, inner: u32, count: u32): void {
  const line = <usize>inner << 2;
  for (let o: u32 = 0; o < outer; o++) {
    for (let j: u32 = 0; j < count; j++) {
      const index = max<i32>(0, min<i32>(indexAt(indices, j, whole), length - 1));
      memory.copy(out, x + <usize>index * line, line);
      out += line;
    }
    x += line * <usize>length;
  }
}

/** out[v] = Σ over j with indices[j] = v of x[j], `inner` floats each, v < length. Indices out of range are left out. */
export function segmentSum(x: usize, indices: usize, whole: bool, out: usize, count: u32, length: u32, inner: u32): void {
  const line = <usize>inner << 2;
  memory.fill(out, 0, <usize>length * line);
  for (let j: u32 = 0; j < count; j++) {
    const index = indexAt(indices, j, whole);
    if (<u32>index < length) {
      const to = out + <usize>index * line;
      addLines(to, x, to, inner);
    }
    x += line;
  }
}

/** out[j, v] = indices[j] = v ? on : off, v < depth. */
export function oneHot(indices: usize, whole: bool, out: usize, count: u32, depth: u32, on: f32, off: f32): void {
  for (let j: u32 = 0; j < count; j++) {
    const index = indexAt(indices, j, whole);
    for (let v: u32 = 0; v < depth; v++) {
      store<f32>(out, <u32>index == v ? on : off);
      out += 4;
    }
  }
}
