// What any executor's measurement of gradients must be: the noise of a model whose gradients are known by hand, the
// reference trainer's, the same for a lane whatever stands beside it, and nothing that training would notice.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { steps, type RunConfig, type RunInput } from '../../../src/config/run.ts';
import { windowCount, windowInStream } from '../../../src/data/order.ts';
import { estimateNoise } from '../../../src/laws/noise-scale.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { initialParameters, modelConfig, parameterSpecs } from '../../../src/model/parameters.ts';
import { crossEntropy } from '../../../src/ops/cross-entropy/cross-entropy.ts';
import type { Executor, LaneSettings, LaneState, Plans, TokenSource } from '../../../src/plan/executor.ts';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import { traceEvaluation, traceGradient, traceTraining } from '../../../src/plan/trace/trace.ts';
import { smallBatches } from '../../../src/training/gradient-noise.ts';
import { ReferenceRun } from '../../../src/training/reference-run.ts';
import { learningRateAt } from '../../../src/training/schedule.ts';
import { normals, stepOf } from './oracle.ts';

type Create = (plans: Plans, lanes: readonly LaneSettings[], tokens: TokenSource) => Promise<Executor>;

const VOCABULARY = 13;
const CONTEXT = 17;

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
    tokens: CONTEXT * 6 * 12,
    dataSeed: 5,
    clipNorm: 0.8,
    learningRate: 2 ** -6,
    noiseSequences: 70,
    ...own,
  });

function lane(run: RunConfig, microBatches: number): LaneSettings {
  const { beta1, beta2, epsilon, weightDecay, clipNorm, seed } = run;
  return {
    parameters: initialParameters(parameterSpecs(modelConfig(run, VOCABULARY)), seed),
    microBatches,
    updates: steps(run),
    learningRate: (update) => learningRateAt(run, update, steps(run)),
    ...{ beta1, beta2, epsilon, weightDecay, clipNorm },
  };
}

/** Two sequences each, 35 of them. */
const small = smallBatches(config())!;

const plansOf = (run: RunConfig, sequences: number): Plans => modelPlans(modelConfig(run, VOCABULARY), sequences, small.sequences);

/** A softmax over four tokens that knows nothing of those before: its only parameters are its logits. */
const LIKELY = [0.5, 0.25, 0.15, 0.1];
const SPAN = 3;
const biasOnly = (sequences: number) =>
  stepOf([[4]], sequences, SPAN, ([logits], _tokens, targets) =>
    crossEntropy(tf.add(tf.zeros<tf.Rank.R2>([sequences * SPAN, 4]), logits), targets),
  );

/** Tokens drawn one by one. */
function drawn(length: number): Uint16Array {
  const random = createRandom(8);
  return Uint16Array.from({ length }, () => {
    let [token, left] = [0, random.uniform()];
    while (token < 3 && left >= LIKELY[token]) left -= LIKELY[token++];
    return token;
  });
}

/** Declares the tests of an executor. */
export function describeGradientNorms(create: Create, batches: number): void {
  beforeAll(async () => {
    await tf.setBackend('cpu');
  });

  describe('a softmax that knows nothing of the tokens before', () => {
    const logits = [0.4, -0.2, 0.1, 0];
    const exps = logits.map(Math.exp);
    const softmax = exps.map((one) => one / exps.reduce((a, b) => a + b));
    const plans: Plans = {
      training: traceTraining(biasOnly(2)),
      evaluation: traceEvaluation(biasOnly(2)),
      gradient: traceGradient(biasOnly(4)),
    };
    const tokens: TokenSource = { training: drawn(4 * SPAN * batches + 1), validation: drawn(20), dataSeed: 3 };
    const settings: LaneSettings = {
      parameters: Float32Array.from(logits),
      microBatches: 1,
      updates: 100,
      learningRate: () => 0.1,
      ...{ beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 0 },
    };

    it('has the norms that its tokens say, and the noise scale that is planted', async () => {
      const executor = await create(plans, [settings], tokens);
      const [found] = await executor.gradientNorms([0], batches);
      executor.dispose();
      // By hand: the gradient of a batch is the softmax less the shares of the tokens in it.
      const windows = windowCount(tokens.training.length, SPAN);
      const whole = [0, 0, 0, 0];
      let squares = 0;
      for (let batch = 0; batch < batches; batch++) {
        const shares = [0, 0, 0, 0];
        for (let i = 0; i < 4; i++) {
          const start = windowInStream(4 * batch + i, windows, 3) * SPAN;
          for (let t = 1; t <= SPAN; t++) shares[tokens.training[start + t]] += 1 / (4 * SPAN);
        }
        squares += shares.reduce((sum, share, v) => sum + (softmax[v] - share) ** 2, 0);
        shares.forEach((share, v) => (whole[v] += (softmax[v] - share) / batches));
      }
      const big = whole.reduce((sum, one) => sum + one ** 2, 0);
      expect(Math.abs(found.small / (squares / batches) - 1)).toBeLessThan(1e-5);
      expect(Math.abs(found.big / big - 1)).toBeLessThan(1e-4);
      // Tokens are independent: |G|² = |softmax − likely|², tr Σ = 1 − Σ likely² a token. Standard errors: ± 2 % and ± 4 %.
      const { signal, noise } = estimateNoise(found, 4 * SPAN, 4 * SPAN * batches);
      const planted = {
        signal: LIKELY.reduce((sum, share, v) => sum + (softmax[v] - share) ** 2, 0),
        noise: 1 - LIKELY.reduce((sum, share) => sum + share ** 2, 0),
      };
      expect(Math.abs(noise / planted.noise - 1)).toBeLessThan(0.08);
      expect(Math.abs(signal / planted.signal - 1)).toBeLessThan(0.16);
    });
  });

  it('is the reference trainer’s, from the first whole small batch that comes next', async () => {
    // After three updates of five sequences, 15 have been read: the measurement begins at the 16th.
    const run = config({ batchSequences: 5, tokens: CONTEXT * 5 * 12 });
    const oracle = new ReferenceRun(run, modelConfig(run, VOCABULARY), { ...source, vocabulary: VOCABULARY });
    const executor = await create(plansOf(run, 5), [lane(run, 1)], source);
    for (const until of [0, 3]) {
      while (oracle.done < until) oracle.step().dispose();
      await executor.advance(1e9, () => until);
      const [mean, whole] = oracle.measureGradients()!.dataSync();
      const [found] = await executor.gradientNorms([0], small.count);
      expect(Math.abs(found.small / mean - 1)).toBeLessThan(2e-4);
      expect(Math.abs(found.big / whole - 1)).toBeLessThan(2e-4);
      expect(found.small).toBeGreaterThan(1.05 * found.big);
    }
    oracle.dispose();
    executor.dispose();
  });

  it('says of a lane what it says of it alone, whatever batches the others have, and changes nothing', async () => {
    const runs = [1, 3, 2, 6].map((batchSequences, seed) => ({ run: config({ batchSequences, seed }), microBatches: batchSequences }));
    const plans = plansOf(config(), 1);
    const lanes = runs.map(({ run, microBatches }) => lane({ ...run, tokens: CONTEXT * 6 * 12 }, microBatches));
    const together = await create(plans, lanes, source);
    await together.advance(1e9, () => 2);
    const before: LaneState[] = [];
    for (const k of lanes.keys()) before.push(await together.save(k));
    const order = [2, 0, 3, 1];
    const found = await together.gradientNorms(order, small.count);
    for (const [k, state] of before.entries()) expect(await together.save(k)).toEqual(state);
    const after = (await together.advance(1e9, () => 6)).map(({ losses }) => [...losses]);
    together.dispose();
    for (const [i, k] of order.entries()) {
      const alone = await create(plans, [lanes[k]], source);
      await alone.advance(1e9, () => 2);
      expect((await alone.gradientNorms([0], small.count))[0]).toEqual(found[i]);
      alone.dispose();
      const without = await create(modelPlans(modelConfig(config(), VOCABULARY), 1), [lanes[k]], source);
      await without.advance(1e9, () => 2);
      const [{ losses }] = await without.advance(1e9, () => 6);
      expect([...losses]).toEqual(after[k]);
      without.dispose();
    }
  });

  it('is refused in the middle of an update, and where there is no plan for it', async () => {
    const run = config();
    const executor = await create(plansOf(run, 1), [lane(run, 6)], source);
    const half = { microBatches: 2, gradient: new Float32Array(lane(run, 6).parameters.length), loss: 5 };
    await executor.restore(0, { ...(await executor.save(0)), pending: half });
    await expect(executor.gradientNorms([0], 4)).rejects.toThrow('in the middle of an update');
    executor.dispose();
    const without = await create(modelPlans(modelConfig(run, VOCABULARY), 6), [lane(run, 1)], source);
    await expect(without.gradientNorms([0], 4)).rejects.toThrow('measure no gradients');
    without.dispose();
  });
}
