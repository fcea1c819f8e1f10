// What earlier runs teach: planted noise and planted laws are found, and too few runs leave the prior as it is.
import { describe, expect, it } from 'vitest';
import { parseSweep } from '../../../../src/config/sweep.ts';
import { expectedLog2, PRIOR } from '../../../../src/experiments/sweep-design/knowledge.ts';
import { learnKnowledge } from '../../../../src/experiments/sweep-design/learned.ts';
import { chinchillaLoss } from '../../../../src/laws/chinchilla-allocation.ts';
import { detuned, fakeTraining } from '../fake-trainer.ts';

const base = { corpus: 'sotu', context: 16 } as const;
const loss = { E: 1.2, A: 8, B: 60, alpha: 0.4, beta: 0.4 };
const rate = { log2: -8, N: -0.5, D: 0, deviation: 0 };

const sweep = parseSweep({
  name: 'earlier',
  base: { ...base, batchSequences: 4, schedule: 'constant and cooldown', warmupTokens: 1024 },
  grids: [
    {
      axes: {
        shape: [8, 16, 32, 64].map((width) => ({ layers: 2, width, heads: 2 })),
        tokens: [65_536, 131_072, 262_144, 524_288],
        learningRate: Array.from({ length: 10 }, (_, i) => 2 ** (-13 + i)),
        seed: [0, 1],
      },
    },
  ],
});
const runs = fakeTraining(sweep, ({ N, D, lr }) => chinchillaLoss(loss, N, D) * detuned(lr, 2 ** expectedLog2(rate, N, D), 0.02), {
  run: 0.002,
});

describe('earlier runs', () => {
  const learned = learnKnowledge(runs, base);

  it('teach the noise of a seed, the best learning rate and the law of loss', () => {
    expect(learned.seedNoise).toBeGreaterThan(0.0014);
    expect(learned.seedNoise).toBeLessThan(0.0028);
    expect(learned.constantRate.N).toBeCloseTo(-0.5, 0);
    expect(Math.abs(learned.constantRate.log2 + 8)).toBeLessThan(0.6);
    expect(Math.abs(learned.loss.alpha - loss.alpha)).toBeLessThan(0.15);
    expect(Math.abs(learned.loss.beta - loss.beta)).toBeLessThan(0.15);
    expect(learned.lawScatter).toBeLessThan(0.004);
    expect(learned.sources.length).toBe(PRIOR.sources.length + 3);
  });

  it('teach nothing of another schedule, text or context', () => {
    expect(learned.cosineRate).toBe(PRIOR.cosineRate);
    expect(learnKnowledge(runs, { ...base, corpus: 'three' })).toEqual(PRIOR);
    expect(learnKnowledge(runs, { ...base, context: 8 })).toEqual(PRIOR);
  });

  it('teach nothing when they are few', () => {
    expect(learnKnowledge([], base)).toEqual(PRIOR);
    expect(learnKnowledge(runs.slice(0, 8), base)).toEqual(PRIOR);
  });
});
