// The executor for processors: SIMD kernels in one thread, lanes one after another. Populations are spread over workers
// by whoever drives it; nothing is shared between threads.
import {
  firstMeasured,
  plansIn,
  type Executor,
  type GradientNorms,
  type LaneLosses,
  type LaneSettings,
  type LaneState,
  type Plans,
  type TokenSource,
} from '../executor.ts';
import type { Sample } from '../launches.ts';
import type { Plan } from '../plan.ts';
import { compileKernels, instantiateKernels, type KernelBuild, type Kernels } from './kernels.ts';
import { WasmLane, type LaneContext } from './lane.ts';
import { layoutOf } from './layout.ts';
import { memoryMap, type MemoryMap } from './memory.ts';
import type { Piece } from './piece.ts';
import { addressIn, compile } from './program.ts';
import { heldOutWindows, TokenFeed } from './tokens.ts';
import { Turns } from './turns.ts';

/**
 * Makes an executor of `plans` for `lanes`, in this thread.
 * @param build of the kernels; the best that runs here when left out
 * @throws Error one sentence: no SIMD, too little memory, too few tokens, parameters of another model
 */
export async function createWasmExecutor(
  plans: Plans,
  lanes: readonly LaneSettings[],
  tokens: TokenSource,
  build?: KernelBuild,
): Promise<Executor> {
  if (tokens.training.length <= plans.training.context) throw new Error('The training text is shorter than one window.');
  const map = memoryMap(
    plans,
    lanes.map(({ microBatches }) => microBatches),
  );
  const module = await compileKernels(build);
  const memory = allocate(map.bytes);
  return new WasmExecutor(plans, lanes, tokens, map, memory, await instantiateKernels(module, memory));
}

function allocate(bytes: number): WebAssembly.Memory {
  const pages = bytes / 65_536;
  try {
    return new WebAssembly.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    throw new Error(`There is not enough memory for these runs: they need ${Math.ceil(bytes / 2 ** 20)} MB.`, { cause: error });
  }
}

interface Held {
  readonly kernels: Kernels;
  readonly feed: TokenFeed;
  readonly lanes: readonly WasmLane[];
}

class WasmExecutor implements Executor {
  readonly bytes: number;
  readonly #plans: Plans;
  readonly #samples: Readonly<Record<'training' | 'evaluation', Sample>>;
  /** Addresses of the gradients, and of their sum in a measurement. */
  readonly #gradients: number;
  readonly #measured: number;
  readonly #heldOut: number;
  /** Address of the losses of an evaluation. */
  readonly #evaluationLosses: number;
  /** All that holds on to the memory; undefined after disposal. */
  #held: Held | undefined;

  constructor(
    plans: Plans,
    settings: readonly LaneSettings[],
    tokens: TokenSource,
    map: MemoryMap,
    memory: WebAssembly.Memory,
    kernels: Kernels,
  ) {
    const { training, evaluation } = plans;
    const floats = new Float32Array(memory.buffer);
    const integers = new Int32Array(memory.buffer);
    this.bytes = memory.buffer.byteLength;
    this.#plans = plans;
    this.#samples = { training: sampleOf(training), evaluation: sampleOf(evaluation) };
    const feed = new TokenFeed(tokens, kernels, integers, addressIn(training, map, undefined));
    this.#heldOut = heldOutWindows(tokens.validation, evaluation.context);
    this.#evaluationLosses = addressIn(evaluation, map, undefined)(evaluation.losses);

    for (const [launch, address] of map.layouts) integers.set(layoutOf(launch)!, address / 4);
    this.#gradients = map.gradients;
    this.#measured = map.measured;
    for (const plan of plansIn(plans)) {
      floats.set(plan.constants, map.constants[plan.kind] / 4);
      for (const piece of compile(plan.setup, kernels, map, addressIn(plan, map, undefined))) piece.run();
    }
    const context: LaneContext = {
      kernels,
      floats,
      plan: training,
      gradients: map.gradients,
      losses: addressIn(training, map, undefined)(training.losses),
    };
    const lanes = settings.map((own, k) => {
      const pieces = (plan: Plan | undefined): Piece[] =>
        plan === undefined ? [] : compile(plan.launches, kernels, map, addressIn(plan, map, map.lanes[k]));
      const all = { training: pieces(training), evaluation: pieces(evaluation), gradient: pieces(plans.gradient) };
      return new WasmLane(context, own, map.lanes[k], all);
    });
    this.#held = { kernels, feed, lanes };
  }

  async advance(milliseconds: number, untilUpdate: (lane: number) => number): Promise<LaneLosses[]> {
    const end = performance.now() + milliseconds;
    const { lanes, feed } = this.#work();
    const until = lanes.map((_, lane) => untilUpdate(lane));
    const turns = new Turns();
    try {
      for (let lane = next(lanes, until); lane; lane = next(lanes, until)) {
        feed.training(this.#samples.training, lane.microSteps);
        await run(lane.training, turns);
        lane.finishMicroStep();
        if (performance.now() >= end) break;
      }
    } finally {
      turns.close();
    }
    return lanes.flatMap((lane, k) => lane.takeLosses(k) ?? []);
  }

  updatesOf(lane: number): number {
    return this.#lane(lane).updates;
  }

  async evaluate(lanes: readonly number[]): Promise<Float64Array> {
    if (this.#heldOut === 0) throw new Error('The held-out text is shorter than one window.');
    const { sequences } = this.#plans.evaluation;
    const sums = new Float64Array(lanes.length);
    const turns = new Turns();
    try {
      for (let first = 0; first < this.#heldOut; first += sequences) {
        const present = Math.min(sequences, this.#heldOut - first);
        for (const [i, lane] of lanes.entries()) sums[i] += await this.#sumOfLosses(this.#lane(lane), first, present, turns);
      }
    } finally {
      turns.close();
    }
    return sums.map((sum) => sum / this.#heldOut);
  }

  async gradientNorms(lanes: readonly number[], batches: number): Promise<GradientNorms[]> {
    const { training, evaluation, gradient } = this.#plans;
    if (!gradient) throw new Error('These runs measure no gradients.');
    const sample = sampleOf(gradient);
    const { kernels, feed } = this.#work();
    const [g, sum, words] = [this.#gradients, this.#measured, gradient.parameters];
    const norms: GradientNorms[] = [];
    const turns = new Turns();
    try {
      for (const index of lanes) {
        const lane = this.#lane(index);
        if (!lane.between) throw new Error(`Lane ${index} is in the middle of an update.`);
        const first = firstMeasured({ training, evaluation, gradient }, lane.updates, lane.microBatches);
        let squares = 0;
        for (let batch = 0; batch < batches; batch++) {
          feed.training(sample, first + batch);
          await run(lane.gradient, turns);
          squares += kernels.sumOfSquares(g, words);
          if (batch === 0) kernels.copyWords(g, sum, words);
          else kernels.addInto(sum, g, words);
        }
        norms.push({ small: squares / batches, big: kernels.sumOfSquares(sum, words) / batches ** 2 });
      }
    } finally {
      turns.close();
    }
    return norms;
  }

  freeze(lane: number): void {
    this.#lane(lane).frozen = true;
  }

  parameters(lane: number): Promise<Float32Array> {
    return Promise.resolve(this.#lane(lane).parameters());
  }

  save(lane: number): Promise<LaneState> {
    return Promise.resolve(this.#lane(lane).save());
  }

  restore(lane: number, state: LaneState): Promise<void> {
    this.#lane(lane).restore(state);
    return Promise.resolve();
  }

  /** Lets go of the memory; the collector takes it. Nothing else can be asked afterwards. */
  dispose(): void {
    this.#held = undefined;
  }

  #lane(lane: number): WasmLane {
    const found = this.#work().lanes.at(lane);
    if (!found) throw new Error(`There is no lane ${lane}.`);
    return found;
  }

  #work(): Held {
    if (!this.#held) throw new Error('These runs have been disposed of.');
    return this.#held;
  }

  /** The mean losses of held-out windows first … first + present − 1, added up. */
  async #sumOfLosses(lane: WasmLane, first: number, present: number, turns: Turns): Promise<number> {
    const { sequences, context, perRow, losses } = this.#plans.evaluation;
    const { kernels } = this.#work();
    await this.#forward(lane, first, turns);
    if (perRow) return kernels.sumOf(this.#evaluationLosses, present * context) / context;
    const whole = (kernels.sumOf(this.#evaluationLosses, losses.size) / losses.size) * sequences;
    if (present === sequences) return whole;
    // The last window stands in the places that are left over; a batch of it alone says what to take away.
    const last = this.#heldOut - 1;
    await this.#forward(lane, last, turns);
    const alone = kernels.sumOf(this.#evaluationLosses, losses.size) / losses.size;
    return whole - (sequences - present) * alone;
  }

  async #forward(lane: WasmLane, first: number, turns: Turns): Promise<void> {
    this.#work().feed.validation(this.#samples.evaluation, first);
    await run(lane.evaluation, turns);
  }
}

/** Among the lanes that want to work, the one that has read the fewest tokens: lanes keep in step. */
function next(lanes: readonly WasmLane[], until: readonly number[]): WasmLane | undefined {
  let chosen: WasmLane | undefined;
  for (let k = 0; k < lanes.length; k++) {
    const lane = lanes[k];
    if (lane.wants(until[k]) && (!chosen || lane.microSteps < chosen.microSteps)) chosen = lane;
  }
  return chosen;
}

/** Runs pieces in order, giving the event loop its turn in between. */
async function run(pieces: readonly Piece[], turns: Turns): Promise<void> {
  for (let i = runSlice(pieces, 0, turns); i < pieces.length; i = runSlice(pieces, i, turns)) await turns.next();
}

/** Runs pieces from `from` on until a turn is due; returns the next one. At the end of the list, a turn that is due waits. */
function runSlice(pieces: readonly Piece[], from: number, turns: Turns): number {
  let i = from;
  while (i < pieces.length) {
    const piece = pieces[i++];
    piece.run();
    if (turns.due(piece.cost)) break;
  }
  return i;
}

function sampleOf(plan: Plan): Sample {
  const sample = plan.launches.find((launch) => launch.kind === 'sample');
  if (!sample) throw new Error(`The ${plan.kind} plan reads no tokens.`);
  return sample;
}
