// What a design must learn of a device before it can plan its time: the facts of the data, and the speed of a few sizes
// and batches from one end of the choice to the other.
import { parseRun } from '../../config/parse.ts';
import type { RunInput } from '../../config/run.ts';
import { expandSweep } from '../../config/sweep.ts';
import { calibrate } from '../../sweep/cost.ts';
import type { DeviceTime } from '../../sweep/device-time.ts';
import type { DataFacts, PoolWorker } from '../../sweep/pool.ts';
import { designSizes } from './ladders.ts';

/** Sizes measured, by their width, and batches in sequences. */
const MEASURED_WIDTHS = [8, 32, 128];
const MEASURED_BATCHES = [1, 32];

/** What was measured. */
export interface MeasuredDevice {
  readonly device: DeviceTime;
  readonly facts: DataFacts;
}

/**
 * Asks a worker that has nothing else to do; takes a few seconds.
 * @param base corpus, context and what else all runs will share
 * @param workers that will train at once
 * @param milliseconds of each measurement
 */
export async function measureForDesign(
  worker: Pick<PoolWorker, 'report' | 'describeData' | 'measure'>,
  base: RunInput,
  workers: number,
  milliseconds = 200,
): Promise<MeasuredDevice> {
  const facts = await worker.describeData(parseRun(base));
  const shapes = designSizes(base, facts.vocabulary)
    .filter(({ shape }) => MEASURED_WIDTHS.includes(shape.width))
    .map(({ shape }) => shape);
  const runs = expandSweep({ name: 'speed', base, grids: [{ axes: { shape: shapes, batchSequences: MEASURED_BATCHES } }] });
  const time = await calibrate(worker, runs, () => facts.vocabulary, milliseconds);
  return {
    facts,
    device: {
      seconds: (config) => time.seconds(config, facts.vocabulary),
      workers,
      shares: worker.report.engine !== 'reference',
    },
  };
}
