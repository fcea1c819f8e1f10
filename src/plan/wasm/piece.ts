// Launches are cut into pieces short enough that the event loop gets its turn between two of them.
import type { GenericLaunch } from '../launches.ts';
import type { Operand } from '../plan.ts';
import type { Kernels } from './kernels.ts';

/** A call of kernels on fixed addresses. */
export interface Piece {
  /** Floating-point operations, roughly. */
  readonly cost: number;
  run(): void;
}

/** What lowering needs to know. */
export interface Place {
  readonly kernels: Kernels;
  /** Address of the kernels' scratch memory. */
  readonly scratch: number;
  /** The address of the layout of a launch with strides. */
  readonly layout: (launch: GenericLaunch) => number;
  /** The address of an operand. */
  readonly address: (operand: Operand) => number;
}

/** Operations of the longest pieces aimed at: under a millisecond at 20 GFLOP/s. */
const PIECE = 1.5e7;

/**
 * Cuts `count` units of work into pieces of a multiple of `unit` each.
 * @param cost operations of one
 * @param run does `size` of them from `from` on
 */
export function pieces(count: number, unit: number, cost: number, run: (from: number, size: number) => void): Piece[] {
  const step = Math.max(1, Math.floor(PIECE / (cost * unit))) * unit;
  const cut: Piece[] = [];
  for (let from = 0; from < count; from += step) {
    const size = Math.min(step, count - from);
    cut.push({ cost: cost * size, run: () => run(from, size) });
  }
  return cut;
}

/** Work in one piece. */
export function whole(cost: number, run: () => void): Piece[] {
  return [{ cost, run }];
}
