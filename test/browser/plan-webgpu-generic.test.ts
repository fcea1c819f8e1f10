// Every generic launch on the GPU against the interpreter: all operations, strides of all kinds.
import { describe, expect, it } from 'vitest';
import { binaryOperations, unaryOperations, type UnaryOperation } from '../../src/plan/launches.ts';
import type { Tile } from '../../src/ops/wgsl/matrix-tile.ts';
import { expectParity, runKernel, type Numbers } from './one-launch.ts';

/** Numbers that an operation is defined for. */
function domain(operation: UnaryOperation, { floats }: Numbers, size: number): Float32Array {
  const any = floats(size, 3);
  if (operation === 'squareRoot' || operation === 'reciprocalSquareRoot' || operation === 'logarithm')
    return any.map((x) => Math.abs(x) + 0.01);
  return operation === 'logarithmOnePlus' ? any.map((x) => Math.abs(x) - 0.9) : any;
}

describe('unary', () => {
  it.each(unaryOperations)('%s', async (operation) => {
    const size = 67;
    await expectParity((numbers) => ({
      kind: 'unary',
      reads: { x: domain(operation, numbers, size) },
      writes: { out: size },
      operation,
      size,
    }));
    await expectParity((numbers) => {
      const x = domain(operation, numbers, size);
      return { kind: 'unary', reads: { x }, writes: { out: x }, operation, size };
    });
  });

  it.each(['sine', 'cosine'] as const)('%s far from zero', async (operation) => {
    const size = 300;
    const x = Float32Array.from({ length: size }, (_, i) => 3.7 * i - 400);
    await expectParity(() => ({ kind: 'unary', reads: { x }, writes: { out: size }, operation, size }));
  });

  it.each(['exponentialMinusOne', 'logarithmOnePlus', 'tangentHyperbolic', 'errorFunction', 'elu', 'sine'] as const)(
    '%s near zero',
    async (operation) => {
      await expectParity(({ floats }) => ({ kind: 'unary', reads: { x: floats(40, 1e-4) }, writes: { out: 40 }, operation, size: 40 }));
    },
  );

  it('halves, zeros, infinities and what is not a number', async () => {
    const infinity = Infinity;
    const special = Float32Array.of(-2.5, -1.5, -0.5, 0, 0.5, 1.5, 2.5, infinity, -infinity, NaN, 1e-30, -1e-30, 60, -60, 200, -200);
    const one = async (operation: UnaryOperation): Promise<number[]> => {
      const [{ out }] = await runKernel(() => ({ kind: 'unary', reads: { x: special }, writes: { out: 16 }, operation, size: 16 }), {
        lanes: 1,
      });
      return Array.from(out, (x) => x + 0);
    };
    expect(await one('round')).toEqual([-2, -2, 0, 0, 0, 2, 2, infinity, -infinity, NaN, 0, 0, 60, -60, 200, -200]);
    expect(await one('step')).toEqual([0, 0, 0, 0, 1, 1, 1, 1, 0, NaN, 1, 0, 1, 0, 1, 0]);
    expect(await one('sign')).toEqual([-1, -1, -1, 0, 1, 1, 1, 1, -1, NaN, 1, -1, 1, -1, 1, -1]);
    expect(await one('not')).toEqual([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(await one('relu')).toEqual([0, 0, 0, 0, 0.5, 1.5, 2.5, infinity, 0, NaN, Math.fround(1e-30), 0, 60, 0, 200, 0]);
    const tangents = await one('tangentHyperbolic');
    expect([tangents[7], tangents[8], tangents[12], tangents[13]]).toEqual([1, -1, 1, -1]);
    expect(tangents[9]).toBeNaN();
  });

  it('tokens become floats', async () => {
    const x = Int32Array.of(0, 1, 70000, 3, 511);
    const [{ out }] = await runKernel(() => ({ kind: 'unary', reads: { x }, writes: { out: 5 }, operation: 'copy', size: 5 }));
    expect([...out]).toEqual([0, 1, 70000, 3, 511]);
  });
});

describe('binary', () => {
  it.each(binaryOperations)('%s, alike, with scalars, with rows and columns repeated', async (operation) => {
    const [rows, columns] = [7, 13];
    const size = rows * columns;
    const operand = ({ floats }: Numbers, count: number): Float32Array => {
      const values = floats(count, 2);
      if (operation === 'equal' || operation === 'notEqual' || operation === 'and' || operation === 'or') return values.map(Math.round);
      // Quotients far enough from whole numbers that rounding cannot carry them over.
      if (operation === 'floorDivide' || operation === 'modulo') return values.map((x) => (Math.round(x * 4) || 1) + 0.25);
      return operation === 'power' ? values.map((x) => Math.abs(x) + 0.1) : values;
    };
    const check = (aStrides: number[], bStrides: number[], aSize: number, bSize: number): Promise<void> =>
      expectParity((numbers) => ({
        kind: 'binary',
        reads: { a: operand(numbers, aSize), b: operand(numbers, bSize) },
        writes: { out: size },
        operation,
        shape: [rows, columns],
        aStrides,
        bStrides,
      }));
    await check([columns, 1], [columns, 1], size, size);
    await check([columns, 1], [0, 0], size, 1);
    await check([0, 0], [columns, 1], 1, size);
    await check([columns, 1], [0, 1], size, columns);
    await check([1, rows], [1, 0], size, rows);
  });

  it('whole quotients and powers, and what has no power', async () => {
    const run = async (operation: 'floorDivide' | 'modulo' | 'power' | 'maximum', a: number[], b: number[]): Promise<number[]> => {
      const reads = { a: Float32Array.from(a), b: Float32Array.from(b) };
      const strides = { shape: [a.length], aStrides: [1], bStrides: [1] };
      const [{ out }] = await runKernel(() => ({ kind: 'binary', reads, writes: { out: a.length }, operation, ...strides }), { lanes: 1 });
      return Array.from(out, (x) => x + 0);
    };
    const dividends = Array.from({ length: 60 }, (_, i) => (i + 1) * 7);
    expect(
      await run(
        'floorDivide',
        dividends,
        dividends.map(() => 7),
      ),
    ).toEqual(dividends.map((a) => a / 7));
    expect(
      await run(
        'floorDivide',
        dividends.map((a) => -a),
        dividends.map(() => 7),
      ),
    ).toEqual(dividends.map((a) => -a / 7));
    expect(await run('modulo', [7, -7, 7, -7, 6, 0.5], [3, 3, -3, -3, 3, 2])).toEqual([1, 2, -2, -1, 0, 0.5]);
    const powers = await run('power', [-2, -2, -2, 0, 3, -1.5], [3, 2, 0.5, 0, -1, -2]);
    expect(powers.map((power) => Math.fround(power))).toEqual([-8, 4, NaN, 1, 1 / 3, 1 / 2.25].map(Math.fround));
    expect(await run('maximum', [NaN, 1, 2], [1, NaN, 3])).toEqual([NaN, NaN, 3]);
  });

  it('reads parameters and constants, whole tensors or tokens', async () => {
    const shape = { shape: [4, 6], aStrides: [6, 1], bStrides: [0, 1] };
    for (const regions of [{ a: 'parameters' }, { b: 'constants' }] as const)
      await expectParity(
        ({ floats }) => ({
          kind: 'binary',
          reads: { a: floats(24), b: new Float32Array(6).fill(3) },
          writes: { out: 24 },
          operation: 'add',
          ...shape,
        }),
        { regions, shift: 1 },
      );
    await expectParity(({ floats, indices }) => ({
      kind: 'binary',
      reads: { a: floats(24), b: indices(6, 9) },
      writes: { out: 24 },
      operation: 'less',
      ...shape,
    }));
  });
});

/** Shapes of up to six axes with strides that stay inside `size` words: any order of axes, some of them repeated. */
function walks(count: number): { shape: number[]; strides: number[]; size: number; count: number }[] {
  let state = 99;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, (_, n) => {
    const shape = Array.from({ length: 1 + (n % 6) }, () => 1 + Math.floor(next() * 5));
    const strides = shape.map(() => 0);
    let size = 1;
    const order = shape.map((_, axis) => ({ axis, rank: next() })).sort((a, b) => a.rank - b.rank);
    for (const { axis } of order) {
      if (next() < 0.25) continue;
      strides[axis] = size;
      size *= shape[axis];
    }
    return { shape, strides, size, count: shape.reduce((a, b) => a * b, 1) };
  });
}

function dense(shape: readonly number[]): number[] {
  return shape.map((_, axis) => shape.slice(axis + 1).reduce((a, b) => a * b, 1));
}

describe('strides', () => {
  it('select and binary, over any walk', async () => {
    for (const { shape, strides, size, count } of walks(18)) {
      const common = { writes: { out: count }, shape, aStrides: strides, bStrides: dense(shape) };
      await expectParity(({ floats }) => ({
        kind: 'select',
        reads: { condition: floats(size).map((x) => (x > 0 ? 1 : 0)), a: floats(size), b: floats(count) },
        conditionStrides: strides,
        ...common,
      }));
      await expectParity(({ floats }) => ({
        kind: 'binary',
        reads: { a: floats(size), b: floats(count) },
        operation: 'subtract',
        ...common,
      }));
    }
  });

  it('copy: transposes, repeats, scatters, reverses; into gradients, too', async () => {
    for (const [n, { shape, strides, size, count }] of walks(24).entries()) {
      const turned = shape.map((_, axis) => (n + axis) % 3 === 0);
      const start = (all: readonly number[]): number =>
        all.reduce((sum, stride, axis) => sum + (turned[axis] ? stride * (shape[axis] - 1) : 0), 0);
      const turn = (all: readonly number[]): number[] => all.map((stride, axis) => (turned[axis] ? -stride : stride));
      const straight = dense(shape);
      const clears = n % 2 === 0;
      const regions = n % 4 < 2 ? { out: 'gradients' as const } : {};
      await expectParity(
        ({ floats }) => ({
          kind: 'copy',
          reads: { x: floats(size) },
          // Words between and around the elements show what `rest` does.
          writes: { out: clears ? 2 * count + 3 : count },
          shape,
          xStart: start(strides),
          xStrides: turn(strides),
          outStart: clears ? 1 : 0,
          outStrides: clears ? straight.map((stride) => 2 * stride) : straight,
          rest: clears ? 'zero' : 'keep',
        }),
        { regions },
      );
      await expectParity(({ floats }) => ({
        kind: 'copy',
        reads: { x: floats(count) },
        writes: { out: count },
        shape,
        xStart: 0,
        xStrides: straight,
        outStart: start(straight),
        outStrides: turn(straight),
        rest: 'keep',
      }));
    }
  });

  it('copy adds to gradients where a lane accumulates', async () => {
    for (const rest of ['keep', 'zero'] as const)
      await expectParity(
        ({ floats }) => ({
          kind: 'copy',
          reads: { x: floats(6) },
          writes: { out: rest === 'zero' ? 9 : 6 },
          shape: [6],
          xStart: 0,
          xStrides: [1],
          outStart: 0,
          outStrides: [1],
          rest,
        }),
        { regions: { out: 'gradients' }, additions: 2 },
      );
  });
});

const tiles: Tile[] = [
  { kind: 'direct', rows: 4, columns: 4, threads: 64 },
  { kind: 'staged', rows: 4, columns: 4, down: 8, across: 8, depth: 16 },
];

describe('reductions and products', () => {
  const operations = ['sum', 'mean', 'maximum', 'minimum', 'product'] as const;
  it.each(operations)('reduce: %s', async (operation) => {
    for (const [outer, length, inner] of [
      [1, 1, 1],
      [3, 17, 1],
      [4, 9, 5],
      [2, 300, 3],
    ])
      await expectParity(({ floats }) => {
        const x = floats(outer * length * inner, 0.02, operation === 'product' ? 1 : 0);
        return { kind: 'reduce', reads: { x }, writes: { out: outer * inner }, operation, outer, length, inner };
      });
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('matrixProduct: transposed %s, %s', async (aTransposed, bTransposed) => {
    for (const tile of tiles)
      for (const [batches, aBatches, bBatches, rows, inner, columns] of [
        [1, 1, 1, 5, 7, 9],
        [6, 2, 3, 20, 8, 24],
        [2, 1, 2, 140, 260, 3],
      ])
        await expectParity(
          ({ floats }) => {
            const reads = { a: floats(aBatches * rows * inner), b: floats(bBatches * inner * columns) };
            const shape = { batches, aBatches, bBatches, rows, inner, columns, aTransposed, bTransposed };
            return { kind: 'matrixProduct', reads, writes: { out: batches * rows * columns }, ...shape };
          },
          { tile },
        );
  });
});

describe('indices, whole and as floats', () => {
  const forms = [(chosen: Int32Array) => chosen, (chosen: Int32Array) => Float32Array.from(chosen)];

  it('gather', async () => {
    for (const [outer, length, inner, count] of [
      [1, 5, 8, 7],
      [3, 9, 5, 4],
    ])
      for (const form of forms)
        await expectParity(({ floats, indices }) => ({
          kind: 'gather',
          reads: { x: floats(outer * length * inner), indices: form(indices(count, length)) },
          writes: { out: outer * count * inner },
          outer,
          length,
          inner,
          count,
        }));
  });

  it('segmentSum', async () => {
    for (const [count, length, inner] of [
      [7, 5, 8],
      [40, 3, 5],
    ])
      for (const form of forms)
        await expectParity(({ floats, indices }) => ({
          kind: 'segmentSum',
          reads: { x: floats(count * inner), indices: form(indices(count, length)) },
          writes: { out: length * inner },
          count,
          length,
          inner,
        }));
  });

  it('oneHot', async () => {
    for (const form of forms)
      await expectParity(({ indices }) => ({
        kind: 'oneHot',
        reads: { indices: form(indices(9, 6)) },
        writes: { out: 54 },
        count: 9,
        depth: 6,
        on: 0.75,
        off: -0.25,
      }));
  });

  it('an index out of range gives nothing', async () => {
    const x = Float32Array.from({ length: 12 }, (_, i) => i + 1);
    const chosen = Int32Array.of(-1, 99, 1);
    const [picked] = await runKernel(() => ({
      kind: 'gather',
      reads: { x, indices: chosen },
      writes: { out: 12 },
      outer: 1,
      length: 3,
      inner: 4,
      count: 3,
    }));
    expect([...picked.out]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 5, 6, 7, 8]);
    const [sums] = await runKernel(() => ({
      kind: 'segmentSum',
      reads: { x, indices: chosen },
      writes: { out: 8 },
      count: 3,
      length: 2,
      inner: 4,
    }));
    expect([...sums.out]).toEqual([0, 0, 0, 0, ...x.subarray(8, 12)]);
  });
});
