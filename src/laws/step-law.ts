// Step Law: η = lr.c · N^lr.N · D^lr.D and B = batch.c · D^batch.D (Li et al., arXiv 2503.04715), η the peak learning
// rate and B in tokens. Two routes to it: the paper's recipe over plateaus (code/fit_tool.py of step-law/steplaw), and a
// regression through the vertices of fitted bowls, which uses each landscape's shape and is several times sharper.
import type { BowlOptions } from './bowl.ts';
import type { BootstrapOptions } from './bootstrap.ts';
import { firstProblem, LEAST_RATIO, notTied, refused, type DesignProblem } from './design.ts';
import type { Estimate, Fit, RunRow } from './fit.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from './log-linear.ts';
import { publishedRecipe } from './step-law-recipe.ts';
import { plateauOptima, vertexOptima, type CellOptimum } from './step-law-optima.ts';
import { stepLawSentence } from './step-law-sentences.ts';
import type { GridSide } from './bowl-window.ts';
import { withoutInterval } from './statistics.ts';

/** Parameters of the law; `c` are positive factors, the others exponents. */
export type StepLawParameter = 'lr.c' | 'lr.N' | 'lr.D' | 'batch.c' | 'batch.D';

/** Choices of the fit. */
export interface StepLawOptions {
  /**
   * `plateau`: the published recipe (default). `vertex`: through the vertices of bowls. The plateau's mean is rounded
   * to the grid where the grid is coarser than the plateau is wide; vertices are not, and are sharper by a factor of about five.
   */
  readonly method?: 'plateau' | 'vertex';
  /** Threshold of the plateau, relative to the lowest loss of a cell. Default 0.0025. */
  readonly plateau?: number;
  /** `kept` follows the published recipe to the letter; default `left out`. Only for the plateau. */
  readonly edgeCells?: 'left out' | 'kept';
  /** Window and bootstrap of the bowls, for `vertex`. */
  readonly bowl?: BowlOptions;
  readonly bootstrap?: BootstrapOptions;
}

/** A term of the log-linear regressions. */
export type StepLawTerm = '1' | 'N' | 'D';

/** A fitted line log y = Σ coefficient·term, for drawing with its band; terms an axis lacks are absorbed in the constant. */
export interface StepLawLine {
  readonly terms: readonly StepLawTerm[];
  readonly fit: LogLinearFit;
}

/** The fitted law. Residuals: log η − fitted, one per cell in `cells`; `used` are the rows those cells rest on. */
export interface StepLawFit extends Fit<StepLawParameter> {
  readonly law: 'step-law';
  readonly method: 'plateau' | 'vertex';
  /** The plateau's threshold, stored with the fit; undefined for `vertex`. */
  readonly threshold: number | undefined;
  readonly cells: readonly CellOptimum[];
  readonly atTheEdge: readonly { readonly N: number | undefined; readonly D: number | undefined; readonly edges: readonly GridSide[] }[];
  readonly lines: { readonly lr?: StepLawLine; readonly batch?: StepLawLine };
  /** Coefficient of log N when log B is regressed on log N beside log D: does the best batch depend on N? */
  readonly batchOnN: Estimate | undefined;
  /**
   * The recipe's own numbers, as published: mean coefficients over resamples of the pooled rows and their 2.5–97.5
   * percentiles; only for `plateau`. `parameters` has the regression on the rows themselves (the same up to the noise
   * of resampling) with intervals over cells, because rows of one plateau are not independent.
   */
  readonly published: Readonly<Partial<Record<StepLawParameter, Estimate>>> | undefined;
}

/** An axis that spans less than this counts as constant rather than as narrow. */
const CONSTANT = 1.1;

/** Fits Step Law to runs over (N, D, lr, B). */
export function fitStepLaw(table: readonly RunRow[], options: StepLawOptions = {}): StepLawFit {
  const { method = 'plateau', plateau = 0.0025, edgeCells = 'left out', bowl = {}, bootstrap = {} } = options;
  const { resamples = 1000, seed = 0 } = bootstrap;
  const { optima, left, atTheEdge } =
    method === 'plateau'
      ? plateauOptima(table, { threshold: plateau, edgeCells })
      : vertexOptima(table, { bootstrap: { resamples: Math.min(Math.max(resamples, 1), 200), seed }, ...bowl });
  const threshold = method === 'plateau' ? plateau : undefined;
  const refuse = (problem: DesignProblem): StepLawFit => ({
    ...refused<StepLawParameter>({ law: 'step-law', problem, left, used: optima.flatMap((cell) => cell.rows).sort((a, b) => a - b) }),
    law: 'step-law',
    method,
    threshold,
    cells: optima,
    atTheEdge,
    lines: {},
    batchOnN: undefined,
    published: undefined,
  });
  if (optima.length === 0 && atTheEdge.length > 0) {
    const edges = [...new Set(atTheEdge.flatMap((cell) => cell.edges))];
    return refuse({ status: 'at the edge', message: stepLawSentence.allAtTheEdge(atTheEdge.length, edges) });
  }
  const withRate = optima.filter((cell) => cell.logRate !== undefined);
  const withBatch = optima.filter((cell) => cell.logBatch !== undefined);
  const axes = { N: span(optima.map((cell) => cell.N)), D: span(optima.map((cell) => cell.D)) };
  const varying = (['N', 'D'] as const).filter((axis) => axes[axis] >= CONSTANT);
  const least = varying.length + 2;
  if (optima.length < least)
    return refuse({ status: 'not enough points', message: stepLawSentence.tooFewCells(optima.length, least, atTheEdge.length) });
  const wide = varying.filter((axis) => axes[axis] >= LEAST_RATIO * (1 - 1e-9));
  const problem = firstProblem(
    wide.length === 0 ? { status: 'range too narrow', message: stepLawSentence.nothingVaries } : undefined,
    varying.length === 2
      ? notTied(
          optima.map((cell) => cell.N),
          optima.map((cell) => cell.D),
          'N',
          'D',
        )
      : undefined,
  );
  if (problem !== undefined) return refuse(problem);

  const terms: StepLawTerm[] = ['1', ...varying];
  const lr = lineOf(withRate, 'logRate', 'rateVariance', terms, { resamples, seed });
  const batch = axes.D >= CONSTANT ? lineOf(withBatch, 'logBatch', 'batchVariance', ['1', 'D'], { resamples, seed }) : undefined;
  const withN = lineOf(withBatch, 'logBatch', 'batchVariance', terms, { resamples, seed });
  const batchOnN =
    withN !== undefined && wide.includes('N') && withN.fit.degreesOfFreedom > 1
      ? logLinearEstimate(withN.fit, unit(terms.indexOf('N'), terms.length))
      : undefined;
  const recipe = method === 'plateau' ? publishedRecipe(table, optima, varying, { resamples, seed }) : undefined;

  const complete = wide.length === 2;
  const parameters: Partial<Record<StepLawParameter, Estimate>> = {};
  const give = (name: StepLawParameter, line: StepLawLine | undefined, term: StepLawTerm, identified: boolean): void => {
    if (line === undefined || !identified) return;
    const estimate = logLinearEstimate(line.fit, unit(line.terms.indexOf(term), line.terms.length));
    const published = recipe?.[name];
    // One degree of freedom: cells alone can't carry an interval. Vertices bring their own variances, plateaus the recipe's.
    const few = line.fit.degreesOfFreedom < 2 && published !== undefined;
    const own = term === '1' ? exponentials(estimate) : estimate;
    parameters[name] = few ? { value: own.value, low: published.low, high: published.high } : own;
  };
  give('lr.c', lr, '1', complete);
  give('lr.N', lr, 'N', wide.includes('N'));
  give('lr.D', lr, 'D', wide.includes('D'));
  give('batch.c', batch, '1', wide.includes('D'));
  give('batch.D', batch, 'D', wide.includes('D'));
  if (Object.keys(parameters).length === 0) {
    return refuse({ status: 'not enough points', message: stepLawSentence.tooFewCells(withRate.length, least, atTheEdge.length) });
  }
  const missing = (['lr.c', 'lr.N', 'lr.D', 'batch.c', 'batch.D'] as const).filter((name) => parameters[name] === undefined);
  const reported = (lr ?? batch)!.fit;
  return {
    law: 'step-law',
    status: 'converged',
    message: stepLawSentence.found(parameters, optima.length, atTheEdge.length, missing),
    parameters: resamples > 0 ? parameters : bare(parameters),
    objective: { name: 'ls', value: reported.sumOfSquares / 2 },
    used: optima.flatMap((cell) => cell.rows).sort((a, b) => a - b),
    left,
    residuals: reported.residuals,
    bootstrap: { unit: 'cells', resamples, seed },
    method,
    threshold,
    cells: optima,
    atTheEdge,
    lines: { ...(lr === undefined ? {} : { lr }), ...(batch === undefined ? {} : { batch }) },
    batchOnN,
    published: recipe,
  };
}

/** Best learning rate and batch (tokens) at N and D by a fitted law, with the interval of the line; undefined where a line is missing. */
export function stepLawAt(fit: StepLawFit, N: number, D: number): { lr: Estimate | undefined; B: Estimate | undefined } {
  const value = { '1': 1, N: Math.log(N), D: Math.log(D) };
  const at = (line: StepLawLine | undefined): Estimate | undefined =>
    line === undefined
      ? undefined
      : exponentials(
          logLinearEstimate(
            line.fit,
            line.terms.map((term) => value[term]),
          ),
        );
  return { lr: at(fit.lines.lr), B: at(fit.lines.batch) };
}

function lineOf(
  cells: readonly CellOptimum[],
  key: 'logRate' | 'logBatch',
  variance: 'rateVariance' | 'batchVariance',
  terms: readonly StepLawTerm[],
  options: BootstrapOptions,
): StepLawLine | undefined {
  if (cells.length === 0) return undefined;
  const variances = cells.map((cell) => cell[variance]);
  const fit = fitLogLinear({
    terms: cells.map((cell) => terms.map((term) => (term === '1' ? 1 : Math.log(cell[term])))),
    y: cells.map((cell) => cell[key]!),
    weights: cells.map((cell) => cell.weight),
    variances: variances.every((value) => value !== undefined) ? variances : undefined,
    options,
  });
  return fit === undefined ? undefined : { terms, fit };
}

function span(values: readonly number[]): number {
  return values.length === 0 ? 1 : Math.max(...values) / Math.min(...values);
}

function unit(index: number, length: number): number[] {
  return Array.from({ length }, (_, i) => (i === index ? 1 : 0));
}

function exponentials({ value, low, high }: Estimate): Estimate {
  return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
}

function bare(parameters: Partial<Record<StepLawParameter, Estimate>>): Partial<Record<StepLawParameter, Estimate>> {
  return Object.fromEntries(Object.entries(parameters).map(([name, estimate]) => [name, withoutInterval(estimate.value)]));
}
