// Early curves on planted ones: the law's own curves are predicted, curves that break off are not.
import { describe, expect, it } from 'vitest';
import { parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { earlyCurves } from '../../../src/experiments/early-curves.ts';
import { errorOf } from '../../../src/experiments/early-curves-analysis.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const sweep: SweepConfig = parseSweep({
  name: 'planted',
  base: { context: 16, tokens: 1_048_576, schedule: 'constant', batchSequences: 8 },
  grids: [
    {
      axes: {
        shape: [8, 12, 16, 24, 32].map((width) => ({ layers: 2, width, heads: 2 })),
        learningRate: [2 ** -8, 2 ** -7, 2 ** -6],
      },
    },
  ],
});

/** L(N, S) with constants of this scale; after `breaks` of the run the curve goes on otherwise. */
const planted =
  (after: (loss: number, share: number) => number = (loss) => loss): FakeLaw =>
  ({ N, lr, steps }, step) =>
    after(((3e5 / N) ** 0.08 + (60 / step) ** 0.6) * detuned(lr, 2 ** -7, 0.05), step / steps);

const judged = (law: FakeLaw, noise = { run: 0.001, point: 0.01 }) => {
  const analysis = earlyCurves.analyse(fakeTraining(sweep, law, noise));
  return { analysis, verdict: earlyCurves.verdict(analysis) };
};

describe('early curves', () => {
  it('recovers the constants exactly where there is no noise', () => {
    const [{ law, curves }] = judged(planted(), { run: 0, point: 0 }).analysis.batches;
    expect(law.constants!.alphaN).toBeCloseTo(0.08, 2);
    expect(law.constants!.alphaS).toBeCloseTo(0.6, 2);
    expect(errorOf(curves, 'byLaw')).toBeLessThan(0.001);
  });

  it('recovers them from a noisy first quarter, and predicts the rest', () => {
    const { analysis, verdict } = judged(planted());
    const [batch] = analysis.batches;
    expect(batch.curves).toHaveLength(5);
    const { alphaN, alphaS } = batch.law.exponents!;
    expect(alphaN.value).toBeGreaterThan(0.07);
    expect(alphaN.value).toBeLessThan(0.09);
    // A quarter of a curve leaves its exponent uncertain, and the interval says so.
    expect(alphaS.low).toBeLessThan(0.6);
    expect(alphaS.high).toBeGreaterThan(0.6);
    expect(alphaS.high - alphaS.low).toBeLessThan(0.8);
    expect(errorOf(batch.curves, 'byLaw')).toBeLessThan(0.02);
    expect(errorOf(batch.curves, 'byLast')).toBeGreaterThan(0.02);
    expect(verdict.status).toBe('shown');
    expect(earlyCurves.figures(analysis).map(({ id }) => id)).toEqual(['curves-128', 'alphaN', 'alphaS', 'ends']);
  });

  it('looks at nothing after the first quarter', () => {
    const one = judged(planted()).analysis.batches[0];
    const other = judged(planted((loss, share) => (share > 0.26 ? loss * 3 : loss))).analysis.batches[0];
    expect(other.law.constants).toEqual(one.law.constants);
    expect(other.curves.map(({ run }) => run)).toEqual(one.curves.map(({ run }) => run));
  });

  it('is contradicted by curves that stop falling, and not shown by curves that fall otherwise', () => {
    expect(judged(planted((loss, share) => (share > 0.25 ? loss * (1 + 0.12 * share) : loss))).verdict.status).toBe('contradicted');
    expect(judged(planted((loss, share) => (share > 0.25 ? loss * (1.05 - 0.2 * share) : loss))).verdict.status).toBe('not shown here');
  });

  it('says what is missing, and has valid sweeps at every size', () => {
    const few = fakeTraining({ ...sweep, grids: [{ axes: { learningRate: [2 ** -7] } }] }, planted(), { run: 0 });
    expect(earlyCurves.verdict(earlyCurves.analyse(few)).status).toBe('not enough points');
    expect(earlyCurves.verdict(earlyCurves.analyse([])).status).toBe('not enough points');
    for (const size of experimentSizes) expect(() => parseSweep(earlyCurves.sizes[size])).not.toThrow();
  });
});
