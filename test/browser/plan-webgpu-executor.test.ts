// Whole training on the GPU: against the reference trainer and the interpreter, alone and among neighbours, saved and
// restored, and when the device is lost.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRun } from '../../src/config/parse.ts';
import { steps, type RunConfig, type RunInput } from '../../src/config/run.ts';
import { initialParameters, modelConfig, parameterSpecs } from '../../src/model/parameters.ts';
import type { Executor, LaneLosses, LaneSettings, Plans, TokenSource } from '../../src/plan/executor.ts';
import { modelPlans, modelStep } from '../../src/plan/model-plans.ts';
import { requestLabDevice } from '../../src/plan/webgpu/device.ts';
import { createWebGpuExecutor } from '../../src/plan/webgpu/executor.ts';
import { ReferenceRun } from '../../src/training/reference-run.ts';
import { learningRateAt } from '../../src/training/schedule.ts';
import { evaluateByInterpreter, InterpretedLane } from '../unit/plan/interpreter.ts';
import { normals, randomParameters } from '../unit/plan/oracle.ts';
import { testDevice } from './one-launch.ts';

const VOCABULARY = 13;
const CONTEXT = 17;
const UPDATES = 20;

/** Text in which the next token mostly follows from the last, so that there is something to learn. */
function text(length: number, seed: number): Uint16Array {
  const normal = normals(seed);
  const tokens = new Uint16Array(length);
  for (let i = 1; i < length; i++) tokens[i] = (2 * tokens[i - 1] + Math.floor(Math.abs(normal()) * 1.5)) % VOCABULARY;
  return tokens;
}

// 45 windows: the stream goes through them more than twice.
const source: TokenSource = { training: text(CONTEXT * 45 + 1, 1), validation: text((CONTEXT + 1) * 7, 2), dataSeed: 5 };

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
    learningRate: 2 ** -6,
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

const create = async (plans: Plans, lanes: readonly LaneSettings[], tokens = source): Promise<Executor> =>
  createWebGpuExecutor(plans, lanes, tokens, await testDevice());

/** Losses by lane, put together. */
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

describe('against the reference trainer, over 20 updates', () => {
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
  });

  it.each([
    { sequences: 6, microBatches: 1 },
    { sequences: 2, microBatches: 3 },
    { sequences: 1, microBatches: 6 },
  ])('$microBatches micro-batches of $sequences sequences', async ({ sequences, microBatches }) => {
    const executor = await create(plansOf(config(), sequences), [lane(config(), microBatches)]);
    const [losses] = await trainAll(executor, 1);
    expect(reference.at(-1)).toBeLessThan(0.9 * reference[0]);
    expect(apart(losses, reference)).toBeLessThan(1e-4);
    // Seven held-out windows fill no whole number of micro-batches.
    expect(apart(await executor.evaluate([0]), [validation])).toBeLessThan(1e-4);
    executor.dispose();
  });
});

describe('variants of the model, against the interpreter', () => {
  const variants: RunInput[] = [
    {},
    { tiedHead: true },
    { positions: 'rotary', shape: { layers: 1, width: 24, heads: 2, mlpRatio: 4 } },
    { qkNorm: true },
    { positions: 'rotary', qkNorm: true, tiedHead: true, shape: { layers: 1, width: 8, heads: 2, mlpRatio: 3 } },
    { experts: 4, expertsPerToken: 2, balanceCoefficient: 0.1 },
    { experts: 3, expertsPerToken: 1, tiedHead: true },
  ];
  it.each(variants)('%j', async (variant) => {
    const run = config(variant);
    const plans = plansOf(run, 2);
    // An ε that matters: gradients of pure rounding move nothing.
    const settings = { ...lane(run), parameters: randomParameters(modelStep(modelConfig(run, VOCABULARY), 2), 3), epsilon: 1e-4 };
    const executor = await create(plans, [lane(run), settings]);
    const interpreted = new InterpretedLane(plans.training, settings, source);
    interpreted.train(4);
    const [, { losses }] = await executor.advance(1e9, () => 4);
    expect(apart(losses, interpreted.losses)).toBeLessThan(1e-5);
    const parameters = await executor.parameters(1);
    const difference = parameters.map((word, i) => Math.abs(word - interpreted.memory.parameters[i]));
    expect(difference.reduce((a, b) => Math.max(a, b))).toBeLessThan(1e-5);
    const evaluated = await executor.evaluate([1]);
    expect(apart(evaluated, [evaluateByInterpreter(plans.evaluation, parameters, source)])).toBeLessThan(1e-5);
    executor.dispose();
  });
});

describe('lanes', () => {
  const lanes = [1, 2, 3, 1].map((microBatches, seed) => ({
    ...lane(
      config({ seed, learningRate: 2 ** -(5 + seed), batchSequences: microBatches, weightDecay: seed / 10, clipNorm: seed % 2 }),
      microBatches,
    ),
    updates: 12 - 2 * microBatches,
  }));
  const plans = plansOf(config(), 1);

  it('a lane alone equals the same lane among four, bit for bit', async () => {
    const together = await create(plans, lanes);
    const losses = await trainAll(together, lanes.length);
    const evaluated = await together.evaluate([3, 0]);
    for (const [k, settings] of lanes.entries()) {
      const alone = await create(plans, [settings]);
      const [own] = await trainAll(alone, 1);
      expect(own).toHaveLength(settings.updates);
      expect(own).toEqual(losses[k]);
      expect(await alone.parameters(0)).toEqual(await together.parameters(k));
      const place = [3, 0].indexOf(k);
      if (place >= 0) expect((await alone.evaluate([0]))[0]).toBe(evaluated[place]);
      alone.dispose();
    }
    together.dispose();
  });

  it('a lane that leaves the finite numbers freezes; the others go on as if alone', async () => {
    const wild = { ...lanes[0], clipNorm: 0, learningRate: (update: number) => (update < 3 ? 1e-3 : 1e30) };
    const executor = await create(plans, [lanes[1], wild, lanes[3]]);
    const losses = await trainAll(executor, 3);
    const last = losses[1].length;
    expect(last).toBeLessThan(wild.updates);
    expect(losses[1].slice(0, -1).every(Number.isFinite)).toBe(true);
    expect(losses[1][last - 1]).not.toSatisfy(Number.isFinite);
    expect(executor.updatesOf(1)).toBe(last);
    expect(await executor.advance(1e9, () => Infinity)).toEqual([]);
    expect(losses[0]).toHaveLength(lanes[1].updates);
    const alone = await create(plans, [lanes[3]]);
    expect((await trainAll(alone, 1))[0]).toEqual(losses[2]);
    for (const each of [executor, alone]) each.dispose();
  });

  it('a frozen lane does no more work', async () => {
    const executor = await create(plans, lanes.slice(0, 2));
    await executor.advance(1e9, () => 2);
    executor.freeze(0);
    const parameters = await executor.parameters(0);
    const parts = await executor.advance(1e9, () => 5);
    expect(parts.map(({ lane }) => lane)).toEqual([1]);
    expect([executor.updatesOf(0), executor.updatesOf(1)]).toEqual([2, 5]);
    expect(await executor.parameters(0)).toEqual(parameters);
    executor.dispose();
  });

  it('stops at each lane’s own update, never goes beyond its last, and catches up', async () => {
    const executor = await create(plans, lanes);
    const losses = lanes.map((): number[] => []);
    collect(await executor.advance(1e9, (k) => 3 - k), losses);
    expect(lanes.map((_, k) => executor.updatesOf(k))).toEqual([3, 2, 1, 0]);
    collect(await executor.advance(1e9, () => Infinity), losses);
    expect(lanes.map((_, k) => executor.updatesOf(k))).toEqual(lanes.map(({ updates }) => updates));
    const straight = await create(plans, lanes);
    expect(await trainAll(straight, lanes.length)).toEqual(losses);
    for (const each of [executor, straight]) each.dispose();
  });

  it('comes back when its time is over', async () => {
    const executor = await create(plans, lanes);
    const parts = await executor.advance(0, () => Infinity);
    expect(parts.map(({ lane, firstUpdate }) => [lane, firstUpdate])).toEqual([
      [0, 0],
      [3, 0],
    ]);
    expect(executor.updatesOf(0)).toBe(1);
    executor.dispose();
  });
});

describe('saving and restoring', () => {
  it.each([1, 3])('goes on bit for bit, with %i micro-batches', async (microBatches) => {
    const settings = { ...lane(config({ batchSequences: microBatches }), microBatches), updates: 16 };
    const plans = plansOf(config(), 1);
    const whole = await create(plans, [settings]);
    const [wanted] = await trainAll(whole, 1);

    // A neighbour of one micro-batch halts the lane in the middle of an update.
    const first = await create(plans, [lane(config()), settings]);
    const losses: number[][] = [[], []];
    collect(await first.advance(1e9, () => 5), losses);
    collect(await first.advance(0, () => Infinity), losses);
    const state = await first.save(1);
    await first.advance(1e9, () => 9);

    const second = await create(plans, [lane(config({ seed: 9 })), settings]);
    await second.advance(1e9, () => 4);
    await second.restore(1, state);
    expect(second.updatesOf(1)).toBe(state.updates);
    expect(await second.save(1)).toEqual(state);
    const rest: number[][] = [[], losses[1].slice(0, state.updates)];
    collect(await second.advance(1e9, () => Infinity), rest);
    expect(rest[1]).toEqual(wanted);
    expect(await second.parameters(1)).toEqual(await whole.parameters(0));

    // Back in time within one executor.
    await second.restore(1, state);
    expect(await second.save(1)).toEqual(state);
    for (const each of [whole, first, second]) each.dispose();
  });

  it('keeps what is accumulated towards the next update', async () => {
    const settings = { ...lane(config({ batchSequences: 3 }), 3), updates: 6 };
    const plans = plansOf(config(), 1);
    const whole = await create(plans, [settings]);
    const [wanted] = await trainAll(whole, 1);
    const executor = await create(plans, [settings]);
    // The first submission of all has one micro-step.
    await executor.advance(0, () => Infinity);
    const state = await executor.save(0);
    expect(state.updates).toBe(0);
    expect(state.pending?.microBatches).toBe(1);
    const other = await create(plans, [settings]);
    await other.restore(0, state);
    expect((await trainAll(other, 1))[0]).toEqual(wanted);
    for (const each of [whole, executor, other]) each.dispose();
  });

  it('takes a lane that was frozen back to where it was', async () => {
    const settings = { ...lane(config()), updates: 6 };
    const plans = plansOf(config(), 1);
    const executor = await create(plans, [settings]);
    const losses: number[][] = [[]];
    collect(await executor.advance(1e9, () => 3), losses);
    const state = await executor.save(0);
    await executor.restore(0, { ...state, parameters: state.parameters.map(() => NaN) });
    const [broken] = await executor.advance(1e9, () => Infinity);
    expect([...broken.losses]).toEqual([NaN]);
    await executor.restore(0, state);
    collect(await executor.advance(1e9, () => Infinity), losses);
    const straight = await create(plans, [settings]);
    expect((await trainAll(straight, 1))[0]).toEqual(losses[0]);
    for (const each of [executor, straight]) each.dispose();
  });

  it('refuses a state of other micro-batches, and parameters of another model', async () => {
    const settings = lane(config());
    const plans = plansOf(config(), 1);
    const executor = await create(plans, [settings]);
    const state = await executor.save(0);
    await expect(async () =>
      executor.restore(0, { ...state, pending: { microBatches: 1, gradient: state.mean, loss: 1 } }),
    ).rejects.toThrow('other micro-batches');
    await expect(create(plans, [{ ...settings, parameters: new Float32Array(3) }])).rejects.toThrow('parameters, not 3');
    executor.dispose();
  });
});

describe('memory and faults', () => {
  it('takes the same bytes all the time, which grow with a lane by what the plan says', async () => {
    const plans = plansOf(config(), 3);
    const settings = lane(config());
    const [one, three] = [await create(plans, [settings]), await create(plans, [settings, settings, settings])];
    const { parameters, gradients, mean, square, activations } = plans.training.words;
    const said = 4 * (parameters + gradients + mean + square + Math.max(activations, plans.evaluation.words.activations));
    // Besides: settings, sums of squares and results, some tens of words for each micro-step of a submission.
    expect(three.bytes - one.bytes).toBeGreaterThanOrEqual(2 * said);
    expect(three.bytes - one.bytes).toBeLessThan(2 * (said + 4096));
    const before = three.bytes;
    await three.advance(1e9, () => 3);
    await three.evaluate([0, 1]);
    expect(three.bytes).toBe(before);
    for (const each of [one, three]) each.dispose();
  });

  it('says so when the text is shorter than a window, or nothing is held out', async () => {
    const plans = plansOf(config(), 1);
    const short = { ...source, training: source.training.subarray(0, CONTEXT) };
    await expect(create(plans, [lane(config())], short)).rejects.toThrow('shorter than one window');
    const unheld = await create(plans, [lane(config())], { ...source, validation: new Uint16Array(3) });
    await expect(unheld.evaluate([0])).rejects.toThrow('held-out text is shorter');
    unheld.dispose();
  });

  it('cannot be asked anything after its disposal', async () => {
    const executor = await create(plansOf(config(), 1), [lane(config())]);
    executor.dispose();
    executor.dispose();
    expect(() => executor.updatesOf(0)).toThrow('disposed');
    await expect(executor.advance(1, () => 1)).rejects.toThrow('disposed');
  });

  it('rejects when the device is lost, in the middle of training and afterwards', async () => {
    const device = await requestLabDevice();
    const executor = await createWebGpuExecutor(plansOf(config(), 1), [{ ...lane(config()), updates: 1e6 }], source, device);
    await executor.advance(50, () => Infinity);
    const training = executor.advance(1e9, () => Infinity);
    setTimeout(() => device.destroy(), 50);
    await expect(training).rejects.toThrow(/The GPU was lost \(destroyed\)/);
    await expect(executor.advance(1, () => Infinity)).rejects.toThrow('The GPU was lost');
    await expect(executor.save(0)).rejects.toThrow('The GPU was lost');
    await expect(executor.evaluate([0])).rejects.toThrow('The GPU was lost');
    executor.dispose();
  });
});
