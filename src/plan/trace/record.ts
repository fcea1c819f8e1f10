// What the kernels of the tracing backend share: reading their inputs, recording a launch, giving back its outputs.
import * as tf from '@tensorflow/tfjs-core';
import { TRACE_BACKEND } from '../../ops/fused.ts';
import type { BinaryOperation, Reduce, UnaryOperation } from '../launches.ts';
import type { TraceBackend } from './backend.ts';
import { Value, type Node } from './graph.ts';
import { broadcastShape, broadcastStrides, collapse, denseStrides, sizeOf } from './shapes.ts';

/** A kernel's inputs and attributes, with the backend that records. */
export class Recorder {
  readonly backend: TraceBackend;
  readonly #inputs: tf.NamedTensorInfoMap;
  readonly #attributes: Record<string, unknown>;

  constructor(backend: TraceBackend, inputs: tf.NamedTensorInfoMap, attributes: tf.NamedAttrMap | undefined) {
    this.backend = backend;
    this.#inputs = inputs;
    this.#attributes = attributes ?? {};
  }

  /** An input by name. */
  input(name: string): tf.TensorInfo {
    const info = this.optional(name);
    if (!info) throw new Error(`A traced kernel lacks its input ${name}.`);
    return info;
  }

  /** An input that may be absent. */
  optional(name: string): tf.TensorInfo | undefined {
    return (this.#inputs as Partial<tf.NamedTensorInfoMap>)[name];
  }

  /** All inputs of a kernel that takes a list. */
  list(): tf.TensorInfo[] {
    return Object.values(this.#inputs).filter((info) => info !== undefined);
  }

  /** An attribute by name; the caller knows its type from tfjs's kernel_names. */
  attribute<T>(name: string): T {
    return this.#attributes[name] as T;
  }

  /** Keeps a launch. */
  record(node: Node): void {
    this.backend.nodes.push(node);
  }

  /** The value behind a tensor, as floats: tokens are integers in memory, and are converted by a launch of their own. */
  read(x: tf.TensorInfo): Value {
    const value = valueOf(x);
    return value.input?.region === 'tokens' ? valueOf(this.unary('copy', x)) : value;
  }

  /** The value behind the tokens or targets of the step, which some fused launches read as they are. */
  tokens(name: string): Value {
    const value = valueOf(this.input(name));
    if (value.input?.region !== 'tokens')
      throw new Error(
        'Embedding and cross-entropy, traced, take the tokens of the step themselves; computed ones need tf.gather or tf.oneHot.',
      );
    return value;
  }

  /** A new value and its tensor. */
  output(shape: readonly number[], dtype: tf.DataType = 'float32'): tf.TensorInfo & { readonly dataId: Value } {
    return { dataId: this.backend.output(sizeOf(shape)), shape: [...shape], dtype };
  }

  /** The same contents in another shape: no launch. */
  alias(x: tf.TensorInfo, shape: readonly number[], dtype: tf.DataType = x.dtype): tf.TensorInfo {
    this.backend.incRef(x.dataId);
    return { dataId: x.dataId, shape: [...shape], dtype };
  }

  /** A tensor whose contents are known now. */
  constant(shape: readonly number[], values: Float32Array, dtype: tf.DataType = 'float32'): tf.TensorInfo {
    return { dataId: this.backend.constant(values), shape: [...shape], dtype };
  }

  /** A tensor of one repeated number. */
  fill(shape: readonly number[], value: number, dtype: tf.DataType = 'float32'): tf.TensorInfo {
    return this.constant(shape, new Float32Array(sizeOf(shape)).fill(value), dtype);
  }

  unary(operation: UnaryOperation, x: tf.TensorInfo, dtype: tf.DataType = x.dtype): tf.TensorInfo {
    const out = this.output(x.shape, dtype);
    const value = operation === 'copy' ? valueOf(x) : this.read(x);
    this.record({ kind: 'unary', operation, reads: { x: value }, writes: { out: out.dataId }, size: out.dataId.size });
    return out;
  }

  binary(operation: BinaryOperation, a: tf.TensorInfo, b: tf.TensorInfo, dtype: tf.DataType = a.dtype): tf.TensorInfo {
    const shape = broadcastShape(a.shape, b.shape);
    const out = this.output(shape, dtype);
    const loop = collapse({ shape, strides: [broadcastStrides(a.shape, shape), broadcastStrides(b.shape, shape), denseStrides(shape)] });
    const [aStrides, bStrides] = loop.strides;
    const reads = { a: this.read(a), b: this.read(b) };
    this.record({ kind: 'binary', operation, reads, writes: { out: out.dataId }, shape: loop.shape, aStrides, bStrides });
    return out;
  }

  /** Moves `shape` words from one strided view into another. */
  copy(
    x: tf.TensorInfo,
    out: tf.TensorInfo,
    shape: readonly number[],
    from: { readonly start: number; readonly strides: readonly number[] },
    to: { readonly start: number; readonly strides: readonly number[] },
    rest: 'keep' | 'zero' = 'keep',
  ): void {
    const loop = collapse({ shape, strides: [from.strides, to.strides] });
    this.record({
      kind: 'copy',
      reads: { x: this.read(x) },
      writes: { out: valueOf(out) },
      shape: loop.shape,
      xStart: from.start,
      xStrides: loop.strides[0],
      outStart: to.start,
      outStrides: loop.strides[1],
      rest,
    });
  }

  /** A dense tensor of a strided view. */
  gatherView(x: tf.TensorInfo, shape: readonly number[], start: number, strides: readonly number[]): tf.TensorInfo {
    const out = this.output(shape, x.dtype);
    this.copy(x, out, shape, { start, strides }, { start: 0, strides: denseStrides(shape) });
    return out;
  }

  transpose(x: tf.TensorInfo, order: readonly number[]): tf.TensorInfo {
    const strides = denseStrides(x.shape);
    return this.gatherView(
      x,
      order.map((axis) => x.shape[axis]),
      0,
      order.map((axis) => strides[axis]),
    );
  }

  /** a·b over the last two axes of each; the axes before them are batches, of which one side may have a single one. */
  matrixProduct(a: tf.TensorInfo, b: tf.TensorInfo, aTransposed: boolean, bTransposed: boolean): tf.TensorInfo {
    const [aLead, bLead] = [a.shape.slice(0, -2), b.shape.slice(0, -2)];
    const lead = broadcastShape(aLead, bLead);
    const [aBatches, bBatches, batches] = [sizeOf(aLead), sizeOf(bLead), sizeOf(lead)];
    if ((aBatches !== batches && aBatches !== 1) || (bBatches !== batches && bBatches !== 1))
      throw new Error('A product of matrices whose batches broadcast axis by axis cannot be traced.');
    const [aRows, aColumns] = a.shape.slice(-2);
    const [bRows, bColumns] = b.shape.slice(-2);
    const [rows, inner] = aTransposed ? [aColumns, aRows] : [aRows, aColumns];
    const columns = bTransposed ? bRows : bColumns;
    const out = this.output([...lead, rows, columns]);
    this.record({
      kind: 'matrixProduct',
      reads: { a: this.read(a), b: this.read(b) },
      writes: { out: out.dataId },
      ...{ batches, aBatches, bBatches, rows, inner, columns, aTransposed, bTransposed },
    });
    return out;
  }

  /** Reduces the given axes (all when none are given). */
  reduce(
    operation: Reduce['operation'],
    x: tf.TensorInfo,
    axis: number | readonly number[] | null | undefined,
    keepDims: boolean,
  ): tf.TensorInfo {
    const rank = x.shape.length;
    const wanted = axis === null || axis === undefined ? [] : [axis].flat();
    const axes = (wanted.length === 0 && !Array.isArray(axis) ? x.shape.map((_, i) => i) : wanted.map((i) => (i + rank) % rank)).sort(
      (a, b) => a - b,
    );
    const kept = x.shape.filter((_, i) => !axes.includes(i));
    const shape = keepDims ? x.shape.map((length, i) => (axes.includes(i) ? 1 : length)) : kept;
    if (axes.length === 0) return this.alias(x, shape);
    const contiguous = axes.every((value, i) => i === 0 || value === axes[i - 1] + 1);
    const outerAxes = Array.from({ length: rank }, (_, i) => i).filter((i) => !axes.includes(i));
    const source = contiguous ? x : this.transpose(x, [...outerAxes, ...axes]);
    const first = contiguous ? axes[0] : outerAxes.length;
    const out = this.output(shape, x.dtype);
    this.record({
      kind: 'reduce',
      operation,
      reads: { x: this.read(source) },
      writes: { out: out.dataId },
      outer: sizeOf(source.shape.slice(0, first)),
      length: sizeOf(source.shape.slice(first, first + axes.length)),
      inner: sizeOf(source.shape.slice(first + axes.length)),
    });
    return out;
  }
}

/**
 * The value behind a tensor of the tracing backend.
 * @throws Error for a tensor that was made on another backend
 */
export function valueOf(info: tf.TensorInfo): Value {
  if (info.dataId instanceof Value) return info.dataId;
  throw new Error('A step that is traced cannot use a tensor that was made before; make constants where the loss is computed.');
}

/** Registers a kernel of the tracing backend, once. */
export function register(kernelName: string, kernel: (recorder: Recorder) => tf.TensorInfo | tf.TensorInfo[]): void {
  if (tf.getKernel(kernelName, TRACE_BACKEND) as tf.KernelConfig | undefined) return;
  tf.registerKernel({
    kernelName,
    backendName: TRACE_BACKEND,
    kernelFunc: ({ inputs, attrs, backend }) => kernel(new Recorder(backend as TraceBackend, inputs, attrs)),
  });
}
