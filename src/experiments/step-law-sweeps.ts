// The sweep of Step Law at four sizes: landscapes over N and D, varied independently. Two experiments read it.
import type { Shape } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { ExperimentSize } from './experiment.ts';
import { powersOfTwo, seeds, shape } from './grid-axes.ts';

/**
 * Landscapes of some sizes at one D. Tokens are a whole number of every batch: else D would differ between the columns
 * of a grid. Batches grow with D, so that the best one stays inside.
 */
const landscapes = (tokens: number, shapes: readonly Shape[], rates: [number, number], batches: readonly number[], runs: number): Grid => ({
  set: { tokens },
  axes: { shape: shapes, learningRate: powersOfTwo(...rates), batchSequences: batches, seed: seeds(runs) },
});

/**
 * Non-embedding parameters 944, 3,792 and 15,280: sixteen times from the first to the last. Two layers each: with one, the
 * smallest learns so little from more than 100,000 tokens that its landscape is too flat to place a minimum.
 */
const small = shape(2, 8, 2, 1);
const middle = shape(2, 12, 2);
const large = shape(2, 24, 2, 4.25);

/** Sizes of the larger sweeps: about 6,600, 25,700, 101,000 and 400,000 non-embedding parameters. */
const wider = [shape(2, 16, 2), shape(2, 32, 2), shape(2, 64, 4), shape(2, 128, 4)];

const grids: Readonly<Record<ExperimentSize, Pick<SweepConfig, 'base' | 'grids'>>> = {
  smoke: {
    // A language of twelve symbols, as the bowl's: a context of two lets batches be small enough to hurt.
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 2, validationTokens: 8192 },
    grids: [2048, 8192, 32_768].map((tokens) => ({
      set: { tokens },
      axes: {
        shape: tokens > 10_000 ? [shape(1, 4, 1)] : [shape(1, 4, 1), shape(1, 8, 1), shape(1, 16, 1)],
        learningRate: [-10, -8, -6.5, -5, -3].map((exponent) => 2 ** exponent),
        batchSequences: tokens > 10_000 ? [4, 16, 64, 256] : [1, 4, 16, 64],
        seed: seeds(2),
      },
    })),
  },
  minutes: {
    // A context of 8: the best batches of the shortest runs are below 32 tokens. A size is trained on as many tokens as its
    // minimum can be placed at: at the shortest the largest has it below one sequence, at the longest the smallest has none.
    base: { corpus: 'sotu', context: 8, validationTokens: 16_384 },
    grids: [
      landscapes(49_920, [small], [-9, -4], [1, 2, 6, 16, 48], 3),
      landscapes(49_920, [middle], [-10, -5], [1, 2, 6, 16, 48], 3),
      landscapes(99_840, [small], [-9, -4], [1, 3, 10, 30, 96], 3),
      landscapes(99_840, [middle], [-9, -4], [1, 2, 6, 20, 60], 3),
      landscapes(99_840, [large], [-10, -6], [1, 2, 6, 20, 60], 3),
      landscapes(199_680, [small], [-9, -4], [1, 3, 10, 32, 96], 3),
      landscapes(199_680, [middle], [-9, -4], [1, 3, 10, 32, 96], 2),
      landscapes(199_680, [large], [-10, -6], [1, 3, 10, 32, 96], 2),
      landscapes(798_720, [middle], [-9, -4], [2, 6, 20, 64, 208], 2),
    ],
  },
  lesson: {
    base: { corpus: 'sotu', context: 16 },
    grids: [
      landscapes(399_360, wider.slice(0, 3), [-10, -4], [1, 4, 12, 40, 128], 2),
      landscapes(1_597_440, wider.slice(0, 3), [-10, -4], [2, 8, 26, 80, 256], 2),
      landscapes(6_389_760, wider.slice(0, 1), [-10, -4], [4, 16, 52, 160, 512], 2),
    ],
  },
  hours: {
    base: { corpus: 'sotu', context: 32 },
    grids: [
      landscapes(399_360, wider, [-11, -4], [1, 3, 8, 24, 78, 240], 3),
      landscapes(1_597_440, wider, [-11, -4], [1, 4, 12, 40, 128, 416], 3),
      landscapes(6_389_760, wider.slice(0, 3), [-11, -4], [2, 6, 20, 64, 208, 640], 3),
    ],
  },
};

/** The sweep of an experiment that reads it, at one size. */
export function stepLawSweep(experiment: string, name: string, size: ExperimentSize): SweepConfig {
  return { name: `${name} (${size})`, experiment, ...grids[size] };
}
