// Records whose losses come from a landscape that is known.
import type { RunConfig } from '../../../src/config/run.ts';
import { expandSweep, parseSweep, type SweepConfig } from '../../../src/config/sweep.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { toRecord, type RunRecord } from '../../../src/sweep/record.ts';
import { plantedLoss, type PlantedBowl } from '../laws/planted.ts';

/** N of a planted size, by the non-embedding count. */
export interface PlantedSize {
  readonly N: number;
  readonly D: number;
}

/** A sweep over widths 8, 16, 32, … with learning rates 2^-9 … 2^-3 and batches of 32 … 512 tokens. */
export function plantedSweep(
  more: { widths?: number[]; seeds?: number[]; tokens?: number[]; rates?: number[]; batches?: number[] } = {},
): SweepConfig {
  const {
    widths = [8, 16, 32, 64],
    seeds = [0, 1],
    tokens = [409_600],
    rates = [-9, -8, -7, -6, -5, -4, -3],
    batches = [1, 2, 4, 8, 16],
  } = more;
  return parseSweep({
    name: 'planted',
    base: { context: 32 },
    grids: [
      {
        axes: {
          shape: widths.map((width) => ({ layers: 2, width, heads: 1 })),
          tokens,
          learningRate: rates.map((power) => 2 ** power),
          batchSequences: batches,
          seed: seeds,
        },
      },
    ],
  });
}

/** Every run of a sweep as a record. `bowl` may return undefined: the run diverged. */
export function plantedRecords(
  sweep: SweepConfig,
  bowl: (size: PlantedSize, lr: number, B: number, config: RunConfig) => PlantedBowl | undefined,
  noise: number,
  seed = 1,
): RunRecord[] {
  const random = createRandom(seed);
  return expandSweep(sweep).map((run) => {
    const record = toRecord({
      run,
      outcome: { status: 'finished', finalLoss: 1, smoothedTrainLoss: 1, parameters: new Float32Array(0) },
      facts: { vocabulary: 60, trainingTokens: 1e7, validationTokens: 1e5, bytesPerToken: 1 },
      report: { backend: 'cpu', engine: 'reference', device: 'planted' },
      curve: [],
      validation: [],
      seconds: 1,
    });
    const truth = bowl({ N: record.N.nonEmbedding, D: record.D }, record.lr, record.B, record.config);
    if (truth === undefined)
      return { ...record, status: 'diverged' as const, finalLoss: null, smoothedTrainLoss: null, reason: { en: 'diverged', zh: '发散' } };
    const loss = plantedLoss(truth, record.lr, record.B) + noise * random.normal();
    return { ...record, finalLoss: loss, smoothedTrainLoss: loss };
  });
}
