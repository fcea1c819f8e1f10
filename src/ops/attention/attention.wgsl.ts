// WGSL of causal attention and of its gradient. An invocation has a query or a few (or keys) of one head and goes through
// the keys (or queries) with running sums, so that no matrix of scores is kept (Dao et al., "FlashAttention", 2022).
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

/** Heads up to this width leave room in the registers for two queries, which then share what is read of the keys. */
const TWO_FIT = 32;
/** And up to this one for four, which is better where invocations do not run side by side. */
const FOUR_FIT = 16;

/** What both passes have in common. */
function common({ sequences, context, heads, headWidth }: AttentionSizes, alone: boolean) {
  const vectors = headWidth % 4 === 0;
  const quarters = range(Math.ceil(headWidth / 4));
  const own = range(alone && headWidth <= FOUR_FIT ? 4 : headWidth <= TWO_FIT ? 2 : 1);
  let threads = 16;
  while (threads < 64 && threads * own.length < context) threads *= 2;
  const blocks = Math.ceil(context / (threads * own.length));
  const width = heads * headWidth;
  return {
    vectors,
    quarters,
    /** Queries, or keys, of an invocation. */
    own,
    threads,
    blocks,
    pairs: sequences * heads,
    numbers: { sizes: { context, heads, headWidth, width, blocks, pairs: sequences * heads }, floats: { scale: 1 / Math.sqrt(headWidth) } },
    access: rowAccess(vectors, 'launch.headWidth'),
    /**
     * Which sequence and head a workgroup has, and which queries or keys; `block` is an expression. An invocation has
     * those at i0 and behind it; past the end it has the last once more (at0 …), and nothing of it is stored.
     */
    place: (block: string, pair: string): string => `let pair = ${pair}; let head = pair % launch.heads; let sequence = pair / launch.heads;
let i0 = ((${block}) * ${threads}u + li) * ${own.length}u; let last = min(i0 + ${own.length - 1}u, launch.context - 1u);
${own.map((p) => `let at${p} = min(i0 + ${p}u, launch.context - 1u);`).join(' ')}
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

/** out and logSumExp. */
export function attentionKernel(parts: AttentionParts, strides: Strides, alone: boolean): Kernel {
  const { vectors, quarters, own, threads, blocks, pairs, numbers, access, place } = common(parts, alone);
  const at = third(access);
  const scores = range(BLOCK);
  const names = ['x', 'y', 'z', 'w'];
  const scoresOf = (p: number): string =>
    scores
      .map((b) =>
        dot(
          quarters,
          (n) => `q${p}_${n}`,
          (n) => `k${b}_${n}`,
        ),
      )
      .join(', ');
  return kernel(
    {
      reads: { ...parts.reads },
      writes: { ...parts.writes },
      vectors,
      threads,
      groups: blocks * pairs,
      ...numbers,
      body: `${place('group % launch.blocks', 'group / launch.blocks')}
if (i0 < launch.context) {
${own
  .map(
    (p) => `var highest${p} = -3.0e38; var total${p} = 0.0;
${quarters.map((n) => `let q${p}_${n} = ${at(n, 0, `at${p}`)} * launch.scale; var sum${p}_${n} = vec4f();`).join('\n')}`,
  )
  .join('\n')}
for (var s = 0u; s <= last; s += ${BLOCK}u) {
${scores.map((b) => `let s${b} = min(s + ${b}u, last); ${quarters.map((n) => `let k${b}_${n} = ${at(n, 1, `s${b}`)};`).join(' ')}`).join('\n')}
${own
  .map(
    (p) => `let scores${p} = select(vec4f(-3.0e38), vec4f(${scoresOf(p)}), vec4u(s, s + 1u, s + 2u, s + 3u) <= vec4u(at${p}));
let higher${p} = max(highest${p}, max(max(scores${p}.x, scores${p}.y), max(scores${p}.z, scores${p}.w)));
let shrink${p} = exp(highest${p} - higher${p});
let weights${p} = exp(scores${p} - higher${p});
total${p} = total${p} * shrink${p} + dot(weights${p}, vec4f(1.0));
highest${p} = higher${p};`,
  )
  .join('\n')}
${quarters
  .map(
    (n) => `${scores.map((b) => `let v${b}_${n} = ${at(n, 2, `s${b}`)};`).join(' ')}
${own.map((p) => `sum${p}_${n} = sum${p}_${n} * shrink${p}${scores.map((b) => ` + weights${p}.${names[b]} * v${b}_${n}`).join('')};`).join('\n')}`,
  )
  .join('\n')}
}
${own
  .map(
    (p) => `if (i0 + ${p}u < launch.context) {
let outBegin = (firstRow + at${p}) * launch.width + head * launch.headWidth;
${quarters.map((n) => access.store('out', `outAt + outBegin + ${4 * n}u`, `${4 * n}u`, `sum${p}_${n} / total${p}`)).join('\n')}
setLogSumExp1(logSumExpAt + pair * launch.context + at${p}, highest${p} + log(total${p}));
}`,
  )
  .join('\n')}
}`,
    },
    strides,
  );
}

/**
 * dQkv: some workgroups have queries, the others keys and values. The latter compute D of a block of queries together
 * before each goes through the block; or each for itself, when `alone`.
 */
export function attentionGradientKernel(parts: AttentionGradientParts, strides: Strides, alone: boolean): Kernel {
  const { vectors, quarters, own, threads, blocks, pairs, numbers, access, place } = common(parts, alone);
  const at = third(access);
  const row = (name: string, n: number, t: string): string =>
    access.load(name, `${name}At + (firstRow + ${t}) * launch.width + head * launch.headWidth + ${4 * n}u`, `${4 * n}u`);
  const store = (n: number, of: 0 | 1 | 2, t: string, value: string): string =>
    access.store('dQkv', `dQkvAt + qkvBegin + (3u * ${t} + ${of}u) * launch.width + ${4 * n}u`, `${4 * n}u`, value);
  const logSumExp = (t: string): string => `logSumExp1(logSumExpAt + pair * launch.context + ${t})`;
  const each = (of: (p: number) => string): string => own.map(of).join('\n');
  const ofQueries = blocks * pairs;
  const queries = `{
${place('group % launch.blocks', 'group / launch.blocks')}
if (i0 < launch.context) {
${each(
  (
    p,
  ) => `${quarters.map((n) => `let q${p}_${n} = ${at(n, 0, `at${p}`)} * launch.scale; let g${p}_${n} = ${row('dOut', n, `at${p}`)}; var sum${p}_${n} = vec4f();`).join('\n')}
let d${p} = ${dot(
    quarters,
    (n) => `g${p}_${n}`,
    (n) => row('out', n, `at${p}`),
  )};
let total${p} = ${logSumExp(`at${p}`)};`,
)}
for (var s = 0u; s <= last; s++) {
${quarters.map((n) => `let k${n} = ${at(n, 1, 's')}; let v${n} = ${at(n, 2, 's')};`).join(' ')}
${each(
  (p) => `let p${p} = select(0.0, exp(${dot(
    quarters,
    (n) => `q${p}_${n}`,
    (n) => `k${n}`,
  )} - total${p}), s <= at${p});
let e${p} = p${p} * (${dot(
    quarters,
    (n) => `g${p}_${n}`,
    (n) => `v${n}`,
  )} - d${p}) * launch.scale;
${quarters.map((n) => `sum${p}_${n} += e${p} * k${n};`).join(' ')}`,
)}
}
${each((p) => `if (i0 + ${p}u < launch.context) { ${quarters.map((n) => store(n, 0, `at${p}`, `sum${p}_${n}`)).join('\n')} }`)}
} }`;
  // What a query adds to the keys and values at hand; `d` and `total` are its D and its logSumExp.
  const query = (
    d: string,
    total: string,
  ): string => `${quarters.map((n) => `let q${n} = ${at(n, 0, 't')}; let g${n} = ${row('dOut', n, 't')};`).join('\n')}
let d = ${d}; let total = ${total};
${each(
  (p) => `let p${p} = select(0.0, exp(${dot(
    quarters,
    (n) => `q${n}`,
    (n) => `k${p}_${n}`,
  )} - total), t >= at${p});
let e${p} = p${p} * (${dot(
    quarters,
    (n) => `g${n}`,
    (n) => `v${p}_${n}`,
  )} - d) * launch.scale;
${quarters.map((n) => `sumK${p}_${n} += e${p} * q${n}; sumV${p}_${n} += p${p} * g${n};`).join('\n')}`,
)}`;
  const eachBlock = `for (var begin = block * ${threads * own.length}u; begin < launch.context; begin += ${threads}u) {
workgroupBarrier();
let query = min(begin + li, launch.context - 1u);
blockD[li] = ${dot(
    quarters,
    (n) => row('dOut', n, 'query'),
    (n) => row('out', n, 'query'),
  )};
blockTotal[li] = ${logSumExp('query')};
workgroupBarrier();
for (var t = max(begin, i0); t < min(begin + ${threads}u, launch.context); t++) {
${query('blockD[t - begin]', 'blockTotal[t - begin]')}
} }`;
  const ownD = dot(
    quarters,
    (n) => `g${n}`,
    (n) => row('out', n, 't'),
  );
  const eachQuery = `for (var t = i0; t < launch.context; t++) {
${query(ownD, logSumExp('t'))}
}`;
  const keys = `{
let block = (group - launch.ofQueries) % launch.blocks;
${place('block', '(group - launch.ofQueries) / launch.blocks')}
${each((p) => quarters.map((n) => `let k${p}_${n} = ${at(n, 1, `at${p}`)} * launch.scale; let v${p}_${n} = ${at(n, 2, `at${p}`)}; var sumK${p}_${n} = vec4f(); var sumV${p}_${n} = vec4f();`).join('\n'))}
${alone ? eachQuery : eachBlock}
${each((p) => `if (i0 + ${p}u < launch.context) {\n${quarters.map((n) => `${store(n, 1, `at${p}`, `sumK${p}_${n}`)} ${store(n, 2, `at${p}`, `sumV${p}_${n}`)}`).join('\n')}\n}`)}
}`;
  return kernel(
    {
      reads: { ...parts.reads },
      writes: { ...parts.writes },
      vectors,
      threads,
      groups: 2 * blocks * pairs,
      ...numbers,
      sizes: { ...numbers.sizes, ofQueries },
      declarations: alone ? '' : `var<workgroup> blockD: array<f32, ${threads}>; var<workgroup> blockTotal: array<f32, ${threads}>;`,
      body: `if (group < launch.ofQueries) ${queries} else ${keys}`,
    },
    strides,
  );
}
