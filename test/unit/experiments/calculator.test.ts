// The calculator: published laws as printed, the fitted law with its intervals, runs that can be trained.
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { batchTokens, steps, tokensRead } from '../../../src/config/run.ts';
import { calculate } from '../../../src/experiments/calculator.ts';
import { analyseLandscapes, bestAt } from '../../../src/experiments/landscapes.ts';
import { countFlops, countParameters } from '../../../src/model/counts.ts';
import { modelConfig } from '../../../src/model/parameters.ts';
import type { PlantedBowl } from '../laws/planted.ts';
import { plantedRecords, plantedSweep, type PlantedSize } from './planted-records.ts';

const config = parseRun({ shape: { layers: 2, width: 24, heads: 2, mlpRatio: 4 }, context: 32, corpus: 'three' });
const nonEmbedding = countParameters(modelConfig(config, 60)).nonEmbedding;
const ask = (spend: Parameters<typeof calculate>[0]['spend'], fitted?: Parameters<typeof calculate>[1]) =>
  calculate({ config, vocabulary: 60, spend }, fitted);

describe('the calculator', () => {
  it('gives what published laws print, in steps that a run can take', () => {
    const D = 819_200;
    const { settings, request, flops } = ask({ tokens: D });
    expect(request).toMatchObject({ nonEmbedding, D });
    expect(flops).toBe(D * countFlops(modelConfig(config, 60)).training);
    const stepLaw = settings.find(({ id }) => id === 'step-law')!;
    expect(stepLaw.lr!.value).toBeCloseTo(1.79 * nonEmbedding ** -0.713 * D ** 0.307, 12);
    expect(stepLaw.B!.value).toBeCloseTo(0.58 * D ** 0.571, 8);
    expect(stepLaw.batchSequences).toBe(Math.round((0.58 * D ** 0.571) / 32));
    expect(stepLaw.lr!.low).toBeNaN();
    for (const { run, batchSequences, steps: count, tokens, warmupSteps, notes } of settings) {
      expect(notes.length).toBeGreaterThan(0);
      expect(warmupSteps).toBe(Math.round(0.05 * count));
      if (run === undefined) continue;
      const whole = parseRun(run);
      expect(whole).toMatchObject({ corpus: 'three', shape: config.shape, context: 32, batchSequences });
      expect([steps(whole), tokensRead(whole)]).toEqual([count, tokens]);
      expect(D - tokens).toBeLessThan(batchTokens(whole));
    }
    const kaplan = settings.find(({ id }) => id === 'kaplan-learning-rate')!;
    expect(kaplan).toMatchObject({ B: undefined, batchSequences: config.batchSequences });
  });

  it('spends a budget', () => {
    const perToken = countFlops(modelConfig(config, 60)).training;
    const { request, flops } = ask({ flops: 1e11 });
    expect(request.D).toBe(Math.floor(1e11 / perToken));
    expect(flops).toBeLessThanOrEqual(1e11);
    expect(1e11 - flops).toBeLessThan(perToken);
  });

  it('gives the law fitted here first, with intervals that hold the truth, and says when it extrapolates', () => {
    const truth = ({ N, D }: PlantedSize): PlantedBowl => ({
      lr: 2 ** -6.5 * (N / 6600) ** -0.5 * (D / 409_600) ** 0.3,
      B: 150 * (D / 409_600) ** 0.5,
      loss: 2,
      hessian: [0.03, -0.01, 0.02],
    });
    const sweep = plantedSweep({ widths: [8, 16, 36], tokens: [102_400, 409_600, 1_638_400], batches: [1, 2, 4, 8, 16, 32] });
    const analysis = analyseLandscapes(plantedRecords(sweep, truth, 0.002), { resamples: 200 });
    const [here] = ask({ tokens: 819_200 }, analysis).settings;
    const planted = truth({ N: nonEmbedding, D: 819_200 });
    expect(here.id).toBe('fitted');
    expect(here.notes).toEqual([]);
    expect(here.lr!.low).toBeLessThan(planted.lr);
    expect(here.lr!.high).toBeGreaterThan(planted.lr);
    expect(here.B!.low).toBeLessThan(planted.B);
    expect(here.B!.high).toBeGreaterThan(planted.B);
    const [far] = ask({ tokens: 1e9 }, analysis).settings;
    expect(far.notes[0].en).toContain('D lies outside');
    expect(far.lr!.high / far.lr!.low).toBeGreaterThan(here.lr!.high / here.lr!.low);
    expect(ask({ tokens: 819_200 }, analyseLandscapes([])).settings.map(({ id }) => id)).not.toContain('fitted');
  });

  it('gives the fitted law whichever count its landscapes are by, and asks it for N by that count', () => {
    const truth = ({ N, D }: PlantedSize): PlantedBowl => ({
      lr: 2 ** -6.5 * (N / 6600) ** -0.5,
      B: 150 * (D / 409_600) ** 0.5,
      loss: 2,
      hessian: [0.03, -0.01, 0.02],
    });
    const sweep = plantedSweep({ widths: [8, 16, 36], tokens: [102_400, 409_600, 1_638_400], batches: [1, 2, 4, 8, 16, 32] });
    const records = plantedRecords(sweep, truth, 0.001);
    const planted = truth({ N: nonEmbedding, D: 819_200 });
    for (const count of ['nonEmbedding', 'total', 'flops'] as const) {
      const analysis = analyseLandscapes(records, { resamples: 100, count });
      const [here] = ask({ tokens: 819_200 }, analysis).settings;
      expect(here.id, count).toBe('fitted');
      // Planted over the non-embedding count: by another it is no power law, but near one; a wrong N would be off by far more.
      expect(Math.abs(Math.log2(here.lr!.value / planted.lr)), count).toBeLessThan(0.2);
      const bare = bestAt(analysis, countParameters(modelConfig(config, 60))[count], 819_200);
      expect(here.lr).toEqual(bare.lr);
    }
  });

  it('counts the warm-up as the schedule does, in tokens where a run has it in tokens', () => {
    const own = parseRun({ ...config, warmupTokens: 64_000, schedule: 'constant and cooldown' });
    for (const { warmupSteps, batchSequences, steps: count } of calculate({ config: own, vocabulary: 60, spend: { tokens: 819_200 } })
      .settings)
      expect(warmupSteps).toBe(Math.min(count, Math.max(1, Math.round(64_000 / (32 * batchSequences)))));
  });

  it('refuses what is no amount, and marks what no run can have', () => {
    for (const tokens of [0, -1, NaN, Infinity, 31, 1e13]) expect(() => ask({ tokens })).toThrow();
    expect(() => ask({ flops: 1 })).toThrow('less than one sequence');
    const tiny = ask({ tokens: 64 }).settings;
    for (const { batchSequences, steps: count } of tiny) {
      expect(batchSequences).toBeGreaterThanOrEqual(1);
      expect(count).toBeGreaterThanOrEqual(1);
    }
    expect(tiny.find(({ id }) => id === 'tiny-step-law')!.notes.some(({ en }) => en.includes('less than one sequence'))).toBe(true);
  });
});
