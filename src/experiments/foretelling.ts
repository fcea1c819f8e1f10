// The analysis behind "predict, then train": from small models to the loss of one that is at least eight times larger,
// at a batch size that none of them had; and the run that puts it to the test.
import { runFields, type RunConfig, type RunField, type RunInput, type Shape } from '../config/run.ts';
import { runId } from '../config/parse.ts';
import type { Estimate, RunRow } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { countParameters } from '../model/counts.ts';
import { modelConfig } from '../model/parameters.ts';
import type { PredictedPoint, PredictionDraft } from '../sweep/prediction.ts';
import type { CurvePoint, RunRecord } from '../sweep/record.ts';
import type { Analysis, AnalysisOptions } from './experiment.ts';
import { ableLaws, predictor, tryLaws, type Doubts, type PredictedLoss, type Rehearsal } from './extrapolation.ts';
import { tableOf } from './rows.ts';
import { valleyRate, type RateValley } from '../laws/rate-valley.ts';
import { FIRST_SHARE, isValley, tunedCurves, type ValleyCell } from './tuned-curves.ts';
import { edgeReason, tunedCells } from './tuning.ts';

/** How many times larger than any of the fit the foretold model is, at least; by non-embedding parameters. */
export const TIMES_LARGER = 8;

/** Id of the experiment that this is the analysis of. */
const EXPERIMENT = 'predict-then-train';

/** Settings that the sweep varies, or that only repeat a run. */
const VARIED: readonly RunField[] = ['shape', 'learningRate', 'batchSequences', 'tokens', 'seed', 'dataSeed'];

/** Points of the curve that is drawn and frozen. */
const CURVE_POINTS = 32;

/** A law that was tried. */
export interface LawReport {
  readonly id: string;
  readonly label: Sentence;
  readonly formula: string;
  readonly parameters: Readonly<Record<string, number>> | undefined;
  readonly rehearsal: Rehearsal | undefined;
  readonly message: Sentence | undefined;
}

/** Held-out losses of one size and batch at its best learning rate along its runs, and the law there. */
export interface CurveOfCell {
  readonly N: number;
  readonly B: number;
  readonly runs: readonly string[];
  readonly points: readonly { readonly tokens: number; readonly loss: number; readonly fitted: number | undefined }[];
}

/** The model that was foretold, trained. */
export interface TrainedTarget {
  readonly id: string;
  readonly status: RunRecord['status'];
  readonly N: number;
  readonly B: number;
  readonly D: number;
  readonly lr: number;
  /** Nats per token on held-out text at the end; null unless finished. */
  readonly loss: number | null;
  readonly validation: readonly CurvePoint[];
  /** What the fit, which has not seen this run, says of its end and of its curve. */
  readonly predicted: PredictedLoss | undefined;
  readonly curve: readonly PredictedPoint[];
  /** Loss of the fit for the largest small model at that batch and those tokens. */
  readonly unchanged: number | undefined;
}

/** What the small models say of the large one. Plain data. */
export interface Foretelling extends Analysis {
  /** Runs of the sweep that have ended, those of large models left out. */
  readonly smallRuns: number;
  /** Those whose best rate lies beyond the rates tried have an `edge`, and are left out of the law. */
  readonly cells: readonly ValleyCell[];
  readonly curves: readonly CurveOfCell[];
  /** The best learning rate over sizes and batches. */
  readonly rates: RateValley | undefined;
  readonly laws: readonly LawReport[];
  /** Id of the law that did best in rehearsal. */
  readonly chosen: string | undefined;
  /** Largest size fitted, by the analysis' count. */
  readonly largestN: number;
  /** What is to be frozen; undefined where nothing can be foretold, and `why` says so. */
  readonly draft: PredictionDraft | undefined;
  readonly why: Sentence | undefined;
  /** What the standard error of the draft is made of. */
  readonly doubts: Doubts | undefined;
  /** Large models that were trained, in the order of their ids. */
  readonly trained: readonly TrainedTarget[];
}

/** Analyses the runs of a sweep: the small ones are fitted, those eight times larger are held against the fit. */
export function foretell(records: readonly RunRecord[], options: AnalysisOptions = {}): Foretelling {
  const { records: used, left, options: whole } = tableOf(records, VARIED, options);
  const { small, large } = bySize(used);
  const { count } = whole;
  const table = tableOf(small, VARIED, whole);
  const { cells, valley, rows, singles } = tunedCurves(tunedCells(table.rows, table.records), table.rows, table.records);
  const rates = isValley(valley) ? valley : undefined;
  const tried = tryLaws(rows);
  const able = ableLaws(tried);
  const { best, predict } = firstOf(able, (law) => predictor(law, { rows, singles, able }));
  const largestN = Math.max(0, ...small.map(({ N }) => N[count]));
  const at = (N: number, B: number, D: number) => {
    if (predict === undefined || best === undefined) return undefined;
    const { doubts, ...final } = predict({ N, B, S: D / B });
    if (!(final.loss > 0) || !Number.isFinite(final.standardError)) return undefined;
    const unchanged = best.fitted.loss({ N: largestN, B, S: D / B });
    return { final, doubts, curve: curveAt(predict, { N, B, D }), unchanged };
  };
  const test = testRun(small, rates, count);
  const foretold = test && at(test.N, test.B, test.D);
  return {
    options: whole,
    left: [...left, ...leftCells(cells, table.ids)],
    smallRuns: small.length,
    cells,
    curves: curvesOf(cells, rows, best?.fitted.loss),
    rates,
    laws: tried.map(({ choice, fitted, rehearsal, message }) => ({
      id: choice.id,
      label: choice.label,
      formula: choice.formula,
      parameters: fitted?.parameters,
      rehearsal,
      message,
    })),
    chosen: best?.choice.id,
    largestN,
    draft:
      test && foretold && best
        ? {
            experiment: EXPERIMENT,
            config: test.config,
            N: test.N,
            largestN,
            count,
            D: test.D,
            B: test.B,
            batchesSeen: [...new Set(small.map(({ B }) => B))].sort((a, b) => a - b),
            fit: { law: best.choice.formula, parameters: { ...best.fitted.parameters }, runs: singles.length },
            curve: foretold.curve,
            final: foretold.final,
            unchanged: foretold.unchanged,
          }
        : undefined,
    doubts: foretold?.doubts,
    why:
      foretold === undefined
        ? isValley(valley)
          ? (tried.find(({ message }) => message !== undefined)?.message ?? noTest)
          : valley.message
        : undefined,
    trained: large
      .map((record): TrainedTarget => {
        const { id, status, N, B, D, lr, finalLoss, validation } = record;
        const foreseen = at(N[count], B, D);
        return {
          id,
          status,
          N: N[count],
          B,
          D,
          lr,
          loss: finalLoss,
          validation,
          predicted: foreseen?.final,
          curve: foreseen?.curve ?? [],
          unchanged: foreseen?.unchanged,
        };
      })
      .sort((a, b) => (a.id < b.id ? -1 : 1)),
  };
}

/** The best of the laws that hold, and how it predicts. */
function firstOf<Law, Predict>(laws: readonly Law[], predictorOf: (law: Law) => Predict | undefined): { best?: Law; predict?: Predict } {
  for (const best of laws) {
    const predict = predictorOf(best);
    if (predict !== undefined) return { best, predict };
  }
  return {};
}

/** Runs below the first gap of {@link TIMES_LARGER} in size, and those above it. */
function bySize(records: readonly RunRecord[]): { small: RunRecord[]; large: RunRecord[] } {
  const sizes = [...new Set(records.map(({ N }) => N.nonEmbedding))].sort((a, b) => a - b);
  const first = sizes.findIndex((N, index) => index > 0 && N >= TIMES_LARGER * sizes[index - 1]);
  const least = first < 0 ? Infinity : sizes[first];
  return { small: records.filter(({ N }) => N.nonEmbedding < least), large: records.filter(({ N }) => N.nonEmbedding >= least) };
}

/** The run to train: its config, and its place in the law. */
interface TestRun {
  readonly config: RunConfig;
  readonly N: number;
  readonly B: number;
  readonly D: number;
}

/** The model to foretell: of the form of the largest, wider, at a batch between those trained and the learning rate that the law gives. */
function testRun(small: readonly RunRecord[], rates: RateValley | undefined, count: keyof RunRecord['N']): TestRun | undefined {
  if (rates === undefined || small.length === 0) return undefined;
  const largest = small.reduce((most, record) => (record.N.nonEmbedding > most.N.nonEmbedding ? record : most));
  const tokens = Math.max(...small.map(({ config }) => config.tokens));
  const shape = widened(largest, new Set(small.map(({ config }) => config.shape.heads)));
  const batchSequences = unseenBatch(small.map(({ config }) => config.batchSequences));
  if (shape === undefined || batchSequences === undefined) return undefined;
  const base: RunConfig = { ...largest.config, shape, tokens, batchSequences, seed: 0, dataSeed: 0 };
  const N = countParameters(modelConfig(base, largest.vocabulary))[count];
  const B = batchSequences * base.context;
  const D = Math.floor(tokens / B) * B;
  const rate = Number(valleyRate(rates, N, B).value.toPrecision(3));
  if (!(rate >= 1e-8 && rate <= 10)) return undefined;
  return { config: { ...base, learningRate: rate }, N, B, D };
}

/**
 * The narrowest shape of the same depth that is {@link TIMES_LARGER} as large. Small models of one number of heads have wider
 * heads as they grow, and so has the large one; otherwise it has more heads of the same width. Widths are whole multiples
 * of the head width of the largest small model.
 */
function widened({ config, vocabulary, N }: RunRecord, heads: ReadonlySet<number>): Shape | undefined {
  const { shape } = config;
  const step = shape.width / shape.heads;
  for (let times = shape.heads + 1; times * step <= 1024; times++) {
    const width = times * step;
    const wider = { ...shape, width, heads: heads.size === 1 ? shape.heads : times };
    if (width % wider.heads !== 0 || wider.heads > 32) continue;
    if (countParameters(modelConfig({ ...config, shape: wider }, vocabulary)).nonEmbedding >= TIMES_LARGER * N.nonEmbedding) return wider;
  }
  return undefined;
}

/** The whole number nearest the middle (in the logarithm) of the widest gap between batches, if it is not one of them. */
function unseenBatch(batches: readonly number[]): number | undefined {
  const seen = [...new Set(batches)].sort((a, b) => a - b);
  const gaps = seen.slice(1).map((above, index) => ({ above, below: seen[index] }));
  // Of gaps alike the one nearest the middle of the grid.
  const middle = gaps.length / 2 - 0.5;
  const ranked = gaps
    .map((gap, index) => ({ ...gap, width: Math.round(100 * Math.log(gap.above / gap.below)), off: Math.abs(index - middle) }))
    .sort((a, b) => b.width - a.width || a.off - b.off);
  const widest = ranked.at(0);
  if (widest === undefined) return undefined;
  const between = Math.round(Math.sqrt(widest.above * widest.below));
  return seen.includes(between) ? undefined : between;
}

function curveAt(
  predict: (place: { N: number; B: number; S: number }) => PredictedLoss,
  { N, B, D }: { N: number; B: number; D: number },
): PredictedPoint[] {
  return Array.from({ length: CURVE_POINTS }, (_, i) => {
    const tokens = D * FIRST_SHARE ** (1 - i / (CURVE_POINTS - 1));
    const { loss, low, high } = predict({ N, B, S: tokens / B });
    return { tokens, loss, low, high };
  });
}

function curvesOf(
  cells: readonly ValleyCell[],
  rows: readonly RunRow[],
  law: ((place: { N: number; B: number; S: number }) => number) | undefined,
): CurveOfCell[] {
  return cells
    .filter(({ edge }) => edge === undefined)
    .map(({ N, B, runs }) => ({
      N,
      B,
      runs,
      points: rows
        .filter((row) => row.N === N && row.B === B)
        .map(({ D, S, loss }) => ({ tokens: D!, loss, fitted: law?.({ N, B, S: S! }) }))
        .sort((a, b) => a.tokens - b.tokens),
    }));
}

function leftCells(cells: readonly ValleyCell[], ids: readonly string[]): { id: string; reason: Sentence }[] {
  return cells.flatMap(({ rows, edge }) => (edge === undefined ? [] : rows.map((row) => ({ id: ids[row], reason: edgeReason }))));
}

/** Settings of a run that differ from a sweep's base, whole: what a grid of that one run sets. */
export function settingsOf(config: RunConfig): RunInput {
  return Object.fromEntries(runFields.map((field) => [field, config[field]]));
}

/** Whether the run of a draft is among these. */
export function isTrained({ draft, trained }: Foretelling): boolean {
  return draft !== undefined && trained.some(({ id }) => id === runId(draft.config));
}

/** The estimate of a predicted loss. */
export function asEstimate({ loss, low, high }: { loss: number; low: number; high: number }): Estimate {
  return { value: loss, low, high };
}

const noTest: Sentence = {
  en: 'No model follows from these runs that would test a law: it takes several batches, and a learning rate that can be used.',
  zh: '由这些训练无法确定可用来检验定律的模型：需要多种批大小，以及可用的学习率。',
};
