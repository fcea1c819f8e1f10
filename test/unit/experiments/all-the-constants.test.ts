// All the constants on runs planted from the law: they come back and foretell a run that no fit has seen, and a run that
// goes its own way is not foretold.
import { describe, expect, it } from 'vitest';
import { parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { allTheConstants } from '../../../src/experiments/all-the-constants.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { ourTruth, plantedTrajectory } from '../laws/planted-curves.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const shape = (width: number) => ({ layers: 2, width, heads: 2 });
const learningRate = [2 ** -8, 2 ** -7, 2 ** -6];
const fitted = [
  { axes: { shape: [8, 12, 16, 24].map(shape), batchSequences: [8, 64], learningRate } },
  { axes: { shape: [shape(16)], batchSequences: [16, 32, 128], learningRate } },
];
const unseen = { axes: { shape: [shape(40)], batchSequences: [24], learningRate } };

const sweep = (grids: SweepConfig['grids'] = [...fitted, unseen]): SweepConfig =>
  parseSweep({ name: 'planted', base: { context: 16, tokens: 1_048_576, schedule: 'constant' }, grids });

const planted: FakeLaw = ({ N, B, lr }, step) => plantedTrajectory(ourTruth, N, B, step) * detuned(lr, 2 ** -7, 0.02);

const judged = (law: FakeLaw, from = sweep()) => {
  const analysis = allTheConstants.analyse(fakeTraining(from, law, { run: 0.001, point: 0.005 }), { resamples: 30 });
  return { analysis, verdict: allTheConstants.verdict(analysis) };
};

describe('all the constants', () => {
  it('come back from planted runs, and foretell a size and batch that no fit has seen', () => {
    const { analysis, verdict } = judged(planted);
    expect(analysis.constants!.from).toBe('together');
    const { alphaN, alphaS, critical } = analysis.constants!.values;
    expect(alphaN).toBeCloseTo(ourTruth.alphaN, 1);
    expect(alphaS / ourTruth.alphaS).toBeGreaterThan(0.8);
    expect(alphaS / ourTruth.alphaS).toBeLessThan(1.25);
    expect(critical.alpha / ourTruth.alphaB).toBeGreaterThan(0.6);
    expect(critical.alpha / ourTruth.alphaB).toBeLessThan(1.6);
    const foretold = analysis.foretold!;
    expect(foretold.curve.B).toBe(384);
    expect(analysis.curves.every(({ N }) => N < foretold.curve.N)).toBe(true);
    expect(foretold.error).toBeLessThan(0.01);
    for (const { steps, seen } of foretold.targets) {
      expect(steps!.value / seen).toBeGreaterThan(0.9);
      expect(steps!.value / seen).toBeLessThan(1.1);
    }
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('which no fit has seen');
    expect(allTheConstants.figures(analysis).map(({ id }) => id)).toEqual([
      'size',
      'steps',
      'batches',
      'constants',
      'foretold',
      'predictions',
    ]);
  }, 60_000);

  it('are contradicted by a model that goes its own way, which changes no fit', () => {
    const own: FakeLaw = (run, step) => planted(run, step) * (run.N > 30_000 ? 1.25 : 1);
    const { analysis, verdict } = judged(own);
    expect(verdict.status).toBe('contradicted');
    expect(analysis.constants).toEqual(judged(planted).analysis.constants);
  }, 60_000);

  it('say what is missing', () => {
    const without = judged(planted, sweep(fitted)).verdict;
    expect(without.status).toBe('not enough points');
    expect(without.sentence.en).toContain('have not been trained');
    expect(allTheConstants.verdict(allTheConstants.analyse([])).status).toBe('not enough points');
    for (const size of experimentSizes) expect(() => parseSweep(allTheConstants.sizes[size])).not.toThrow();
  }, 60_000);
});
