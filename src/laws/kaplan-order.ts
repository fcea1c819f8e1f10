// The order in which Kaplan's laws are fitted: which of L(N, D) and L(N, S_min) corrects L(N), what the other one
// holds, and when L(N) and L(D) can stand without either.
import { enoughPoints, firstProblem, wideEnough, type DesignProblem } from './design.ts';
import type { Objective } from './huber.ts';
import { enoughValues, fitLine, holdFirst, rowsOf, type KaplanPair, type KaplanRows, type PairOutcome } from './kaplan-pair.ts';
import { endOf, furthest, sameExtent, type KaplanPoint, type KaplanRun } from './kaplan-runs.ts';
import { kaplanSentence } from './kaplan-sentences.ts';
import type { StagedFit, StagedProblem } from './kaplan-stages.ts';
import type { Surface } from './kaplan-surfaces.ts';
import { sentences } from './sentences.ts';

/** The two laws of two axes. */
export type PairName = 'LND' | 'LNS';

/** One power law by itself, [p, α] about `centre`. */
export interface KaplanLine {
  readonly rows: KaplanRows;
  readonly problem: StagedProblem;
  readonly fit: StagedFit;
  readonly centre: number;
}

/** A pair in its place: `size` is L(N) as [p, α], `surface` the pair in all four parameters. */
export interface PlacedPair {
  readonly pair: KaplanPair;
  readonly surface: Surface;
  readonly size: readonly number[];
  /** Whether L(N) came from the other pair. */
  readonly held: boolean;
}

/** A pair in its place, or why there is none. */
export type Placed = PlacedPair | { readonly problem: DesignProblem };

/** Along curves L(N, D) must leave the ends of runs a variance this many times smaller before it is the better law. */
const CLEARLY_LESS = 2;

/** Which pair describes the ends of runs better, by the variance it leaves; undefined when neither was fitted. */
export function betterOf(data: PairOutcome, steps: PairOutcome): PairName | undefined {
  if (!('pair' in data)) return 'pair' in steps ? 'LNS' : undefined;
  if (!('pair' in steps)) return 'LND';
  const own = new Map(data.pair.rows.points.map((point, i) => [point.row, data.pair.fit.residuals[i]]));
  let ofData = 0;
  let ofSteps = 0;
  let shared = 0;
  steps.pair.rows.points.forEach((point, i) => {
    const residual = own.get(point.row);
    if (residual === undefined) return;
    ofData += residual ** 2;
    ofSteps += steps.pair.fit.residuals[i] ** 2;
    shared++;
  });
  if (shared === 0) return 'LND';
  // L(N, D) bends all its parameters to the ends of runs; along curves L(N, S_min) has other points to answer to, and
  // L(N, D) must then leave clearly less.
  const alongCurves = steps.pair.rows.points.length > shared;
  return ofData * (alongCurves ? CLEARLY_LESS : 1) <= ofSteps ? 'LND' : 'LNS';
}

/** Puts the pairs in order: the better one keeps its own L(N), the other holds it. */
export function inOrder(
  outcomes: Readonly<Record<PairName, PairOutcome>>,
  better: PairName | undefined,
  objective: Objective,
): Record<PairName, Placed> {
  const first = better === undefined ? undefined : outcomes[better];
  const size = first !== undefined && 'pair' in first ? first.pair.fit.parameters.slice(0, 2) : undefined;
  const place = (name: PairName): Placed => {
    const outcome = outcomes[name];
    if (!('pair' in outcome) || size === undefined) return { problem: 'problem' in outcome ? outcome.problem : notFitted };
    const surface = outcome.pair.problem.surface;
    if (name === better) return { pair: outcome.pair, surface, size, held: false };
    const again = holdFirst(outcome.pair, size, objective);
    return 'status' in again ? { problem: again } : { pair: again, surface, size, held: true };
  };
  return { LND: place('LND'), LNS: place('LNS') };
}

/** L(N) without a law to correct it: runs that all ended at one D (or S), or whose losses show no trace of either. */
export function sizeAlone(
  runs: readonly KaplanRun[],
  data: PairOutcome,
  steps: PairOutcome,
  objective: Objective,
): KaplanLine | DesignProblem {
  const extent = (point: KaplanPoint): number => (point.D > 0 ? point.D : point.Smin);
  const ends = rowsOf(runs, (run) => (run.bestBatch && endOf(run).N > 0 ? [endOf(run)] : []));
  const N = ends.points.map((point) => point.N);
  const problem = firstProblem(ends.points.length === 0 ? noColumn('N') : enoughPoints(N.length, 2), wideEnough(N, 'N'));
  if (problem !== undefined) return problem;
  const isFirst = furthest(ends.points, (point) => point.N, extent);
  const first = new Set(ends.points.filter((_, i) => isFirst[i]).map((point) => point.row));
  const rows = rowsOf(runs, (run) => (first.has(endOf(run).row) ? [endOf(run)] : []));
  const traceless = [data, steps].some((outcome) => 'problem' in outcome && outcome.noEffect);
  if (!traceless && !sameExtent(rows.points.map(extent).filter((value) => value > 0))) {
    const why = 'problem' in data && ends.points.some((point) => point.D > 0) ? data : steps;
    if ('problem' in why) return { status: why.problem.status, message: kaplanSentence.needsData(why.problem.message) };
  }
  const few = firstProblem(
    enoughValues(
      rows.points.map((point) => point.N),
      'N',
    ),
    enoughPoints(rows.points.length, 2, kaplanSentence.mostConverged),
  );
  if (few !== undefined) return few;
  return lineThrough(rows, (point) => point.N, objective, 'alphaN');
}

/** L(D) without L(N, D): runs of one size, or a table without sizes. @param why what kept L(N, D) from being fitted */
export function tokensAlone(runs: readonly KaplanRun[], why: DesignProblem, objective: Objective): KaplanLine | DesignProblem {
  const ends = rowsOf(runs, (run) => (run.bestBatch && endOf(run).D > 0 ? [endOf(run)] : []));
  const D = ends.points.map((point) => point.D);
  const problem = firstProblem(ends.points.length === 0 ? noColumn('D') : enoughPoints(D.length, 2), wideEnough(D, 'D'));
  if (problem !== undefined) return problem;
  const largest = furthest(
    ends.points,
    (point) => point.D,
    (point) => point.N,
  );
  const first = new Set(ends.points.filter((_, i) => largest[i]).map((point) => point.row));
  const rows = rowsOf(runs, (run) => (first.has(endOf(run).row) ? [endOf(run)] : []));
  if (!sameExtent(rows.points.map((point) => point.N).filter((value) => value > 0)))
    return { status: why.status, message: kaplanSentence.needsSize(why.message) };
  const few = firstProblem(
    enoughValues(
      rows.points.map((point) => point.D),
      'D',
    ),
    enoughPoints(rows.points.length, 2),
  );
  return few ?? lineThrough(rows, (point) => point.D, objective, 'alphaD');
}

function lineThrough(rows: KaplanRows, of: (point: KaplanPoint) => number, objective: Objective, name: string): KaplanLine | DesignProblem {
  const line = fitLine(rows, of, objective, name);
  return 'status' in line ? line : { ...line, rows };
}

const noColumn = (axis: string): DesignProblem => ({ status: 'not enough points', message: sentences.noValues(axis) });

const notFitted: DesignProblem = { status: 'not converged', message: sentences.notConverged };
