// WGSL of reductions along one axis, and of batches of matrix products.
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { groupsOf, productBody, sharedOf, threadsOf, type Tile } from '../wgsl/matrix-tile.ts';
import { rowAccess } from '../wgsl/rows.ts';
import { numberAt } from './elementwise.wgsl.ts';
import { NOT_NUMBER } from './functions.wgsl.ts';

/** Invocations in a workgroup; a power of two. */
const THREADS = 64;

type Reduction = 'sum' | 'mean' | 'maximum' | 'minimum' | 'product';

/** Launches of {@link reduceKernel}. */
export interface ReduceParts {
  readonly reads: { readonly x: Place };
  readonly writes: { readonly out: Place };
  readonly operation: Reduction;
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
}

function joined(operation: Reduction, a: string, b: string): string {
  switch (operation) {
    case 'sum':
    case 'mean':
      return `${a} + ${b}`;
    case 'product':
      return `${a} * ${b}`;
    case 'maximum':
      return `select(max(${a}, ${b}), ${a} + ${b}, isNotNumber(${a}) || isNotNumber(${b}))`;
    case 'minimum':
      return `select(min(${a}, ${b}), ${a} + ${b}, isNotNumber(${a}) || isNotNumber(${b}))`;
    default:
      return operation satisfies never;
  }
}

/**
 * out[o, i] = the reduction over n of x[o, n, i]. Long axes are shared by the invocations of a workgroup, short ones have
 * an invocation each.
 */
export function reduceKernel({ reads, writes, operation, outer, length, inner }: ReduceParts, strides: Strides): Kernel {
  const total = outer * inner;
  const shares = length >= 256 ? THREADS : 1;
  const x = (n: string): string =>
    numberAt('x', reads.x, `xAt + (e / launch.inner * launch.length + ${n}) * launch.inner + e % launch.inner`);
  const result = operation === 'mean' ? 'value / f32(launch.length)' : 'value';
  const gather = `var value = ${x('first')};
for (var n = first + ${shares}u; n < launch.length; n += ${shares}u) { let next = ${x('n')}; value = ${joined(operation, 'value', 'next')}; }`;
  const body =
    shares === 1
      ? `let e = group * ${THREADS}u + li;
if (e < launch.total) {
let first = 0u;
${gather}
setOut1(outAt + e, ${result});
}`
      : `let e = group; let first = li;
${gather}
found[li] = value;
workgroupBarrier();
if (li == 0u) {
for (var n = 1u; n < ${THREADS}u; n++) { let next = found[n]; value = ${joined(operation, 'value', 'next')}; }
setOut1(outAt + e, ${result});
}`;
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors: false,
      threads: THREADS,
      groups: shares === 1 ? Math.ceil(total / THREADS) : total,
      sizes: { total, length, inner },
      declarations: `${NOT_NUMBER}\n${shares === 1 ? '' : `var<workgroup> found: array<f32, ${THREADS}>;`}`,
      body,
    },
    strides,
  );
}

/** Launches of {@link matrixProductKernel}. */
export interface MatrixProductParts {
  readonly reads: { readonly a: Place; readonly b: Place };
  readonly writes: { readonly out: Place };
  readonly batches: number;
  readonly aBatches: number;
  readonly bBatches: number;
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly aTransposed: boolean;
  readonly bTransposed: boolean;
}

/** out[n] = a[n mod aBatches] · b[n mod bBatches]. */
export function matrixProductKernel(parts: MatrixProductParts, tile: Tile, strides: Strides): Kernel {
  const { reads, writes, batches, aBatches, bBatches, rows, inner, columns, aTransposed, bTransposed } = parts;
  const vectors = [columns, aTransposed ? rows : inner, bTransposed ? inner : columns].every((length) => length % 4 === 0);
  const perBatch = groupsOf(tile, rows, columns);
  const { store } = rowAccess(vectors, 'launch.columns');
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: threadsOf(tile),
      groups: batches * perBatch,
      sizes: { perBatch, aBatches, bBatches, rows, inner, columns },
      declarations: sharedOf(tile),
      body: `let batch = group / launch.perBatch;
let aBegin = aAt + (batch % launch.aBatches) * launch.rows * launch.inner;
let bBegin = bAt + (batch % launch.bBatches) * launch.inner * launch.columns;
let outBegin = outAt + batch * launch.rows * launch.columns;
${productBody({
  tile,
  vectors,
  left: { name: 'a', at: 'aBegin', stride: aTransposed ? 'launch.rows' : 'launch.inner', along: aTransposed ? 'outer' : 'inner' },
  right: { name: 'b', at: 'bBegin', stride: bTransposed ? 'launch.inner' : 'launch.columns', along: bTransposed ? 'inner' : 'outer' },
  rows: 'launch.rows',
  columns: 'launch.columns',
  inner: 'launch.inner',
  group: 'group % launch.perBatch',
  store: (row, column, value) => store('out', `outBegin + ${row} * launch.columns + ${column}`, column, value),
})}`,
    },
    strides,
  );
}
