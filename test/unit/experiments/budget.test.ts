// Budgets on a trainer that follows a known law: three approaches find its exponent, and no verdict is given without them.
import { describe, expect, it } from 'vitest';
import { parseSweep, expandSweep } from '../../../src/config/sweep.ts';
import { parseRun } from '../../../src/config/parse.ts';
import { bestSize } from '../../../src/experiments/budget-analysis.ts';
import { budget, budgetDesigns } from '../../../src/experiments/budget.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { computeOptimal } from '../../../src/laws/chinchilla-allocation.ts';
import type { RunRecord } from '../../../src/sweep/record.ts';
import { hasTrunkForAnyTokens } from '../../../src/training/trunk.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const best = (N: number): number => 2 ** -7 * (N / 6592) ** -0.4;

/** E + A/N^α + B/D^β with N the parameters that work (FLOPs per token / 6), so that C = 6·N·D exactly. */
const planted =
  (alpha: number, beta: number, at = { N: 8000, D: 4e5 }): FakeLaw =>
  ({ N, D, lr, config }) =>
    (1.2 + 0.5 * (working(config) / at.N) ** -alpha + 0.5 * (alpha / beta) * (D / at.D) ** -beta) * detuned(lr, best(N), 0.02);

const counts = new Map<string, number>();
function working(config: RunRecord['config']): number {
  const key = JSON.stringify(config.shape);
  const known = counts.get(key);
  if (known !== undefined) return known;
  const [record] = fakeTraining({ name: 'one', grids: [{ set: { ...config, tokens: 1024 } }] }, () => 1, { run: 0 });
  counts.set(key, record.N.flops);
  return record.N.flops;
}

const sweep = parseSweep(budget.sizes.minutes);
const options = { count: 'flops' as const, resamples: 100 };
const analysed = (law: FakeLaw, noise: number, seed = 1) => budget.analyse(fakeTraining(sweep, law, { run: noise, seed }), options);

describe('how to spend a budget', () => {
  it.each([
    ['equal exponents', 0.4, 0.4, 0.5],
    ['size favoured', 0.3, 0.5, 0.625],
  ])('finds a planted allocation: %s', (_, alpha, beta, a) => {
    const analysis = analysed(planted(alpha, beta), 0.001);
    expect(analysis.approaches.map(({ status, message }) => (status === 'converged' ? status : message.en))).toEqual(
      Array(3).fill('converged'),
    );
    for (const approach of analysis.approaches) {
      expect(Math.abs(approach.a!.value - a), approach.id).toBeLessThan(0.1);
      expect(approach.a!.low).toBeLessThan(approach.a!.value);
      expect(Math.abs(approach.a!.value + approach.b!.value - 1), approach.id).toBeLessThan(0.05);
      expect(approach.size!.value * approach.tokens!.value * 6).toBeGreaterThan(0.7 * analysis.atC);
      expect(approach.size!.value * approach.tokens!.value * 6).toBeLessThan(1.4 * analysis.atC);
    }
    const verdict = budget.verdict(analysis);
    expect(verdict.status).toBe('shown');
    for (const { a: found } of analysis.approaches) expect(verdict.sentence.en).toContain(found!.value.toFixed(2));
    expect(verdict.sentence.en).toContain('tokens per parameter');
    expect(verdict.sentence.en.includes('none excludes a = 0.5')).toBe(
      analysis.approaches.every(({ a: x }) => x!.low <= 0.5 && x!.high >= 0.5),
    );
  });

  it('finds the best size of a surface as the closed form has it', () => {
    const constants = { E: 1.2, A: 40, B: 300, alpha: 0.4, beta: 0.45 };
    for (const C of [1e9, 1e11]) expect(bestSize(constants, C, (N) => 6 * N, [10, 1e7]) / computeOptimal(constants, C).N).toBeCloseTo(1, 4);
  });

  it('claims nothing where the largest model is always best, or where noise is all there is', () => {
    const steep: FakeLaw = ({ N, lr }) => 3 * N ** -0.1 * detuned(lr, best(N), 0.02);
    const verdict = budget.verdict(analysed(steep, 0.001));
    expect(verdict.status).toBe('not enough points');
    expect(verdict.sentence.zh.length).toBeGreaterThan(10);
    const flat: FakeLaw = ({ N, lr }) => 2 * detuned(lr, best(N), 0.02);
    expect(budget.verdict(analysed(flat, 0.01)).status).not.toBe('shown');
  });

  it('is contradicted by approaches that exclude each other', () => {
    const analysis = analysed(planted(0.4, 0.4), 0.001);
    const [first, ...others] = analysis.approaches;
    const shifted = { ...first, a: { value: 0.9, low: 0.85, high: 0.95 } };
    const verdict = budget.verdict({ ...analysis, approaches: [shifted, ...others] });
    expect(verdict.status).toBe('contradicted');
    expect(verdict.sentence.en).toContain('approaches 1 and');
  });

  it('has not enough points in no runs and in one size, and still draws', () => {
    const records = fakeTraining(sweep, planted(0.4, 0.4), { run: 0.001 });
    const width = records[0].config.shape.width;
    for (const some of [[], records.slice(0, 1), records.filter(({ config }) => config.shape.width === width)]) {
      const analysis = budget.analyse(some, options);
      expect(budget.verdict(analysis).status).toBe('not enough points');
      expect(budget.figures(analysis)).toHaveLength(5);
    }
  });

  it('tunes further where the best rate is the last one tried', () => {
    const high: FakeLaw = (run, step) => planted(0.4, 0.4)({ ...run, lr: run.lr / 8 }, step);
    const analysis = budget.analyse(fakeTraining(sweep, high, { run: 0 }), options);
    const next = budget.next!(analysis, sweep)!;
    expect(next.grids.length).toBeGreaterThan(10);
  });

  it('has four sizes on budgets whose shorter runs are beginnings of the longer ones', () => {
    const analysis = analysed(planted(0.4, 0.4), 0.001);
    expect(structuredClone(analysis)).toEqual(analysis);
    for (const size of experimentSizes) {
      const runs = expandSweep(budget.sizes[size]);
      for (const { config } of runs) {
        expect(parseRun(config)).toEqual(config);
        expect(hasTrunkForAnyTokens(config)).toBe(true);
        expect(config.tokens % (config.batchSequences * config.context)).toBe(0);
      }
      const { budgets, vocabulary } = budgetDesigns[size];
      expect(vocabulary).toBeGreaterThan(0);
      const cells = new Set(runs.map(({ config }) => `${config.shape.width} ${config.tokens}`));
      expect(cells.size).toBeGreaterThanOrEqual(5 * budgets.length - 3);
    }
  });
});
