// `lab fit step-law`: by the published recipe where the grid resolves its plateaus, else through the vertices of bowls;
// the other route's numbers stand beside it.
import type { BootstrapOptions } from '../laws/bootstrap.ts';
import type { RunRow } from '../laws/fit.ts';
import { fitStepLaw, type StepLawFit } from '../laws/step-law.ts';
import type { Table } from '../laws/table.ts';
import type { FitArguments } from './fit-arguments.ts';
import type { LawAnswer } from './fit-laws.ts';

/** Fits by the method asked for; without one, by whichever the grid supports. */
export function fitStepLawTo({ rows }: Table, { method, keepEdges }: FitArguments, bootstrap: BootstrapOptions): LawAnswer {
  const plateau = fitStepLaw(rows, { method: 'plateau', edgeCells: keepEdges ? 'kept' : 'left out', bootstrap });
  const vertex = fitStepLaw(rows, { method: 'vertex', bootstrap });
  const byVertex = method === 'vertex' || (method === undefined && vertex.status === 'converged' && !resolvesPlateaus(rows, plateau));
  const [fit, other] = byVertex ? [vertex, plateau] : [plateau, vertex];
  const { threshold, atTheEdge, batchOnN } = fit;
  return {
    fit,
    extra: {
      method: fit.method,
      threshold,
      interior: fit.cells.length,
      atTheEdge,
      batchOnN,
      [other.method]: { status: other.status, parameters: other.parameters },
    },
  };
}

/** Whether half the plateaus or more span at least two learning rates and two batches: else a plateau's middle is a grid point, not an optimum. */
function resolvesPlateaus(rows: readonly RunRow[], { cells }: StepLawFit): boolean {
  const resolved = cells.filter((cell) => {
    const values = (key: 'lr' | 'B'): number => new Set(cell.rows.map((row) => rows[row][key])).size;
    return (cell.logRate === undefined || values('lr') > 1) && (cell.logBatch === undefined || values('B') > 1);
  });
  return resolved.length >= cells.length / 2;
}
