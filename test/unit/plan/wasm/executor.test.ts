// Whole training by the executor: against the reference trainer, alone and among neighbours, saved and restored.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRun } from '../../../../src/config/parse.ts';
import { steps, type RunConfig, type RunInput } from '../../../../src/config/run.ts';
import { initialParameters, modelConfig, parameterSpecs } from '../../../../src/model/parameters.ts';
import type { Executor, LaneLosses, LaneSettings, Plans, TokenSource } from '../../../../src/plan/executor.ts';
import { modelPlans, modelStep } from '../../../../src/plan/model-plans.ts';
import { createWasmExecutor } from '../../../../src/plan/wasm/executor.ts';
import { reservedBytes } from '../../../../src/plan/wasm/kernels.generated.ts';
import { memoryMap, wasmBytes } from '../../../../src/plan/wasm/memory.ts';
import { ReferenceRun } from '../../../../src/training/reference-run.ts';
import { learningRateAt } from '../../../../src/training/schedule.ts';
import { evaluateByInterpreter, InterpretedLane } from '../interpreter.ts';
import { normals, randomParameters } from '../oracle.ts';

const VOCABULARY = 13;
const CONTEXT = 17;
const UPDATES = 50;

/** Text in which the next token mostly follows from the last, so that there is something to learn. */
function text(length: number, seed: number): Uint16Array {
  const normal = normals(seed);
  const tokens = new Uint16Array(length);
  for (let i = 1; i < length; i++) tokens[i] = (2 * tokens[i - 1] + Math.floor(Math.abs(normal()) * 1.5)) % VOCABULARY;
  return tokens;
}

const source: TokenSource = { training: text(CONTEXT * 90 + 1, 1), validation: text((CONTEXT + 1) * 7, 2), dataSeed: 5 };

const config = (own: RunInput = {}): RunConfig =>
  parseRun({
    corpus: 'synthetic:symbols=13,order=1,exponent=2,tokens=60000',
    shape: { layers: 2, width: 24, heads: 3, mlpRatio: 2 },
    context: CONTEXT,
    vocabulary: VOCABULARY,
    batchSequences: 6,
    tokens: CONTEXT * 6 * UPDATES,
    dataSeed: 5,
    weightDecay: 0.1,
    clipNorm: 0.8,
    learningRate: 2 ** -7,
    ...own,
  });

const plansOf = (run: RunConfig, sequences: number): Plans => modelPlans(modelConfig(run, VOCABULARY), sequences);

function lane(run: RunConfig, microBatches = 1): LaneSettings {
  const { beta1, beta2, epsilon, weightDecay, clipNorm, seed } = run;
  return {
    parameters: initialParameters(parameterSpecs(modelConfig(run, VOCABULARY)), seed),
    microBatches,
    updates: steps(run),
    learningRate: (update) => learningRateAt(run, update, steps(run)),
    ...{ beta1, beta2, epsilon, weightDecay, clipNorm },
  };
}

/** Losses by lane, put together; whatever is missing stays NaN. */
function collect(parts: readonly LaneLosses[], into: number[][]): void {
  for (const { lane, firstUpdate, losses } of parts) losses.forEach((loss, i) => (into[lane][firstUpdate + i] = loss));
}

/** Trains all lanes to their end, in many calls. */
async function trainAll(executor: Executor, lanes: number): Promise<number[][]> {
  const losses = Array.from({ length: lanes }, (): number[] => []);
  for (let until = 7; ; until += 7) {
    const parts = await executor.advance(1e9, () => until);
    if (parts.length === 0) return losses;
    collect(parts, losses);
  }
}

const apart = (found: ArrayLike<number>, wanted: ArrayLike<number>): number => {
  expect(found.length).toBe(wanted.length);
  return Math.max(...Array.from(wanted, (value, i) => Math.abs(found[i] - value) / Math.abs(value)));
};

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('against the reference trainer, over 50 updates', () => {
  let reference: number[];
  let validation: number;

  beforeAll(() => {
    const run = new ReferenceRun(config(), modelConfig(config(), VOCABULARY), { ...source, vocabulary: VOCABULARY });
    reference = Array.from({ length: UPDATES }, () => {
      const loss = run.step();
      const value = loss.dataSync()[0];
      loss.dispose();
      return value;
    });
    let [sum, from] = [0, 0];
    while (from < run.validationWindows) {
      const part = run.validate(from);
      sum += part.sum.dataSync()[0];
      part.sum.dispose();
      from = part.to;
    }
    validation = sum / run.validationWindows;
    run.dispose();
  }, 120_000);

  it.each([
    { sequences: 6, microBatches: 1 },
    { sequences: 2, microBatches: 3 },
    { sequences: 1, microBatches: 6 },
  ])('$microBatches micro-batches of $sequences sequences', async ({ sequences, microBatches }) => {
    const executor = await createWasmExecutor(plansOf(config(), sequences), [lane(config(), microBatches)], source);
    const [losses] = await trainAll(executor, 1);
    expect(reference.at(-1)).toBeLessThan(0.9 * reference[0]);
    expect(apart(losses, reference)).toBeLessThan(1e-4);
    // Seven held-out windows fill no whole number of micro-batches.
    expect(apart(await executor.evaluate([0]), [validation])).toBeLessThan(1e-4);
  });
});

describe('variants of the model, against the interpreter', () => {
  const variants: RunInput[] = [
    { tiedHead: true },
    { positions: 'rotary' },
    { qkNorm: true },
    { positions: 'rotary', qkNorm: true, tiedHead: true },
    { experts: 4, expertsPerToken: 2, balanceCoefficient: 0.1 },
    { experts: 3, expertsPerToken: 1, tiedHead: true },
  ];
  it.each(variants)('%j', async (variant) => {
    const run = config(variant);
    const plans = plansOf(run, 2);
    // An ε that matters: gradients of pure rounding move nothing.
    const settings = { ...lane(run), parameters: randomParameters(modelStep(modelConfig(run, VOCABULARY), 2), 3), epsilon: 1e-4 };
    const executor = await createWasmExecutor(plans, [settings], source);
    const interpreted = new InterpretedLane(plans.training, settings, source);
    interpreted.train(4);
    const [{ losses }] = await executor.advance(1e9, () => 4);
    expect(apart(losses, interpreted.losses)).toBeLessThan(1e-5);
    const parameters = await executor.parameters(0);
    const difference = parameters.map((word, i) => word - interpreted.memory.parameters[i]);
    expect(Math.max(...difference.map(Math.abs))).toBeLessThan(1e-5);
    const evaluated = await executor.evaluate([0]);
    expect(apart(evaluated, [evaluateByInterpreter(plans.evaluation, parameters, source)])).toBeLessThan(1e-5);
  });
});

it('a mixture of experts reaches the same losses however its batches are cut, the load-balancing loss included', async () => {
  const run = config({ experts: 4, expertsPerToken: 1, balanceCoefficient: 1 });
  const [whole, cut, alone] = await Promise.all(
    [6, 2, 1].map(async (sequences) => {
      const executor = await createWasmExecutor(plansOf(run, sequences), [lane(run, 6 / sequences)], source);
      return (await trainAll(executor, 1))[0];
    }),
  );
  expect(whole.at(-1)).toBeLessThan(0.9 * whole[0]);
  expect(apart(cut, whole)).toBeLessThan(1e-4);
  expect(apart(alone, whole)).toBeLessThan(1e-4);
});

describe('lanes', () => {
  const runs = [1, 2, 3, 1, 6, 1, 2, 1].map((microBatches, seed) => ({
    settings: lane(
      config({ seed, learningRate: 2 ** -(5 + (seed % 4)), batchSequences: microBatches, weightDecay: seed / 10 }),
      microBatches,
    ),
    updates: 12 - microBatches,
  }));
  const lanes = runs.map(({ settings, updates }) => ({ ...settings, updates }));
  const plans = plansOf(config(), 1);

  it('a lane alone equals the same lane among eight, bit for bit', async () => {
    const together = await createWasmExecutor(plans, lanes, source);
    const losses = await trainAll(together, lanes.length);
    const evaluated = await together.evaluate([3, 0, 7]);
    for (const [k, settings] of lanes.entries()) {
      const alone = await createWasmExecutor(plans, [settings], source);
      const [own] = await trainAll(alone, 1);
      expect(own).toHaveLength(settings.updates);
      expect(own).toEqual(losses[k]);
      expect(await alone.parameters(0)).toEqual(await together.parameters(k));
      const place = [3, 0, 7].indexOf(k);
      if (place >= 0) expect((await alone.evaluate([0]))[0]).toBe(evaluated[place]);
    }
  });

  it('a lane that leaves the finite numbers freezes with its last parameters; the others go on as if alone', async () => {
    const wild = { ...lanes[0], learningRate: (update: number) => (update < 3 ? 1e-3 : 1e30) };
    const executor = await createWasmExecutor(plans, [lanes[1], wild, lanes[3]], source);
    const losses = await trainAll(executor, 3);
    const last = losses[1].length;
    expect(last).toBeLessThan(wild.updates);
    expect(losses[1].slice(0, -1).every(Number.isFinite)).toBe(true);
    expect(losses[1][last - 1]).not.toSatisfy(Number.isFinite);
    expect(executor.updatesOf(1)).toBe(last);
    const before = await executor.parameters(1);
    expect(await executor.advance(1e9, () => Infinity)).toEqual([]);
    expect(await executor.parameters(1)).toEqual(before);
    expect(losses[0]).toHaveLength(lanes[1].updates);
    const alone = await createWasmExecutor(plans, [lanes[3]], source);
    expect((await trainAll(alone, 1))[0]).toEqual(losses[2]);
  });

  it('a frozen lane does no more work', async () => {
    const executor = await createWasmExecutor(plans, lanes.slice(0, 2), source);
    await executor.advance(1e9, () => 2);
    executor.freeze(0);
    const parameters = await executor.parameters(0);
    const parts = await executor.advance(1e9, () => 5);
    expect(parts.map(({ lane }) => lane)).toEqual([1]);
    expect([executor.updatesOf(0), executor.updatesOf(1)]).toEqual([2, 5]);
    expect(await executor.parameters(0)).toEqual(parameters);
  });

  it('stops at each lane’s own update, and never goes beyond its last', async () => {
    const executor = await createWasmExecutor(plans, lanes, source);
    await executor.advance(1e9, (k) => k);
    expect(lanes.map((_, k) => executor.updatesOf(k))).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    await executor.advance(1e9, () => Infinity);
    expect(lanes.map((_, k) => executor.updatesOf(k))).toEqual(lanes.map(({ updates }) => updates));
  });

  it('stops when its time is over, lanes in step by the tokens they have read', async () => {
    const executor = await createWasmExecutor(plans, lanes, source);
    const read = (): number[] => lanes.map(({ microBatches }, k) => microBatches * executor.updatesOf(k));
    for (let call = 0; call < 20; call++) await executor.advance(0, () => Infinity);
    // Twenty micro-steps among eight lanes: two each, and four lanes a third.
    expect(read()).toEqual([3, 2, 3, 3, 0, 2, 2, 2]);
  });
});

describe('saving and restoring', () => {
  it.each([1, 3])('goes on bit for bit, with %i micro-batches', async (microBatches) => {
    const settings = lane(config({ batchSequences: microBatches }), microBatches);
    const plans = plansOf(config(), 1);
    const whole = await createWasmExecutor(plans, [settings], source);
    const [wanted] = await trainAll(whole, 1);

    const first = await createWasmExecutor(plans, [settings], source);
    const losses: number[][] = [[], []];
    collect(await first.advance(1e9, () => 9), losses);
    // Two micro-steps more: in the middle of an update where it has three.
    for (let step = 0; step < 2; step++) collect(await first.advance(0, () => Infinity), losses);
    const state = await first.save(0);
    expect(state.pending?.microBatches).toBe(microBatches === 3 ? 2 : undefined);
    await first.advance(1e9, () => 20);

    const second = await createWasmExecutor(plans, [lane(config({ seed: 9 })), settings], source);
    await second.advance(1e9, () => 4);
    await second.restore(1, state);
    expect(second.updatesOf(1)).toBe(microBatches === 3 ? 9 : 11);
    expect(await second.save(1)).toEqual(state);
    const rest: number[][] = [[], losses[0]];
    collect(await second.advance(1e9, () => Infinity), rest);
    expect(rest[1]).toEqual(wanted);
    expect(await second.parameters(1)).toEqual(await whole.parameters(0));

    // Back in time within one executor.
    await second.restore(1, state);
    expect(await second.save(1)).toEqual(state);
  });

  it('refuses a state of other micro-batches, and parameters of another model', async () => {
    const settings = lane(config());
    const plans = plansOf(config(), 1);
    const executor = await createWasmExecutor(plans, [settings], source);
    const state = await executor.save(0);
    await expect(async () =>
      executor.restore(0, { ...state, pending: { microBatches: 1, gradient: state.mean, loss: 1 } }),
    ).rejects.toThrow('other micro-batches');
    await expect(createWasmExecutor(plans, [{ ...settings, parameters: new Float32Array(3) }], source)).rejects.toThrow(
      'parameters, not 3',
    );
  });
});

describe('memory', () => {
  it('is what the plans say, to the page, and does not change', async () => {
    const plans = plansOf(config(), 3);
    const { training, evaluation } = plans;
    const microBatches = [1, 2, 1, 4, 1];
    const executor = await createWasmExecutor(
      plans,
      microBatches.map((m) => lane(config(), m)),
      source,
    );
    expect(executor.bytes).toBe(wasmBytes(plans, microBatches));

    const larger = (region: 'activations' | 'tokens'): number => Math.max(training.words[region], evaluation.words[region]);
    const shared =
      larger('activations') + larger('tokens') + training.words.constants + evaluation.words.constants + training.words.gradients;
    const own = training.words.parameters + training.words.mean + training.words.square;
    const said = 4 * (shared + 5 * own + 2 * training.words.accumulated);
    // Besides: the kernels' tables and scratch memory (the packed blocks of a matrix product), and the last page.
    const besides = executor.bytes - said - reservedBytes - 147_600;
    expect(besides).toBeGreaterThanOrEqual(0);
    expect(besides).toBeLessThan(65_536 + 2048);

    const before = executor.bytes;
    await executor.advance(1e9, () => 20);
    await executor.evaluate([0, 1]);
    expect(executor.bytes).toBe(before);
  });

  it('grows with a lane by what a lane has for itself', () => {
    const plans = plansOf(config(), 3);
    const { parameters, mean, square, accumulated } = plans.training.words;
    const bytes = (lanes: number, m: number): number =>
      wasmBytes(
        plans,
        Array.from({ length: lanes }, () => m),
      );
    expect(Math.abs(bytes(201, 1) - bytes(1, 1) - 800 * (parameters + mean + square))).toBeLessThanOrEqual(65_536);
    expect(Math.abs(bytes(201, 2) - bytes(1, 2) - 800 * (parameters + mean + square + accumulated))).toBeLessThanOrEqual(65_536);
  });

  it('more than 4 GB is refused in a sentence', () => {
    expect(() => memoryMap(plansOf(config(), 3), new Array<number>(100_000).fill(1))).toThrow(/need \d+ MB of memory/);
  });
});

it('gives the event loop its turn while it works', async () => {
  const run = config({ shape: { layers: 4, width: 48, heads: 4, mlpRatio: 4 } });
  const executor = await createWasmExecutor(plansOf(run, 12), [lane(run)], source);
  let turns = 0;
  const ticking = setInterval(() => turns++, 0);
  await executor.advance(1e9, () => 12);
  clearInterval(ticking);
  expect(turns).toBeGreaterThan(5);
});

it('cannot be asked anything after its disposal', async () => {
  const executor = await createWasmExecutor(plansOf(config(), 1), [lane(config())], source);
  executor.dispose();
  expect(() => executor.updatesOf(0)).toThrow('disposed');
  await expect(executor.advance(1, () => 1)).rejects.toThrow('disposed');
});

it('says so when the text is shorter than a window', async () => {
  const short = { ...source, training: source.training.subarray(0, CONTEXT) };
  await expect(createWasmExecutor(plansOf(config(), 1), [lane(config())], short)).rejects.toThrow('shorter than one window');
  const unheld = { ...source, validation: source.validation.subarray(0, CONTEXT) };
  const executor = await createWasmExecutor(plansOf(config(), 1), [lane(config())], unheld);
  await expect(executor.evaluate([0])).rejects.toThrow('shorter than one window');
});
