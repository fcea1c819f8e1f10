// Runs that begin alike: what they share is exactly what their schedules and their settings say.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { batchTokens, runFields, steps, type RunConfig, type RunInput } from '../../../src/config/run.ts';
import { learningRateAt } from '../../../src/training/schedule.ts';
import { populationKey } from '../../../src/training/trainer.ts';
import { hasTrunkForAnyTokens, sharedUpdates, trunkKey, trunksOf, trunkUpdates } from '../../../src/training/trunk.ts';

const base: RunInput = { shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 }, context: 8, batchSequences: 2, validationTokens: 64 };
const cooled = (more: RunInput): RunConfig => parseRun({ ...base, schedule: 'constant and cooldown', warmupTokens: 64, ...more });

/** Settings from few values, so that runs often begin alike. */
const anyRun: fc.Arbitrary<RunConfig> = fc
  .record({
    tokens: fc.integer({ min: 40, max: 4000 }),
    learningRate: fc.constantFrom(0.01, 0.02),
    batchSequences: fc.constantFrom(1, 2, 5),
    schedule: fc.constantFrom('constant' as const, 'constant and cooldown' as const, 'cosine to fixed' as const),
    warmupFraction: fc.constantFrom(0, 0.05, 0.3),
    warmupTokens: fc.constantFrom(0, 64, 300),
    cooldownFraction: fc.constantFrom(0, 0.2, 0.5, 1),
    seed: fc.constantFrom(0, 1),
  })
  .map((more) => parseRun({ ...base, ...more }));

const rates = (config: RunConfig): number[] =>
  Array.from({ length: steps(config) }, (_, update) => learningRateAt(config, update, steps(config)));

/** Updates for which two lists of rates agree from the start. */
const agreeing = (a: readonly number[], b: readonly number[]): number => {
  const first = a.findIndex((rate, i) => rate !== b[i]);
  return first < 0 ? a.length : first;
};

describe('a trunk', () => {
  it('is shared by runs with the same rates up to where the first leaves, and no further', () => {
    fc.assert(
      fc.property(anyRun, anyRun, (a, b) => {
        if (trunkKey(a) === undefined || trunkKey(a) !== trunkKey(b)) return;
        const both = Math.min(trunkUpdates(a), trunkUpdates(b));
        expect(both).toBeGreaterThan(0);
        const agree = agreeing(rates(a), rates(b));
        expect(agree).toBeGreaterThanOrEqual(both);
        // Beyond it runs part, unless they cool down side by side, or one has ended.
        if (trunkUpdates(a) !== trunkUpdates(b)) expect(agree).toBe(both);
        for (const field of ['learningRate', 'batchSequences', 'seed'] as const) expect(a[field]).toBe(b[field]);
      }),
      { numRuns: 2000 },
    );
  });

  it('is found whenever the rates agree beyond the warm-up and all else that training depends on is equal', () => {
    fc.assert(
      fc.property(anyRun, fc.integer({ min: 40, max: 4000 }), fc.constantFrom(0, 0.2, 0.7), (a, tokens, cooldownFraction) => {
        if (batchTokens(a) > tokens) return;
        const b = { ...a, tokens, cooldownFraction };
        const both = Math.min(trunkUpdates(a), trunkUpdates(b));
        const alike = both > 0 && agreeing(rates(a), rates(b)) >= both;
        expect(trunkKey(a) !== undefined && trunkKey(a) === trunkKey(b)).toBe(alike);
      }),
      { numRuns: 2000 },
    );
  });

  it('is another for every setting that the first updates depend on', () => {
    const run = cooled({ tokens: 1600 });
    const other: Partial<RunConfig> = { shape: { ...run.shape, layers: 2 }, schedule: 'constant', warmupTokens: 128 };
    const changedValue = (value: unknown): unknown =>
      typeof value === 'number' ? 2 * value + 1 : typeof value === 'boolean' ? !value : `${value as string}, another`;
    const same = new Set(['tokens', 'schedule', 'warmupFraction', 'finalLearningRate', 'finalFraction', 'cooldownFraction']);
    for (const field of runFields) {
      const changed = { ...run, [field]: other[field] ?? changedValue(run[field]) };
      expect(changed[field], field).not.toEqual(run[field]);
      expect(trunkKey(changed) === trunkKey(run), field).toBe(same.has(field));
    }
  });

  it('of five runs, each twice as long as the one before, is the longest', () => {
    const runs = [1, 2, 4, 8, 16].map((times) => ({ config: cooled({ tokens: 1600 * times }) }));
    const [trunk, ...more] = trunksOf([runs[3], runs[0], runs[4], runs[2], runs[1]]);
    expect(more).toEqual([]);
    expect(trunk.main).toBe(runs[4]);
    expect(trunk.branches.map(({ run }) => run)).toEqual(runs.slice(0, 4));
    // S is 100, 200, …; the last fifth cools down, and its first update still takes the peak.
    expect(trunk.branches.map(({ at }) => at)).toEqual([81, 161, 321, 641]);
    expect(sharedUpdates(runs)).toEqual([81, 161, 321, 641, 0]);
  });

  it('takes in every run once', () => {
    fc.assert(
      fc.property(fc.array(anyRun, { maxLength: 20 }), (configs) => {
        const runs = configs.map((config) => ({ config }));
        const trunks = trunksOf(runs);
        const found = trunks.flatMap(({ main, branches }) => [main, ...branches.map(({ run }) => run)]);
        expect(new Set(found)).toEqual(new Set(runs));
        expect(found).toHaveLength(runs.length);
        for (const { main, branches } of trunks)
          for (const { run, at } of branches) {
            expect(at).toBeGreaterThan(0);
            expect(at).toBeLessThanOrEqual(Math.min(steps(run.config), steps(main.config)));
            expect(agreeing(rates(run.config), rates(main.config))).toBeGreaterThanOrEqual(at);
          }
      }),
      { numRuns: 300 },
    );
  });
});

describe('populations', () => {
  it('take in all runs of a trunk whose warm-up does not depend on their tokens', () => {
    const [short, long] = [cooled({ tokens: 1600 }), cooled({ tokens: 3200 })];
    expect(hasTrunkForAnyTokens(short)).toBe(true);
    expect(populationKey(short)).toBe(populationKey(long));
    expect(populationKey({ ...short, shape: { ...short.shape, width: 16 } })).not.toBe(populationKey(long));
  });

  it('hold apart runs of different tokens that cannot begin alike', () => {
    for (const more of [{ schedule: 'cosine to fixed' as const }, { warmupTokens: 0, warmupFraction: 0.05 }]) {
      const [short, long] = [cooled({ tokens: 1600, ...more }), cooled({ tokens: 3200, ...more })];
      expect(populationKey(short)).not.toBe(populationKey(long));
    }
  });
});

describe('ids', () => {
  it('of runs without a warm-up in tokens are what they were before there was one', () => {
    expect(runId(parseRun({}))).toBe('aa1e0c49b0d3c70f');
    expect(runId(parseRun({ warmupTokens: 64 }))).not.toBe(runId(parseRun({})));
  });
});
