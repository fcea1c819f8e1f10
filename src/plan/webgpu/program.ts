// A plan as the GPU runs it: dispatches in order, each with its pipeline, its numbers and its workgroups.
import { MOST_GROUPS, uniformOf, type Kernel } from '../../ops/wgsl/kernel.ts';
import { plansIn, type Plans, type TokenSource } from '../executor.ts';
import type { FusedLaunch, GenericLaunch, Launch, Sample } from '../launches.ts';
import type { Plan } from '../plan.ts';
import { mapOperands } from '../trace/graph.ts';
import { lower, type Choices } from './lower.ts';
import { UNIFORM_STRIDE, type GpuMemory, type MemorySizes } from './memory.ts';
import { Pipelines, type BindingKind } from './pipelines.ts';
import { accumulateKernel, adamwKernel, finishKernel, measureKernel, normsKernel, sampleKernel, type TextPlace } from './step-kernels.ts';

/** A dispatch whose pipeline is not compiled yet. */
export interface Draft {
  readonly bindings: BindingKind;
  readonly kernel: Kernel;
  /** Once for each lane in flight; else once for all. */
  readonly perLane: boolean;
}

/** All dispatches of all plans; none for a plan that there is not. */
export interface Drafts extends Readonly<Record<Plan['kind'], readonly Draft[]>> {
  readonly setup: readonly Draft[];
}

/** Where the plans' texts lie. */
export interface Texts {
  readonly training: TextPlace;
  readonly validation: TextPlace;
}

/** Where the texts of `tokens` lie, and how many windows they have. */
export function textsOf({ training, evaluation }: Plans, { validationStart }: MemorySizes, tokens: TokenSource): Texts {
  const { dataSeed } = tokens;
  return {
    training: { start: 0, windows: Math.floor((tokens.training.length - 1) / sampleOf(training).context), dataSeed },
    validation: { start: validationStart, windows: Math.floor(tokens.validation.length / (evaluation.context + 1)), dataSeed },
  };
}

/** Lowers all plans. Nothing touches a device. */
export function draft(plans: Plans, sizes: MemorySizes, texts: Texts, choices: (launch: Launch) => Choices): Drafts {
  const of = (plan: Plan, launches: readonly Launch[], perLane: boolean): Draft[] =>
    launches.flatMap((launch) =>
      draftsOfLaunch(plan, launch, sizes, texts, choices(launch)).map((one) => ({ ...one, perLane: one.perLane && perLane })),
    );
  const { training, evaluation, gradient } = plans;
  return {
    setup: plansIn(plans).flatMap((plan) => of(plan, plan.setup, false)),
    training: of(training, training.launches, true),
    evaluation: of(evaluation, evaluation.launches, true),
    gradient: gradient === undefined ? [] : of(gradient, gradient.launches, true),
  };
}

/** Lowers one launch of a plan. */
export function draftsOfLaunch(plan: Plan, launch: Launch, sizes: MemorySizes, texts: Texts, choices: Choices): Draft[] {
  switch (launch.kind) {
    case 'sample':
      return [{ ...step(sampleKernel(launch, texts[launch.source])), perLane: false }];
    case 'accumulate':
      return [{ ...step(accumulateKernel(sizes.parameters, sizes.lanes)), perLane: true }];
    case 'adamw':
      return [{ ...step(adamwKernel(sizes.parameters, sizes.lanes, sizes.maskAt)), perLane: true }];
    case 'gradientNorm':
      return [measureKernel(sizes.parameters, sizes.lanes), normsKernel(sizes.parameters, sizes.lanes)].map((kernel) => ({
        ...step(kernel),
        perLane: true,
      }));
    case 'finish': {
      const place = {
        offset: launch.reads.losses.offset,
        activationStride: sizes.activations,
        size: launch.reads.losses.size,
        rowsPerSequence: plan.context,
        sequences: plan.sequences,
        windows: plan.kind === 'evaluation' && plan.perRow ? texts.validation.windows : 0,
        kind: plan.kind === 'training' ? ('training' as const) : ('evaluation' as const),
      };
      return [{ ...step(finishKernel(place, sizes.lanes)), perLane: true }];
    }
    default: {
      const strides = { parameters: sizes.parameters, activations: sizes.activations };
      return lower(shifted(launch, plan, sizes), strides, choices).map((kernel) => ({ bindings: 'model', kernel, perLane: true }));
    }
  }
}

const step = (kernel: Kernel & { readonly bindings: BindingKind }): Omit<Draft, 'perLane'> => ({ bindings: kernel.bindings, kernel });

/** The launch over operands as they lie on the device: the constants of one plan come behind those of another. */
function shifted(launch: FusedLaunch | GenericLaunch, plan: Plan, sizes: MemorySizes): FusedLaunch | GenericLaunch {
  const at = sizes.constantsAt[plan.kind];
  if (at === 0) return launch;
  const shift = <P extends { readonly region: string; readonly offset: number }>(operand: P): P =>
    operand.region === 'constants' ? { ...operand, offset: operand.offset + at } : operand;
  return mapOperands(launch, shift, shift) as FusedLaunch | GenericLaunch;
}

/** The sample launch of a plan. */
export function sampleOf(plan: Plan): Sample {
  const sample = plan.launches.find((launch) => launch.kind === 'sample');
  if (!sample) throw new Error(`The ${plan.kind} plan reads no tokens.`);
  return sample;
}

/** Numbers of all launches as they lie in the buffer of uniforms. */
export function uniformsOf({ setup, training, evaluation, gradient }: Drafts): Uint8Array<ArrayBuffer> {
  const all = [...setup, ...training, ...evaluation, ...gradient];
  const bytes = new Uint8Array(all.length * UNIFORM_STRIDE);
  all.forEach(({ kernel }, i) => {
    const numbers = new Uint8Array(uniformOf(kernel));
    if (numbers.length > UNIFORM_STRIDE) throw new Error('A launch has too many numbers.');
    bytes.set(numbers, i * UNIFORM_STRIDE);
  });
  return bytes;
}

interface Dispatch {
  readonly bindings: BindingKind;
  readonly pipeline: GPUComputePipeline;
  readonly numbers: GPUBindGroup;
  readonly x: number;
  readonly y: number;
  readonly perLane: boolean;
}

/** A list of dispatches over an executor's memory. */
export class Program {
  readonly #dispatches: readonly Dispatch[];
  readonly #groups: Readonly<Record<BindingKind, GPUBindGroup>>;
  /** It measures gradients: lanes take every micro-batch by itself, and have two results for each. */
  readonly measures: boolean;

  constructor(dispatches: readonly Dispatch[], groups: Readonly<Record<BindingKind, GPUBindGroup>>, measures = false) {
    this.#dispatches = dispatches;
    this.#groups = groups;
    this.measures = measures;
  }

  /** Words of results for each lane and micro-step. */
  get results(): number {
    return this.measures ? 2 : 1;
  }

  /** Dispatches of one run. */
  get length(): number {
    return this.#dispatches.length;
  }

  /** Encodes one run for so many lanes. */
  encode(pass: GPUComputePassEncoder, lanes: number): void {
    let bound: BindingKind | undefined;
    for (const { bindings, pipeline, numbers, x, y, perLane } of this.#dispatches) {
      pass.setPipeline(pipeline);
      if (bindings !== bound) pass.setBindGroup(0, this.#groups[(bound = bindings)]);
      pass.setBindGroup(1, numbers);
      pass.dispatchWorkgroups(x, y, perLane ? lanes : 1);
    }
  }
}

/** Programs of all plans; empty for a plan that there is not. */
export interface Programs extends Readonly<Record<Plan['kind'], Program>> {
  readonly setup: Program;
}

/** Binds drafts to an executor's memory, with pipelines that have been compiled. */
export async function bindPrograms(device: GPUDevice, drafts: Drafts, memory: GpuMemory): Promise<Programs> {
  const pipelines = Pipelines.of(device);
  const { parameters, gradients, activations, constants, tokens, control, mean, square, settings, sums, scratch, text, results } = memory;
  const groups = {
    model: pipelines.bind('model', [parameters, gradients, activations, constants, tokens, control]),
    optimizer: pipelines.bind('optimizer', [parameters, gradients, mean, square, control, settings, scratch]),
    measure: pipelines.bind('measure', [gradients, sums, control, scratch]),
    ends: pipelines.bind('ends', [text, tokens, activations, control, scratch, results]),
  };
  let offset = 0;
  const program = async (list: readonly Draft[], measures = false): Promise<Program> => {
    const begin = offset;
    offset += list.length * UNIFORM_STRIDE;
    const dispatches = list.map(async ({ bindings, kernel, perLane }, i): Promise<Dispatch> => {
      const { groups: count } = kernel;
      const [x, y] = count <= MOST_GROUPS ? [count, 1] : [MOST_GROUPS, Math.ceil(count / MOST_GROUPS)];
      const numbers = pipelines.bindUniform(memory.uniforms, begin + i * UNIFORM_STRIDE, Math.ceil(kernel.fields.size / 4) * 16);
      return { bindings, pipeline: await pipelines.get(bindings, kernel.code), numbers, x, y, perLane };
    });
    return new Program(await Promise.all(dispatches), groups, measures);
  };
  const [setup, training, evaluation, gradient] = await Promise.all([
    program(drafts.setup),
    program(drafts.training),
    program(drafts.evaluation),
    program(drafts.gradient, true),
  ]);
  return { setup, training, evaluation, gradient };
}
