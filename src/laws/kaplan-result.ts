// What fitting Kaplan's laws answers: one entry a law, and one verdict over them.
import type { CriticalBatchConstants } from './critical-batch-forms.ts';
import type { Bootstrap, Estimate, Fit, FitStatus, LeftOut } from './fit.ts';
import type { DesignProblem } from './design.ts';
import type { KaplanDrawing } from './kaplan-curves.ts';
import type { ComputeOptimum } from './kaplan-forms.ts';
import type { PairOutcome } from './kaplan-pair.ts';
import { endOf, type KaplanPoint, type KaplanRun } from './kaplan-runs.ts';
import { KAPLAN_LAW_NAMES, kaplanSentence } from './kaplan-sentences.ts';
import type { PairName } from './kaplan-order.ts';
import type { Sentence } from '../messages/sentence.ts';
import { distinctValues } from './usable-rows.ts';

/** Constants of the laws; N_opt = `Nopt.c`·C_min^p. Nc in parameters, Dc in tokens, Sc in steps, Cc in FLOPs. */
export type KaplanParameter = 'alphaN' | 'Nc' | 'alphaD' | 'Dc' | 'alphaS' | 'Sc' | 'alphaC' | 'Cc' | 'p' | 'Nopt.c';

/** Names of the laws in a result. */
export type KaplanLawName = keyof typeof KAPLAN_LAW_NAMES;

/** One of the laws: fitted, or refused with the reason. */
export interface KaplanLaw {
  readonly status: FitStatus;
  readonly message: Sentence;
  /** Present for `converged`; L(N, D) and L(N, S_min) repeat the α_N and N_c that they hold. */
  readonly parameters: Readonly<Partial<Record<KaplanParameter, Estimate>>>;
  /** Rows of the table; one per residual, except for laws along the envelope. */
  readonly used: readonly number[];
  /** log loss − log fitted; for N_opt log C_min − log fitted, one per passage from one best size to the next. */
  readonly residuals: readonly number[];
  readonly bootstrap: Bootstrap | undefined;
  /** L(N), L(D) and L(C_min), for drawing: the line with its interval, and the losses it stands for. */
  readonly drawing?: KaplanDrawing;
  /** L(N, D) and L(N, S_min): all four constants fitted to all rows at once by least squares. Where they differ much, the form is wrong. */
  readonly jointly?: Readonly<Partial<Record<KaplanParameter, number>>>;
}

/** One entry for each law. */
export type KaplanLaws = Readonly<Record<KaplanLawName, KaplanLaw>>;

/**
 * All laws of one table. `parameters` are those of the laws that converged, once L(N) is among them (or, of a table
 * without N, L(D) or L(C_min)). Residuals are log loss − log fitted.
 */
export interface KaplanFit extends Fit<KaplanParameter> {
  readonly law: 'kaplan';
  readonly laws: KaplanLaws;
  /** Which law corrected L(N)'s runs to convergence. */
  readonly correctedBy: PairName | undefined;
  /** Constants that turned S into S_min and C into C_min; undefined where nothing was corrected. */
  readonly criticalBatch: CriticalBatchConstants | undefined;
  /** What L(N, S_min) and B_crit imply for the best use of compute (appendix B), beside what the envelope shows. */
  readonly optimum: ComputeOptimum | undefined;
}

/** The entry of a law that was not fitted. */
export function refusedLaw({ status, message }: DesignProblem): KaplanLaw {
  return { status, message, parameters: {}, used: [], residuals: [], bootstrap: undefined };
}

/**
 * The verdict over the laws. L(N) must have converged, and so must a law of its second axis where the runs vary one:
 * an L(N, D) or an L(N, S_min). A table without N is judged by L(D), or by L(C_min).
 */
export function verdict(
  laws: KaplanLaws,
  runs: readonly KaplanRun[],
  outcomes: Readonly<Record<PairName, PairOutcome>>,
): { readonly status: FitStatus; readonly message: Sentence } {
  const ends = runs.map(endOf);
  if (runs.length > 0 && !ends.some((point) => point.N > 0)) {
    const alone = [laws.LD, laws.LC];
    return alone.find((law) => law.status === 'converged') ?? (ends.some((point) => point.D > 0) ? laws.LD : laws.LC);
  }
  if (laws.LN.status !== 'converged') return laws.LN;
  if (laws.LND.status === 'converged' || laws.LNS.status === 'converged') return laws.LN;
  const varied = {
    LND: distinctValues(ends.map((point) => point.D).filter((value) => value > 0)) > 1,
    LNS: distinctValues(runs.flatMap((run) => run.points.map((point) => point.Smin)).filter((value) => value > 0)) > 1,
  };
  const blocked = (['LND', 'LNS'] as const).find((name) => {
    const outcome = outcomes[name];
    return varied[name] && !('problem' in outcome && outcome.noEffect);
  });
  return blocked === undefined ? laws.LN : laws[blocked];
}

/** The residual of each row by the law that describes it most fully: the correcting pair first, the envelope last. */
export function residualsByRow(laws: KaplanLaws, correctedBy: PairName | undefined): Map<number, number> {
  const rows = new Map<number, number>();
  const order: KaplanLawName[] = [...(correctedBy === undefined ? [] : [correctedBy]), 'LND', 'LNS', 'LN', 'LD', 'LC'];
  for (const name of order) {
    const { used, residuals } = laws[name];
    if (used.length !== residuals.length) continue;
    used.forEach((row, i) => {
      if (!rows.has(row)) rows.set(row, residuals[i]);
    });
  }
  return rows;
}

/** Rows without a residual, each with its reason. */
export function leftOut(runs: readonly KaplanRun[], left: readonly LeftOut[], rows: ReadonlyMap<number, number>): LeftOut[] {
  const unused = left.filter(({ row }) => !rows.has(row));
  const known = new Set(unused.map(({ row }) => row));
  for (const run of runs)
    for (const point of run.points)
      if (!rows.has(point.row) && !known.has(point.row)) unused.push({ row: point.row, reason: whyNot(run, point) });
  return unused.sort((a, b) => a.row - b.row);
}

function whyNot(run: KaplanRun, point: KaplanPoint): Sentence {
  if (!run.bestBatch) return run.smallBatch ? kaplanSentence.smallBatch : kaplanSentence.otherBatch;
  return point === endOf(run) ? kaplanSentence.notUsed : kaplanSentence.endOfRunOnly;
}

/** The messages of the laws that converged, in one paragraph, and the names of those that did not. */
export function summary(laws: KaplanLaws, correction: Sentence | undefined): Sentence {
  const names = Object.keys(KAPLAN_LAW_NAMES) as KaplanLawName[];
  const done = names.filter((name) => laws[name].status === 'converged').map((name) => laws[name].message);
  const refused = names.filter((name) => laws[name].status !== 'converged');
  const list = refused.map((name) => `${KAPLAN_LAW_NAMES[name]} (${laws[name].status})`);
  return {
    en: [...done.map(({ en }) => en), correction?.en, list.length > 0 ? `Not fitted: ${list.join(', ')}.` : undefined]
      .filter((part) => part !== undefined)
      .join(' '),
    zh: [...done.map(({ zh }) => zh), correction?.zh, list.length > 0 ? `未能拟合：${list.join('、')}。` : undefined]
      .filter((part) => part !== undefined)
      .join(''),
  };
}
