// The reference trainer on tfjs's cpu backend: deterministic, learns what there is to learn and no more, ends every run
// exactly once, obeys its controls.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { batchTokens, steps, tokensRead, type RunConfig, type RunInput } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import { prepareDataset, readWindow, type Dataset } from '../../../src/data/dataset.ts';
import { batchWindows } from '../../../src/data/order.ts';
import { parseSyntheticId } from '../../../src/data/synthetic.ts';
import { countParameters } from '../../../src/model/counts.ts';
import { loss } from '../../../src/model/gpt.ts';
import { initialParameters, modelConfig, parameterSpecs } from '../../../src/model/parameters.ts';
import { AdamW, flatten, unflatten } from '../../../src/training/adamw.ts';
import { Controls } from '../../../src/training/controls.ts';
import { chooseDevice } from '../../../src/training/devices.ts';
import { createReferenceTrainer } from '../../../src/training/reference.ts';
import { learningRateAt } from '../../../src/training/schedule.ts';
import { smoothedLastLoss } from '../../../src/training/smoothed-loss.ts';
import type { LaneEvent, LaneOutcome, Trainer, TrainingData } from '../../../src/training/trainer.ts';

const corpus = 'synthetic:symbols=8,order=1,exponent=2,tokens=40000';
const base: RunInput = {
  corpus,
  shape: { layers: 1, width: 16, heads: 2, mlpRatio: 2 },
  context: 8,
  vocabulary: 8,
  batchSequences: 8,
  validationTokens: 2048,
  learningRate: 2 ** -6,
};
const run = (more: RunInput): SweepRun => {
  const config = parseRun({ ...base, tokens: 64 * 20, ...more });
  return { id: runId(config), config };
};

let trainer: Trainer;
let dataset: Dataset;
let data: TrainingData;

beforeAll(async () => {
  trainer = await createReferenceTrainer(await chooseDevice('cpu', undefined), '');
  dataset = prepareDataset({
    source: { kind: 'synthetic', spec: parseSyntheticId(corpus) },
    tokenizer: 'characters',
    vocabulary: 8,
    context: 8,
    validationTokens: 2048,
  });
  data = { training: dataset.trainingTokens, validation: dataset.validationTokens, vocabulary: dataset.vocabulary };
});

interface Trained {
  readonly events: LaneEvent[];
  readonly losses: number[];
  readonly validation: [step: number, loss: number][];
  readonly outcome: LaneOutcome | undefined;
}

async function train(
  one: SweepRun,
  controls = new Controls(),
  on: (event: LaneEvent) => void = () => undefined,
  from = data,
): Promise<Trained> {
  const events: LaneEvent[] = [];
  await trainer.train([one], from, controls, (event) => {
    events.push(event);
    on(event);
  });
  const losses: number[] = [];
  for (const event of events) {
    if (event.kind !== 'progress') continue;
    expect(event.firstStep).toBe(losses.length + 1);
    losses.push(...event.losses);
    expect(event.tokens).toBe(losses.length * batchTokens(one.config));
  }
  const ends = events.filter((event) => event.kind === 'ended');
  expect(ends.length).toBeLessThanOrEqual(1);
  if (ends.length === 1) expect(events.at(-1)).toBe(ends[0]);
  return {
    events,
    losses,
    validation: events.flatMap((event): [number, number][] => (event.kind === 'validation' ? [[event.step, event.loss]] : [])),
    outcome: ends[0]?.outcome,
  };
}

/** Losses of the first two steps, each batch through the model in one piece. */
function wholeBatchLosses(config: RunConfig): number[] {
  const model = modelConfig(config, data.vocabulary);
  const specs = parameterSpecs(model);
  const adamw = new AdamW(config, specs);
  let state = adamw.start(initialParameters(specs, config.seed));
  return [0, 1].map((step) => {
    const windows = batchWindows(step, config.batchSequences, dataset.trainingWindows, config.dataSeed);
    const sequences = Array.from(windows, (window) => [...readWindow(data.training, window, config.context)]);
    const tokens = tf.tensor1d(
      sequences.flatMap((sequence) => sequence.slice(0, -1)),
      'int32',
    );
    const targets = tf.tensor1d(
      sequences.flatMap((sequence) => sequence.slice(1)),
      'int32',
    );
    const { value, grads } = tf.valueAndGrads((...parts: tf.Tensor[]) =>
      loss(model, Object.fromEntries(specs.map(({ name }, i) => [name, parts[i]])), tokens, targets),
    )(unflatten(state.parameters, specs));
    state = adamw.apply(state, flatten(grads), learningRateAt(config, step, 2), step + 1);
    return value.dataSync()[0];
  });
}

describe('a run', () => {
  it('gives the same losses and parameters again, and others for another seed or another data seed', async () => {
    const one = run({ seed: 1 });
    const first = await train(one);
    const second = await train(one);
    expect(first.losses).toHaveLength(steps(one.config));
    expect(second.losses).toEqual(first.losses);
    expect(second.outcome).toEqual(first.outcome);
    expect((await train(run({ seed: 2 }))).losses[0]).not.toBe(first.losses[0]);
    expect((await train(run({ seed: 1, dataSeed: 5 }))).losses[0]).not.toBe(first.losses[0]);
  });

  it('ends with what it reported: the last validation loss, the smoothed losses, the parameters', async () => {
    const one = run({ tokens: 64 * 150 });
    const { losses, validation, outcome } = await train(one);
    if (outcome?.status !== 'finished') throw new Error(`ended as ${outcome?.status}`);
    expect(validation.at(-1)).toEqual([150, outcome.finalLoss]);
    expect(outcome.smoothedTrainLoss).toBeCloseTo(smoothedLastLoss(losses, 150), 9);
    expect(outcome.parameters).toHaveLength(countParameters(modelConfig(one.config, 8)).total);
  });

  it('starts at the loss of a uniform guess and falls towards the entropy of its language, never below', async () => {
    const one = run({ tokens: 64 * 300, learningRate: 2 ** -5 });
    const { losses, validation, outcome } = await train(one);
    if (outcome?.status !== 'finished') throw new Error(`ended as ${outcome?.status}`);
    const entropy = dataset.entropyRate!;
    expect(entropy).toBeLessThan(1.6);
    expect(losses[0]).toBeCloseTo(Math.log(8), 1);
    expect(outcome.finalLoss).toBeLessThan(entropy + 0.1);
    // 2048 held-out tokens have a standard error of about 0.02.
    expect(outcome.finalLoss).toBeGreaterThan(entropy - 0.06);
    expect(validation[0][1]).toBeGreaterThan(outcome.finalLoss);
  });

  it('does not depend on how its batch is cut: the mean gradient of parts is that of the whole', async () => {
    // 8,192 tokens pass at once: 1,100 sequences of 8 do not.
    const one = run({ batchSequences: 1100, tokens: 8800 * 2, validationTokens: 2048 });
    const { losses } = await train(one);
    const whole = wholeBatchLosses(one.config);
    losses.forEach((loss, i) => expect(loss).toBeCloseTo(whole[i], 5));
    expect(losses[1]).not.toBeCloseTo(losses[0], 3);
  });

  it('says when it reads its text again', async () => {
    const small: TrainingData = { ...data, training: data.training.slice(0, 8 * 100 + 1) };
    const one = run({ tokens: 8 * 250 });
    const { events } = await train(one, new Controls(), () => undefined, small);
    expect(tokensRead(one.config)).toBe(1984);
    expect(events.filter(({ kind }) => kind === 'epoch')).toEqual([
      { kind: 'epoch', id: one.id, epoch: 2 },
      { kind: 'epoch', id: one.id, epoch: 3 },
    ]);
  });

  it('leaves no tensors behind', async () => {
    await train(run({}));
    const before = tf.memory().numTensors;
    await train(run({ seed: 9 }));
    expect(tf.memory().numTensors).toBe(before);
  });
});

it('a learning rate beyond all sense ends as diverged, with the last finite loss, and the next run trains', async () => {
  const wild = run({ learningRate: 10, weightDecay: 10, clipNorm: 0, warmupFraction: 0, schedule: 'constant', tokens: 64 * 400 });
  const { outcome, losses } = await train(wild);
  if (outcome?.status !== 'diverged') throw new Error(`ended as ${outcome?.status}`);
  expect(Number.isFinite(outcome.lastFiniteLoss)).toBe(true);
  expect(outcome.lastFiniteLoss).toBe(losses[outcome.step - 2]);
  expect(outcome.reason.en).toContain(`step ${outcome.step}`);
  expect((await train(run({}))).outcome?.status).toBe('finished');
});

describe('controls', () => {
  it('skip ends the run as skipped, and the others go on', async () => {
    const controls = new Controls();
    const [long, short] = [run({ tokens: 64 * 100_000, seed: 3 }), run({ seed: 4 })];
    const ended: [string, string][] = [];
    await trainer.train([long, short], data, controls, (event) => {
      if (event.kind === 'progress' && event.id === long.id) controls.skip(long.id);
      if (event.kind === 'ended') ended.push([event.id, event.outcome.status]);
    });
    expect(ended).toEqual([
      [long.id, 'skipped'],
      [short.id, 'finished'],
    ]);
  });

  it('stop leaves without an end', async () => {
    const controls = new Controls();
    const { outcome, losses } = await train(run({ tokens: 64 * 100_000 }), controls, (event) => {
      if (event.kind === 'progress') controls.stop();
    });
    expect(outcome).toBeUndefined();
    expect(losses.length).toBeLessThan(100_000);
  });

  it('pause holds the run still, and resume goes on with the same losses', async () => {
    const one = run({ tokens: 64 * 80 });
    const undisturbed = await train(one);
    const controls = new Controls();
    let steady = false;
    let seen = 0;
    const disturbed = await train(one, controls, (event) => {
      if (event.kind !== 'progress') return;
      seen++;
      if (seen !== 1) return;
      controls.pause();
      setTimeout(() => {
        const before = seen;
        setTimeout(() => {
          steady = seen === before;
          controls.resume();
        }, 200);
      }, 300);
    });
    expect(steady).toBe(true);
    expect(disturbed.losses).toEqual(undisturbed.losses);
  });

  it('stop ends a pause', async () => {
    const controls = new Controls();
    const { outcome } = await train(run({ tokens: 64 * 100_000 }), controls, (event) => {
      if (event.kind !== 'progress') return;
      controls.pause();
      setTimeout(() => controls.stop(), 50);
    });
    expect(outcome).toBeUndefined();
  });
});

it('measures a step', async () => {
  const { secondsPerStep, lanes } = await trainer.measure(run({}).config, data, 50);
  expect(secondsPerStep).toBeGreaterThan(0);
  expect(lanes).toBe(1);
});
