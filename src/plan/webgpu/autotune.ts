// Which variant of the tiled matrix products a device runs fastest, measured once for each shape class. All variants add
// up in the same order, so that the choice is one of speed alone.
import { uniformOf, CONTROL, modelRegions, MOST_GROUPS, type Kernel, type ModelRegion } from '../../ops/wgsl/kernel.ts';
import type { Tile } from '../../ops/wgsl/matrix-tile.ts';
import type { FusedLaunch, GenericLaunch, Launch } from '../launches.ts';
import { ALIGNMENT, type Operand } from '../plan.ts';
import { plansIn, type Plans } from '../executor.ts';
import { mapOperands } from '../trace/graph.ts';
import { lower, type Choices } from './lower.ts';
import { Pipelines } from './pipelines.ts';

/** What does well everywhere; taken where nothing was measured. */
export const USUAL_TILE: Tile = { kind: 'direct', rows: 4, columns: 4, threads: 64 };

/** Variants for CPUs in disguise, which have no memory that is nearer than any other, and few threads for workgroups to be spread over. */
const FOR_PROCESSORS: readonly Choices[] = [USUAL_TILE, { kind: 'direct', rows: 16, columns: 8, threads: 32 } as const].map((tile) => ({
  tile,
  alone: true,
}));

/** Variants in registers alone, for small products; then those whose workgroups share blocks of both factors. */
const FOR_GPUS: readonly Choices[] = (
  [
    USUAL_TILE,
    { kind: 'direct', rows: 8, columns: 8, threads: 64 },
    { kind: 'staged', rows: 4, columns: 4, down: 8, across: 8, depth: 16 },
    { kind: 'staged', rows: 4, columns: 4, down: 16, across: 16, depth: 16 },
    { kind: 'staged', rows: 8, columns: 8, down: 8, across: 8, depth: 8 },
  ] as const
).map((tile) => ({ tile }));

/** The variants worth trying, the usual one first. `emulated`: the adapter is a CPU. */
export function variantsOn(emulated: boolean): readonly Choices[] {
  return emulated ? FOR_PROCESSORS : FOR_GPUS;
}

/** Milliseconds that one variant's turn takes, about; there are a few turns. */
const TURN = 2;
const TURNS = 3;
/** A launch that takes longer with one lane fills the device: more lanes would tell nothing new. Milliseconds. */
const FULL = 1;
/** Milliseconds for the classes of one call together; those that have no turn any more take the usual variant until the next call. */
const BUDGET = 800;
/** Times as fast as the usual variant that another must be. */
const WORTH = 1.05;
/** Bytes that a measurement may allocate. */
const ROOM = 2 ** 27;

type Product = (FusedLaunch | GenericLaunch) & { readonly kind: 'linear' | 'linearGradient' | 'matrixProduct' };

const isProduct = (launch: Launch): launch is Product =>
  launch.kind === 'linear' || launch.kind === 'linearGradient' || launch.kind === 'matrixProduct';

/** Launches of one class differ in nothing that decides which variant is fastest: kind, epilogues, sizes and lanes to the nearest power of two. */
export function shapeClass(launch: Product, lanes: number): string {
  const operands = Object.entries({ ...launch.reads, ...launch.writes }).flatMap(([name, operand]) => (operand ? [name] : []));
  const sizes = Object.entries(launch).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'number'
      ? [`${name} ${2 ** Math.round(Math.log2(value))}${value % 4 === 0 ? '' : ' odd'}`]
      : value === true
        ? [name]
        : [],
  );
  return [launch.kind, ...operands, ...sizes, `lanes ${2 ** Math.round(Math.log2(lanes))}`].join(', ');
}

/** Multiplications and additions of a launch, about. */
function work(launch: Product): number {
  switch (launch.kind) {
    case 'linear':
      return launch.rows * launch.inputs * launch.outputs;
    case 'linearGradient':
      return 2 * launch.rows * launch.inputs * launch.outputs;
    case 'matrixProduct':
      return launch.batches * launch.rows * launch.inner * launch.columns;
    default:
      return launch satisfies never;
  }
}

/** The fastest of some variants by their times, the first being the usual one, from which only what is worth it departs. */
export function fastest<T>(timed: readonly { readonly variant: T; readonly time: number }[]): T {
  const best = timed.reduce((a, b) => (b.time < a.time ? b : a));
  return best.time * WORTH < timed[0].time ? best.variant : timed[0].variant;
}

/** Measures variants on one device, and remembers what came of it. */
export class Autotune {
  static readonly #known = new WeakMap<GPUDevice, Autotune>();
  readonly #device: GPUDevice;
  readonly #variants: readonly Choices[];
  readonly #chosen = new Map<string, Choices>();

  /** @param variants the usual one first */
  private constructor(device: GPUDevice, variants: readonly Choices[]) {
    this.#device = device;
    this.#variants = variants;
  }

  /** What was chosen so far, by shape class. */
  get chosen(): ReadonlyMap<string, Choices> {
    return this.#chosen;
  }

  /** The one of a device: the same object at every call. */
  static of(device: GPUDevice, variants: readonly Choices[]): Autotune {
    let known = Autotune.#known.get(device);
    if (!known) Autotune.#known.set(device, (known = new Autotune(device, variants)));
    return known;
  }

  /** The variants among which {@link choices} would find the fastest: one, where that is known. */
  candidates(launch: Launch, lanes: number): readonly Choices[] {
    if (!isProduct(launch)) return [this.#variants[0]];
    const chosen = this.#chosen.get(shapeClass(launch, lanes));
    return chosen ? [chosen] : this.#variants;
  }

  /** Choices for the launches of `plans` with so many lanes; measures the classes that are new, the largest first. */
  async choices(plans: Plans, lanes: number): Promise<(launch: Launch) => Choices> {
    const fresh = new Map<string, Product>();
    for (const launch of plansIn(plans).flatMap(({ launches }) => launches))
      if (isProduct(launch) && !this.#chosen.has(shapeClass(launch, lanes))) fresh.set(shapeClass(launch, lanes), launch);
    const end = performance.now() + BUDGET;
    for (const [key, launch] of [...fresh].sort(([, a], [, b]) => work(b) - work(a))) {
      if (performance.now() > end) break;
      this.#chosen.set(key, await this.#measure(launch, lanes));
    }
    return (launch) => (isProduct(launch) && this.#chosen.get(shapeClass(launch, lanes))) || this.#variants[0];
  }

  /** The fastest variant of one launch. */
  async #measure(launch: Product, lanes: number): Promise<Choices> {
    const { packed, words } = pack(launch);
    const perLane = 4 * [...words.values()].reduce((sum, length) => sum + length, 0);
    if (perLane > ROOM) return this.#variants[0];
    const bench = new Bench(this.#device, words, Math.min(lanes, Math.floor(ROOM / perLane)));
    try {
      const ready = await Promise.all(this.#variants.map((variant) => bench.prepare(packed, variant)));
      const variants = ready.flatMap((one, i) => (one ? [{ variant: this.#variants[i], one, time: Infinity, repeats: 1 }] : []));
      if (variants[0]?.variant !== this.#variants[0]) return this.#variants[0];
      await bench.time(variants[0].one, 1, 1);
      const alone = await bench.time(variants[0].one, 1, 1);
      const together = alone > FULL ? 1 : bench.lanes;
      for (const variant of variants) {
        // A turn is long enough for the way to the GPU and back not to matter.
        const once = await bench.time(variant.one, together, 1);
        const few = Math.max(1, Math.min(16, Math.ceil(TURN / once)));
        variant.repeats = Math.max(few, Math.min(256, Math.ceil((TURN * few) / (await bench.time(variant.one, together, few)))));
      }
      for (let turn = 0; turn < TURNS; turn++)
        for (const variant of variants)
          variant.time = Math.min(variant.time, (await bench.time(variant.one, together, variant.repeats)) / variant.repeats);
      return fastest(variants);
    } finally {
      bench.destroy();
    }
  }
}

/** A launch over memory of its own, one operand behind the other, and the words that each region then has. */
function pack(launch: Product): { readonly packed: Product; readonly words: ReadonlyMap<ModelRegion, number> } {
  const words = new Map<ModelRegion, number>(modelRegions.map((region) => [region, ALIGNMENT]));
  const places = new Map<string, number>();
  const place = (operand: Operand): Operand => {
    const region = operand.region as ModelRegion;
    const key = `${region} ${operand.offset}`;
    let offset = places.get(key);
    if (offset === undefined) {
      // Whether whole vectors can be read depends on where it begins.
      offset = words.get(region)! + (operand.offset % 4);
      places.set(key, offset);
      words.set(region, Math.ceil((offset + operand.size) / ALIGNMENT) * ALIGNMENT);
    }
    return { ...operand, offset };
  };
  const packed = mapOperands(launch, place, place) as Product;
  // Parameters and gradients of a lane lie alike.
  const longest = Math.max(words.get('parameters')!, words.get('gradients')!);
  return { packed, words: words.set('parameters', longest).set('gradients', longest) };
}

interface Ready {
  readonly pipeline: GPUComputePipeline;
  readonly numbers: GPUBindGroup;
  readonly groups: number;
}

/** Memory for one launch, and the clock. */
class Bench {
  readonly lanes: number;
  readonly #device: GPUDevice;
  readonly #words: ReadonlyMap<ModelRegion, number>;
  readonly #buffers: GPUBuffer[] = [];
  readonly #model: GPUBindGroup;

  constructor(device: GPUDevice, words: ReadonlyMap<ModelRegion, number>, lanes: number) {
    this.#device = device;
    this.#words = words;
    const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
    const largest = 4 * Math.max(...words.values());
    this.lanes = Math.max(1, Math.min(lanes, Math.floor(Math.min(maxStorageBufferBindingSize, maxBufferSize) / largest)));
    const { STORAGE, COPY_DST } = GPUBufferUsage;
    const own = modelRegions.map((region) => this.#make(4 * words.get(region)! * this.lanes, STORAGE));
    const control = new Uint32Array(CONTROL.lanes + CONTROL.perLane * this.lanes);
    for (let lane = 0; lane < this.lanes; lane++) {
      control[CONTROL.lanes + CONTROL.perLane * lane] = lane;
      control[CONTROL.lanes + CONTROL.perLane * lane + 1] = 1;
    }
    const controlBuffer = this.#make(control.byteLength, STORAGE | COPY_DST);
    device.queue.writeBuffer(controlBuffer, 0, control);
    this.#model = Pipelines.of(device).bind('model', [...own, controlBuffer]);
  }

  /** The launch done in one way; undefined where the device does not compile it. */
  async prepare(launch: Product, choices: Choices): Promise<Ready | undefined> {
    const strides = { parameters: this.#words.get('parameters')!, activations: this.#words.get('activations')! };
    const kernel: Kernel = lower(launch, strides, choices)[0];
    const pipelines = Pipelines.of(this.#device);
    try {
      const pipeline = await pipelines.get('model', kernel.code);
      const uniform = uniformOf(kernel);
      const buffer = this.#make(uniform.byteLength, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
      this.#device.queue.writeBuffer(buffer, 0, uniform);
      return { pipeline, numbers: pipelines.bindUniform(buffer, 0, uniform.byteLength), groups: kernel.groups };
    } catch {
      return undefined;
    }
  }

  /** Milliseconds of `repeats` launches, one after another, and of the way there and back. */
  async time({ pipeline, numbers, groups }: Ready, lanes: number, repeats: number): Promise<number> {
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(0, this.#model);
    pass.setBindGroup(1, numbers);
    const [x, y] = groups <= MOST_GROUPS ? [groups, 1] : [MOST_GROUPS, Math.ceil(groups / MOST_GROUPS)];
    for (let i = 0; i < repeats; i++) pass.dispatchWorkgroups(x, y, lanes);
    pass.end();
    const began = performance.now();
    this.#device.queue.submit([encoder.finish()]);
    await this.#device.queue.onSubmittedWorkDone();
    // Clocks may be coarse.
    return Math.max(0.005, performance.now() - began);
  }

  destroy(): void {
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #make(size: number, usage: number): GPUBuffer {
    const buffer = this.#device.createBuffer({ size: Math.ceil(size / 16) * 16, usage });
    this.#buffers.push(buffer);
    return buffer;
  }
}
