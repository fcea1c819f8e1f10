// The engine as a trainer: packs runs into lanes of executors, in groups that share a micro-batch and fit in memory.
import { steps, type RunConfig } from '../../config/run.ts';
import type { SweepRun } from '../../config/sweep.ts';
import { windowCount } from '../../data/order.ts';
import { initialParameters, modelConfig, parameterSpecs, type ModelConfig } from '../../model/parameters.ts';
import type { Executor, LaneSettings, Plans, TokenSource } from '../../plan/executor.ts';
import { breathe } from '../breathe.ts';
import { smallBatches } from '../gradient-noise.ts';
import { learningRateAt } from '../schedule.ts';
import { trunksOf } from '../trunk.ts';
import type { DeviceReport, LaneEvent, Measurement, Trainer, TrainingControl, TrainingData } from '../trainer.ts';
import { Ahead, type CompileAhead, type Expected } from './ahead.ts';
import { checkpointKey, type Checkpoint, type CheckpointKey, type CheckpointStore } from './checkpoint.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import { takenUp } from './faults.ts';
import { Lane } from './lane.ts';
import { evenParts, lanesThatFit, type MemoryRule } from './memory.ts';
import { microBatchGroups, type MicroBatchGroup, type MicroBatchRule, type MicroStepCost } from './micro-batches.ts';
import type { Pace, PopulationLane } from './population.ts';
import { trainThroughFaults } from './recovery.ts';

/** Sets up an executor. Rejects when the device is lost or memory is short; a later call may succeed. */
export type ExecutorFactory = (plans: Plans, lanes: readonly LaneSettings[], tokens: TokenSource) => Promise<Executor>;

/** What an engine is made of. */
export interface EngineParts {
  readonly report: DeviceReport;
  readonly createExecutor: ExecutorFactory;
  /** Compiles what an executor will need while another is at work; absent where nothing is compiled. */
  readonly compileAhead?: CompileAhead;
  /** The traced step of a model, for micro-batches of this many sequences; with `measured`, also that of gradients over so many. */
  readonly plansOf: (model: ModelConfig, sequences: number, measured?: number) => Plans;
  /** May take a measurement of the device. */
  readonly microBatches: (model: ModelConfig) => MicroBatchRule | Promise<MicroBatchRule>;
  readonly memory: MemoryRule;
  /** Lanes of one executor, at most, whatever fits, where a micro-step of `rows` tokens costs this. */
  readonly mostLanes: (cost: MicroStepCost, rows: number) => number;
  /** Lanes side by side in a measurement. */
  readonly measuredLanes: number;
  readonly evaluatedTogether: number;
  /** Where checkpoints outlive the worker; without it they live in memory alone. */
  readonly store?: CheckpointStore;
  /** Milliseconds; for tests. */
  readonly times?: Partial<Pick<Pace, 'slice' | 'checkpoint' | 'now'>> & { readonly rest?: number };
  readonly dispose?: () => void;
}

/** What depends on the device. */
export type DeviceParts = Omit<EngineParts, 'report' | 'plansOf' | 'store' | 'times'>;

/** Milliseconds of training between two looks at the controls. */
const SLICE = 50;
/** Milliseconds of training between two checkpoints. With a slice and the saving itself less than ten seconds. */
const CHECKPOINT_EVERY = 8000;
/** Milliseconds that a device is left alone after a failure. */
const REST = 300;

/** The most runs in one population: all of a sweep's size; the trainer cuts them to what memory holds. */
const MOST_RUNS = 4096;

/** Trains populations as lanes of executors. */
export class EngineTrainer implements Trainer {
  readonly report: DeviceReport;
  readonly #parts: EngineParts;
  readonly #pace: Pace;
  readonly #ahead: Ahead;

  constructor(parts: EngineParts) {
    this.#parts = parts;
    this.report = parts.report;
    this.#ahead = new Ahead(parts.compileAhead);
    const now = (): number => performance.now();
    this.#pace = { slice: SLICE, checkpoint: CHECKPOINT_EVERY, now, ...parts.times, evaluatedTogether: parts.evaluatedTogether };
  }

  lanesFor(): Promise<number> {
    return Promise.resolve(MOST_RUNS);
  }

  async train(runs: readonly SweepRun[], data: TrainingData, control: TrainingControl, emit: (event: LaneEvent) => void): Promise<void> {
    if (runs.length === 0) return;
    const model = modelConfig(runs[0].config, data.vocabulary);
    const writer = new CheckpointWriter(this.#parts.store, this.#pace.now);
    const keys = new Map<string, CheckpointKey>();
    for (const { id, config } of runs) keys.set(id, checkpointKey(id, config, this.report.backend, data));
    try {
      const batches = runs.map(({ config }) => config.batchSequences);
      const rule = await this.#parts.microBatches(model);
      const tokens = tokensOf(runs[0].config, data);
      const measured = smallBatches(runs[0].config)?.sequences;
      const groups = microBatchGroups(batches, model.context, rule);
      for (const [index, { sequences, members }] of groups.entries()) {
        this.#ahead.rest = groups.slice(index + 1).map((group) => () => this.#expected(model, group, rule, tokens, measured));
        const plans = this.#parts.plansOf(model, sequences, measured);
        const worth = this.#parts.mostLanes(rule.cost, sequences * model.context);
        const microBatches = members.map((index) => runs[index].config.batchSequences / sequences);
        const most = Math.max(1, lanesThatFit(plans, microBatches, tokens, this.#parts.memory));
        // Of runs that begin alike few train at once: those that wait for another take memory alone.
        const families = trunksOf(members.map((index) => runs[index])).map(({ main, branches }) => [
          main,
          ...branches.map(({ run }) => run),
        ]);
        for (const part of evenParts(families, { families: Math.max(1, worth), members: most })) {
          if (control.signal.aborted) return;
          await this.#trainTogether(part, { plans, sequences, most, data, control, emit, writer, keys });
        }
      }
    } finally {
      this.#ahead.end();
      await writer.settled();
    }
  }

  announce(config: RunConfig, data: TrainingData): void {
    const model = modelConfig(config, data.vocabulary);
    this.#ahead.announce(async () => {
      // Asked for while others train: what there is to measure has been measured for them.
      const rule = await this.#parts.microBatches(model);
      const [group] = microBatchGroups([config.batchSequences], model.context, rule);
      return this.#expected(model, group, rule, tokensOf(config, data), smallBatches(config)?.sequences);
    });
  }

  async measure(config: RunConfig, data: TrainingData, milliseconds: number): Promise<Measurement> {
    const model = modelConfig(config, data.vocabulary);
    const [{ sequences }] = microBatchGroups([config.batchSequences], model.context, await this.#parts.microBatches(model));
    const plans = this.#parts.plansOf(model, sequences);
    const tokens = tokensOf(config, data);
    const alike = Array<number>(this.#parts.measuredLanes).fill(config.batchSequences / sequences);
    const lanes = Math.max(1, lanesThatFit(plans, alike, tokens, this.#parts.memory));
    const settings = { ...this.#settings(config, data, sequences), updates: 2 ** 30 };
    const executor = await this.#parts.createExecutor(plans, Array<LaneSettings>(lanes).fill(settings), tokens);
    try {
      /** Whole updates, so that none is counted that is only begun. Returns milliseconds. */
      const train = async (updates: number): Promise<number> => {
        const until = executor.updatesOf(0) + updates;
        const start = this.#pace.now();
        while (executor.updatesOf(0) < until) await executor.advance(milliseconds, () => until);
        return this.#pace.now() - start;
      };
      // Two steps first: code and caches warm up in them.
      await train(2);
      let elapsed = 0;
      let updates = 0;
      for (let next = 1; elapsed < milliseconds;) {
        elapsed += await train(next);
        updates += next;
        await breathe();
        const fitting = (Math.min(this.#pace.slice, milliseconds - elapsed) * updates) / elapsed;
        // A clock that is too coarse for the first steps shows no time at all.
        next = elapsed > 0 ? Math.max(1, Math.min(4 * updates, Math.ceil(fitting))) : 4 * updates;
      }
      return { secondsPerStep: elapsed / 1000 / updates, lanes };
    } finally {
      executor.dispose();
    }
  }

  dispose(): void {
    this.#parts.dispose?.();
  }

  async #trainTogether(runs: readonly SweepRun[], group: GroupSettings): Promise<void> {
    const { plans, sequences, most, data, control, emit, writer, keys } = group;
    const windows = windowCount(data.training.length, plans.training.context);
    const lanes: PopulationLane[] = [];
    for (const run of runs) {
      const kept = await writer.load(keys.get(run.id)!);
      const from = kept && fits(kept, run.config, plans) ? kept : undefined;
      lanes.push({ lane: new Lane(run, windows, emit, from), microBatches: run.config.batchSequences / sequences });
    }
    const taken = lanes.filter(({ lane }) => lane.checkpoint !== undefined).length;
    if (taken > 0) emit({ kind: 'notice', sentence: takenUp(taken) });
    const keepable = (some: readonly Lane[]) => some.map((lane) => ({ key: keys.get(lane.id)!, checkpoint: () => lane.checkpoint }));
    await trainThroughFaults(lanes, {
      create: async (part) => {
        this.#ahead.end();
        const executor = await this.#parts.createExecutor(
          plans,
          part.map(({ lane }) => this.#settings(lane.config, data, sequences)),
          tokensOf(runs[0].config, data),
        );
        this.#ahead.begin();
        return executor;
      },
      control,
      pace: this.#pace,
      hooks: {
        ended: (lane) => writer.remove(keys.get(lane.id)!),
        checkpoint: (saved) => writer.offer(keepable(saved)),
        branched: (lane) => void writer.keep(keepable([lane])),
      },
      emit,
      most,
      rest: this.#parts.times?.rest ?? REST,
    });
    // Stopped: what was trained so far is there for whoever takes the runs up again.
    if (control.signal.aborted) await writer.keep(keepable(lanes.map(({ lane }) => lane)));
  }

  /** The executor of a group, about: what it compiles depends on little but the model. */
  #expected(
    model: ModelConfig,
    { sequences, members }: MicroBatchGroup,
    rule: MicroBatchRule,
    tokens: TokenSource,
    measured: number | undefined,
  ): Expected {
    const worth = this.#parts.mostLanes(rule.cost, sequences * model.context);
    return { plans: this.#parts.plansOf(model, sequences, measured), lanes: Math.max(1, Math.min(worth, members.length)), tokens };
  }

  #settings(config: RunConfig, data: TrainingData, sequences: number): LaneSettings {
    const { seed, batchSequences, beta1, beta2, epsilon, weightDecay, clipNorm } = config;
    const updates = steps(config);
    return {
      parameters: initialParameters(parameterSpecs(modelConfig(config, data.vocabulary)), seed),
      microBatches: batchSequences / sequences,
      updates,
      learningRate: (update) => learningRateAt(config, Math.min(update, updates - 1), updates),
      beta1,
      beta2,
      epsilon,
      weightDecay,
      clipNorm,
    };
  }
}

/** What the runs of one group have in common. */
interface GroupSettings {
  readonly plans: Plans;
  /** In one micro-batch. */
  readonly sequences: number;
  /** Lanes of one executor, at most. */
  readonly most: number;
  readonly data: TrainingData;
  readonly control: TrainingControl;
  readonly emit: (event: LaneEvent) => void;
  readonly writer: CheckpointWriter;
  readonly keys: ReadonlyMap<string, CheckpointKey>;
}

function tokensOf({ dataSeed }: RunConfig, { training, validation }: TrainingData): TokenSource {
  return { training, dataSeed, validation };
}

/** Whether a checkpoint read from outside can be this run's. */
function fits({ state, losses }: Checkpoint, config: RunConfig, { training }: Plans): boolean {
  const { parameters, mean, square, updates } = state;
  const lengths = [parameters, mean, square].every((array) => array.length === training.parameters);
  return lengths && losses.length === updates && updates >= 1 && updates <= steps(config) && losses.every(Number.isFinite);
}
