// Joined power laws of size and tokens: planted constants come back, limits are what they should be, narrow tables are refused.
import { describe, expect, it } from 'vitest';
import { fitJoinedLoss } from '../../../src/laws/joined-loss.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';

const truth = { alphaN: 0.1, Nc: 3e6, alphaD: 0.15, Dc: 1.5e7, Bcrit: 3000 };

function loss(N: number, D: number, B: number): number {
  const { alphaN, Nc, alphaD, Dc, Bcrit } = truth;
  return ((Nc / N) ** (alphaN / alphaD) + (Dc / D) * (1 + B / Bcrit)) ** alphaD;
}

function table(noise: number, seed = 1): RunRow[] {
  const random = createRandom(seed);
  return [500, 2000, 8000].flatMap((N) =>
    [64, 512, 4096].flatMap((B) => [1e5, 3e5, 1e6].map((D) => ({ N, B, D, loss: loss(N, D, B) * Math.exp(noise * random.normal()) }))),
  );
}

describe('joined power laws', () => {
  it('recover planted constants exactly from exact losses', () => {
    const fit = fitJoinedLoss(table(0));
    expect(fit.status).toBe('converged');
    for (const [name, value] of Object.entries(truth)) expect(fit.parameters[name as keyof typeof truth]!.value / value).toBeCloseTo(1, 5);
    expect(fit.at(64_000, 4e6, 128)).toBeCloseTo(loss(64_000, 4e6, 128), 6);
  });

  it('foretell within the noise, eight times beyond the largest size', () => {
    for (let seed = 0; seed < 5; seed++) {
      const fit = fitJoinedLoss(table(0.003, seed));
      expect(Math.abs(fit.at(64_000, 1e6, 256) / loss(64_000, 1e6, 256) - 1)).toBeLessThan(0.03);
    }
  });

  it('read tokens from steps and batch', () => {
    const rows = table(0).map(({ D, ...row }) => ({ ...row, S: D! / row.B! }));
    expect(fitJoinedLoss(rows).parameters.Dc!.value / truth.Dc).toBeCloseTo(1, 5);
  });

  it('describe runs that no batch costs anything, with a critical batch above them all', () => {
    const rows = table(0).map((row) => ({ ...row, loss: loss(row.N!, row.D!, 1e-9) }));
    const fit = fitJoinedLoss(rows);
    expect(fit.status).toBe('converged');
    expect(fit.parameters.Bcrit!.value).toBeGreaterThan(1e5);
    expect(fit.at(8000, 1e6, 512)).toBeCloseTo(loss(8000, 1e6, 1e-9), 3);
  });

  it.each([
    ['no rows', [], 'Not enough points'],
    ['one size', table(0).filter(({ N }) => N === 500), 'N'],
    ['one batch', table(0).filter(({ B }) => B === 64), 'B'],
  ])('refuse %s in words', (_, rows, words) => {
    const fit = fitJoinedLoss(rows);
    expect(fit.status).not.toBe('converged');
    expect(fit.message.en).toContain(words);
    expect(fit.at(1, 1, 1)).toBeNaN();
  });
});

describe('joined power laws above a floor', () => {
  const floored = (noise = 0): RunRow[] => {
    const random = createRandom(5);
    return table(0).map((row) => ({ ...row, loss: (0.8 + 0.6 * row.loss) * Math.exp(noise * random.normal()) }));
  };

  it('recover a planted floor and foretell far beyond the sizes', () => {
    const fit = fitJoinedLoss(floored(), { floor: true });
    expect(fit.status).toBe('converged');
    expect(fit.parameters.E!.value).toBeCloseTo(0.8, 4);
    expect(fit.parameters.Bcrit!.value / truth.Bcrit).toBeCloseTo(1, 3);
    expect(fit.at(64_000, 4e6, 128)).toBeCloseTo(0.8 + 0.6 * loss(64_000, 4e6, 128), 5);
    expect(fitJoinedLoss(floored()).parameters.E).toBeUndefined();
  });

  it('are refused where there is none', () => {
    const fit = fitJoinedLoss(table(0), { floor: true });
    expect(fit.status).not.toBe('converged');
    expect(fit.message.en).toContain('E');
  });
});
