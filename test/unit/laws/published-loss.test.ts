// Published laws give the numbers that their papers print, and each says where it comes from.
import { describe, expect, it } from 'vitest';
import { allocation, computeOptimal } from '../../../src/laws/chinchilla-allocation.ts';
import {
  PETAFLOP_DAY,
  publishedAllocations,
  publishedChinchilla,
  publishedLossAt,
  publishedLosses,
  type PublishedLoss,
} from '../../../src/laws/published-loss.ts';

const law = (id: string): PublishedLoss => publishedLosses.find((candidate) => candidate.id === id)!;
const at = (id: string, axes: Parameters<typeof publishedLossAt>[1]): number => publishedLossAt(law(id), axes);

describe('published losses', () => {
  it('Chinchilla: the printed constants are the rounded ones, and the replication shifts the exponent to one half', () => {
    const [paper, replication] = publishedChinchilla;
    const { E, A, B, alpha, beta } = paper.constants;
    expect([E.toFixed(2), A.toFixed(1), B.toFixed(1), alpha.toFixed(2), beta.toFixed(2)]).toEqual([
      '1.69',
      '406.4',
      '410.7',
      '0.34',
      '0.28',
    ]);
    expect(allocation(paper.constants).a).toBeCloseTo(0.46, 2);
    expect(allocation(replication.constants).a).toBeCloseTo(0.513, 3);
    // The model of the paper: 70 billion parameters on 1.4 trillion tokens are near the optimum of the replication.
    const best = computeOptimal(replication.constants, 6 * 70e9 * 1.4e12);
    expect(best.N / 70e9).toBeGreaterThan(0.6);
    expect(best.N / 70e9).toBeLessThan(1.5);
    // What rounding the exponents does to the loss of that model: 1.937 by the printed constants.
    const printed = 1.69 + 406.4 / 70e9 ** 0.34 + 410.7 / 1.4e12 ** 0.28;
    expect(Math.abs(at('chinchilla', { N: 70e9, D: 1.4e12 }) - printed)).toBeLessThan(0.02);
    expect(paper.loss(70e9, 1.4e12)).toBe(at('chinchilla', { N: 70e9, D: 1.4e12 }));
  });

  it('Kaplan: each law is one nat at its own constant, and falls by its exponent', () => {
    expect(at('kaplan-size', { N: 8.8e13 })).toBeCloseTo(1, 12);
    expect(at('kaplan-tokens', { D: 5.4e13 })).toBeCloseTo(1, 12);
    expect(at('kaplan-compute', { C: 3.1e8 * PETAFLOP_DAY })).toBeCloseTo(1, 12);
    // Section 1.2: doubling N takes the loss down by a factor 2^-0.076 = 0.95.
    expect(at('kaplan-size', { N: 2e8 }) / at('kaplan-size', { N: 1e8 })).toBeCloseTo(0.95, 2);
    // With endless data or steps, the laws of two axes end in a law of size alone.
    expect(at('kaplan-size-and-tokens', { N: 1e8, D: 1e30 })).toBeCloseTo((6.4e13 / 1e8) ** 0.076, 6);
    expect(at('kaplan-size-and-steps', { N: 1e8, minimumSteps: 1e30 })).toBeCloseTo((6.5e13 / 1e8) ** 0.077, 6);
    // Section 6.1: a petaflop/s-day trains 1.3 billion parameters best.
    const kaplan = publishedAllocations.find(({ id }) => id === 'kaplan')!;
    expect(kaplan.size!(PETAFLOP_DAY)).toBeCloseTo(1.3e9, -2);
    expect(kaplan.size!(10 * PETAFLOP_DAY) / kaplan.size!(PETAFLOP_DAY)).toBeCloseTo(10 ** 0.73, 9);
  });

  it('fall along every axis they have, and are NaN without it', () => {
    const base = { N: 1e8, D: 1e10, C: 1e20, minimumSteps: 1e4 };
    for (const published of publishedLosses) {
      const loss = publishedLossAt(published, base);
      expect(loss).toBeGreaterThan(1);
      expect(loss).toBeLessThan(5);
      expect(publishedLossAt(published, { N: 2e8, D: 2e10, C: 2e20, minimumSteps: 2e4 })).toBeLessThan(loss);
      expect(publishedLossAt(published, {})).toBeNaN();
    }
  });

  it('cite where they come from, in both languages, under one name each', () => {
    const all = [...publishedLosses, ...publishedAllocations];
    for (const { citation, url, label } of all) {
      expect(citation).toMatch(/arXiv \d{4}\.\d{5}/);
      expect(citation).toContain(url.split('/').at(-1)!);
      expect(label.zh.length).toBeGreaterThan(0);
    }
    expect(new Set(publishedLosses.map(({ id }) => id)).size).toBe(publishedLosses.length);
    expect(new Set(publishedAllocations.map(({ id }) => id)).size).toBe(publishedAllocations.length);
  });

  it('Porian: each step of the ladder lowers the exponent, from Kaplan’s side to Chinchilla’s', () => {
    const steps = publishedAllocations.filter(({ id }) => id.startsWith('porian')).map(({ a }) => a);
    expect(steps).toEqual([...steps].sort((first, second) => second - first));
    expect(steps[0]).toBeGreaterThan(0.8);
    expect(steps.at(-1)).toBeCloseTo(0.5, 2);
  });
});
