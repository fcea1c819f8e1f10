// Kaplan's laws on planted tables: every constant comes back, and designs that cannot carry a law say so.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criticalBatch } from '../../../src/laws/critical-batch-forms.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import {
  computeOfMinimumSteps,
  computeOptimum,
  lossAtSize,
  lossAtSizeAndSteps,
  lossAtSizeAndTokens,
  lossAtTokens,
  PUBLISHED_CRITICAL_BATCH,
} from '../../../src/laws/kaplan-forms.ts';
import { fitKaplan, type KaplanFit, type KaplanLaw, type KaplanOptions, type KaplanParameter } from '../../../src/laws/kaplan.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { shuffled } from './planted.ts';

const without: KaplanOptions = { bootstrap: { resamples: 0 } };

/** `count` values from `from` to `to`, equally spaced in the logarithm. */
const ladder = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));

interface Design {
  readonly truth: Readonly<Record<'alphaN' | 'Nc' | 'alphaD' | 'Dc' | 'alphaS' | 'Sc', number>>;
  readonly N: readonly number[];
  readonly D: readonly number[];
  readonly S: readonly number[];
  readonly B: readonly number[];
  /** Standard deviation of log loss. */
  readonly noise: number;
}

const ours: Design = {
  truth: { alphaN: 0.12, Nc: 3e9, alphaD: 0.18, Dc: 1e9, alphaS: 0.6, Sc: 800 },
  N: ladder(1e3, 1e6, 8),
  D: ladder(1e5, 2e7, 6),
  S: ladder(100, 3e4, 25),
  B: [512, 4096, 32768],
  noise: 0.005,
};
const theirs: Design = {
  truth: { alphaN: 0.076, Nc: 8.8e13, alphaD: 0.1, Dc: 2e13, alphaS: 0.76, Sc: 2100 },
  N: ladder(1e7, 1e9, 7),
  D: ladder(2e8, 1e11, 6),
  S: ladder(1e3, 2e5, 25),
  B: [2 ** 17, 2 ** 19, 2 ** 21],
  noise: 0.002,
};
const designs = Object.entries({ ours, theirs });

/** Ends of runs on a grid of N and D. */
function grid({ truth, N, D, noise }: Design, seed = 0): RunRow[] {
  const random = createRandom(seed);
  return N.flatMap((n) => D.map((d) => ({ N: n, D: d, loss: lossAtSizeAndTokens(truth, n, d) * Math.exp(noise * random.normal()) })));
}

/** Curves of every size at every batch, the noise of a run shared by its points, points with a tenth of it of their own. */
function curves({ truth, N, S, B, noise }: Design, seed = 0, constants = PUBLISHED_CRITICAL_BATCH): RunRow[] {
  const random = createRandom(seed);
  return N.flatMap((n) =>
    B.flatMap((batch) => {
      const shared = noise * random.normal();
      return S.map((Smin) => {
        const loss = lossAtSizeAndSteps(truth, n, Smin) * Math.exp(shared + 0.1 * noise * random.normal());
        return { N: n, B: batch, S: Smin * (1 + criticalBatch(constants, loss) / batch), loss, run: `${n} ${batch}` };
      });
    }),
  );
}

function expectTruth(
  law: Pick<KaplanLaw, 'parameters'>,
  truth: Readonly<Partial<Record<KaplanParameter, number>>>,
  tolerance = 1e-6,
): void {
  for (const [name, value] of Object.entries(truth))
    expect(Math.abs(law.parameters[name as KaplanParameter]!.value / value - 1), name).toBeLessThan(tolerance);
}

const only = <K extends string>(values: Readonly<Record<K, number>>, ...names: K[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, values[name]]));

describe('without noise every constant comes back', () => {
  it.each(designs)('%s: L(N, D), with L(N) and L(D) as its limits', (_, design) => {
    const fit = fitKaplan(grid({ ...design, noise: 0 }), without);
    expect(fit.status).toBe('converged');
    expect(fit.correctedBy).toBe('LND');
    expectTruth(fit, only(design.truth, 'alphaN', 'Nc', 'alphaD', 'Dc'));
    expectTruth(fit.laws.LN, only(design.truth, 'alphaN', 'Nc'));
    expectTruth(fit.laws.LD, only(design.truth, 'alphaD', 'Dc'));
    // The second route, all four at once, ends at the same place.
    for (const [name, value] of Object.entries(fit.laws.LND.jointly!))
      expect(Math.abs(value / design.truth[name as keyof Design['truth']] - 1), name).toBeLessThan(1e-6);
    expect(fit.laws.LN.used).toHaveLength(design.N.length);
    expect(fit.laws.LNS.status).toBe('not enough points');
    expect(Math.max(...fit.residuals.map(Math.abs))).toBeLessThan(1e-9);
  });

  it.each(designs)('%s: L(N, S_min) along curves at several batches', (_, design) => {
    const fit = fitKaplan(curves({ ...design, noise: 0 }), without);
    expect(fit.status).toBe('converged');
    expect(fit.correctedBy).toBe('LNS');
    expect(fit.criticalBatch).toEqual(PUBLISHED_CRITICAL_BATCH);
    expectTruth(fit, only(design.truth, 'alphaN', 'Nc', 'alphaS', 'Sc'));
    expect(fit.optimum!.p).toBeCloseTo(computeOptimum(design.truth, PUBLISHED_CRITICAL_BATCH).p, 6);
  });

  it('S_min as a column of its own, and constants of B_crit that are given', () => {
    const { truth } = ours;
    const plain = ours.N.flatMap((N) => ours.S.map((S) => ({ N, S, loss: lossAtSizeAndSteps(truth, N, S) })));
    const fit = fitKaplan(plain, without);
    expectTruth(fit, only(truth, 'alphaN', 'Nc', 'alphaS', 'Sc'));
    expect(fit.criticalBatch).toBeUndefined();
    const constants = { batch: 2e7, alpha: 0.23 };
    const given = fitKaplan(curves({ ...ours, noise: 0 }, 0, constants), { ...without, criticalBatch: constants });
    expectTruth(given, only(truth, 'alphaN', 'Nc', 'alphaS', 'Sc'));
    // By other constants the same curves are other laws: the correction is not a matter of taste.
    const wrong = fitKaplan(curves({ ...ours, noise: 0 }, 0, constants), without);
    expect(Math.abs((wrong.parameters.Sc?.value ?? Infinity) / truth.Sc - 1)).toBeGreaterThan(0.1);
  });

  it('each law of one axis by its column alone', () => {
    const { truth } = ours;
    const sizes = fitKaplan(
      ours.N.map((N) => ({ N, loss: lossAtSize(truth, N) })),
      without,
    );
    expect(sizes.status).toBe('converged');
    expectTruth(sizes, only(truth, 'alphaN', 'Nc'));
    const tokens = fitKaplan(
      ours.D.map((D) => ({ D, loss: lossAtTokens(truth, D) })),
      without,
    );
    expect(tokens.status).toBe('converged');
    expectTruth(tokens, only(truth, 'alphaD', 'Dc'));
    const compute = fitKaplan(
      ladder(1e12, 1e17, 8).map((C) => ({ C, loss: (1e24 / C) ** 0.05 })),
      without,
    );
    expect(compute.status).toBe('converged');
    expectTruth(compute, { alphaC: 0.05, Cc: 1e24 });
  });

  it('runs that show no trace of D are converged, whatever their D', () => {
    const rows = ours.N.flatMap((N, i) => ours.D.map((D) => ({ N, D: D * 1.3 ** i, loss: lossAtSize(ours.truth, N) })));
    const fit = fitKaplan(rows, without);
    expect(fit.status).toBe('converged');
    expect(fit.laws.LND.status).toBe('not identified');
    expectTruth(fit, only(ours.truth, 'alphaN', 'Nc'));
  });

  it.each(['huber', 'lad'] as const)('%s is not moved by two wild losses', (name) => {
    const rows = grid({ ...ours, noise: 0 });
    const wild = rows.map((row, i) => (i === 7 || i === 26 ? { ...row, loss: row.loss * 1.3 } : row));
    const fit = fitKaplan(wild, { ...without, objective: name === 'huber' ? { name, delta: 1e-3 } : { name } });
    expectTruth(fit, only(ours.truth, 'alphaN', 'Nc', 'alphaD', 'Dc'), name === 'lad' ? 1e-4 : 0.05);
    expect(Math.abs(fitKaplan(wild, without).parameters.Dc!.value / ours.truth.Dc - 1)).toBeGreaterThan(0.05);
  });
});

describe('L(N) first', () => {
  it('what the small D do wrong bends alphaN less than in a fit of everything at once', () => {
    // Runs at the two smallest D end higher than the law says, the more so the larger the model, as over-fitted ones do.
    const rows = grid({ ...ours, noise: 0 }).map((row) => ({
      ...row,
      loss: row.loss * (row.D! < 1e6 ? 1 + 0.02 * Math.log10(row.N! / 1e3) : 1),
    }));
    const fit = fitKaplan(rows, without);
    const error = (value: number): number => Math.abs(value / ours.truth.alphaN - 1);
    expect(error(fit.laws.LN.parameters.alphaN!.value)).toBeLessThan(0.8 * error(fit.laws.LND.jointly!.alphaN!));
  });

  it('L(N, S_min) holds the L(N) that L(N, D) corrected, and the other way round', () => {
    const rows = grid({ ...ours, noise: 0 }).map((row) => ({ ...row, B: 1024, S: row.D! / 1024 }));
    const fit = fitKaplan(rows, without);
    expect(fit.correctedBy).toBe('LND');
    expect(fit.laws.LNS.parameters.alphaN).toEqual(fit.laws.LN.parameters.alphaN);
    const steps = ours.N.flatMap((N) =>
      ours.S.map((S): RunRow => ({ N, S, D: 1024 * S, B: 1024, loss: lossAtSizeAndSteps(ours.truth, N, S) })),
    );
    const other = fitKaplan(steps, { ...without, criticalBatch: 'none' });
    expect(other.correctedBy).toBe('LNS');
    expectTruth(other.laws.LNS, only(ours.truth, 'alphaN', 'Nc', 'alphaS', 'Sc'));
    expect(other.laws.LND.parameters).toMatchObject({ alphaN: other.laws.LN.parameters.alphaN });
  });

  it('of several learning rates the best one inside counts; a best batch for L(N, D)', () => {
    const rows = grid({ ...ours, noise: 0 }).flatMap((row) =>
      [256, 1024, 4096].flatMap((B, b) =>
        [-9, -8, -7, -6].map((rate) => ({
          ...row,
          B,
          lr: 2 ** rate,
          loss: row.loss * (1 + 0.01 * (b - 1) ** 2 + 0.02 * Math.abs(rate + 7)),
        })),
      ),
    );
    const fit = fitKaplan(rows, without);
    expectTruth(fit.laws.LND, only(ours.truth, 'alphaN', 'Nc', 'alphaD', 'Dc'));
    expect(fit.laws.LND.used.every((row) => rows[row].B === 1024 && rows[row].lr === 2 ** -7)).toBe(true);
    expect(fit.left.filter(({ reason }) => reason.en.includes('another learning rate'))).toHaveLength((rows.length * 3) / 4);
    // With the best rate at the end of those tried there is nothing to fit.
    const cut = fitKaplan(
      rows.filter((row) => row.lr <= 2 ** -7),
      without,
    );
    expect(cut.status).toBe('not enough points');
    expect(cut.left).toHaveLength((rows.length * 3) / 4);
    // Unless a run beyond it diverged.
    const bounded = fitKaplan(
      rows.map((row) => (row.lr > 2 ** -7 ? { ...row, loss: NaN, status: 'diverged' as const } : row)),
      without,
    );
    expectTruth(bounded.laws.LND, only(ours.truth, 'alphaN', 'alphaD'));
  });
});

describe('compute', () => {
  const constants = PUBLISHED_CRITICAL_BATCH;

  it('the closed form of appendix B is the minimum over N', () => {
    for (const { truth } of [ours, theirs]) {
      const optimum = computeOptimum(truth, constants);
      const budget = truth === ours.truth ? 1e16 : 1e20;
      const best = optimum['Nopt.c'] * budget ** optimum.p;
      const lossOf = (N: number): number => {
        // C_min = 6·N·S_min·B_crit(L) solved for the loss by bisection: it falls with the loss.
        let [low, high] = [lossAtSize(truth, N) * (1 + 1e-12), 1e3];
        for (let i = 0; i < 200; i++) {
          const middle = (low + high) / 2;
          const steps = truth.Sc * (middle - lossAtSize(truth, N)) ** (-1 / truth.alphaS);
          if (computeOfMinimumSteps(N, steps, middle, constants) > budget) low = middle;
          else high = middle;
        }
        return low;
      };
      expect(Math.abs(lossOf(best) / (optimum.Cc / budget) ** optimum.alphaC - 1)).toBeLessThan(1e-9);
      for (const factor of [0.9, 1.1]) expect(lossOf(best)).toBeLessThan(lossOf(best * factor));
    }
  });

  const dense: Design = {
    ...ours,
    truth: { ...ours.truth, alphaS: 0.4, Sc: 3e4 },
    N: ladder(1e3, 1e6, 10),
    S: ladder(300, 3e6, 80),
    B: [4096],
  };

  it('N_opt(C_min) and L(C_min) along the envelope agree with it', () => {
    const truth = computeOptimum(dense.truth, constants);
    const fit = fitKaplan(curves({ ...dense, noise: 0 }), { ...without, start: 0 });
    expect(fit.laws.Nopt.status).toBe('converged');
    expect(fit.laws.LC.status).toBe('converged');
    expectTruth(fit.laws.Nopt, { p: truth.p }, 1e-3);
    expectTruth(fit.laws.LC, { alphaC: truth.alphaC }, 1e-3);
    // Between sizes the envelope lies a little above that of all sizes: a factor in C, not in the exponent.
    expectTruth(fit.laws.LC, { Cc: truth.Cc }, 0.05);
  });
});

describe('what is refused', () => {
  const status = (rows: readonly RunRow[]): KaplanFit['status'] => {
    const fit = fitKaplan(rows, without);
    if (fit.status !== 'converged') expect(fit.parameters).toEqual({});
    expect(fit.used.length + fit.left.length).toBe(rows.length);
    expect(fit.residuals).toHaveLength(fit.used.length);
    return fit.status;
  };
  const statuses = (rows: readonly RunRow[]): Record<string, string> =>
    Object.fromEntries(Object.entries(fitKaplan(rows, without).laws).map(([name, law]) => [name, law.status]));

  it('one size: no L(N), and L(D) taken at that size', () => {
    const rows = grid(ours).filter((row) => row.N === 1e6);
    expect(status(rows)).toBe('range too narrow');
    expect(statuses(rows)).toEqual({
      LN: 'range too narrow',
      LD: 'converged',
      LND: 'range too narrow',
      LNS: 'not enough points',
      LC: 'range too narrow',
      Nopt: 'range too narrow',
    });
  });

  it('N and D tied by a fixed ratio', () => {
    const rows = ladder(1e3, 1e6, 12).map((N) => ({ N, D: 20 * N, loss: lossAtSizeAndTokens(ours.truth, N, 20 * N) }));
    expect(status(rows)).toBe('not identified');
    expect(statuses(rows)).toMatchObject({ LN: 'not identified', LND: 'not identified' });
    expect(fitKaplan(rows).message.en).toContain('tied');
  });

  it('N too narrow; D too narrow; both wide enough', () => {
    const narrow = { ...ours, N: ladder(1e5, 2e5, 6) };
    expect(status(grid(narrow))).toBe('range too narrow');
    const short = { ...ours, D: ladder(1e6, 2e6, 5) };
    expect(status(grid(short))).toBe('range too narrow');
    expect(statuses(grid(short))).toMatchObject({ LN: 'converged', LND: 'range too narrow', LD: 'range too narrow' });
    expect(status(grid(ours))).toBe('converged');
  });

  it('fewer points than parameters and two more', () => {
    const rows = grid(ours);
    expect(status([])).toBe('not enough points');
    expect(status(rows.slice(0, 1))).toBe('not enough points');
    expect(status([rows[0], rows[11], rows[20], rows[31], rows[40]])).toBe('not enough points');
    // Three sizes are not enough for L(N), however many D they have.
    expect(status(rows.filter((row) => ours.N.indexOf(row.N!) % 3 === 0))).toBe('not enough points');
    expect(status(ours.N.slice(0, 3).map((N) => ({ N, loss: lossAtSize(ours.truth, N) })))).toBe('not enough points');
  });

  it('losses that rise with N, or not at all with anything', () => {
    expect(status(ours.N.map((N) => ({ N, loss: N ** 0.05 })))).toBe('bound hit');
    const random = createRandom(3);
    expect(status(grid(ours).map((row) => ({ ...row, loss: 3 * Math.exp(0.01 * random.normal()) })))).not.toBe('converged');
  });

  it('curves that never cross give L(N, S_min) and no envelope', () => {
    const found = statuses(curves(ours, 1));
    expect(found).toMatchObject({ LN: 'converged', LNS: 'converged', LC: 'not enough points', Nopt: 'not enough points' });
  });

  it('rows that cannot be used are left out with their reason', () => {
    const bad: RunRow[] = [
      { N: 1e4, D: 1e6, loss: NaN },
      { N: 1e4, D: 1e6, loss: 3, status: 'failed' },
      { N: -1, D: 1e6, loss: 3 },
      { loss: 3 },
    ];
    const fit = fitKaplan([...bad, ...grid(ours)], without);
    expect(fit.status).toBe('converged');
    expect(fit.left.map(({ row }) => row)).toEqual([0, 1, 2, 3]);
  });
});

describe('properties', () => {
  it('order does not matter; a unit of N moves Nc alone', () => {
    const rows = [...grid(ours, 1), ...curves({ ...ours, S: ladder(100, 3e4, 6) }, 1)];
    const options: KaplanOptions = { bootstrap: { resamples: 25, seed: 3 } };
    const plain = fitKaplan(rows, options);
    fc.assert(
      fc.property(fc.integer(), fc.constantFrom(0.25, 8), (seed, factor) => {
        expect(fitKaplan(shuffled(rows, seed), options).parameters).toEqual(plain.parameters);
        const moved = fitKaplan(
          rows.map((row) => ({ ...row, N: row.N! * factor })),
          options,
        ).parameters;
        expect(moved.alphaN!.value / plain.parameters.alphaN!.value).toBeCloseTo(1, 8);
        expect(moved.Nc!.value / plain.parameters.Nc!.value / factor).toBeCloseTo(1, 7);
        expect(moved.alphaS!.value / plain.parameters.alphaS!.value).toBeCloseTo(1, 8);
      }),
      { numRuns: 4 },
    );
  });
});
