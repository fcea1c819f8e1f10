// How launches with strides walk their operands, in words that the kernels read (src/ops/simd/generic-binary.ts): the
// lengths of six axes, then six strides in bytes for each operand.
import type { Launch } from '../launches.ts';

const AXES = 6;
/** Bytes of one layout: lengths and the strides of up to three operands. */
export const LAYOUT_BYTES = 4 * AXES * 4;

/** The words of a launch's layout; undefined for launches that walk in order. */
export function layoutOf(launch: Launch): Int32Array | undefined {
  switch (launch.kind) {
    case 'binary':
      return words(launch.shape, [launch.aStrides, launch.bStrides]);
    case 'select':
      return words(launch.shape, [launch.conditionStrides, launch.aStrides, launch.bStrides]);
    case 'copy':
      return words(launch.shape, [launch.xStrides, launch.outStrides]);
    default:
      return undefined;
  }
}

function words(shape: readonly number[], strides: readonly (readonly number[])[]): Int32Array {
  const axes = merged(shape, strides);
  const layout = new Int32Array(LAYOUT_BYTES / 4);
  layout.fill(1, 0, AXES - axes.length);
  axes.forEach((axis, i) => {
    const place = AXES - axes.length + i;
    layout[place] = axis.length;
    axis.strides.forEach((stride, operand) => (layout[(operand + 1) * AXES + place] = 4 * stride));
  });
  return layout;
}

interface Axis {
  readonly length: number;
  readonly strides: readonly number[];
}

/** The axes longer than 1, neighbours that every operand walks as one made one: rows become as long as they can. */
function merged(shape: readonly number[], strides: readonly (readonly number[])[]): Axis[] {
  const axes: Axis[] = [];
  shape.forEach((length, i) => {
    if (length === 1) return;
    const own = strides.map((all) => all[i]);
    const outer = axes.at(-1);
    if (outer && outer.strides.every((stride, operand) => stride === own[operand] * length))
      axes[axes.length - 1] = { length: outer.length * length, strides: own };
    else axes.push({ length, strides: own });
  });
  return axes.length > 0 ? axes : [{ length: 1, strides: strides.map(() => 0) }];
}
