// Predicting the loss of a run at a size and a batch that were not trained: candidate laws over size, steps and batch,
// a rehearsal that tells which of them extrapolates best on these very runs, and an interval that knows three doubts:
// of the fitted constants, of the law itself, and of one more run.
import type { DesignProblem } from '../laws/design.ts';
import type { RunRow } from '../laws/fit.ts';
import { fitJoinedLoss } from '../laws/joined-loss.ts';
import { studentQuantile } from '../laws/statistics.ts';
import { fitThreeTerm, threeTermLoss } from '../laws/three-term.ts';
import { fitTrajectory } from '../laws/trajectory.ts';
import { trajectoryLoss } from '../laws/trajectory-forms.ts';
import type { Sentence } from '../messages/sentence.ts';

/** Where a loss is asked for: parameters by the analysis' count, batch in tokens, optimizer steps. */
export interface Place {
  readonly N: number;
  readonly B: number;
  readonly S: number;
}

/** A fitted law, as far as predicting needs it. */
export interface LossLaw {
  readonly parameters: Readonly<Record<string, number>>;
  /** Nats per token. */
  readonly loss: (place: Place) => number;
}

/** A law that may be fitted. */
export interface LawChoice {
  readonly id: 'trajectory' | 'three-term' | 'joined' | 'joined with a floor';
  readonly label: Sentence;
  readonly formula: string;
  /** The fitted law, or why there is none. */
  readonly fit: (rows: readonly RunRow[]) => LossLaw | DesignProblem['message'];
}

const NO_BOOTSTRAP = { resamples: 0 };

function joined({ floor, ...described }: Omit<LawChoice, 'fit'> & { readonly floor: boolean }): LawChoice {
  return {
    ...described,
    fit: (rows) => {
      const fit = fitJoinedLoss(rows, { floor });
      if (fit.status !== 'converged') return fit.message;
      return {
        parameters: Object.fromEntries(Object.entries(fit.parameters).map(([name, estimate]) => [name, estimate.value])),
        loss: ({ N, B, S }) => fit.at(N, B * S, B),
      };
    },
  };
}

/** The laws that may be chosen. */
export const LAWS: readonly LawChoice[] = [
  {
    id: 'trajectory',
    label: { en: 'trajectory (Su et al.)', zh: '轨迹（Su 等）' },
    formula: 'L = (N_c/N)^αN + (S_c·(1 + B_*/(B·L^{1/αB}))/S)^αS',
    fit: (rows) => {
      const fit = fitTrajectory(rows, { warmup: 0, bootstrap: NO_BOOTSTRAP });
      const { constants } = fit;
      if (constants === undefined) return fit.message;
      const { alphaN, Nc, alphaS, Sc, critical } = constants;
      return {
        parameters: { alphaN, Nc, alphaS, Sc, alphaB: critical.alpha, Bstar: critical.batch },
        loss: (place) => trajectoryLoss(constants, place),
      };
    },
  },
  {
    id: 'three-term',
    label: { en: 'three terms', zh: '三项' },
    formula: 'L = E + A/N^a + B_s/S^b + C_b/B^c',
    fit: (rows) => {
      const fit = fitThreeTerm(rows, { bootstrap: NO_BOOTSTRAP });
      if (fit.status !== 'converged' || !fit.withSize) return fit.message;
      const { E, A, a, Bs, b, Cb, c } = fit.parameters;
      const values = { E, A, a, Bs, b, Cb, c };
      return {
        parameters: Object.fromEntries(Object.entries(values).map(([name, estimate]) => [name, estimate!.value])),
        loss: ({ N, B, S }) => threeTermLoss(fit, N, B * S, B),
      };
    },
  },
  joined({
    id: 'joined',
    label: { en: 'joined power laws (Kaplan et al.)', zh: '联合幂律（Kaplan 等）' },
    formula: 'L = [(N_c/N)^{αN/αD} + (D_c/D)·(1 + B/B_crit)]^αD',
    floor: false,
  }),
  joined({
    id: 'joined with a floor',
    label: { en: 'joined power laws above a floor', zh: '带下限的联合幂律' },
    formula: 'L = E + [(N_c/N)^{αN/αD} + (D_c/D)·(1 + B/B_crit)]^αD',
    floor: true,
  }),
];

/** How a law did when the largest sizes were kept from it. */
export interface Rehearsal {
  /** Largest size fitted, and the size predicted. */
  readonly from: number;
  readonly to: number;
  /** Root mean square of log(observed/predicted) over the ends of the curves of that size. */
  readonly error: number;
  /** Mean of the same: below zero where the law foretold too high a loss. */
  readonly bias: number;
}

/** A law on these runs. */
export interface TriedLaw {
  readonly choice: LawChoice;
  readonly fitted: LossLaw | undefined;
  readonly rehearsal: Rehearsal | undefined;
  /** Why it has no fit or no rehearsal. */
  readonly message: Sentence | undefined;
}

/** A predicted loss: nats per token, 95 % interval, and the standard error of its logarithm. */
export interface PredictedLoss {
  readonly loss: number;
  readonly low: number;
  readonly high: number;
  readonly standardError: number;
}

/** Sizes that a rehearsal needs to be fitted to. */
const LEAST_SIZES = 3;

/** Rows of one (N, B) are one curve: they err together, so they are left out together. */
const curveOf = ({ N, B }: RunRow): string => `${N} ${B}`;

/** Fits every law to rows of tuned curves, and rehearses each: fitted to the smaller sizes, held against the largest. */
export function tryLaws(rows: readonly RunRow[]): TriedLaw[] {
  const sizes = [...new Set(rows.map(({ N }) => N!))].sort((a, b) => a - b);
  const largest = sizes.at(-1);
  // The further the rehearsal reaches the more it says: as few sizes as a law can be fitted to.
  const from = sizes.length > LEAST_SIZES ? sizes[LEAST_SIZES - 1] : undefined;
  return LAWS.map((choice): TriedLaw => {
    const fitted = choice.fit(rows);
    if ('en' in fitted) return { choice, fitted: undefined, rehearsal: undefined, message: fitted };
    if (from === undefined) return { choice, fitted, rehearsal: undefined, message: tooFewSizes(sizes.length) };
    const before = choice.fit(rows.filter(({ N }) => N! <= from));
    if ('en' in before) return { choice, fitted, rehearsal: undefined, message: before };
    const errors = ends(rows.filter(({ N }) => N === largest)).map((row) => Math.log(row.loss / before.loss(placeOf(row))));
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const square = errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length;
    return { choice, fitted, rehearsal: { from, to: largest!, error: Math.sqrt(square), bias: mean }, message: undefined };
  });
}

/** A law that can foretell. */
export type AbleLaw = TriedLaw & { readonly fitted: LossLaw; readonly rehearsal: Rehearsal };

/** The laws that were fitted and rehearsed, the best in rehearsal first. */
export function ableLaws(tried: readonly TriedLaw[]): AbleLaw[] {
  return tried
    .filter((one): one is AbleLaw => one.fitted !== undefined && one.rehearsal !== undefined)
    .sort((a, b) => a.rehearsal.error - b.rehearsal.error);
}

/** A jackknife in which fewer of the refits than this give a law says nothing. */
const LEAST_REFITS = 2 / 3;

/**
 * Predicts losses with a law that was fitted and rehearsed. The variance of a predicted log loss is the sum of three:
 * - of the constants: the jackknife over curves (each (N, B) left out once);
 * - of the law: its error in rehearsal, in proportion to how much further (in log N) it now reaches;
 * - of one more run: the scatter of the ends of single runs about the fit.
 * The interval is Student's, with the curves less the constants as degrees of freedom. Undefined for a law that does not
 * outlast the loss of single curves: its constants hang on them.
 * @param rows the curves that the law was fitted to
 * @param singles the ends of all runs that those curves are means of
 */
export function predictor(
  law: AbleLaw,
  rows: readonly RunRow[],
  singles: readonly RunRow[],
): ((place: Place) => PredictedLoss) | undefined {
  const { choice, fitted, rehearsal } = law;
  const curves = [...new Set(rows.map(curveOf))];
  const without = curves.flatMap((left) => {
    const again = choice.fit(rows.filter((row) => curveOf(row) !== left));
    return 'en' in again ? [] : [again];
  });
  if (without.length < Math.max(2, LEAST_REFITS * curves.length)) return undefined;
  const constants = Object.keys(fitted.parameters).length;
  const freedom = Math.max(1, curves.length - constants);
  const scatter =
    singles.reduce((sum, row) => sum + Math.log(row.loss / fitted.loss(placeOf(row))) ** 2, 0) / Math.max(1, singles.length - constants);
  const reach = Math.log(rehearsal.to / rehearsal.from);
  const largest = Math.max(...rows.map(({ N }) => N!));
  const quantile = studentQuantile(0.95, freedom);
  return (place) => {
    const loss = fitted.loss(place);
    const logs = without.map((again) => Math.log(again.loss(place))).filter(Number.isFinite);
    const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
    const jackknife = ((logs.length - 1) / logs.length) * logs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
    const further = Math.max(1, Math.log(place.N / largest) / reach);
    const standardError = Math.sqrt(jackknife + (further * rehearsal.error) ** 2 + scatter);
    return { loss, low: loss * Math.exp(-quantile * standardError), high: loss * Math.exp(quantile * standardError), standardError };
  };
}

/** The last row of every run. */
export function ends(rows: readonly RunRow[]): RunRow[] {
  const last = new Map<string, RunRow>();
  for (const row of rows) {
    const key = row.run ?? '';
    const before = last.get(key);
    if (before === undefined || row.S! > before.S!) last.set(key, row);
  }
  return [...last.values()];
}

function placeOf({ N, B, S }: RunRow): Place {
  return { N: N!, B: B!, S: S! };
}

const tooFewSizes = (sizes: number): Sentence => ({
  en: `A rehearsal needs more than ${LEAST_SIZES} model sizes, and there are ${sizes}.`,
  zh: `预演需要超过 ${LEAST_SIZES} 种模型大小，现有 ${sizes} 种。`,
});
