// Intervals of the critical batch, from curves of runs that err as a whole and point by point.
import { fitCriticalBatch } from '../../../../src/laws/critical-batch.ts';
import { octaves } from '../planted.ts';
import { ourTruth, plantedCurves, theirTruth, type CurveDesign } from '../planted-curves.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';

/** @param noise of log loss: of a whole run and, as much again, of each point */
const design = (name: string, curves: CurveDesign, noise: number): CoverageDesign => {
  const { Bstar, alphaB } = curves.truth;
  return {
    name,
    truth: { Bstar, alphaB },
    fit: (seed, resamples) =>
      fitCriticalBatch(plantedCurves(curves, { run: noise, white: noise, seed }), { levels: 6, bootstrap: { resamples, seed } }),
  };
};

const ours: CurveDesign = { truth: ourTruth, N: [1e4], B: octaves(5, 12), D: 4e6, points: 20, stretch: 30 };
describeCoverage('critical-batch', { seeds: 60, resamples: 80 }, [
  design('ours: one size, 0.2 %', ours, 0.002),
  design('ours: three sizes, 0.5 %', { ...ours, N: [1e3, 3e4, 1e6], B: octaves(5, 12, 1.4), points: 15 }, 0.005),
  design('theirs: one size, 0.3 %', { truth: theirTruth, N: [1e8], B: octaves(16, 23), D: 2e10, points: 20, stretch: 30 }, 0.003),
]);
