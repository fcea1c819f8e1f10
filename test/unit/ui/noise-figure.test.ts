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
  it('is drawn where it was measured and above zero, beside the batch', () => {
    const figure = noiseFigure([at(320, 2, 20), at(640, -1, 24), at(1280, 4, 40)], config)!;
    expect(figure.series.map(({ points }) => points)).toEqual([
      [
        { x: 320, y: 10 },
        { x: 1280, y: 10 },
      ],
    ]);
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
