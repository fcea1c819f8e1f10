// Rows of matrices in WGSL: reading and writing them by four words, whatever their width, and sharing a row among
// several invocations.

/** Invocations in a workgroup that shares rows. */
export const ROW_THREADS = 64;

/** Reads and writes rows by four words. Expressions are WGSL, of type u32. */
export interface RowAccess {
  /** vec4f of operand `name` at word `index`, column `column` of its row; zeros past the row's end. */
  readonly load: (name: string, index: string, column: string) => string;
  /** Statement that stores `value` there; nothing past the row's end. */
  readonly store: (name: string, index: string, column: string, value: string) => string;
  /** `value` with `other` in the words past the row's end. */
  readonly keep: (value: string, column: string, other?: string) => string;
}

/** Access to rows of `width` words (an expression), which are whole vectors or not. */
export function rowAccess(vectors: boolean, width: string): RowAccess {
  const set = (name: string): string => `set${name[0].toUpperCase()}${name.slice(1)}`;
  if (vectors)
    return {
      load: (name, index) => `${name}4(${index})`,
      store: (name, index, _column, value) => `${set(name)}4(${index}, ${value});`,
      keep: (value) => value,
    };
  return {
    load: (name, index, column) => `${name}Tail(${index}, ${width} - (${column}))`,
    store: (name, index, column, value) => `${set(name)}Tail(${index}, ${value}, ${width} - (${column}));`,
    keep: (value, column, other = 'vec4f()') => `select(${other}, ${value}, vec4u(0u, 1u, 2u, 3u) < vec4u(${width} - (${column})))`,
  };
}

/**
 * Invocations that share a row of `width` words, each of which should have `each` of them at least: a power of two up to
 * 16, or one where rows are not to be shared. The order in which a row is added up follows from it: on one device it
 * depends on the width alone.
 */
export function sharers(width: number, each: number, alone: boolean): number {
  let count = 1;
  if (alone) return count;
  while (count < 16 && width >= 2 * each * count) count *= 2;
  return count;
}

/** Workgroups for so many rows. */
export function rowGroups(rows: number, share: number): number {
  return Math.ceil(rows / (ROW_THREADS / share));
}

/**
 * Combines what the invocations of a row found: memory at module scope, and the statements for a reduction. Each reduction
 * needs memory of its own (`name`), so that one barrier is enough.
 */
export function rowReduction(
  name: string,
  share: number,
  type: 'f32' | 'vec2f' = 'f32',
): { readonly memory: string; readonly combine: (value: string, into: string, combine?: (a: string, b: string) => string) => string } {
  const add = (a: string, b: string): string => `${a} + ${b}`;
  if (share === 1) return { memory: '', combine: (value, into) => `let ${into} = ${value};` };
  return {
    memory: `var<workgroup> ${name}: array<${type}, ${ROW_THREADS}>;`,
    combine: (value, into, combine = add) => `${name}[li] = ${value};
workgroupBarrier();
var ${into} = ${name}[li - li % ${share}u];
for (var n = 1u; n < ${share}u; n++) { ${into} = ${combine(into, `${name}[li - li % ${share}u + n]`)}; }`,
  };
}
