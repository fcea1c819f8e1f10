// Which runs train together: groups that share a micro-batch, parts that fit in memory.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FootprintOf } from '../../../src/plan/executor.ts';
import { evenParts, lanesThatFit } from '../../../src/training/engine/memory.ts';
import { largestDivisor, microBatchGroups, type MicroBatchRule } from '../../../src/training/engine/micro-batches.ts';
import { fakePlans } from './fake-executor.ts';

const anyBatches = fc.array(fc.integer({ min: 1, max: 96 }), { minLength: 1, maxLength: 30 });
const anyRule: fc.Arbitrary<MicroBatchRule> = fc.record({
  cost: fc.record({
    step: fc.double({ min: 0, max: 1e4, noNaN: true }),
    lane: fc.double({ min: 0, max: 1e4, noNaN: true }),
    row: fc.double({ min: 1e-3, max: 10, noNaN: true }),
  }),
  mostRows: fc.integer({ min: 1, max: 4096 }),
  worth: fc.constant(0),
});

/** Time per token of some groups, by the rule. */
const timeOf = (groups: readonly { sequences: number; members: readonly number[] }[], context: number, { cost }: MicroBatchRule): number =>
  groups.reduce((sum, { sequences, members }) => {
    const rows = sequences * context;
    return sum + (cost.step + members.length * (cost.lane + rows * cost.row)) / rows;
  }, 0);

describe('micro-batches', () => {
  it('put every run into one group, whose micro-batch divides its batch and keeps to the limit', () => {
    fc.assert(
      fc.property(anyBatches, fc.integer({ min: 1, max: 300 }), anyRule, (batches, context, rule) => {
        const groups = microBatchGroups(batches, context, rule);
        expect(groups.flatMap(({ members }) => [...members]).sort((a, b) => a - b)).toEqual(batches.map((_, i) => i));
        for (const { sequences, members } of groups) {
          for (const index of members) expect(batches[index] % sequences).toBe(0);
          if (sequences > 1) expect(sequences * context).toBeLessThanOrEqual(rule.mostRows);
        }
        expect(new Set(groups.map(({ sequences }) => sequences)).size).toBe(groups.length);
      }),
    );
  });

  it('cost no more than one group for all, or one for each batch', () => {
    // Few enough distinct batches that every set of micro-batches is tried.
    const few = fc.array(fc.constantFrom(1, 2, 4, 8, 16, 32, 64), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(few, anyRule, (batches, rule) => {
        const context = 32;
        const most = Math.max(1, Math.floor(rule.mostRows / context));
        const time = timeOf(microBatchGroups(batches, context, rule), context, rule);
        const one = largestDivisor(Math.min(...batches), most);
        expect(time).toBeLessThanOrEqual(timeOf([{ sequences: one, members: batches }], context, rule) * (1 + 1e-9));
        const own = new Map<number, number[]>();
        for (const batch of batches) own.set(largestDivisor(batch, most), [...(own.get(largestDivisor(batch, most)) ?? []), batch]);
        const apart = [...own].map(([sequences, members]) => ({ sequences, members }));
        expect(time).toBeLessThanOrEqual(timeOf(apart, context, rule) * (1 + 1e-9));
      }),
    );
  });

  it('are each batch’s own where launches are free, and shared where they are dear', () => {
    const batches = [1, 2, 4, 8, 3, 8];
    const free = microBatchGroups(batches, 64, { cost: { step: 0, lane: 50, row: 1 }, mostRows: 256, worth: 0 });
    expect(free).toEqual([
      { sequences: 4, members: [2, 3, 5] },
      { sequences: 3, members: [4] },
      { sequences: 2, members: [1] },
      { sequences: 1, members: [0] },
    ]);
    const dear = microBatchGroups(batches, 64, { cost: { step: 1e5, lane: 50, row: 1 }, mostRows: 256, worth: 0 });
    expect(dear).toEqual([{ sequences: 1, members: [0, 1, 2, 3, 4, 5] }]);
  });

  it('split no group for less than it is worth', () => {
    fc.assert(
      fc.property(anyBatches, anyRule, fc.double({ min: 0, max: 0.5, noNaN: true }), (batches, rule, worth) => {
        const context = 16;
        const free = microBatchGroups(batches, context, rule);
        const lazy = microBatchGroups(batches, context, { ...rule, worth });
        expect(lazy.length).toBeLessThanOrEqual(free.length);
        expect(timeOf(lazy, context, rule) * (1 - worth)).toBeLessThanOrEqual(timeOf(free, context, rule) * (1 + 1e-9));
      }),
    );
    const rule = { cost: { step: 0, lane: 5, row: 1 }, mostRows: 256 };
    // 5 of 69 is not worth a split, 5 of 13 is.
    expect(microBatchGroups([1, 2, 4], 64, { ...rule, worth: 0.1 })).toEqual([{ sequences: 1, members: [0, 1, 2] }]);
    expect(microBatchGroups([1, 4, 4], 8, { ...rule, worth: 0.1 })).toHaveLength(2);
  });

  it('stay whole however many different batches there are', () => {
    const batches = Array.from({ length: 200 }, (_, i) => i + 1);
    const groups = microBatchGroups(batches, 1, { cost: { step: 1, lane: 1, row: 1 }, mostRows: 1000, worth: 0 });
    expect(groups.flatMap(({ members }) => [...members])).toHaveLength(200);
    for (const { sequences, members } of groups) for (const index of members) expect(batches[index] % sequences).toBe(0);
  });
});

describe('memory', () => {
  const plans = fakePlans(
    {
      shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
      context: 8,
      positions: 'learned',
      qkNorm: false,
      tiedHead: false,
      vocabulary: 8,
    },
    4,
  );
  const tokens = { training: new Uint16Array(100), validation: new Uint16Array(9), dataSeed: 0 };
  /** What grows with the lanes, and more for those that add gradients up; a part that is there once; text. */
  const footprint: FootprintOf = ({ training: { words } }, microBatches, { training, validation }) => {
    const own = words.parameters + words.mean + words.square;
    const bytes = microBatches.reduce((sum, m) => sum + 4 * (m > 1 ? own + words.accumulated : own), 0);
    return { bytes: 1000 + 2 * (training.length + validation.length) + bytes, largestBuffer: 4 * words.parameters * microBatches.length };
  };

  it('takes as many lanes as fit, and not one more, whichever of them they are', () => {
    const anyLanes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_000_000 }), anyLanes, fc.nat(), (budget, microBatches, turn) => {
        const lanes = lanesThatFit(plans, microBatches, tokens, { budget, largestBuffer: Infinity, footprint });
        const bytes = (some: readonly number[]): number => footprint(plans, some, tokens).bytes;
        const from = turn % microBatches.length;
        const some = [...microBatches.slice(from), ...microBatches.slice(0, from)].slice(0, lanes);
        if (lanes > 0) expect(bytes(some)).toBeLessThanOrEqual(budget);
        const hungriest = [...microBatches].sort((a, b) => b - a);
        if (lanes < microBatches.length) expect(bytes(hungriest.slice(0, lanes + 1))).toBeGreaterThan(budget);
        expect(lanes).toBeLessThanOrEqual(microBatches.length);
      }),
    );
  });

  it('takes no more lanes than the largest buffer holds', () => {
    const largestBuffer = 4 * plans.training.parameters * 7 + 3;
    expect(lanesThatFit(plans, Array<number>(20).fill(1), tokens, { budget: Infinity, largestBuffer, footprint })).toBe(7);
    expect(lanesThatFit(plans, [1, 1], tokens, { budget: Infinity, largestBuffer, footprint })).toBe(2);
    expect(lanesThatFit(plans, [1, 1], tokens, { budget: Infinity, largestBuffer: 3, footprint })).toBe(0);
  });

  it('splits evenly, keeping the order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 1 }), fc.integer({ min: 1, max: 40 }), (items, most) => {
        const single = items.map((item) => [item]);
        const parts = evenParts(single, { families: 1000, members: most });
        expect(evenParts(single, { families: most, members: 1000 })).toEqual(parts);
        expect(parts.flat()).toEqual(items);
        expect(parts).toHaveLength(Math.ceil(items.length / most));
        const lengths = parts.map(({ length }) => length);
        expect(Math.max(...lengths)).toBeLessThanOrEqual(most);
        expect(Math.max(...lengths) - Math.min(...lengths)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('splits no family, and keeps to the limits on families and on their members', () => {
    const anyFamilies = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });
    const anyLimits = fc.record({ families: fc.integer({ min: 1, max: 12 }), members: fc.integer({ min: 1, max: 40 }) });
    fc.assert(
      fc.property(anyFamilies, anyLimits, (sizes, limits) => {
        const families = sizes.map((size, family) => Array<number>(size).fill(family));
        const parts = evenParts(families, limits);
        expect(parts.flat()).toEqual(families.flat());
        const inParts = parts.map((part) => [...new Set(part)]);
        expect(inParts.flat()).toEqual(families.map((_, family) => family));
        parts.forEach((part, index) => {
          expect(inParts[index].length).toBeLessThanOrEqual(limits.families);
          if (inParts[index].length > 1) expect(part.length).toBeLessThanOrEqual(limits.members);
        });
      }),
    );
  });
});
