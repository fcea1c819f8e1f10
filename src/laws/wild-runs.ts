// Intervals for a curve fitted to many points of few runs. The points of one run err together, so the run is what is
// resampled: its whole curve of residuals is multiplied by one standard normal (the wild bootstrap of Wu, Annals of
// Statistics 14, 1986), freed of its own pull on the fit (the cluster form of HC3: Bell & McCaffrey, Survey Methodology
// 28, 2002). No resample is ever without a run, so one run for each size and batch is enough.
import { Matrix, solve } from 'ml-matrix';
import type { Random } from './random.ts';

/**
 * For each run the change it makes to the parameters: to first order, the fit with it minus the fit without it.
 * @param jacobian one row per point, one column per parameter
 * @param runOf number of each point's run, from 0 without gaps
 * @returns one array of changes per run; undefined when the points do not determine the parameters
 */
export function changesByRun(
  jacobian: readonly ArrayLike<number>[],
  residuals: ArrayLike<number>,
  runOf: readonly number[],
): Float64Array[] | undefined {
  const columns = jacobian[0]?.length ?? 0;
  const lengths = new Float64Array(columns);
  for (const row of jacobian) for (let j = 0; j < columns; j++) lengths[j] += row[j] ** 2;
  for (let j = 0; j < columns; j++) lengths[j] = Math.sqrt(lengths[j]);
  if (!lengths.every((length) => length > 0 && Number.isFinite(length))) return undefined;
  const runs = runOf.reduce((most, run) => Math.max(most, run), -1) + 1;
  const normals = Array.from({ length: runs }, () => Matrix.zeros(columns, columns));
  const pulls = Array.from({ length: runs }, () => new Float64Array(columns));
  const whole = Matrix.zeros(columns, columns);
  jacobian.forEach((row, i) => {
    const run = runOf[i];
    for (let j = 0; j < columns; j++) {
      const scaled = row[j] / lengths[j];
      pulls[run][j] += scaled * residuals[i];
      for (let k = 0; k < columns; k++) {
        const product = (scaled * row[k]) / lengths[k];
        normals[run].set(j, k, normals[run].get(j, k) + product);
        whole.set(j, k, whole.get(j, k) + product);
      }
    }
  });
  const unscaled = (solved: Matrix | undefined): Float64Array | undefined =>
    solved === undefined ? undefined : Float64Array.from({ length: columns }, (_, j) => solved.get(j, 0) / lengths[j]);
  const changes: Float64Array[] = [];
  for (let run = 0; run < runs; run++) {
    const pull = Matrix.columnVector(pulls[run]);
    // Where a run alone determines a direction the rest is singular: its change is then taken from the whole fit.
    const change = unscaled(solvePositive(Matrix.sub(whole, normals[run]), pull) ?? solvePositive(whole, pull));
    if (change === undefined) return undefined;
    changes.push(change);
  }
  return changes;
}

/** One resample: the parameters plus every run's change times a standard normal of its own. */
export function wildDraw(parameters: readonly number[], changes: readonly Float64Array[], random: Random): number[] {
  const drawn = [...parameters];
  for (const change of changes) {
    const sign = random.normal();
    for (let j = 0; j < drawn.length; j++) drawn[j] += sign * change[j];
  }
  return drawn;
}

/** Standard error of one parameter over the runs. */
export function errorOverRuns(changes: readonly Float64Array[], parameter: number): number {
  return Math.sqrt(changes.reduce((sum, change) => sum + change[parameter] ** 2, 0));
}

function solvePositive(matrix: Matrix, right: Matrix): Matrix | undefined {
  // Columns have length one in the whole fit, so pivots far below that mean a direction nobody determines.
  try {
    const solved = solve(matrix, right);
    const back = Matrix.sub(matrix.mmul(solved), right);
    const size = Math.max(1e-300, right.norm());
    return solved.to1DArray().every(Number.isFinite) && back.norm() <= 1e-4 * size ? solved : undefined;
  } catch {
    return undefined;
  }
}
