// The critical batch on curves planted from the hyperbola: it comes back, and other trades are no hyperbola.
import { describe, expect, it } from 'vitest';
import { expandSweep, parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { criticalBatch } from '../../../src/experiments/critical-batch.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { criticalBatchAt } from '../../../src/laws/critical-batch.ts';
import { ourTruth, plantedTrajectory, type TrajectoryTruth } from '../laws/planted-curves.ts';
import { detuned, fakeTraining, type FakeLaw, type FakeNoiseScale } from './fake-trainer.ts';

const sweep = (rates = [-8, -7, -6], batches = [2, 4, 8, 16, 32, 64, 128]): SweepConfig =>
  parseSweep({
    name: 'planted',
    base: { context: 16, tokens: 1_048_576, schedule: 'constant', shape: { layers: 2, width: 16, heads: 2 } },
    grids: [{ axes: { batchSequences: batches, learningRate: rates.map((power) => 2 ** power) } }],
  });

const planted =
  (truth: TrajectoryTruth): FakeLaw =>
  ({ N, B, lr }, step) =>
    plantedTrajectory(truth, N, B, step) * detuned(lr, 2 ** -7, 0.02);

const judged = (law: FakeLaw, from = sweep(), noise = { run: 0.001, point: 0.005 }) => {
  const analysis = criticalBatch.analyse(fakeTraining(from, law, noise), { resamples: 30 });
  return { analysis, verdict: criticalBatch.verdict(analysis) };
};

describe('the gradient noise scale beside it', () => {
  const critical = (loss: number): number => ourTruth.Bstar / loss ** (1 / ourTruth.alphaB);
  const measuring = (): SweepConfig => {
    const plain = sweep();
    return parseSweep({ ...plain, base: { ...plain.base, noiseSequences: 256 } });
  };
  /** The verdict where the noise scale is this times the critical batch, at any batch and loss. */
  const heldAgainst = (factor: number) => {
    const scale: FakeNoiseScale = (_, loss) => factor * critical(loss);
    const records = fakeTraining(measuring(), planted(ourTruth), { run: 0.001, point: 0.005 }, scale);
    const analysis = criticalBatch.analyse(records, { resamples: 100 });
    return { analysis, verdict: criticalBatch.verdict(analysis) };
  };

  it.each([
    [0.3, 'times the critical batch at the same loss', ', below it.'],
    [1, 'times the critical batch at the same loss', ', not to be told from it.'],
    [4, 'times the critical batch at the same loss', ', above it.'],
  ])('that is %f times as large is found so', (factor, says, ends) => {
    const { analysis, verdict } = heldAgainst(factor);
    const { ratio, runs } = analysis.noiseRatio!;
    expect(ratio.low).toBeLessThan(factor);
    expect(ratio.high).toBeGreaterThan(factor);
    expect(ratio.high / ratio.low).toBeLessThan(3.5);
    expect(runs).toBe(7);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain(says);
    expect(verdict.sentence.en.endsWith(ends)).toBe(true);
    expect(verdict.sentence.zh).toContain('梯度噪声尺度');
  });

  it('is drawn against the loss, at the best learning rate of each batch alone', () => {
    const wild: FakeNoiseScale = ({ lr }, loss) => (lr === 2 ** -7 ? 1 : 1e6) * critical(loss);
    const records = fakeTraining(measuring(), planted(ourTruth), { run: 0.001, point: 0.005 }, wild);
    const analysis = criticalBatch.analyse(records, { resamples: 20 });
    const figure = criticalBatch.figures(analysis).find(({ id }) => id === 'critical-batch');
    const points = figure?.kind === 'plot' ? figure.series.find(({ id }) => id === 'noise')!.points : [];
    expect(points.length).toBeGreaterThan(3);
    const best = new Set(records.filter(({ lr }) => lr === 2 ** -7).map(({ id }) => id));
    for (const { x, y, runs = [] } of points) {
      expect(Math.abs(Math.log(y / critical(x)))).toBeLessThan(1.5);
      expect(runs.length).toBeGreaterThan(0);
      expect(runs.every((id) => best.has(id))).toBe(true);
    }
  });

  it('is said of neither verdict nor figure where it was not measured', () => {
    const { analysis, verdict } = judged(planted(ourTruth));
    expect(analysis.noise).toEqual([]);
    expect(analysis.noiseRatio).toBeUndefined();
    expect(verdict.sentence.en).not.toContain('noise');
    const figure = criticalBatch.figures(analysis).find(({ id }) => id === 'critical-batch');
    expect(figure?.kind === 'plot' && figure.series.map(({ id }) => id)).not.toContain('noise');
  });
});

describe('the critical batch', () => {
  it('finds the critical batch that was planted, and that it grows as the loss falls', () => {
    const { analysis, verdict } = judged(planted(ourTruth));
    const { fit } = analysis;
    expect(fit.status).toBe('converged');
    const loss = fit.levels[5].loss;
    const { low, high } = criticalBatchAt(fit, loss)!;
    const truth = ourTruth.Bstar / loss ** (1 / ourTruth.alphaB);
    expect(low).toBeLessThan(truth);
    expect(high).toBeGreaterThan(truth);
    expect(high / low).toBeLessThan(4);
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain('it grows as the loss falls');
    expect(criticalBatch.figures(analysis).map(({ id }) => id)).toEqual(['trade', 'critical-batch', 'alphaB', 'levels', 'batches']);
  });

  it('shows nothing where the critical batch does not move, or shrinks', () => {
    const still = judged(({ N, B, lr }, step) => ((3e5 / N) ** 0.08 + ((60 * (1 + 300 / B)) / step) ** 0.6) * detuned(lr, 2 ** -7, 0.02));
    expect(still.verdict.status).not.toBe('shown');
  });

  it('is contradicted by a critical batch that falls with the loss', () => {
    // B_crit = 12·L⁶: the fixed point from the floor upwards.
    const falling: FakeLaw = ({ B, lr }, step) => {
      let loss = 1.2;
      for (let i = 0; i < 60; i++) loss = 1.2 + ((150 * (1 + (12 * loss ** 6) / B)) / step) ** 0.6;
      return loss * detuned(lr, 2 ** -7, 0.02);
    };
    const { verdict } = judged(falling);
    expect(verdict.status).toBe('contradicted');
    expect(verdict.sentence.en).toContain('falls with the loss');
  });

  it('needs several batches, and says so', () => {
    expect(judged(planted(ourTruth), sweep(undefined, [4, 8])).verdict.status).toBe('not enough points');
    expect(criticalBatch.verdict(criticalBatch.analyse([])).status).toBe('not enough points');
  });

  it('asks for learning rates beyond an edge', () => {
    const from = sweep([-6, -5]);
    const { analysis, verdict } = judged(planted(ourTruth), from);
    expect(verdict.status).toBe('not enough points');
    expect(criticalBatch.next!(analysis, from)!.grids).toHaveLength(7);
  });

  it('asks for them in the order of the text in which each seed was run', () => {
    const plain = sweep([-6, -5]);
    const from = parseSweep({
      ...plain,
      grids: [0, 1].flatMap((seed) => plain.grids.map((grid) => ({ ...grid, set: { seed, dataSeed: seed } }))),
    });
    const { analysis } = judged(planted(ourTruth), from);
    const more = expandSweep({ ...from, grids: criticalBatch.next!(analysis, from)!.grids });
    expect(more).toHaveLength(28);
    expect(more.every(({ config }) => config.seed === config.dataSeed && config.learningRate < 2 ** -6)).toBe(true);
    expect(new Set(more.map(({ config }) => config.seed))).toEqual(new Set([0, 1]));
  });

  it('has valid sweeps at every size, all of which measure the noise of gradients', () => {
    for (const size of experimentSizes) {
      const valid = parseSweep(criticalBatch.sizes[size]);
      expect(expandSweep(valid).every(({ config }) => config.noiseSequences > 0)).toBe(true);
    }
  });
});
