// WGSL of a linear layer with its epilogues, and of its whole backward pass in one launch.
import { GELU_FUNCTIONS } from '../gelu/gelu.wgsl.ts';
import { columnSumGroups, columnSumMemory, columnSums } from '../wgsl/column-sums.ts';
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { groupsOf, productBody, sharedOf, threadsOf, type Tile } from '../wgsl/matrix-tile.ts';

/** Sizes of a linear layer, as in src/plan/launches.ts. */
interface LinearSizes {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  /** The weight is [outputs, inputs]. */
  readonly transposed: boolean;
}

/** The forward pass. */
export interface LinearParts extends LinearSizes {
  readonly reads: { readonly x: Place; readonly weight: Place; readonly bias?: Place | undefined; readonly residual?: Place | undefined };
  readonly writes: { readonly out: Place; readonly preactivation?: Place | undefined };
  readonly gelu: boolean;
}

/** Sizes along which operands of a layer lie in memory. */
const wholeVectors = ({ inputs, outputs }: LinearSizes): boolean => inputs % 4 === 0 && outputs % 4 === 0;

/** out = x · weight (+ bias) (GELU) (+ residual), one workgroup for every few tiles of out. */
export function linearKernel(parts: LinearParts, tile: Tile, strides: Strides): Kernel {
  const { reads, writes, rows, inputs, outputs, transposed } = parts;
  const vectors = wholeVectors(parts);
  const read = (name: string, index: string, column: string): string =>
    vectors ? `${name}4(${index})` : `${name}Tail(${index}, launch.outputs - ${column})`;
  const write = (name: string, index: string, column: string): string =>
    vectors ? `set${name}4(${index}, u);` : `set${name}Tail(${index}, u, launch.outputs - ${column});`;
  const body = productBody({
    tile,
    vectors,
    left: { name: 'x', at: 'xAt', stride: 'launch.inputs', along: 'inner' },
    right: {
      name: 'weight',
      at: 'weightAt',
      stride: transposed ? 'launch.inputs' : 'launch.outputs',
      along: transposed ? 'inner' : 'outer',
    },
    rows: 'launch.rows',
    columns: 'launch.outputs',
    inner: 'launch.inputs',
    group: 'group',
    store: (row, column, value) => `let i = ${row} * launch.outputs + ${column}; var u = ${value};
${reads.bias ? `u += ${read('bias', `biasAt + ${column}`, column)};` : ''}
${writes.preactivation ? write('Preactivation', 'preactivationAt + i', column) : ''}
${parts.gelu ? 'u = gelu4(u);' : ''}
${reads.residual ? `u += ${read('residual', 'residualAt + i', column)};` : ''}
${write('Out', 'outAt + i', column)}`,
  });
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: threadsOf(tile),
      groups: groupsOf(tile, rows, outputs),
      sizes: { rows, inputs, outputs },
      declarations: `${sharedOf(tile)}\n${parts.gelu ? GELU_FUNCTIONS : ''}`,
      body,
    },
    strides,
  );
}

/** The backward pass. */
export interface LinearGradientParts extends LinearSizes {
  readonly reads: { readonly dOut: Place; readonly x: Place; readonly weight: Place; readonly preactivation?: Place | undefined };
  readonly writes: { readonly dx: Place; readonly dWeight: Place; readonly dBias?: Place | undefined };
}

/** dx, dWeight and dBias, by workgroups of three sorts. */
export function linearGradientKernel(parts: LinearGradientParts, tile: Tile, strides: Strides, alone: boolean): Kernel {
  const { reads, writes, rows, inputs, outputs, transposed } = parts;
  const vectors = wholeVectors(parts);
  const threads = threadsOf(tile);
  const [weightRows, weightColumns] = transposed ? [outputs, inputs] : [inputs, outputs];
  const ofX = groupsOf(tile, rows, inputs);
  const ofWeight = groupsOf(tile, weightRows, weightColumns);
  const ofBias = writes.dBias ? columnSumGroups(outputs, threads, alone) : 0;
  const set = (name: string, index: string, left: string): string =>
    vectors ? `set${name}4(${index}, u);` : `set${name}Tail(${index}, u, ${left});`;
  const dx = productBody({
    tile,
    vectors,
    left: { name: 'dOut', at: 'dOutAt', stride: 'launch.outputs', along: 'inner' },
    right: {
      name: 'weight',
      at: 'weightAt',
      stride: transposed ? 'launch.inputs' : 'launch.outputs',
      along: transposed ? 'outer' : 'inner',
    },
    rows: 'launch.rows',
    columns: 'launch.inputs',
    inner: 'launch.outputs',
    group: 'group',
    store: (row, column, value) => `let i = ${row} * launch.inputs + ${column}; var u = ${value};
${reads.preactivation ? `u *= geluSlope4(${vectors ? 'preactivation4(preactivationAt + i)' : `preactivationTail(preactivationAt + i, launch.inputs - ${column})`});` : ''}
${set('Dx', 'dxAt + i', `launch.inputs - ${column}`)}`,
  });
  const x = { name: 'x', at: 'xAt', stride: 'launch.inputs', along: 'outer' } as const;
  const dOut = { name: 'dOut', at: 'dOutAt', stride: 'launch.outputs', along: 'outer' } as const;
  const dWeight = productBody({
    tile,
    vectors,
    left: transposed ? dOut : x,
    right: transposed ? x : dOut,
    rows: transposed ? 'launch.outputs' : 'launch.inputs',
    columns: transposed ? 'launch.inputs' : 'launch.outputs',
    inner: 'launch.rows',
    group: 'group - launch.ofX',
    store: (row, column, value) => {
      const columns = transposed ? 'launch.inputs' : 'launch.outputs';
      return `let u = ${value}; ${set('DWeight', `dWeightAt + ${row} * ${columns} + ${column}`, `${columns} - ${column}`)}`;
    },
  });
  const dBias = columnSums({
    group: 'group - launch.ofX - launch.ofWeight',
    threads,
    alone,
    rows: 'launch.rows',
    columns: 'launch.outputs',
    sums: 1,
    load: (row, column) => [
      vectors
        ? `dOut4(dOutAt + ${row} * launch.outputs + ${column})`
        : `dOutTail(dOutAt + ${row} * launch.outputs + ${column}, launch.outputs - ${column})`,
    ],
    store: (column, [value]) => `let u = ${value}; ${set('DBias', `dBiasAt + ${column}`, `launch.outputs - ${column}`)}`,
  });
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads,
      groups: ofX + ofWeight + ofBias,
      sizes: { rows, inputs, outputs, ofX, ofWeight },
      declarations: `${sharedOf(tile)}\n${writes.dBias ? columnSumMemory(1, alone) : ''}\n${reads.preactivation ? GELU_FUNCTIONS : ''}`,
      body: `if (group < launch.ofX) ${dx}
else ${writes.dBias ? `if (group < launch.ofX + launch.ofWeight) ${dWeight} else ${dBias}` : dWeight}`,
    },
    strides,
  );
}
