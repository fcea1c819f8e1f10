// Generic launches as calls of kernels.
import { binaryOperations, unaryOperations, type GenericLaunch, type MatrixProduct, type Reduce, type Unary } from '../launches.ts';
import type { Operand } from '../plan.ts';
import { pieces, whole, type Piece, type Place } from './piece.ts';

/** Operations that an element of a generic launch costs, roughly; most are bound by memory or by a function of libm. */
const ELEMENT = 4;
/** Numbers of src/ops/simd/generic-reduce.ts. */
const reductions = { sum: 0, mean: 0, maximum: 1, minimum: 2, product: 3 } as const satisfies Record<Reduce['operation'], number>;

/** The pieces of a generic launch. */
export function lowerGeneric(launch: GenericLaunch, place: Place): Piece[] {
  const { kernels, address } = place;
  const isWhole = ({ region }: Operand): number => +(region === 'tokens');
  switch (launch.kind) {
    case 'unary':
      return unary(launch, place);
    case 'binary': {
      const operation = binaryOperations.indexOf(launch.operation);
      const [a, b, out] = [address(launch.reads.a), address(launch.reads.b), address(launch.writes.out)];
      const layout = place.layout(launch);
      return whole(ELEMENT * launch.writes.out.size, () => kernels.binary(operation, a, b, out, layout));
    }
    case 'select': {
      const { reads, writes } = launch;
      const [condition, a, b, out] = [address(reads.condition), address(reads.a), address(reads.b), address(writes.out)];
      const layout = place.layout(launch);
      return whole(ELEMENT * writes.out.size, () => kernels.select(condition, a, b, out, layout));
    }
    case 'copy': {
      const { reads, writes, rest } = launch;
      const [from, to] = [address(reads.x), address(writes.out)];
      const [x, out] = [from + 4 * launch.xStart, to + 4 * launch.outStart];
      const bytes = 4 * writes.out.size;
      const layout = place.layout(launch);
      return whole(ELEMENT * launch.shape.reduce((product, length) => product * length, 1), () => {
        if (rest === 'zero') kernels.clear(to, bytes);
        kernels.copy(x, out, layout);
      });
    }
    case 'reduce': {
      const { outer, length, inner, reads, writes } = launch;
      const operation = reductions[launch.operation];
      const scale = launch.operation === 'mean' ? 1 / length : 1;
      const [x, out] = [address(reads.x), address(writes.out)];
      return pieces(outer, 1, ELEMENT * length * inner, (from, size) =>
        kernels.reduce(operation, x + 4 * from * length * inner, out + 4 * from * inner, size, length, inner, scale),
      );
    }
    case 'matrixProduct':
      return matrixProduct(launch, place);
    case 'gather': {
      const { outer, length, inner, count, reads, writes } = launch;
      const [x, indices, out] = [address(reads.x), address(reads.indices), address(writes.out)];
      const integers = isWhole(reads.indices);
      return whole(ELEMENT * outer * count * inner, () => kernels.gather(x, indices, integers, out, outer, length, inner, count));
    }
    case 'segmentSum': {
      const { count, length, inner, reads, writes } = launch;
      const [x, indices, out] = [address(reads.x), address(reads.indices), address(writes.out)];
      const integers = isWhole(reads.indices);
      return whole(ELEMENT * (count + length) * inner, () => kernels.segmentSum(x, indices, integers, out, count, length, inner));
    }
    case 'oneHot': {
      const { count, depth, on, off, reads, writes } = launch;
      const [indices, out] = [address(reads.indices), address(writes.out)];
      const integers = isWhole(reads.indices);
      return whole(ELEMENT * count * depth, () => kernels.oneHot(indices, integers, out, count, depth, on, off));
    }
    default:
      return launch satisfies never;
  }
}

function unary({ operation, size, reads, writes }: Unary, { kernels, address }: Place): Piece[] {
  const [x, out] = [address(reads.x), address(writes.out)];
  if (reads.x.region === 'tokens') {
    const code = unaryOperations.indexOf(operation);
    return whole(ELEMENT * size, () => {
      kernels.toFloats(x, out, size);
      if (operation !== 'copy') kernels.unary(code, out, out, size);
    });
  }
  const code = unaryOperations.indexOf(operation);
  return pieces(size, 4, ELEMENT, (from, count) => kernels.unary(code, x + 4 * from, out + 4 * from, count));
}

function matrixProduct(launch: MatrixProduct, { kernels, scratch, address }: Place): Piece[] {
  const { batches, aBatches, bBatches, rows, inner, columns, aTransposed, bTransposed, reads, writes } = launch;
  const [a, b, out] = [address(reads.a), address(reads.b), address(writes.out)];
  const [aLine, bLine] = [4 * (aTransposed ? rows : inner), 4 * (bTransposed ? inner : columns)];
  const product = (n: number, from: number, size: number): void => {
    const aStart = a + 4 * (n % aBatches) * rows * inner + from * (aTransposed ? 4 : aLine);
    const bStart = b + 4 * (n % bBatches) * inner * columns;
    const to = out + 4 * (n * rows + from) * columns;
    // prettier-ignore
    kernels.matmul(
      aStart, aLine, +aTransposed, bStart, bLine, +bTransposed, to, 4 * columns, size, inner, columns, 0, 0, scratch,
    );
  };
  // One large product is cut by rows, many small ones are taken several at a time.
  if (batches === 1) return pieces(rows, 32, 2 * inner * columns, (from, size) => product(0, from, size));
  return pieces(batches, 1, 2 * rows * inner * columns, (from, size) => {
    for (let n = from; n < from + size; n++) product(n, 0, rows);
  });
}
