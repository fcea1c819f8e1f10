// The schedule's ends, its continuity, and the published form of its cooldown.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { steps } from '../../../src/config/run.ts';
import { learningRateAt, learningRates, warmupUpdates, type ScheduleConfig } from '../../../src/training/schedule.ts';

const base: ScheduleConfig = {
  learningRate: 0.01,
  schedule: 'cosine to fixed',
  warmupFraction: 0.1,
  warmupTokens: 0,
  batchSequences: 2,
  context: 8,
  finalLearningRate: 1e-5,
  finalFraction: 0.1,
  cooldownFraction: 0.2,
};
const all = (config: ScheduleConfig, total: number) => Array.from({ length: total }, (_, s) => learningRateAt(config, s, total));

const anySchedule = fc.record({
  learningRate: fc.double({ min: 1e-6, max: 1, noNaN: true }),
  schedule: fc.constantFrom(
    'cosine to fixed' as const,
    'cosine to fraction' as const,
    'constant' as const,
    'constant and cooldown' as const,
  ),
  warmupFraction: fc.double({ min: 0, max: 0.9, noNaN: true }),
  warmupTokens: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 2000 })),
  batchSequences: fc.integer({ min: 1, max: 16 }),
  context: fc.integer({ min: 1, max: 16 }),
  finalLearningRate: fc.double({ min: 0, max: 1, noNaN: true }),
  finalFraction: fc.double({ min: 0, max: 1, noNaN: true }),
  cooldownFraction: fc.double({ min: 0, max: 1, noNaN: true }),
});

describe('warm-up', () => {
  it('is linear, does not start at zero and reaches the peak on its last update', () => {
    const rates = all(base, 100);
    expect(warmupUpdates(base, 100)).toBe(10);
    for (let s = 0; s < 10; s++) expect(rates[s]).toBeCloseTo((0.01 * (s + 1)) / 10, 12);
    expect(rates[9]).toBe(0.01);
    expect(rates[10]).toBeLessThan(0.01);
  });

  it('in tokens takes as many whole batches, however long the run; the share then says nothing', () => {
    const inTokens = { ...base, warmupTokens: 16 * 7, warmupFraction: 0.9 };
    for (const total of [7, 8, 100, 12_345]) expect(warmupUpdates(inTokens, total)).toBe(7);
    expect(warmupUpdates(inTokens, 3)).toBe(3);
    expect(warmupUpdates({ ...base, warmupTokens: 1 }, 100)).toBe(1);
    expect(warmupUpdates({ ...base, warmupTokens: 16 * 2.5 + 1 }, 100)).toBe(3);
  });

  it('may be absent: the first update then takes the peak', () => {
    expect(learningRateAt({ ...base, warmupFraction: 0 }, 0, 100)).toBe(0.01);
  });
});

describe('tails', () => {
  it('cosine to fixed ends at the fixed rate, half-way between at the middle', () => {
    const rates = all({ ...base, warmupFraction: 0 }, 101);
    expect(rates[100]).toBeCloseTo(1e-5, 15);
    expect(rates[50]).toBeCloseTo((0.01 + 1e-5) / 2, 12);
    expect(rates[25]).toBeCloseTo(1e-5 + (0.01 - 1e-5) * 0.5 * (1 + Math.SQRT1_2), 12);
  });

  it('never rises to a fixed rate above the peak', () => {
    expect(all({ ...base, learningRate: 1e-6 }, 50).at(-1)).toBeCloseTo(1e-6, 18);
  });

  it('cosine to fraction ends at that share of the peak', () => {
    expect(all({ ...base, schedule: 'cosine to fraction' }, 50).at(-1)).toBeCloseTo(0.001, 12);
  });

  it('constant stays', () => {
    expect(new Set(all({ ...base, schedule: 'constant' }, 50).slice(5))).toEqual(new Set([0.01]));
  });

  it('cooldown holds, then falls by 1 − √x over its share of the run', () => {
    const rates = all({ ...base, schedule: 'constant and cooldown' }, 100);
    expect(new Set(rates.slice(9, 81))).toEqual(new Set([0.01]));
    for (let s = 80; s < 100; s++) expect(rates[s]).toBeCloseTo(0.01 * (1 - Math.sqrt((s - 80) / 20)), 12);
    expect(rates[99]).toBeGreaterThan(0);
  });

  it('cooldown of the whole run begins after the warm-up', () => {
    const rates = all({ ...base, schedule: 'constant and cooldown', cooldownFraction: 1 }, 100);
    expect(rates[9]).toBe(0.01);
    expect(rates[10]).toBe(0.01);
    expect(rates[11]).toBeCloseTo(0.01 * (1 - Math.sqrt(1 / 90)), 12);
  });
});

it('every schedule stays within (0 … peak], rises through the warm-up and never after', () => {
  fc.assert(
    fc.property(anySchedule, fc.integer({ min: 1, max: 300 }), (config, total) => {
      const rates = all(config, total);
      const warmup = warmupUpdates(config, total);
      for (const [s, rate] of rates.entries()) {
        expect(rate).toBeGreaterThanOrEqual(0);
        expect(rate).toBeLessThanOrEqual(config.learningRate * (1 + 1e-12));
        if (s > 0 && s < warmup) expect(rate).toBeGreaterThan(rates[s - 1]);
        if (s > 0 && s >= warmup) expect(rate).toBeLessThanOrEqual(rates[s - 1] * (1 + 1e-12));
      }
      expect(Math.max(...rates) / config.learningRate).toBeCloseTo(1, 12);
    }),
  );
});

it('a list of rates is the same numbers, from any update on', () => {
  const run = parseRun({ tokens: 64 * 2 * 40 });
  expect(steps(run)).toBe(40);
  const list = learningRates(run, 7, 12);
  expect(list).toEqual(Float32Array.from({ length: 12 }, (_, i) => learningRateAt(run, 7 + i, 40)));
});
