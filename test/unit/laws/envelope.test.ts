// Approach 1 on planted curves: the envelope, where sizes overtake each other, and the exponent that follows.
import { describe, expect, it } from 'vitest';
import { chinchillaLoss, computeOptimal } from '../../../src/laws/chinchilla-allocation.ts';
import { fitEnvelope } from '../../../src/laws/envelope.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { curveAt, logCurve } from '../../../src/laws/log-curve.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { shuffled } from './planted.ts';

const law = { E: 1.2, A: 12, B: 60, alpha: 0.3, beta: 0.35 };
const a = law.beta / (law.alpha + law.beta);
const none = { bootstrap: { resamples: 0 } };

/** One run per size; its noise is an offset of the whole curve, as between seeds. */
function curves(sizes: number, step: number, points: number, noise = 0, seed = 0): RunRow[] {
  const random = createRandom(seed);
  return Array.from({ length: sizes }, (_, i) => {
    const N = 1e3 * step ** i;
    const offset = Math.exp(noise * random.normal());
    return Array.from({ length: points }, (_, k) => {
      const D = 1e4 * 1e5 ** (k / (points - 1));
      return { N, D, run: `run ${i}`, loss: chinchillaLoss(law, N, D) * offset };
    });
  }).flat();
}

describe('the envelope without noise', () => {
  it('brings the exponent back to 1e-6 where curves are dense', () => {
    const fit = fitEnvelope(shuffled(curves(8, 2, 200), 1), none);
    expect(fit.status).toBe('converged');
    expect(Math.abs(fit.parameters.a!.value / a - 1)).toBeLessThan(1e-6);
    expect(fit.passages).toHaveLength(7);
  });

  it('lies on the lowest curve, and its passages are where two sizes tie', () => {
    const fit = fitEnvelope(curves(6, 3, 100), none);
    for (const { C, N, loss } of fit.envelope.filter((_, k) => k % 100 === 0)) {
      expect(loss).toBeCloseTo(chinchillaLoss(law, N, C / 6 / N), 5);
      for (let i = 0; i < 6; i++) {
        const D = C / 6 / (1e3 * 3 ** i);
        if (D >= 1e4 && D <= 1e9) expect(loss).toBeLessThanOrEqual(chinchillaLoss(law, 1e3 * 3 ** i, D) + 1e-5);
      }
    }
    for (const { C, from, to } of fit.passages) {
      expect(chinchillaLoss(law, from, C / 6 / from)).toBeCloseTo(chinchillaLoss(law, to, C / 6 / to), 6);
      expect(Math.sqrt(from * to) / computeOptimal(law, C).N).toBeCloseTo(1, 0);
    }
  });

  it('is not fooled by curves that start and end at different C', () => {
    const finals = curves(10, 2, 14).map(({ N, D, loss }) => ({ N: N!, D: D!, loss }));
    const fit = fitEnvelope(finals, none);
    expect(Math.abs(fit.parameters.a!.value - a)).toBeLessThan(1e-3);
    const short = finals.filter(({ N, D }) => D / N < 3000 && D / N > 3);
    expect(Math.abs(fitEnvelope(short, none).parameters.a!.value - a)).toBeLessThan(5e-3);
  });

  it('takes the better of several runs of one size', () => {
    const worse = curves(6, 3, 60).map((row) => ({ ...row, run: `${row.run} again`, loss: row.loss * 1.05 }));
    const fit = fitEnvelope([...worse, ...curves(6, 3, 60)], none);
    expect(fit.parameters.a!.value).toBeCloseTo(fitEnvelope(curves(6, 3, 60), none).parameters.a!.value, 9);
  });
});

describe('what is refused', () => {
  it('few sizes, sizes without curves, curves that never cross', () => {
    expect(fitEnvelope([], none).status).toBe('not enough points');
    expect(fitEnvelope(curves(4, 2, 40), none).status).toBe('not enough points');
    const lone = fitEnvelope([...curves(8, 2, 40), { N: 3e7, D: 1e6, loss: 2 }], none);
    expect(lone.status).toBe('converged');
    expect(lone.left).toEqual([
      { row: 320, reason: expect.objectContaining({ en: expect.stringContaining('fewer than two') as string }) as object },
    ]);
    const parallel = Array.from({ length: 40 }, (_, k) => ({
      N: 10 ** (3 + Math.floor(k / 8)),
      C: 1e12 * 2 ** (k % 8),
      loss: 4 - 0.1 * Math.floor(k / 8),
    }));
    expect(fitEnvelope(parallel, none).status).toBe('not enough points');
  });
});

describe('a curve through points', () => {
  it('meets its points, is exact for parabolas, ends where they end', () => {
    const x = [1, 2, 3, 5, 9, 11];
    const parabola = (value: number): number => 1 + 0.3 * value - 0.02 * value * value;
    const curve = logCurve(shuffled(x, 2).map((value) => [Math.exp(value), Math.exp(parabola(value))] as const))!;
    for (let value = 1; value <= 11; value += 0.37) expect(curveAt(curve, value)).toBeCloseTo(parabola(value), 10);
    expect(curveAt(curve, 0.9)).toBeNaN();
    expect(curveAt(curve, 11.1)).toBeNaN();
    expect(logCurve([[3, 2]])).toBeUndefined();
    expect(
      logCurve([
        [3, 2],
        [3, 4],
      ]),
    ).toBeUndefined();
  });
});
