// `lab fit critical-batch` and `lab fit trajectory`: laws of whole loss curves at several batch sizes.
import type { BootstrapOptions } from '../laws/bootstrap.ts';
import type { CriticalBatchLevel } from '../laws/critical-batch-levels.ts';
import { fitCriticalBatch } from '../laws/critical-batch.ts';
import type { Table } from '../laws/table.ts';
import { fitTrajectory } from '../laws/trajectory.ts';
import type { FitArguments } from './fit-arguments.ts';
import type { LawAnswer } from './fit-laws.ts';

/** The critical batch, with its levels of loss. */
export function fitCriticalBatchTo({ rows }: Table, _: FitArguments, bootstrap: BootstrapOptions): LawAnswer {
  const fit = fitCriticalBatch(rows, { bootstrap });
  return { fit, extra: { levels: fit.levels.map(levelOf) } };
}

/** The loss of a run at any size, batch and step. */
export function fitTrajectoryTo({ rows }: Table, _: FitArguments, bootstrap: BootstrapOptions): LawAnswer {
  return { fit: fitTrajectory(rows, { bootstrap }), extra: {} };
}

function levelOf({ N, loss, Smin, Emin, Bcrit, status, points }: CriticalBatchLevel): Readonly<Record<string, unknown>> {
  return { N: N ?? null, loss, Smin, Emin, Bcrit, batches: new Set(points.map(({ B }) => B)).size, status };
}
