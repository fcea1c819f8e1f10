// Pipelines of a device, each compiled once and shared by all shapes and executors on it.
import { CONTROL_BINDING } from '../../ops/wgsl/kernel.ts';

type Access = 'read' | 'write';

/**
 * What the pipelines of a launch bind in group 0: memories of the model, of the optimizer, of gradients that are
 * measured, of the ends of a step.
 * Group 1 is the launch's uniform.
 */
const bindings = {
  // parameters, gradients, activations, constants, tokens; control
  model: ['read', 'write', 'write', 'write', 'write', 'read'],
  // parameters, gradients, mean, square, control, settings, scratch
  optimizer: ['write', 'read', 'write', 'write', 'read', 'read', 'write'],
  // gradients, sums, control, scratch
  measure: ['read', 'write', 'read', 'write'],
  // text, tokens, activations, control, scratch, results
  ends: ['read', 'write', 'read', 'write', 'write', 'write'],
} as const satisfies Record<string, readonly Access[]>;

/** What a pipeline binds. */
export type BindingKind = keyof typeof bindings;

if (bindings.model.length !== CONTROL_BINDING + 1) throw new Error('The model’s bindings are not those of its kernels.');

/** One thing for each kind of bindings. */
function byKind<T>(make: (kind: BindingKind) => T): Readonly<Record<BindingKind, T>> {
  return { model: make('model'), optimizer: make('optimizer'), measure: make('measure'), ends: make('ends') };
}

/** A device's layouts and compiled pipelines. */
export class Pipelines {
  static readonly #known = new WeakMap<GPUDevice, Pipelines>();
  readonly #device: GPUDevice;
  readonly #compiled = new Map<string, Promise<GPUComputePipeline>>();
  readonly #groups: Readonly<Record<BindingKind, GPUBindGroupLayout>>;
  readonly #uniform: GPUBindGroupLayout;
  readonly #layouts: Readonly<Record<BindingKind, GPUPipelineLayout>>;

  /** The pipelines of a device: the same object at every call. */
  static of(device: GPUDevice): Pipelines {
    let found = Pipelines.#known.get(device);
    if (!found) Pipelines.#known.set(device, (found = new Pipelines(device)));
    return found;
  }

  private constructor(device: GPUDevice) {
    this.#device = device;
    const visibility = 4; // GPUShaderStage.COMPUTE, which does not exist outside browsers.
    const groupOf = (accesses: readonly Access[]): GPUBindGroupLayout =>
      device.createBindGroupLayout({
        entries: accesses.map((access, binding) => ({
          binding,
          visibility,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      });
    this.#groups = byKind((kind) => groupOf(bindings[kind]));
    this.#uniform = device.createBindGroupLayout({ entries: [{ binding: 0, visibility, buffer: { type: 'uniform' } }] });
    const layoutOf = (kind: BindingKind): GPUPipelineLayout =>
      device.createPipelineLayout({ bindGroupLayouts: [this.#groups[kind], this.#uniform] });
    this.#layouts = byKind(layoutOf);
  }

  /** The compiled pipeline of a kernel; compiled beside whatever else is going on. */
  get(kind: BindingKind, code: string): Promise<GPUComputePipeline> {
    const key = `${kind}\n${code}`;
    let found = this.#compiled.get(key);
    if (!found) this.#compiled.set(key, (found = this.#compile(kind, code)));
    return found;
  }

  /** Binds buffers in the order of the kind's bindings, each of them whole. */
  bind(kind: BindingKind, buffers: readonly GPUBuffer[]): GPUBindGroup {
    return this.#device.createBindGroup({
      layout: this.#groups[kind],
      entries: buffers.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
  }

  /** Binds a launch's uniform: `size` bytes from `offset`. */
  bindUniform(buffer: GPUBuffer, offset: number, size: number): GPUBindGroup {
    return this.#device.createBindGroup({
      layout: this.#uniform,
      entries: [{ binding: 0, resource: { buffer, offset, size } }],
    });
  }

  async #compile(kind: BindingKind, code: string): Promise<GPUComputePipeline> {
    // What is wrong with the code is told by the pipeline, here; it is no fault of whatever trains meanwhile.
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ code });
    void this.#device.popErrorScope().catch(() => undefined);
    try {
      return await this.#device.createComputePipelineAsync({
        layout: this.#layouts[kind],
        compute: { module, entryPoint: 'main' },
      });
    } catch (error) {
      const { messages } = await module.getCompilationInfo();
      const found = messages.filter(({ type }) => type === 'error').map(({ lineNum, message }) => `line ${lineNum}: ${message}`);
      throw new Error(`The GPU cannot compile a kernel. ${found.join('; ')}`, { cause: error });
    }
  }
}
