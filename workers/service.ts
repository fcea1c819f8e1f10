// What a training worker does, wherever it runs; the entry points tell it what their surroundings offer.
import { releaseProxy } from 'comlink';
import type { RunConfig } from '../src/config/run.ts';
import type { SweepRun } from '../src/config/sweep.ts';
import type { CorpusReader } from '../src/data/corpus.ts';
import { requireBatch, type Dataset } from '../src/data/dataset.ts';
import { InputError, type Sentence } from '../src/messages/sentence.ts';
import { modelConfig, parameterLength, parameterSpecs } from '../src/model/parameters.ts';
import { openBackend, type WasmBinaries } from '../src/training/backends.ts';
import { Controls } from '../src/training/controls.ts';
import { chooseDevice, type DeviceChoice } from '../src/training/devices.ts';
import { createEngineTrainer } from '../src/training/engine/create.ts';
import { createReferenceTrainer } from '../src/training/reference.ts';
import { sampleTokens } from '../src/training/sample.ts';
import {
  populationKey,
  type DeviceReport,
  type Engine,
  type LaneEvent,
  type Measurement,
  type Trainer,
  type TrainingData,
} from '../src/training/trainer.ts';
import { Datasets } from './datasets.ts';
import { EventBatches, type Sink } from './event-batches.ts';
import type { DataReport, OpenOptions, SampleAnswer, SampleRequest, TrainingWorker } from './protocol.ts';

/** What differs between a page's worker and the command line's. */
export interface Surroundings {
  /** Where tfjs's wasm binaries are. */
  readonly wasmBinaries: WasmBinaries;
  /** Reads corpora from where `OpenOptions.corpora` says. */
  reader(corpora: string): CorpusReader;
  /** `navigator.gpu` or what stands for it; asked for only when WebGPU is wanted. */
  gpu(): Promise<GPU | undefined>;
}

interface Opened {
  readonly trainer: Trainer;
  readonly datasets: Datasets;
}

const noEngine = (reason: string): Sentence => ({
  en: `The fast engine cannot work here, so plain TensorFlow.js trains instead: ${reason}`,
  zh: `快速引擎无法在此处工作，改由 TensorFlow.js 训练：${reason}`,
});

/** The most tokens one sample may have. */
const MOST_SAMPLED = 2000;

/** The service behind the protocol. One training or measurement at a time; samples may be drawn beside it. */
export class TrainingService implements TrainingWorker {
  readonly #surroundings: Surroundings;
  #opened: Opened | undefined;
  #controls: Controls | undefined;
  #sampling: Promise<unknown> | undefined;
  /** The end of what the trainer does now. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  async open({ backend, engine, corpora }: OpenOptions): Promise<DeviceReport> {
    this.#opened?.trainer.dispose();
    this.#opened = undefined;
    const asksGpu = backend === 'auto' || backend === 'webgpu';
    const gpu = asksGpu ? await this.#surroundings.gpu() : undefined;
    const trainer = await this.#createTrainer(engine, await chooseDevice(backend, gpu), gpu);
    this.#opened = { trainer, datasets: new Datasets(this.#surroundings.reader(corpora)) };
    return trainer.report;
  }

  async provideText(corpus: string, text: string): Promise<void> {
    await Promise.resolve();
    this.#open().datasets.provide(corpus, text);
  }

  async describeData(config: RunConfig): Promise<DataReport> {
    const { vocabulary, trainingWindows, validationWindows, context, bytesPerToken, entropyRate } = await this.#open().datasets.of(config);
    return {
      vocabulary,
      trainingTokens: trainingWindows * context,
      validationTokens: validationWindows * context,
      bytesPerToken,
      ...(entropyRate !== undefined && { entropyRate }),
    };
  }

  async lanesFor(config: RunConfig): Promise<number> {
    return this.#open().trainer.lanesFor(config);
  }

  async train(runs: readonly SweepRun[], sink: Sink): Promise<void> {
    if (this.#controls) throw new Error('This worker trains already.');
    const controls = new Controls();
    this.#controls = controls;
    const batches = new EventBatches(sink);
    try {
      await this.#inTurn(() => this.#train(runs, controls, batches.add));
    } finally {
      this.#controls = undefined;
      await batches.close();
      (sink as { [releaseProxy]?: () => void })[releaseProxy]?.();
    }
  }

  async announce(config: RunConfig): Promise<void> {
    const { trainer, datasets } = this.#open();
    // Data that is not there yet is not prepared now: that would hold up what trains.
    const dataset = await datasets.known(config)?.catch(() => undefined);
    if (dataset) trainer.announce?.(config, trainingData(dataset));
  }

  async pause(): Promise<void> {
    await Promise.resolve(this.#controls?.pause());
  }

  async resume(): Promise<void> {
    await Promise.resolve(this.#controls?.resume());
  }

  async stop(): Promise<void> {
    this.#controls?.stop();
    await this.#turn;
  }

  async skip(id: string): Promise<void> {
    await Promise.resolve(this.#controls?.skip(id));
  }

  async measure(config: RunConfig, milliseconds: number): Promise<Measurement> {
    const { trainer, datasets } = this.#open();
    const dataset = await datasets.of(config);
    requireBatch(dataset, config.batchSequences);
    return this.#inTurn(() => trainer.measure(config, trainingData(dataset), milliseconds));
  }

  async sample({ config, parameters, prompt, length, temperature, seed }: SampleRequest): Promise<SampleAnswer> {
    const dataset = await this.#open().datasets.of(config);
    const model = modelConfig(config, dataset.vocabulary);
    checkSample(parameters.length, parameterLength(parameterSpecs(model)), length, temperature);
    this.#sampling ??= openBackend('wasm', this.#surroundings.wasmBinaries);
    await this.#sampling;
    // A model always reads at least one token; where there is no prompt it is the first of the held-out text.
    const encoded = dataset.encode(prompt);
    const start = encoded.length > 0 ? encoded : dataset.validationTokens.subarray(0, 1);
    return { text: dataset.decode(await sampleTokens(model, parameters, start, { length, temperature, seed }, 'wasm')) };
  }

  #open(): Opened {
    if (!this.#opened) throw new Error('The training worker was not opened.');
    return this.#opened;
  }

  async #createTrainer(engine: Engine, choice: DeviceChoice, gpu: GPU | undefined): Promise<Trainer> {
    const { wasmBinaries } = this.#surroundings;
    switch (engine) {
      case 'plan':
        try {
          return await createEngineTrainer(choice, gpu);
        } catch (error) {
          return createReferenceTrainer(
            { notice: noEngine(error instanceof Error ? error.message : String(error)), ...choice },
            wasmBinaries,
          );
        }
      case 'reference':
        return createReferenceTrainer(choice, wasmBinaries);
      default:
        throw new Error(`no engine ${JSON.stringify(engine satisfies never)}`);
    }
  }

  async #train(runs: readonly SweepRun[], controls: Controls, emit: (event: LaneEvent) => void): Promise<void> {
    const { trainer, datasets } = this.#open();
    if (new Set(runs.map(({ config }) => populationKey(config))).size !== 1)
      throw new Error('Runs that train together must share shape and data.');
    const dataset = await datasets.of(runs[0].config);
    const fit = runs.filter(({ id, config }) => {
      try {
        requireBatch(dataset, config.batchSequences);
        return true;
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        emit({ kind: 'ended', id, outcome: { status: 'failed', reason: error.sentence }, seconds: 0 });
        return false;
      }
    });
    if (fit.length > 0) await trainer.train(fit, trainingData(dataset), controls, emit);
  }

  /** Does something with the trainer once it is free. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function trainingData({ trainingTokens, validationTokens, vocabulary }: Dataset): TrainingData {
  return { training: trainingTokens, validation: validationTokens, vocabulary };
}

function checkSample(given: number, needed: number, length: number, temperature: number): void {
  if (given !== needed)
    throw new InputError({
      en: `These are ${given} parameters, but the model of this run has ${needed}.`,
      zh: `给出了 ${given} 个参数，而此训练的模型有 ${needed} 个。`,
    });
  if (!(Number.isInteger(length) && length >= 1 && length <= MOST_SAMPLED) || !(temperature >= 0 && temperature < Infinity))
    throw new InputError({
      en: `A sample has 1 to ${MOST_SAMPLED} tokens and a temperature of at least 0.`,
      zh: `采样长度应为 1 到 ${MOST_SAMPLED} 个词元，温度不得为负。`,
    });
}
