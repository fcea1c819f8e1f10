// WGSL of what goes by indices: gathering, adding up by segment, one-hot rows. Indices out of range give zeros.
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { numberAt } from './elementwise.wgsl.ts';

const THREADS = 64;

const indexAt = (place: Place, index: string): string => `i32(${numberAt('indices', place, index)})`;

/** Launches of {@link gatherKernel}. */
export interface GatherParts {
  readonly reads: { readonly x: Place; readonly indices: Place };
  readonly writes: { readonly out: Place };
  readonly outer: number;
  readonly length: number;
  readonly inner: number;
  readonly count: number;
}

/** out[o, j, i] = x[o, indices[j], i]. */
export function gatherKernel({ reads, writes, outer, length, inner, count }: GatherParts, strides: Strides): Kernel {
  const total = outer * count * inner;
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors: false,
      threads: THREADS,
      groups: Math.ceil(total / THREADS),
      sizes: { total, length, inner, count },
      body: `let e = group * ${THREADS}u + li;
if (e < launch.total) {
let i = e % launch.inner; let j = (e / launch.inner) % launch.count; let o = e / (launch.inner * launch.count);
let v = ${indexAt(reads.indices, 'indicesAt + j')};
var found = 0.0;
if (v >= 0 && u32(v) < launch.length) { found = ${numberAt('x', reads.x, 'xAt + (o * launch.length + u32(v)) * launch.inner + i')}; }
setOut1(outAt + e, found);
}`,
    },
    strides,
  );
}

/** Launches of {@link segmentSumKernel}. */
export interface SegmentSumParts {
  readonly reads: { readonly x: Place; readonly indices: Place };
  readonly writes: { readonly out: Place };
  readonly count: number;
  readonly length: number;
  readonly inner: number;
}

/** out[v, i] = Σ over j with indices[j] = v of x[j, i]: every invocation goes through all indices. */
export function segmentSumKernel({ reads, writes, count, length, inner }: SegmentSumParts, strides: Strides): Kernel {
  const total = length * inner;
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors: false,
      threads: THREADS,
      groups: Math.ceil(total / THREADS),
      sizes: { total, inner, count },
      body: `let e = group * ${THREADS}u + li;
if (e < launch.total) {
let v = i32(e / launch.inner); let i = e % launch.inner;
var sum = 0.0;
for (var j = 0u; j < launch.count; j++) { if (${indexAt(reads.indices, 'indicesAt + j')} == v) { sum += ${numberAt('x', reads.x, 'xAt + j * launch.inner + i')}; } }
setOut1(outAt + e, sum);
}`,
    },
    strides,
  );
}

/** Launches of {@link oneHotKernel}. */
export interface OneHotParts {
  readonly reads: { readonly indices: Place };
  readonly writes: { readonly out: Place };
  readonly count: number;
  readonly depth: number;
  readonly on: number;
  readonly off: number;
}

/** out[j, v] = indices[j] = v ? on : off. */
export function oneHotKernel({ reads, writes, count, depth, on, off }: OneHotParts, strides: Strides): Kernel {
  const total = count * depth;
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors: false,
      threads: THREADS,
      groups: Math.ceil(total / THREADS),
      sizes: { total, depth },
      floats: { on, off },
      body: `let e = group * ${THREADS}u + li;
if (e < launch.total) {
setOut1(outAt + e, select(launch.off, launch.on, ${indexAt(reads.indices, 'indicesAt + e / launch.depth')} == i32(e % launch.depth)));
}`,
    },
    strides,
  );
}
