// What the generic launches compute, word for word after src/plan/launches.ts, in plain loops.
import type { BinaryOperation, GenericLaunch, UnaryOperation } from '../../../src/plan/launches.ts';
import { geluSlope, type View } from './interpreter-fused.ts';

/** erf x = 2/√π · exp(−x²) · Σ 2ⁿ·x²ⁿ⁺¹/(2n+1)!! (Abramowitz & Stegun 7.1.6), all of whose terms have one sign. */
function errorFunction(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let [term, total] = [x, 0];
  for (let n = 0; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
    total += term;
    term *= (2 * x * x) / (2 * n + 3);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * total;
}

function roundHalfToEven(x: number): number {
  const below = Math.floor(x);
  if (x - below !== 0.5) return Math.round(x);
  return below % 2 === 0 ? below : below + 1;
}

const truth = (value: boolean): number => (value ? 1 : 0);

/** Each unary operation. */
export const unaryFunctions: Readonly<Record<UnaryOperation, (x: number) => number>> = {
  copy: (x) => x,
  negate: (x) => -x,
  absolute: Math.abs,
  sign: Math.sign,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundHalfToEven,
  square: (x) => x * x,
  squareRoot: Math.sqrt,
  reciprocalSquareRoot: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  exponential: Math.exp,
  exponentialMinusOne: Math.expm1,
  logarithm: Math.log,
  logarithmOnePlus: Math.log1p,
  sine: Math.sin,
  cosine: Math.cos,
  tangentHyperbolic: Math.tanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  softplus: (x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))),
  errorFunction,
  relu: (x) => Math.max(x, 0),
  elu: (x) => (x >= 0 ? x : Math.expm1(x)),
  step: (x) => (Number.isNaN(x) ? x : truth(x > 0)),
  not: (x) => truth(x === 0),
};

/** Each binary operation. */
export const binaryFunctions: Readonly<Record<BinaryOperation, (a: number, b: number) => number>> = {
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  divide: (a, b) => a / b,
  floorDivide: (a, b) => Math.floor(a / b),
  modulo: (a, b) => a - b * Math.floor(a / b),
  power: (a, b) => a ** b,
  maximum: Math.max,
  minimum: Math.min,
  squaredDifference: (a, b) => (a - b) ** 2,
  equal: (a, b) => truth(a === b),
  notEqual: (a, b) => truth(a !== b),
  less: (a, b) => truth(a < b),
  lessEqual: (a, b) => truth(a <= b),
  greater: (a, b) => truth(a > b),
  greaterEqual: (a, b) => truth(a >= b),
  and: (a, b) => truth(a !== 0 && b !== 0),
  or: (a, b) => truth(a !== 0 || b !== 0),
  geluGradient: (a, b) => geluSlope(a) * b,
};

/** Offsets of one index of `shape` in several strided views, for every index in row-major order. */
function* indices(shape: readonly number[], ...strides: (readonly number[])[]): Generator<number[]> {
  const count = shape.reduce((product, length) => product * length, 1);
  for (let flat = 0; flat < count; flat++) {
    const offsets = strides.map(() => 0);
    let rest = flat;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const i = rest % shape[axis];
      rest = (rest - i) / shape[axis];
      strides.forEach((each, operand) => (offsets[operand] += i * each[axis]));
    }
    yield offsets;
  }
}

/** Runs one generic launch. */
export function runGenericLaunch(launch: GenericLaunch, view: View): void {
  switch (launch.kind) {
    case 'unary': {
      const x = view(launch.reads.x);
      view(launch.writes.out).set(Float64Array.from(x.subarray(0, launch.size), unaryFunctions[launch.operation]));
      return;
    }
    case 'binary': {
      const [a, b, out] = [view(launch.reads.a), view(launch.reads.b), view(launch.writes.out)];
      let i = 0;
      for (const [ai, bi] of indices(launch.shape, launch.aStrides, launch.bStrides))
        out[i++] = binaryFunctions[launch.operation](a[ai], b[bi]);
      return;
    }
    case 'select': {
      const [condition, a, b] = [view(launch.reads.condition), view(launch.reads.a), view(launch.reads.b)];
      const out = view(launch.writes.out);
      let i = 0;
      for (const [ci, ai, bi] of indices(launch.shape, launch.conditionStrides, launch.aStrides, launch.bStrides))
        out[i++] = condition[ci] !== 0 ? a[ai] : b[bi];
      return;
    }
    case 'copy': {
      const [x, out] = [view(launch.reads.x), view(launch.writes.out)];
      if (launch.rest === 'zero') out.fill(0);
      for (const [xi, oi] of indices(launch.shape, launch.xStrides, launch.outStrides)) {
        const [from, to] = [launch.xStart + xi, launch.outStart + oi];
        if (!(from >= 0 && from < x.length && to >= 0 && to < out.length)) throw new Error('A copy leaves its operands.');
        out[to] = x[from];
      }
      return;
    }
    case 'reduce': {
      const { outer, length, inner, operation } = launch;
      const [x, out] = [view(launch.reads.x), view(launch.writes.out)];
      for (let o = 0; o < outer; o++)
        for (let i = 0; i < inner; i++) {
          const terms = Array.from({ length }, (_, n) => x[(o * length + n) * inner + i]);
          const total = terms.reduce((a, b) => {
            if (operation === 'maximum') return Math.max(a, b);
            if (operation === 'minimum') return Math.min(a, b);
            return operation === 'product' ? a * b : a + b;
          });
          out[o * inner + i] = operation === 'mean' ? total / length : total;
        }
      return;
    }
    case 'matrixProduct': {
      const { batches, aBatches, bBatches, rows, inner, columns, aTransposed, bTransposed } = launch;
      const [a, b, out] = [view(launch.reads.a), view(launch.reads.b), view(launch.writes.out)];
      for (let n = 0; n < batches; n++) {
        const [aAt, bAt] = [(n % aBatches) * rows * inner, (n % bBatches) * inner * columns];
        for (let r = 0; r < rows; r++)
          for (let c = 0; c < columns; c++) {
            let dot = 0;
            for (let k = 0; k < inner; k++)
              dot += a[aAt + (aTransposed ? k * rows + r : r * inner + k)] * b[bAt + (bTransposed ? c * inner + k : k * columns + c)];
            out[(n * rows + r) * columns + c] = dot;
          }
      }
      return;
    }
    case 'gather': {
      const { outer, length, inner, count } = launch;
      const [x, chosen, out] = [view(launch.reads.x), view(launch.reads.indices), view(launch.writes.out)];
      for (let o = 0; o < outer; o++)
        for (let j = 0; j < count; j++)
          for (let i = 0; i < inner; i++) out[(o * count + j) * inner + i] = x[(o * length + chosen[j]) * inner + i];
      return;
    }
    case 'segmentSum': {
      const { count, inner } = launch;
      const [x, chosen, out] = [view(launch.reads.x), view(launch.reads.indices), view(launch.writes.out)];
      const sums = new Float64Array(out.length);
      for (let j = 0; j < count; j++) for (let i = 0; i < inner; i++) sums[chosen[j] * inner + i] += x[j * inner + i];
      out.set(sums);
      return;
    }
    case 'oneHot': {
      const { depth, on, off } = launch;
      const [chosen, out] = [view(launch.reads.indices), view(launch.writes.out)];
      out.set(Float64Array.from(out, (_, i) => (chosen[Math.floor(i / depth)] === i % depth ? on : off)));
      return;
    }
    default:
      launch satisfies never;
  }
}
