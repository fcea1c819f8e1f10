// WGSL of what is done number by number: unary and binary operations, choices, strided copies. One invocation a number.
import { kernel, type Kernel, type Place, type Strides } from '../wgsl/kernel.ts';
import { binaryDefinitions, unaryDefinitions } from './functions.wgsl.ts';

const THREADS = 64;

/** What is common to all: `i` is the number of the element. */
function elements(count: number) {
  return {
    vectors: false,
    threads: THREADS,
    groups: Math.ceil(count / THREADS),
    each: (body: string): string => `let i = group * ${THREADS}u + li;\nif (i < launch.count) {\n${body}\n}`,
  };
}

/** A number of an operand as f32, whatever lies there. */
export function numberAt(name: string, place: Place, index: string): string {
  return place.region === 'tokens' ? `f32(${name}1(${index}))` : `${name}1(${index})`;
}

/** out[i] = operation(x[i]). */
export function unaryKernel(
  {
    reads,
    writes,
    operation,
    size,
  }: { readonly reads: { readonly x: Place }; readonly writes: { readonly out: Place }; readonly operation: string; readonly size: number },
  strides: Strides,
): Kernel {
  const { each, ...rest } = elements(size);
  const { functions = '', value } = unaryDefinitions[operation];
  const body = each(`let x = ${numberAt('x', reads.x, 'xAt + i')}; setOut1(outAt + i, ${value});`);
  return kernel({ reads: { ...reads }, writes: { ...writes }, ...rest, sizes: { count: size }, declarations: functions, body }, strides);
}

/** A walk over `shape`: fields of the launch, and statements that give `${name}Index` (i32) for every operand's strides. */
function walk(shape: readonly number[], strides: Readonly<Record<string, readonly number[]>>) {
  const names = Object.keys(strides);
  const sizes = Object.fromEntries(shape.map((length, axis) => [`length${axis}`, length]));
  const integers = Object.fromEntries(names.flatMap((name) => strides[name].map((stride, axis) => [`${name}Stride${axis}`, stride])));
  const axes = shape.map((_, axis) => shape.length - 1 - axis);
  const statements = `var rest = i;
${names.map((name) => `var ${name}Index = 0;`).join(' ')}
${axes
  .map((axis, n) => {
    const index = n === shape.length - 1 ? 'i32(rest)' : `i32(rest % launch.length${axis})`;
    return `{ let n = ${index}; ${names.map((name) => `${name}Index += n * launch.${name}Stride${axis};`).join(' ')} }${n === shape.length - 1 ? '' : ` rest /= launch.length${axis};`}`;
  })
  .join('\n')}`;
  return { sizes: { ...sizes, count: shape.reduce((a, b) => a * b, 1) }, integers, statements };
}

/** Launches of {@link binaryKernel}. */
export interface BinaryParts {
  readonly reads: { readonly a: Place; readonly b: Place };
  readonly writes: { readonly out: Place };
  readonly operation: string;
  readonly shape: readonly number[];
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
}

/** out[i] = operation(a, b), each by its strides. */
export function binaryKernel({ reads, writes, operation, shape, aStrides, bStrides }: BinaryParts, strides: Strides): Kernel {
  const { sizes, integers, statements } = walk(shape, { a: aStrides, b: bStrides });
  const { each, ...rest } = elements(sizes.count);
  const { functions = '', value } = binaryDefinitions[operation];
  const body = each(`${statements}
let a = ${numberAt('a', reads.a, 'aAt + u32(aIndex)')}; let b = ${numberAt('b', reads.b, 'bAt + u32(bIndex)')};
setOut1(outAt + i, ${value});`);
  return kernel({ reads: { ...reads }, writes: { ...writes }, ...rest, sizes, integers, declarations: functions, body }, strides);
}

/** Launches of {@link selectKernel}. */
export interface SelectParts {
  readonly reads: { readonly condition: Place; readonly a: Place; readonly b: Place };
  readonly writes: { readonly out: Place };
  readonly shape: readonly number[];
  readonly conditionStrides: readonly number[];
  readonly aStrides: readonly number[];
  readonly bStrides: readonly number[];
}

/** out[i] = condition ≠ 0 ? a : b, each by its strides. */
export function selectKernel(parts: SelectParts, strides: Strides): Kernel {
  const { reads, writes, shape, conditionStrides, aStrides, bStrides } = parts;
  const { sizes, integers, statements } = walk(shape, { condition: conditionStrides, a: aStrides, b: bStrides });
  const { each, ...rest } = elements(sizes.count);
  const number = (name: 'condition' | 'a' | 'b'): string => numberAt(name, reads[name], `${name}At + u32(${name}Index)`);
  const body = each(`${statements}
setOut1(outAt + i, select(${number('b')}, ${number('a')}, ${number('condition')} != 0.0));`);
  return kernel({ reads: { ...reads }, writes: { ...writes }, ...rest, sizes, integers, body }, strides);
}

/** Launches of {@link copyKernels}. */
export interface CopyParts {
  readonly reads: { readonly x: Place };
  readonly writes: { readonly out: Place & { readonly size: number } };
  readonly shape: readonly number[];
  readonly xStart: number;
  readonly xStrides: readonly number[];
  readonly outStart: number;
  readonly outStrides: readonly number[];
  readonly rest: 'keep' | 'zero';
}

/** Whether a copy leaves words that it has to clear, which takes a kernel of its own. */
export function leavesGaps({ shape, writes, rest }: Pick<CopyParts, 'shape' | 'writes' | 'rest'>): boolean {
  return rest === 'zero' && shape.reduce((product, length) => product * length, 1) !== writes.out.size;
}

/** Zeros where the copy leaves words that it has to clear, then the copy itself. */
export function copyKernels(parts: CopyParts, strides: Strides): Kernel[] {
  const { reads, writes, shape, xStart, xStrides, outStart, outStrides } = parts;
  const { sizes, integers, statements } = walk(shape, { x: xStrides, out: outStrides });
  const { each, ...rest } = elements(sizes.count);
  const body = each(`${statements}
setOut1(outAt + u32(launch.outStart + outIndex), ${numberAt('x', reads.x, 'xAt + u32(launch.xStart + xIndex)')});`);
  const copy = kernel(
    { reads: { ...reads }, writes: { ...writes }, ...rest, sizes, integers: { ...integers, xStart, outStart }, body },
    strides,
  );
  if (!leavesGaps(parts)) return [copy];
  const all = elements(writes.out.size);
  const clear = kernel(
    {
      reads: {},
      writes: { ...writes },
      vectors: false,
      threads: THREADS,
      groups: all.groups,
      sizes: { count: writes.out.size },
      body: all.each(`setOut1(outAt + i, 0.0);`),
    },
    strides,
  );
  return [clear, copy];
}
