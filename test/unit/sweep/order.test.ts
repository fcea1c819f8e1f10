// The order of runs and the packing into populations: every run exactly once, the coarse grid first, no worker starved.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { steps } from '../../../src/config/run.ts';
import { expandSweep, parseSweep, type SweepRun } from '../../../src/config/sweep.ts';
import { coarseIndices, landscapeKey, orderRuns } from '../../../src/sweep/order.ts';
import { WaitingRuns } from '../../../src/sweep/pack.ts';
import { populationKey } from '../../../src/training/trainer.ts';
import { trunkKey } from '../../../src/training/trunk.ts';

const shape = (width: number) => ({ layers: 1, width, heads: 1 });

const sweepOf = (widths: number[], rates: number, batches: number, seeds: number, tokens = [6400]): SweepRun[] =>
  expandSweep(
    parseSweep({
      name: 'test',
      base: { context: 8 },
      grids: [
        {
          axes: {
            shape: widths.map(shape),
            tokens,
            learningRate: Array.from({ length: rates }, (_, i) => 2 ** -(i + 1)),
            batchSequences: Array.from({ length: batches }, (_, i) => 2 ** i),
            seed: Array.from({ length: seeds }, (_, i) => i),
          },
        },
      ],
    }),
  );

const anySweep = fc
  .record({
    widths: fc.uniqueArray(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
    rates: fc.integer({ min: 1, max: 7 }),
    batches: fc.integer({ min: 1, max: 5 }),
    seeds: fc.integer({ min: 1, max: 3 }),
    tokens: fc.uniqueArray(fc.integer({ min: 4, max: 40 }), { minLength: 1, maxLength: 2 }),
  })
  .map(({ widths, rates, batches, seeds, tokens }) =>
    sweepOf(
      widths.map((width) => 4 * width),
      rates,
      batches,
      seeds,
      tokens.map((thousands) => 1000 * thousands),
    ),
  );

describe('the order of runs', () => {
  it('has every run exactly once', () => {
    fc.assert(
      fc.property(anySweep, (runs) => {
        const ordered = orderRuns(runs);
        expect(ordered.map((run) => run.id).sort()).toEqual(runs.map((run) => run.id).sort());
      }),
      { numRuns: 60 },
    );
  });

  it('selects about every second value, extremes included, and at least three for a bowl', () => {
    for (let count = 1; count <= 40; count++) {
      const indices = coarseIndices(count);
      expect(indices[0]).toBe(0);
      expect(indices.at(-1)).toBe(count - 1);
      expect(new Set(indices).size).toBe(indices.length);
      expect(indices).toEqual([...indices].sort((a, b) => a - b));
      expect(indices.length).toBeGreaterThanOrEqual(Math.min(3, count));
      expect(indices.length).toBeLessThanOrEqual(Math.max(3, count / 2 + 1));
    }
    expect(coarseIndices(7)).toEqual([0, 2, 4, 6]);
    expect(coarseIndices(5)).toEqual([0, 2, 4]);
  });

  it('gives every landscape enough points for a bowl before any is refined or repeated', () => {
    const runs = sweepOf([16, 4, 8], 7, 5, 2);
    const ordered = orderRuns(runs);
    const coarse = ordered.slice(0, 3 * 12);
    for (const key of new Set(runs.map((run) => landscapeKey(run.config)))) {
      const mine = coarse.filter((run) => landscapeKey(run.config) === key);
      expect(mine).toHaveLength(12);
      expect(new Set(mine.map((run) => run.config.learningRate)).size).toBe(4);
      expect(new Set(mine.map((run) => run.config.batchSequences)).size).toBe(3);
      expect(mine.every((run) => run.config.seed === 0)).toBe(true);
    }
    // Smaller models first, until the last pass.
    expect(coarse.map((run) => run.config.shape.width)).toEqual([
      ...Array<number>(12).fill(4),
      ...Array<number>(12).fill(8),
      ...Array<number>(12).fill(16),
    ]);
    expect(ordered.at(-1)!.config.shape.width).toBe(4);
    expect(ordered.slice(105).every((run) => run.config.seed === 1)).toBe(true);
  });
});

describe('the packing into populations', () => {
  const packed = (runs: readonly SweepRun[], lanes: number, workers: number, cost: (run: SweepRun) => number) => {
    const waiting = new WaitingRuns();
    const order = orderRuns(runs);
    const rank = new Map(order.map((run, index) => [run.id, index]));
    waiting.add(
      runs.map((run) => ({ run, cost: cost(run), attempts: 0 })),
      (id) => rank.get(id)!,
    );
    const populations: SweepRun[][] = [];
    while (waiting.size > 0) populations.push(waiting.take(lanes, workers).map(({ run }) => run));
    return populations;
  };

  it('takes every run exactly once, in populations of one key and no more lanes than allowed', () => {
    fc.assert(
      fc.property(anySweep, fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 8 }), (runs, lanes, workers) => {
        const populations = packed(runs, lanes, workers, (run) => run.config.shape.width);
        expect(
          populations
            .flat()
            .map((run) => run.id)
            .sort(),
        ).toEqual(runs.map((run) => run.id).sort());
        for (const population of populations) {
          expect(population.length).toBeGreaterThan(0);
          expect(population.length).toBeLessThanOrEqual(lanes);
          expect(new Set(population.map((run) => populationKey(run.config))).size).toBe(1);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('keeps runs that begin alike together, where a worker can hold them', () => {
    const anyAxis = fc.record({
      rates: fc.integer({ min: 1, max: 4 }),
      lengths: fc.uniqueArray(fc.integer({ min: 2, max: 200 }), { minLength: 1, maxLength: 6 }),
    });
    fc.assert(
      fc.property(anyAxis, fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 4 }), ({ rates, lengths }, lanes, workers) => {
        const runs = lengths.flatMap((length) =>
          Array.from({ length: rates }, (_, i): SweepRun => {
            const config = parseRun({
              context: 8,
              tokens: 16 * length,
              batchSequences: 2,
              learningRate: 2 ** -(3 + i),
              schedule: 'constant and cooldown',
              warmupTokens: 32,
            });
            return { id: runId(config), config };
          }),
        );
        const populations = packed(runs, lanes, workers, (run) => steps(run.config));
        expect(new Set(populations.flat())).toEqual(new Set(runs));
        expect(populations.flat()).toHaveLength(runs.length);
        for (const population of populations) expect(population.length).toBeLessThanOrEqual(lanes);
        if (lengths.length > lanes) return;
        for (const run of runs) {
          const alike = runs.filter((other) => trunkKey(other.config) === trunkKey(run.config));
          expect(populations.filter((population) => population.some((other) => alike.includes(other)))).toHaveLength(1);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('fills a single worker, but shares one landscape out among several', () => {
    const runs = sweepOf([8], 6, 4, 1);
    expect(packed(runs, 100, 1, () => 1).map((population) => population.length)).toEqual([24]);
    const shared = packed(runs, 100, 4, () => 1).map((population) => population.length);
    expect(shared[0]).toBe(6);
    expect(Math.max(...shared)).toBe(6);
    expect(shared.at(-1)).toBe(1);
  });

  it('divides each size evenly among the workers; only the last by what is left, so that all end together', () => {
    const runs = sweepOf([4, 8, 16], 6, 4, 1);
    const populations = packed(runs, 1000, 2, (run) => run.config.shape.width);
    const sizes = [16, 8, 4].map((width) => populations.filter(([run]) => run.config.shape.width === width).map(({ length }) => length));
    // In the order of the sweep: the coarse half of every size, then the rest of every size but the smallest, which is last.
    expect(sizes).toEqual([
      [12, 12],
      [12, 12],
      [12, 6, 3, 2, 1],
    ]);
    expect(populations.slice(0, 3).map(([run]) => run.config.shape.width)).toEqual([4, 8, 16]);
    // One worker trains each size as one population.
    expect(packed(runs, 1000, 1, () => 1).map(({ length }) => length)).toEqual([24, 24, 24]);
  });

  it('shares by cost, not by count', () => {
    const runs = sweepOf([8], 1, 5, 1);
    const cost = (run: SweepRun) => (run.config.batchSequences === 1 ? 100 : 1);
    const populations = packed(runs, 100, 2, cost);
    expect(populations[0].map((run) => run.config.batchSequences)).toEqual([1]);
    expect(populations).not.toHaveLength(1);
  });

  it('keeps runs whose worker died apart, in smaller populations', () => {
    const runs = sweepOf([8], 4, 4, 1);
    const waiting = new WaitingRuns();
    waiting.add(
      runs.map((run, index) => ({ run, cost: 1, attempts: index < 8 ? 1 : 0 })),
      (id) => runs.findIndex((run) => run.id === id),
    );
    expect(waiting.take(16, 1).map(({ attempts }) => attempts)).toEqual([1, 1, 1, 1]);
    expect(waiting.remove(runs[4].id)).toBe(true);
    expect(waiting.remove(runs[4].id)).toBe(false);
    expect(waiting.take(16, 1)).toHaveLength(3);
    expect(waiting.take(16, 1)).toHaveLength(8);
    expect(waiting.size).toBe(0);
  });
});
