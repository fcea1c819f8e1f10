// A tfjs backend that computes nothing: it hands out values for tensors and keeps the launches that kernels record.
import * as tf from '@tensorflow/tfjs-core';
import { TRACE_BACKEND } from '../../ops/fused.ts';
import type { Region } from '../plan.ts';
import { Value, type Node } from './graph.ts';

/** Records what ops do while it is tfjs's current backend. */
export class TraceBackend extends tf.KernelBackend {
  /** All launches so far, in order. */
  readonly nodes: Node[] = [];
  readonly #references = new Map<object, number>();

  /** A tensor over memory that is there before the step: a parameter, or tokens. */
  input(region: Region, offset: number, shape: readonly number[], dtype: 'float32' | 'int32'): tf.Tensor {
    const value = this.#keep(new Value(tf.util.sizeFromShape([...shape]), { input: { region, offset } }));
    return tf.engine().makeTensorFromDataId(value, [...shape], dtype, this);
  }

  /** A value that a launch will write. */
  output(size: number): Value {
    if (size === 0) throw new Error('A step that is traced cannot have empty tensors.');
    return this.#keep(new Value(size));
  }

  /** A value known now. */
  constant(values: Float32Array): Value {
    return this.#keep(new Value(values.length, { constant: values }));
  }

  override write(values: tf.BackendValues, _shape: number[], dtype: tf.DataType): Value {
    if (dtype === 'string' || dtype === 'complex64') throw new Error(`A step that is traced cannot have tensors of type ${dtype}.`);
    return this.constant(Float32Array.from(values as ArrayLike<number>));
  }

  override refCount(dataId: object): number {
    return this.#references.get(dataId) ?? 0;
  }

  override incRef(dataId: object): void {
    this.#references.set(dataId, this.refCount(dataId) + 1);
  }

  override disposeData(dataId: object, force = false): boolean {
    const left = this.refCount(dataId) - 1;
    if (left > 0 && !force) {
      this.#references.set(dataId, left);
      return false;
    }
    this.#references.delete(dataId);
    return true;
  }

  override numDataIds(): number {
    return this.#references.size;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: false };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override readSync(): never {
    throw new Error('A step that is traced cannot read the values of its tensors: they are not known yet.');
  }

  override read(): Promise<never> {
    return Promise.reject(new Error('A step that is traced cannot read the values of its tensors: they are not known yet.'));
  }

  override dispose(): void {
    this.#references.clear();
  }

  #keep(value: Value): Value {
    this.#references.set(value, 1);
    return value;
  }
}

/**
 * Runs `work` with a fresh tracing backend as tfjs's current one, and puts back what was current before.
 * Synchronous from beginning to end, so nobody else's tensors are touched.
 */
export function whileTracing<T>(work: (backend: TraceBackend) => T): T {
  const previous = tf.getBackend() as string | undefined;
  const backend = new TraceBackend();
  tf.registerBackend(TRACE_BACKEND, () => backend);
  try {
    // Takes effect at once: making the backend is synchronous.
    void tf.setBackend(TRACE_BACKEND);
    tf.engine().startScope();
    return work(backend);
  } finally {
    tf.engine().endScope();
    tf.removeBackend(TRACE_BACKEND);
    if (previous) void tf.setBackend(previous);
  }
}
