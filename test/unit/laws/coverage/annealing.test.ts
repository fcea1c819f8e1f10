// Intervals of the law of learning rate annealing and of a schedule it has not seen, with noise that is correlated along a run.
import { fitAnnealing, predictAnnealing, type AnnealingOptions } from '../../../../src/laws/annealing.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { autoregressive, constant, cooldown, cosine, curveOf, ours, schedule, theirs, twoSteps } from '../planted-annealing.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';

/** Three schedules of half the plan's steps, losses off by 0.2 %. @param rho correlation of neighbouring points */
const design = (name: string, plan: typeof ours, rho: number, options: AnnealingOptions): CoverageDesign => {
  const end = plan.steps / 2;
  const rates = [cosine, cooldown, constant].map((shape) => schedule(shape, end, plan.peak));
  const unseen = schedule(twoSteps, end, plan.peak);
  const { lambda, ...others } = plan.truth;
  return {
    name,
    truth: {
      ...others,
      ...(options.lambda === undefined ? { lambda } : {}),
      'loss, unseen schedule': curveOf(plan.truth, unseen, end).points[0].loss,
    },
    fit: (seed, resamples) => {
      const random = createRandom(seed);
      const curves = rates.map((each) => curveOf(plan.truth, each, plan.every, autoregressive(random, rho, 0.002)));
      const fit = fitAnnealing(curves, { ...options, bootstrap: { resamples, seed } });
      const predicted = predictAnnealing(fit, { rates: unseen }, [end]);
      return { ...fit, parameters: { ...fit.parameters, 'loss, unseen schedule': predicted[0]?.loss } };
    },
  };
};

const ls = { name: 'ls' } as const;
describeCoverage('annealing', { seeds: 30, resamples: 80 }, [
  design('ours: independent noise, λ given', ours, 0, { lambda: ours.truth.lambda, objective: ls }),
  design('theirs: noise correlated by 0.6, λ given', { ...theirs, every: 500 }, 0.6, { lambda: theirs.truth.lambda }),
  design('ours: noise correlated by 0.3, λ fitted', { ...ours, every: 20 }, 0.3, { objective: ls }),
]);
