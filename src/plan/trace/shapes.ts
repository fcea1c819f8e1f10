// Arithmetic of shapes and strides for the generic launches.

/** Axes that a generic launch may have. */
export const MAXIMUM_RANK = 6;

/** Words in a tensor of this shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** Strides of a dense row-major tensor. */
export function denseStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** Strides with which a dense tensor of `shape` is read as one of shape `target` (numpy's rules of broadcasting). */
export function broadcastStrides(shape: readonly number[], target: readonly number[]): number[] {
  const dense = denseStrides(shape);
  const missing = target.length - shape.length;
  return target.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : dense[axis - missing]));
}

/** The shape that two tensors broadcast to. */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left, right] = [a[axis - rank + a.length] ?? 1, b[axis - rank + b.length] ?? 1];
    if (left !== right && left !== 1 && right !== 1) throw new Error(`Shapes [${a.join()}] and [${b.join()}] do not broadcast.`);
    return left === 1 ? right : left;
  });
}

/** A loop over a shape with several strided operands. */
export interface Loop {
  readonly shape: readonly number[];
  /** Strides of each operand. */
  readonly strides: readonly (readonly number[])[];
}

/**
 * The same loop with as few axes as possible (at least one): axes of length one dropped, neighbours that every operand
 * steps through evenly merged.
 * @throws Error when more than {@link MAXIMUM_RANK} are left
 */
export function collapse({ shape, strides }: Loop): Loop {
  const lengths: number[] = [];
  const steps: number[][] = strides.map(() => []);
  shape.forEach((length, axis) => {
    if (length === 1) return;
    const last = lengths.length - 1;
    if (last >= 0 && strides.every((operand, i) => steps[i][last] === operand[axis] * length)) {
      lengths[last] *= length;
      strides.forEach((operand, i) => (steps[i][last] = operand[axis]));
    } else {
      lengths.push(length);
      strides.forEach((operand, i) => steps[i].push(operand[axis]));
    }
  });
  if (lengths.length === 0) return { shape: [1], strides: strides.map(() => [1]) };
  if (lengths.length > MAXIMUM_RANK) throw new Error(`A traced op has ${lengths.length} axes; at most ${MAXIMUM_RANK} can be run.`);
  return { shape: lengths, strides: steps };
}
