// Counting and training on a trainer that follows a known law of all working parameters: the counts alone move the exponent,
// a long warm-up moves it further, and where nothing differs nothing is claimed.
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { expandSweep } from '../../../src/config/sweep.ts';
import { analyseAccounting, exponentOf } from '../../../src/experiments/accounting-analysis.ts';
import { accounting } from '../../../src/experiments/accounting.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import type { RunRecord } from '../../../src/sweep/record.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const best = (N: number): number => 2 ** -7 * (N / 6592) ** -0.4;

const sizes = new Map<string, number>();
function working(config: RunRecord['config']): number {
  const key = JSON.stringify(config.shape);
  const known = sizes.get(key);
  if (known !== undefined) return known;
  const [record] = fakeTraining({ name: 'one', grids: [{ set: { ...config, tokens: 1024 } }] }, () => 1, { run: 0 });
  sizes.set(key, record.N.flops);
  return record.N.flops;
}

/** a = 0.5 in working parameters; a warm-up costs a share of its tokens, a rate off the best one costs loss. */
const planted =
  ({ warmup = 0, detuning = 0.02 } = {}): FakeLaw =>
  ({ N, D, lr, config }) => {
    const tokens = D - warmup * Math.min(D, config.warmupTokens);
    return (1.2 + 0.5 * (working(config) / 8000) ** -0.4 + 0.5 * (tokens / 4e5) ** -0.4) * detuned(lr, best(N), detuning);
  };

const sweep = accounting.sizes.minutes;
const options = { resamples: 100 };
const analysed = (law: FakeLaw, noise = 0.001) => accounting.analyse(fakeTraining(sweep, law, { run: noise }), options);

describe('why Kaplan and Chinchilla differ', () => {
  it('finds the planted exponent by exact counts, a larger one without embeddings and head, and the long warm-up', () => {
    const analysis = analysed(planted({ warmup: 0.4, detuning: 0.004 }));
    expect(analysis.longWarmup).toBe(131_072);
    expect(analysis.fixedRate).toBe(2 ** -7);
    const exact = exponentOf(analysis.arms, { warmup: 'short', rate: 'tuned' }, 'flops').a!;
    const kaplan = exponentOf(analysis.arms, { warmup: 'short', rate: 'tuned' }, 'kaplan').a!;
    expect(Math.abs(exact.value - 0.5)).toBeLessThan(0.07);
    expect(kaplan.value).toBeGreaterThan(exact.value + 0.02);
    // The step between two counts of the same runs is known better than either.
    expect(analysis.counting!.high).toBeLessThan(0);
    expect(analysis.counting!.value).toBeCloseTo(exact.value - kaplan.value, 6);
    const verdict = accounting.verdict(analysis);
    expect(verdict.sentence.en).not.toContain('There is no exponent');
    expect(verdict.sentence.en).toContain(`C^${exact.value.toFixed(2)}`);
    expect(verdict.sentence.en).toContain('counting alone');
    expect(verdict.sentence.zh).toContain('计数');
  });

  it('claims nothing of training where training does not differ', () => {
    const { arms } = analysed(planted(), 0);
    const long = exponentOf(arms, { warmup: 'long', rate: 'tuned' }, 'flops').a!;
    const short = exponentOf(arms, { warmup: 'short', rate: 'tuned' }, 'flops').a!;
    expect(long.value).toBeCloseTo(short.value, 6);
  });

  it('decides by the interval of the difference', () => {
    const analysis = analysed(planted({ warmup: 0.4, detuning: 0.004 }));
    const withEnds = (first: number, last: number) => ({
      ...analysis,
      arms: analysis.arms.map((arm) => ({
        ...arm,
        ladder: {
          ...arm.ladder,
          rungs: arm.ladder.rungs.map((rung) => {
            const value = arm.training.warmup === 'long' ? first : last;
            return { ...rung, parameters: { ...rung.parameters, a: { value, low: value - 0.05, high: value + 0.05 } } };
          }),
        },
      })),
    });
    expect(accounting.verdict(withEnds(0.8, 0.5)).status).toBe('shown');
    expect(accounting.verdict(withEnds(0.5, 0.8)).status).toBe('contradicted');
    expect(accounting.verdict(withEnds(0.55, 0.5)).status).toBe('not shown here');
  });

  it('has not enough points in no runs, and in runs of one warm-up', () => {
    const records = fakeTraining(sweep, planted(), { run: 0.001 });
    for (const some of [[], records.slice(0, 1), records.filter(({ config }) => config.warmupTokens !== 131_072)]) {
      const analysis = analyseAccounting(some, options);
      const verdict = accounting.verdict(analysis);
      expect(verdict.status).toBe('not enough points');
      expect(accounting.figures(analysis)).toHaveLength(3);
    }
  });

  it('is plain data, and has four sizes with both warm-ups', () => {
    const analysis = analysed(planted());
    expect(structuredClone(analysis)).toEqual(analysis);
    for (const size of experimentSizes) {
      const runs = expandSweep(accounting.sizes[size]);
      for (const { config } of runs) expect(parseRun(config)).toEqual(config);
      expect(new Set(runs.map(({ config }) => config.warmupTokens)).size).toBeGreaterThan(3);
    }
  });
});
