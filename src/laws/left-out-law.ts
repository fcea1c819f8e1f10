// A law's answer for a landscape that its fit did not see: the lines through all other landscapes' minima.
import { fitLogLinear } from './log-linear.ts';
import type { CellOptimum } from './step-law-optima.ts';
import type { StepLawTerm } from './step-law.ts';
import type { Settings } from './published-settings.ts';

/** Which terms the two lines have. */
export interface LawForm {
  readonly lr: readonly StepLawTerm[];
  readonly B: readonly StepLawTerm[];
}

/** Step Law's form: the learning rate on N and D, the batch on D. */
export const stepLawForm: LawForm = { lr: ['1', 'N', 'D'], B: ['1', 'D'] };

/** The same with the batch on N too. */
export const fullForm: LawForm = { lr: ['1', 'N', 'D'], B: ['1', 'N', 'D'] };

/**
 * Learning rate and batch (tokens) at a cell by the lines through all others; undefined where they do not determine them.
 * @param cells minima, the one asked for among them or not: cells of its N and D are left out
 */
export function leftOutSettings(
  cells: readonly CellOptimum[],
  form: LawForm,
  at: { readonly N: number; readonly D: number },
): Settings | undefined {
  const others = cells.filter(({ N, D }) => N !== at.N || D !== at.D);
  const line = (terms: readonly StepLawTerm[], of: (cell: CellOptimum) => { log: number | undefined; variance: number | undefined }) => {
    const known = others.filter((cell) => of(cell).log !== undefined);
    const variances = known.map((cell) => of(cell).variance);
    const fit = fitLogLinear({
      terms: known.map((cell) => terms.map((term) => (term === '1' ? 1 : Math.log(cell[term])))),
      y: known.map((cell) => of(cell).log!),
      weights: known.map((cell) => cell.weight),
      variances: variances.every((variance) => variance !== undefined) ? variances : undefined,
      options: { resamples: 0 },
    });
    return fit && Math.exp(terms.reduce((sum, term, i) => sum + fit.coefficients[i] * (term === '1' ? 1 : Math.log(at[term])), 0));
  };
  const lr = line(form.lr, (cell) => ({ log: cell.logRate, variance: cell.rateVariance }));
  const B = line(form.B, (cell) => ({ log: cell.logBatch, variance: cell.batchVariance }));
  return lr === undefined || B === undefined ? undefined : { lr, B };
}
