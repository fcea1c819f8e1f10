// Copies between places with strides: transposes, slices, repeats, reverses, parts of a whole. Layouts as in
// generic-binary.ts, with x first and out second; strides may be negative, on unsigned words modulo 2³².
import { length, reach } from './generic-binary';

const X: usize = 24;
const OUT: usize = 48;

/** `bytes` bytes from `out` on become 0. */
export function clear(out: usize, bytes: usize): void {
  memory.fill(out, 0, bytes);
}

/** out = x along the layout. */
export function copy(x: usize, out: usize, layout: usize): void {
  const columns = length(layout, 5);
  const xStep = load<u32>(layout + X, 20);
  const outStep = load<u32>(layout + OUT, 20);
  const adjacent = xStep == 4 && outStep == 4;
  for (let i0: u32 = 0; i0 < length(layout, 0); i0++)
    for (let i1: u32 = 0; i1 < length(layout, 1); i1++)
      for (let i2: u32 = 0; i2 < length(layout, 2); i2++)
        for (let i3: u32 = 0; i3 < length(layout, 3); i3++)
          for (let i4: u32 = 0; i4 < length(layout, 4); i4++) {
            let from = x + reach(layout + X, i0, i1, i2, i3, i4);
            let to = out + reach(layout + OUT, i0, i1, i2, i3, i4);
            if (adjacent) memory.copy(to, from, (<usize>columns) << 2);
            else
              for (let left = columns; left; left--) {
                store<u32>(to, load<u32>(from));
                from += xStep;
                to += outStep;
              }
          }
}
