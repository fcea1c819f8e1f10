// Where everything of a population lies in one WebAssembly memory. Lanes are taken one after another, so they share
// activations and gradients; their parameters and what the optimizer keeps are their own. The memory is as long as that
// takes, and never grows.
import { plansIn, type FootprintOf, type Plans } from '../executor.ts';
import { ALIGNMENT, type Plan, type Region } from '../plan.ts';
import { reservedBytes } from './kernels.generated.ts';
import { LAYOUT_BYTES, layoutOf } from './layout.ts';
import { isStepLaunch } from './lower.ts';
import { scratchBytes } from './scratch.ts';
import type { Launch } from '../launches.ts';

/** Bytes of a page of WebAssembly memory, and the most of them that 32-bit addresses reach. */
const PAGE = 65_536;
const MOST_PAGES = 65_536;
/** Bytes behind the last tensor that vector loads may read. */
const SLACK = 64;

/** Addresses, in bytes. */
export interface MemoryMap {
  /** Of the whole memory: whole pages. */
  readonly bytes: number;
  readonly scratch: number;
  /** One layout for each launch with strides of either plan. */
  readonly layouts: ReadonlyMap<Launch, number>;
  readonly constants: Readonly<Record<Plan['kind'], number>>;
  readonly tokens: number;
  readonly activations: number;
  readonly gradients: number;
  /** Where the gradients of a measurement are summed, for one lane after another; nothing lies there when none are measured. */
  readonly measured: number;
  readonly lanes: readonly LaneMap[];
}

/** What a lane has for itself. */
export interface LaneMap {
  readonly parameters: number;
  readonly mean: number;
  readonly square: number;
  /** Where gradients are summed; undefined for a lane of one micro-batch, which needs no sum. */
  readonly accumulated: number | undefined;
}

/**
 * Lays out the memory of a population.
 * @param microBatches m of each lane
 * @throws Error one sentence, when it is more than 32-bit addresses reach
 */
export function memoryMap(plans: Plans, microBatches: readonly number[]): MemoryMap {
  const map = layOut(plans, microBatches);
  if (map.bytes > MOST_PAGES * PAGE)
    throw new Error(`These runs need ${Math.ceil(map.bytes / 2 ** 20)} MB of memory together; WebAssembly has at most 4096.`);
  return map;
}

function layOut(plans: Plans, microBatches: readonly number[]): MemoryMap {
  let end = reservedBytes;
  const take = (bytes: number): number => {
    const address = Math.ceil(end / (4 * ALIGNMENT)) * 4 * ALIGNMENT;
    end = address + bytes;
    return address;
  };
  const { training, evaluation, gradient } = plans;
  const all = plansIn(plans);
  const most = (region: Region): number => Math.max(...all.map(({ words }) => words[region]));
  const launches = all.flatMap((plan) => [...plan.setup, ...plan.launches]);
  const walking = launches.filter((launch) => !isStepLaunch(launch) && layoutOf(launch) !== undefined);
  const layoutsAt = take(walking.length * LAYOUT_BYTES);
  const shared = {
    layouts: new Map(walking.map((launch, i) => [launch, layoutsAt + i * LAYOUT_BYTES])),
    scratch: take(Math.max(0, ...launches.map(scratchBytes))),
    constants: {
      training: take(4 * training.words.constants),
      evaluation: take(4 * evaluation.words.constants),
      gradient: take(4 * (gradient?.words.constants ?? 0)),
    },
    tokens: take(4 * most('tokens')),
    activations: take(4 * most('activations')),
    gradients: take(4 * training.words.gradients),
    measured: take(4 * (gradient?.words.gradients ?? 0)),
  };
  const lanes = microBatches.map((count) => ({
    parameters: take(4 * training.words.parameters),
    mean: take(4 * training.words.mean),
    square: take(4 * training.words.square),
    accumulated: count > 1 ? take(4 * training.words.accumulated) : undefined,
  }));
  const pages = Math.ceil((end + SLACK) / PAGE);
  return { bytes: pages * PAGE, ...shared, lanes };
}

/**
 * Bytes that an executor of these plans takes, before anything is allocated; may be more than WebAssembly has.
 * @param microBatches m of each lane
 */
export function wasmBytes(plans: Plans, microBatches: readonly number[]): number {
  return layOut(plans, microBatches).bytes;
}

/** What an executor will hold: one memory. */
export const wasmFootprint: FootprintOf = (plans, microBatches) => {
  const bytes = wasmBytes(plans, microBatches);
  return { bytes, largestBuffer: bytes };
};
