// Intervals of one elbow, and of the law that moves it, extrapolated to little and to much data as well.
import { fitElbow, type Elbow } from '../../../../src/laws/emergence-elbow.ts';
import { elbowAt, elbowOf, fitEmergence } from '../../../../src/laws/emergence.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { grid, logTruth, losses, planted } from '../planted-emergence.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';

const elbow: Elbow = { base: 0.25, slope: 0.6, elbow: 2.41 };
const one: CoverageDesign = {
  name: 'one elbow: 24 models, 0.01',
  truth: { ...elbow },
  fit: (seed, resamples) => {
    const random = createRandom(seed);
    return fitElbow(
      planted(elbow, losses(2, 3, 24), () => 0.01 * random.normal()),
      { bootstrap: { resamples, seed } },
    );
  },
};

/** Examples to finetune on, far less and far more than the 50 to 50,000 that are fitted. */
const [FEW, MANY] = [8, 400_000];
const law: CoverageDesign = {
  name: 'the law: 14 models × 6 amounts of data, 0.01',
  truth: { ...logTruth, 'elbow, 8 examples': elbowOf(logTruth, 'log power', FEW), 'elbow, 400,000': elbowOf(logTruth, 'log power', MANY) },
  fit: (seed, resamples) => {
    const fit = fitEmergence(grid(logTruth, 'log power', 0.01, seed), { bootstrap: { resamples, seed } });
    return { ...fit, parameters: { ...fit.parameters, 'elbow, 8 examples': elbowAt(fit, FEW), 'elbow, 400,000': elbowAt(fit, MANY) } };
  },
};

describeCoverage('emergence', { seeds: 60, resamples: 80 }, [one, law]);
