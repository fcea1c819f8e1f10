// Sums down the columns of matrices, in WGSL: gradients of biases and gains. A workgroup takes a few columns; its
// invocations share the rows, and one of them adds up what they found, in a fixed order.

/**
 * Invocations that sum, whatever the workgroup: vec4f across its columns (each takes four), and down its rows. The order
 * of additions follows from these alone.
 */
const [ACROSS, DOWN] = [4, 16] as const;

/** The fewest invocations that a workgroup with sums in it may have. */
export const SUMMING = ACROSS * DOWN;

/** What is summed. Expressions are WGSL, of type u32. */
export interface ColumnSums {
  /** The number of the workgroup among those of these sums. */
  readonly group: string;
  readonly rows: string;
  readonly columns: string;
  /** Sums that are taken at once. */
  readonly sums: number;
  /** Statements before the expressions of `load`. */
  readonly before?: (row: string) => string;
  /** vec4f of columns `column` … at `row`, for each sum. */
  readonly load: (row: string, column: string) => readonly string[];
  /** Statements that store the sums of columns `column` …. */
  readonly store: (column: string, values: readonly string[]) => string;
}

/** Workgroups for so many columns. */
export function columnSumGroups(columns: number): number {
  return Math.ceil(columns / (4 * ACROSS));
}

/** Workgroup memory of the sums. */
export function columnSumMemory(sums: number): string {
  return Array.from({ length: sums }, (_, n) => `var<workgroup> columnSums${n}: array<vec4f, ${SUMMING}>;`).join('\n');
}

/** Statements that compute and store the sums of the workgroup's columns. */
export function columnSums({ group, rows, columns, sums, before, load, store }: ColumnSums): string {
  const all = Array.from({ length: sums }, (_, n) => n);
  return `{
let column = 4u * ((${group}) * ${ACROSS}u + li % ${ACROSS}u);
${all.map((n) => `var sum${n} = vec4f();`).join(' ')}
if (li < ${SUMMING}u && column < ${columns}) {
for (var row = li / ${ACROSS}u; row < ${rows}; row += ${DOWN}u) {
${before?.('row') ?? ''}
${load('row', 'column')
  .map((value, n) => `sum${n} += ${value};`)
  .join('\n')}
} }
if (li < ${SUMMING}u) { ${all.map((n) => `columnSums${n}[li] = sum${n};`).join(' ')} }
workgroupBarrier();
if (li < ${ACROSS}u && column < ${columns}) {
for (var n = 1u; n < ${DOWN}u; n++) { ${all.map((n) => `sum${n} += columnSums${n}[n * ${ACROSS}u + li];`).join(' ')} }
${store(
  'column',
  all.map((n) => `sum${n}`),
)}
} }`;
}
