// The laws of loss on planted runs: exponents come back, a flat loss is no law, a bend is seen, a floor is found.
import { describe, expect, it } from 'vitest';
import { parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { createSynthetic, DEFAULT_SYNTHETIC } from '../../../src/data/synthetic.ts';
import { experimentSizes } from '../../../src/experiments/experiment.ts';
import { lossLaws } from '../../../src/experiments/loss-laws.ts';
import { fall } from '../../../src/experiments/axis-law.ts';
import { detuned, fakeTraining, type FakeLaw } from './fake-trainer.ts';

const options = { resamples: 200 };

const sweep = (more: { corpora?: string[]; rates?: number[] } = {}): SweepConfig =>
  parseSweep({
    name: 'planted',
    base: { context: 16, batchSequences: 8 },
    grids: [
      {
        axes: {
          corpus: more.corpora ?? ['sotu'],
          shape: [8, 12, 16, 24, 32].map((width) => ({ layers: 2, width, heads: 1 })),
          tokens: [2, 4, 8, 16, 32].map((factor) => 65_536 * factor),
          learningRate: more.rates ?? [-8, -7, -6, -5].map((power) => 2 ** power),
        },
      },
    ],
  });

/** Kaplan's L(N, D) with constants of this scale, at a best learning rate between those tried. */
const kaplan: FakeLaw = ({ N, D, lr }) => ((6e5 / N) ** (0.09 / 0.12) + 3e7 / D) ** 0.12 * 1.4 * detuned(lr, 2 ** -6.4);

const verdictOf = (law: FakeLaw, from = sweep(), noise = 0.001) => {
  const analysis = lossLaws.analyse(fakeTraining(from, law, { run: noise }), options);
  return { analysis, verdict: lossLaws.verdict(analysis) };
};

describe('the laws of loss', () => {
  it('finds planted power laws and says so, with the exponents', () => {
    // A sum of logarithms: a pure power law along each axis, whatever the other one.
    const { analysis, verdict } = verdictOf(({ N, D, lr }) => 20 * N ** -0.07 * D ** -0.1 * detuned(lr, 2 ** -6.4));
    const [{ axes }] = analysis.texts;
    for (const [axis, truth] of [
      ['N', 0.07],
      ['D', 0.1],
    ] as const) {
      const found = fall(axes[axis].pure)!;
      expect(found.low).toBeLessThan(truth);
      expect(found.high).toBeGreaterThan(truth);
      expect(found.high - found.low).toBeLessThan(0.02);
      expect(axes[axis].bend!.low).toBeLessThan(0);
      expect(axes[axis].bend!.high).toBeGreaterThan(0);
    }
    expect(verdict.status).toBe('shown');
    expect(verdict.sentence.en).toContain(`α_N = ${String(Number(fall(axes.N.pure)!.value.toPrecision(3)))}`);
    expect(verdict.sentence.zh).toContain('幂律');
    const figures = lossLaws.figures(analysis);
    expect(figures.map(({ id }) => id)).toContain('loss-against-C');
    expect(lossLaws.next!(analysis, sweep())).toBeUndefined();
  });

  it("takes the other axis' limit away by Kaplan's joint law", () => {
    const { analysis } = verdictOf(kaplan);
    const { laws } = analysis.texts[0].kaplan;
    expect(laws.LND.status).toBe('converged');
    const { alphaD } = laws.LND.parameters;
    expect(alphaD!.low).toBeLessThan(0.125);
    expect(alphaD!.high).toBeGreaterThan(0.115);
  });

  it('does not call a loss that ignores size a law', () => {
    const { verdict } = verdictOf(({ D, lr }) => 8 * D ** -0.1 * detuned(lr, 2 ** -6.4), sweep(), 0.01);
    expect(verdict.status).toBe('not shown here');
    expect(verdict.sentence.en).toContain('does not exclude zero: L(N)');
  });

  it('is contradicted by a loss that rises with size', () => {
    const { verdict } = verdictOf(({ N, D, lr }) => N ** 0.05 * 8 * D ** -0.1 * detuned(lr, 2 ** -6.4));
    expect(verdict.status).toBe('contradicted');
    expect(verdict.sentence.en).toContain('L(N)');
  });

  it('is contradicted by lines that bend', () => {
    const bent: FakeLaw = ({ N, D, lr }) => (1.5 + 3000 / N + 3e5 / D) * detuned(lr, 2 ** -6.4);
    const { analysis, verdict } = verdictOf(bent, sweep(), 0.0003);
    expect(analysis.texts[0].axes.N.bend!.low).toBeGreaterThan(0);
    expect(verdict.status).toBe('contradicted');
  });

  it('says what limits a line that flattens, where the others do not', () => {
    const one: FakeLaw = ({ N, D, lr, config }) =>
      (config.corpus === 'sotu' ? 30 * N ** -0.6 + 0.7 : 2 * N ** -0.08) * 9 * D ** -0.1 * detuned(lr, 2 ** -6.4);
    const { verdict } = verdictOf(one, sweep({ corpora: ['sotu', 'moby-dick'] }), 0.0002);
    expect(verdict.status).toBe('not shown here');
    expect(verdict.sentence.en).toContain('but not all straight: L(N) of sotu');
    expect(verdict.sentence.en).toContain('run more tokens');
  });

  it('holds the fitted floor of a synthetic language against its true entropy', () => {
    const { entropyRate } = createSynthetic(DEFAULT_SYNTHETIC);
    const law =
      (floor: number): FakeLaw =>
      ({ N, D, lr }) =>
        floor + (12 * N ** -0.4 + 300 * D ** -0.5) * detuned(lr, 2 ** -6.4);
    const from = sweep({ corpora: ['synthetic'] });
    const right = verdictOf(law(entropyRate), from, 0.0002);
    const text = right.analysis.texts[0];
    expect(text.entropy).toBeCloseTo(entropyRate, 9);
    expect(text.floor.status).toBe('converged');
    expect(right.verdict.sentence.en).toContain('holds the true entropy');
    const wrong = verdictOf(law(entropyRate + 0.15), from, 0.0002);
    expect(wrong.verdict.sentence.en).toContain('misses the true entropy');
    expect(wrong.verdict.status).not.toBe('shown');
    // A floor without an interval neither holds nor misses.
    const bare = lossLaws.analyse(fakeTraining(from, law(entropyRate), { run: 0.0002 }), { resamples: 0 });
    expect(lossLaws.verdict(bare).sentence.en).toContain('too uncertain for an interval');
  });

  it('leaves out best rates at the end of those tried, asks for more, and has too few points without them', () => {
    const from = sweep({ rates: [2 ** -9, 2 ** -8] });
    const { analysis, verdict } = verdictOf(kaplan, from);
    expect(verdict.status).toBe('not enough points');
    expect(verdict.sentence.en).toContain('25 sizes and lengths');
    const stage = lossLaws.next!(analysis, from)!;
    expect(stage.grids).toHaveLength(25);
    expect(stage.grids[0].axes!.learningRate).toEqual([2 ** -7, 2 ** -6]);
    // With the runs it asked for, there is a verdict.
    const more = { ...from, grids: [...from.grids, ...stage.grids, { axes: { ...from.grids[0].axes, learningRate: [2 ** -5] } }] };
    expect(verdictOf(kaplan, more).verdict.status).not.toBe('not enough points');
    expect(lossLaws.verdict(lossLaws.analyse([], options)).status).toBe('not enough points');
  });

  it('keeps texts apart and has valid sweeps at every size', () => {
    const { analysis } = verdictOf(kaplan, sweep({ corpora: ['sotu', 'moby-dick'] }));
    expect(analysis.texts.map(({ id }) => id)).toEqual(['sotu', 'moby-dick']);
    for (const size of experimentSizes) expect(() => parseSweep(lossLaws.sizes[size])).not.toThrow();
  });
});
