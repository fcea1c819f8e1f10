// The noise of gradients: how a measurement is cut up, what it says of gradients computed one by one, and that engine and
// reference tell the same at the same steps.
import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { batchTokens, type RunInput } from '../../../src/config/run.ts';
import type { SweepRun } from '../../../src/config/sweep.ts';
import { prepareDataset } from '../../../src/data/dataset.ts';
import { windowCount, windowInStream } from '../../../src/data/order.ts';
import { parseSyntheticId } from '../../../src/data/synthetic.ts';
import { InputError } from '../../../src/messages/sentence.ts';
import { initialParameters, modelConfig, parameterSpecs } from '../../../src/model/parameters.ts';
import { modelStep } from '../../../src/plan/model-plans.ts';
import { Controls } from '../../../src/training/controls.ts';
import { chooseDevice } from '../../../src/training/devices.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/training/engine/checkpoint-codec.ts';
import { createEngineTrainer } from '../../../src/training/engine/create.ts';
import { gradientNoise, measuredTokens, smallBatches, type GradientNoise } from '../../../src/training/gradient-noise.ts';
import { validationSteps } from '../../../src/training/recorder.ts';
import { createReferenceTrainer } from '../../../src/training/reference.ts';
import { ReferenceRun } from '../../../src/training/reference-run.ts';
import { populationKey, type Trainer, type TrainingData } from '../../../src/training/trainer.ts';
import { nodeWasmBinaries } from '../../../workers/node-device.ts';
import { byTfjs } from '../plan/oracle.ts';

const corpus = 'synthetic:symbols=13,order=1,exponent=2,tokens=60000';
const CONTEXT = 9;
const run = (more: RunInput): SweepRun => {
  const config = parseRun({
    corpus,
    shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
    context: CONTEXT,
    vocabulary: 13,
    validationTokens: 900,
    tokens: CONTEXT * 12 * 60,
    noiseSequences: 20,
    ...more,
  });
  return { id: runId(config), config };
};

let data: TrainingData;

beforeAll(() => {
  const { trainingTokens, validationTokens, vocabulary } = prepareDataset({
    source: { kind: 'synthetic', spec: parseSyntheticId(corpus) },
    tokenizer: 'characters',
    vocabulary: 13,
    context: CONTEXT,
    validationTokens: 900,
  });
  data = { training: trainingTokens, validation: validationTokens, vocabulary };
});

describe('the small batches of a measurement', () => {
  it('are two or more, some tens, and nearly all that was asked for', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 65_536 }), (noiseSequences) => {
        const { sequences, count } = smallBatches({ noiseSequences })!;
        expect(count).toBeGreaterThanOrEqual(2);
        expect(count).toBeLessThan(64);
        expect(sequences * count).toBeLessThanOrEqual(noiseSequences);
        expect(sequences * count).toBeGreaterThan((31 / 32) * noiseSequences - 1);
        expect(measuredTokens({ noiseSequences, context: 7 })).toBe(7 * sequences * count);
      }),
    );
  });

  it('are none where none are asked for, and one sequence is refused in a sentence', () => {
    expect(smallBatches({ noiseSequences: 0 })).toBeUndefined();
    expect(measuredTokens({ noiseSequences: 0, context: 7 })).toBe(0);
    expect(() => parseRun({ noiseSequences: 1 })).toThrow(InputError);
  });

  it('leave ids, populations and validation as they were for runs that measure nothing', () => {
    const without = parseRun({ corpus });
    const { noiseSequences, ...before } = without;
    expect(noiseSequences).toBe(0);
    expect(runId(without)).toBe(runId(before as typeof without));
    const measuring = parseRun({ corpus, noiseSequences: 64 });
    expect(runId(measuring)).not.toBe(runId(without));
    expect(populationKey(measuring)).not.toBe(populationKey(without));
    expect(validationSteps(parseRun({ corpus, noiseSequences: 4096 })).length).toBeLessThan(validationSteps(without).length);
  });

  it('say nothing where the norms say nothing', () => {
    const { config } = run({});
    for (const [small, big] of [
      [NaN, 1],
      [Infinity, 1],
      [1, NaN],
      [0, 0],
    ])
      expect(gradientNoise({ small, big }, config)).toBeUndefined();
    expect(gradientNoise({ small: 1, big: 1 }, run({ noiseSequences: 0 }).config)).toBeUndefined();
  });
});

it('is the sample covariance of gradients of single sequences, and their mean, computed one by one', async () => {
  await tf.setBackend('cpu');
  const { config } = run({});
  const model = modelConfig(config, data.vocabulary);
  const start = initialParameters(parameterSpecs(model), config.seed);
  const reference = new ReferenceRun(config, model, data);
  const [small, big] = reference.measureGradients()!.dataSync();
  reference.dispose();
  const found = gradientNoise({ small, big }, config)!;

  const windows = windowCount(data.training.length, CONTEXT);
  const gradients = Array.from({ length: 20 }, (_, i) => {
    const at = windowInStream(i, windows, config.dataSeed) * CONTEXT;
    const read = (shift: number): number[] => [...data.training.subarray(at + shift, at + shift + CONTEXT)];
    return byTfjs(modelStep(model, 1), start, read(0), read(1)).gradients.flatMap((part) => [...part]);
  });
  const mean = gradients[0].map((_, p) => gradients.reduce((sum, one) => sum + one[p] / 20, 0));
  const squares = (vector: readonly number[]): number => vector.reduce((sum, one) => sum + one * one, 0);
  const trace = gradients.reduce((sum, one) => sum + squares(one.map((value, p) => value - mean[p])), 0) / 19;
  expect(Math.abs(found.variance / (trace * CONTEXT) - 1)).toBeLessThan(1e-4);
  expect(Math.abs(found.squaredNorm / (squares(mean) - trace / 20) - 1)).toBeLessThan(1e-4);
});

describe('engine and reference, both on wasm', () => {
  let reference: Trainer;
  let engine: Trainer;

  beforeAll(async () => {
    // tfjs's wasm loader asks for Node's modules the old way.
    Object.assign(globalThis, { require: createRequire(import.meta.url), __dirname: import.meta.dirname });
    const choice = await chooseDevice('wasm', undefined);
    reference = await createReferenceTrainer(choice, nodeWasmBinaries());
    engine = await createEngineTrainer(choice, undefined);
  });

  type Point = { readonly step: number; readonly tokens: number } & GradientNoise;

  async function train(trainer: Trainer, runs: readonly SweepRun[]): Promise<Map<string, Point[]>> {
    const told = new Map<string, Point[]>(runs.map(({ id }) => [id, []]));
    await trainer.train(runs, data, new Controls(), (event) => {
      if (event.kind === 'gradient noise') told.get(event.id)!.push(event);
      if (event.kind === 'ended') expect(event.outcome.status).toBe('finished');
    });
    return told;
  }

  it('tell it of every run at the steps of its held-out losses, runs that begin alike included', async () => {
    const runs = [
      ...[4, 12].map((batchSequences, seed) => run({ batchSequences, seed, noiseSequences: 70 })),
      ...[3000, 6000].map((tokens) =>
        run({ schedule: 'constant', warmupTokens: 400, batchSequences: 4, tokens, noiseSequences: 70, seed: 9 }),
      ),
    ];
    const wanted = await train(reference, runs);
    const found = await train(engine, runs);
    for (const { id, config } of runs) {
      const points = wanted.get(id)!;
      expect(points.map(({ step }) => step)).toEqual(validationSteps(config));
      expect(points.map(({ tokens }) => tokens)).toEqual(validationSteps(config).map((step) => step * batchTokens(config)));
      const mine = found.get(id)!;
      expect(mine.map(({ step }) => step)).toEqual(points.map(({ step }) => step));
      mine.forEach(({ squaredNorm, variance }, i) => {
        expect(Math.abs(variance / points[i].variance - 1)).toBeLessThan(1e-3);
        // A difference of two norms: its error is on their scale.
        expect(Math.abs(squaredNorm - points[i].squaredNorm)).toBeLessThan(1e-3 * (points[i].squaredNorm + variance / (70 * CONTEXT)));
      });
    }
  });

  it('say nothing where nothing is asked for', async () => {
    const runs = [run({ noiseSequences: 0, tokens: 2000 })];
    expect([...(await train(engine, runs)).values()]).toEqual([[]]);
  });
});

it('is kept in checkpoints', () => {
  const key = { id: 'a', content: 'b' };
  const two = Float32Array.of(1, 2);
  const state = { parameters: two, mean: two, square: two, updates: 2, pending: undefined };
  const validation = [
    { step: 1, loss: 3 },
    { step: 2, loss: 2, noise: { squaredNorm: -0.25, variance: 7.5 } },
  ];
  const checkpoint = { state, losses: two, validation, seconds: 1, shared: 0 };
  expect(decodeCheckpoint(key, encodeCheckpoint(key, checkpoint))).toEqual(checkpoint);
});
