// Intervals of the trajectory law, from curves of runs that err as a whole and point by point.
import { fitTrajectory } from '../../../../src/laws/trajectory.ts';
import { octaves } from '../planted.ts';
import { ourTruth, plantedCurves, theirTruth, type CurveDesign } from '../planted-curves.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';

/** @param noise of log loss: of a whole run and, as much again, of each point */
const design = (name: string, curves: CurveDesign, noise: number): CoverageDesign => ({
  name,
  truth: { ...curves.truth },
  fit: (seed, resamples) => fitTrajectory(plantedCurves(curves, { run: noise, white: noise, seed }), { bootstrap: { resamples, seed } }),
});

describeCoverage('trajectory', { seeds: 50, resamples: 80 }, [
  design(
    'ours: 4 sizes × 4 batches, 0.3 %',
    { truth: ourTruth, N: [1e3, 1e4, 1e5, 1e6], B: octaves(6, 12, 2), D: 4e6, points: 12, stretch: 15 },
    0.003,
  ),
  design(
    'theirs: 4 sizes × 4 batches, 0.2 %',
    { truth: theirTruth, N: [1e7, 4.6e7, 2.2e8, 1e9], B: octaves(17, 23, 2), D: 2e10, points: 12, stretch: 15 },
    0.002,
  ),
]);
