// Approach 1 of Hoffmann et al. (Chinchilla, arXiv 2203.15556, section 3.1): the lower envelope of the loss curves of
// all sizes over compute, and the power law of the size that lies on it.
//
// The best size is a staircase in C. Regressing the stairs themselves shrinks the exponent (by 1/k² with k stairs), so
// the line goes through the passages: at the C where one size overtakes another the optimum lies between the two,
// and on a ladder of equal ratios exactly at their geometric mean up to a constant factor. The regression is of
// log C on log N, because the error is in where curves cross, not in N.
import { computeOf } from './budgets.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { firstProblem, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Estimate, Fit, LeftOut, RunRow } from './fit.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from './log-linear.ts';
import { curvesBySize, lowestAt, type SizeCurves } from './loss-curves.ts';
import { weightedLeastSquares } from './regression.ts';
import { envelopeSentence } from './sentences-isoflop.ts';
import { sentences } from './sentences.ts';
import { usableRows } from './usable-rows.ts';

/** N_opt = N.c·C^a; D_opt ∝ C^b with b = 1 − a under C = 6·N·D. */
export type EnvelopeParameter = 'a' | 'b' | 'N.c';

/** Choices of the fit. */
export interface EnvelopeOptions {
  /** Points at which the envelope is read, log-spaced over C. Default 1,500, as published. */
  readonly points?: number;
  readonly bootstrap?: BootstrapOptions;
}

/** One point of the envelope: at C FLOPs the lowest loss, and the size that has it. */
export interface EnvelopePoint {
  readonly C: number;
  readonly N: number;
  readonly loss: number;
}

/** Where one size overtakes another along the envelope. */
export interface Passage {
  readonly C: number;
  readonly from: number;
  readonly to: number;
}

/** The fitted law. Residuals are log C − log fitted, one per passage. */
export interface EnvelopeFit extends Fit<EnvelopeParameter> {
  readonly law: 'envelope';
  readonly envelope: readonly EnvelopePoint[];
  readonly passages: readonly Passage[];
  /** log C as a line in (1, log N − centre), for drawing. */
  readonly line: { readonly centre: number; readonly fit: LogLinearFit } | undefined;
}

/** Fits approach 1 to curves (rows of one `run`) or to final losses of each size at several D; C given or 6·N·D. */
export function fitEnvelope(table: readonly RunRow[], options: EnvelopeOptions = {}): EnvelopeFit {
  const { points = 1500, bootstrap = {} } = options;
  const selected = usableRows(table, ['N']);
  const left: LeftOut[] = [...selected.left];
  const rows = selected.used.filter((row) => {
    const compute = computeOf(table[row]);
    const usable = compute > 0 && Number.isFinite(compute);
    if (!usable) left.push({ row, reason: sentences.missing('C') });
    return usable;
  });
  const all = curvesBySize(table, rows);
  const sizes = all.filter((size) => size.curves.length > 0);
  for (const size of all) if (size.curves.length === 0) for (const row of size.rows) left.push({ row, reason: envelopeSentence.tooShort });

  const { envelope, passages } = traceEnvelope(sizes, points);
  const onIt = new Set(passages.flatMap(({ from, to }) => [from, to]));
  for (const size of sizes) if (!onIt.has(size.N)) for (const row of size.rows) left.push({ row, reason: envelopeSentence.neverBest });
  const used = sizes.flatMap((size) => (onIt.has(size.N) ? size.rows : [])).sort((i, j) => i - j);
  left.sort((first, second) => first.row - second.row);
  const refuse = (problem: DesignProblem): EnvelopeFit => ({
    ...refused<EnvelopeParameter>({ law: 'envelope', problem, left, used }),
    law: 'envelope',
    envelope,
    passages,
    line: undefined,
  });
  const middles = passages.map(({ from, to }) => (Math.log(from) + Math.log(to)) / 2);
  const problem = firstProblem(
    passages.length >= 4 ? undefined : { status: 'not enough points', message: envelopeSentence.tooFewPassages(passages.length, 4) },
    wideEnough(
      passages.map(({ C }) => C),
      'C',
    ),
    wideEnough(middles.map(Math.exp), 'N', 2),
  );
  if (problem !== undefined) return refuse(problem);
  const centre = middles.reduce((sum, value) => sum + value, 0) / middles.length;
  const terms = middles.map((value) => [1, value - centre]);
  const angles = passages.map((passage) => angleOfPassage(passage, sizes));
  // An error of the loss moves a passage by its size over the angle at which the two curves cross.
  const weights = angles.every((angle) => angle > 0) ? angles.map((angle) => angle ** 2) : angles.map(() => 1);
  let fit = fitLogLinear({ terms, y: passages.map(({ C }) => Math.log(C)), weights, options: bootstrap });
  if (fit !== undefined && onIt.size > 0 && sizes.every((size) => !onIt.has(size.N) || size.ofRuns)) {
    fit = { ...fit, covariance: covarianceOfRuns(passages, sizes, terms, weights, fit) };
  }
  const slope = fit && logLinearEstimate(fit, [0, 1]);
  if (fit === undefined || slope === undefined || !(slope.value > 0))
    return refuse({ status: 'not converged', message: sentences.notConverged });
  // A slope whose interval reaches zero bounds a from below only.
  const a: Estimate = { value: 1 / slope.value, low: 1 / slope.high, high: slope.low > 0 ? 1 / slope.low : Infinity };
  const { resamples = 1000, seed = 0 } = bootstrap;
  return {
    law: 'envelope',
    status: 'converged',
    message: envelopeSentence.found(a, passages.length, onIt.size),
    parameters: {
      a,
      b: { value: 1 - a.value, low: 1 - a.high, high: 1 - a.low },
      'N.c': factorAtOne(fit, centre),
    },
    objective: { name: 'ls', value: fit.sumOfSquares / 2 },
    used,
    left,
    residuals: [...fit.residuals],
    bootstrap: resamples > 0 ? { unit: 'cells', resamples, seed } : undefined,
    envelope,
    passages,
    line: { centre, fit },
  };
}

/**
 * Covariance of the line's coefficients when curves are runs: a run that happens to be low shifts the passage before it
 * one way and the one after it the other, so neighbouring errors u_k = (ε_{k+1} − ε_k)/angle have the correlation
 * −1/2. Taking them as independent would nearly double the interval. What the points of a curve scatter on their own is
 * another error at each passage, and weakens that correlation by its share of the variance.
 */
function covarianceOfRuns(
  passages: readonly Passage[],
  sizes: readonly SizeCurves[],
  terms: readonly (readonly number[])[],
  weights: readonly number[],
  fit: LogLinearFit,
): number[][] {
  const linear = weightedLeastSquares(terms, fit.residuals, weights);
  if (linear.status === 'rank deficient') return fit.covariance.map((row) => [...row]);
  const count = passages.length;
  // Rows of the pseudo-inverse: how each coefficient answers to each passage.
  const answers = Array.from({ length: count }, (_, k) => linear.solve(Array.from({ length: count }, (_, i) => (i === k ? 1 : 0))));
  // In units of the loss: 1/weight is the variance of a passage for a unit variance of the difference of its curves.
  const squares = fit.residuals.reduce((sum, residual, i) => sum + weights[i] * residual * residual, 0);
  const scatter = passages.reduce((sum, { from, to }) => sum + scatterOf(from, sizes) + scatterOf(to, sizes), 0) / count;
  const near = (i: number): number[] => [i - 1, i, i + 1].filter((m) => m >= 0 && m < count);
  const withShare = (share: number): { variance: number; covariance: (i: number, j: number) => number } => {
    const covariance = (i: number, j: number): number => {
      if (i === j) return 1 / weights[i];
      const follows = passages[Math.min(i, j)].to === passages[Math.max(i, j)].from;
      return follows ? (-0.5 * (1 - share)) / Math.sqrt(weights[i] * weights[j]) : 0;
    };
    // E[Σ weight·residual²] = variance · trace(W(1 − hat)·covariance): what the sum of squares is divided by.
    let trace = 0;
    for (let i = 0; i < count; i++) {
      for (const m of near(i)) {
        const hat = terms[i].reduce((sum, term, j) => sum + term * answers[m][j], 0);
        trace += weights[i] * ((i === m ? 1 : 0) - hat) * covariance(m, i);
      }
    }
    return { variance: squares / trace, covariance };
  };
  let model = withShare(0);
  // The variance that the share is taken of depends on the share, weakly.
  for (let round = 0; round < 3 && scatter > 0; round++) model = withShare(Math.min(1, scatter / Math.max(model.variance, 1e-300)));
  const { variance, covariance } = model;
  const sandwich = (j: number, k: number): number => {
    let sum = 0;
    for (let i = 0; i < count; i++) for (const m of near(i)) sum += answers[i][j] * answers[m][k] * covariance(i, m);
    return sum;
  };
  return terms[0].map((_, j) => terms[0].map((_, k) => variance * sandwich(j, k)));
}

/** Variance that the scatter of its points leaves in a size's curve. */
function scatterOf(N: number, sizes: readonly SizeCurves[]): number {
  const { curves } = sizes.find((size) => size.N === N)!;
  return curves.reduce((sum, curve) => sum + curve.error ** 2, 0) / curves.length;
}

/** By how much the lead of the larger size in log loss grows with log C where it overtakes; NaN where a curve ends. */
function angleOfPassage({ C, from, to }: Passage, sizes: readonly SizeCurves[]): number {
  const [first, second] = [from, to].map((N) => sizes.find((size) => size.N === N)!);
  const step = 1e-3;
  const lead = (at: number): number => lowestAt(first, at) - lowestAt(second, at);
  return (lead(Math.log(C) + step) - lead(Math.log(C) - step)) / (2 * step);
}

/** The envelope on a log-spaced grid of C, and every passage between two sizes that both reach its C. */
export function traceEnvelope(sizes: readonly SizeCurves[], points: number): { envelope: EnvelopePoint[]; passages: Passage[] } {
  const envelope: EnvelopePoint[] = [];
  const passages: Passage[] = [];
  let low = Infinity;
  let high = -Infinity;
  for (const { curves } of sizes) {
    for (const { from, to } of curves) {
      low = Math.min(low, from);
      high = Math.max(high, to);
    }
  }
  if (!(high > low)) return { envelope, passages };
  let before = -1;
  for (let k = 0; k < points; k++) {
    const at = low + ((high - low) * k) / (points - 1);
    let best = -1;
    let loss = Infinity;
    sizes.forEach((size, i) => {
      const value = lowestAt(size, at);
      if (value < loss) {
        loss = value;
        best = i;
      }
    });
    if (best >= 0) envelope.push({ C: Math.exp(at), N: sizes[best].N, loss: Math.exp(loss) });
    if (before >= 0 && best >= 0 && best !== before) {
      const crossing = whereTheyCross(sizes[before], sizes[best], at - (high - low) / (points - 1), at);
      if (crossing !== undefined) passages.push({ C: Math.exp(crossing), from: sizes[before].N, to: sizes[best].N });
    }
    before = best;
  }
  return { envelope, passages };
}

/**
 * N_opt at C FLOPs with its 95 % interval; undefined unless the fit converged. The line gives log C over log N, so the
 * interval is the set of N whose log C is within its error of the one asked for (E. C. Fieller, Journal of the Royal
 * Statistical Society B 16, 1954): as for `a`, an end is absent (0 or Infinity) where the slope's own interval reaches zero.
 */
export function envelopeAt(fit: EnvelopeFit, C: number): Estimate | undefined {
  if (fit.status !== 'converged' || fit.line === undefined) return undefined;
  const {
    centre,
    fit: {
      coefficients: [p, q],
      covariance,
      quantile,
    },
  } = fit.line;
  const y = Math.log(C) - p;
  const value = Math.exp(centre + y / q);
  // |y − q·x| ≤ quantile·√(v00 + 2·x·v01 + x²·v11), squared: square·x² − 2·half·x + rest ≤ 0.
  const square = q * q - quantile ** 2 * covariance[1][1];
  const half = q * y + quantile ** 2 * covariance[0][1];
  const rest = y * y - quantile ** 2 * covariance[0][0];
  if (!Number.isFinite(square)) return { value, low: NaN, high: NaN };
  if (!(square > 0)) return { value, low: 0, high: Infinity };
  const reach = Math.sqrt(Math.max(half * half - square * rest, 0));
  return { value, low: Math.exp(centre + (half - reach) / square), high: Math.exp(centre + (half + reach) / square) };
}

/** N at C = 1 on the inverted line: log N = centre + (log C − p)/q, its variance to first order in p and q. */
function factorAtOne({ coefficients: [p, q], covariance, quantile }: LogLinearFit, centre: number): Estimate {
  const logN = centre - p / q;
  const byP = -1 / q;
  const byQ = p / q ** 2;
  const variance = byP ** 2 * covariance[0][0] + 2 * byP * byQ * covariance[0][1] + byQ ** 2 * covariance[1][1];
  const half = quantile * Math.sqrt(Math.max(variance, 0));
  return { value: Math.exp(logN), low: Math.exp(logN - half), high: Math.exp(logN + half) };
}

/** log C in [from, to] where the second size becomes the better one; undefined when a curve merely starts or ends there. */
function whereTheyCross(first: SizeCurves, second: SizeCurves, from: number, to: number): number | undefined {
  const lead = (at: number): number => lowestAt(second, at) - lowestAt(first, at);
  if (!(lead(from) >= 0) || !(lead(to) <= 0)) return undefined;
  let low = from;
  let high = to;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    const value = lead(middle);
    if (Number.isNaN(value)) return undefined;
    if (value >= 0) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
