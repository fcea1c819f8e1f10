// The tracing backend's kernels of tfjs's own ops, over a small set of generic launches, so that a model written in
// them traces without any new kernel.
import * as tf from '@tensorflow/tfjs-core';
import type { BinaryOperation, Reduce, UnaryOperation } from '../launches.ts';
import { registerComposedKernels } from './kernels-composed.ts';
import { register, valueOf, type Recorder } from './record.ts';
import { broadcastShape, broadcastStrides, collapse, denseStrides, sizeOf } from './shapes.ts';

const unary: Readonly<Record<string, UnaryOperation>> = {
  [tf.Abs]: 'absolute',
  [tf.Ceil]: 'ceil',
  [tf.Cos]: 'cosine',
  [tf.Elu]: 'elu',
  [tf.Erf]: 'errorFunction',
  [tf.Exp]: 'exponential',
  [tf.Expm1]: 'exponentialMinusOne',
  [tf.Floor]: 'floor',
  [tf.Log]: 'logarithm',
  [tf.Log1p]: 'logarithmOnePlus',
  [tf.LogicalNot]: 'not',
  [tf.Neg]: 'negate',
  [tf.Reciprocal]: 'reciprocal',
  [tf.Relu]: 'relu',
  [tf.Round]: 'round',
  [tf.Rsqrt]: 'reciprocalSquareRoot',
  [tf.Sigmoid]: 'sigmoid',
  [tf.Sign]: 'sign',
  [tf.Sin]: 'sine',
  [tf.Softplus]: 'softplus',
  [tf.Sqrt]: 'squareRoot',
  [tf.Square]: 'square',
  [tf.Tanh]: 'tangentHyperbolic',
};

const binary: Readonly<Record<string, BinaryOperation>> = {
  [tf.Add]: 'add',
  [tf.FloorDiv]: 'floorDivide',
  [tf.Maximum]: 'maximum',
  [tf.Minimum]: 'minimum',
  [tf.Mod]: 'modulo',
  [tf.Multiply]: 'multiply',
  [tf.Pow]: 'power',
  [tf.RealDiv]: 'divide',
  [tf.SquaredDifference]: 'squaredDifference',
  [tf.Sub]: 'subtract',
};

const comparisons: Readonly<Record<string, BinaryOperation>> = {
  [tf.Equal]: 'equal',
  [tf.Greater]: 'greater',
  [tf.GreaterEqual]: 'greaterEqual',
  [tf.Less]: 'less',
  [tf.LessEqual]: 'lessEqual',
  [tf.LogicalAnd]: 'and',
  [tf.LogicalOr]: 'or',
  [tf.NotEqual]: 'notEqual',
};

const reductions: Readonly<Record<string, Reduce['operation']>> = {
  [tf.Max]: 'maximum',
  [tf.Mean]: 'mean',
  [tf.Min]: 'minimum',
  [tf.Prod]: 'product',
  [tf.Sum]: 'sum',
};

/** Registers them all; harmless when done before. */
export function registerGenericKernels(): void {
  for (const [name, operation] of Object.entries(unary)) register(name, (r) => r.unary(operation, r.input('x')));
  for (const [name, operation] of Object.entries(binary)) register(name, (r) => r.binary(operation, r.input('a'), r.input('b')));
  for (const [name, operation] of Object.entries(comparisons))
    register(name, (r) => r.binary(operation, r.input('a'), r.input('b'), 'bool'));
  for (const [name, operation] of Object.entries(reductions))
    register(name, (r) =>
      r.reduce(operation, r.input('x'), r.attribute(name === tf.Max ? 'reductionIndices' : 'axis'), r.attribute('keepDims')),
    );
  registerElementwise();
  registerShapes();
  registerIndexed();
  registerComposedKernels();
}

function registerElementwise(): void {
  register(tf.Identity, (r) => r.alias(r.input('x'), r.input('x').shape));
  register(tf.Cast, (r) => cast(r, r.input('x'), r.attribute('dtype')));
  register(tf.Step, (r) => {
    const alpha = r.attribute<number>('alpha');
    const step = r.unary('step', r.input('x'));
    // `alpha` where x is not above 0.
    return alpha === 0 ? step : r.binary('add', r.binary('multiply', step, r.fill([], 1 - alpha)), r.fill([], alpha));
  });
  register(tf.ClipByValue, (r) => {
    const [low, high] = [r.attribute<number>('clipValueMin'), r.attribute<number>('clipValueMax')];
    return r.binary('minimum', r.binary('maximum', r.input('x'), r.fill([], low)), r.fill([], high));
  });
  register(tf.AddN, (r) => r.list().reduce((sum, x) => r.binary('add', sum, x)));
  register(tf.ZerosLike, (r) => r.fill(r.input('x').shape, 0, r.input('x').dtype));
  register(tf.OnesLike, (r) => r.fill(r.input('x').shape, 1, r.input('x').dtype));
  register(tf.Fill, (r) => r.fill(r.attribute('shape'), r.attribute('value'), r.attribute('dtype')));
  register(tf.Select, (r) => {
    const [condition, a, b] = [r.input('condition'), r.input('t'), r.input('e')];
    const shape = broadcastShape(a.shape, b.shape);
    // A condition of rank one over tensors of more axes chooses whole rows.
    const flat = condition.shape.length === 1 && shape.length > 1;
    const conditionShape = flat ? [condition.shape[0], ...shape.slice(1).map(() => 1)] : condition.shape;
    const out = r.output(shape, a.dtype);
    const views = [conditionShape, a.shape, b.shape].map((own) => broadcastStrides(own, shape));
    const loop = collapse({ shape, strides: [...views, denseStrides(shape)] });
    const [conditionStrides, aStrides, bStrides] = loop.strides;
    const reads = { condition: r.read(condition), a: r.read(a), b: r.read(b) };
    r.record({ kind: 'select', reads, writes: { out: out.dataId }, shape: loop.shape, conditionStrides, aStrides, bStrides });
    return out;
  });
}

/** All types but tokens are stored as floats; only what changes the number is a launch. */
function cast(r: Recorder, x: tf.TensorInfo, dtype: tf.DataType): tf.TensorInfo {
  if (x.dtype === dtype) return r.alias(x, x.shape);
  if (dtype === 'bool') return r.binary('notEqual', x, r.fill([], 0), 'bool');
  if (valueOf(x).input?.region === 'tokens') return r.unary('copy', x, dtype);
  if (dtype === 'int32' && x.dtype === 'float32') {
    const size = r.unary('floor', r.unary('absolute', x));
    return r.binary('multiply', r.unary('sign', x), size, 'int32');
  }
  return r.alias(x, x.shape, dtype);
}

function registerShapes(): void {
  register(tf.Reshape, (r) => {
    const x = r.input('x');
    const size = sizeOf(x.shape);
    const wanted = r.attribute<number[]>('shape');
    const known = wanted.reduce((product, length) => (length === -1 ? product : product * length), 1);
    return r.alias(
      x,
      wanted.map((length) => (length === -1 ? size / known : length)),
    );
  });
  register(tf.ExpandDims, (r) => {
    const x = r.input('input');
    const dim = r.attribute<number>('dim');
    const at = dim < 0 ? x.shape.length + dim + 1 : dim;
    return r.alias(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
  });
  register(tf.Transpose, (r) => r.transpose(r.input('x'), r.attribute('perm')));
  register(tf.Slice, (r) => {
    const x = r.input('x');
    const [begin, size] = [r.attribute<number[]>('begin'), r.attribute<number[]>('size')];
    const strides = denseStrides(x.shape);
    const [starts, lengths] = tf.slice_util.parseSliceParams(x, begin, size);
    return r.gatherView(
      x,
      lengths,
      starts.reduce((sum, start, axis) => sum + start * strides[axis], 0),
      strides,
    );
  });
  register(tf.SplitV, (r) => {
    const x = r.input('x');
    const axis = (r.attribute<number>('axis') + x.shape.length) % x.shape.length;
    const sizes = tf.backend_util.prepareSplitSize(x, r.attribute('numOrSizeSplits'), axis);
    const strides = denseStrides(x.shape);
    let start = 0;
    return sizes.map((length) => {
      const part = r.gatherView(x, x.shape.with(axis, length), start * strides[axis], strides);
      start += length;
      return part;
    });
  });
  register(tf.Concat, (r) => {
    const parts = r.list();
    const axis = (r.attribute<number>('axis') + parts[0].shape.length) % parts[0].shape.length;
    return concat(r, parts, axis);
  });
  register(tf.Pack, (r) => {
    const axis = (r.attribute<number>('axis') + r.list()[0].shape.length + 1) % (r.list()[0].shape.length + 1);
    const parts = r.list().map((x) => ({ ...x, shape: [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)] }));
    return concat(r, parts, axis);
  });
  register(tf.Unpack, (r) => {
    const x = r.input('value');
    const axis = (r.attribute<number>('axis') + x.shape.length) % x.shape.length;
    const strides = denseStrides(x.shape);
    return Array.from({ length: x.shape[axis] }, (_, i) =>
      r.gatherView(x, x.shape.toSpliced(axis, 1), i * strides[axis], strides.toSpliced(axis, 1)),
    );
  });
  register(tf.PadV2, (r) => {
    const x = r.input('x');
    if (r.attribute<number>('constantValue') !== 0) throw new Error('Padding with anything but zero cannot be traced.');
    const paddings = r.attribute<[number, number][]>('paddings');
    const shape = x.shape.map((length, axis) => length + paddings[axis][0] + paddings[axis][1]);
    const strides = denseStrides(shape);
    const out = r.output(shape, x.dtype);
    const start = paddings.reduce((sum, [before], axis) => sum + before * strides[axis], 0);
    r.copy(x, out, x.shape, { start: 0, strides: denseStrides(x.shape) }, { start, strides }, 'zero');
    return out;
  });
  register(tf.Tile, (r) => {
    const x = r.input('x');
    const reps = r.attribute<number[]>('reps');
    const dense = denseStrides(x.shape);
    const shape = x.shape.flatMap((length, axis) => [reps[axis], length]);
    const strides = dense.flatMap((stride) => [0, stride]);
    const tiled = r.gatherView(x, shape, 0, strides);
    return {
      ...tiled,
      shape: x.shape.map((length, axis) => length * reps[axis]),
    };
  });
  register(tf.BroadcastTo, (r) => {
    const x = r.input('x');
    const shape = r.attribute<number[]>('shape');
    return r.gatherView(x, shape, 0, broadcastStrides(x.shape, shape));
  });
  register(tf.Reverse, (r) => {
    const x = r.input('x');
    const dims = tf.util.parseAxisParam(r.attribute<number | number[]>('dims'), x.shape);
    const strides = denseStrides(x.shape);
    const start = dims.reduce((sum, axis) => sum + (x.shape[axis] - 1) * strides[axis], 0);
    return r.gatherView(
      x,
      x.shape,
      start,
      strides.map((stride, axis) => (dims.includes(axis) ? -stride : stride)),
    );
  });
  register(tf.Range, (r) => {
    const [start, stop, step] = [r.attribute<number>('start'), r.attribute<number>('stop'), r.attribute<number>('step')];
    const values = Float32Array.from({ length: Math.max(0, Math.ceil((stop - start) / step)) }, (_, i) => start + i * step);
    return r.constant([values.length], values, r.attribute('dtype'));
  });
}

function concat(r: Recorder, parts: readonly tf.TensorInfo[], axis: number): tf.TensorInfo {
  const shape = parts[0].shape.with(
    axis,
    parts.reduce((sum, part) => sum + part.shape[axis], 0),
  );
  const strides = denseStrides(shape);
  const out = r.output(shape, parts[0].dtype);
  let start = 0;
  for (const part of parts) {
    r.copy(part, out, part.shape, { start: 0, strides: denseStrides(part.shape) }, { start: start * strides[axis], strides });
    start += part.shape[axis];
  }
  return out;
}

function registerIndexed(): void {
  register(tf.BatchMatMul, (r) => r.matrixProduct(r.input('a'), r.input('b'), r.attribute('transposeA'), r.attribute('transposeB')));
  register(tf.GatherV2, (r) => {
    const [x, indices] = [r.input('x'), r.input('indices')];
    if (r.attribute<number>('batchDims') !== 0) throw new Error('A gather over batches cannot be traced.');
    const axis = tf.util.parseAxisParam(r.attribute<number>('axis'), x.shape)[0];
    const out = r.output([...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)], x.dtype);
    r.record({
      kind: 'gather',
      reads: { x: r.read(x), indices: valueOf(indices) },
      writes: { out: out.dataId },
      outer: sizeOf(x.shape.slice(0, axis)),
      length: x.shape[axis],
      inner: sizeOf(x.shape.slice(axis + 1)),
      count: sizeOf(indices.shape),
    });
    return out;
  });
  register(tf.UnsortedSegmentSum, (r) => {
    const [x, indices] = [r.input('x'), r.input('segmentIds')];
    const length = r.attribute<number>('numSegments');
    const rest = x.shape.slice(indices.shape.length);
    const out = r.output([length, ...rest], x.dtype);
    r.record({
      kind: 'segmentSum',
      reads: { x: r.read(x), indices: valueOf(indices) },
      writes: { out: out.dataId },
      count: sizeOf(indices.shape),
      length,
      inner: sizeOf(rest),
    });
    return out;
  });
  register(tf.OneHot, (r) => {
    const indices = r.input('indices');
    const depth = r.attribute<number>('depth');
    const out = r.output([...indices.shape, depth], r.attribute('dtype'));
    const [on, off] = [r.attribute<number>('onValue'), r.attribute<number>('offValue')];
    r.record({
      kind: 'oneHot',
      reads: { indices: valueOf(indices) },
      writes: { out: out.dataId },
      count: sizeOf(indices.shape),
      depth,
      on,
      off,
    });
    return out;
  });
}
