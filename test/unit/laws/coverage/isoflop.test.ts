// Intervals of approach 2 on budgets of a loss law, whose valleys are only nearly parabolas.
import type { RunRow } from '../../../../src/laws/fit.ts';
import { fitIsoflop } from '../../../../src/laws/isoflop.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { lossLaws, powerOf, type LossLaw } from './loss-laws.ts';

interface Budgets {
  readonly law: LossLaw;
  /** Lowest C in FLOPs, number of budgets, factor between them. */
  readonly C: readonly [first: number, count: number, ratio: number];
  /** Number of sizes around the best one, factor between them. */
  readonly N: readonly [count: number, ratio: number];
  /** Of log loss. */
  readonly noise: number;
  /** Width of the spread of log C within a budget. */
  readonly blur?: number;
}

const design = (name: string, { law, C, N, noise, blur = 0 }: Budgets): CoverageDesign => {
  const { a, G } = powerOf(law);
  return {
    name,
    truth: { a, b: 1 - a, 'N.c': G / 6 ** a, 'D.c': 1 / (6 ** (1 - a) * G) },
    fit: (seed, resamples) => {
      const random = createRandom(seed);
      const table: RunRow[] = [];
      for (let k = 0; k < C[1]; k++) {
        const budget = C[0] * C[2] ** k;
        for (let i = 0; i < N[0]; i++) {
          const n = G * (budget / 6) ** a * N[1] ** (i - (N[0] - 1) / 2 + 0.4 * Math.sin(7 * k));
          const compute = budget * Math.exp(blur * (random.uniform() - 0.5));
          const d = compute / 6 / n;
          const loss = (law.E + law.A / n ** law.alpha + law.B / d ** law.beta) * Math.exp(noise * random.normal());
          table.push({ N: n, D: d, C: compute, loss });
        }
      }
      return fitIsoflop(table, { bootstrap: { resamples, seed } });
    },
  };
};

const { ours, theirs } = lossLaws;
describeCoverage('isoflop', { seeds: 100, resamples: 100 }, [
  design('ours: 8 budgets × 9 sizes, 0.3 %', { law: ours, C: [1e12, 8, 3], N: [9, 1.6], noise: 0.003 }),
  design('ours: 5 budgets × 7 sizes, 0.3 %', { law: ours, C: [1e12, 5, 4], N: [7, 2], noise: 0.003 }),
  design('ours: 6 blurred budgets × 7 sizes, 0.4 %', { law: ours, C: [1e12, 6, 4], N: [7, 2], noise: 0.004, blur: 0.1 }),
  design('theirs: 9 budgets × 8 sizes, 0.2 %', { law: theirs, C: [6e18, 9, 2.2], N: [8, 1.7], noise: 0.002 }),
]);
