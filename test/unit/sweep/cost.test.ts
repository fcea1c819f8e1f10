// Costs: exact where they are counted, sensible where they are predicted.
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { steps, type RunConfig, type RunInput } from '../../../src/config/run.ts';
import { runId } from '../../../src/config/parse.ts';
import { calibrate, calibrationRuns, flopsPerToken, runFlops, sweepCost, TimeModel } from '../../../src/sweep/cost.ts';
import { Forecast } from '../../../src/sweep/forecast.ts';

const config = (input: RunInput): RunConfig => parseRun({ context: 8, tokens: 80_000, validationTokens: 1, ...input });
const run = (input: RunInput) => ({ id: runId(config(input)), config: config(input) });
const shape = (width: number) => ({ layers: 1, width, heads: 1, mlpRatio: 4 });

const none = { tokens: 0, steps: 0, flops: 0 };

describe('exact costs', () => {
  it('agree with a count by hand', () => {
    // Per token, forward: projections 2·4·8², scores 2·(8+1)·8, MLP 2·2·8·32, head 2·8·10; training is three times that.
    const perToken = 3 * (512 + 144 + 1024 * 2 - 1024 + 160);
    const one = config({ shape: shape(8), tokens: 80 });
    expect(flopsPerToken(one, 10)).toBe(3 * (2 * 4 * 64 + 2 * 9 * 8 + 2 * 2 * 8 * 32 + 2 * 8 * 10));
    expect(perToken).toBe(flopsPerToken(one, 10));
    expect(runFlops(one, 10)).toBe(perToken * 80);
    const cost = sweepCost([run({ shape: shape(8), tokens: 80 }), run({ shape: shape(8), tokens: 160, batchSequences: 3 })], () => 10);
    // The second reads whole batches of 24: 144 of 160 tokens.
    expect(cost).toEqual({ runs: 2, tokens: 80 + 144, steps: 5 + 6, flops: perToken * (80 + 144), shared: none });
  });

  it('count what runs share once, and say so', () => {
    const perToken = flopsPerToken(config({ shape: shape(8) }), 10);
    // 1,000, 500, …, 62 steps of 16 tokens, cooldown over the last fifth.
    const runs = [16_000, 8000, 4000, 2000, 1000].map((tokens) =>
      run({ shape: shape(8), tokens, batchSequences: 2, schedule: 'constant and cooldown', warmupTokens: 160, cooldownFraction: 0.2 }),
    );
    const steps = 1000 + 500 + 250 + 125 + 62;
    const shared = 401 + 201 + 101 + (62 - 12 + 1);
    const amounts = (count: number) => ({ steps: count, tokens: 16 * count, flops: 16 * count * perToken });
    expect(sweepCost(runs, () => 10)).toEqual({ runs: 5, ...amounts(steps - shared), shared: amounts(shared) });
    expect(sweepCost(runs, () => 10, false)).toEqual({ runs: 5, ...amounts(steps), shared: none });
  });
});

describe('the time model', () => {
  /** A device with a known law: 1 ms a step and 1 GFLOP/s. */
  const device = (one: RunConfig) => 1e-3 + (flopsPerToken(one, 32) * one.batchSequences * one.context) / 1e9;
  const runs = [4, 8, 16, 32, 64].flatMap((width) =>
    [1, 2, 4, 8, 16].map((batchSequences) => run({ shape: shape(width), batchSequences })),
  );

  it('measures few runs, both ends of sizes and batches among them', () => {
    const chosen = calibrationRuns(runs, () => 32);
    expect(chosen.length).toBeLessThanOrEqual(6);
    expect(new Set(chosen.map((one) => one.shape.width))).toEqual(new Set([4, 16, 64]));
    expect(new Set(chosen.map((one) => one.batchSequences))).toEqual(new Set([1, 16]));
    expect(calibrationRuns([], () => 32)).toEqual([]);
  });

  it('predicts runs that were not measured', async () => {
    const measure = (one: RunConfig) => Promise.resolve({ secondsPerStep: device(one), lanes: 1 });
    const model = await calibrate({ measure }, runs, () => 32);
    expect(model.measured).toBe(true);
    for (const { config: one } of runs) {
      const truth = steps(one) * device(one);
      expect(model.seconds(one, 32) / truth).toBeGreaterThan(0.9);
      expect(model.seconds(one, 32) / truth).toBeLessThan(1.1);
    }
  });

  it('shares a step out among the lanes that were measured', () => {
    const one = config({ shape: shape(8) });
    const seconds = (lanes: number) =>
      new TimeModel([{ config: one, vocabulary: 32, measurement: { secondsPerStep: 0.01, lanes } }]).seconds(one, 32);
    expect(seconds(1) / seconds(4)).toBeCloseTo(4);
  });

  it('passes over measurements that are no times', () => {
    const one = config({ shape: shape(8) });
    const point = (secondsPerStep: number) => ({ config: one, vocabulary: 32, measurement: { secondsPerStep, lanes: 1 } });
    expect(new TimeModel([point(NaN), point(0)]).measured).toBe(false);
    expect(new TimeModel([point(NaN)]).seconds(one, 32)).toBeGreaterThan(0);
  });
});

describe('the forecast', () => {
  it('says nothing before it knows anything', () => {
    expect(new Forecast(false).secondsLeft([{ kind: 'a', predicted: 10 }], 1)).toBeUndefined();
    expect(new Forecast(true).secondsLeft([{ kind: 'a', predicted: 10 }], 1)).toBe(10);
  });

  it('learns from what happened, for each kind apart', () => {
    const forecast = new Forecast(true);
    // Kind a takes three times as long as predicted, kind b as long.
    forecast.note('a', 100, 300);
    forecast.note('b', 100, 100);
    const a = forecast.secondsLeft([{ kind: 'a', predicted: 50 }], 1)!;
    const b = forecast.secondsLeft([{ kind: 'b', predicted: 50 }], 1)!;
    expect(a).toBeGreaterThan(140);
    expect(a).toBeLessThan(160);
    expect(b).toBeGreaterThan(48);
    expect(b).toBeLessThan(55);
  });

  it('divides by the workers, but is never shorter than the longest run', () => {
    const forecast = new Forecast(true);
    const rest = Array.from({ length: 10 }, () => ({ kind: 'a', predicted: 6 }));
    expect(forecast.secondsLeft(rest, 2)).toBe(30);
    expect(forecast.secondsLeft(rest, 100)).toBe(6);
  });
});
