// The kernels' module: everything it exports is typed for its callers in src/plan/wasm/kernels.ts.
export { adamw, addInto, copyWords, sumOf, sumOfSquares } from './adamw';
export { attention, attentionGradient } from './attention';
export { crossEntropy } from './cross-entropy';
export { columnSums, geluBackward, geluForward } from './elementwise';
export { embedding, embeddingGradient } from './embedding';
export { matmul } from './matmul';
export { norm, normGradient } from './norm';
export { windowInEpoch } from './order';
export { binary, select } from './generic-binary';
export { clear, copy } from './generic-copy';
export { gather, oneHot, segmentSum } from './generic-indexed';
export { reduce } from './generic-reduce';
export { toFloats, unary } from './generic-unary';

/** Bytes at the start of the memory that the tables of the kernels' mathematical functions take. */
export function reservedBytes(): usize {
  return __heap_base;
}
