// WGSL of layer normalisation and of its gradient, the parameters' gradients included.
import { columnSumGroups, columnSumMemory, columnSums } from '../wgsl/column-sums.ts';
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { ROW_THREADS, rowAccess, rowGroups, rowReduction, sharers } from '../wgsl/rows.ts';

/** The forward pass, as in src/plan/launches.ts. */
export interface NormParts {
  readonly reads: { readonly x: Place; readonly gain: Place; readonly bias: Place };
  readonly writes: { readonly out: Place; readonly statistics: Place };
  readonly rows: number;
  readonly width: number;
}

/** Numbers of a row that an invocation takes, at least. */
const EACH = 16;

/** The row, the invocation's first column in it, and the loop over its columns. */
const shared = (share: number) => ({
  row: `let row = group * ${ROW_THREADS / share}u + li / ${share}u; let live = row < launch.rows; let begin = row * launch.width;`,
  columns: (body: string): string => `if (live) { for (var c = 4u * (li % ${share}u); c < launch.width; c += ${4 * share}u) { ${body} } }`,
});

/** Out and statistics; a few invocations share a row, unless each is to have rows `alone`. */
export function normKernel({ reads, writes, rows, width }: NormParts, strides: Strides, alone: boolean): Kernel {
  const vectors = width % 4 === 0;
  const { load, store, keep } = rowAccess(vectors, 'launch.width');
  const share = sharers(width, EACH, alone);
  const { row, columns } = shared(share);
  const [sums, squares] = [rowReduction('rowSums', share), rowReduction('rowSquares', share)];
  const x = load('x', 'xAt + begin + c', 'c');
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: ROW_THREADS,
      groups: rowGroups(rows, share),
      sizes: { rows, width },
      declarations: `${sums.memory}\n${squares.memory}`,
      body: `${row}
var sum = vec4f();
${columns(`sum += ${x};`)}
${sums.combine('dot(sum, vec4f(1.0))', 'total')}
let mean = total / f32(launch.width);
var square = vec4f();
${columns(`let d = ${keep(`${x} - mean`, 'c')}; square += d * d;`)}
${squares.combine('dot(square, vec4f(1.0))', 'totalSquare')}
let inverse = 1.0 / sqrt(totalSquare / f32(launch.width) + 1e-5);
if (live && li % ${share}u == 0u) { setStatistics1(statisticsAt + 2u * row, mean); setStatistics1(statisticsAt + 2u * row + 1u, inverse); }
${columns(`let v = (${x} - mean) * inverse * ${load('gain', 'gainAt + c', 'c')} + ${load('bias', 'biasAt + c', 'c')};
${store('out', 'outAt + begin + c', 'c', 'v')}`)}`,
    },
    strides,
  );
}

/** The backward pass. */
export interface NormGradientParts {
  readonly reads: {
    readonly dOut: Place;
    readonly x: Place;
    readonly statistics: Place;
    readonly gain: Place;
    readonly residual?: Place | undefined;
  };
  readonly writes: { readonly dx: Place; readonly dGain: Place; readonly dBias: Place };
  readonly rows: number;
  readonly width: number;
}

/** dx by some workgroups, dGain and dBias by the others. */
export function normGradientKernel({ reads, writes, rows, width }: NormGradientParts, strides: Strides, alone: boolean): Kernel {
  const vectors = width % 4 === 0;
  const { load, store } = rowAccess(vectors, 'launch.width');
  const share = sharers(width, EACH, alone);
  const { row, columns } = shared(share);
  const means = rowReduction('rowMeans', share, 'vec2f');
  const ofRows = rowGroups(rows, share);
  const dOut = load('dOut', 'dOutAt + begin + c', 'c');
  const normed = `(${load('x', 'xAt + begin + c', 'c')} - mean) * inverse`;
  const statistics = (index: string): string => `statistics1(statisticsAt + ${index})`;
  const dx = `{
${row}
var mean = 0.0; var inverse = 0.0; var sumG = vec4f(); var sumGx = vec4f();
if (live) { mean = ${statistics('2u * row')}; inverse = ${statistics('2u * row + 1u')}; }
${columns(`let g = ${dOut} * ${load('gain', 'gainAt + c', 'c')}; sumG += g; sumGx += g * (${normed});`)}
${means.combine('vec2f(dot(sumG, vec4f(1.0)), dot(sumGx, vec4f(1.0)))', 'sums')}
let means = sums / f32(launch.width);
${columns(`let g = ${dOut} * ${load('gain', 'gainAt + c', 'c')};
let v = inverse * (g - means.x - ${normed} * means.y)${reads.residual ? ` + ${load('residual', 'residualAt + begin + c', 'c')}` : ''};
${store('dx', 'dxAt + begin + c', 'c', 'v')}`)}
}`;
  const gradients = columnSums({
    group: 'group - launch.ofRows',
    threads: ROW_THREADS,
    alone,
    rows: 'launch.rows',
    columns: 'launch.width',
    sums: 2,
    before: () => `let begin = row * launch.width; let d = ${load('dOut', 'dOutAt + begin + column', 'column')};
let mean = ${statistics('2u * row')}; let inverse = ${statistics('2u * row + 1u')};`,
    load: () => [`d * ((${load('x', 'xAt + begin + column', 'column')} - mean) * inverse)`, 'd'],
    store: (column, [dGain, dBias]) =>
      `${store('dGain', `dGainAt + ${column}`, column, dGain)} ${store('dBias', `dBiasAt + ${column}`, column, dBias)}`,
  });
  return kernel(
    {
      reads: { ...reads },
      writes: { ...writes },
      vectors,
      threads: ROW_THREADS,
      groups: ofRows + columnSumGroups(width, ROW_THREADS, alone),
      sizes: { rows, width, ofRows },
      declarations: `${means.memory}\n${columnSumMemory(2, alone)}`,
      body: `if (group < launch.ofRows) ${dx} else ${gradients}`,
    },
    strides,
  );
}
