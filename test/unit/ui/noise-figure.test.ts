// The figure of one run's gradient noise.
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import { noiseFigure } from '../../../src/ui/noise-figure.ts';

const config = parseRun({ context: 8, batchSequences: 4, noiseSequences: 64 });
const at = (tokens: number, gradientSquaredNorm: number, gradientVariance: number) => ({
  step: tokens / 32,
  tokens,
  gradientSquaredNorm,
  gradientVariance,
});

describe('the noise scale of a run', () => {
  it('is drawn as measured and as the ratio of running means, beside the batch', () => {
    const figure = noiseFigure([at(320, 2, 20), at(640, -1, 24), at(1280, 4, 40)], config)!;
    const [single, averaged] = figure.series;
    expect(single.points).toEqual([
      { x: 320, y: 10 },
      { x: 1280, y: 10 },
    ]);
    // Weights 1/3 and 2/3 leave no squared norm; 1/7, 2/7 and 4/7 do: (2 − 2 + 16)/7 and (20 + 48 + 160)/7.
    expect(averaged.points.map(({ x }) => x)).toEqual([320, 1280]);
    expect(averaged.points[1].y).toBeCloseTo(228 / 16, 10);
    expect(figure.lines[0].points).toEqual([
      { x: 320, y: 32 },
      { x: 1280, y: 32 },
    ]);
  });

  it('is not drawn where there is nothing', () => {
    expect(noiseFigure([], config)).toBeUndefined();
    expect(noiseFigure([at(320, -2, 20)], config)).toBeUndefined();
  });
});
