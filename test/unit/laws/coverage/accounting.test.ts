// Intervals of the ladder of counts: each count's exponents, and what a step from one count to the next does to them.
import { countingConventions } from '../../../../src/laws/accounting-counts.ts';
import { accountingLadder } from '../../../../src/laws/accounting.ts';
import type { Estimate } from '../../../../src/laws/fit.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { grid, insideOf, ladder, trueExponents } from '../planted-counts.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';

const conventions = countingConventions.filter(({ id }) => id === 'kaplan' || id === 'total' || id === 'flops');
const names = conventions.flatMap(({ id }, i) => [`${id} a`, `${id} loss`, ...(i > 0 ? [`${id} step`] : [])]);

/** Which exponent is the true one depends on the budgets of a fit: estimates are reported less it, so that zero is planted. */
const design = (name: string, sizes: readonly number[], tokens: readonly number[], noise: number): CoverageDesign => ({
  name,
  truth: Object.fromEntries(names.map((parameter) => [parameter, 0])),
  fit: (seed, resamples) => {
    const runs = grid(noise, createRandom(seed), [...sizes], [...tokens]);
    const { status, rungs } = accountingLadder(runs, { conventions, bootstrap: { resamples, seed } });
    const parameters: Record<string, Estimate | undefined> = {};
    const truths = rungs.map((rung) => trueExponents(rung.convention, insideOf(rung), 0));
    rungs.forEach(({ convention: { id }, parameters: { a, loss }, step }, i) => {
      parameters[`${id} a`] = less(a, truths[i].a);
      parameters[`${id} loss`] = less(loss, truths[i].loss);
      if (i > 0) parameters[`${id} step`] = less(step, truths[i].a - truths[i - 1].a);
    });
    return { status, parameters };
  },
});

const less = (estimate: Estimate | undefined, truth: number): Estimate | undefined =>
  estimate && { value: estimate.value - truth, low: estimate.low - truth, high: estimate.high - truth };

describeCoverage('accounting', { seeds: 60, resamples: 60 }, [
  design('ours: 10 sizes × 8 D, 0.4 %', ladder(1e3, 1e6, 10), ladder(3e3, 6e6, 8), 0.004),
]);
