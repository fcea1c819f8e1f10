// Step Law on planted landscapes: exponents are found, and each verdict comes from data that deserve it.
import { describe, expect, it } from 'vitest';
import { expandSweep } from '../../../src/config/sweep.ts';
import { tokensRead } from '../../../src/config/run.ts';
import { experimentSizes, type ExperimentSize } from '../../../src/experiments/experiment.ts';
import { figureTable } from '../../../src/experiments/figure-table.ts';
import { NEGLIGIBLE_EXPONENT, stepLaw } from '../../../src/experiments/step-law.ts';
import { countParameters } from '../../../src/model/counts.ts';
import { modelConfig } from '../../../src/model/parameters.ts';
import type { PlantedBowl } from '../laws/planted.ts';
import { plantedRecords, plantedSweep, type PlantedSize } from './planted-records.ts';

/** Exponents: learning rate on N and D, batch on D and N. */
const planted =
  ([rateOnN, rateOnD, batchOnD, batchOnN]: readonly [number, number, number, number]) =>
  ({ N, D }: PlantedSize): PlantedBowl => ({
    lr: 2 ** -6.5 * (N / 6600) ** rateOnN * (D / 409_600) ** rateOnD,
    B: 150 * (D / 409_600) ** batchOnD * (N / 6600) ** batchOnN,
    loss: 1.5 + 3 * N ** -0.15,
    hessian: [0.03, -0.01, 0.02],
  });

const sweep = plantedSweep({
  widths: [8, 16, 36],
  tokens: [102_400, 409_600, 1_638_400],
  batches: [1, 2, 4, 8, 16, 32],
  seeds: [0, 1],
});
const verdictOf = (exponents: readonly [number, number, number, number], noise = 0.001, from = sweep) =>
  stepLaw.verdict(stepLaw.analyse(plantedRecords(from, planted(exponents), noise), { resamples: 200 }));

describe('Step Law', () => {
  it('is shown where its exponents are planted, with intervals that hold them', () => {
    const analysis = stepLaw.analyse(plantedRecords(sweep, planted([-0.5, 0.3, 0.5, 0]), 0.001), { resamples: 200 });
    const verdict = stepLaw.verdict(analysis);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('From 9 landscapes');
    expect(verdict.sentence.zh).toContain('9 个曲面');
    const { N: batchOnN, D: batchOnD } = analysis.batchLine!;
    for (const [estimate, truth] of [
      [analysis.vertexLaw.parameters['lr.N']!, -0.5],
      [analysis.vertexLaw.parameters['lr.D']!, 0.3],
      [batchOnD!, 0.5],
      [batchOnN!, 0],
    ] as const) {
      expect(estimate.low).toBeLessThan(truth);
      expect(estimate.high).toBeGreaterThan(truth);
      expect(verdict.sentence.en).toContain(estimate.value.toFixed(2).replace('-', '−'));
    }
  });

  it('is shown with a small dependence of the batch on N, and says so', () => {
    const verdict = verdictOf([-0.5, 0.3, 0.5, -0.13], 0.0003);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('depends on N, but by less than an octave');
  });

  it('is contradicted by each part that points the other way', () => {
    for (const [exponents, says] of [
      [[0.4, 0.3, 0.5, 0], 'learning rate rises with N'],
      [[-0.5, -0.3, 0.5, 0], 'learning rate falls with D'],
      [[-0.5, 0.3, -0.4, 0], 'batch falls with D'],
      [[-0.5, 0.3, 0.5, -0.5], 'batch falls with N'],
      [[-0.5, 0.3, 0.5, 0.5], 'batch rises with N'],
    ] as const) {
      const verdict = verdictOf(exponents);
      expect(verdict.status).toBe('contradicted');
      expect(verdict.sentence.en).toContain(says);
    }
  });

  it('is not shown by noise that leaves exponents open', () => {
    const verdict = verdictOf([-0.5, 0, 0.5, 0], 0.002);
    expect(verdict.status).toBe('not shown here');
    expect(verdict.sentence.en).toContain("learning rate's power of D is not told from zero");
    // Best batches that scatter by most of an octave either way from landscape to landscape: intervals hold zero and 0.25 as well.
    const scattered = (size: PlantedSize): PlantedBowl => {
      const truth = planted([-0.5, 0.3, 0.5, 0])(size);
      const turn = Math.round(Math.log2(size.N) / 2) + Math.round(Math.log2(size.D) / 2);
      return { ...truth, B: truth.B * 2 ** (turn % 2 === 0 ? 0.8 : -0.8) };
    };
    const wide = plantedSweep({ widths: [8, 16, 36], tokens: [102_400, 409_600, 1_638_400], batches: [1, 2, 4, 8, 16, 32, 64] });
    const analysis = stepLaw.analyse(plantedRecords(wide, scattered, 0.001), { resamples: 200 });
    const { low, high } = analysis.batchLine!.N!;
    expect(low).toBeLessThan(0);
    expect(high).toBeGreaterThan(0);
    expect(Math.max(-low, high)).toBeGreaterThan(NEGLIGIBLE_EXPONENT);
    expect(stepLaw.verdict(analysis).sentence.en).toContain('is not ruled out');
  });

  it('needs both N and D to spread, and minima', () => {
    const records = plantedRecords(sweep, planted([-0.5, 0.3, 0.5, 0]), 0.001);
    const tokens = records.filter((record) => record.config.tokens > 200_000);
    for (const some of [[], records.slice(0, 1), tokens, records.filter((record) => record.config.shape.width < 20)]) {
      const verdict = stepLaw.verdict(stepLaw.analyse(some, { resamples: 100 }));
      expect(verdict.status).toBe('not enough points');
      expect(verdict.sentence.en).toContain('over a factor of 16');
    }
    const edge = stepLaw.analyse(
      plantedRecords(sweep, (size) => ({ ...planted([-0.5, 0.3, 0.5, 0])(size), B: 4 }), 0.001),
      {
        resamples: 100,
      },
    );
    expect(stepLaw.verdict(edge).sentence.en).toContain('whose optimum is at the edge');
  });

  it('shows exponents beside the published ones, and the batch against N with the power of D taken out', () => {
    const analysis = stepLaw.analyse(plantedRecords(sweep, planted([-0.5, 0.3, 0.5, 0]), 0.0005), { resamples: 200 });
    const [ladder, plot] = stepLaw.figures(analysis);
    if (ladder.kind !== 'ladder' || plot.kind !== 'plot') throw new Error('other figures');
    expect(ladder.rungs.map(({ id }) => id)).toContain('batch.D:tiny-step-law');
    expect(ladder.rungs.find(({ id }) => id === 'lr.N:step-law')?.estimate).toEqual({ value: -0.713, low: -0.7744, high: -0.6554 });
    expect(ladder.rungs.filter(({ id }) => id.startsWith('batch.N'))).toHaveLength(2);
    const values = plot.series.flatMap(({ points }) => points.map(({ y }) => y));
    expect(values).toHaveLength(9);
    // Planted: 150 tokens at D = 409,600, which is the middle one.
    for (const y of values) expect(Math.abs(Math.log2(y / 150))).toBeLessThan(0.35);
    expect(plot.lines[0].points).toHaveLength(21);
    for (const figure of stepLaw.figures(stepLaw.analyse([]))) expect(figureTable(figure, 'zh').head.length).toBeGreaterThan(0);
  });

  it('varies N and D by 16 times, apart from each other, with tokens of whole batches', () => {
    for (const size of experimentSizes.filter((one): one is ExperimentSize => one !== 'smoke')) {
      const runs = expandSweep(stepLaw.sizes[size]).map(({ config }) => config);
      for (const config of runs) expect(tokensRead(config)).toBe(config.tokens);
      const cells = [...new Set(runs.map((config) => JSON.stringify([countParameters(modelConfig(config, 99)).nonEmbedding, config.tokens])))].map(
        (text) => (JSON.parse(text) as [number, number]).map(Math.log),
      ); // prettier-ignore
      expect(cells.length).toBeGreaterThanOrEqual(7);
      const column = (axis: number): number[] => cells.map((cell) => cell[axis]);
      for (const axis of [0, 1]) expect(Math.max(...column(axis)) - Math.min(...column(axis))).toBeGreaterThan(Math.log(15));
      const centred = (axis: number): number[] => {
        const values = column(axis);
        const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
        return values.map((value) => value - mean);
      };
      const [x, y] = [centred(0), centred(1)];
      const dot = (a: number[], b: number[]): number => a.reduce((sum, value, i) => sum + value * b[i], 0);
      expect(Math.abs(dot(x, y)) / Math.sqrt(dot(x, x) * dot(y, y))).toBeLessThan(0.6);
    }
  });
});
