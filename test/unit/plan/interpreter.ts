// A scalar interpreter of plans: one lane, launch by launch after src/plan/launches.ts. Memory that nothing has written
// holds NaN, and what a micro-step leaves in its activations and gradients is gone in the next, so that a plan which
// reads too early or too late cannot pass for right.
import { windowCount, windowInStream } from '../../../src/data/order.ts';
import type { LaneSettings, TokenSource } from '../../../src/plan/executor.ts';
import type { AdamW, FusedLaunch, GenericLaunch, Launch, Sample } from '../../../src/plan/launches.ts';
import type { Operand, Plan, Region } from '../../../src/plan/plan.ts';
import { runFusedLaunch, type View, type Words } from './interpreter-fused.ts';
import { runGenericLaunch } from './interpreter-generic.ts';

/** Precision in which words are kept; all arithmetic within a launch is double. */
export type Precision = 'f32' | 'f64';

/** A lane's memory, one array per region. */
export type Memory = Readonly<Record<Region, Words>>;

/** The memory a plan asks for: constants set, all else NaN. */
export function memoryOf(plan: Plan, precision: Precision = 'f64'): Memory {
  const words = (region: Region): Words => {
    const length = plan.words[region];
    return (precision === 'f32' ? new Float32Array(length) : new Float64Array(length)).fill(NaN);
  };
  const memory: Memory = {
    parameters: words('parameters'),
    gradients: words('gradients'),
    accumulated: words('accumulated'),
    mean: words('mean'),
    square: words('square'),
    activations: words('activations'),
    constants: words('constants'),
    tokens: words('tokens'),
  };
  memory.constants.set(plan.constants);
  return memory;
}

/** Operands as views of a memory. */
export function viewOf(memory: Memory): View {
  return ({ region, offset, size }: Operand) => {
    if (offset + size > memory[region].length) throw new Error(`An operand ends beyond the region ${region}.`);
    return memory[region].subarray(offset, offset + size);
  };
}

/** Runs a launch that computes on one lane's tensors alone. */
export function runLaunch(launch: FusedLaunch | GenericLaunch, view: View): void {
  switch (launch.kind) {
    case 'embedding':
    case 'embeddingGradient':
    case 'norm':
    case 'normGradient':
    case 'linear':
    case 'linearGradient':
    case 'attention':
    case 'attentionGradient':
    case 'crossEntropy':
      return runFusedLaunch(launch, view);
    default:
      return runGenericLaunch(launch, view);
  }
}

/** What stands at the ends of a step, by the state of whoever runs it. */
interface Ends {
  sample(launch: Sample): void;
  accumulate(): void;
  adamw(launch: AdamW): void;
  finish(losses: Words): void;
}

function run(launches: readonly Launch[], view: View, ends: Ends): void {
  for (const launch of launches)
    switch (launch.kind) {
      case 'sample':
        ends.sample(launch);
        break;
      case 'accumulate':
        ends.accumulate();
        break;
      case 'adamw':
        ends.adamw(launch);
        break;
      case 'gradientNorm':
        // Reads gradients and leaves them: its norms are the caller's to take.
        break;
      case 'finish':
        ends.finish(view(launch.reads.losses));
        break;
      default:
        runLaunch(launch, view);
    }
}

/** Reads tokens into the operands of a sample launch: sequence i from `startOf(i)` on. */
function readTokens(launch: Sample, view: View, text: Uint16Array, startOf: (i: number) => number): void {
  const [tokens, targets] = [view(launch.writes.tokens), view(launch.writes.targets)];
  for (let i = 0; i < launch.sequences; i++)
    for (let t = 0; t < launch.context; t++) {
      tokens[i * launch.context + t] = text[startOf(i) + t];
      targets[i * launch.context + t] = text[startOf(i) + t + 1];
    }
}

const unexpected = (): never => {
  throw new Error('A launch stands where it must not.');
};

/** Setup launches may compute, and do nothing else. */
const setupEnds: Ends = { sample: unexpected, accumulate: unexpected, adamw: unexpected, finish: unexpected };

/** One lane of a training plan. */
export class InterpretedLane {
  readonly memory: Memory;
  /** Mean losses of the updates so far, nats per token. */
  readonly losses: number[] = [];
  /** Updates done. */
  updates = 0;
  frozen = false;
  readonly #plan: Plan;
  readonly #settings: LaneSettings;
  readonly #source: TokenSource;
  readonly #view: View;
  #microSteps = 0;
  #pending = 0;
  #lossSum = 0;

  constructor(plan: Plan, settings: LaneSettings, source: TokenSource, precision: Precision = 'f64') {
    this.#plan = plan;
    this.#settings = settings;
    this.#source = source;
    this.memory = memoryOf(plan, precision);
    this.#view = viewOf(this.memory);
    this.memory.parameters.set(settings.parameters);
    this.memory.mean.fill(0);
    this.memory.square.fill(0);
    run(plan.setup, this.#view, setupEnds);
  }

  /** Runs the plan once; an update where the lane is due. */
  microStep(): void {
    this.memory.activations.fill(NaN);
    this.memory.gradients.fill(NaN);
    this.memory.tokens.fill(NaN);
    this.#pending++;
    run(this.#plan.launches, this.#view, {
      sample: (launch) => {
        const { training, dataSeed } = this.#source;
        const windows = windowCount(training.length, launch.context);
        const first = this.#microSteps * launch.sequences;
        readTokens(launch, this.#view, training, (i) => windowInStream(first + i, windows, dataSeed) * launch.context);
      },
      accumulate: () => {
        const { gradients, accumulated } = this.memory;
        for (let i = 0; i < this.#plan.parameters; i++) accumulated[i] = (this.#pending === 1 ? 0 : accumulated[i]) + gradients[i];
      },
      adamw: (launch) => {
        if (this.#due() && !this.frozen) this.#update(launch);
      },
      finish: (losses) => this.#finish(losses),
    });
    this.#microSteps++;
  }

  /** Runs until `updates` updates are done. */
  train(updates: number): void {
    while (this.updates < updates) this.microStep();
  }

  #due(): boolean {
    return this.#pending === this.#settings.microBatches;
  }

  #update({ size, decayed }: AdamW): void {
    const { accumulated, parameters, mean, square } = this.memory;
    const { microBatches, beta1, beta2, epsilon, weightDecay, clipNorm } = this.#settings;
    const rate = this.#settings.learningRate(this.updates);
    const gradient = Float64Array.from(accumulated.subarray(0, size), (word) => word / microBatches);
    const norm = Math.sqrt(gradient.reduce((total, word) => total + word * word, 0));
    const scale = clipNorm === 0 ? 1 : clipNorm / Math.max(norm, clipNorm);
    const decays = new Uint8Array(size);
    for (const range of decayed) decays.fill(1, range.offset, range.offset + range.size);
    const [rest1, rest2] = [1 - beta1 ** (this.updates + 1), 1 - beta2 ** (this.updates + 1)];
    for (let i = 0; i < size; i++) {
      const g = gradient[i] * scale;
      mean[i] = beta1 * mean[i] + (1 - beta1) * g;
      square[i] = beta2 * square[i] + (1 - beta2) * g * g;
      const direction = mean[i] / rest1 / (Math.sqrt(square[i] / rest2) + epsilon);
      parameters[i] -= rate * (direction + weightDecay * decays[i] * parameters[i]);
    }
  }

  #finish(losses: Words): void {
    this.#lossSum += meanOf(losses);
    if (!this.#due()) return;
    const loss = this.#lossSum / this.#settings.microBatches;
    this.losses.push(loss);
    if (!Number.isFinite(loss)) this.frozen = true;
    this.#lossSum = 0;
    this.#pending = 0;
    this.updates++;
  }
}

/** Mean of some words. */
export function meanOf(words: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < words.length; i++) total += words[i];
  return total / words.length;
}

/** Mean loss over all held-out windows, by an evaluation plan whose losses are one per row. */
export function evaluateByInterpreter(plan: Plan, parameters: Float32Array, source: TokenSource, precision: Precision = 'f64'): number {
  if (!plan.perRow) throw new Error('The plan does not keep one loss per row.');
  const memory = memoryOf(plan, precision);
  const view = viewOf(memory);
  memory.parameters.set(parameters);
  run(plan.setup, view, setupEnds);
  const windows = Math.floor(source.validation.length / (plan.context + 1));
  let total = 0;
  for (let first = 0; first < windows; first += plan.sequences) {
    memory.activations.fill(NaN);
    run(plan.launches, view, {
      sample: (launch) => readTokens(launch, view, source.validation, (i) => Math.min(first + i, windows - 1) * (launch.context + 1)),
      accumulate: unexpected,
      adamw: unexpected,
      finish: (losses) => {
        const rows = Math.min(plan.sequences, windows - first) * plan.context;
        for (let r = 0; r < rows; r++) total += losses[r];
      },
    });
  }
  return total / (windows * plan.context);
}
