// What to add to a sweep when optima lie on the edge of its grid: the missing rows and columns, as more grids.
import { parseRun } from '../config/parse.ts';
import type { RunConfig } from '../config/run.ts';
import type { Grid, SweepConfig } from '../config/sweep.ts';
import type { GridSide } from '../laws/bowl-window.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { LandscapeAnalysis } from './landscapes.ts';
import { differencesFrom } from './tuning.ts';

/** Rows or columns added on a side at a time. */
const ADDED = 2;

/** The learning rates that a run may have. */
const RATES = { lowest: 1e-8, highest: 10 };

/**
 * Grids that add two rows or columns, in the grid's own steps, on every side where a landscape's optimum lies on or
 * beyond the edge; with all learning rates, batches and seeds that the landscape has. Empty where nothing can be added: no optimum is
 * at an edge, or the smallest batch is one sequence already.
 * @param sweep the sweep the runs come from: the grids set what differs from its base
 */
export function extensionOf(analysis: LandscapeAnalysis, records: readonly RunRecord[], sweep: SweepConfig): Grid[] {
  const byId = new Map(records.map((record) => [record.id, record.config]));
  const base = parseRun(sweep.base ?? {});
  return analysis.landscapes.flatMap(({ bowl, rows }) => {
    const configs = rows.flatMap((row) => byId.get(analysis.ids[row]) ?? []);
    return bowl.edges.length === 0 || configs.length === 0 ? [] : gridsFor(bowl.edges, configs, base);
  });
}

function gridsFor(edges: readonly GridSide[], configs: readonly RunConfig[], base: RunConfig): Grid[] {
  const rates = sorted(configs.map((config) => config.learningRate));
  const batches = sorted(configs.map((config) => config.batchSequences));
  const seeds = sorted(configs.map((config) => config.seed));
  const largest = Math.floor(configs[0].tokens / configs[0].context);
  const newRates = [...(edges.includes('low lr') ? beyond(rates, -1) : []), ...(edges.includes('high lr') ? beyond(rates, 1) : [])].filter(
    (rate) => rate >= RATES.lowest && rate <= RATES.highest,
  );
  const newBatches = [
    ...(edges.includes('small batch') ? beyond(batches, -1) : []),
    ...(edges.includes('large batch') ? beyond(batches, 1) : []),
  ]
    .map(Math.round)
    .filter((batch, index, all) => batch >= 1 && batch <= largest && !batches.includes(batch) && all.indexOf(batch) === index);
  const set = differencesFrom(base, configs[0], ['learningRate', 'batchSequences', 'seed']);
  const grids: Grid[] = [];
  if (newRates.length > 0)
    grids.push({ set, axes: { learningRate: sorted(newRates), batchSequences: sorted([...batches, ...newBatches]), seed: seeds } });
  if (newBatches.length > 0) grids.push({ set, axes: { learningRate: rates, batchSequences: sorted(newBatches), seed: seeds } });
  return grids;
}

/** The next values beyond one end, in the ratio of the last two there (2 where there is but one). */
function beyond(values: readonly number[], direction: 1 | -1): number[] {
  const [end, inner] = direction < 0 ? [values[0], values[1]] : [values.at(-1)!, values.at(-2)];
  const ratio = inner === undefined ? (direction < 0 ? 0.5 : 2) : end / inner;
  return Array.from({ length: ADDED }, (_, i) => end * ratio ** (i + 1));
}

function sorted(values: readonly number[]): number[] {
  return [...new Set(values)].sort((a, b) => a - b);
}
