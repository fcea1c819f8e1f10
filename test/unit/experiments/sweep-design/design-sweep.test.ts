// Properties of every design, whatever the device, the time and the law.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { batchTokens, tokensRead } from '../../../../src/config/run.ts';
import { expandSweep, parseSweep } from '../../../../src/config/sweep.ts';
import { designSweep, type SweepDesign } from '../../../../src/experiments/sweep-design/design-sweep.ts';
import { designGoals } from '../../../../src/experiments/sweep-design/goals.ts';
import { expectedLog2, PRIOR } from '../../../../src/experiments/sweep-design/knowledge.ts';
import { lossDesignProblem } from '../../../../src/laws/chinchilla.ts';
import { notTied } from '../../../../src/laws/design.ts';
import { sweepSeconds } from '../../../../src/sweep/device-time.ts';
import { InputError } from '../../../../src/messages/sentence.ts';
import { countParameters } from '../../../../src/model/counts.ts';
import { modelConfig } from '../../../../src/model/parameters.ts';
import { plainDevice, requestOf } from './design-setup.ts';

const devices = fc.record({
  flopsPerSecond: fc.double({ min: 8, max: 12, noNaN: true }).map((power) => 10 ** power),
  overhead: fc.double({ min: -6, max: -3, noNaN: true }).map((power) => 10 ** power),
  workers: fc.integer({ min: 1, max: 8 }),
  shares: fc.boolean(),
});
const times = fc.double({ min: 0.5, max: 4, noNaN: true }).map((power) => 10 ** power);

describe.each(designGoals)('a design for %s', (goal) => {
  it('fits its time, is a valid sweep, and varies its axes apart from each other', () => {
    fc.assert(
      fc.property(devices, times, ({ flopsPerSecond, overhead, workers, shares }, seconds) => {
        const device = plainDevice(flopsPerSecond, overhead, workers, shares);
        const design = designSweep(requestOf({ goal, seconds, device }));
        if (design.status !== 'designed') {
          expect(design.message.en).not.toBe('');
          expect(design.message.zh).not.toBe('');
          return;
        }
        checkDesign(design);
        const runs = expandSweep(design.sweep);
        expect(design.runs).toBe(runs.length);
        expect(design.seconds).toBeCloseTo(sweepSeconds(device, runs), 6);
        expect(design.seconds).toBeLessThanOrEqual(seconds * (1 + 1e-9));
      }),
      { numRuns: 2, seed: 1 },
    );
  });

  it('is never expected to err more with more time', () => {
    fc.assert(
      fc.property(devices, ({ flopsPerSecond, overhead, workers, shares }) => {
        const device = plainDevice(flopsPerSecond, overhead, workers, shares);
        let before = Infinity;
        for (const seconds of [60, 60_000]) {
          const design = designSweep(requestOf({ goal, seconds, device }));
          const score = design.status === 'designed' ? design.score : Infinity;
          expect(score).toBeLessThanOrEqual(before);
          before = score;
        }
        expect(before).toBeLessThan(Infinity);
      }),
      { numRuns: 1, seed: 2 },
    );
  });

  it('says what it cannot do in no time, and how long it would take', () => {
    const refused = designSweep(requestOf({ goal, seconds: 0.01 }));
    expect(refused.status).toBe('not enough time');
    if (refused.status === 'designed') return;
    expect(refused.needed).toBeGreaterThan(0.01);
    // With the time that it names, something is identified.
    const again = designSweep(requestOf({ goal, seconds: refused.needed! * (1 + 1e-9) }));
    expect(again.status).toBe('designed');
    if (again.status === 'designed') {
      expect(again.estimates.some(({ identified }) => identified)).toBe(true);
      expect(again.cannot).toHaveLength(again.estimates.filter(({ identified }) => !identified).length);
    }
  });
});

/** What holds of every design. */
function checkDesign(design: SweepDesign): void {
  expect(parseSweep(JSON.parse(JSON.stringify(design.sweep)))).toEqual(design.sweep);
  expect(design.rows.reduce((sum, { runs }) => sum + runs, 0)).toBe(design.runs);
  const points: { N: number; D: number }[] = [];
  for (const { config } of expandSweep(design.sweep)) {
    const N = countParameters(modelConfig(config, 60)).nonEmbedding;
    expect(config.shape.width % 4).toBe(0);
    expect(config.tokens % batchTokens(config)).toBe(0);
    expect(tokensRead(config)).toBe(config.tokens);
    expect(config.tokens).toBeLessThanOrEqual(1e7);
    points.push({ N, D: config.tokens });
  }
  const N = points.map((point) => point.N);
  const D = points.map((point) => point.D);
  if (design.goal === 'loss') expect(lossDesignProblem(N, D)).toBeUndefined();
  if (design.goal === 'step-law') expect(notTied(N, D, 'N', 'D')).toBeUndefined();
  if (design.goal === 'bowl') expect(new Set(D).size).toBe(1);
  if (design.goal === 'bowl' || design.goal === 'step-law') checkLandscapes(design);
}

/** Where the best settings are expected, the grid goes on for at least a step on every side. */
function checkLandscapes(design: SweepDesign): void {
  for (const { N, tokens, learningRates, batches } of design.rows) {
    const inside = (values: readonly number[], log2: number): void => {
      const logs = values.map(Math.log2);
      const step = logs[1] - logs[0];
      expect(log2 - logs[0]).toBeGreaterThanOrEqual(step - 1e-9);
      expect(logs[logs.length - 1] - log2).toBeGreaterThanOrEqual(step - 1e-9);
    };
    inside(learningRates, expectedLog2(PRIOR.cosineRate, N, tokens[0]));
    inside(batches, expectedLog2(PRIOR.batch, N, tokens[0]));
    for (const batch of batches) expect(tokens[0] % batch).toBe(0);
  }
}

describe('bad requests', () => {
  it('are refused in one sentence', () => {
    expect(() => designSweep(requestOf({ goal: 'loss', seconds: -1 }))).toThrow(InputError);
    expect(() => designSweep(requestOf({ goal: 'loss', seconds: NaN }))).toThrow(InputError);
    expect(() => designSweep(requestOf({ goal: 'loss', base: { context: 0 } }))).toThrow(InputError);
  });

  it('get no design on a text that is too short', () => {
    const refused = designSweep(requestOf({ goal: 'loss', trainingTokens: 3000 }));
    expect(refused).toMatchObject({ status: 'not enough time', needed: undefined });
  });
});
