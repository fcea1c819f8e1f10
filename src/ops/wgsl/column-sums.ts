// Sums down the columns of matrices, in WGSL: gradients of biases and gains. A workgroup takes a few columns; its
// invocations share the rows, and one of them adds up what they found, in a fixed order. Or invocations share nothing, and
// each has columns of its own.

/**
 * Partial sums, whatever the workgroup: vec4f across its columns (each has four), and down its rows. The order of
 * additions follows from these alone; in a small workgroup an invocation has several of them.
 */
const [ACROSS, DOWN] = [4, 16] as const;
const PARTIAL = ACROSS * DOWN;

/** What is summed. Expressions are WGSL, of type u32. */
export interface ColumnSums {
  /** The number of the workgroup among those of these sums. */
  readonly group: string;
  /** Invocations in a workgroup, at least as many as the partial sums side by side: 4. */
  readonly threads: number;
  readonly rows: string;
  readonly columns: string;
  /** Sums that are taken at once. */
  readonly sums: number;
  /** Statements before the expressions of `load`. */
  readonly before?: (row: string) => string;
  /** vec4f of columns `column` … at `row`, for each sum. */
  readonly load: (row: string, column: string) => readonly string[];
  /** Invocations share nothing. */
  readonly alone: boolean;
  /** Statements that store the sums of columns `column` …. */
  readonly store: (column: string, values: readonly string[]) => string;
}

/** Workgroups of so many invocations for so many columns. */
export function columnSumGroups(columns: number, threads: number, alone: boolean): number {
  return Math.ceil(columns / (4 * (alone ? threads : ACROSS)));
}

/** Workgroup memory of the sums. */
export function columnSumMemory(sums: number, alone: boolean): string {
  if (alone) return '';
  return Array.from({ length: sums }, (_, n) => `var<workgroup> columnSums${n}: array<vec4f, ${PARTIAL}>;`).join('\n');
}

/** Statements that compute and store the sums of the workgroup's columns. */
export function columnSums({ group, threads, rows, columns, sums, before, load, alone, store }: ColumnSums): string {
  const all = Array.from({ length: sums }, (_, n) => n);
  const declare = all.map((n) => `var sum${n} = vec4f();`).join(' ');
  const values = all.map((n) => `sum${n}`);
  const rowsFrom = (first: string, step: number): string => `for (var row = ${first}; row < ${rows}; row += ${step}u) {
${before?.('row') ?? ''}
${load('row', 'column')
  .map((value, n) => `sum${n} += ${value};`)
  .join('\n')}
}`;
  if (alone)
    return `{
let column = 4u * ((${group}) * ${threads}u + li);
if (column < ${columns}) {
${declare}
${rowsFrom('0u', 1)}
${store('column', values)}
} }`;
  return `{
let column = 4u * ((${group}) * ${ACROSS}u + li % ${ACROSS}u);
for (var part = li; part < ${PARTIAL}u; part += ${threads}u) {
${declare}
if (column < ${columns}) {
${rowsFrom(`part / ${ACROSS}u`, DOWN)}
}
${all.map((n) => `columnSums${n}[part] = sum${n};`).join(' ')}
}
workgroupBarrier();
if (li < ${ACROSS}u && column < ${columns}) {
${declare}
for (var n = li; n < ${PARTIAL}u; n += ${ACROSS}u) { ${all.map((n) => `sum${n} += columnSums${n}[n];`).join(' ')} }
${store('column', values)}
} }`;
}
