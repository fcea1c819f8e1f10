// What is read out of a GPU's timings: planted costs come back, noise gives nothing negative, and what follows for lanes.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../../src/model/parameters.ts';
import { costFrom, gpuMicroBatches, lanesThatFill, type Timing } from '../../../src/training/engine/gpu-cost.ts';
import { microBatchGroups, type MicroStepCost } from '../../../src/training/engine/micro-batches.ts';

const timing = ({ step, lane, row }: MicroStepCost, lanes: number, rows: number): Timing => ({
  lanes,
  rows,
  seconds: step + lanes * (lane + rows * row),
});
const positive = fc.double({ min: 1e-9, max: 1e-2, noNaN: true });

describe('three timings', () => {
  it('tell what is shared, what each lane costs and what each row', () => {
    fc.assert(
      fc.property(positive, positive, positive, fc.integer({ min: 2, max: 64 }), (step, lane, row, lanes) => {
        const planted = { step, lane, row };
        const found = costFrom(timing(planted, 1, 64), timing(planted, lanes, 64), timing(planted, lanes, 512));
        const scale = step + lanes * (lane + 512 * row);
        for (const part of ['step', 'lane', 'row'] as const) expect(Math.abs(found[part] - planted[part])).toBeLessThan(1e-9 * scale);
      }),
    );
  });

  it('give no negative cost, whatever the noise', () => {
    fc.assert(
      fc.property(positive, positive, positive, (a, b, c) => {
        const found = costFrom({ lanes: 1, rows: 64, seconds: a }, { lanes: 8, rows: 64, seconds: b }, { lanes: 8, rows: 512, seconds: c });
        for (const part of Object.values(found)) expect(part).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

const model: ModelConfig = {
  shape: { layers: 2, width: 16, heads: 2, mlpRatio: 4 },
  context: 32,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 64,
};

it('where launches cost most, lanes are many and batches share a micro-batch; where arithmetic does, neither', () => {
  const batches = [2, 4, 8, 16, 32];
  const fast = gpuMicroBatches(model, { perLaunch: 5e-6, perParameter: 1e-12, perFlop: 1e-13 });
  expect(lanesThatFill(fast.cost, 64)).toBeGreaterThan(100);
  expect(microBatchGroups(batches, model.context, fast)).toHaveLength(1);
  const slow = gpuMicroBatches(model, { perLaunch: 1e-5, perParameter: 1e-9, perFlop: 5e-10 });
  expect(lanesThatFill(slow.cost, 64)).toBeLessThan(4);
  // The optimizer's traffic is what large micro-batches save.
  const narrow = gpuMicroBatches(model, { perLaunch: 1e-5, perParameter: 2e-7, perFlop: 5e-10 });
  expect(microBatchGroups(batches, model.context, narrow).length).toBeGreaterThan(1);
  // Nothing measurable but launches: as many lanes as there is room for.
  expect(lanesThatFill({ step: 1e-3, lane: 0, row: 0 }, 64)).toBe(Infinity);
});
