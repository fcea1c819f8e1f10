// Single launches on trial on the GPU: the kernels' answer and the interpreter's, for several lanes at once, with walls
// around every operand.
import { expect } from 'vitest';
import { CONTROL, uniformOf } from '../../src/ops/wgsl/kernel.ts';
import type { FusedLaunch, GenericLaunch } from '../../src/plan/launches.ts';
import type { Operand, Region } from '../../src/plan/plan.ts';
import { mapOperands } from '../../src/plan/trace/graph.ts';
import { requestLabDevice } from '../../src/plan/webgpu/device.ts';
import { lower, type Choices } from '../../src/plan/webgpu/lower.ts';
import { Pipelines } from '../../src/plan/webgpu/pipelines.ts';
import { runLaunch } from '../unit/plan/interpreter.ts';

/** What is read: its values; an Int32Array lies in `tokens`. What is written: how many words, or, in place, the array that is read. */
export type Tensor = Float32Array | Int32Array | number;
/** A launch on trial. */
export type Trial = FusedLaunch<Tensor> | GenericLaunch<Tensor>;

/** A source of numbers for tests. */
export interface Numbers {
  /** About normal around `shift`, with standard deviation about `scale`; different in every lane. */
  readonly floats: (size: number, scale?: number, shift?: number) => Float32Array;
  /** Whole, from 0 to below `below`; the same in every lane. */
  readonly indices: (size: number, below: number) => Int32Array;
}

/** A trial's values in one lane. It must give the same sizes in all of them. */
export type TrialOf = (numbers: Numbers) => Trial;

/** How a trial is run. */
export interface Setting extends Partial<Choices> {
  /** Words past a multiple of four at which operands in `parameters` and `gradients` begin. */
  readonly shift?: number;
  readonly lanes?: number;
  /** Gradients are stored first, then added to so many times. */
  readonly additions?: number;
  /** Where operands lie that lie elsewhere than usual. */
  readonly regions?: Readonly<Record<string, Region | undefined>>;
}

const PARAMETERS = ['weight', 'bias', 'gain', 'table', 'positions'];
const GRADIENTS = ['dWeight', 'dBias', 'dGain', 'dTable', 'dPositions'];
const REGIONS = ['parameters', 'gradients', 'activations', 'constants', 'tokens'] as const;
type Used = (typeof REGIONS)[number];

/** Stands around every operand, and must still be there afterwards. */
const WALL = 0x7fc0_1234;
const WALL_WORDS = 5;

const generator = (seed: number): (() => number) => {
  let state = seed;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
};

function numbersOf(lane: number): Numbers {
  const [own, shared] = [generator(7 + 977 * lane), generator(5)];
  return {
    floats: (size, scale = 1, shift = 0) => Float32Array.from({ length: size }, () => (own() + own() + own() - 1.5) * 2 * scale + shift),
    indices: (size, below) => Int32Array.from({ length: size }, () => Math.floor(shared() * below)),
  };
}

interface Placed {
  readonly launch: FusedLaunch | GenericLaunch;
  readonly values: Map<Operand, Tensor>;
  readonly words: Readonly<Record<Used, number>>;
}

function place(trial: Trial, { shift = 0, regions = {} }: Setting): Placed {
  const values = new Map<Operand, Tensor>();
  const words = { parameters: WALL_WORDS, gradients: WALL_WORDS, activations: WALL_WORDS, constants: WALL_WORDS, tokens: WALL_WORDS };
  const names = new Map<Tensor, string>();
  for (const [name, tensor] of Object.entries({ ...trial.reads, ...trial.writes } as Record<string, Tensor | undefined>))
    if (tensor !== undefined && typeof tensor !== 'number') names.set(tensor, name);
  const at = (tensor: Tensor, name: string): Operand => {
    if (typeof tensor !== 'number') for (const [operand, other] of values) if (other === tensor) return operand;
    const usual: Used =
      tensor instanceof Int32Array
        ? 'tokens'
        : PARAMETERS.includes(name)
          ? 'parameters'
          : GRADIENTS.includes(name)
            ? 'gradients'
            : 'activations';
    const region = (regions[name] ?? usual) as Used;
    const size = typeof tensor === 'number' ? tensor : tensor.length;
    const free = region === 'parameters' || region === 'gradients';
    const offset = free ? Math.ceil(words[region] / 4) * 4 + shift : Math.ceil(words[region] / 64) * 64;
    const operand: Operand = { region, offset, size };
    values.set(operand, tensor);
    words[region] = offset + size + WALL_WORDS;
    return operand;
  };
  const named = (operands: object): Record<string, { tensor: Tensor; name: string } | undefined> =>
    Object.fromEntries(
      Object.entries(operands).map(([name, tensor]) => [name, tensor === undefined ? undefined : { tensor: tensor as Tensor, name }]),
    );
  const withNames = { ...trial, reads: named(trial.reads), writes: named(trial.writes) } as never;
  const put = ({ tensor, name }: { tensor: Tensor; name: string }): Operand => at(tensor, name);
  const launch = mapOperands<{ tensor: Tensor; name: string }, Operand>(withNames, put, put) as FusedLaunch | GenericLaunch;
  for (const region of REGIONS) words[region] = Math.ceil(words[region] / 64) * 64;
  // Gradients lie as their parameters do.
  words.parameters = words.gradients = Math.max(words.parameters, words.gradients);
  return { launch, values, words };
}

let opened: Promise<GPUDevice> | undefined;

/** One device for all trials. */
export const testDevice = (): Promise<GPUDevice> => (opened ??= requestLabDevice());

export const defaults: Choices = { tile: { kind: 'direct', rows: 4, columns: 4, threads: 64 } };

type Outputs = Record<string, Float32Array>;

/** What the kernels make of a trial, by lane and name of output. */
export async function runKernel(trialOf: TrialOf, setting: Setting = {}): Promise<Outputs[]> {
  const device = await testDevice();
  const { lanes = 2, additions = 0 } = setting;
  const placed = Array.from({ length: lanes }, (_, lane) => place(trialOf(numbersOf(lane)), setting));
  const [{ launch, words }] = placed;
  const perLane: Record<Used, number> = { parameters: lanes, gradients: lanes, activations: lanes, constants: 1, tokens: 1 };
  const memories = REGIONS.map((region) => {
    const memory = new Uint32Array(words[region] * perLane[region]).fill(WALL);
    placed.slice(0, perLane[region]).forEach(({ values }, lane) => {
      for (const [operand, tensor] of values)
        if (operand.region === region && typeof tensor !== 'number')
          memory.set(new Uint32Array(tensor.buffer, tensor.byteOffset, tensor.length), lane * words[region] + operand.offset);
    });
    return memory;
  });
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
  const bufferOf = (data: Uint32Array<ArrayBuffer> | ArrayBuffer, of = usage): GPUBuffer => {
    const buffer = device.createBuffer({ size: data.byteLength, usage: of });
    device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  };
  const buffers = memories.map((memory) => bufferOf(memory));
  const controlWords = (present: number): Uint32Array<ArrayBuffer> => {
    const control = new Uint32Array(CONTROL.lanes + CONTROL.perLane * lanes);
    control[CONTROL.present] = present;
    for (let z = 0; z < lanes; z++) control.set([z, additions + 1], CONTROL.lanes + CONTROL.perLane * z);
    return control;
  };
  const control = bufferOf(controlWords(0));

  const kernels = lower(launch, { parameters: words.parameters, activations: words.activations }, { ...defaults, ...setting });
  const pipelines = Pipelines.of(device);
  const group = pipelines.bind('model', [...buffers, control]);
  const dispatches = await Promise.all(
    kernels.map(async (kernel) => {
      const uniform = uniformOf(kernel);
      const buffer = bufferOf(uniform, GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST);
      const numbers = pipelines.bindUniform(buffer, 0, uniform.byteLength);
      return { pipeline: await pipelines.get('model', kernel.code), numbers, groups: kernel.groups };
    }),
  );
  device.pushErrorScope('validation');
  for (let round = 0; round <= additions; round++) {
    device.queue.writeBuffer(control, 0, controlWords(round));
    const encoder = device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setBindGroup(0, group);
    for (const { pipeline, numbers, groups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(1, numbers);
      pass.dispatchWorkgroups(groups, 1, lanes);
    }
    pass.end();
    device.queue.submit([encoder.finish()]);
  }
  const error = await device.popErrorScope();
  if (error) throw new Error(error.message);
  const after = await Promise.all(buffers.map((buffer) => wordsOf(device, buffer)));

  REGIONS.forEach((region, r) => {
    const inside = new Set(
      [...placed[0].values.keys()]
        .filter((operand) => operand.region === region)
        .flatMap(({ offset, size }) => Array.from({ length: size }, (_, i) => offset + i)),
    );
    for (let word = 0; word < after[r].length; word++)
      if (!inside.has(word % words[region]) && after[r][word] !== WALL)
        throw new Error(`${launch.kind} writes outside its outputs, in ${region} at ${word}.`);
  });
  return placed.map(({ launch: own }, lane) =>
    Object.fromEntries(
      Object.entries(own.writes as Record<string, Operand | undefined>).flatMap(([name, operand]) => {
        if (!operand) return [];
        const region = REGIONS.indexOf(operand.region as Used);
        const start = (perLane[operand.region as Used] === 1 ? 0 : lane * words[operand.region as Used]) + operand.offset;
        return [[name, new Float32Array(after[region].buffer, 4 * start, operand.size).slice()]];
      }),
    ),
  );
}

async function wordsOf(device: GPUDevice, buffer: GPUBuffer): Promise<Uint32Array> {
  const staging = device.createBuffer({ size: buffer.size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  const encoder = device.createCommandEncoder();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, buffer.size);
  device.queue.submit([encoder.finish()]);
  await staging.mapAsync(GPUMapMode.READ);
  const words = new Uint32Array(staging.getMappedRange().slice(0));
  staging.destroy();
  buffer.destroy();
  return words;
}

/** What the interpreter makes of a trial. */
export function interpret(trial: Trial, { additions = 0, regions = {} }: Setting = {}): Outputs {
  const { launch, values } = place(trial, {});
  const memory = new Map(
    [...values].map(([operand, data]) => [operand, typeof data === 'number' ? new Float64Array(operand.size) : Float64Array.from(data)]),
  );
  runLaunch(launch, (operand) => memory.get(operand)!);
  return Object.fromEntries(
    Object.entries(launch.writes as Record<string, Operand | undefined>).flatMap(([name, operand]) => {
      if (!operand) return [];
      const times = GRADIENTS.includes(name) || regions[name] === 'gradients' ? additions + 1 : 1;
      return [[name, Float32Array.from(memory.get(operand)!, (word) => word * times)]];
    }),
  );
}

/** Expects the kernels' outputs to equal the interpreter's in every lane, to `tolerance` of the largest number of each output. */
export async function expectParity(trialOf: TrialOf, setting: Setting = {}, tolerance = 1e-5): Promise<void> {
  const found = await runKernel(trialOf, setting);
  found.forEach((outputs, lane) => {
    const wanted = interpret(trialOf(numbersOf(lane)), setting);
    expect(Object.keys(outputs)).toEqual(Object.keys(wanted));
    for (const name of Object.keys(wanted)) {
      const error = largestError(outputs[name], wanted[name]);
      expect(error, `${name} in lane ${lane}, relative error`).toBeLessThan(tolerance);
    }
  });
}

/** The largest difference as a share of the largest number; infinite where one is finite and the other is not, or another. */
export function largestError(found: Float32Array, wanted: Float32Array): number {
  let [difference, size] = [0, 0];
  wanted.forEach((value, i) => {
    if (Number.isFinite(value)) size = Math.max(size, Math.abs(value));
    if (Object.is(found[i], value)) return;
    const apart = Math.abs(found[i] - value);
    difference = Math.max(difference, Number.isNaN(apart) ? Infinity : apart);
  });
  return difference === 0 ? 0 : difference / (size || 1);
}
