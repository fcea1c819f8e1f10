// How often 95 % intervals hold the planted truth, over data sets that differ in their noise alone.
//
// In `npm test` a few dozen data sets a design, judged by what chance allows. The whole measurement, 200 data sets with
// the 1,000 resamples of `lab fit`, prints one Markdown row a parameter and asks for 90 to 99 %:
//   COVERAGE_SEEDS=200 npx vitest run --project unit test/unit/laws/coverage/LAW.test.ts --disable-console-intercept
// COVERAGE_RESAMPLES changes the resamples, COVERAGE_FIRST_SEED the data.
import { describe, expect, it } from 'vitest';
import type { Estimate, FitStatus } from '../../../../src/laws/fit.ts';

/** One design: what is planted, and a fit to the data of one seed. */
export interface CoverageDesign {
  readonly name: string;
  /** Planted parameters. */
  readonly truth: Readonly<Record<string, number>>;
  /** Fits data drawn from `seed`; the same seed gives the same data. */
  readonly fit: (
    seed: number,
    resamples: number,
  ) => { readonly status: FitStatus; readonly parameters: Readonly<Record<string, Estimate | undefined>> };
}

/** How the intervals of one parameter fared. */
export interface CoverageCount {
  /** Data sets. */
  readonly seeds: number;
  /** Intervals that hold the truth; a fit without an interval holds nothing. */
  readonly hits: number;
  /** Intervals that would still hold it were they half as wide: says when intervals are too wide, which `hits` can't. */
  readonly halfHits: number;
}

const asked = Number(process.env.COVERAGE_SEEDS ?? 0);
const FIRST_SEED = Number(process.env.COVERAGE_FIRST_SEED ?? 1000);
const FULL = 200;

/** Tests of one law; `cheap` is what `npm test` does. */
export function describeCoverage(law: string, cheap: { seeds: number; resamples: number }, designs: readonly CoverageDesign[]): void {
  const seeds = asked > 0 ? asked : cheap.seeds;
  const resamples = Number(process.env.COVERAGE_RESAMPLES ?? (asked > 0 ? 1000 : cheap.resamples));
  describe(`${law}: 95 % intervals hold the truth`, () => {
    it.each(designs.map((design) => [design.name, design] as const))(
      '%s',
      (_, design) => {
        const counts = countCoverage(design, seeds, resamples);
        if (asked > 0) console.log(markdownRows(law, design.name, counts));
        for (const [name, count] of Object.entries(counts)) expect(whatIsWrong(count), `${name}: ${JSON.stringify(count)}`).toBe('');
      },
      3_600_000,
    );
  });
}

/** Counts, for each planted parameter, the intervals that hold it. */
export function countCoverage({ truth, fit }: CoverageDesign, seeds: number, resamples: number): Record<string, CoverageCount> {
  const counts = Object.fromEntries(Object.keys(truth).map((name) => [name, { seeds, hits: 0, halfHits: 0 }]));
  for (let seed = FIRST_SEED; seed < FIRST_SEED + seeds; seed++) {
    const { status, parameters } = fit(seed, resamples);
    for (const [name, planted] of Object.entries(truth)) {
      const estimate = parameters[name];
      if (status !== 'converged' || estimate === undefined) continue;
      const { value, low, high } = estimate;
      if (low <= planted && planted <= high) counts[name].hits++;
      if ((value + low) / 2 <= planted && planted <= (value + high) / 2) counts[name].halfHits++;
    }
  }
  return counts;
}

/** Coverage that is asked for. */
const LEAST = 0.9;
const MOST = 0.99;

/** Half a normal interval that covers 99 % covers 80 %; Student's, of three degrees of freedom, 82 %. */
const MOST_OF_HALF = 0.82;

/** Chance, for each parameter, that intervals on the very border of what is asked for fail. */
const TAIL = 1e-3;

/** What is wrong with the intervals of a parameter; '' when nothing can be shown to be. */
export function whatIsWrong({ seeds, hits, halfHits }: CoverageCount): '' | 'too narrow' | 'too wide' {
  if (seeds >= FULL) {
    if (hits < LEAST * seeds) return 'too narrow';
    return hits > MOST * seeds ? 'too wide' : '';
  }
  if (atMost(hits, seeds, LEAST) < TAIL) return 'too narrow';
  return 1 - atMost(halfHits - 1, seeds, MOST_OF_HALF) < TAIL ? 'too wide' : '';
}

/** P(X ≤ count) of a binomial distribution. */
export function atMost(count: number, trials: number, chance: number): number {
  let logTerm = trials * Math.log(1 - chance);
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log((trials - k) / (k + 1)) + Math.log(chance / (1 - chance));
  }
  return sum;
}

function markdownRows(law: string, design: string, counts: Readonly<Record<string, CoverageCount>>): string {
  return Object.entries(counts)
    .map(([name, { hits, seeds }]) => `| ${law} | ${design} | ${name} | ${((100 * hits) / seeds).toFixed(1)} % |`)
    .join('\n');
}
