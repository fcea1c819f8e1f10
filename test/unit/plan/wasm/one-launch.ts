// Single launches on trial: the kernels' answer and the interpreter's, on operands at odd places with walls between.
import { expect } from 'vitest';
import type { FusedLaunch, GenericLaunch } from '../../../../src/plan/launches.ts';
import type { Operand } from '../../../../src/plan/plan.ts';
import { mapOperands } from '../../../../src/plan/trace/graph.ts';
import { compileKernels, instantiateKernels, kernelBuilds, type KernelBuild } from '../../../../src/plan/wasm/kernels.ts';
import { reservedBytes } from '../../../../src/plan/wasm/kernels.generated.ts';
import { LAYOUT_BYTES, layoutOf } from '../../../../src/plan/wasm/layout.ts';
import { lower } from '../../../../src/plan/wasm/lower.ts';
import { scratchBytes } from '../../../../src/plan/wasm/scratch.ts';
import { runLaunch } from '../interpreter.ts';

/**
 * What is read: its values; an Int32Array lies in `tokens`. What is written: how many words, or, in place, the array
 * that is read.
 */
export type Tensor = Float32Array | Int32Array | number;
/** A launch on trial. */
export type Trial = FusedLaunch<Tensor> | GenericLaunch<Tensor>;
type Outputs = Record<string, Float32Array>;

/** Stands around every operand, and must still be there afterwards. */
const WALL = 0x7fc0_1234;
const WALL_WORDS = 5;
/** Where operands begin: what lies below belongs to the kernels. */
const BASE = reservedBytes;

/** Operands for the tensors of a trial, and the words to lay them in. */
function placed(trial: Trial): { launch: FusedLaunch | GenericLaunch; values: Map<Operand, Tensor>; words: number } {
  const values = new Map<Operand, Tensor>();
  let words = WALL_WORDS;
  const place = (tensor: Tensor): Operand => {
    if (typeof tensor !== 'number') for (const [operand, other] of values) if (other === tensor) return operand;
    const size = typeof tensor === 'number' ? tensor : tensor.length;
    // 1, 2, 3, 0, … words past a multiple of four, so that nothing can count on alignment.
    const offset = words + ((values.size + 1 - words) & 3);
    const operand: Operand = { region: tensor instanceof Int32Array ? 'tokens' : 'activations', offset, size };
    values.set(operand, tensor);
    words = offset + size + WALL_WORDS;
    return operand;
  };
  // The names on both sides stay, and with them the kind.
  const launch = mapOperands<Tensor, Operand>(trial, place, place) as FusedLaunch | GenericLaunch;
  return { launch, values, words };
}

/**
 * What the kernels make of a trial, by name of output.
 * @throws Error when they write outside the outputs, or past the scratch memory they say they need
 */
export async function runKernels(trial: Trial, build: KernelBuild = 'plain'): Promise<Outputs> {
  if (!kernelBuilds().includes(build)) throw new Error(`No ${build} build here.`);
  const module = await compileKernels(build);
  const { launch, values, words } = placed(trial);
  const layout = BASE + 4 * words;
  const scratch = layout + LAYOUT_BYTES;
  const end = scratch / 4 + Math.ceil(scratchBytes(launch) / 4);
  const memory = new WebAssembly.Memory({ initial: Math.ceil((end + WALL_WORDS) / 16384) });
  const integers = new Int32Array(memory.buffer).fill(WALL, BASE / 4);
  const floats = new Float32Array(memory.buffer);
  for (const [{ offset }, data] of values)
    if (typeof data !== 'number') (data instanceof Int32Array ? integers : floats).set(data, BASE / 4 + offset);
  integers.set(layoutOf(launch) ?? [], layout / 4);
  const address = ({ offset }: Operand): number => BASE + 4 * offset;
  const kernels = await instantiateKernels(module, memory);
  for (const piece of lower(launch, { kernels, scratch, layout: () => layout, address })) piece.run();

  const operands = [...values.keys()];
  const inside = new Set(operands.flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)));
  for (let word = 0; word < words; word++)
    if (!inside.has(word) && integers[BASE / 4 + word] !== WALL) throw new Error(`${launch.kind} writes outside its outputs.`);
  if (integers.subarray(end, end + WALL_WORDS).some((word) => word !== WALL))
    throw new Error(`${launch.kind} writes past its scratch memory.`);
  const written = Object.entries(launch.writes as Record<string, Operand | undefined>);
  return Object.fromEntries(
    written.flatMap(([name, operand]) => {
      if (!operand) return [];
      const start = BASE / 4 + operand.offset;
      return [[name, floats.slice(start, start + operand.size)]];
    }),
  );
}

/** What the interpreter makes of a trial. */
export function interpret(trial: Trial): Outputs {
  const { launch, values } = placed(trial);
  const memory = new Map(
    [...values].map(([operand, data]) => [operand, typeof data === 'number' ? new Float64Array(operand.size) : Float64Array.from(data)]),
  );
  runLaunch(launch, (operand) => memory.get(operand)!);
  const written = Object.entries(launch.writes as Record<string, Operand | undefined>);
  return Object.fromEntries(written.flatMap(([name, operand]) => (operand ? [[name, Float32Array.from(memory.get(operand)!)]] : [])));
}

/** Expects the kernels' outputs to equal the interpreter's, to `tolerance` of the largest number of each output. */
export async function expectParity(trial: Trial, build: KernelBuild = 'plain', tolerance = 1e-5): Promise<void> {
  const [found, wanted] = [await runKernels(trial, build), interpret(trial)];
  expect(Object.keys(found)).toEqual(Object.keys(wanted));
  for (const name of Object.keys(wanted)) {
    const error = largestError(found[name], wanted[name]);
    expect(error, `${trial.kind}: ${name}, relative error`).toBeLessThan(tolerance);
  }
}

/** The largest difference as a share of the largest number; infinite where one is finite and the other is not, or another. */
function largestError(found: Float32Array, wanted: Float32Array): number {
  let [difference, size] = [0, 0];
  wanted.forEach((value, i) => {
    if (Number.isFinite(value)) size = Math.max(size, Math.abs(value));
    if (Object.is(found[i], value)) return;
    const apart = Math.abs(found[i] - value);
    difference = Math.max(difference, Number.isNaN(apart) ? Infinity : apart);
  });
  return difference === 0 ? 0 : difference / (size || 1);
}

/** A source of numbers for tests. */
export interface Numbers {
  /** About normal around `shift`, with standard deviation `scale`. */
  readonly floats: (size: number, scale?: number, shift?: number) => Float32Array;
  /** Whole, from 0 to below `below`. */
  readonly indices: (size: number, below: number) => Int32Array;
}

/** The same numbers for every run of the tests. */
export function numbers(seed: number): Numbers {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  return {
    floats: (size, scale = 1, shift = 0) => Float32Array.from({ length: size }, () => (next() + next() + next() - 1.5) * 2 * scale + shift),
    indices: (size, below) => Int32Array.from({ length: size }, () => Math.floor(next() * below)),
  };
}
