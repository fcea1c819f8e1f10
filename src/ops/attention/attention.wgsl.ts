// WGSL of causal attention and of its gradient. An invocation has one query (or key) of one head and goes through the
// keys (or queries) with running sums, so that no matrix of scores is kept (Dao et al., "FlashAttention", 2022).
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { rowAccess, type RowAccess } from '../wgsl/rows.ts';

/** Sizes, as in src/plan/launches.ts. */
interface AttentionSizes {
  readonly sequences: number;
  readonly context: number;
  readonly heads: number;
  readonly headWidth: number;
}

/** The forward pass. */
export interface AttentionParts extends AttentionSizes {
  readonly reads: { readonly qkv: Place };
  readonly writes: { readonly out: Place; readonly logSumExp: Place };
}

/** The backward pass. */
export interface AttentionGradientParts extends AttentionSizes {
  readonly reads: { readonly dOut: Place; readonly qkv: Place; readonly out: Place; readonly logSumExp: Place };
  readonly writes: { readonly dQkv: Place };
}

/** Keys that share one rescaling of the running sums. */
const BLOCK = 4;

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** What both passes have in common. */
function common({ sequences, context, heads, headWidth }: AttentionSizes) {
  const vectors = headWidth % 4 === 0;
  const quarters = range(Math.ceil(headWidth / 4));
  let threads = 16;
  while (threads < 64 && threads < context) threads *= 2;
  const blocks = Math.ceil(context / threads);
  const width = heads * headWidth;
  return {
    vectors,
    quarters,
    threads,
    blocks,
    pairs: sequences * heads,
    numbers: { sizes: { context, heads, headWidth, width, blocks, pairs: sequences * heads }, floats: { scale: 1 / Math.sqrt(headWidth) } },
    access: rowAccess(vectors, 'launch.headWidth'),
    /** Which sequence and head a workgroup has, and which queries or keys; `block` is an expression. */
    place: (block: string, pair: string): string => `let pair = ${pair}; let head = pair % launch.heads; let sequence = pair / launch.heads;
let i = (${block}) * ${threads}u + li; let live = i < launch.context;
let firstRow = sequence * launch.context; let qkvBegin = firstRow * 3u * launch.width + head * launch.headWidth;`,
  };
}

/** vec4f number `n` of a third (0 queries, 1 keys, 2 values) at position `t`. */
const third =
  ({ load }: RowAccess) =>
  (n: number, of: 0 | 1 | 2, t: string): string =>
    load('qkv', `qkvAt + qkvBegin + (3u * ${t} + ${of}u) * launch.width + ${4 * n}u`, `${4 * n}u`);

const dot = (quarters: readonly number[], a: (n: number) => string, b: (n: number) => string): string =>
  quarters.map((n) => `dot(${a(n)}, ${b(n)})`).join(' + ');

/** out and logSumExp: one invocation a query. */
export function attentionKernel(parts: AttentionParts, strides: Strides): Kernel {
  const { vectors, quarters, threads, blocks, pairs, numbers, access, place } = common(parts);
  const at = third(access);
  const scores = range(BLOCK);
  const names = ['x', 'y', 'z', 'w'];
  return kernel(
    {
      reads: { ...parts.reads },
      writes: { ...parts.writes },
      vectors,
      threads,
      groups: blocks * pairs,
      ...numbers,
      body: `${place('group % launch.blocks', 'group / launch.blocks')}
if (live) {
${quarters.map((n) => `let q${n} = ${at(n, 0, 'i')} * launch.scale; var sum${n} = vec4f();`).join('\n')}
var highest = -3.0e38; var total = 0.0;
for (var s = 0u; s <= i; s += ${BLOCK}u) {
${scores.map((b) => `let s${b} = min(s + ${b}u, i);`).join(' ')}
let scores = select(vec4f(-3.0e38), vec4f(${scores
        .map((b) =>
          dot(
            quarters,
            (n) => `q${n}`,
            (n) => at(n, 1, `s${b}`),
          ),
        )
        .join(', ')}), vec4u(s, s + 1u, s + 2u, s + 3u) <= vec4u(i));
let higher = max(highest, max(max(scores.x, scores.y), max(scores.z, scores.w)));
let shrink = exp(highest - higher);
let weights = exp(scores - higher);
total = total * shrink + dot(weights, vec4f(1.0));
${quarters.map((n) => `sum${n} = sum${n} * shrink${scores.map((b) => ` + weights.${names[b]} * ${at(n, 2, `s${b}`)}`).join('')};`).join('\n')}
highest = higher;
}
let outBegin = (firstRow + i) * launch.width + head * launch.headWidth;
${quarters.map((n) => access.store('out', `outAt + outBegin + ${4 * n}u`, `${4 * n}u`, `sum${n} / total`)).join('\n')}
setLogSumExp1(logSumExpAt + pair * launch.context + i, highest + log(total));
}`,
    },
    strides,
  );
}

/**
 * dQkv: some workgroups have queries, the others keys and values. The latter compute D of a block of queries together
 * before each goes through the block.
 */
export function attentionGradientKernel(parts: AttentionGradientParts, strides: Strides): Kernel {
  const { vectors, quarters, threads, blocks, pairs, numbers, access, place } = common(parts);
  const at = third(access);
  const row = (name: string, n: number, t: string): string =>
    access.load(name, `${name}At + (firstRow + ${t}) * launch.width + head * launch.headWidth + ${4 * n}u`, `${4 * n}u`);
  const store = (n: number, of: 0 | 1 | 2, value: string): string =>
    access.store('dQkv', `dQkvAt + qkvBegin + (3u * i + ${of}u) * launch.width + ${4 * n}u`, `${4 * n}u`, value);
  const logSumExp = (t: string): string => `logSumExp1(logSumExpAt + pair * launch.context + ${t})`;
  const ofQueries = blocks * pairs;
  const queries = `{
${place('group % launch.blocks', 'group / launch.blocks')}
if (live) {
${quarters.map((n) => `let q${n} = ${at(n, 0, 'i')} * launch.scale; let g${n} = ${row('dOut', n, 'i')}; var sum${n} = vec4f();`).join('\n')}
let d = ${dot(
    quarters,
    (n) => `g${n}`,
    (n) => row('out', n, 'i'),
  )};
let total = ${logSumExp('i')};
for (var s = 0u; s <= i; s++) {
${quarters.map((n) => `let k${n} = ${at(n, 1, 's')};`).join(' ')}
let p = exp(${dot(
    quarters,
    (n) => `q${n}`,
    (n) => `k${n}`,
  )} - total);
let e = p * (${dot(
    quarters,
    (n) => `g${n}`,
    (n) => at(n, 2, 's'),
  )} - d) * launch.scale;
${quarters.map((n) => `sum${n} += e * k${n};`).join(' ')}
}
${quarters.map((n) => store(n, 0, `sum${n}`)).join('\n')}
} }`;
  const keys = `{
${place('(group - launch.ofQueries) % launch.blocks', '(group - launch.ofQueries) / launch.blocks')}
let key = min(i, launch.context - 1u);
${quarters.map((n) => `let k${n} = ${at(n, 1, 'key')} * launch.scale; let v${n} = ${at(n, 2, 'key')}; var sumK${n} = vec4f(); var sumV${n} = vec4f();`).join('\n')}
for (var begin = ((group - launch.ofQueries) % launch.blocks) * ${threads}u; begin < launch.context; begin += ${threads}u) {
workgroupBarrier();
let own = min(begin + li, launch.context - 1u);
blockD[li] = ${dot(
    quarters,
    (n) => row('dOut', n, 'own'),
    (n) => row('out', n, 'own'),
  )};
blockTotal[li] = ${logSumExp('own')};
workgroupBarrier();
for (var t = max(begin, i); t < min(begin + ${threads}u, launch.context); t++) {
${quarters.map((n) => `let q${n} = ${at(n, 0, 't')}; let g${n} = ${row('dOut', n, 't')};`).join('\n')}
let p = exp(${dot(
    quarters,
    (n) => `q${n}`,
    (n) => `k${n}`,
  )} - blockTotal[t - begin]);
let e = p * (${dot(
    quarters,
    (n) => `g${n}`,
    (n) => `v${n}`,
  )} - blockD[t - begin]) * launch.scale;
${quarters.map((n) => `sumK${n} += e * q${n}; sumV${n} += p * g${n};`).join('\n')}
} }
if (live) {
${quarters.map((n) => `${store(n, 1, `sumK${n}`)} ${store(n, 2, `sumV${n}`)}`).join('\n')}
} }`;
  return kernel(
    {
      reads: { ...parts.reads },
      writes: { ...parts.writes },
      vectors,
      threads,
      groups: 2 * blocks * pairs,
      ...numbers,
      sizes: { ...numbers.sizes, ofQueries },
      declarations: `var<workgroup> blockD: array<f32, ${threads}>; var<workgroup> blockTotal: array<f32, ${threads}>;`,
      body: `if (group < launch.ofQueries) ${queries} else ${keys}`,
    },
    strides,
  );
}
