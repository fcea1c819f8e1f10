// WGSL of token and position embeddings, and of their gradients in one launch.
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { rowAccess } from '../wgsl/rows.ts';

const THREADS = 64;

/** The forward pass, as in src/plan/launches.ts. */
export interface EmbeddingParts {
  readonly reads: { readonly tokens: Place; readonly table: Place; readonly positions?: Place | undefined };
  readonly writes: { readonly out: Place };
  readonly rows: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
}

/** One invocation for every four words of out. */
export function embeddingKernel({ reads, writes, rows, width, context }: EmbeddingParts, strides: Strides): Kernel {
  const vectors = width % 4 === 0;
  const { load, store } = rowAccess(vectors, 'launch.width');
  const quarters = Math.ceil(width / 4);
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: THREADS,
      groups: Math.ceil((rows * quarters) / THREADS),
      sizes: { rows, width, quarters, context },
      body: `let i = group * ${THREADS}u + li; let row = i / launch.quarters; let c = 4u * (i % launch.quarters);
if (row < launch.rows) {
let token = u32(tokens1(tokensAt + row));
var v = ${load('table', 'tableAt + token * launch.width + c', 'c')};
${reads.positions ? `v += ${load('positions', 'positionsAt + (row % launch.context) * launch.width + c', 'c')};` : ''}
${store('out', 'outAt + row * launch.width + c', 'c', 'v')}
}`,
    },
    strides,
  );
}

/** The backward pass. */
export interface EmbeddingGradientParts {
  readonly reads: { readonly tokens: Place; readonly dOut: Place };
  readonly writes: { readonly dTable: Place; readonly dPositions?: Place | undefined };
  readonly rows: number;
  readonly width: number;
  readonly context: number;
  readonly vocabulary: number;
}

/** Rows that an invocation looks through at a time, one bit for each, and those of a workgroup. */
const LOOKED = 32;
const CHUNK = THREADS * LOOKED;
/** vec4f of columns that an invocation has which shares with no other. */
const QUARTERS_ALONE = 4;

/**
 * For every token of the vocabulary a workgroup (or several, where the model is wide): its invocations look through the
 * rows and mark those of that token, then share the marks out and add the marked rows up. Or, `alone`, every invocation
 * has a token and a few columns. Positions are added up by workgroups of their own.
 */
export function embeddingGradientKernel(parts: EmbeddingGradientParts, strides: Strides, alone: boolean): Kernel {
  const { reads, writes, rows, width, context, vocabulary } = parts;
  const vectors = width % 4 === 0;
  const { load, store } = rowAccess(vectors, 'launch.width');
  const quarters = Math.ceil(width / 4);
  let across = 1;
  while (across < quarters && across < THREADS) across *= 2;
  const blocks = Math.ceil(quarters / (alone ? QUARTERS_ALONE : across));
  const ofTable = alone ? Math.ceil((vocabulary * blocks) / THREADS) : vocabulary * blocks;
  const own = Array.from({ length: QUARTERS_ALONE }, (_, n) => n);
  // To the next row of the token first: processors in disguise go through both sides of a branch.
  const tableAlone = `{
let i = group * ${THREADS}u + li; let token = i / launch.blocks; let c = ${4 * QUARTERS_ALONE}u * (i % launch.blocks);
if (token < launch.vocabulary) {
${own.map((n) => `var sum${n} = vec4f();`).join(' ')}
for (var row = 0u; row < launch.rows; row++) {
for (; row < launch.rows; row++) { if (u32(tokens1(tokensAt + row)) == token) { break; } }
if (row >= launch.rows) { break; }
let at = dOutAt + row * launch.width + c;
${own.map((n) => `if (c + ${4 * n}u < launch.width) { sum${n} += ${load('dOut', `at + ${4 * n}u`, `(c + ${4 * n}u)`)}; }`).join('\n')}
}
let to = dTableAt + token * launch.width + c;
${own.map((n) => `if (c + ${4 * n}u < launch.width) { ${store('dTable', `to + ${4 * n}u`, `(c + ${4 * n}u)`, `sum${n}`)} }`).join('\n')}
} }`;
  const tableTogether = `{
let token = i32(group / launch.blocks); let c = 4u * ((group % launch.blocks) * ${across}u + li % ${across}u);
var sum = vec4f();
for (var chunk = 0u; chunk < launch.rows; chunk += ${CHUNK}u) {
var mark = 0u; var bit = 1u;
for (var row = chunk + li; row < min(chunk + ${CHUNK}u, launch.rows); row += ${THREADS}u) {
mark |= select(0u, bit, tokens1(tokensAt + row) == token); bit <<= 1u;
}
marks[li] = mark;
workgroupBarrier();
if (c < launch.width) {
for (var n = li / ${across}u; n < ${THREADS}u; n += ${THREADS / across}u) {
var left = marks[n];
while (left != 0u) {
let row = chunk + n + ${THREADS}u * firstTrailingBit(left);
sum += ${load('dOut', 'dOutAt + row * launch.width + c', 'c')};
left &= left - 1u;
} } }
workgroupBarrier();
}
sums[li] = sum;
workgroupBarrier();
if (li < ${across}u && c < launch.width) {
for (var n = li + ${across}u; n < ${THREADS}u; n += ${across}u) { sum += sums[n]; }
${store('dTable', 'dTableAt + u32(token) * launch.width + c', 'c', 'sum')}
} }`;
  const table = alone ? tableAlone : tableTogether;
  const positions = `{
let i = (group - launch.ofTable) * ${THREADS}u + li; let place = i / launch.quarters; let c = 4u * (i % launch.quarters);
if (place < launch.context) {
var sum = vec4f();
for (var row = place; row < launch.rows; row += launch.context) { sum += ${load('dOut', 'dOutAt + row * launch.width + c', 'c')}; }
${store('dPositions', 'dPositionsAt + place * launch.width + c', 'c', 'sum')}
} }`;
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: THREADS,
      groups: ofTable + (writes.dPositions ? Math.ceil((context * quarters) / THREADS) : 0),
      sizes: { rows, width, quarters, context, vocabulary, blocks, ofTable },
      declarations: alone ? '' : `var<workgroup> marks: array<u32, ${THREADS}>; var<workgroup> sums: array<vec4f, ${THREADS}>;`,
      body: writes.dPositions ? `if (group < launch.ofTable) ${table} else ${positions}` : table,
    },
    strides,
  );
}
