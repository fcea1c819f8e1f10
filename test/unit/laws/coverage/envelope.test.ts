// Intervals of approach 1 and the band of its line, on curves of runs that err as a whole (their seed), point by point, or both.
import { envelopeAt, fitEnvelope } from '../../../../src/laws/envelope.ts';
import type { RunRow } from '../../../../src/laws/fit.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { ladder, lossLaws, powerOf, type LossLaw } from './loss-laws.ts';

/** Sizes, tokens (`points` of them along each curve), and standard deviations of log loss. */
interface Curves {
  readonly law: LossLaw;
  readonly N: readonly number[];
  readonly D: readonly [from: number, to: number, points: number];
  /** Of a whole run. */
  readonly run: number;
  /** Of each point. */
  readonly white: number;
  readonly seeds?: number;
  /** Each point is a run of its own. */
  readonly finals?: boolean;
}

const design = (name: string, { law, N, D, run, white, seeds = 1, finals = false }: Curves): CoverageDesign => {
  const { a, G } = powerOf(law);
  // Where the band is read: budgets of the least size that is ever best, of the middle, of four times the largest.
  // Between final losses that are far apart the interpolation errs alike in every data set: there the share at one budget
  // says nothing about the noise.
  const budgets: readonly (readonly [label: string, C: number])[] = finals
    ? []
    : [
        ['N_opt, least C', 6 * (N[0] / G) ** (1 / a)],
        ['N_opt, middle C', 6 * (Math.sqrt(N[0] * N.at(-1)!) / G) ** (1 / a)],
        ['N_opt, 4 × the largest N', 6 * ((4 * N.at(-1)!) / G) ** (1 / a)],
      ];
  return {
    name,
    truth: { a, b: 1 - a, 'N.c': G / 6 ** a, ...Object.fromEntries(budgets.map(([label, C]) => [label, (G / 6 ** a) * C ** a])) },
    fit: (seed, resamples) => {
      const random = createRandom(seed);
      const table = N.flatMap((n) =>
        Array.from({ length: seeds }, (_, s) => {
          const shift = run * random.normal();
          return ladder(...D).map((d): RunRow => {
            const noise = (finals ? run * random.normal() : shift) + white * random.normal();
            const loss = (law.E + law.A / n ** law.alpha + law.B / d ** law.beta) * Math.exp(noise);
            return { N: n, D: d, loss, ...(finals ? {} : { run: `${n} ${s}` }) };
          });
        }).flat(),
      );
      const fit = fitEnvelope(table, { points: 500, bootstrap: { resamples, seed } });
      return { ...fit, parameters: { ...fit.parameters, ...Object.fromEntries(budgets.map(([label, C]) => [label, envelopeAt(fit, C)])) } };
    },
  };
};

const { ours, theirs } = lossLaws;
const sizes = ladder(1e3, 1.28e5, 8);
describeCoverage('envelope', { seeds: 100, resamples: 100 }, [
  design('ours: 8 sizes, runs 0.3 %', { law: ours, N: sizes, D: [1e4, 1e9, 40], run: 0.003, white: 0 }),
  design('ours: 8 sizes, runs 0.3 %, points 0.3 %', { law: ours, N: sizes, D: [1e4, 1e9, 100], run: 0.003, white: 0.003 }),
  design('ours: 8 sizes, runs 0.1 %, points 0.4 %', { law: ours, N: sizes, D: [1e4, 1e9, 100], run: 0.001, white: 0.004 }),
  design('ours: 8 sizes × 3 seeds, runs 0.3 %, points 0.1 %', {
    law: ours,
    N: sizes,
    D: [1e4, 1e9, 40],
    run: 0.003,
    white: 0.001,
    seeds: 3,
  }),
  design('ours: final losses of 10 × 10 runs, 0.3 %', {
    law: ours,
    N: ladder(1e3, 5e5, 10),
    D: [1e4, 1e9, 10],
    run: 0.003,
    white: 0,
    finals: true,
  }),
  design('theirs: 10 sizes, runs 0.2 %, points 0.1 %', {
    law: theirs,
    N: ladder(5e7, 1e10, 10),
    D: [2e8, 1e12, 40],
    run: 0.002,
    white: 0.001,
  }),
]);
