// The module of SIMD kernels: what it exports, and how it is made. Addresses are bytes into the memory, booleans 0 or 1.
import { plainKernels, relaxedKernels } from './kernels.generated.ts';

/** The exports of src/ops/simd/index.ts, each described there. */
// prettier-ignore
export interface Kernels {
  matmul(
    a: number, aLine: number, aTransposed: number, b: number, bLine: number, bTransposed: number, out: number, outLine: number,
    rows: number, inner: number, columns: number, bias: number, addend: number, scratch: number,
  ): void;
  columnSums(x: number, line: number, rows: number, columns: number, out: number): void;
  geluForward(x: number, addend: number, out: number, size: number): void;
  geluBackward(x: number, y: number, gradient: number, size: number): void;
  norm(x: number, gain: number, bias: number, out: number, statistics: number, rows: number, width: number): void;
  normGradient(
    dOut: number, x: number, statistics: number, gain: number, residual: number, dx: number, dGain: number, dBias: number,
    rows: number, width: number, scratch: number,
  ): void;
  attention(qkv: number, out: number, logSumExp: number, context: number, heads: number, headWidth: number, scratch: number): void;
  attentionGradient(
    dOut: number, qkv: number, out: number, logSumExp: number, dQkv: number, context: number, heads: number, headWidth: number, scratch: number,
  ): void;
  crossEntropy(logits: number, targets: number, losses: number, dLogits: number, rows: number, vocabulary: number, scale: number): void;
  embedding(
    tokens: number, table: number, positions: number, out: number, rows: number, width: number, context: number, vocabulary: number,
  ): void;
  embeddingGradient(
    tokens: number, dOut: number, dTable: number, dPositions: number, rows: number, width: number, context: number, vocabulary: number,
  ): void;
  copyWords(x: number, out: number, size: number): void;
  addInto(total: number, x: number, size: number): void;
  sumOf(x: number, size: number): number;
  sumOfSquares(x: number, size: number): number;
  adamw(
    parameters: number, gradient: number, mean: number, square: number, size: number, scale: number, rate: number, beta1: number,
    oneLessBeta1: number, beta2: number, oneLessBeta2: number, unbiasSquare: number, epsilon: number, decay: number,
  ): void;
  unary(operation: number, x: number, out: number, size: number): void;
  toFloats(x: number, out: number, size: number): void;
  binary(operation: number, a: number, b: number, out: number, layout: number): void;
  select(condition: number, a: number, b: number, out: number, layout: number): void;
  clear(out: number, bytes: number): void;
  copy(x: number, out: number, layout: number): void;
  reduce(operation: number, x: number, out: number, outer: number, length: number, inner: number, scale: number): void;
  gather(x: number, indices: number, whole: number, out: number, outer: number, length: number, inner: number, count: number): void;
  segmentSum(x: number, indices: number, whole: number, out: number, count: number, length: number, inner: number): void;
  oneHot(indices: number, whole: number, out: number, count: number, depth: number, on: number, off: number): void;
  windowInEpoch(index: number, epoch: number, count: number, dataSeed: number): number;
}

/** `relaxed`: a multiply-add may round once instead of twice. */
export type KernelBuild = 'plain' | 'relaxed';

/** The builds that this engine can run, best first. Empty without SIMD. */
export function kernelBuilds(): KernelBuild[] {
  return (['relaxed', 'plain'] as const).filter((build) => WebAssembly.validate(binary(build)));
}

const compiled = new Map<KernelBuild, Promise<WebAssembly.Module>>();

/**
 * Compiles a build, once in each thread: what the engine has learnt to run fast stays so for later executors.
 * @throws Error one sentence, when this engine has no SIMD
 */
export async function compileKernels(build: KernelBuild | undefined = kernelBuilds()[0]): Promise<WebAssembly.Module> {
  if (!build) throw new Error('This browser has no WebAssembly SIMD.');
  const module = compiled.get(build) ?? WebAssembly.compile(binary(build));
  compiled.set(build, module);
  return module;
}

/** An instance of the kernels over a memory. */
export async function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Kernels> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return exports as unknown as Kernels;
}

function binary(build: KernelBuild): Uint8Array<ArrayBuffer> {
  const text = atob(build === 'plain' ? plainKernels : relaxedKernels);
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
