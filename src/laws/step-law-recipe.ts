// Step Law's own bootstrap (arXiv 2503.04715, code/fit_tool.py, get_bootstrap_lr_bs_scaling_models): all plateau rows
// pooled and drawn with replacement, both regressions refitted, coefficients averaged (the constant in its logarithm).
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import type { Estimate, RunRow } from './fit.ts';
import { resampleIndices } from './random.ts';
import { weightedLeastSquares } from './regression.ts';
import type { CellOptimum } from './step-law-optima.ts';
import { mean } from './statistics.ts';

type Name = 'lr.c' | 'lr.N' | 'lr.D' | 'batch.c' | 'batch.D';

/**
 * Mean coefficients and their 2.5–97.5 percentiles.
 * @param varying the axes among N and D that vary: the learning rate is regressed on these, the batch on D alone
 */
export function publishedRecipe(
  table: readonly RunRow[],
  optima: readonly CellOptimum[],
  varying: readonly ('N' | 'D')[],
  options: BootstrapOptions,
): Partial<Record<Name, Estimate>> {
  const points = optima.flatMap((cell) =>
    cell.rows.map((row) => ({
      lr: cell.logRate === undefined ? undefined : Math.log(table[row].lr!),
      batch: cell.logBatch === undefined ? undefined : Math.log(table[row].B!),
      rate: [1, ...varying.map((axis) => Math.log(cell[axis]))],
      tokens: [1, Math.log(cell.D)],
    })),
  );
  const rates = points.filter((point) => point.lr !== undefined);
  const batches = points.filter((point) => point.batch !== undefined);
  const result: Partial<Record<Name, Estimate>> = {};
  const names: Readonly<Record<'1' | 'N' | 'D', Name>> = { '1': 'lr.c', N: 'lr.N', D: 'lr.D' };
  regress(
    rates.map((point) => point.rate),
    rates.map((point) => point.lr!),
    ['1', ...varying].map((axis) => names[axis as '1' | 'N' | 'D']),
    options,
    result,
  );
  if (varying.includes('D')) {
    regress(
      batches.map((point) => point.tokens),
      batches.map((point) => point.batch!),
      ['batch.c', 'batch.D'],
      options,
      result,
    );
  }
  return result;
}

function regress(
  terms: readonly (readonly number[])[],
  y: readonly number[],
  names: readonly Name[],
  options: BootstrapOptions,
  into: Partial<Record<Name, Estimate>>,
): void {
  const named = (coefficients: ArrayLike<number>): Record<Name, number> =>
    Object.fromEntries(names.map((name, j) => [name, coefficients[j]])) as Record<Name, number>;
  const fit = weightedLeastSquares(terms, y);
  if (fit.status === 'rank deficient') return;
  const { parameters, samples } = bootstrapParameters<Name>({
    values: named(fit.coefficients),
    unit: 'runs',
    options,
    draw: (random) => {
      const drawn = Array.from(resampleIndices(random, y.length));
      const refitted = weightedLeastSquares(
        drawn.map((i) => terms[i]),
        drawn.map((i) => y[i]),
      );
      return refitted.status === 'rank deficient' ? undefined : named(refitted.coefficients);
    },
  });
  for (const name of names) {
    const { value, low, high } = parameters[name];
    const average = samples[name].length > 0 ? mean([...samples[name]]) : value;
    into[name] = name.endsWith('.c')
      ? { value: Math.exp(average), low: Math.exp(low), high: Math.exp(high) }
      : { value: average, low, high };
  }
}
