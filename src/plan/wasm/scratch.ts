// Scratch memory of the kernels: one piece for all launches, as long as the hungriest needs. Each formula is the one in
// the kernel's docstring (src/ops/simd).
import type { Launch } from '../launches.ts';

/** A packed panel, a packed block and a tile of the matrix product. */
export const MATMUL_SCRATCH = 147_600;

/** Bytes that `launch` needs. */
export function scratchBytes(launch: Launch): number {
  switch (launch.kind) {
    case 'linear':
    case 'linearGradient':
    case 'matrixProduct':
      return MATMUL_SCRATCH;
    case 'normGradient':
      return 4 * 2 * (launch.width + 3);
    case 'attention': {
      const { context, headWidth } = launch;
      return 4 * (inEights(context) * headWidth + inEights(headWidth) * context + 64 * inEights(context) + 32);
    }
    case 'attentionGradient': {
      const { context, headWidth } = launch;
      return 4 * (2 * inEights(context) * headWidth + 3 * inEights(headWidth) * context + 128 * inEights(context) + 32);
    }
    default:
      return 0;
  }
}

function inEights(count: number): number {
  return 8 * Math.ceil(count / 8);
}
