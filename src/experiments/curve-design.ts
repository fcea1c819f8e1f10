// The sweep that experiments on loss curves share: sizes at a small and a large batch, several learning rates, at a
// constant learning rate, so that a curve is the same however long its run. Runs that one experiment has trained need
// not be trained again for the next.
import type { RunInput, Shape } from '../config/run.ts';
import type { Grid } from '../config/sweep.ts';
import type { ExperimentSize } from './experiment.ts';

/** A shape of two layers. */
export const shapeOf = (width: number, heads = 2): Shape => ({ layers: 2, width, heads, mlpRatio: 4 });

/** 2^from, 2^(from + 1), … 2^to. */
export const octaves = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i));

/** Base and grids of each size. */
export const curveDesigns: Readonly<Record<ExperimentSize, { readonly base: RunInput; readonly grids: readonly Grid[] }>> = {
  smoke: {
    base: {
      corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144',
      context: 4,
      validationTokens: 8192,
      tokens: 32_768,
      schedule: 'constant',
    },
    grids: [
      {
        axes: {
          shape: [shapeOf(4), shapeOf(6), shapeOf(8), shapeOf(12), shapeOf(16)],
          batchSequences: [4, 32],
          learningRate: octaves(-8, -4),
        },
      },
    ],
  },
  minutes: {
    base: { corpus: 'sotu', context: 16, validationTokens: 16_384, tokens: 786_432, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shapeOf(8), shapeOf(12), shapeOf(16), shapeOf(24), shapeOf(32)],
          batchSequences: [4],
          learningRate: octaves(-10, -7),
        },
      },
      {
        axes: {
          shape: [shapeOf(8), shapeOf(12), shapeOf(16), shapeOf(24), shapeOf(32)],
          batchSequences: [64],
          learningRate: octaves(-8, -5),
        },
      },
    ],
  },
  lesson: {
    base: { corpus: 'sotu', context: 64, tokens: 3_276_800, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shapeOf(16), shapeOf(24), shapeOf(32), shapeOf(48), shapeOf(64), shapeOf(96, 4)],
          batchSequences: [1, 32],
          learningRate: octaves(-11, -6),
        },
      },
    ],
  },
  hours: {
    base: { corpus: 'sotu', context: 64, tokens: 9_830_400, schedule: 'constant' },
    grids: [
      {
        axes: {
          shape: [shapeOf(16), shapeOf(24), shapeOf(32), shapeOf(48), shapeOf(64), shapeOf(96, 4), shapeOf(128, 4), shapeOf(192, 6)],
          batchSequences: [2, 64],
          learningRate: octaves(-12, -6),
          seed: [0, 1],
        },
      },
    ],
  },
};
