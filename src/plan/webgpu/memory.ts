// What an executor keeps on the GPU: one buffer for each region, with a copy per lane where lanes have their own. All of
// it is allocated at the start, and nothing later.
import { CONTROL } from '../../ops/wgsl/kernel.ts';
import { plansIn, type FootprintOf, type LaneSettings, type Plans, type TokenSource } from '../executor.ts';
import type { AdamW } from '../launches.ts';
import type { Plan } from '../plan.ts';
import { kernelCount } from './lower.ts';
import { RESULTS, SCRATCH, SETTINGS, squareSums } from './step-kernels.ts';

const WORD = 4;

/** Micro-steps in one submission, at most. */
export const MOST_STEPS = 64;

/** Submissions under way at once. */
export const IN_FLIGHT = 2;

/** Bytes from one kernel's numbers to the next: offsets of uniforms are multiples of it everywhere. */
export const UNIFORM_STRIDE = 256;

/** Sizes of everything, words unless named otherwise. */
export interface MemorySizes {
  readonly lanes: number;
  /** Of one lane's copy of parameters, of gradients, and of each of the optimizer's two means. */
  readonly parameters: number;
  /** Of one lane's copy. */
  readonly activations: number;
  readonly constants: number;
  /** Word at which the constants of each plan begin. */
  readonly constantsAt: Readonly<Record<Plan['kind'], number>>;
  /** Sums of gradients that are measured, of all lanes. */
  readonly sums: number;
  readonly tokens: number;
  /** Both texts, two tokens in a word; token at which the held-out one begins. */
  readonly text: number;
  readonly validationStart: number;
  readonly control: number;
  /** Control word at which the mask of decaying parameters begins. */
  readonly maskAt: number;
  readonly settings: number;
  readonly scratch: number;
  readonly results: number;
  /** Numbers of all kernels of all plans. */
  readonly uniforms: number;
  /** What one lane's saved state takes. */
  readonly transfer: number;
}

/** Sizes for `lanes` lanes. */
export function memorySizes(plans: Plans, lanes: number, tokens: TokenSource): MemorySizes {
  const { training, evaluation, gradient } = plans;
  const { parameters } = training.words;
  if (training.words.gradients !== parameters) throw new Error('Parameters and gradients are not laid out alike.');
  const maskAt = CONTROL.lanes + CONTROL.perLane * lanes;
  const all = plansIn(plans);
  const most = (region: 'activations' | 'tokens'): number => Math.max(...all.map(({ words }) => words[region]));
  const launches = all.flatMap((plan) => [...plan.setup, ...plan.launches]);
  const trainingText = Math.ceil(tokens.training.length / 2);
  return {
    lanes,
    parameters,
    activations: most('activations'),
    constants: all.reduce((sum, { words }) => sum + words.constants, 0),
    constantsAt: {
      training: 0,
      evaluation: training.words.constants,
      gradient: training.words.constants + evaluation.words.constants,
    },
    sums: gradient === undefined ? 0 : lanes * parameters,
    tokens: most('tokens'),
    text: trainingText + Math.ceil(tokens.validation.length / 2),
    validationStart: 2 * trainingText,
    control: maskAt + Math.ceil(parameters / 32),
    maskAt,
    settings: lanes * (SETTINGS.perLane + SETTINGS.perStep * MOST_STEPS),
    // Measured gradients leave two sums of squares where others leave one.
    scratch: lanes * (SCRATCH.perLane + squareSums(parameters) * (gradient === undefined ? 1 : 2)),
    results: RESULTS.losses + lanes * MOST_STEPS,
    uniforms: (launches.reduce((sum, launch) => sum + kernelCount(launch), 0) * UNIFORM_STRIDE) / WORD,
    transfer: 4 * parameters + SCRATCH.perLane,
  };
}

/** Words of each buffer. */
function bufferWords(sizes: MemorySizes) {
  const { lanes, constants, sums, tokens, text, control, settings, scratch, results, uniforms, transfer } = sizes;
  const perLane = lanes * sizes.parameters;
  return {
    parameters: perLane,
    gradients: perLane,
    mean: perLane,
    square: perLane,
    activations: lanes * sizes.activations,
    ...{ constants, sums, tokens, text, control, settings, scratch, results, uniforms, transfer },
    staging: results,
  };
}

/** Bytes of a buffer for so many words: bindings are whole vectors, and never empty. */
function bufferBytes(words: number): number {
  return WORD * Math.max(4, Math.ceil(words / 4) * 4);
}

/** What an executor will hold on the GPU. */
export const gpuFootprint: FootprintOf = (plans, microBatches, tokens) => {
  const { staging, ...once } = bufferWords(memorySizes(plans, microBatches.length, tokens));
  const all = [...Object.values(once), ...Array<number>(IN_FLIGHT).fill(staging)].map(bufferBytes);
  return { bytes: all.reduce((sum, bytes) => sum + bytes, 0), largestBuffer: Math.max(...all) };
};

/** The buffers, by what they hold. `staging` and `transfer` are where the host reads. */
export interface GpuMemory {
  readonly sizes: MemorySizes;
  /** Bytes of all buffers. */
  readonly bytes: number;
  readonly parameters: GPUBuffer;
  readonly gradients: GPUBuffer;
  readonly mean: GPUBuffer;
  readonly square: GPUBuffer;
  readonly activations: GPUBuffer;
  readonly constants: GPUBuffer;
  readonly sums: GPUBuffer;
  readonly tokens: GPUBuffer;
  readonly text: GPUBuffer;
  readonly control: GPUBuffer;
  readonly settings: GPUBuffer;
  readonly scratch: GPUBuffer;
  readonly results: GPUBuffer;
  readonly uniforms: GPUBuffer;
  readonly transfer: GPUBuffer;
  readonly staging: readonly GPUBuffer[];
  destroy(): void;
}

/**
 * Allocates everything and writes what is known at the start: texts, constants, parameters, the mask.
 * @param uniforms of all launches, one after another
 * @throws Error one sentence, when the device has no room for it
 */
export async function allocate(
  device: GPUDevice,
  plans: Plans,
  lanes: readonly LaneSettings[],
  source: TokenSource,
  uniforms: Uint8Array<ArrayBuffer>,
): Promise<GpuMemory> {
  const sizes = memorySizes(plans, lanes.length, source);
  const { maxBufferSize, maxStorageBufferBindingSize } = device.limits;
  const made: GPUBuffer[] = [];
  const { STORAGE, COPY_DST, COPY_SRC, UNIFORM, MAP_READ } = GPUBufferUsage;
  const make = (words: number, usage: number): GPUBuffer => {
    const size = bufferBytes(words);
    if (size > maxBufferSize || (usage & STORAGE && size > maxStorageBufferBindingSize))
      throw new Error(`These runs need a buffer of ${Math.ceil(size / 2 ** 20)} MB, which this GPU does not allow.`);
    const buffer = device.createBuffer({ size, usage });
    made.push(buffer);
    return buffer;
  };
  const storage = (words: number, also = 0): GPUBuffer => make(words, STORAGE | COPY_DST | also);
  const destroy = (): void => made.forEach((buffer) => buffer.destroy());
  device.pushErrorScope('out-of-memory');
  let memory: Omit<GpuMemory, 'bytes'>;
  try {
    const words = bufferWords(sizes);
    memory = {
      sizes,
      parameters: storage(words.parameters, COPY_SRC),
      gradients: storage(words.gradients, COPY_SRC),
      mean: storage(words.mean, COPY_SRC),
      square: storage(words.square, COPY_SRC),
      activations: storage(words.activations),
      constants: storage(words.constants),
      sums: storage(words.sums),
      tokens: storage(words.tokens),
      text: storage(words.text),
      control: storage(words.control),
      settings: storage(words.settings),
      scratch: storage(words.scratch, COPY_SRC),
      results: storage(words.results, COPY_SRC),
      uniforms: make(words.uniforms, UNIFORM | COPY_DST),
      transfer: make(words.transfer, MAP_READ | COPY_DST),
      staging: Array.from({ length: IN_FLIGHT }, () => make(words.staging, MAP_READ | COPY_DST)),
      destroy,
    };
  } catch (error) {
    await device.popErrorScope();
    destroy();
    throw error;
  }
  const bytes = made.reduce((sum, { size }) => sum + size, 0);
  if (await device.popErrorScope()) {
    destroy();
    throw new Error(`The GPU has no room for these runs: they need ${Math.ceil(bytes / 2 ** 20)} MB.`);
  }
  fill(device.queue, { ...memory, bytes }, plans, lanes, source, uniforms);
  return { ...memory, bytes };
}

function fill(
  queue: GPUQueue,
  memory: GpuMemory,
  plans: Plans,
  lanes: readonly LaneSettings[],
  source: TokenSource,
  uniforms: Uint8Array<ArrayBuffer>,
): void {
  const { sizes } = memory;
  const text = new Uint16Array(2 * sizes.text);
  text.set(source.training);
  text.set(source.validation, sizes.validationStart);
  queue.writeBuffer(memory.text, 0, text);
  for (const { kind, constants } of plansIn(plans)) queue.writeBuffer(memory.constants, WORD * sizes.constantsAt[kind], constants.slice());
  queue.writeBuffer(memory.uniforms, 0, uniforms);
  lanes.forEach(({ parameters }, lane) => queue.writeBuffer(memory.parameters, WORD * lane * sizes.parameters, parameters.slice()));
  const update = plans.training.launches.find((launch) => launch.kind === 'adamw');
  if (!update) throw new Error('The training plan has no optimizer.');
  queue.writeBuffer(memory.control, WORD * sizes.maskAt, decayMask(update, sizes.parameters));
}

/** One bit for each parameter: whether it decays. */
function decayMask({ decayed }: AdamW, parameters: number): Uint32Array<ArrayBuffer> {
  const mask = new Uint32Array(Math.ceil(parameters / 32));
  for (const { offset, size } of decayed) for (let i = offset; i < offset + size; i++) mask[i >> 5] |= 1 << (i & 31);
  return mask;
}
