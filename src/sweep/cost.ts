// What a sweep costs: tokens and FLOPs exactly, from the configs; seconds from a short calibration on the device.
import { batchTokens, steps, tokensRead, type RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import { countFlops } from '../model/counts.ts';
import { modelConfig } from '../model/parameters.ts';
import { measuredTokens } from '../training/gradient-noise.ts';
import { validationSteps } from '../training/recorder.ts';
import type { Measurement } from '../training/trainer.ts';
import { warmupUpdates } from '../training/schedule.ts';
import { sharedUpdates } from '../training/trunk.ts';

export { sharedUpdates, warmupUpdates };

/** Tokens in the vocabulary that a run's data really uses. */
export type VocabularyOf = (config: RunConfig) => number;

/** Exact amounts of training. */
export interface Amounts {
  readonly tokens: number;
  readonly steps: number;
  readonly flops: number;
}

/** Exact costs of training, what runs share counted once. */
export interface Cost extends Amounts {
  readonly runs: number;
  /** What trained runs contain beyond that: the beginnings that they have in common with a longer run. */
  readonly shared: Amounts;
}

/** Training FLOPs per token, attention and head included. */
export function flopsPerToken(config: RunConfig, vocabulary: number): number {
  return countFlops(modelConfig(config, vocabulary)).training;
}

/** FLOPs per token that training really computes: of a mixture of experts all experts, of which a token needs a few. */
export function computedPerToken(config: RunConfig, vocabulary: number): number {
  return countFlops(modelConfig(config, vocabulary)).computed;
}

/** C: training FLOPs of a run. */
export function runFlops(config: RunConfig, vocabulary: number): number {
  return flopsPerToken(config, vocabulary) * tokensRead(config);
}

/** FLOPs that a run computes, with the largest vocabulary that the config allows: for comparing runs before their data is known. */
export function roughFlops(config: RunConfig): number {
  return computedPerToken(config, config.vocabulary) * tokensRead(config);
}

/**
 * Exact costs of many runs together.
 * @param shares whether the trainer trains once what runs share; the reference trainer does not
 */
export function sweepCost(runs: readonly SweepRun[], vocabularyOf: VocabularyOf, shares = true): Cost {
  const total = { tokens: 0, steps: 0, flops: 0 };
  const shared = { tokens: 0, steps: 0, flops: 0 };
  const beginnings = shares ? sharedUpdates(runs) : [];
  for (const [index, { config }] of runs.entries()) {
    const perToken = flopsPerToken(config, vocabularyOf(config));
    const add = (to: { -readonly [Key in keyof Amounts]: number }, count: number): void => {
      to.steps += count;
      to.tokens += count * batchTokens(config);
      to.flops += count * batchTokens(config) * perToken;
    };
    const beginning = beginnings.at(index) ?? 0;
    add(shared, beginning);
    add(total, steps(config) - beginning);
  }
  return { runs: runs.length, ...total, shared };
}

/** One measurement of one run's step. */
export interface CalibrationPoint {
  readonly config: RunConfig;
  readonly vocabulary: number;
  readonly measurement: Measurement;
}

/** Seconds of a step of B tokens of one model: overhead + perToken·B, the work of one lane. */
interface StepTime {
  readonly computedPerToken: number;
  readonly overhead: number;
  readonly perToken: number;
}

/** A guess for a device of which nothing is known yet; what really happens soon corrects it. */
const UNKNOWN = { overheadSeconds: 2e-4, flopsPerSecond: 2e9 };

/** A held-out token goes forward only: a third of a training token's arithmetic. */
const VALIDATION_SHARE = 1 / 3;

/**
 * How long runs take on one worker. For each measured model a step of B tokens takes overhead + perToken·B seconds, from
 * its measured batches; between models both are interpolated as powers of the FLOPs computed per token, beyond them perToken grows
 * in proportion to FLOPs and overhead stays. Learning rate, seed and schedule cost nothing.
 */
export class TimeModel {
  readonly #models: readonly StepTime[];

  /** Without points it guesses. */
  constructor(points: readonly CalibrationPoint[] = []) {
    const byModel = new Map<number, { batch: number; seconds: number }[]>();
    for (const { config, vocabulary, measurement } of points) {
      const seconds = measurement.secondsPerStep / Math.max(1, measurement.lanes);
      if (!(seconds > 0) || !Number.isFinite(seconds)) continue;
      const key = computedPerToken(config, vocabulary);
      const list = byModel.get(key) ?? [];
      list.push({ batch: batchTokens(config), seconds });
      byModel.set(key, list);
    }
    this.#models = [...byModel].map(([flops, list]) => stepTime(flops, list)).sort((a, b) => a.computedPerToken - b.computedPerToken);
  }

  /** Whether anything was measured. */
  get measured(): boolean {
    return this.#models.length > 0;
  }

  /** Seconds that a run adds to a worker's work when it is trained from its start, all that is measured on the way included. In a population of k lanes each lane adds a k-th of the whole. */
  seconds(config: RunConfig, vocabulary: number): number {
    const { overhead, perToken } = this.#at(computedPerToken(config, vocabulary));
    const measured = validationSteps(config).length * (config.validationTokens * VALIDATION_SHARE + measuredTokens(config));
    return steps(config) * overhead + (tokensRead(config) + measured) * perToken;
  }

  #at(flops: number): StepTime {
    const models = this.#models;
    if (models.length === 0)
      return { computedPerToken: flops, overhead: UNKNOWN.overheadSeconds, perToken: flops / UNKNOWN.flopsPerSecond };
    const above = models.findIndex((model) => model.computedPerToken >= flops);
    const nearest = models[above < 0 ? models.length - 1 : above];
    if (above <= 0) return { ...nearest, computedPerToken: flops, perToken: (nearest.perToken * flops) / nearest.computedPerToken };
    const below = models[above - 1];
    const share = Math.log(flops / below.computedPerToken) / Math.log(nearest.computedPerToken / below.computedPerToken);
    const between = (a: number, b: number): number => (a > 0 && b > 0 ? a * (b / a) ** share : a + (b - a) * share);
    return {
      computedPerToken: flops,
      overhead: between(below.overhead, nearest.overhead),
      perToken: between(below.perToken, nearest.perToken),
    };
  }
}

/** The line through a model's measured batches, neither part negative. */
function stepTime(flops: number, measured: readonly { batch: number; seconds: number }[]): StepTime {
  const sorted = [...measured].sort((a, b) => a.batch - b.batch);
  const small = sorted[0];
  const large = sorted.at(-1)!;
  if (large.batch === small.batch) {
    const seconds = sorted.reduce((sum, point) => sum + point.seconds, 0) / sorted.length;
    return { computedPerToken: flops, overhead: 0, perToken: seconds / small.batch };
  }
  const slope = (large.seconds - small.seconds) / (large.batch - small.batch);
  const perToken = Math.min(Math.max(slope, 0), large.seconds / large.batch);
  return { computedPerToken: flops, overhead: Math.max(0, small.seconds - perToken * small.batch), perToken };
}

/** Models measured, at most. */
const MODELS = 3;

/**
 * The runs to measure: of the cheapest, the middle and the dearest model per token, the smallest and the largest batch.
 * At most six, cheapest first.
 */
export function calibrationRuns(runs: readonly SweepRun[], vocabularyOf: VocabularyOf): RunConfig[] {
  const byModel = new Map<number, RunConfig[]>();
  for (const { config } of runs) {
    const key = computedPerToken(config, vocabularyOf(config));
    const list = byModel.get(key);
    if (list === undefined) byModel.set(key, [config]);
    else list.push(config);
  }
  const models = [...byModel].sort(([a], [b]) => a - b).map(([, configs]) => configs);
  const count = Math.min(MODELS, models.length);
  const chosen = Array.from({ length: count }, (_, i) => models[count === 1 ? 0 : Math.round((i * (models.length - 1)) / (count - 1))]);
  return chosen.flatMap((configs) => {
    const byBatch = [...configs].sort((a, b) => batchTokens(a) - batchTokens(b));
    const small = byBatch[0];
    const large = byBatch.at(-1)!;
    return batchTokens(small) === batchTokens(large) ? [small] : [small, large];
  });
}

/** Rounds of the calibration. The first finds code that is not compiled yet, and caches that are cold. */
const ROUNDS = 2;

/** Measures a few representative runs, `milliseconds` each (compilation not counted); of several rounds the fastest counts. */
export async function calibrate(
  worker: { measure(config: RunConfig, milliseconds: number): Promise<Measurement> },
  runs: readonly SweepRun[],
  vocabularyOf: VocabularyOf,
  milliseconds = 200,
): Promise<TimeModel> {
  const chosen = calibrationRuns(runs, vocabularyOf);
  const best: (Measurement | undefined)[] = chosen.map(() => undefined);
  for (let round = 0; round < ROUNDS; round++)
    for (const [index, config] of chosen.entries()) {
      const measurement = await worker.measure(config, milliseconds / ROUNDS);
      const before = best[index];
      if (before === undefined || measurement.secondsPerStep / measurement.lanes < before.secondsPerStep / before.lanes)
        best[index] = measurement;
    }
  return new TimeModel(chosen.map((config, index) => ({ config, vocabulary: vocabularyOf(config), measurement: best[index]! })));
}
