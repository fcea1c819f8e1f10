// Noise scales of planted runs against a planted critical batch.
import { describe, expect, it } from 'vitest';
import type { Estimate } from '../../../src/laws/fit.ts';
import { noiseByLoss, noiseRatio, type NoiseMeasurement } from '../../../src/laws/noise-against-loss.ts';
import { createRandom } from '../../../src/laws/random.ts';

const critical = (loss: number): Estimate => {
  const value = 3e4 * loss ** -4;
  return { value, low: value / 1.1, high: value * 1.1 };
};

/** Runs that each measure at some texts, with errors of |G|² that runs, texts and measurements have of their own. */
function planted(ratio: number, seed: number, { runs = 9, texts = 6, spread = 0.3 } = {}): NoiseMeasurement[] {
  const random = createRandom(seed);
  const ofText = Array.from({ length: texts }, () => spread * random.normal());
  return Array.from({ length: runs }, (_, run) => {
    const ofRun = spread * random.normal();
    return ofText.map((text, t): NoiseMeasurement => {
      const loss = 3 - 0.2 * t + 0.02 * run;
      const squaredNorm = 0.01 * (1 + text + ofRun + spread * random.normal());
      return { run: `run ${run}`, text: `text ${t}`, loss, squaredNorm, variance: ratio * critical(loss).value * 0.01 };
    });
  }).flat();
}

describe('the ratio of noise scale to critical batch', () => {
  it('comes back, and its interval holds it about as often as it says', () => {
    let held = 0;
    for (let seed = 0; seed < 200; seed++) {
      const { ratio } = noiseRatio(planted(0.5, seed), critical)!;
      if (ratio.low <= 0.5 && ratio.high >= 0.5) held++;
    }
    expect(held).toBeGreaterThanOrEqual(182);
    const calm = noiseRatio(planted(0.5, 1, { spread: 0.01 }), critical)!;
    expect(calm.ratio.value).toBeCloseTo(0.5, 1);
    expect(calm.ratio.high / calm.ratio.low).toBeLessThan(1.4);
    expect(calm).toMatchObject({ measurements: 54, runs: 9 });
  });

  it('is unbiased where single measurements of |G|² are below zero, and has no upper end where all is noise', () => {
    const values = Array.from({ length: 100 }, (_, seed) => 1 / noiseRatio(planted(2, seed, { spread: 0.8 }), critical)!.ratio.value);
    expect(planted(2, 3, { spread: 0.8 }).some(({ squaredNorm }) => squaredNorm < 0)).toBe(true);
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeGreaterThan(0.4);
    expect(values.reduce((a, b) => a + b, 0) / values.length).toBeLessThan(0.6);
    const lost = noiseRatio(planted(2, 5, { spread: 30 }), critical)!;
    expect(lost.ratio.high).toBe(Infinity);
  });

  it('passes over losses of which no critical batch is known, and has no interval for one run', () => {
    const points = planted(1, 2);
    const found = noiseRatio(points, (loss) => (loss > 2.5 ? critical(loss) : undefined))!;
    expect(found.measurements).toBe(points.filter(({ loss }) => loss > 2.5).length);
    expect(noiseRatio(points, () => undefined)).toBeUndefined();
    expect(noiseRatio([], critical)).toBeUndefined();
    const one = noiseRatio(planted(1, 2, { runs: 1 }), critical)!;
    expect(one.ratio.value).toBeGreaterThan(0);
    expect(one.ratio.low).toBeNaN();
  });
});

describe('means at equal loss', () => {
  it('divide last, in stretches of the loss', () => {
    const at = (loss: number, squaredNorm: number, variance: number): NoiseMeasurement => ({
      run: String(squaredNorm),
      text: 'a',
      loss,
      squaredNorm,
      variance,
    });
    const groups = noiseByLoss([at(2, 1, 30), at(4, 3, 10), at(4, -1, 20), at(3.99, 1, NaN), at(2, -5, 1)], 4);
    expect(groups.map(({ loss }) => loss)).toEqual([expect.closeTo(4, 10), expect.closeTo(2, 10)]);
    expect(groups[0]).toMatchObject({ measurements: 2, runs: ['3', '-1'] });
    expect(groups[0].scale).toBeCloseTo(15, 10);
    expect(groups[1].scale).toBeUndefined();
    expect(noiseByLoss([])).toEqual([]);
    expect(noiseByLoss([at(2, 1, 5)])).toHaveLength(1);
  });
});
