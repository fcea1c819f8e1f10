// The traced graph: launches in the order they were recorded, over values that have no place in memory yet.
import type { Launch } from '../launches.ts';
import type { Region } from '../plan.ts';

/** A tensor's contents, whatever its shape. It serves tfjs as data id, so that reshaped tensors share it. */
export class Value {
  /** Words. */
  readonly size: number;
  /** Known before the step: an uploaded constant. */
  readonly constant: Float32Array | undefined;
  /** Has a place of its own: a parameter, or tokens. */
  readonly input: { readonly region: Region; readonly offset: number } | undefined;

  constructor(size: number, known: { constant?: Float32Array; input?: { region: Region; offset: number } } = {}) {
    this.size = size;
    this.constant = known.constant;
    this.input = known.input;
  }
}

/** A launch over values. */
export type Node = Launch<Value>;

/** The operands of one side of a launch that are there. */
export function present<P>(operands: Readonly<Record<string, P | undefined>>): P[] {
  return Object.values(operands).filter((operand) => operand !== undefined);
}

/** Values a node reads. */
export function readsOf(node: Node): Value[] {
  return present<Value>(node.reads);
}

/** Values a node writes. */
export function writesOf(node: Node): Value[] {
  return present<Value>(node.writes);
}

/** The same launch over other operands. */
export function mapOperands<P, Q>(launch: Launch<P>, read: (operand: P) => Q, write: (operand: P) => Q): Launch<Q> {
  const map = (operands: Readonly<Record<string, P | undefined>>, to: (operand: P) => Q) =>
    Object.fromEntries(Object.entries(operands).map(([name, operand]) => [name, operand === undefined ? undefined : to(operand)]));
  // The names on both sides stay, so the union's member does too; the compiler cannot follow that.
  return { ...launch, reads: map(launch.reads, read), writes: map(launch.writes, write) } as unknown as Launch<Q>;
}
