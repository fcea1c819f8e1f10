// One lane: where it stands, its losses, and what it does with a gradient.
import type { LaneLosses, LaneSettings, LaneState } from '../executor.ts';
import type { AdamW } from '../launches.ts';
import type { Plan } from '../plan.ts';
import type { Kernels } from './kernels.ts';
import type { LaneMap } from './memory.ts';
import type { Piece } from './piece.ts';

/** Parameters that lie together and all decay, or none. */
interface Segment {
  readonly offset: number;
  readonly size: number;
  readonly decays: boolean;
}

/** What all lanes share. */
export interface LaneContext {
  readonly kernels: Kernels;
  /** The whole memory. */
  readonly floats: Float32Array;
  readonly plan: Plan;
  /** Addresses of the shared gradients and of the micro-batch's losses. */
  readonly gradients: number;
  readonly losses: number;
}

/** A run within the population. */
export class WasmLane {
  /** The pieces of a micro-step, of the forward pass alone, and of a gradient that is measured (none where none is). */
  readonly training: readonly Piece[];
  readonly evaluation: readonly Piece[];
  readonly gradient: readonly Piece[];
  /** Updates done. */
  updates = 0;
  frozen = false;
  readonly #context: LaneContext;
  readonly #settings: LaneSettings;
  readonly #map: LaneMap;
  readonly #segments: readonly Segment[];
  /** Micro-batches since the last update, and the sum of their mean losses. */
  #pending = 0;
  #lossSum = 0;
  /** Losses not yet handed out; grows by doubling. */
  #losses = new Float32Array(64);
  #lossCount = 0;

  constructor(context: LaneContext, settings: LaneSettings, map: LaneMap, pieces: Readonly<Record<Plan['kind'], readonly Piece[]>>) {
    this.#context = context;
    this.#settings = settings;
    this.#map = map;
    this.training = pieces.training;
    this.evaluation = pieces.evaluation;
    this.gradient = pieces.gradient;
    const update = context.plan.launches.find((launch) => launch.kind === 'adamw');
    if (!update) throw new Error('The training plan has no optimizer.');
    this.#segments = segments(update);
    this.#write(map.parameters, settings.parameters);
  }

  /** m: micro-batches in one update. */
  get microBatches(): number {
    return this.#settings.microBatches;
  }

  /** Stands between two updates. */
  get between(): boolean {
    return this.#pending === 0;
  }

  /** Micro-steps done: the place in the stream of tokens. */
  get microSteps(): number {
    return this.updates * this.#settings.microBatches + this.#pending;
  }

  /** Still works, and is to work up to update `until`. */
  wants(until: number): boolean {
    return !this.frozen && this.updates < Math.min(until, this.#settings.updates);
  }

  /** After the pieces of a micro-step: takes in its loss and gradient, and updates the parameters when due. */
  finishMicroStep(): void {
    const { kernels, plan, gradients, losses } = this.#context;
    const { microBatches } = this.#settings;
    this.#lossSum += kernels.sumOf(losses, plan.losses.size) / plan.losses.size;
    this.#pending++;
    const { accumulated } = this.#map;
    if (accumulated !== undefined) {
      if (this.#pending === 1) kernels.copyWords(gradients, accumulated, plan.parameters);
      else kernels.addInto(accumulated, gradients, plan.parameters);
    }
    if (this.#pending < microBatches) return;
    const loss = this.#lossSum / microBatches;
    this.#pending = 0;
    this.#lossSum = 0;
    this.updates++;
    this.#keep(loss);
    // What is kept has single precision; a loss that leaves it has left the finite numbers.
    if (Number.isFinite(Math.fround(loss))) this.#update(accumulated ?? gradients);
    else this.frozen = true;
  }

  /** Losses that came since the last call; undefined when none did. */
  takeLosses(lane: number): LaneLosses | undefined {
    const count = this.#lossCount;
    if (count === 0) return undefined;
    this.#lossCount = 0;
    return { lane, firstUpdate: this.updates - count, losses: this.#losses.slice(0, count) };
  }

  /** A copy of the parameters. */
  parameters(): Float32Array {
    return this.#read(this.#map.parameters);
  }

  save(): LaneState {
    const { accumulated, mean, square } = this.#map;
    const gradient = this.#pending > 0 && accumulated !== undefined ? this.#read(accumulated) : undefined;
    return {
      parameters: this.parameters(),
      mean: this.#read(mean),
      square: this.#read(square),
      updates: this.updates,
      pending: gradient && { microBatches: this.#pending, gradient, loss: this.#lossSum },
    };
  }

  restore({ parameters, mean, square, updates, pending }: LaneState): void {
    if (pending && (this.#map.accumulated === undefined || pending.microBatches >= this.#settings.microBatches))
      throw new Error('The saved state is of a lane with other micro-batches.');
    this.#write(this.#map.parameters, parameters);
    this.#write(this.#map.mean, mean);
    this.#write(this.#map.square, square);
    if (pending && this.#map.accumulated !== undefined) this.#write(this.#map.accumulated, pending.gradient);
    this.updates = updates;
    this.#pending = pending?.microBatches ?? 0;
    this.#lossSum = pending?.loss ?? 0;
    this.#lossCount = 0;
    this.frozen = false;
  }

  /** One step of AdamW on the sum of gradients at `sum`; the formula is in src/plan/launches.ts. */
  #update(sum: number): void {
    const { kernels, plan } = this.#context;
    const { microBatches, beta1, beta2, epsilon, weightDecay, clipNorm } = this.#settings;
    let scale = 1 / microBatches;
    if (clipNorm > 0) scale *= clipNorm / Math.max(Math.sqrt(kernels.sumOfSquares(sum, plan.parameters)) / microBatches, clipNorm);
    const learningRate = this.#settings.learningRate(this.updates - 1);
    const rate = learningRate / (1 - beta1 ** this.updates);
    const unbiasSquare = 1 / (1 - beta2 ** this.updates);
    for (const { offset, size, decays } of this.#segments) {
      const at = 4 * offset;
      // prettier-ignore
      kernels.adamw(
        this.#map.parameters + at, sum + at, this.#map.mean + at, this.#map.square + at, size, scale, rate,
        beta1, 1 - beta1, beta2, 1 - beta2, unbiasSquare, epsilon, decays ? learningRate * weightDecay : 0,
      );
    }
  }

  #keep(loss: number): void {
    if (this.#lossCount === this.#losses.length) {
      const longer = new Float32Array(2 * this.#losses.length);
      longer.set(this.#losses);
      this.#losses = longer;
    }
    this.#losses[this.#lossCount++] = loss;
  }

  #read(address: number): Float32Array {
    return this.#context.floats.slice(address / 4, address / 4 + this.#context.plan.parameters);
  }

  #write(address: number, values: Float32Array): void {
    if (values.length !== this.#context.plan.parameters)
      throw new Error(`The model has ${this.#context.plan.parameters} parameters, not ${values.length}.`);
    this.#context.floats.set(values, address / 4);
  }
}

function segments({ size, decayed }: AdamW): Segment[] {
  const found: Segment[] = [];
  let at = 0;
  const until = (end: number, decays: boolean): void => {
    if (end > at) found.push({ offset: at, size: end - at, decays });
    at = end;
  };
  for (const range of decayed) {
    until(range.offset, false);
    until(range.offset + range.size, true);
  }
  until(size, false);
  return found;
}
