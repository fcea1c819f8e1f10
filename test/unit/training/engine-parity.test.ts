// The engine against the reference trainer, both on wasm: equal configs give equal losses, to the order of additions.
import { createRequire } from 'node:module';
import { beforeAll, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { steps, type RunInput } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import { prepareDataset } from '../../../src/data/dataset.ts';
import { parseSyntheticId } from '../../../src/data/synthetic.ts';
import { Controls } from '../../../src/training/controls.ts';
import { chooseDevice } from '../../../src/training/devices.ts';
import { createEngineTrainer } from '../../../src/training/engine/create.ts';
import { validationSteps } from '../../../src/training/recorder.ts';
import { createReferenceTrainer } from '../../../src/training/reference.ts';
import type { LaneOutcome, Trainer, TrainingData } from '../../../src/training/trainer.ts';
import { nodeWasmBinaries } from '../../../workers/node-device.ts';

const corpus = 'synthetic:symbols=13,order=1,exponent=2,tokens=60000';
const base: RunInput = {
  corpus,
  shape: { layers: 2, width: 16, heads: 2, mlpRatio: 3 },
  context: 17,
  vocabulary: 13,
  validationTokens: 1700,
  tokens: 17 * 12 * 60,
  weightDecay: 0.1,
};
const run = (more: RunInput): SweepRun => {
  const config = parseRun({ ...base, ...more });
  return { id: runId(config), config };
};

let reference: Trainer;
let engine: Trainer;
let data: TrainingData;

beforeAll(async () => {
  // tfjs's wasm loader asks for Node's modules the old way.
  Object.assign(globalThis, { require: createRequire(import.meta.url), __dirname: import.meta.dirname });
  const choice = await chooseDevice('wasm', undefined);
  reference = await createReferenceTrainer(choice, nodeWasmBinaries());
  engine = await createEngineTrainer(choice, undefined);
  const source = { kind: 'synthetic', spec: parseSyntheticId(corpus) } as const;
  const { trainingTokens, validationTokens, vocabulary } = prepareDataset({
    source,
    tokenizer: 'characters',
    vocabulary: 13,
    context: 17,
    validationTokens: 1700,
  });
  data = { training: trainingTokens, validation: validationTokens, vocabulary };
});

interface Trained {
  readonly losses: number[];
  readonly validation: [step: number, loss: number][];
  outcome: LaneOutcome | undefined;
  /** Steps trained once for it and another. */
  shared: number;
}

async function train(trainer: Trainer, runs: readonly SweepRun[]): Promise<Map<string, Trained>> {
  const told = new Map<string, Trained>(runs.map(({ id }) => [id, { losses: [], validation: [], outcome: undefined, shared: 0 }]));
  await trainer.train(runs, data, new Controls(), (event) => {
    if (event.kind === 'notice') throw new Error(event.sentence.en);
    const mine = told.get(event.id)!;
    if (event.kind === 'progress') mine.losses.push(...event.losses);
    if (event.kind === 'validation') mine.validation.push([event.step, event.loss]);
    if (event.kind === 'shared') mine.shared = event.steps;
    if (event.kind === 'ended') mine.outcome = event.outcome;
  });
  return told;
}

const within = (actual: number, expected: number, relative: number): void =>
  expect(Math.abs(actual - expected) / Math.abs(expected)).toBeLessThan(relative);

it('learning rate × batch: the losses of every run are those of the reference', async () => {
  const runs = [2 ** -9, 2 ** -7, 2 ** -5].flatMap((learningRate, i) =>
    [4, 12].map((batchSequences) => run({ learningRate, batchSequences, seed: i })),
  );
  const [expected, actual] = [await train(reference, runs), await train(engine, runs)];
  for (const { id, config } of runs) {
    const [theirs, ours] = [expected.get(id)!, actual.get(id)!];
    if (theirs.outcome?.status !== 'finished' || ours.outcome?.status !== 'finished') throw new Error('a run did not finish');
    expect(ours.losses).toHaveLength(steps(config));
    expect(ours.validation.map(([step]) => step)).toEqual(validationSteps(config));
    ours.losses.forEach((loss, i) => within(loss, theirs.losses[i], 1e-4));
    ours.validation.forEach(([, loss], i) => within(loss, theirs.validation[i][1], 1e-4));
    within(ours.outcome.finalLoss, theirs.outcome.finalLoss, 1e-4);
    within(ours.outcome.smoothedTrainLoss, theirs.outcome.smoothedTrainLoss, 1e-4);
    expect(ours.outcome.parameters).toHaveLength(theirs.outcome.parameters.length);
    // It has learned: what agrees is not two trainers that do nothing.
    expect(ours.losses[0] - ours.outcome.finalLoss).toBeGreaterThan(0.05);
  }
});

it('other schedules, betas, no clipping, rotary positions, QK-norm and a tied head', async () => {
  const more: RunInput = { positions: 'rotary', qkNorm: true, tiedHead: true, tokens: 17 * 12 * 25 };
  const runs = [
    run({ ...more, schedule: 'constant and cooldown', beta1: 0.8, beta2: 0.95, clipNorm: 0, batchSequences: 4 }),
    run({ ...more, schedule: 'cosine to fraction', clipNorm: 0.1, weightDecay: 0.5, batchSequences: 6, warmupFraction: 0.3 }),
  ];
  const [expected, actual] = [await train(reference, runs), await train(engine, runs)];
  for (const { id } of runs) {
    const [theirs, ours] = [expected.get(id)!, actual.get(id)!];
    expect(ours.losses).toHaveLength(theirs.losses.length);
    ours.losses.forEach((loss, i) => within(loss, theirs.losses[i], 1e-4));
    if (theirs.outcome?.status !== 'finished' || ours.outcome?.status !== 'finished') throw new Error('a run did not finish');
    within(ours.outcome.finalLoss, theirs.outcome.finalLoss, 1e-4);
  }
});

it('a mixture of experts, with the reported loss free of the load-balancing loss', async () => {
  // The engine cuts a batch into parts where it likes, the reference where it must: both reach the same losses.
  const more: RunInput = { experts: 4, expertsPerToken: 2, tokens: 17 * 12 * 40, learningRate: 2 ** -6 };
  const [even, uneven] = [
    run({ ...more, batchSequences: 12, balanceCoefficient: 1 }),
    run({ ...more, batchSequences: 4, balanceCoefficient: 0 }),
  ];
  for (const one of [even, uneven]) {
    const [[theirs], [ours]] = [[...(await train(reference, [one])).values()], [...(await train(engine, [one])).values()]];
    if (theirs.outcome?.status !== 'finished' || ours.outcome?.status !== 'finished') throw new Error('a run did not finish');
    ours.losses.forEach((loss, i) => within(loss, theirs.losses[i], 1e-4));
    within(ours.outcome.finalLoss, theirs.outcome.finalLoss, 1e-4);
    expect(ours.losses[0] - ours.outcome.finalLoss).toBeGreaterThan(0.05);
    // A coefficient of 1 over two layers would add 2 at least.
    expect(ours.losses[0]).toBeLessThan(1.1 * Math.log(13));
  }
});

it('five lengths of one run: each has the very losses that it has alone, and the engine trains what they share once', async () => {
  const axis = [15, 30, 60, 120, 240].map((updates) =>
    run({
      schedule: 'constant and cooldown',
      warmupTokens: 17 * 12 * 6,
      batchSequences: 12,
      tokens: 17 * 12 * updates,
      learningRate: 2 ** -6,
    }),
  );
  // Beside them, runs with which they share the population but nothing else; of the same batch, so that all take the
  // same micro-batches in company as alone.
  const others = [run({ ...axis[3].config, seed: 1 }), run({ ...axis[1].config, learningRate: 2 ** -7 })];
  const together = await train(engine, [...axis, ...others]);
  for (const one of [...axis, ...others]) {
    const alone = (await train(engine, [one])).get(one.id)!;
    const found = together.get(one.id)!;
    if (found.outcome?.status !== 'finished') throw new Error('a run did not finish');
    expect(found.losses).toHaveLength(steps(one.config));
    expect({ ...found, shared: 0 }).toEqual(alone);
  }
  expect(axis.map(({ id }) => together.get(id)!.shared)).toEqual([13, 25, 49, 97, 0]);
  expect(others.map(({ id }) => together.get(id)!.shared)).toEqual([0, 0]);
  // The reference trains each by itself, and agrees.
  const [expected, found] = [(await train(reference, [axis[1]])).get(axis[1].id)!, together.get(axis[1].id)!];
  found.losses.forEach((loss, i) => within(loss, expected.losses[i], 1e-4));
});
