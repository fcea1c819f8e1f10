// The three-term law planted, and the best batch that follows from it.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { fitThreeTerm, threeTermLoss } from '../../../src/laws/three-term.ts';
import { octaves, shuffled } from './planted.ts';

type Truth = Readonly<Record<'E' | 'A' | 'a' | 'Bs' | 'b' | 'Cb' | 'c', number>>;
interface Design {
  readonly N: readonly number[];
  readonly D: readonly number[];
  readonly B: readonly number[];
  readonly truth: Truth;
  readonly noise: number;
}

const ours: Design = {
  N: [1e3, 1e4, 1e5, 1e6],
  D: [1e5, 8e5, 6.4e6],
  B: octaves(4, 12, 2),
  truth: { E: 1.2, A: 15, a: 0.3, Bs: 12, b: 0.45, Cb: 2.5, c: 0.5 },
  noise: 0.002,
};
const theirs: Design = {
  N: [6e7, 1.5e8, 4e8, 1.07e9],
  D: [2e9, 1.4e10, 1e11],
  B: octaves(15, 22, 1.75),
  truth: { E: 1.7, A: 400, a: 0.34, Bs: 60, b: 0.55, Cb: 60, c: 0.45 },
  noise: 0.001,
};

const lossAt = (t: Truth, N: number, D: number, B: number): number => t.E + t.A / N ** t.a + t.Bs / (D / B) ** t.b + t.Cb / B ** t.c;
const bestBatch = ({ Bs, b, Cb, c }: Truth) => ({ 'Bopt.c': ((c * Cb) / (b * Bs)) ** (1 / (b + c)), 'Bopt.D': b / (b + c) });

function runs({ N, D, B, truth, noise }: Design, seed: number): RunRow[] {
  const random = createRandom(seed);
  return N.flatMap((n) =>
    D.flatMap((d) => B.map((batch) => ({ N: n, D: d, B: batch, loss: lossAt(truth, n, d, batch) * Math.exp(noise * random.normal()) }))),
  );
}

const without = { bootstrap: { resamples: 0 } };

describe('without noise', () => {
  it.each([
    ['ours', ours],
    ['theirs', theirs],
  ])('the parameters come back to 1e-6 (%s)', (_, design) => {
    const fit = fitThreeTerm(runs({ ...design, noise: 0 }, 0), without);
    expect(fit.status).toBe('converged');
    for (const [name, value] of Object.entries({ ...design.truth, ...bestBatch(design.truth) })) {
      expect(Math.abs(fit.parameters[name as 'E']!.value / value - 1), name).toBeLessThan(1e-6);
    }
    expect(threeTermLoss(fit, 3e5, 1e6, 300)).toBeCloseTo(lossAt(design.truth, 3e5, 1e6, 300), 6);
  });

  it('the derived best batch is where the law itself is lowest at fixed D', () => {
    const { 'Bopt.c': factor, 'Bopt.D': exponent } = bestBatch(ours.truth);
    const best = factor * 1e6 ** exponent;
    for (const away of [0.99, 1.01]) expect(lossAt(ours.truth, 1e5, 1e6, best)).toBeLessThan(lossAt(ours.truth, 1e5, 1e6, best * away));
    const fit = fitThreeTerm(runs({ ...ours, noise: 0 }, 0), without);
    expect(fit.parameters['Bopt.c']!.value * 1e6 ** fit.parameters['Bopt.D']!.value).toBeCloseTo(best, 2);
  });

  it('learning rates are tuned out: the lowest inside counts, the lowest at an end does not', () => {
    const rates = octaves(-9, -5);
    const table = runs({ ...ours, noise: 0 }, 0).flatMap((row, i) =>
      // Every fifth point has its best learning rate at the end of those tried.
      rates.map((lr) => ({ ...row, lr, loss: row.loss + 0.01 * Math.log2(lr / 2 ** (i % 5 === 0 ? -5 : -7)) ** 2 })),
    );
    const fit = fitThreeTerm(table, without);
    expect(fit.tuned).toHaveLength(48);
    expect(fit.left.filter(({ reason }) => reason.en.includes('end of the learning rates'))).toHaveLength(12 * rates.length);
    expect(Math.abs(fit.parameters['Bopt.D']!.value / bestBatch(ours.truth)['Bopt.D'] - 1)).toBeLessThan(1e-6);
    expect(fit.used.length + fit.left.length).toBe(table.length);
  });

  it('one size: the batch law is still given, A and a are not', () => {
    const fit = fitThreeTerm(runs({ ...ours, N: [1e5], noise: 0 }, 0), without);
    expect(fit.status).toBe('converged');
    expect(fit.parameters.A).toBeUndefined();
    expect(fit.parameters.E!.value).toBeCloseTo(1.2 + 15 / 1e5 ** 0.3, 5);
    expect(Math.abs(fit.parameters['Bopt.D']!.value / bestBatch(ours.truth)['Bopt.D'] - 1)).toBeLessThan(1e-6);
  });
});

describe('what is refused', () => {
  it('each degenerate design by its own status', () => {
    expect(fitThreeTerm(runs({ ...ours, B: [64] }, 0)).status).toBe('range too narrow');
    expect(fitThreeTerm(runs({ ...ours, N: [1e5], D: [1e6], B: octaves(4, 12) }, 0)).status).toBe('not identified');
    expect(fitThreeTerm(runs({ ...ours, N: [1e5], D: [1e5, 1e6], B: [64, 256] }, 0)).status).toBe('not enough points');
    const twoRates = runs(ours, 0).flatMap((row) => [0.01, 0.02].map((lr) => ({ ...row, lr })));
    expect(fitThreeTerm(twoRates).status).toBe('not enough points');
    expect(fitThreeTerm([]).status).toBe('not enough points');
    // Loss that only ever falls with the batch has no term for small batches to balance against.
    const falling = runs({ ...ours, noise: 0 }, 0).map((row) => ({ ...row, loss: 2 + 15 / row.N! ** 0.3 + 5 / row.B! ** 0.5 }));
    expect(['not identified', 'bound hit', 'not converged']).toContain(fitThreeTerm(falling).status);
  });
});

describe('properties', () => {
  it('order does not matter; a unit of the batch moves Bopt.c alone', () => {
    const table = runs(ours, 1);
    const plain = fitThreeTerm(table, without).parameters;
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.1, max: 10, noNaN: true }), (seed, factor) => {
        const moved = fitThreeTerm(
          shuffled(table, seed).map((row) => ({ ...row, B: row.B! * factor })),
          without,
        ).parameters;
        expect(moved['Bopt.D']!.value).toBeCloseTo(plain['Bopt.D']!.value, 5);
        expect(moved['Bopt.c']!.value / plain['Bopt.c']!.value / factor).toBeCloseTo(1, 4);
        expect(moved.E!.value).toBeCloseTo(plain.E!.value, 5);
      }),
      { numRuns: 5 },
    );
  });
});
