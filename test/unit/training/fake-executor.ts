// An executor in plain memory whose losses follow a known function of the run and of the windows that were read, on a
// clock of its own; it can be told to lose its device.
import type {
  Executor,
  FootprintOf,
  GradientNorms,
  LaneLosses,
  LaneSettings,
  LaneState,
  Plans,
  TokenSource,
} from '../../../src/plan/executor.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { parameterLength, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';
import { learningRateAt } from '../../../src/training/schedule.ts';
import { steps, type RunConfig } from '../../../src/config/run.ts';
import { initialParameters, modelConfig } from '../../../src/model/parameters.ts';

/** Time that stands still but for what executors do, milliseconds. */
export class Clock {
  time = 0;
  readonly now = (): number => this.time;
}

/** What goes wrong in the micro-step that begins at a time. */
export type Trouble = 'lose' | 'zero';

export interface FakeOptions {
  readonly clock: Clock;
  /** Milliseconds of one micro-step of one lane. */
  readonly microStep: number;
  /** What goes wrong in `executor` (from 0) at its micro-step `count` (from 0) of lane `lane`. */
  readonly trouble?: (executor: number, count: number, lane: number) => Trouble | undefined;
  /** Rejects the set-up with this message. */
  readonly refuse?: (lanes: number, executor: number) => string | undefined;
  /** Squared norms of gradients of a lane after some updates, over so many batches. */
  readonly norms?: (settings: LaneSettings, updates: number, batches: number) => GradientNorms;
  /** Update (from 0) whose loss is not finite, by learning rate. */
  readonly diverges?: (settings: LaneSettings, update: number) => boolean;
}

/** The loss that a batch contributes at its place in the stream: tokens read so far give the noise. */
const noise = (position: number): number => Math.abs(Math.sin(position + 1)) / 10;

interface FakeLane {
  readonly settings: LaneSettings;
  parameters: Float32Array;
  updates: number;
  pendingBatches: number;
  pendingLoss: number;
  frozen: boolean;
  lost: number;
  told: number;
  losses: number[];
}

/** The fake device: makes executors, and remembers them. */
export class FakeDevice {
  readonly options: FakeOptions;
  readonly executors: { readonly lanes: number; readonly microBatches: number[]; readonly sequences: number; disposed: boolean }[] = [];
  /** Micro-steps done by all executors. */
  microSteps = 0;
  evaluations = 0;

  constructor(options: FakeOptions) {
    this.options = options;
  }

  readonly create = async (plans: Plans, lanes: readonly LaneSettings[], tokens: TokenSource): Promise<Executor> => {
    await Promise.resolve();
    const number = this.executors.length;
    const entry = {
      lanes: lanes.length,
      microBatches: lanes.map((lane) => lane.microBatches),
      sequences: plans.training.sequences,
      disposed: false,
    };
    this.executors.push(entry);
    const refusal = this.options.refuse?.(lanes.length, number);
    if (refusal !== undefined) throw new Error(refusal);
    return this.#executor(plans, lanes, tokens, number, () => (entry.disposed = true));
  };

  #executor(plans: Plans, settings: readonly LaneSettings[], tokens: TokenSource, number: number, disposed: () => void): Executor {
    const { clock, microStep, trouble, diverges } = this.options;
    const { sequences } = plans.training;
    const lanes = settings.map((one): FakeLane => ({
      settings: one,
      parameters: one.parameters.slice(),
      updates: 0,
      pendingBatches: 0,
      pendingLoss: 0,
      frozen: false,
      lost: 0,
      told: 0,
      losses: [],
    }));
    let lost = false;
    let count = 0;
    const mustLive = (): void => {
      if (lost) throw new Error('The device was lost');
    };
    const step = (lane: FakeLane, index: number): void => {
      const what = trouble?.(number, count++, index);
      if (what === 'lose') lost = true;
      mustLive();
      this.microSteps++;
      clock.time += microStep;
      const { microBatches } = lane.settings;
      const position = (lane.updates * microBatches + lane.pendingBatches) * sequences;
      for (let sequence = 0; sequence < sequences; sequence++) lane.pendingLoss += noise(position + sequence) / sequences;
      if (++lane.pendingBatches < microBatches) return;
      let loss = Math.fround(lane.pendingLoss / microBatches + 1 + Math.abs(lane.parameters[0]));
      if (what === 'zero') loss = 0;
      if (diverges?.(lane.settings, lane.updates)) loss = NaN;
      lane.losses.push(loss);
      if (!Number.isFinite(loss)) lane.frozen = true;
      const rate = lane.settings.learningRate(lane.updates);
      lane.parameters = lane.parameters.map((value) => value * (1 - rate));
      lane.updates++;
      lane.pendingBatches = 0;
      lane.pendingLoss = 0;
    };
    return {
      bytes: 0,
      advance: async (milliseconds, untilUpdate) => {
        await new Promise((resolve) => setImmediate(resolve));
        mustLive();
        const end = clock.time + milliseconds;
        const open = (): [FakeLane, number][] =>
          lanes
            .map((lane, index): [FakeLane, number] => [lane, index])
            .filter(([lane, index]) => !lane.frozen && lane.updates < Math.min(lane.settings.updates, untilUpdate(index)));
        for (let rest = open(); rest.length > 0 && clock.time < end; rest = open()) for (const [lane, index] of rest) step(lane, index);
        const results: LaneLosses[] = [];
        lanes.forEach((lane, index) => {
          if (lane.losses.length === 0) return;
          results.push({ lane: index, firstUpdate: lane.told, losses: Float32Array.from(lane.losses) });
          lane.told += lane.losses.length;
          lane.losses = [];
        });
        return results;
      },
      updatesOf: (index) => lanes[index].updates,
      evaluate: async (indices) => {
        await Promise.resolve();
        mustLive();
        this.evaluations++;
        return Float64Array.from(indices, (index) => 2 + Math.abs(lanes[index].parameters[0]) + tokens.validation.length / 1e9);
      },
      gradientNorms: async (indices, batches) => {
        await Promise.resolve();
        mustLive();
        if (plans.gradient === undefined) throw new Error('These runs measure no gradients.');
        return indices.map((index) => {
          const lane = lanes[index];
          if (lane.pendingBatches > 0) throw new Error('The lane is in the middle of an update.');
          return this.options.norms?.(lane.settings, lane.updates, batches) ?? { small: 1, big: 1 };
        });
      },
      freeze: (index) => {
        lanes[index].frozen = true;
      },
      parameters: async (index) => {
        await Promise.resolve();
        mustLive();
        return lanes[index].parameters.slice();
      },
      save: async (index): Promise<LaneState> => {
        await Promise.resolve();
        mustLive();
        const { parameters, updates, pendingBatches, pendingLoss } = lanes[index];
        const pending = { microBatches: pendingBatches, gradient: new Float32Array(parameters.length), loss: pendingLoss };
        const counter = new Float32Array(parameters.length).fill(updates);
        return {
          parameters: parameters.slice(),
          mean: counter,
          square: counter.slice(),
          updates,
          pending: pendingBatches > 0 ? pending : undefined,
        };
      },
      restore: async (index, { parameters, mean, square, updates, pending }) => {
        await Promise.resolve();
        mustLive();
        if (mean[0] !== updates || square[0] !== updates) throw new Error('This is no state that was saved here.');
        const lane = lanes[index];
        lane.parameters = parameters.slice();
        lane.updates = updates;
        lane.told = updates;
        lane.pendingBatches = pending?.microBatches ?? 0;
        lane.pendingLoss = pending?.loss ?? 0;
      },
      dispose: () => {
        lost = true;
        disposed();
      },
    };
  }
}

/** The losses of a run by the same function, its batch in one piece. */
export function expectedLosses(config: RunConfig, vocabulary: number): number[] {
  const { batchSequences, seed } = config;
  let first = initialParameters(parameterSpecs(modelConfig(config, vocabulary)), seed)[0];
  const total = steps(config);
  return Array.from({ length: total }, (_, update) => {
    let sum = 0;
    for (let i = 0; i < batchSequences; i++) sum += noise(update * batchSequences + i);
    const loss = sum / batchSequences + 1 + Math.abs(first);
    first = Math.fround(first * (1 - learningRateAt(config, update, total)));
    return loss;
  });
}

/** The held-out loss of a run after `step` updates, by the same function. */
export function expectedValidation(config: RunConfig, vocabulary: number, step: number, validationTokens: number): number {
  let first = initialParameters(parameterSpecs(modelConfig(config, vocabulary)), config.seed)[0];
  for (let update = 0; update < step; update++) first = Math.fround(first * (1 - learningRateAt(config, update, steps(config))));
  return 2 + Math.abs(first) + validationTokens / 1e9;
}

/** Plans that say how large things are, and nothing else. */
/** Bytes of lanes that have all to themselves. */
export const fakeFootprint: FootprintOf = ({ training: { words } }, microBatches) => {
  const own = words.parameters + words.gradients + words.accumulated + words.mean + words.square;
  const buffer = 4 * microBatches.length;
  return { bytes: buffer * (own + words.activations), largestBuffer: buffer * Math.max(words.parameters, words.activations) };
};

export function fakePlans(model: ModelConfig, sequences: number, measured?: number): Plans {
  const parameters = parameterLength(parameterSpecs(model));
  const plan = (kind: Plan['kind'], sequences: number): Plan => ({
    kind,
    sequences,
    context: model.context,
    rows: sequences * model.context,
    parameters,
    setup: [],
    launches: [],
    constants: new Float32Array(0),
    words: {
      parameters,
      gradients: kind === 'training' ? parameters : 0,
      accumulated: kind === 'training' ? parameters : 0,
      mean: kind === 'training' ? parameters : 0,
      square: kind === 'training' ? parameters : 0,
      activations: 100 * sequences * model.context,
      constants: 64,
      tokens: 2 * sequences * model.context,
    },
    losses: { region: 'activations', offset: 0, size: sequences * model.context },
    perRow: true,
  });
  const plans = { training: plan('training', sequences), evaluation: plan('evaluation', sequences) };
  return measured === undefined ? plans : { ...plans, gradient: plan('gradient', measured) };
}
