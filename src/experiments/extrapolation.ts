// Predicting the loss of a run at a size and a batch that were not trained: candidate laws over size, steps and batch,
// a rehearsal that tells which of them extrapolates best on these very runs, and an interval that knows three doubts:
// of the fitted constants, of the law itself, and of one more run.
import type { DesignProblem } from '../laws/design.ts';
import type { RunRow } from '../laws/fit.ts';
import { fitJoinedLoss, type JoinedLossOptions } from '../laws/joined-loss.ts';
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
  readonly id: 'trajectory' | 'three-term' | 'joined' | 'joined with a floor' | 'joined, growing batch';
  readonly label: Sentence;
  readonly formula: string;
  /** The fitted law, or why there is none. */
  readonly fit: (rows: readonly RunRow[]) => LossLaw | DesignProblem['message'];
}

const NO_BOOTSTRAP = { resamples: 0 };

function joined({ floor, growing, ...described }: Omit<LawChoice, 'fit'> & Required<JoinedLossOptions>): LawChoice {
  return {
    ...described,
    fit: (rows) => {
      const fit = fitJoinedLoss(rows, { floor, growing });
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
    growing: false,
  }),
  joined({
    id: 'joined, growing batch',
    label: { en: 'joined power laws, critical batch growing', zh: '联合幂律，临界批大小递增' },
    formula: 'L = [(N_c/N)^{αN/αD} + (D_c/D)·(1 + B/(c·D^γ))]^αD',
    floor: false,
    growing: true,
  }),
  joined({
    id: 'joined with a floor',
    label: { en: 'joined power laws above a floor', zh: '带下限的联合幂律' },
    formula: 'L = E + [(N_c/N)^{αN/αD} + (D_c/D)·(1 + B/B_crit)]^αD',
    floor: true,
    growing: false,
  }),
];

/** How a law did when it was fitted to the smallest three sizes, to the smallest four, ..., and held against all larger ones. */
export interface Rehearsal {
  /** Largest size of the first of those fits, and the largest predicted. */
  readonly from: number;
  readonly to: number;
  /** Root mean square of log(observed/predicted) over the ends of the curves of larger sizes. */
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

/** What the standard error of a predicted log loss is made of: its square is the sum of their squares. */
export interface Doubts {
  readonly constants: number;
  readonly law: number;
  readonly run: number;
}

/** Sizes that a rehearsal needs to be fitted to. */
const LEAST_SIZES = 3;

/** Rows of one (N, B) are one curve: they err together, so they are left out together. */
const curveOf = ({ N, B }: RunRow): string => `${N} ${B}`;

/** Fits every law to rows of tuned curves, and rehearses each: fitted to the smaller sizes, held against the larger. */
export function tryLaws(rows: readonly RunRow[]): TriedLaw[] {
  const sizes = sizesOf(rows);
  return LAWS.map((choice): TriedLaw => {
    const fitted = choice.fit(rows);
    if ('en' in fitted) return { choice, fitted: undefined, rehearsal: undefined, message: fitted };
    if (sizes.length <= LEAST_SIZES) return { choice, fitted, rehearsal: undefined, message: tooFewSizes(sizes.length) };
    const trials = rehearsals(choice, rows);
    const first = trials[0];
    if ('en' in first) return { choice, fitted, rehearsal: undefined, message: first };
    const errors = trials.flatMap((trial) => ('en' in trial ? [] : trial.ends.map((row) => errorOf(trial.law, row))));
    const mean = errors.reduce((sum, error) => sum + error, 0) / errors.length;
    const square = errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length;
    return { choice, fitted, rehearsal: { from: first.from, to: sizes.at(-1)!, error: Math.sqrt(square), bias: mean }, message: undefined };
  });
}

/** A law fitted to the sizes up to `from`, and the ends of the curves of those above. */
interface Trial {
  readonly from: number;
  readonly rows: readonly RunRow[];
  readonly law: LossLaw;
  readonly ends: readonly RunRow[];
}

/** From the smallest three sizes on, one size more each. */
function rehearsals(choice: LawChoice, rows: readonly RunRow[]): (Trial | Sentence)[] {
  return sizesOf(rows)
    .slice(LEAST_SIZES - 1, -1)
    .map((from) => {
      const small = rows.filter(({ N }) => N! <= from);
      const law = choice.fit(small);
      return 'en' in law ? law : { from, rows: small, law, ends: ends(rows.filter(({ N }) => N! > from)) };
    });
}

function errorOf(law: LossLaw, row: RunRow): number {
  return Math.log(row.loss / law.loss(placeOf(row)));
}

function sizesOf(rows: readonly RunRow[]): number[] {
  return [...new Set(rows.map(({ N }) => N!))].sort((a, b) => a - b);
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

/** Variance of a predicted log loss over fits that each leave one curve out; undefined where too many of them fail. */
function jackknife(choice: LawChoice, rows: readonly RunRow[]): ((place: Place) => number) | undefined {
  const curves = [...new Set(rows.map(curveOf))];
  const without = curves.flatMap((left) => {
    const again = choice.fit(rows.filter((row) => curveOf(row) !== left));
    return 'en' in again ? [] : [again];
  });
  if (without.length < Math.max(2, LEAST_REFITS * curves.length)) return undefined;
  return (place) => {
    const logs = without.map((again) => Math.log(again.loss(place))).filter(Number.isFinite);
    const mean = logs.reduce((sum, value) => sum + value, 0) / logs.length;
    return ((logs.length - 1) / logs.length) * logs.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  };
}

/**
 * How fast a law departs from larger models: the standard deviation of its error in log loss for each e-fold of size
 * beyond those fitted. Rehearsed errors hold three things: the doubt of the constants of their own fits (the jackknife of
 * those), the scatter of curves' ends, and this one, the moments of which are what is left of their squares. Undefined
 * where a rehearsal's own doubt cannot be had.
 */
function departure(choice: LawChoice, rows: readonly RunRow[], scatter: number): number | undefined {
  let excess = 0;
  let reach = 0;
  for (const trial of rehearsals(choice, rows)) {
    if ('en' in trial) continue;
    const doubt = jackknife(choice, trial.rows);
    if (doubt === undefined) return undefined;
    for (const row of trial.ends) {
      excess += errorOf(trial.law, row) ** 2 - doubt(placeOf(row)) - scatter ** 2;
      reach += Math.log(row.N! / trial.from) ** 2;
    }
  }
  return reach > 0 ? Math.sqrt(Math.max(0, excess) / reach) : undefined;
}

/** Root mean square distance of the laws' log losses from a predicted one. */
function disagreement(able: readonly AbleLaw[], place: Place, loss: number): number {
  let sum = 0;
  let weights = 0;
  for (const { fitted, rehearsal } of able) {
    const off = Math.log(fitted.loss(place) / loss);
    if (!Number.isFinite(off)) continue;
    const weight = 1 / Math.max(rehearsal.error, 1e-6) ** 2;
    sum += weight * off ** 2;
    weights += weight;
  }
  return weights > 0 ? Math.sqrt(sum / weights) : 0;
}

/** What a prediction is made from. */
export interface PredictionBasis {
  /** The curves that the laws were fitted to. */
  readonly rows: readonly RunRow[];
  /** The ends of all runs that those curves are means of. */
  readonly singles: readonly RunRow[];
  /** All laws that can foretell. */
  readonly able: readonly AbleLaw[];
}

/**
 * Predicts losses with a law that was fitted and rehearsed. The variance of a predicted log loss is the sum of three:
 * - of the constants: the jackknife over curves (each (N, B) left out once);
 * - of the law: its {@link departure} in rehearsal, as far (in log N) as it now reaches, and how far the other laws'
 *   predictions lie from this one, each counted by the inverse square of its error in rehearsal;
 * - of one more run: the scatter of the ends of single runs about the fit.
 * The interval is Student's, with the curves less the constants as degrees of freedom. Undefined for a law that does not
 * outlast the loss of single curves: its constants hang on them.
 */
export function predictor(
  { choice, fitted }: AbleLaw,
  { rows, singles, able }: PredictionBasis,
): ((place: Place) => PredictedLoss & { readonly doubts: Doubts }) | undefined {
  const constants = Object.keys(fitted.parameters).length;
  const scatterOf = (of: readonly RunRow[]): number =>
    Math.sqrt(of.reduce((sum, row) => sum + errorOf(fitted, row) ** 2, 0) / Math.max(1, of.length - constants));
  const atEnds = ends(rows);
  const doubt = jackknife(choice, rows);
  const departs = doubt && departure(choice, rows, scatterOf(atEnds));
  if (doubt === undefined || departs === undefined) return undefined;
  const run = scatterOf(singles);
  const largest = Math.max(...rows.map(({ N }) => N!));
  const quantile = studentQuantile(0.95, Math.max(1, atEnds.length - constants));
  return (place) => {
    const loss = fitted.loss(place);
    const law = Math.hypot(departs * Math.max(0, Math.log(place.N / largest)), disagreement(able, place, loss));
    const doubts = { constants: Math.sqrt(doubt(place)), law, run };
    const standardError = Math.hypot(doubts.constants, doubts.law, doubts.run);
    return {
      loss,
      low: loss * Math.exp(-quantile * standardError),
      high: loss * Math.exp(quantile * standardError),
      standardError,
      doubts,
    };
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
