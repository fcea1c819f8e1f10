// Shape, recipes and the final learning rate on planted landscapes: each verdict comes from data that deserve it.
import { describe, expect, it } from 'vitest';
import { expandSweep, parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { tokensRead, type RunConfig } from '../../../src/config/run.ts';
import { experimentSizes, type Experiment } from '../../../src/experiments/experiment.ts';
import { figureTable } from '../../../src/experiments/figure-table.ts';
import { finalLearningRate, meanEstimate } from '../../../src/experiments/final-learning-rate.ts';
import type { InvarianceAnalysis } from '../../../src/experiments/invariance.ts';
import { recipes } from '../../../src/experiments/recipes.ts';
import { shapeExperiment } from '../../../src/experiments/shape.ts';
import { countParameters } from '../../../src/model/counts.ts';
import { modelConfig } from '../../../src/model/parameters.ts';
import type { PlantedBowl } from '../laws/planted.ts';
import { plantedRecords } from './planted-records.ts';

const bowlAt = (rateOctaves = 0, batchOctaves = 0, loss = 2): PlantedBowl => ({
  lr: 2 ** (-6.2 + rateOctaves),
  B: 150 * 2 ** batchOctaves,
  loss,
  hessian: [0.03, -0.01, 0.02],
});
const grid = { learningRate: [-9, -8, -7, -6, -5, -4, -3].map((power) => 2 ** power), batchSequences: [1, 4, 12, 40, 128], seed: [0, 1] };
const sweepOf = (experiment: Experiment, axes: object): SweepConfig =>
  parseSweep({ name: 'planted', base: { ...experiment.sizes.minutes.base }, grids: [{ axes: { ...axes, ...grid } }] });

const shapes = shapeExperiment.sizes.minutes.grids[0].axes!.shape!.slice(0, 4);
const corpora = recipes.sizes.minutes.grids[0].axes!.corpus!;

const cases: readonly {
  experiment: Experiment<InvarianceAnalysis>;
  axes: object;
  moved: (config: RunConfig) => boolean;
}[] = [
  { experiment: shapeExperiment, axes: { shape: shapes }, moved: ({ shape }) => shape.layers === 4 },
  { experiment: recipes, axes: { corpus: corpora, shape: [{ layers: 2, width: 12 }] }, moved: ({ corpus }) => corpus === 'three' },
];

describe.each(cases)('$experiment.id', ({ experiment, axes, moved }) => {
  const sweep = sweepOf(experiment, axes);
  const analysed = (shift: number, noise: number, keep: (config: RunConfig) => boolean = () => true, seed = 1): InvarianceAnalysis =>
    experiment.analyse(
      plantedRecords(sweep, (_size, _lr, _B, config) => bowlAt(moved(config) ? shift : 0), noise, seed).filter(({ config }) =>
        keep(config),
      ),
      { resamples: 200 },
    );

  it('is shown where all minima are planted in one place', () => {
    const analysis = analysed(0, 0.002);
    const verdict = experiment.verdict(analysis);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('4 ');
    expect(analysis.excesses).toHaveLength(3);
    for (const { share } of analysis.excesses) expect(share).toBeLessThan(0.002);
  });

  it('is contradicted where one moves, and says what that costs', () => {
    const analysis = analysed(1.6, 0.002);
    const verdict = experiment.verdict(analysis);
    expect(verdict.status).toBe('contradicted');
    // ½ · 0.03 · 1.6² nats of 2: along the learning rate alone, as the planted vertex moved.
    const most = Math.max(...analysis.excesses.map(({ share }) => share));
    expect(Math.abs(most - (0.5 * 0.03 * 1.6 ** 2) / 2)).toBeLessThan(0.004);
    expect(verdict.sentence.en).toContain(`lose at most ${(1000 * most).toFixed(1)} ‰`);
    for (const figure of experiment.figures(analysis)) expect(figureTable(figure, 'zh').rows.length).toBeGreaterThan(0);
  });

  it('is not shown by noise that leaves the place of minima open', () => {
    expect(experiment.verdict(analysed(0, 0.08)).status).not.toBe('shown');
  });

  it('does not show that nothing moves where a planted shift drowns in noise', () => {
    // A shift of 1.6 octaves is worth 0.04 nats; runs that differ by more from seed to seed leave minima open, whichever way they fall.
    const verdicts = [1, 2, 3, 4].map((seed) => experiment.verdict(analysed(1.6, 0.05, () => true, seed)));
    const statuses = verdicts.map(({ status }) => status);
    expect(statuses).not.toContain('shown');
    expect(statuses).toContain('not shown here');
    for (const { status, sentence } of verdicts)
      if (status === 'not shown here') expect(sentence.en).toMatch(/is not ruled out|the noise leaves|could not be placed/);
  });

  it('has not enough points in no runs, or one group', () => {
    expect(experiment.verdict(experiment.analyse([])).status).toBe('not enough points');
    expect(experiment.verdict(analysed(0, 0.002, moved)).status).toBe('not enough points');
  });

  it('holds against the same first group, whatever the order of the runs', () => {
    const records = plantedRecords(sweep, () => bowlAt(), 0.002);
    const label = (analysis: InvarianceAnalysis): string => analysis.groups[0].id;
    const forward = experiment.analyse(records, { resamples: 20 });
    expect(label(experiment.analyse([...records].reverse(), { resamples: 20 }))).toBe(label(forward));
    expect(label(forward)).toBe(experiment === recipes ? 'sotu' : 'L2 d12 h2 m4');
  });
});

describe('sizes of shapes and recipes', () => {
  it('have shapes of one number of parameters, and tokens of whole batches', () => {
    for (const size of experimentSizes) {
      const runs = expandSweep(shapeExperiment.sizes[size]).map(({ config }) => config);
      const counts = runs.map((config) => countParameters(modelConfig(config, 99)).nonEmbedding);
      expect(Math.max(...counts) / Math.min(...counts), size).toBeLessThan(size === 'smoke' ? 1.3 : 1.15);
    }
    for (const experiment of [shapeExperiment, recipes, finalLearningRate])
      for (const size of experimentSizes)
        for (const { config } of expandSweep(experiment.sizes[size])) expect(tokensRead(config)).toBe(config.tokens);
  });
});

describe('the final learning rate', () => {
  const sweep = sweepOf(finalLearningRate, {
    schedule: ['cosine to fixed', 'cosine to fraction'],
    shape: [{ layers: 2, width: 12 }, { layers: 1, width: 8, mlpRatio: 3 }],
  }); // prettier-ignore
  const verdictOf = (rate: number, loss: number, noise = 0.002) =>
    finalLearningRate.verdict(
      finalLearningRate.analyse(
        plantedRecords(
          sweep,
          (_size, _lr, _B, { schedule }) => (schedule === 'cosine to fixed' ? bowlAt() : bowlAt(rate, 0.5, loss)),
          noise,
        ),
        { resamples: 200 },
      ),
    );

  it('is shown by a minimum that moves down and loses', () => {
    const verdict = verdictOf(-0.8, 2.03);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('on average over 2 sizes');
    const paid = /changes by ([\d.]+) ‰/.exec(verdict.sentence.en)!;
    expect(Math.abs(Number(paid[1]) - 15)).toBeLessThan(2);
  });

  it('is contradicted by either part that points the other way', () => {
    expect(verdictOf(0.8, 2.03).status).toBe('contradicted');
    expect(verdictOf(-0.8, 1.97).status).toBe('contradicted');
  });

  it('is not shown by half of it, and says which half', () => {
    expect(verdictOf(0, 2.03).sentence.en).toMatch(/no shift that is told from zero|to higher/);
    const same = verdictOf(-0.8, 2, 0.004);
    expect(same.status).not.toBe('shown');
    expect(verdictOf(0, 2, 0.03).status).toBe('not shown here');
  });

  it('has not enough points without both schedules', () => {
    const records = plantedRecords(sweep, () => bowlAt(), 0.002);
    for (const some of [[], records.filter(({ config }) => config.schedule === 'cosine to fixed')])
      expect(finalLearningRate.verdict(finalLearningRate.analyse(some, { resamples: 50 })).status).toBe('not enough points');
    const edge = plantedRecords(sweep, () => bowlAt(6), 0.002);
    expect(finalLearningRate.verdict(finalLearningRate.analyse(edge, { resamples: 50 })).sentence.en).toContain('at the edge');
    for (const figure of finalLearningRate.figures(finalLearningRate.analyse(records, { resamples: 50 })))
      expect(figureTable(figure, 'en').head.length).toBeGreaterThan(1);
  });

  it('averages estimates with their errors', () => {
    const { value, low, high } = meanEstimate([
      { value: 1, low: -2, high: 4 },
      { value: 3, low: -1, high: 7 },
    ]);
    expect([value, low, high]).toEqual([2, -0.5, 4.5]);
  });
});
