// Intervals of Kaplan's laws, of each where the table carries it.
import { criticalBatch } from '../../../../src/laws/critical-batch-forms.ts';
import type { RunRow } from '../../../../src/laws/fit.ts';
import { CHINCHILLA_DELTA, type Objective } from '../../../../src/laws/huber.ts';
import { computeOptimum, PUBLISHED_CRITICAL_BATCH } from '../../../../src/laws/kaplan-forms.ts';
import { fitKaplan, type KaplanLaws } from '../../../../src/laws/kaplan.ts';
import { createRandom } from '../../../../src/laws/random.ts';
import { describeCoverage, type CoverageDesign } from './coverage.ts';
import { ladder } from './loss-laws.ts';

interface Truth {
  readonly alphaN: number;
  readonly Nc: number;
  readonly alphaD: number;
  readonly Dc: number;
  readonly alphaS: number;
  readonly Sc: number;
}
type Normal = () => number;

const design = (
  name: string,
  law: keyof KaplanLaws,
  truth: Truth,
  names: readonly (keyof Truth)[],
  rows: (truth: Truth, normal: Normal) => RunRow[],
  objective: Objective = { name: 'ls' },
): CoverageDesign => ({
  name,
  truth: {
    ...Object.fromEntries(names.map((key) => [key, truth[key]])),
    ...(law === 'LN' || law === 'LD' ? { 'line, left end': 1, 'line, right end': 1 } : {}),
  },
  fit: (seed, resamples) => {
    const random = createRandom(seed);
    const { status, parameters, drawing } = fitKaplan(
      rows(truth, () => random.normal()),
      { objective, bootstrap: { resamples, seed } },
    ).laws[law];
    const line = (x: number): number => (law === 'LN' ? (truth.Nc / x) ** truth.alphaN : (truth.Dc / x) ** truth.alphaD);
    const ends = [drawing?.curve.at(0), drawing?.curve.at(-1)].map(
      (end) => end && { value: end.value / line(end.x), low: end.low / line(end.x), high: end.high / line(end.x) },
    );
    return { status, parameters: { ...parameters, 'line, left end': ends[0], 'line, right end': ends[1] } };
  },
});

/** Converged runs of every size. */
const sizes =
  (N: readonly number[], noise: number) =>
  (t: Truth, normal: Normal): RunRow[] =>
    N.map((n) => ({ N: n, D: 1e15, loss: (t.Nc / n) ** t.alphaN * Math.exp(noise * normal()) }));
/** Runs of one large size on ever more tokens. */
const tokens =
  (D: readonly number[], noise: number) =>
  (t: Truth, normal: Normal): RunRow[] =>
    D.map((d) => ({ D: d, loss: (t.Dc / d) ** t.alphaD * Math.exp(noise * normal()) }));
/** Ends of runs on a grid. */
const grid =
  (N: readonly number[], D: readonly number[], noise: number) =>
  (t: Truth, normal: Normal): RunRow[] =>
    N.flatMap((n) =>
      D.map((d) => ({ N: n, D: d, loss: ((t.Nc / n) ** (t.alphaN / t.alphaD) + t.Dc / d) ** t.alphaD * Math.exp(noise * normal()) })),
    );
/** Curves of every size at every batch; the noise of a run is shared by its points, each with a fifth of it of its own. */
const curves =
  (N: readonly number[], B: readonly number[], S: readonly number[], noise: number) =>
  (t: Truth, normal: Normal): RunRow[] =>
    N.flatMap((n) =>
      B.flatMap((batch) => {
        const shared = noise * normal();
        return S.map((Smin) => {
          const loss = ((t.Nc / n) ** t.alphaN + (t.Sc / Smin) ** t.alphaS) * Math.exp(shared + 0.2 * noise * normal());
          return { N: n, B: batch, S: Smin * (1 + criticalBatch(PUBLISHED_CRITICAL_BATCH, loss) / batch), loss, run: `${n} ${batch}` };
        });
      }),
    );

const ours: Truth = { alphaN: 0.12, Nc: 3e9, alphaD: 0.18, Dc: 1e9, alphaS: 0.6, Sc: 800 };
const theirs: Truth = { alphaN: 0.076, Nc: 8.8e13, alphaD: 0.1, Dc: 2e13, alphaS: 0.76, Sc: 2100 };
const [tiny, large] = [ladder(1e3, 1e6, 7), ladder(1e7, 1e9, 7)];

/** N_opt(C_min) and L(C_min) along the envelope of curves whose noise is the run's and a fifth of it the points'. */
const compute = (name: string, law: 'Nopt' | 'LC', key: 'p' | 'alphaC'): CoverageDesign => {
  const slow: Truth = { ...ours, alphaS: 0.4, Sc: 3e4 };
  return {
    name,
    truth: { [key]: computeOptimum(slow, PUBLISHED_CRITICAL_BATCH)[key] },
    fit: (seed, resamples) => {
      const random = createRandom(seed);
      const rows = curves(ladder(1e3, 1e6, 8), [4096], ladder(300, 3e6, 20), 0.001)(slow, () => random.normal());
      return fitKaplan(rows, { start: 0, bootstrap: { resamples, seed } }).laws[law];
    },
  };
};

const huber: Objective = { name: 'huber', delta: CHINCHILLA_DELTA };
describeCoverage('kaplan', { seeds: 50, resamples: 60 }, [
  design('L(N), ours: 7 sizes, 0.5 %', 'LN', ours, ['alphaN', 'Nc'], sizes(tiny, 0.005)),
  design('L(N, D), ours: 7 × 6 runs, 0.5 %', 'LND', ours, ['alphaN', 'Nc', 'alphaD', 'Dc'], grid(tiny, ladder(1e5, 2e7, 6), 0.005)),
  design('L(D), ours: 8 runs, 0.5 %', 'LD', ours, ['alphaD', 'Dc'], tokens(ladder(1e5, 2e7, 8), 0.005)),
  design('L(N, D), theirs: 7 × 6 runs, 0.2 %', 'LND', theirs, ['alphaN', 'Nc', 'alphaD', 'Dc'], grid(large, ladder(2e8, 1e11, 6), 0.002)),
  design(
    'L(N, S_min), ours: 7 × 3 curves, 0.5 %',
    'LNS',
    ours,
    ['alphaN', 'Nc', 'alphaS', 'Sc'],
    curves(tiny, [1024, 8192, 65536], ladder(100, 3e4, 6), 0.005),
  ),
  design(
    'L(N, S_min), theirs: 7 × 2 curves, 0.2 %',
    'LNS',
    theirs,
    ['alphaN', 'Nc', 'alphaS', 'Sc'],
    curves(large, [2 ** 18, 2 ** 20], ladder(1e3, 2e5, 6), 0.002),
  ),
  compute('N_opt(C_min), ours: 8 curves, 0.1 %', 'Nopt', 'p'),
  compute('L(C_min), ours: 8 curves, 0.1 %', 'LC', 'alphaC'),
]);

describeCoverage('kaplan', { seeds: 40, resamples: 40 }, [
  design(
    "L(N, D), ours: 7 × 6 runs, 0.5 %, Huber's loss",
    'LND',
    ours,
    ['alphaN', 'Nc', 'alphaD', 'Dc'],
    grid(tiny, ladder(1e5, 2e7, 6), 0.005),
    huber,
  ),
]);
