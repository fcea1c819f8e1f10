// Register-tiled matrix products in WGSL: every invocation keeps a small tile of the result in registers, and reads its
// factors from memory (`direct`) or from blocks that the workgroup shares (`staged`).
//
// Which variant is fastest depends on the device. All of them add up each element in the same order, by ascending inner
// index, so that the choice does not change a bit of the result on a device that contracts them alike.

/** How a product is cut up. `rows` × `columns` elements per invocation, both multiples of 4. */
export type Tile =
  | { readonly kind: 'direct'; readonly rows: number; readonly columns: number; readonly threads: number }
  | {
      readonly kind: 'staged';
      readonly rows: number;
      readonly columns: number;
      /** Invocations down and across the workgroup's block. */
      readonly down: number;
      readonly across: number;
      /** Inner indices in a shared block, a multiple of 4. */
      readonly depth: number;
    };

/** A factor as it lies in memory. Expressions are WGSL, of type u32. */
export interface Factor {
  /** The operand's name, as its accessors have it. */
  readonly name: string;
  /** Word at which the matrix begins, and words from one row of its memory to the next. */
  readonly at: string;
  readonly stride: string;
  /** What runs along the rows of its memory: the inner index, or the outer one (rows of the result for the left factor, columns for the right). */
  readonly along: 'inner' | 'outer';
}

/** A product `out[rows, columns] = left · right`. */
export interface Product {
  readonly tile: Tile;
  readonly left: Factor;
  readonly right: Factor;
  /** Expressions: rows and columns of the result, and the inner length. */
  readonly rows: string;
  readonly columns: string;
  readonly inner: string;
  /** Expression: the number of the workgroup among those of this product. */
  readonly group: string;
  /** The sizes are multiples of four wherever a factor or the result has them along the rows of its memory. */
  readonly vectors: boolean;
  /** Statements that store `value` (vec4f), elements (row, column … column + 3); `column` is below the number of columns. */
  readonly store: (row: string, column: string, value: string) => string;
}

/** Invocations in a workgroup. */
export function threadsOf(tile: Tile): number {
  return tile.kind === 'direct' ? tile.threads : tile.down * tile.across;
}

/** Workgroups for a result of `rows` × `columns`. */
export function groupsOf(tile: Tile, rows: number, columns: number): number {
  const [height, width] = tile.kind === 'direct' ? [tile.rows, tile.columns] : [tile.rows * tile.down, tile.columns * tile.across];
  const tiles = Math.ceil(rows / height) * Math.ceil(columns / width);
  return tile.kind === 'direct' ? Math.ceil(tiles / tile.threads) : tiles;
}

/** Workgroup memory that products with this tile share. */
export function sharedOf(tile: Tile): string {
  if (tile.kind === 'direct') return '';
  const words = (outer: number): number => (outer * tile.depth) / 4;
  return `var<workgroup> leftBlock: array<vec4f, ${words(tile.rows * tile.down)}>;
var<workgroup> rightBlock: array<vec4f, ${words(tile.columns * tile.across)}>;`;
}

/** Statements that compute and store the tile of one invocation; workgroup barriers in uniform control flow only. */
export function productBody(product: Product): string {
  return product.tile.kind === 'direct' ? direct(product, product.tile) : staged(product, product.tile);
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const lines = (count: number, of: (i: number) => string): string => range(count).map(of).join('\n');

/** How the factors' numbers reach the registers. `k` is the inner index, of which vectors along it hold four. */
interface Source {
  /** vec4f along the inner index from k on, of row i of the tile. */
  leftInner(i: number): string;
  /** vec4f of rows 4p … 4p + 3 at inner index `k`. */
  leftOuter(p: number, k: string): string;
  /** vec4f along the inner index from k on, of column j. */
  rightInner(j: number): string;
  /** vec4f of columns 4q … 4q + 3 at inner index `k`. */
  rightOuter(q: number, k: string): string;
}

/** One round of the inner loop: four inner indices where a factor lies along them, else one. */
function round({ left, right }: Product, { rows, columns }: Tile, source: Source): string {
  const quarters = columns / 4;
  const each = (statement: (i: number, q: number) => string): string =>
    range(rows)
      .flatMap((i) => range(quarters).map((q) => statement(i, q)))
      .join(' ');
  if (left.along === 'inner' && right.along === 'inner')
    return `${lines(columns, (j) => `let b${j} = ${source.rightInner(j)};`)}
${lines(
  rows,
  (i) =>
    `{ let a = ${source.leftInner(i)}; ${range(quarters)
      .map((q) => `c${i}_${q} += vec4f(${[0, 1, 2, 3].map((j) => `dot(a, b${4 * q + j})`).join(', ')});`)
      .join(' ')} }`,
)}`;
  if (left.along === 'inner')
    return `${lines(rows, (i) => `let a${i} = ${source.leftInner(i)};`)}
${lines(
  4,
  (n) => `{ ${range(quarters)
    .map((q) => `let b${q} = ${source.rightOuter(q, `k + ${n}u`)};`)
    .join(' ')}
${each((i, q) => `c${i}_${q} += a${i}[${n}] * b${q};`)} }`,
)}`;
  const leftOuter = (k: string): string =>
    range(rows / 4)
      .map((p) => `let a${p} = ${source.leftOuter(p, k)};`)
      .join(' ');
  const outer = (b: (q: number) => string): string => each((i, q) => `c${i}_${q} += a${i >> 2}[${i & 3}] * ${b(q)};`);
  if (right.along === 'outer')
    return `${leftOuter('k')} ${range(quarters)
      .map((q) => `let b${q} = ${source.rightOuter(q, 'k')};`)
      .join(' ')}
${outer((q) => `b${q}`)}`;
  return `${lines(columns, (j) => `let b${j} = ${source.rightInner(j)};`)}
${lines(
  4,
  (n) => `{ ${leftOuter(`k + ${n}u`)}
${outer((q) => `vec4f(${[0, 1, 2, 3].map((j) => `b${4 * q + j}[${n}]`).join(', ')})`)} }`,
)}`;
}

/** Inner indices in one round. */
function pace({ left, right }: Product): 1 | 4 {
  return left.along === 'outer' && right.along === 'outer' ? 1 : 4;
}

const accumulators = ({ rows, columns }: Tile): string =>
  lines(rows, (i) =>
    range(columns / 4)
      .map((q) => `var c${i}_${q} = vec4f();`)
      .join(' '),
  );

/** Every invocation has a tile of its own, in rows of tiles. Indices past the edges are drawn back inside; what is computed there is not stored. */
function direct(product: Product, tile: Tile & { kind: 'direct' }): string {
  const { left, right, vectors, store } = product;
  const four = ({ name }: Factor, row: string, along: string, length: string): string =>
    vectors ? `${name}4(${row} + ${along})` : `${name}Tail(${row} + ${along}, max(${along}, ${length}) - ${along})`;
  // Drawn back by whole vectors, which stay whole; without whole vectors the tail reads zeros instead.
  const inside = (index: string, length: string): string => (vectors ? `min(${index}, ${length} - 4u)` : index);
  const source: Source = {
    leftInner: (i) => four(left, `leftRow${i}`, 'k', 'inner'),
    leftOuter: (p, k) => four(left, `(${left.at} + min(${k}, inner - 1u) * ${left.stride})`, `leftColumn${p}`, 'rows'),
    rightInner: (j) => four(right, `rightRow${j}`, 'k', 'inner'),
    rightOuter: (q, k) => four(right, `(${right.at} + min(${k}, inner - 1u) * ${right.stride})`, `rightColumn${q}`, 'columns'),
  };
  const places =
    (left.along === 'inner'
      ? lines(tile.rows, (i) => `let leftRow${i} = ${left.at} + min(row0 + ${i}u, rows - 1u) * ${left.stride};`)
      : lines(tile.rows / 4, (p) => `let leftColumn${p} = ${inside(`row0 + ${4 * p}u`, 'rows')};`)) +
    '\n' +
    (right.along === 'inner'
      ? lines(tile.columns, (j) => `let rightRow${j} = ${right.at} + min(column0 + ${j}u, columns - 1u) * ${right.stride};`)
      : lines(tile.columns / 4, (q) => `let rightColumn${q} = ${inside(`column0 + ${4 * q}u`, 'columns')};`));
  return `{
let rows = ${product.rows}; let columns = ${product.columns}; let inner = ${product.inner};
let tilesAcross = (columns + ${tile.columns - 1}u) / ${tile.columns}u;
let tile = (${product.group}) * ${tile.threads}u + li;
let row0 = (tile / tilesAcross) * ${tile.rows}u; let column0 = (tile % tilesAcross) * ${tile.columns}u;
if (row0 < rows) {
${accumulators(tile)}
${places}
for (var k = 0u; k < inner; k += ${pace(product)}u) {
${round(product, tile, source)}
}
${lines(
  tile.rows,
  (i) =>
    `if (row0 + ${i}u < rows) { ${range(tile.columns / 4)
      .map((q) => `if (column0 + ${4 * q}u < columns) { ${store(`(row0 + ${i}u)`, `(column0 + ${4 * q}u)`, `c${i}_${q}`)} }`)
      .join(' ')} }`,
)}
} }`;
}

/** The workgroup has a block; its invocations' rows and columns alternate, so that neighbours read neighbouring words. */
function staged(product: Product, tile: Tile & { kind: 'staged' }): string {
  const { left, right, vectors, store } = product;
  const { down, across, depth } = tile;
  const [height, width] = [tile.rows * down, tile.columns * across];
  const source: Source = {
    leftInner: (i) => `leftBlock[(k >> 2u) * ${height}u + ${leftRow(i)}]`,
    leftOuter: (p, k) => `leftBlock[(${k}) * ${height / 4}u + y + ${p * down}u]`,
    rightInner: (j) => `rightBlock[(k >> 2u) * ${width}u + ${4 * across * (j >> 2) + (j & 3)}u + 4u * x]`,
    rightOuter: (q, k) => `rightBlock[(${k}) * ${width / 4}u + x + ${q * across}u]`,
  };
  const leftRow = (i: number): string => (left.along === 'inner' ? `(y + ${i * down}u)` : `(4u * y + ${4 * down * (i >> 2) + (i & 3)}u)`);
  const column = (q: number): string => `(4u * x + ${4 * across * q}u)`;
  const load = ({ name, at, stride, along }: Factor, block: string, outer0: string, outers: string, size: number): string => {
    const vector = (row: string, index: string, length: string, fits: string): string =>
      `${block}[e] = select(vec4f(), ${vectors ? `${name}4(${at} + ${row} * ${stride} + ${index})` : `${name}Tail(${at} + ${row} * ${stride} + ${index}, max(${index}, ${length}) - ${index})`}, ${fits});`;
    const [count, threads] = [(size * depth) / 4, down * across];
    const guard = count % threads === 0 ? '' : `if (e < ${count}u) `;
    // Neighbouring invocations take neighbouring vectors of memory: along the inner index a few, along the outer one all.
    const statement =
      along === 'inner'
        ? `let o = ${outer0} + f / ${depth / 4}u; let k = k0 + 4u * (f % ${depth / 4}u); let e = (f % ${depth / 4}u) * ${size}u + f / ${depth / 4}u;
${guard}{ ${vector('o', 'k', 'inner', `o < ${outers} && k < inner`)} }`
        : `let o = ${outer0} + 4u * (f % ${size / 4}u); let k = k0 + f / ${size / 4}u; let e = f;
${guard}{ ${vector('k', 'o', outers, `o < ${outers} && k < inner`)} }`;
    return lines(Math.ceil(count / threads), (n) => `{ let f = li + ${n * threads}u; ${statement.replaceAll('if (e <', 'if (f <')} }`);
  };
  return `{
let rows = ${product.rows}; let columns = ${product.columns}; let inner = ${product.inner};
let blocksAcross = (columns + ${width - 1}u) / ${width}u;
let row0 = ((${product.group}) / blocksAcross) * ${height}u; let column0 = ((${product.group}) % blocksAcross) * ${width}u;
let x = li % ${across}u; let y = li / ${across}u;
${accumulators(tile)}
for (var k0 = 0u; k0 < inner; k0 += ${depth}u) {
${load(left, 'leftBlock', 'row0', 'rows', height)}
${load(right, 'rightBlock', 'column0', 'columns', width)}
workgroupBarrier();
for (var k = 0u; k < ${depth}u; k += ${pace(product)}u) {
${round(product, tile, source)}
}
workgroupBarrier();
}
${lines(
  tile.rows,
  (i) =>
    `if (row0 + ${leftRow(i)} < rows) { ${range(tile.columns / 4)
      .map((q) => `if (column0 + ${column(q)} < columns) { ${store(`(row0 + ${leftRow(i)})`, `(column0 + ${column(q)})`, `c${i}_${q}`)} }`)
      .join(' ')} }`,
)}
}`;
}
