// Designed sweeps run by a fake trainer whose law is known: the exponents must scatter as the design said they would.
import { describe, expect, it } from 'vitest';
import { designSweep, type DesignRequest, type SweepDesign } from '../../../../src/experiments/sweep-design/design-sweep.ts';
import { experimentOf } from '../../../../src/experiments/index.ts';
import { designGoals, usualContext } from '../../../../src/experiments/sweep-design/goals.ts';
import { analyseLandscapes } from '../../../../src/experiments/landscapes.ts';
import { expectedLog2, landscapeAt, PRIOR } from '../../../../src/experiments/sweep-design/knowledge.ts';
import { tableOf } from '../../../../src/experiments/rows.ts';
import { tunedCells } from '../../../../src/experiments/tuning.ts';
import { chinchillaLoss } from '../../../../src/laws/chinchilla-allocation.ts';
import { fitIsoflop } from '../../../../src/laws/isoflop.ts';
import { criticalBatchAt } from '../../../../src/laws/critical-batch.ts';
import { analyseCriticalBatch } from '../../../../src/experiments/critical-batch-analysis.ts';
import { fitChinchilla } from '../../../../src/laws/chinchilla.ts';
import { fitPowerLaw } from '../../../../src/laws/power-law.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { sampleStandardDeviation } from '../../../../src/laws/statistics.ts';
import type { RunRecord } from '../../../../src/sweep/record.ts';
import { plantedRecords } from '../planted-records.ts';
import { detuned, fakeTraining, type FakeLaw } from '../fake-trainer.ts';
import { exactLaw, plainDevice, requestOf } from './design-setup.ts';

const SEEDS = 20;
const NOISE = 0.004;

function designed(request: DesignRequest): SweepDesign {
  const design = designSweep(request);
  if (design.status !== 'designed') throw new Error(design.message.en);
  return design;
}

/** Expected and seen standard errors agree within a factor of two. */
function agree(expected: number, found: readonly number[]): void {
  const ratio = sampleStandardDeviation([...found]) / expected;
  expect(ratio).toBeGreaterThan(0.5);
  expect(ratio).toBeLessThan(2);
}

/** The prior's law of loss, its best learning rate where the prior expects it but for a third of an octave. */
const lossLaw: FakeLaw = ({ N, D, lr }) =>
  chinchillaLoss(PRIOR.loss, N, D) * detuned(lr, 2 ** (expectedLog2(PRIOR.constantRate, N, D) + 0.3), PRIOR.rateCurvature);

/** The runs without noise: a run with noise of its own is one of them times a factor. */
const trained = (design: SweepDesign): RunRecord[] => fakeTraining(design.sweep, lossLaw, { run: 0 });

const tuned = (records: readonly RunRecord[], seed: number) => {
  const random = createRandom(seed);
  const noisy = records.map((record) => ({ ...record, finalLoss: record.finalLoss! * Math.exp(NOISE * random.normal()) }));
  const { records: used, rows } = tableOf(noisy, ['shape', 'tokens', 'learningRate', 'warmupTokens', 'seed']);
  return tunedCells(rows, used);
};

describe('expected errors', () => {
  it('of E + A/N^α + B/D^β are those of fits to planted losses', () => {
    const design = designed(requestOf({ goal: 'loss', seconds: 150, knowledge: exactLaw(NOISE) }));
    const records = trained(design);
    const fits = Array.from({ length: SEEDS }, (_, seed) => {
      const cells = tuned(records, seed + 1);
      expect(cells.filter(({ edge }) => edge !== undefined)).toEqual([]);
      const fit = fitChinchilla(
        cells.map(({ N, D, loss }) => ({ N, D, loss })),
        { bootstrap: { resamples: 0 } },
      );
      return fit.constants!;
    });
    const errors = new Map(design.estimates.map(({ target, standardError }) => [target.id, standardError]));
    agree(
      errors.get('alpha')!,
      fits.map(({ alpha }) => alpha),
    );
    agree(
      errors.get('beta')!,
      fits.map(({ beta }) => beta),
    );
    agree(
      errors.get('E')!,
      fits.map(({ E }) => E),
    );
  });

  it.each(['loss-size', 'loss-data'] as const)('of %s are those of power laws through planted losses', (goal) => {
    const design = designed(requestOf({ goal, knowledge: exactLaw(NOISE) }));
    const records = trained(design);
    const exponents = Array.from({ length: SEEDS }, (_, seed) => {
      const points = tuned(records, seed + 1).map((cell, row) => ({ x: goal === 'loss-size' ? cell.N : cell.D, y: cell.loss, row }));
      return fitPowerLaw(points, { floor: 'none', bootstrap: { resamples: 0 } }).parameters.a!.value;
    });
    agree(design.estimates[0].standardError, exponents);
  });

  it.each([
    ['bowl', 400, ['lr.N']],
    ['step-law', 400, ['lr.N', 'lr.D', 'B.D', 'B.N']],
  ] as const)('of %s are those of minima of planted landscapes', (goal, seconds, ids) => {
    const base = { corpus: 'sotu', context: usualContext(goal) };
    const design = designed(requestOf({ goal, seconds, base, device: plainDevice(1e10), knowledge: exactLaw(NOISE) }));
    const level = 1.4 * PRIOR.loss.E;
    const records = plantedRecords(
      design.sweep,
      ({ N, D }) => ({
        lr: 2 ** (expectedLog2(PRIOR.cosineRate, N, D) + 0.3),
        B: 2 ** (expectedLog2(PRIOR.batch, N, D) - 0.2),
        loss: level,
        hessian: landscapeAt(PRIOR, N),
      }),
      0,
    );
    let kept = 0;
    const found = Array.from({ length: SEEDS }, (_, seed) => {
      const random = createRandom(seed + 1);
      const noisy = records.map((record) => ({ ...record, finalLoss: record.finalLoss! + NOISE * level * random.normal() }));
      const { vertexLaw, batchLine, landscapes } = analyseLandscapes(noisy, { resamples: 40 });
      kept += landscapes.filter(({ bowl }) => bowl.status === 'converged').length / landscapes.length / SEEDS;
      const { 'lr.N': lrN, 'lr.D': lrD } = vertexLaw.parameters;
      return { 'lr.N': lrN?.value, 'lr.D': lrD?.value, 'B.D': batchLine?.D?.value, 'B.N': batchLine?.N?.value };
    });
    // Landscapes whose lowest point is at the edge are left out; the design expects few.
    expect(kept).toBeGreaterThan(0.8);
    for (const id of ids) {
      const { standardError } = design.estimates.find(({ target }) => target.id === id)!;
      agree(
        standardError,
        found.flatMap((one) => one[id] ?? []),
      );
    }
  });

  it('of the best size of a budget are those of parabolas through planted losses', () => {
    const device = plainDevice(1e10);
    const design = designed(requestOf({ goal: 'isoflop', seconds: 600, device, knowledge: exactLaw(NOISE) }));
    const records = trained(design);
    const exponents = Array.from({ length: SEEDS }, (_, seed) => {
      const rows = tuned(records, seed + 1).map(({ N, D, B, C, S, loss }) => ({ N, D, B, C, S, loss }));
      return fitIsoflop(rows, { bootstrap: { resamples: 0 } }).parameters.a!.value;
    });
    agree(design.estimates[0].standardError, exponents);
  });

  it('of the critical batch are those of hyperbolas through planted curves', () => {
    const device = plainDevice(1e10);
    const design = designed(requestOf({ goal: 'critical-batch', seconds: 60, device, knowledge: exactLaw(NOISE) }));
    const { criticalBatch, loss } = PRIOR;
    // The loss after D tokens at a batch: that of fewer tokens at small ones, by the hyperbola at that loss.
    const lossOf = (N: number, B: number, D: number): number => {
      let level = chinchillaLoss(loss, N, D);
      for (let i = 0; i < 60; i++) {
        const critical = criticalBatch.batch * (level / criticalBatch.loss) ** -criticalBatch.exponent;
        level = chinchillaLoss(loss, N, D / (1 + B / critical));
      }
      return level;
    };
    const law: FakeLaw = ({ N, B, lr, D, config }, step) => {
      const { batch, constantRate, landscape } = PRIOR;
      const beyond = Math.log2(B) - expectedLog2(batch, N, D);
      const best = 2 ** (expectedLog2(constantRate, N, D) - (landscape[1] / landscape[0]) * beyond);
      return lossOf(N, B, step * config.batchSequences * config.context) * detuned(lr, best, PRIOR.rateCurvature);
    };
    const records = fakeTraining(design.sweep, law, { run: 0 });
    const batches = Array.from({ length: SEEDS }, (_, seed) => {
      const random = createRandom(seed + 1);
      const noisy = records.map((record) => {
        const factor = Math.exp(NOISE * random.normal());
        const louder = (points: RunRecord['curve']): RunRecord['curve'] =>
          points.map(([step, tokens, level]) => [step, tokens, level * factor]);
        const { curve, validation, finalLoss } = record;
        return { ...record, curve: louder(curve), validation: louder(validation), finalLoss: finalLoss! * factor };
      });
      const { fit } = analyseCriticalBatch(noisy, { resamples: 0 });
      const found = criticalBatchAt(fit, criticalBatch.loss);
      return found === undefined ? [] : [Math.log2(found.value)];
    }).flat();
    expect(batches.length).toBeGreaterThanOrEqual(0.8 * SEEDS);
    expect(Math.abs(batches.reduce((sum, one) => sum + one, 0) / batches.length - Math.log2(criticalBatch.batch))).toBeLessThan(0.5);
    agree(design.estimates[0].standardError, batches);
  });
});

describe('the experiment that a design is for', () => {
  it.each(designGoals)('looks at every run of %s', (goal) => {
    const base = { corpus: 'sotu', context: usualContext(goal) };
    const knowledge = exactLaw(NOISE);
    const needed = designSweep(requestOf({ goal, seconds: 1e-6, base, knowledge }));
    if (needed.status === 'designed') throw new Error('no sweep takes no time');
    const design = designed(requestOf({ goal, seconds: needed.needed! * 1.01, base, knowledge }));
    const records = fakeTraining(design.sweep, lossLaw, { run: 0 });
    const experiment = experimentOf(design.sweep.experiment!);
    const { left } = experiment.analyse(records, { resamples: 0 });
    expect(left.filter(({ reason }) => reason.en.includes('other settings'))).toEqual([]);
  });
});
