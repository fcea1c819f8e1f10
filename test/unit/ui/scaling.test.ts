// What the charts of optima draw, from planted landscapes: points where the optima are, laws through them, and reasons.
import { describe, expect, it } from 'vitest';
import { bowl } from '../../../src/experiments/bowl.ts';
import { optimaOfAnalysis, scalingChart, varies, type Reference } from '../../../src/ui/scaling.ts';
import { plantedRecords, plantedSweep } from '../experiments/planted-records.ts';

const planted = ({ N, D }: { N: number; D: number }) => ({
  lr: 2 ** -6 * (N / 6600) ** -0.4 * (D / 409_600) ** 0.25,
  B: 110 * (D / 409_600) ** 0.5,
  loss: 1.5 + 3 * N ** -0.15,
  hessian: [0.03, -0.012, 0.02] as [number, number, number],
});
const words = {
  say: ({ en }: { en: string }) => en,
  at: (axis: string, value: number) => `${axis}=${Math.round(value)}`,
  value: (_: string, value: number) => value.toPrecision(3),
};
const sourceOf = (analysis: ReturnType<typeof bowl.analyse>, method: 'vertex' | 'plateau' = 'vertex') =>
  optimaOfAnalysis(analysis, method, 'live', 'this sweep', words.say);
const referencesOf = (analysis: ReturnType<typeof bowl.analyse>): Reference[] =>
  analysis.references.map(({ id, label, points }) => ({ id, name: label.en, label: label.en, points }));

describe('a chart of optima', () => {
  const analysis = bowl.analyse(plantedRecords(plantedSweep(), planted, 0.001), { resamples: 200 });

  it('puts a point with its interval at each optimum, and the law with its band through them', () => {
    const source = sourceOf(analysis);
    expect(varies([source], 'N')).toBe(true);
    expect(varies([source], 'D')).toBe(false);
    const chart = scalingChart([source], referencesOf(analysis), 'lr', 'N', words);
    expect(chart.series).toHaveLength(1);
    expect(chart.series[0].points).toHaveLength(4);
    for (const point of chart.series[0].points) {
      const truth = planted({ N: point.x, D: 409_600 }).lr;
      expect(Math.abs(Math.log2(point.y / truth))).toBeLessThan(0.3);
      expect(point.low!).toBeLessThan(point.y);
      expect(point.high!).toBeGreaterThan(point.y);
      expect(Math.abs(point.residual!)).toBeLessThan(0.25);
    }
    const law = chart.lines.find(({ stroke }) => stroke !== 'dashed')!;
    for (const { y, low, high } of law.points) expect(low! < y && y < high!).toBe(true);
    const [first, last] = [law.points[0], law.points[law.points.length - 1]];
    expect(Math.log(last.y / first.y) / Math.log(last.x / first.x)).toBeCloseTo(-0.4, 1);
    const published = chart.lines.find(({ id }) => id.startsWith('published:step-law'))!;
    expect(published.stroke).toBe('dashed');
    // Step Law's own exponent, at one D.
    const [from, to] = [published.points[0], published.points[published.points.length - 1]];
    expect(Math.log(to.y / from.y) / Math.log(to.x / from.x)).toBeCloseTo(-0.713, 6);
  });

  it('shows an optimum at the edge grey, with the reason, and lets no law rest on it', () => {
    const shifted = bowl.analyse(
      plantedRecords(plantedSweep(), (size) => ({ ...planted(size), lr: size.N > 90_000 ? 2 ** -12 : planted(size).lr }), 0.001),
      { resamples: 200 },
    );
    const chart = scalingChart([sourceOf(shifted)], [], 'lr', 'N', words);
    const grey = chart.series[0].points.filter(({ leftOut }) => leftOut !== undefined);
    expect(grey).toHaveLength(1);
    expect(grey[0].leftOut).toMatch(/edge/i);
    expect(grey[0].residual).toBeUndefined();
    const law = chart.lines.find(({ stroke }) => stroke !== 'dashed')!;
    expect(Math.max(...law.points.map(({ x }) => x))).toBeLessThan(grey[0].x);
  });

  it('draws one series and one law for each value of the other axis', () => {
    const both = bowl.analyse(
      plantedRecords(
        plantedSweep({ widths: [8, 16, 32], tokens: [102_400, 409_600, 1_638_400], batches: [1, 2, 4, 8, 16, 32] }),
        planted,
        0.001,
      ),
      { resamples: 200 },
    );
    const source = sourceOf(both);
    expect(varies([source], 'D')).toBe(true);
    for (const axis of ['N', 'D'] as const) {
      const { series, lines } = scalingChart([source], [], 'lr', axis, words);
      expect(series).toHaveLength(3);
      expect(lines).toHaveLength(3);
      expect(new Set(series.map(({ colour }) => colour)).size).toBe(3);
      expect(lines.map(({ colour }) => colour)).toEqual(series.map(({ colour }) => colour));
    }
  });

  it('has no interval on plateau points, whose runs are not independent', () => {
    const { series } = scalingChart([sourceOf(analysis, 'plateau')], [], 'lr', 'N', words);
    expect(series[0].points.length).toBeGreaterThan(2);
    for (const { low } of series[0].points) expect(low).toBeUndefined();
  });
});
