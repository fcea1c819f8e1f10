// Submissions of several micro-steps each, two of them under way at once: the GPU has always something to do, and the
// host reads results only when they are there.
import { CONTROL } from '../../ops/wgsl/kernel.ts';
import type { DeviceWatch } from './device.ts';
import type { GpuLane } from './lane.ts';
import { MOST_STEPS, type GpuMemory } from './memory.ts';
import type { Program } from './program.ts';
import { RESULTS, SETTINGS } from './step-kernels.ts';

/** Milliseconds of the GPU's time that one submission should take. */
const SUBMISSION = 8;

/** What a submission runs. */
export interface Work {
  readonly program: Program;
  /** Numbers of the lanes in flight. */
  readonly lanes: readonly number[];
  readonly first: number;
  readonly steps: number;
}

/** Results of a submission: loss of lane number z of the work after its micro-step i; where gradients are measured, row i of their norms. */
export type Losses = (i: number, z: number) => number;

interface Flight {
  readonly work: Work;
  readonly ticket: number;
  readonly staging: GPUBuffer;
  readonly mapped: Promise<void>;
  readonly begun: number;
}

/** The way to the GPU and back. */
export class SubmissionQueue {
  readonly #device: GPUDevice;
  readonly #memory: GpuMemory;
  readonly #watch: DeviceWatch;
  readonly #lanes: readonly GpuLane[];
  readonly #control: Uint32Array<ArrayBuffer>;
  readonly #settings: Float32Array<ArrayBuffer>;
  readonly #flights: Flight[] = [];
  readonly #free: GPUBuffer[];
  #tickets = 0;
  #lastLanding = 0;
  /** Milliseconds of one micro-step, by program, as lately measured; for one lane and for each more there is no telling apart. */
  readonly #pace = new Map<Program, { readonly lanes: number; readonly milliseconds: number }>();

  constructor(device: GPUDevice, memory: GpuMemory, watch: DeviceWatch, lanes: readonly GpuLane[]) {
    this.#device = device;
    this.#memory = memory;
    this.#watch = watch;
    this.#lanes = lanes;
    this.#control = new Uint32Array(CONTROL.lanes + CONTROL.perLane * lanes.length);
    this.#settings = new Float32Array(memory.sizes.settings);
    this.#free = [...memory.staging];
  }

  /** Nothing more can be submitted before something lands. */
  get full(): boolean {
    return this.#free.length === 0;
  }

  /** Nothing is under way. */
  get empty(): boolean {
    return this.#flights.length === 0;
  }

  /** Milliseconds until all that is under way should have landed. */
  get backlog(): number {
    const all = this.#flights.reduce((sum, { work }) => sum + work.steps * this.#milliseconds(work), 0);
    const [oldest] = this.#flights;
    return oldest ? all - (performance.now() - Math.max(oldest.begun, this.#lastLanding)) : 0;
  }

  /** Micro-steps that a submission of `program` for so many lanes should have. */
  goodSteps(program: Program, lanes: number): number {
    const pace = this.#pace.get(program);
    if (!pace) return 1;
    // More lanes take longer, at worst in proportion.
    const milliseconds = pace.milliseconds * Math.max(1, lanes / pace.lanes);
    return Math.max(1, Math.min(MOST_STEPS / program.results, Math.floor(SUBMISSION / milliseconds)));
  }

  /** Sends work off. There must be room ({@link full}). */
  submit(work: Work): void {
    const { program, lanes, steps } = work;
    const staging = this.#free.pop();
    if (!staging) throw new Error('Too many submissions are under way.');
    const ticket = (this.#tickets = (this.#tickets + 1) >>> 0);
    this.#writeControl(work, ticket);
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (let i = 0; i < steps; i++) program.encode(pass, lanes.length);
    pass.end();
    const bytes = 4 * (RESULTS.losses + steps * program.results * this.#lanes.length);
    encoder.copyBufferToBuffer(this.#memory.results, 0, staging, 0, bytes);
    this.#device.queue.submit([encoder.finish()]);
    const mapped = staging.mapAsync(1, 0, bytes); // GPUMapMode.READ
    // Whoever lands it hears of it; until then nobody does.
    mapped.catch(() => undefined);
    this.#flights.push({ work, ticket, staging, mapped, begun: performance.now() });
  }

  /**
   * Waits for the oldest submission and hands its results out.
   * @throws Error when the device was lost or rejected the work
   */
  async land(take: (work: Work, losses: Losses) => void): Promise<void> {
    const flight = this.#flights[0];
    const { work, ticket, staging, mapped } = flight;
    await this.#watch.answer(mapped, this.backlog);
    const bytes = 4 * (RESULTS.losses + work.steps * work.program.results * this.#lanes.length);
    const words = new Uint32Array(staging.getMappedRange(0, bytes));
    if (words[RESULTS.ticket] !== ticket || words[RESULTS.steps] !== work.steps)
      throw new Error('The GPU has not done the work it was given.');
    const losses = new Float32Array(words.buffer, 4 * RESULTS.losses);
    take(work, (i, z) => losses[i * this.#lanes.length + z]);
    staging.unmap();
    this.#flights.shift();
    this.#free.push(staging);
    this.#measure(flight);
  }

  #milliseconds({ program }: Work): number {
    return this.#pace.get(program)?.milliseconds ?? 0;
  }

  #measure({ work, begun }: Flight): void {
    const now = performance.now();
    const milliseconds = (now - Math.max(begun, this.#lastLanding)) / work.steps;
    this.#lastLanding = now;
    const before = this.#pace.get(work.program);
    const smoothed = before?.lanes === work.lanes.length ? 0.5 * (before.milliseconds + milliseconds) : milliseconds;
    this.#pace.set(work.program, { lanes: work.lanes.length, milliseconds: smoothed });
  }

  #writeControl({ program, lanes, first, steps }: Work, ticket: number): void {
    const control = this.#control;
    control[CONTROL.present] = first;
    control[CONTROL.next] = first;
    control[CONTROL.first] = first;
    control[CONTROL.ticket] = ticket;
    const total = this.#lanes.length;
    const schedule = total * SETTINGS.perLane;
    for (let z = 0; z < lanes.length; z++) {
      const lane = this.#lanes[lanes[z]];
      control[CONTROL.lanes + CONTROL.perLane * z] = lanes[z];
      control[CONTROL.lanes + CONTROL.perLane * z + 1] = program.measures ? 1 : lane.settings.microBatches;
      lane.writeSettings(this.#settings, z * SETTINGS.perLane);
      for (let i = 0; i < steps; i++) lane.writeSchedule(this.#settings, schedule + (i * total + z) * SETTINGS.perStep, first + i);
    }
    const { queue } = this.#device;
    queue.writeBuffer(this.#memory.control, 0, control, 0, CONTROL.lanes + CONTROL.perLane * lanes.length);
    queue.writeBuffer(this.#memory.settings, 0, this.#settings, 0, schedule + steps * total * SETTINGS.perStep);
  }
}
