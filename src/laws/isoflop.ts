// Approach 2 of Hoffmann et al. (Chinchilla, arXiv 2203.15556, section 3.2): at each compute budget a parabola of
// loss over log N gives the best size; the best sizes over budgets give N_opt ∝ C^a.
import type { Sentence } from '../messages/sentence.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { computeOf, fitParabola, groupBudgets, lossesAtBudget, type Budget, type Parabola } from './budgets.ts';
import { enoughPoints, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, FitStatus, LeftOut, RunRow } from './fit.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from './log-linear.ts';
import { isoflopSentence } from './sentences-isoflop.ts';
import { sentences } from './sentences.ts';
import { distinctValues, usableRows } from './usable-rows.ts';

/** N_opt = N.c·C^a, D_opt = D.c·C^b; `.c` in parameters and tokens. */
export type IsoflopParameter = 'a' | 'b' | 'N.c' | 'D.c';

/** Choices of the fit. */
export interface IsoflopOptions {
  /** Runs within this factor of the budget's best N carry its parabola (widened to five sizes). Default 4. */
  readonly window?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** The optimum of one budget. Numbers are NaN unless `converged`. */
export interface IsoflopOptimum {
  readonly C: number;
  /** Vertex of the parabola. */
  readonly N: number;
  /** Tokens at that N on this budget. */
  readonly D: number;
  /** Nats per token at the vertex. */
  readonly loss: number;
  readonly status: FitStatus;
  readonly message: Sentence;
  /** Rows that carry the parabola. */
  readonly rows: readonly number[];
  /** Loss over natural log N, for drawing; undefined where no parabola could be fitted. */
  readonly parabola: Pick<Parabola, 'vertex' | 'lowest' | 'curvature'> | undefined;
}

/** The fitted law. Residuals are log N_opt − log fitted, one per converged optimum, ascending C. */
export interface IsoflopFit extends Fit<IsoflopParameter> {
  readonly law: 'isoflop';
  /** One per budget, ascending C. */
  readonly optima: readonly IsoflopOptimum[];
  /** log N_opt and log D_opt as lines in (1, log C − centre), for drawing with their band. */
  readonly lines: { readonly centre: number; readonly N: LogLinearFit; readonly D: LogLinearFit } | undefined;
}

/** A curvature less than this many standard errors above zero has no minimum worth the name. */
const LEAST_CURVATURE_ERRORS = 2;

/** Sizes a parabola needs: its three parameters and two more. */
const LEAST_SIZES = 5;

/** Fits approach 2 to rows on budgets (C given, or N and D with C = 6·N·D). */
export function fitIsoflop(table: readonly RunRow[], options: IsoflopOptions = {}): IsoflopFit {
  const { window = 4, bootstrap = {} } = options;
  const selected = usableRows(table, ['N']);
  const left: LeftOut[] = [...selected.left];
  const rows = selected.used.filter((row) => {
    const compute = computeOf(table[row]);
    const usable = compute > 0 && Number.isFinite(compute);
    if (!usable) left.push({ row, reason: sentences.missing('C') });
    return usable;
  });
  const refuse = (problem: DesignProblem, optima: readonly IsoflopOptimum[] = []): IsoflopFit => ({
    ...refused<IsoflopParameter>({ law: 'isoflop', problem, left: left.sort((first, second) => first.row - second.row) }),
    law: 'isoflop',
    optima,
    lines: undefined,
  });
  if (rows.length === 0) return refuse(enoughPoints(0, LEAST_SIZES)!);
  const budgets = groupBudgets(table, rows);
  if (budgets === undefined) return refuse({ status: 'not identified', message: isoflopSentence.noBudgets });

  const { optima, variances, outside } = findOptima(table, budgets, window);
  left.push(...outside);
  const good = optima.flatMap((optimum, i) => (optimum.status === 'converged' ? [{ optimum, variance: variances[i] }] : []));
  const tooFew = enoughPoints(good.length, 2, isoflopSentence.budgets);
  const compute = good.map(({ optimum }) => optimum.C);
  const problem =
    tooFew === undefined
      ? wideEnough(compute, 'C')
      : {
          status: tooFew.status,
          message: isoflopSentence.tooFewBudgets(good.length, 4, optima.filter((optimum) => optimum.status === 'at the edge').length),
        };
  if (problem !== undefined) return refuse(problem, optima);

  const logC = compute.map(Math.log);
  const centre = logC.reduce((sum, value) => sum + value, 0) / logC.length;
  const line = (of: 'N' | 'D'): LogLinearFit | undefined =>
    fitLogLinear({
      terms: logC.map((value) => [1, value - centre]),
      y: good.map(({ optimum }) => Math.log(optimum[of])),
      weights: good.map(() => 1),
      variances: good.map(({ variance }) => variance),
      options: bootstrap,
    });
  const size = line('N');
  const tokens = line('D');
  if (size === undefined || tokens === undefined) return refuse({ status: 'not identified', message: isoflopSentence.noBudgets }, optima);
  const factor = (fit: LogLinearFit): Estimate => {
    const { value, low, high } = logLinearEstimate(fit, [1, -centre]);
    return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
  };
  const parameters = {
    a: logLinearEstimate(size, [0, 1]),
    b: logLinearEstimate(tokens, [0, 1]),
    'N.c': factor(size),
    'D.c': factor(tokens),
  };
  const { resamples = 1000, seed = 0 } = bootstrap;
  return {
    law: 'isoflop',
    status: 'converged',
    message: isoflopSentence.found(parameters.a, good.length, optima.length - good.length),
    parameters,
    objective: { name: 'ls', value: size.sumOfSquares / 2 },
    used: good.flatMap(({ optimum }) => optimum.rows).sort((i, j) => i - j),
    left: left.sort((first, second) => first.row - second.row),
    residuals: [...size.residuals],
    bootstrap: resamples > 0 ? { unit: 'cells', resamples, seed } : undefined,
    optima,
    lines: { centre, N: size, D: tokens },
  };
}

/** N_opt (or D_opt) at C FLOPs with its 95 % interval; undefined unless the fit converged. */
export function isoflopAt(fit: IsoflopFit, of: 'N' | 'D', C: number): Estimate | undefined {
  if (fit.lines === undefined) return undefined;
  const { value, low, high } = logLinearEstimate(fit.lines[of], [1, Math.log(C) - fit.lines.centre]);
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

interface Candidate {
  readonly budget: Budget;
  readonly rows: readonly number[];
  readonly parabola: Parabola | undefined;
  readonly edge: 'small' | 'large' | undefined;
  readonly sizes: number;
  readonly range: readonly [low: number, high: number];
}

function findOptima(
  table: readonly RunRow[],
  budgets: readonly Budget[],
  window: number,
): { optima: IsoflopOptimum[]; variances: number[]; outside: LeftOut[] } {
  const outside: LeftOut[] = [];
  const candidates = budgets.map((budget, index): Candidate => {
    const losses = lossesAtBudget(table, budgets, index);
    const logN = budget.rows.map((row) => Math.log(table[row].N!));
    const sizes = distinctValues(budget.rows.map((row) => table[row].N!));
    const range = [logN[0], logN[logN.length - 1]] as const;
    const lowest = losses.reduce((best, loss, i) => (loss < losses[best] ? i : best), 0);
    const edge = atEnd(logN[lowest], range);
    const inside = windowAround(logN, logN[lowest], window);
    const rows = inside.map((i) => budget.rows[i]);
    if (edge !== undefined || sizes < LEAST_SIZES) return { budget, rows, parabola: undefined, edge, sizes, range };
    return {
      budget,
      rows,
      edge,
      sizes,
      range,
      parabola: fitParabola(
        inside.map((i) => logN[i]),
        inside.map((i) => losses[i]),
      ),
    };
  });
  // Noise is relative to the loss and shared by all budgets: five points alone say too little about their own.
  let squares = 0;
  let freedom = 0;
  for (const { parabola } of candidates) {
    if (parabola === undefined || !(parabola.curvature > 0)) continue;
    squares += parabola.sumOfSquares / parabola.lowest ** 2;
    freedom += parabola.degreesOfFreedom;
  }
  const relativeVariance = freedom > 0 ? squares / freedom : 0;
  const variances: number[] = [];
  const optima = candidates.map((candidate): IsoflopOptimum => {
    const { budget, parabola } = candidate;
    const variance = parabola === undefined ? NaN : relativeVariance * parabola.lowest ** 2;
    const { status, message } = judge(candidate, variance);
    variances.push(parabola === undefined ? NaN : variance * parabola.vertexVariance);
    const converged = status === 'converged' && parabola !== undefined;
    const kept = new Set(converged ? candidate.rows : []);
    for (const row of budget.rows) {
      if (!kept.has(row)) outside.push({ row, reason: converged ? isoflopSentence.outsideWindow(window) : message });
    }
    return {
      C: budget.C,
      N: converged ? Math.exp(parabola.vertex) : NaN,
      D: converged ? tokensAt(table, candidate, parabola.vertex) : NaN,
      loss: converged ? parabola.lowest : NaN,
      status,
      message,
      rows: candidate.rows,
      parabola: parabola && { vertex: parabola.vertex, lowest: parabola.lowest, curvature: parabola.curvature },
    };
  });
  return { optima, variances, outside };
}

function judge({ parabola, edge, sizes, range }: Candidate, variance: number): { status: FitStatus; message: Sentence } {
  if (edge !== undefined) return { status: 'at the edge', message: isoflopSentence.atTheEdge(edge) };
  if (sizes < LEAST_SIZES) return { status: 'not enough points', message: isoflopSentence.tooFewSizes(sizes, LEAST_SIZES) };
  if (parabola === undefined || !(parabola.curvature > LEAST_CURVATURE_ERRORS * Math.sqrt(variance * parabola.curvatureVariance)))
    return { status: 'not identified', message: isoflopSentence.flat };
  if (parabola.vertex <= range[0]) return { status: 'at the edge', message: isoflopSentence.atTheEdge('small') };
  if (parabola.vertex >= range[1]) return { status: 'at the edge', message: isoflopSentence.atTheEdge('large') };
  return { status: 'converged', message: isoflopSentence.optimum(Math.exp(parabola.vertex), parabola.lowest) };
}

function atEnd(logN: number, [low, high]: readonly [number, number]): 'small' | 'large' | undefined {
  if (logN - low < 0.01) return 'small';
  return high - logN < 0.01 ? 'large' : undefined;
}

/** Positions (ascending) within the factor `window` of `centre`, widened to the nearest five different sizes. */
function windowAround(logN: readonly number[], centre: number, window: number): number[] {
  const byDistance = [...logN.keys()].sort((i, j) => Math.abs(logN[i] - centre) - Math.abs(logN[j] - centre) || i - j);
  const sizes: number[] = [];
  return byDistance
    .filter((i) => {
      const known = sizes.some((size) => Math.abs(size - logN[i]) < 0.01);
      const wanted = Math.abs(logN[i] - centre) <= Math.log(window) || known || sizes.length < LEAST_SIZES;
      if (wanted && !known && sizes.length < LEAST_SIZES) sizes.push(logN[i]);
      return wanted;
    })
    .sort((i, j) => i - j);
}

/** D at a given log N on a budget: log D is a line in log N (exactly −1 in slope for C = 6·N·D). */
function tokensAt(table: readonly RunRow[], { budget, rows }: Candidate, logN: number): number {
  const known = rows.filter((row) => table[row].D !== undefined && table[row].D > 0);
  if (known.length < 3) return budget.C / 6 / Math.exp(logN);
  const x = known.map((row) => Math.log(table[row].N!));
  const y = known.map((row) => Math.log(table[row].D!) - Math.log(computeOf(table[row]) / budget.C));
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanX = mean(x);
  const meanY = mean(y);
  let cross = 0;
  let square = 0;
  x.forEach((value, i) => {
    cross += (value - meanX) * (y[i] - meanY);
    square += (value - meanX) ** 2;
  });
  return Math.exp(meanY + (cross / square) * (logN - meanX));
}
