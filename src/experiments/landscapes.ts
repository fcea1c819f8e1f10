// The analysis of landscapes: a bowl for every (N, D), the best learning rate and batch against N and D, published laws
// beside them.
import type { RunField, Shape } from '../config/run.ts';
import { fitBowls, type Bowl } from '../laws/bowl.ts';
import type { Estimate } from '../laws/fit.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from '../laws/log-linear.ts';
import { publishedOptima } from '../laws/published-step-law.ts';
import { fitStepLaw, stepLawAt, type StepLawFit, type StepLawTerm } from '../laws/step-law.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';

/** Settings that landscapes vary, or that only repeat a run. */
const VARIED: readonly RunField[] = ['shape', 'tokens', 'learningRate', 'batchSequences', 'seed', 'dataSeed'];

/** Best learning rates and batches by a published law, at the sizes and tokens of the landscapes. */
export interface ReferenceLine {
  readonly id: string;
  readonly label: Sentence;
  readonly citation: string;
  readonly url: string;
  /** In the order of the landscapes. `N` by the analysis' count; the law itself was given its own. Batch in tokens. */
  readonly points: readonly { readonly N: number; readonly D: number; readonly lr: number; readonly B: number | undefined }[];
}

/** One landscape: loss over learning rate and batch at one N and D. */
export interface Landscape {
  readonly N: number;
  readonly D: number;
  readonly shape: Shape;
  /** Indices into the analysis' rows. */
  readonly rows: readonly number[];
  readonly bowl: Bowl;
}

/** Best batch against N and D, through the vertices of bowls: log B = Σ coefficient·term. */
export interface BatchLine {
  readonly terms: readonly StepLawTerm[];
  readonly fit: LogLinearFit;
  /** Exponents; absent where that axis does not vary. */
  readonly N: Estimate | undefined;
  readonly D: Estimate | undefined;
}

/** What landscapes say. */
export interface LandscapeAnalysis extends TableAnalysis {
  /** Ascending in N, then D. */
  readonly landscapes: readonly Landscape[];
  /** Through the vertices of bowls, and by Step Law's own recipe. */
  readonly vertexLaw: StepLawFit;
  readonly plateauLaw: StepLawFit;
  /** Undefined while there are fewer landscapes with a vertex than it needs. */
  readonly batchLine: BatchLine | undefined;
  readonly references: readonly ReferenceLine[];
}

/** Analyses the landscapes of any runs. */
export function analyseLandscapes(records: readonly RunRecord[], options: AnalysisOptions = {}): LandscapeAnalysis {
  const { records: used, ...table } = tableOf(records, VARIED, options);
  const { plateau, window, resamples, seed } = table.options;
  const bootstrap = { resamples, seed };
  const { rows } = table;
  const bowls = fitBowls(rows, { plateau, window, bootstrap });
  const landscapes = bowls.map((bowl): Landscape => {
    const inside = rows.flatMap((row, index) => (row.N === bowl.N && sameTokens(row.D!, bowl.D!) ? [index] : []));
    return { N: bowl.N!, D: bowl.D!, shape: used[inside[0]].config.shape, rows: inside, bowl };
  });
  const vertexLaw = fitStepLaw(rows, { method: 'vertex', bowl: { plateau, window, bootstrap }, bootstrap });
  return {
    ...table,
    landscapes,
    vertexLaw,
    plateauLaw: fitStepLaw(rows, { method: 'plateau', plateau, bootstrap }),
    batchLine: batchLineOf(vertexLaw, bootstrap),
    references: referencesAt(landscapes, used),
  };
}

/** D of one landscape differs by the rounding to whole batches only (as the laws group it). */
function sameTokens(a: number, b: number): boolean {
  return Math.max(a, b) / Math.min(a, b) < 1.01;
}

/** Best learning rate and batch (tokens) at N and D by the law through vertices, each with the interval of its line. */
export function bestAt(analysis: LandscapeAnalysis, N: number, D: number): { lr: Estimate | undefined; B: Estimate | undefined } {
  const { batchLine, vertexLaw } = analysis;
  const { lr } = stepLawAt(vertexLaw, N, D);
  if (batchLine === undefined) return { lr, B: undefined };
  const value = { '1': 1, N: Math.log(N), D: Math.log(D) };
  const log = logLinearEstimate(
    batchLine.fit,
    batchLine.terms.map((term) => value[term]),
  );
  return { lr, B: { value: Math.exp(log.value), low: Math.exp(log.low), high: Math.exp(log.high) } };
}

function batchLineOf(law: StepLawFit, options: { resamples: number; seed: number }): BatchLine | undefined {
  const cells = law.cells.filter((cell) => cell.logBatch !== undefined);
  const varies = (axis: 'N' | 'D'): boolean => {
    const values = cells.map((cell) => cell[axis]);
    return Math.max(...values) / Math.min(...values) >= 3;
  };
  if (cells.length < 3) return undefined;
  const axes = (['N', 'D'] as const).filter(varies);
  const terms: StepLawTerm[] = ['1', ...axes];
  const variances = cells.map((cell) => cell.batchVariance);
  const fit = fitLogLinear({
    terms: cells.map((cell) => terms.map((term) => (term === '1' ? 1 : Math.log(cell[term])))),
    y: cells.map((cell) => cell.logBatch!),
    weights: cells.map((cell) => cell.weight),
    variances: variances.every((variance) => variance !== undefined) ? variances : undefined,
    options,
  });
  if (fit === undefined) return undefined;
  const exponent = (axis: 'N' | 'D'): Estimate | undefined =>
    axes.includes(axis)
      ? logLinearEstimate(
          fit,
          terms.map((term) => (term === axis ? 1 : 0)),
        )
      : undefined;
  return { terms, fit, N: exponent('N'), D: exponent('D') };
}

function referencesAt(landscapes: readonly Landscape[], used: readonly RunRecord[]): ReferenceLine[] {
  return publishedOptima.map(({ id, label, citation, url, count, lr, B }) => ({
    id,
    label,
    citation,
    url,
    points: landscapes.map(({ N, D, rows }) => {
      const counts = used[rows[0]].N;
      const own = count === 'flopsPerToken/6' ? counts.flops : counts.nonEmbedding;
      return { N, D, lr: lr(own, D), B: B?.(own, D) };
    }),
  }));
}
