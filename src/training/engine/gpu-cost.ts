// What a micro-step costs on a GPU, from a short measurement of a small model: how much of it is launches, which lanes
// share, and how much is arithmetic, which they do not.
import { countFlops } from '../../model/counts.ts';
import { initialParameters, parameterLength, parameterSpecs, type ModelConfig } from '../../model/parameters.ts';
import type { Executor, LaneSettings, Plans, TokenSource } from '../../plan/executor.ts';
import { modelPlans } from '../../plan/model-plans.ts';
import type { ExecutorFactory } from './engine-trainer.ts';
import type { MicroBatchRule, MicroStepCost } from './micro-batches.ts';

/** The model that is measured: small enough that its launches show, made of the kernels that all models are made of. */
const PROBE: ModelConfig = {
  shape: { layers: 2, width: 32, heads: 2, mlpRatio: 4 },
  context: 32,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 64,
};

/** Sequences of the two micro-batches that are measured. */
const FEW = 2;
const MANY = 16;

/** Lanes side by side, unless a single one takes as long as {@link SLOW}. */
const LANES = 32;
const LANES_WHERE_SLOW = 4;
/** Milliseconds of one lane's micro-step beyond which arithmetic, not launches, is what takes the time. */
const SLOW = 3;

/** Milliseconds that each of the three measurements takes, about. */
const EACH = 60;

/** Tokens in one micro-batch, at most: beyond it launches are long enough to fill a GPU even with one lane. */
const MOST_ROWS = 4096;

/** Share of a step that launches may take before more lanes are worth having. */
const SHARED = 0.1;

/** A measured GPU: seconds of a micro-step of the probe, by what they grow with. */
export interface GpuSpeed {
  readonly perLaunch: number;
  /** For each lane and each of its parameters: gradients stored, the optimizer's reading and writing. */
  readonly perParameter: number;
  readonly perFlop: number;
}

/** Seconds of one micro-step of `lanes` lanes of `rows` tokens each. */
export interface Timing {
  readonly lanes: number;
  readonly rows: number;
  readonly seconds: number;
}

/**
 * Splits three timings of one model into seconds = step + lanes · (lane + rows · row): one lane of few rows, many lanes of
 * few rows, as many of many rows. No part is negative, whatever the noise.
 */
export function costFrom(one: Timing, side: Timing, long: Timing): MicroStepCost {
  const perLane = Math.max(0, (side.seconds - one.seconds) / (side.lanes - one.lanes));
  const step = Math.max(0, one.seconds - perLane * one.lanes);
  const perLongLane = Math.max(perLane, (long.seconds - step) / long.lanes);
  const row = Math.min((perLongLane - perLane) / (long.rows - side.rows), perLongLane / long.rows);
  return { step, lane: Math.max(0, perLane - side.rows * row), row };
}

/** Times the probe. Takes a few tenths of a second, and what compiling its kernels takes. */
export async function measureGpu(create: ExecutorFactory): Promise<GpuSpeed> {
  const few = modelPlans(PROBE, FEW);
  const probe = await create(few, settingsOf(LANES), TOKENS);
  let one: Timing;
  let side: Timing;
  try {
    one = { lanes: 1, rows: few.training.rows, seconds: await secondsOf(probe, 1) };
    const lanes = one.seconds * 1000 > SLOW ? LANES_WHERE_SLOW : LANES;
    side = { lanes, rows: few.training.rows, seconds: await secondsOf(probe, lanes) };
  } finally {
    probe.dispose();
  }
  const many = modelPlans(PROBE, MANY);
  const cost = await measured(create, many, side.lanes, (long) => costFrom(one, side, long));
  const parameters = parameterLength(parameterSpecs(PROBE));
  return {
    perLaunch: cost.step / few.training.launches.length,
    perParameter: cost.lane / parameters,
    perFlop: cost.row / countFlops(PROBE).computed,
  };
}

async function measured<T>(create: ExecutorFactory, plans: Plans, lanes: number, use: (timing: Timing) => T): Promise<T> {
  const executor = await create(plans, settingsOf(lanes), TOKENS);
  try {
    return use({ lanes, rows: plans.training.rows, seconds: await secondsOf(executor, lanes) });
  } finally {
    executor.dispose();
  }
}

/** Seconds of a micro-step in which the first `lanes` lanes take part. */
async function secondsOf(executor: Executor, lanes: number): Promise<number> {
  const train = async (updates: number): Promise<number> => {
    const goals = Array.from({ length: lanes }, (_, lane) => executor.updatesOf(lane) + updates);
    const start = performance.now();
    while (executor.updatesOf(0) < goals[0]) await executor.advance(EACH, (lane) => goals[lane] ?? 0);
    return performance.now() - start;
  };
  await train(2);
  let [elapsed, updates] = [0, 0];
  for (let next = 1; elapsed < EACH && updates < UPDATES / 2;) {
    // Only the last stretch counts: the first ones are too short for several steps to share a submission.
    elapsed = await train(next);
    updates = next;
    next = Math.ceil(next * Math.max(2, Math.min(8, (1.2 * EACH) / Math.max(1, elapsed))));
  }
  return elapsed / 1000 / updates;
}

/** More than are ever measured. */
const UPDATES = 100_000;

function settingsOf(lanes: number): LaneSettings[] {
  const specs = parameterSpecs(PROBE);
  return Array.from({ length: lanes }, (_, seed) => ({
    parameters: initialParameters(specs, seed),
    microBatches: 1,
    updates: UPDATES,
    learningRate: () => 1e-3,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0.1,
    clipNorm: 1,
  }));
}

const TEXT = Uint16Array.from({ length: PROBE.context * 256 + 1 }, (_, i) => (i * i + (i >> 5)) % PROBE.vocabulary);
const TOKENS: TokenSource = { training: TEXT, validation: TEXT.slice(0, PROBE.context + 1), dataSeed: 0 };

/** How micro-batches of `model` are chosen on a GPU of this speed. */
export function gpuMicroBatches(model: ModelConfig, { perLaunch, perParameter, perFlop }: GpuSpeed): MicroBatchRule {
  return {
    cost: {
      step: perLaunch * modelPlans(model, 1).training.launches.length,
      lane: perParameter * parameterLength(parameterSpecs(model)),
      row: perFlop * countFlops(model).computed,
    },
    mostRows: MOST_ROWS,
    worth: 0.1,
  };
}

/** Lanes beyond which launches take less than a tenth of the time: more would end no sooner, and runs would wait for one another. */
export function lanesThatFill({ step, lane, row }: MicroStepCost, rows: number): number {
  const each = SHARED * (lane + rows * row);
  return each > 0 ? Math.ceil(step / each) : Infinity;
}
