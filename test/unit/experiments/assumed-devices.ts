// Devices that are assumed, and the page's own estimate of a sweep's time on them: its calibration asks the device for a
// few steps, its time model makes seconds of them. Nothing is timed.
import { batchTokens, steps, type RunConfig } from '../../../src/config/run.ts';
import { expandSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { modelConfig } from '../../../src/model/parameters.ts';
import { calibrate, computedPerToken, sharedUpdates } from '../../../src/sweep/cost.ts';
import { gpuMicroBatches, type GpuSpeed } from '../../../src/training/engine/gpu-cost.ts';
import { microBatchGroups, type MicroBatchRule } from '../../../src/training/engine/micro-batches.ts';
import type { Measurement } from '../../../src/training/trainer.ts';

/** Characters in the text that most experiments read (State of the Union), about. */
const VOCABULARY = 90;
const vocabularyOf = ({ vocabulary }: RunConfig): number => Math.min(VOCABULARY, vocabulary);

/** What a device says when it is asked how long a step of a run takes. */
export interface AssumedDevice {
  readonly workers: number;
  readonly measure: (config: RunConfig) => Measurement;
}

/** Seconds of a step on one core beside its arithmetic: small batches cost at least this. */
const CORE_STEP = 15e-6;
/** Arithmetic of one core in SIMD WebAssembly at widths of 12 to 32, FLOP/s. */
const CORE_SPEED = 1.3e10;

/** Two CPU cores, each as fast as those of docs/results.md. */
export const twoCores: AssumedDevice = {
  workers: 2,
  measure: (config) => ({
    secondsPerStep: CORE_STEP + (batchTokens(config) * computedPerToken(config, vocabularyOf(config))) / CORE_SPEED,
    lanes: 1,
  }),
};

/**
 * A laptop's GPU of some 3 TFLOP/s and 100 GB/s, a tenth of whose arithmetic narrow products reach: 8 µs for a launch, 60
 * bytes for each parameter of a lane (gradients stored and added, the optimizer's reading and writing).
 */
const LAPTOP: GpuSpeed = { perLaunch: 8e-6, perParameter: 60 / 100e9, perFlop: 1 / 3e11 };
/** Lanes side by side in a measurement. */
const MEASURED_LANES = 16;

const rules = new Map<string, MicroBatchRule>();

/** One worker that drives {@link LAPTOP}. */
export const laptopGpu: AssumedDevice = {
  workers: 1,
  measure: (config) => {
    const model = modelConfig(config, vocabularyOf(config));
    const key = JSON.stringify(model);
    const rule = rules.get(key) ?? gpuMicroBatches(model, LAPTOP);
    rules.set(key, rule);
    const [{ sequences }] = microBatchGroups([config.batchSequences], config.context, rule);
    const { step, lane, row } = rule.cost;
    const microStep = step + MEASURED_LANES * (lane + sequences * config.context * row);
    return { secondsPerStep: (config.batchSequences / sequences) * microStep, lanes: MEASURED_LANES };
  },
};

/** Seconds that the page foresees for a sweep on a device, what runs share counted once. */
export async function estimatedSeconds(sweep: SweepConfig, { workers, measure }: AssumedDevice): Promise<number> {
  const runs = expandSweep(sweep);
  const time = await calibrate({ measure: (config) => Promise.resolve(measure(config)) }, runs, vocabularyOf);
  const shared = sharedUpdates(runs);
  const seconds = runs.map(({ config }, i) => time.seconds(config, vocabularyOf(config)) * (1 - shared[i] / steps(config)));
  return seconds.reduce((sum, one) => sum + one, 0) / workers;
}
