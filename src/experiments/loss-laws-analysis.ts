// The analysis behind `loss-laws`: for each text the tuned losses over size and tokens, a power law along each axis, the
// laws of Kaplan et al. that correct for the other axis, and the irreducible loss.
import type { RunField } from '../config/run.ts';
import { createSynthetic, isSyntheticId, parseSyntheticId } from '../data/synthetic.ts';
import { fitChinchilla, type ChinchillaFit } from '../laws/chinchilla.ts';
import { criticalBatch, minimumCompute } from '../laws/critical-batch-forms.ts';
import { fitKaplan, type KaplanFit } from '../laws/kaplan.ts';
import { PUBLISHED_CRITICAL_BATCH } from '../laws/kaplan-forms.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import { fitAxis, type AxisLaw, type AxisPoint } from './axis-law.ts';
import { analysisOptions, type Analysis, type AnalysisOptions, type RunGroup, type TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { edgeReason, tunedCells, type TunedCell } from './tuning.ts';

const VARIED: readonly RunField[] = ['shape', 'tokens', 'learningRate', 'batchSequences', 'seed', 'dataSeed'];

/** The laws of one text. */
export interface TextLaws extends RunGroup, TableAnalysis {
  /** True entropy rate, nats per token; undefined for texts whose entropy nobody knows. */
  readonly entropy: number | undefined;
  /** The best batch at each N and D, its learning rate tuned. */
  readonly cells: readonly TunedCell[];
  /** Losses along one axis: sizes at the most tokens, tokens at the largest size, the lowest loss at each budget. */
  readonly axes: { readonly N: AxisLaw; readonly D: AxisLaw; readonly C: AxisLaw };
  /** What C_min leaves of C at the most, as a share taken away. */
  readonly largestCorrection: number;
  readonly kaplan: KaplanFit;
  /** L = E + A/N^α + B/D^β over all cells, for its floor E. */
  readonly floor: ChinchillaFit;
}

/** The laws of every text. */
export interface LossLawsAnalysis extends Analysis {
  readonly texts: readonly TextLaws[];
}

/** Which text a run is about. */
export function textOf({ corpus }: { readonly corpus: string }): RunGroup {
  return {
    id: corpus,
    label: isSyntheticId(corpus) ? { en: 'synthetic language', zh: '合成语言' } : { en: corpus, zh: corpus },
  };
}

/** Analyses runs over sizes, tokens and learning rates of any number of texts. */
export function analyseLossLaws(records: readonly RunRecord[], options: AnalysisOptions = {}): LossLawsAnalysis {
  const byText = new Map<string, RunRecord[]>();
  for (const record of records) {
    const { id } = textOf(record.config);
    const members = byText.get(id);
    if (members) members.push(record);
    else byText.set(id, [record]);
  }
  const texts = [...byText.values()].map((members) => analyseText(members, options));
  return { options: analysisOptions(options), left: texts.flatMap(({ left }) => left), texts };
}

function analyseText(records: readonly RunRecord[], options: AnalysisOptions): TextLaws {
  const { records: used, ...table } = tableOf(records, VARIED, options);
  const { resamples, seed, count } = table.options;
  const group = textOf(records[0].config);
  const entropy = entropyOf(group.id);
  const all = tunedCells(table.rows, used);
  const cells = bestBatches(all);
  const bootstrap = { resamples, seed };
  const cost = (cell: TunedCell): number => minimumCompute(cell.C, cell.B, criticalBatch(PUBLISHED_CRITICAL_BATCH, cell.loss));
  const point = (cell: TunedCell, x: number): AxisPoint => ({
    x,
    loss: cell.loss,
    runs: cell.best.map((row) => table.ids[row]),
    label: {
      en: `N = ${shortNumber(cell.N)}, D = ${shortNumber(cell.D)}`,
      zh: `N = ${shortNumber(cell.N)}，D = ${shortNumber(cell.D)}`,
    },
    ...(cell.edge === undefined ? {} : { leftOut: edgeReason }),
  });
  const most = Math.max(...cells.map(({ D }) => D));
  const largest = Math.max(...cells.map(({ N }) => N));
  const axis = (name: string, points: readonly AxisPoint[]): AxisLaw => fitAxis(points, { floor: entropy, name, resamples, seed });
  return {
    ...group,
    ...table,
    left: [...table.left, ...notBest(all, cells, table.ids)],
    entropy,
    cells,
    axes: {
      N: axis(
        'N',
        cells.filter(({ D }) => D > most / SAME_TOKENS).map((cell) => point(cell, cell.N)),
      ),
      D: axis(
        'D',
        cells.filter(({ N }) => N === largest).map((cell) => point(cell, cell.D)),
      ),
      C: axis(
        'C_min',
        frontier(cells.map((cell) => ({ cell, cost: cost(cell) }))).map(({ cell, cost: x }) => point(cell, x)),
      ),
    },
    largestCorrection: Math.max(0, ...cells.map((cell) => 1 - cost(cell) / cell.C)),
    // Every row of N is counted as the reader chose, C is exact.
    kaplan: fitKaplan(table.rows, { bootstrap }),
    floor: fitChinchilla(
      cells.filter(({ edge }) => edge === undefined).map(({ N, D, loss }) => ({ N, D, loss })),
      { bootstrap },
    ),
    options: { ...table.options, count },
  };

  function frontier<T extends { readonly cell: TunedCell; readonly cost: number }>(points: readonly T[]): T[] {
    let lowest = Infinity;
    return [...points]
      .sort((a, b) => a.cost - b.cost)
      .filter(({ cell: { loss, edge } }) => {
        if (edge !== undefined || !(loss < lowest)) return false;
        lowest = loss;
        return true;
      });
  }
}

/** D of one column differs by the rounding to whole batches only. */
const SAME_TOKENS = 1.01;

/** Of the batches tried at one N and D the one with the lowest loss. */
function bestBatches(cells: readonly TunedCell[]): TunedCell[] {
  const best: TunedCell[] = [];
  for (const cell of cells) {
    const at = best.findIndex(({ N, D }) => N === cell.N && Math.abs(Math.log(D / cell.D)) < Math.log(SAME_TOKENS));
    if (at < 0) best.push(cell);
    else if (cell.loss < best[at].loss) best[at] = cell;
  }
  return best;
}

const otherRate: Sentence = { en: 'another learning rate or batch is better at this N and D', zh: '在此 N 与 D 下另一学习率或批大小更好' };

function notBest(all: readonly TunedCell[], best: readonly TunedCell[], ids: readonly string[]): { id: string; reason: Sentence }[] {
  const kept = new Set(best.flatMap((cell) => cell.best));
  return all.flatMap(({ rows }) => rows.filter((row) => !kept.has(row)).map((row) => ({ id: ids[row], reason: otherRate })));
}

const entropies = new Map<string, number>();

/** Entropy rate of a synthetic language, nats per token. */
function entropyOf(corpus: string): number | undefined {
  if (!isSyntheticId(corpus)) return undefined;
  const known = entropies.get(corpus);
  if (known !== undefined) return known;
  const { entropyRate } = createSynthetic(parseSyntheticId(corpus));
  entropies.set(corpus, entropyRate);
  return entropyRate;
}
