// The reference trainer: plain tfjs, one run at a time, on any backend. Slow and simple; it defines what training is,
// and the engine is tested against it.
import * as tf from '@tensorflow/tfjs-core';
import { steps, type RunConfig } from '../config/run.ts';
import type { SweepRun } from '../config/sweep.ts';
import { epochOf, windowCount } from '../data/order.ts';
import { modelConfig } from '../model/parameters.ts';
import { onBackend, openBackend, type OpenBackend, type WasmBinaries } from './backends.ts';
import { breathe } from './breathe.ts';
import type { DeviceChoice } from './devices.ts';
import { gradientNoise, type GradientNoise } from './gradient-noise.ts';
import { LossWatch, outcomeOf, validationSteps } from './recorder.ts';
import { ReferenceRun } from './reference-run.ts';
import type { DeviceReport, LaneEvent, LaneOutcome, Measurement, Trainer, TrainingControl, TrainingData } from './trainer.ts';

/** Milliseconds of steps between two looks at the controls. */
const STRETCH = 40;
/** The most steps between two reads of losses. */
const MOST_STEPS = 64;

/**
 * Opens the reference trainer.
 * @throws Error one sentence, when the backend cannot work here
 */
export async function createReferenceTrainer(choice: DeviceChoice, wasmBinaries: WasmBinaries): Promise<Trainer> {
  const { adapter, ...report } = choice;
  return new ReferenceTrainer({ ...report, engine: 'reference' }, await openBackend(choice.backend, wasmBinaries, adapter));
}

/** Milliseconds to wait for the reason when a GPU fails: a busy machine is slow to tell. */
const PATIENCE = 5000;

class ReferenceTrainer implements Trainer {
  readonly report: DeviceReport;
  readonly #device: OpenBackend;
  #lost: string | undefined;

  constructor(report: DeviceReport, device: OpenBackend) {
    this.report = report;
    this.#device = device;
    void device.lost.then((reason) => (this.#lost = reason));
  }

  lanesFor(): Promise<number> {
    return Promise.resolve(1);
  }

  async train(runs: readonly SweepRun[], data: TrainingData, control: TrainingControl, emit: (event: LaneEvent) => void): Promise<void> {
    await this.#sayingWhyLost(async () => {
      for (const run of runs) {
        await control.untilResumed();
        if (control.signal.aborted) return;
        await this.#train(run, data, control, emit);
      }
    });
  }

  measure(config: RunConfig, data: TrainingData, milliseconds: number): Promise<Measurement> {
    return this.#sayingWhyLost(() => this.#measure(config, data, milliseconds));
  }

  /** Nothing to do: tfjs's backends belong to the thread, and end with it. */
  dispose(): void {}

  async #measure(config: RunConfig, data: TrainingData, milliseconds: number): Promise<Measurement> {
    const run = await this.#start(config, data);
    try {
      // Two steps first: kernels compile in the first, and the second is the first without.
      for (let warm = 0; warm < 2; warm++) await this.#read(await this.#advance(run, 1));
      const start = performance.now();
      let done = 0;
      let elapsed = 0;
      while (elapsed < milliseconds) {
        const losses = await this.#advance(run, Infinity);
        done += losses.length;
        await this.#read(losses);
        await breathe();
        elapsed = performance.now() - start;
      }
      return { secondsPerStep: elapsed / 1000 / done, lanes: 1 };
    } finally {
      await this.#end(run);
    }
  }

  async #train({ id, config }: SweepRun, data: TrainingData, control: TrainingControl, emit: (event: LaneEvent) => void): Promise<void> {
    const total = steps(config);
    const batch = config.batchSequences * config.context;
    const windows = windowCount(data.training.length, config.context);
    const checkpoints = validationSteps(config);
    const watch = new LossWatch(config);
    let started = performance.now();
    let finalLoss = NaN;
    let epoch = 1;

    const run = await this.#start(config, data);
    const finish = (outcome: LaneOutcome): void => emit({ kind: 'ended', id, outcome, seconds: (performance.now() - started) / 1000 });
    const takeIn = (losses: Float32Array): void => {
      const firstStep = watch.count + 1;
      const counted = losses.subarray(0, watch.add(losses));
      if (counted.length > 0) emit({ kind: 'progress', id, firstStep, losses: counted, tokens: watch.count * batch });
    };

    try {
      // Losses of one stretch are read while the next is under way, so that a GPU never waits for them.
      let reading: Promise<Float32Array> | undefined;
      while (run.done < total) {
        const beforePause = performance.now();
        await control.untilResumed();
        started += performance.now() - beforePause;
        if (control.signal.aborted) return;
        if (control.isSkipped(id)) return finish({ status: 'skipped' });

        const before = epoch;
        epoch = epochOf((run.done + 1) * batch, windows, config.context);
        if (epoch > before) emit({ kind: 'epoch', id, epoch });
        const checkpoint = checkpoints.find((step) => step > run.done) ?? total;
        const losses = await this.#advance(run, checkpoint - run.done);
        const earlier = reading;
        reading = this.#read(losses);
        // Marked as handled: it is awaited a stretch later, or not at all when the run ends first.
        reading.catch(() => undefined);
        if (earlier) takeIn(await earlier);
        if (run.done === checkpoint) {
          takeIn(await reading);
          reading = undefined;
        }
        if (watch.end) return finish(watch.end);
        if (run.done === checkpoint) {
          const loss = await this.#validate(run, control);
          if (loss === undefined) continue;
          finalLoss = loss;
          const at = { id, step: run.done, tokens: run.done * batch };
          emit({ kind: 'validation', ...at, loss });
          const noise = await this.#measureNoise(run, config);
          if (noise) emit({ kind: 'gradient noise', ...at, ...noise });
        }
        await breathe();
      }
      if (control.signal.aborted) return;
      const parameters = await run.parameters();
      this.#mustLive();
      finish(outcomeOf(watch, finalLoss, parameters));
    } finally {
      await this.#end(run);
    }
  }

  #start(config: RunConfig, data: TrainingData): Promise<ReferenceRun> {
    return onBackend(this.#device.backend, () => new ReferenceRun(config, modelConfig(config, data.vocabulary), data));
  }

  /** Up to `most` steps, as many as fit in a stretch (at least one). Their losses, not read yet. */
  #advance(run: ReferenceRun, most: number): Promise<tf.Scalar[]> {
    this.#mustLive();
    return onBackend(this.#device.backend, () => {
      const start = performance.now();
      const losses: tf.Scalar[] = [];
      do losses.push(run.step());
      while (losses.length < Math.min(most, MOST_STEPS) && performance.now() - start < STRETCH);
      return losses;
    });
  }

  async #read(losses: tf.Scalar[]): Promise<Float32Array> {
    const together = await onBackend(this.#device.backend, () => {
      const stacked = tf.stack(losses);
      tf.dispose(losses);
      return stacked;
    });
    const values = Float32Array.from(await together.data());
    together.dispose();
    // Zeros are what a GPU returns that is gone.
    if (values.includes(0)) await this.#hearOfLoss();
    this.#mustLive();
    return values;
  }

  /** Mean loss over all held-out windows (nats per token); undefined when aborted before all were seen. */
  async #validate(run: ReferenceRun, control: TrainingControl): Promise<number | undefined> {
    const sums: tf.Scalar[] = [];
    let from = 0;
    while (from < run.validationWindows) {
      if (control.signal.aborted) {
        tf.dispose(sums);
        return undefined;
      }
      this.#mustLive();
      from = await onBackend(this.#device.backend, () => {
        const { sum, to } = run.validate(from);
        sums.push(sum);
        return to;
      });
      await breathe();
    }
    return (await this.#read(sums)).reduce((total, sum) => total + sum, 0) / run.validationWindows;
  }

  /** The noise of gradients at the run's present parameters; undefined where it is not asked for. */
  async #measureNoise(run: ReferenceRun, config: RunConfig): Promise<GradientNoise | undefined> {
    this.#mustLive();
    const norms = await onBackend(this.#device.backend, () => run.measureGradients());
    if (norms === undefined) return undefined;
    const [small, big] = await norms.data();
    norms.dispose();
    this.#mustLive();
    return gradientNoise({ small, big }, config);
  }

  #end(run: ReferenceRun): Promise<void> {
    return onBackend(this.#device.backend, () => run.dispose());
  }

  /** When a GPU is lost, whatever is being read from it fails first; the reason comes a moment later. */
  async #sayingWhyLost<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      await this.#hearOfLoss();
      this.#mustLive();
      throw error;
    }
  }

  /** Waits for the loss of the GPU that something failing makes likely. */
  async #hearOfLoss(): Promise<void> {
    if (this.#device.backend !== 'webgpu') return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await Promise.race([this.#device.lost, new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)))]);
    clearTimeout(timer);
  }

  /** A lost GPU does not say so by itself: work on it is silently dropped, and losses would freeze. */
  #mustLive(): void {
    if (this.#lost !== undefined) throw new Error(this.#lost);
  }
}
