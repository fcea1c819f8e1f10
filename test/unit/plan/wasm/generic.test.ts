// Every generic launch on the SIMD kernels against the interpreter: all operations, strides of all kinds.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binaryOperations, unaryOperations, type UnaryOperation } from '../../../../src/plan/launches.ts';
import { expectParity, numbers, runKernels } from './one-launch.ts';

const { floats, indices } = numbers(11);

/** Numbers that an operation is defined for. */
function domain(operation: UnaryOperation, size: number): Float32Array {
  const any = floats(size, 3);
  if (operation === 'squareRoot' || operation === 'reciprocalSquareRoot' || operation === 'logarithm')
    return any.map((x) => Math.abs(x) + 0.01);
  return operation === 'logarithmOnePlus' ? any.map((x) => Math.abs(x) - 0.9) : any;
}

describe('unary', () => {
  it.each(unaryOperations)('%s', async (operation) => {
    for (const size of [1, 6, 67]) {
      const x = domain(operation, size);
      await expectParity({ kind: 'unary', reads: { x }, writes: { out: size }, operation, size });
      await expectParity({ kind: 'unary', reads: { x }, writes: { out: x }, operation, size });
    }
  });

  it('halves, zeros, infinities and what is not a number', async () => {
    const infinity = Infinity;
    const special = Float32Array.of(-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, infinity, -infinity, NaN, 1e-30, -1e-30, 60, -60, 200, -200);
    const one = async (operation: UnaryOperation): Promise<number[]> =>
      Array.from((await runKernels({ kind: 'unary', reads: { x: special }, writes: { out: 16 }, operation, size: 16 })).out);
    expect(await one('round')).toEqual([-2, -2, -0, 0, 0, 2, 2, infinity, -infinity, NaN, 0, -0, 60, -60, 200, -200]);
    expect(await one('step')).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 0, NaN, 1, 0, 1, 0, 1, 0]);
    expect(await one('sign')).toEqual([-1, -1, -1, 0, 1, 1, 1, 1, -1, NaN, 1, -1, 1, -1, 1, -1]);
    expect(await one('not')).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(await one('relu')).toEqual([0, 0, 0, 0, 0.5, 1.5, 2.5, infinity, 0, NaN, Math.fround(1e-30), 0, 60, 0, 200, 0]);
    const powers = await one('exponential');
    expect([powers[7], powers[8], powers[14], powers[15]]).toEqual([infinity, 0, infinity, 0]);
    expect(powers[9]).toBeNaN();
    expect(powers[12] / Math.exp(60)).toBeCloseTo(1, 5);
    const tangents = await one('tangentHyperbolic');
    expect([tangents[7], tangents[8], tangents[12], tangents[13]]).toEqual([1, -1, 1, -1]);
    expect(tangents[9]).toBeNaN();
  });

  it('tokens become floats', async () => {
    const x = Int32Array.of(0, 1, 70000, 3, 511);
    const { out } = await runKernels({ kind: 'unary', reads: { x }, writes: { out: 5 }, operation: 'copy', size: 5 });
    expect([...out]).toEqual([0, 1, 70000, 3, 511]);
    const { out: squares } = await runKernels({ kind: 'unary', reads: { x }, writes: { out: 5 }, operation: 'square', size: 5 });
    expect(squares[4]).toBe(511 * 511);
  });
});

describe('binary', () => {
  it.each(binaryOperations)('%s, alike, with scalars, with rows and columns repeated', async (operation) => {
    const [rows, columns] = [7, 13];
    const size = rows * columns;
    const positive = operation === 'power';
    const operand = (count: number): Float32Array => {
      const values = floats(count, 2);
      if (operation.startsWith('equal') || operation === 'notEqual' || operation === 'and' || operation === 'or')
        return values.map(Math.round);
      // Quotients far enough from whole numbers that rounding cannot carry them over.
      if (operation === 'floorDivide' || operation === 'modulo') return values.map((x) => (Math.round(x * 4) || 1) + 0.25);
      return positive ? values.map((x) => Math.abs(x) + 0.1) : values;
    };
    const check = (aStrides: number[], bStrides: number[], aSize: number, bSize: number): Promise<void> =>
      expectParity({
        kind: 'binary',
        reads: { a: operand(aSize), b: operand(bSize) },
        writes: { out: size },
        operation,
        shape: [rows, columns],
        aStrides,
        bStrides,
      });
    await check([columns, 1], [columns, 1], size, size);
    await check([columns, 1], [0, 0], size, 1);
    await check([0, 0], [columns, 1], 1, size);
    await check([columns, 1], [0, 1], size, columns);
    await check([columns, 1], [1, 0], size, rows);
    await check([1, rows], [columns, 1], size, size);
  });

  it('in place, over any shape', async () => {
    const [a, b] = [floats(60), floats(20)];
    const shape = [3, 4, 5];
    const strides = { aStrides: [20, 5, 1], bStrides: [0, 5, 1] };
    await expectParity({ kind: 'binary', reads: { a, b }, writes: { out: a }, operation: 'multiply', shape, ...strides });
    const c = floats(60);
    await expectParity({
      kind: 'binary',
      reads: { a: b, b: c },
      writes: { out: c },
      operation: 'subtract',
      shape,
      aStrides: [0, 5, 1],
      bStrides: [20, 5, 1],
    });
  });
});

/** A shape of up to six axes, with strides that stay inside `size` words: any order of axes, some of them repeated. */
const walks = fc
  .array(fc.record({ length: fc.integer({ min: 1, max: 5 }), rank: fc.double({ noNaN: true }), repeats: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((axes) => {
    const strides = axes.map(() => 0);
    let size = 1;
    for (const { axis } of axes.map(({ rank }, axis) => ({ rank, axis })).sort((a, b) => a.rank - b.rank)) {
      if (axes[axis].repeats) continue;
      strides[axis] = size;
      size *= axes[axis].length;
    }
    return { shape: axes.map(({ length }) => length), strides, size, count: axes.reduce((product, { length }) => product * length, 1) };
  });

const dense = (shape: readonly number[]): number[] => shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));

describe('strides', () => {
  it('select and binary, over any walk', async () => {
    await fc.assert(
      fc.asyncProperty(walks, async ({ shape, strides, size, count }) => {
        const [walked, straight, conditions] = [floats(size), floats(count), floats(size).map((x) => (x > 0 ? 1 : 0))];
        const writes = { out: count };
        const common = { writes, shape, aStrides: strides, bStrides: dense(shape) };
        await expectParity({
          kind: 'select',
          reads: { condition: conditions, a: walked, b: straight },
          conditionStrides: strides,
          ...common,
        });
        await expectParity({ kind: 'binary', reads: { a: walked, b: straight }, operation: 'subtract', ...common });
      }),
      { numRuns: 40, seed: 3 },
    );
  });

  it('copy: transposes, repeats, scatters, reverses', async () => {
    await fc.assert(
      fc.asyncProperty(walks, fc.array(fc.boolean(), { minLength: 6, maxLength: 6 }), fc.boolean(), async (walk, turned, clears) => {
        const { shape, strides, size, count } = walk;
        const flip = shape.map((_, axis) => turned[axis]);
        const start = (all: readonly number[]): number =>
          all.reduce((sum, stride, axis) => sum + (flip[axis] ? stride * (shape[axis] - 1) : 0), 0);
        const turn = (all: readonly number[]): number[] => all.map((stride, axis) => (flip[axis] ? -stride : stride));
        const straight = dense(shape);
        // Words between and around the elements show what `rest` does.
        const spread = straight.map((stride) => 2 * stride);
        await expectParity({
          kind: 'copy',
          reads: { x: floats(size) },
          writes: { out: clears ? 2 * count + 3 : count },
          shape,
          xStart: start(strides),
          xStrides: turn(strides),
          outStart: clears ? 1 : 0,
          outStrides: clears ? spread : straight,
          rest: clears ? 'zero' : 'keep',
        });
        await expectParity({
          kind: 'copy',
          reads: { x: floats(count) },
          writes: { out: count },
          shape,
          xStart: 0,
          xStrides: straight,
          outStart: start(straight),
          outStrides: turn(straight),
          rest: 'keep',
        });
      }),
      { numRuns: 60, seed: 5 },
    );
  });

  it('reads nothing beyond an operand, however wide the stride', async () => {
    // Three strides past the last column lie beyond the end of the memory.
    const [a, b] = [floats(4 * 8000 + 2), floats(1)];
    const walk = { shape: [2, 5], aStrides: [1, 8000], bStrides: [0, 0] };
    await expectParity({ kind: 'binary', reads: { a, b }, writes: { out: 10 }, operation: 'add', ...walk });
    await expectParity({ kind: 'select', reads: { condition: b, a, b }, writes: { out: 10 }, conditionStrides: [0, 0], ...walk });
  });

  it('copy leaves the other words of out as they are', async () => {
    const out = floats(10);
    const before = Float32Array.from(out);
    const x = floats(3);
    const launch = {
      kind: 'copy',
      reads: { x },
      shape: [3],
      xStart: 0,
      xStrides: [1],
      outStart: 2,
      outStrides: [3],
      rest: 'keep',
    } as const;
    // Known to the trial as something read, so that it has values before.
    const written = await runKernels({ ...launch, reads: { x, out } as { x: Float32Array }, writes: { out } });
    const wanted = before.map((value, i) => (i === 2 || i === 5 || i === 8 ? x[(i - 2) / 3] : value));
    expect(written.out).toEqual(wanted);
  });
});

describe('reductions and products', () => {
  const operations = ['sum', 'mean', 'maximum', 'minimum', 'product'] as const;
  it.each(operations)('reduce: %s', async (operation) => {
    for (const [outer, length, inner] of [
      [1, 1, 1],
      [3, 17, 1],
      [5, 130, 1],
      [1, 200, 6],
      [4, 9, 5],
      [2, 3, 33],
    ]) {
      const x = floats(outer * length * inner, 0.5, operation === 'product' ? 1 : 0);
      await expectParity({ kind: 'reduce', reads: { x }, writes: { out: outer * inner }, operation, outer, length, inner });
    }
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('matrixProduct: transposed %s, %s', async (aTransposed, bTransposed) => {
    for (const [batches, aBatches, bBatches, rows, inner, columns] of [
      [1, 1, 1, 5, 7, 9],
      [6, 2, 3, 17, 8, 24],
      [4, 4, 1, 1, 33, 8],
      [2, 1, 2, 140, 260, 3],
      [1, 1, 1, 29, 40, 36],
      [1, 1, 1, 131, 257, 44],
      // Rows so far apart that a block of them is brought together when they are terms.
      [1, 1, 1, 401, 270, 28],
    ]) {
      const reads = { a: floats(aBatches * rows * inner), b: floats(bBatches * inner * columns) };
      const shape = { batches, aBatches, bBatches, rows, inner, columns, aTransposed, bTransposed };
      await expectParity({ kind: 'matrixProduct', reads, writes: { out: batches * rows * columns }, ...shape });
    }
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
  ])('matrixProduct of any number of columns and few rows: transposed %s, %s', async (aTransposed, bTransposed) => {
    const inner = 6;
    for (const rows of [3, 5, 26])
      for (let columns = 1; columns <= 37; columns++) {
        const reads = { a: floats(rows * inner), b: floats(inner * columns) };
        const shape = { batches: 1, aBatches: 1, bBatches: 1, rows, inner, columns, aTransposed, bTransposed };
        await expectParity({ kind: 'matrixProduct', reads, writes: { out: rows * columns }, ...shape });
      }
  });
});

describe('indices, whole and as floats', () => {
  const both = (chosen: Int32Array): (Int32Array | Float32Array)[] => [chosen, Float32Array.from(chosen)];

  it('gather', async () => {
    for (const [outer, length, inner, count] of [
      [1, 5, 8, 7],
      [3, 9, 5, 4],
      [2, 6, 1, 11],
    ])
      for (const chosen of both(indices(count, length))) {
        const x = floats(outer * length * inner);
        await expectParity({
          kind: 'gather',
          reads: { x, indices: chosen },
          writes: { out: outer * count * inner },
          outer,
          length,
          inner,
          count,
        });
      }
  });

  it('segmentSum', async () => {
    for (const [count, length, inner] of [
      [7, 5, 8],
      [40, 3, 5],
      [4, 9, 1],
    ])
      for (const chosen of both(indices(count, length))) {
        const reads = { x: floats(count * inner), indices: chosen };
        await expectParity({ kind: 'segmentSum', reads, writes: { out: length * inner }, count, length, inner });
      }
  });

  it('oneHot', async () => {
    for (const chosen of both(indices(9, 6)))
      await expectParity({ kind: 'oneHot', reads: { indices: chosen }, writes: { out: 54 }, count: 9, depth: 6, on: 0.75, off: -0.25 });
  });

  it('an index out of range reads and writes nothing that is not its own', async () => {
    const x = floats(12);
    const chosen = Int32Array.of(-1, 99, 1);
    const picked = await runKernels({
      kind: 'gather',
      reads: { x, indices: chosen },
      writes: { out: 12 },
      outer: 1,
      length: 3,
      inner: 4,
      count: 3,
    });
    expect([...picked.out.subarray(0, 4)]).toEqual([...x.subarray(0, 4)]);
    const sums = await runKernels({ kind: 'segmentSum', reads: { x, indices: chosen }, writes: { out: 8 }, count: 3, length: 2, inner: 4 });
    expect([...sums.out]).toEqual([0, 0, 0, 0, ...x.subarray(8, 12)]);
  });
});
