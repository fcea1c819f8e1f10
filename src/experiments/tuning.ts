// Runs of one size, one number of tokens and one batch at several learning rates: the best one, whether it is inside
// those tried, and which rates to add where it is not. Used by every experiment that tunes the learning rate away.
import { canonicalJson, parseRun } from '../config/parse.ts';
import { runFields, type RunConfig, type RunField, type RunInput } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import { gridPoints, groupCells } from '../laws/cells.ts';
import type { RunRow } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';

/** The best of the learning rates at one (N, D, B). */
export interface TunedCell {
  /** By the count of the table. */
  readonly N: number;
  /** Tokens. */
  readonly D: number;
  /** Batch, tokens. */
  readonly B: number;
  /** Training FLOPs of one of its runs. */
  readonly C: number;
  /** Optimizer steps. */
  readonly S: number;
  /** The best learning rate. */
  readonly lr: number;
  /** Nats per token at the best learning rate, mean over seeds. */
  readonly loss: number;
  /** Each seed's loss at the best learning rate. */
  readonly losses: readonly number[];
  /** Indices into the table: the runs at the best learning rate, and those at all rates. */
  readonly best: readonly number[];
  readonly rows: readonly number[];
  /** Learning rates tried, ascending, of diverged runs too. */
  readonly tried: readonly number[];
  /** The end of the rates tried that the best one is at; undefined when it is inside, or only one was tried. */
  readonly edge: 'low' | 'high' | undefined;
  /** Settings of a run at the best learning rate. */
  readonly config: RunConfig;
  /** Seeds that were run, by the order in which they read the text; both ascending. */
  readonly replicates: readonly { readonly dataSeed: number; readonly seeds: readonly number[] }[];
}

/**
 * Tuned cells of a table whose rows have N, D, B, C, S and lr; ascending N, D, B. Cells in which no run finished are absent.
 * @param records one for each row
 */
export function tunedCells(rows: readonly RunRow[], records: readonly RunRecord[]): TunedCell[] {
  return groupCells(rows).flatMap((cell): TunedCell[] => {
    const { points } = gridPoints(rows, cell.rows);
    const batches = distinct(points.map((point) => point.B!));
    return batches.flatMap((B): TunedCell[] => {
      const ofBatch = points.filter((point) => point.B === B);
      const best = ofBatch.reduce((lowest, point) => (point.loss < lowest.loss ? point : lowest));
      const members = cell.rows.filter((row) => rows[row].B === B);
      const tried = distinct(members.map((row) => rows[row].lr!));
      const edge = tried.length < 2 ? undefined : best.lr === tried[0] ? 'low' : best.lr === tried.at(-1) ? 'high' : undefined;
      const first = rows[best.rows[0]];
      return [
        {
          N: cell.N!,
          D: cell.D!,
          B,
          C: first.C!,
          S: first.S!,
          lr: best.lr!,
          loss: best.loss,
          losses: best.losses,
          best: best.rows,
          rows: members,
          tried,
          edge,
          config: records[best.rows[0]].config,
          replicates: replicatesOf(members.map((row) => records[row])),
        },
      ];
    });
  });
}

/** Why a cell whose best learning rate is at the end of those tried is kept out of fits. */
export const edgeReason: Sentence = {
  en: 'the best learning rate is at the end of those tried',
  zh: '最佳学习率落在所试范围的一端',
};

/** Learning rates added at an end at a time. */
const ADDED = 2;

/** The learning rates that a run may have. */
const RATES = { lowest: 1e-8, highest: 10 };

/** Grids that add learning rates, in the cell's own steps, where the best one is at an end of those tried. */
export function ratesBeyond(cells: readonly TunedCell[], sweep: SweepConfig): Grid[] {
  const base = parseRun(sweep.base ?? {});
  return cells.flatMap(({ edge, tried, config, replicates }): Grid[] => {
    if (edge === undefined) return [];
    const [end, inner] = edge === 'low' ? [tried[0], tried[1]] : [tried[tried.length - 1], tried[tried.length - 2]];
    const rates = Array.from({ length: ADDED }, (_, i) => end * (end / inner) ** (i + 1)).filter(
      (rate) => rate >= RATES.lowest && rate <= RATES.highest,
    );
    if (rates.length === 0) return [];
    const learningRate = rates.sort((a, b) => a - b);
    return replicates.map(({ dataSeed, seeds }) => ({
      set: differencesFrom(base, { ...config, dataSeed }, ['learningRate', 'seed']),
      axes: { learningRate, seed: seeds },
    }));
  });
}

/** Settings in which a run differs from the base, all but those left out. */
export function differencesFrom(base: RunConfig, config: RunConfig, without: readonly RunField[]): RunInput {
  const fields = runFields.filter((field) => !without.includes(field) && canonicalJson(config[field]) !== canonicalJson(base[field]));
  return Object.fromEntries(fields.map((field) => [field, config[field]]));
}

function replicatesOf(records: readonly RunRecord[]): TunedCell['replicates'] {
  return distinct(records.map(({ config }) => config.dataSeed)).map((dataSeed) => ({
    dataSeed,
    seeds: distinct(records.filter(({ config }) => config.dataSeed === dataSeed).map(({ seed }) => seed)),
  }));
}

function distinct(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
