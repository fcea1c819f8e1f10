// Sample efficiency on planted curves: exponents of the need come back, and a need that ignores or follows size is seen.
import { describe, expect, it } from 'vitest';
import { parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { sampleEfficiency } from '../../../src/experiments/sample-efficiency.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const sweep = (rates = [-8, -7, -6, -5]): SweepConfig =>
  parseSweep({
    name: 'planted',
    base: { context: 16, tokens: 524_288, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [8, 12, 16, 24, 32].map((width) => ({ layers: 2, width, heads: 2 })),
          batchSequences: [4, 64],
          learningRate: rates.map((power) => 2 ** power),
        },
      },
    ],
  });

/** A loss that depends on tokens times a power of N alone: the need at any loss goes as N^-power. */
const needing =
  (power: number): FakeLaw =>
  ({ N, B, lr }, step) =>
    1 + 12 * (step * B * (N / 5000) ** power) ** -0.2 * detuned(lr, 2 ** -6.4, 0.02);

const judged = (law: FakeLaw, noise = { run: 0.002, point: 0.01 }, from = sweep()) => {
  const analysis = sampleEfficiency.analyse(fakeTraining(from, law, noise), { resamples: 200 });
  return { analysis, verdict: sampleEfficiency.verdict(analysis) };
};

describe('sample efficiency', () => {
  it('finds how the need falls with size, in tokens and in steps', () => {
    const { analysis, verdict } = judged(needing(0.5));
    expect(analysis.axes.map(({ of, B }) => [of, B])).toEqual([
      ['tokens', 64],
      ['steps', 1024],
    ]);
    for (const { levels } of analysis.axes) {
      expect(levels.length).toBe(6);
      for (const { fit } of levels.filter(({ fit: { status } }) => status === 'converged')) {
        expect(fit.parameters.a!.value).toBeGreaterThan(-0.6);
        expect(fit.parameters.a!.value).toBeLessThan(-0.4);
      }
    }
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toMatch(/at batch 64, N = \d+ needs/);
    expect(sampleEfficiency.figures(analysis).map(({ id }) => id)).toEqual(['curves', 'needs-tokens', 'needs-steps', 'exponents']);
  });

  it('is contradicted when larger models need more, and shows nothing when size does not matter', () => {
    expect(judged(needing(-0.5)).verdict.status).toBe('contradicted');
    expect(judged(needing(0), { run: 0.01, point: 0.01 }).verdict.status).not.toBe('shown');
  });

  it('asks for learning rates beyond an edge, and says that there are too few points', () => {
    const from = sweep([-10, -9, -8]);
    const { analysis, verdict } = judged(needing(0.5), undefined, from);
    expect(verdict.status).toBe('not enough points');
    expect(verdict.sentence.en).toContain('10 of 10 curves');
    expect(sampleEfficiency.next!(analysis, from)!.grids).toHaveLength(10);
    expect(sampleEfficiency.verdict(sampleEfficiency.analyse([])).status).toBe('not enough points');
  });

  it('has valid sweeps at every size', () => {
    for (const size of experimentSizes) expect(() => parseSweep(sampleEfficiency.sizes[size])).not.toThrow();
  });
});
