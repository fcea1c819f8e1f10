// The executor for GPUs: lanes side by side in the z axis of every dispatch, several micro-steps in every submission.
import type { Launch } from '../launches.ts';
import {
  firstMeasured,
  type Executor,
  type GradientNorms,
  type LaneLosses,
  type LaneSettings,
  type LaneState,
  type Plans,
  type TokenSource,
} from '../executor.ts';
import { USUAL_TILE } from './autotune.ts';
import { DeviceWatch, PATIENCE } from './device.ts';
import { GpuLane } from './lane.ts';
import type { Choices } from './lower.ts';
import { allocate, memorySizes, type GpuMemory } from './memory.ts';
import { bindPrograms, draft, textsOf, uniformsOf, type Programs } from './program.ts';
import { SubmissionQueue, type Work } from './queue.ts';
import { SCRATCH } from './step-kernels.ts';

const WORD = 4;

/** What may differ from executor to executor. */
export interface WebGpuOptions {
  /** Milliseconds for which the device may be silent before it is given up, and destroyed. */
  readonly patience?: number;
  /** How each launch with a matrix product in it is cut up. */
  readonly choices?: (launch: Launch) => Choices;
}

/**
 * Makes an executor of `plans` for `lanes` on `device`, which stays the caller's.
 * @throws Error one sentence: too little memory, too few tokens, parameters of another model, a kernel that the device does not compile
 */
export async function createWebGpuExecutor(
  plans: Plans,
  lanes: readonly LaneSettings[],
  tokens: TokenSource,
  device: GPUDevice,
  { patience = PATIENCE, choices = () => ({ tile: USUAL_TILE }) }: WebGpuOptions = {},
): Promise<Executor> {
  const { training } = plans;
  if (tokens.training.length <= training.context) throw new Error('The training text is shorter than one window.');
  for (const { parameters } of lanes) checkLength(parameters, training.parameters);
  const sizes = memorySizes(plans, lanes.length, tokens);
  const texts = textsOf(plans, sizes, tokens);
  const drafts = draft(plans, sizes, texts, choices);
  const memory = await allocate(device, plans, lanes, tokens, uniformsOf(drafts));
  try {
    const programs = await bindPrograms(device, drafts, memory);
    return new WebGpuExecutor(plans, lanes, texts.validation.windows, device, memory, programs, patience);
  } catch (error) {
    memory.destroy();
    throw error;
  }
}

function checkLength(parameters: Float32Array, length: number): void {
  if (parameters.length !== length) throw new Error(`The model has ${length} parameters, not ${parameters.length}.`);
}

class WebGpuExecutor implements Executor {
  readonly bytes: number;
  readonly #plans: Plans;
  readonly #heldOut: number;
  readonly #device: GPUDevice;
  readonly #memory: GpuMemory;
  readonly #programs: Programs;
  readonly #watch: DeviceWatch;
  readonly #lanes: readonly GpuLane[];
  readonly #queue: SubmissionQueue;
  #disposed = false;

  constructor(
    plans: Plans,
    lanes: readonly LaneSettings[],
    heldOut: number,
    device: GPUDevice,
    memory: GpuMemory,
    programs: Programs,
    patience: number,
  ) {
    this.bytes = memory.bytes;
    this.#plans = plans;
    this.#heldOut = heldOut;
    this.#device = device;
    this.#memory = memory;
    this.#programs = programs;
    this.#watch = new DeviceWatch(device, patience);
    this.#lanes = lanes.map((settings) => new GpuLane(settings));
    this.#queue = new SubmissionQueue(device, memory, this.#watch, this.#lanes);
    this.#setUp();
  }

  async advance(milliseconds: number, untilUpdate: (lane: number) => number): Promise<LaneLosses[]> {
    this.#check();
    const end = performance.now() + milliseconds;
    const targets = this.#lanes.map((lane, k) => lane.target(untilUpdate(k)));
    for (;;) {
      if (this.#queue.full) await this.#queue.land(this.#take);
      const work = this.#nextWork(targets);
      if (!work) {
        if (this.#queue.empty) break;
        // Lanes that landed may be frozen, or not: then there is no more to do.
        await this.#queue.land(this.#take);
        continue;
      }
      this.#queue.submit(work);
      for (const lane of work.lanes) this.#lanes[lane].asked += work.steps;
      if (performance.now() + this.#queue.backlog >= end) break;
    }
    while (!this.#queue.empty) await this.#queue.land(this.#take);
    return this.#lanes.flatMap((lane, k) => lane.takeLosses(k) ?? []);
  }

  updatesOf(lane: number): number {
    return this.#lane(lane).updates;
  }

  async evaluate(lanes: readonly number[]): Promise<Float64Array> {
    this.#check();
    if (this.#heldOut === 0) throw new Error('The held-out text is shorter than one window.');
    for (const lane of lanes) this.#lane(lane);
    const sums = new Float64Array(lanes.length);
    const most = this.#lanes.length;
    for (let from = 0; from < lanes.length; from += most) {
      const part = lanes.slice(from, from + most);
      await this.#evaluate(part, sums.subarray(from, from + part.length));
    }
    return sums.map((sum) => sum / this.#heldOut);
  }

  async gradientNorms(lanes: readonly number[], batches: number): Promise<GradientNorms[]> {
    this.#check();
    const { training, evaluation, gradient } = this.#plans;
    if (!gradient) throw new Error('These runs measure no gradients.');
    // All lanes in flight read the same tokens: those that have come equally far are measured together.
    const together = new Map<number, number[]>();
    lanes.forEach((index, i) => {
      const { updates, pending, settings } = this.#lane(index);
      if (pending > 0) throw new Error(`Lane ${index} is in the middle of an update.`);
      const first = firstMeasured({ training, evaluation, gradient }, updates, settings.microBatches);
      const group = together.get(first);
      if (group === undefined) together.set(first, [i]);
      else group.push(i);
    });
    const norms = lanes.map(() => ({ small: 0, big: 0 }));
    const most = this.#lanes.length;
    for (const [first, group] of together)
      for (let from = 0; from < group.length; from += most) {
        const part = group.slice(from, from + most);
        await this.#measure(
          part.map((i) => lanes[i]),
          first,
          batches,
          part.map((i) => norms[i]),
        );
      }
    return norms;
  }

  freeze(lane: number): void {
    this.#lane(lane).frozen = true;
  }

  async parameters(lane: number): Promise<Float32Array> {
    this.#lane(lane);
    const { parameters } = this.#memory;
    return (await this.#read([{ buffer: parameters, word: this.#at(lane), words: this.#plans.training.parameters }]))[0];
  }

  async save(lane: number): Promise<LaneState> {
    const { updates, pending } = this.#lane(lane);
    const { parameters, mean, square, gradients, scratch } = this.#memory;
    const words = this.#plans.training.parameters;
    const word = this.#at(lane);
    const own = [parameters, mean, square].map((buffer) => ({ buffer, word, words }));
    const sums = [
      { buffer: gradients, word, words },
      { buffer: scratch, word: SCRATCH.perLane * lane + SCRATCH.lossSum, words: 1 },
    ];
    const read = await this.#read(pending > 0 ? [...own, ...sums] : own);
    return {
      parameters: read[0],
      mean: read[1],
      square: read[2],
      updates,
      pending: pending > 0 ? { microBatches: pending, gradient: read[3], loss: read[4][0] } : undefined,
    };
  }

  restore(lane: number, { parameters, mean, square, updates, pending }: LaneState): Promise<void> {
    const own = this.#lane(lane);
    const { microBatches } = own.settings;
    if (pending && pending.microBatches >= microBatches) throw new Error('The saved state is of a lane with other micro-batches.');
    const write = (buffer: GPUBuffer, values: Float32Array): void => {
      checkLength(values, this.#plans.training.parameters);
      this.#device.queue.writeBuffer(buffer, WORD * this.#at(lane), values.slice());
    };
    write(this.#memory.parameters, parameters);
    write(this.#memory.mean, mean);
    write(this.#memory.square, square);
    if (pending) write(this.#memory.gradients, pending.gradient);
    const scratch = Float32Array.of(pending?.loss ?? 0, 0);
    this.#device.queue.writeBuffer(this.#memory.scratch, WORD * SCRATCH.perLane * lane, scratch);
    own.restore(updates * microBatches + (pending?.microBatches ?? 0));
    return Promise.resolve();
  }

  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    this.#watch.end();
    this.#memory.destroy();
  }

  /** Does once what depends on constants alone. */
  #setUp(): void {
    if (this.#programs.setup.length === 0) return;
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    this.#programs.setup.encode(pass, 1);
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  /** Among the lanes that want to work, those that have read the fewest tokens: they are at the same micro-step. */
  #nextWork(targets: readonly number[]): Work | undefined {
    let [first, next] = [Infinity, Infinity];
    this.#lanes.forEach((lane, k) => {
      if (lane.frozen || lane.asked >= targets[k]) return;
      if (lane.asked < first) [first, next] = [lane.asked, first];
      else if (lane.asked > first && lane.asked < next) next = lane.asked;
    });
    if (first === Infinity) return undefined;
    const program = this.#programs.training;
    const lanes: number[] = [];
    // Up to where the first of them has done its part, or others join in.
    let end = next;
    this.#lanes.forEach((lane, k) => {
      if (lane.frozen || lane.asked !== first || first >= targets[k]) return;
      lanes.push(k);
      end = Math.min(end, targets[k]);
    });
    return { program, lanes, first, steps: Math.min(end - first, this.#queue.goodSteps(program, lanes.length)) };
  }

  readonly #take = ({ lanes, first, steps }: Work, losses: (i: number, z: number) => number): void => {
    for (let z = 0; z < lanes.length; z++) {
      const lane = this.#lanes[lanes[z]];
      for (let i = 0; i < steps; i++) lane.land(first + i, losses(i, z));
      if (lane.frozen) lane.asked = lane.done;
    }
  };

  /** Adds up the mean losses of all held-out windows. */
  async #evaluate(lanes: readonly number[], sums: Float64Array): Promise<void> {
    const { sequences, perRow } = this.#plans.evaluation;
    const program = this.#programs.evaluation;
    const batches = Math.ceil(this.#heldOut / sequences);
    const left = this.#heldOut % sequences;
    // Where losses are not told apart by row, one more batch, of the last window alone, says what the others' places held.
    const alone = !perRow && left > 0 ? 1 : 0;
    const weight = (batch: number): number => {
      if (batch === batches) return left - sequences;
      return perRow && batch === batches - 1 && left > 0 ? left : sequences;
    };
    const take = ({ first, steps }: Work, losses: (i: number, z: number) => number): void => {
      for (let z = 0; z < lanes.length; z++) for (let i = 0; i < steps; i++) sums[z] += weight(first + i) * losses(i, z);
    };
    for (let first = 0; first < batches + alone;) {
      if (this.#queue.full) await this.#queue.land(take);
      const steps = Math.min(batches + alone - first, this.#queue.goodSteps(program, lanes.length));
      this.#queue.submit({ program, lanes, first, steps });
      first += steps;
    }
    while (!this.#queue.empty) await this.#queue.land(take);
  }

  /** Squared norms of gradients over micro-batches `first` … `first` + `batches` − 1, into `norms`. */
  async #measure(lanes: readonly number[], first: number, batches: number, norms: { small: number; big: number }[]): Promise<void> {
    const program = this.#programs.gradient;
    const clear = this.#device.createCommandEncoder();
    clear.clearBuffer(this.#memory.sums);
    this.#device.queue.submit([clear.finish()]);
    const take = (work: Work, squares: (row: number, z: number) => number): void => {
      for (let z = 0; z < lanes.length; z++) {
        for (let i = 0; i < work.steps; i++) norms[z].small += squares(2 * i, z) / batches;
        norms[z].big = squares(2 * work.steps - 1, z) / batches ** 2;
      }
    };
    for (let done = 0; done < batches;) {
      if (this.#queue.full) await this.#queue.land(take);
      const steps = Math.min(batches - done, this.#queue.goodSteps(program, lanes.length));
      this.#queue.submit({ program, lanes, first: first + done, steps });
      done += steps;
    }
    while (!this.#queue.empty) await this.#queue.land(take);
  }

  /** Copies parts of buffers to the host. */
  async #read(parts: readonly { readonly buffer: GPUBuffer; readonly word: number; readonly words: number }[]): Promise<Float32Array[]> {
    this.#check();
    const { transfer } = this.#memory;
    const encoder = this.#device.createCommandEncoder();
    let at = 0;
    for (const { buffer, word, words } of parts) {
      encoder.copyBufferToBuffer(buffer, WORD * word, transfer, WORD * at, WORD * words);
      at += words;
    }
    this.#device.queue.submit([encoder.finish()]);
    await this.#watch.answer(transfer.mapAsync(1, 0, WORD * at), this.#queue.backlog); // GPUMapMode.READ
    const all = new Float32Array(transfer.getMappedRange(0, WORD * at));
    let from = 0;
    const read = parts.map(({ words }) => all.slice(from, (from += words)));
    transfer.unmap();
    return read;
  }

  #at(lane: number): number {
    return lane * this.#memory.sizes.parameters;
  }

  #check(): void {
    if (this.#disposed) throw new Error('These runs have been disposed of.');
    this.#watch.check();
  }

  #lane(lane: number): GpuLane {
    if (this.#disposed) throw new Error('These runs have been disposed of.');
    const found = this.#lanes.at(lane);
    if (!found) throw new Error(`There is no lane ${lane}.`);
    return found;
  }
}
