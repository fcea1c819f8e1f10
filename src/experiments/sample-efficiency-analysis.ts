// The analysis behind `sample-efficiency`: tokens at a small batch and steps at a large one that each size needs to
// come down to the same losses.
import { fitPowerLaw, type PowerLawFit } from '../laws/power-law.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { commonLevels, stepsTo, sizeCurves, type SizeCurve } from './size-curves.ts';

/** What one size needs to reach a loss. */
export interface Need {
  readonly N: number;
  /** Tokens, or steps. */
  readonly amount: number;
  readonly runs: readonly string[];
}

/** One loss: what every size needs that reaches it, and amount = c·N^a through them. */
export interface EfficiencyLevel {
  /** Nats per token. */
  readonly loss: number;
  readonly needs: readonly Need[];
  readonly fit: PowerLawFit;
}

/** Levels at one batch. */
export interface EfficiencyAxis {
  /** What is counted. */
  readonly of: 'tokens' | 'steps';
  /** Batch, tokens. */
  readonly B: number;
  /** Descending losses. */
  readonly levels: readonly EfficiencyLevel[];
}

/** What every size needs. */
export interface SampleEfficiencyAnalysis extends TableAnalysis {
  readonly curves: readonly SizeCurve[];
  /** Tokens at the smallest batch, where they come nearest to the fewest possible; steps at the largest. */
  readonly axes: readonly EfficiencyAxis[];
}

const LEVELS = 6;

/** Levels lie where this many sizes pass: a power law's two parameters and two more. */
const LEAST_SIZES = 4;

/** Analyses runs over sizes at a small and a large batch. */
export function analyseSampleEfficiency(records: readonly RunRecord[], options: AnalysisOptions = {}): SampleEfficiencyAnalysis {
  const { records: used, ...table } = sizeCurves(records, options);
  void used;
  const { curves } = table;
  const batches = [...new Set(curves.map(({ B }) => B))].sort((a, b) => a - b);
  const { resamples, seed } = table.options;
  const axis = (of: EfficiencyAxis['of'], B: number): EfficiencyAxis => {
    const ofBatch = curves.filter((curve) => curve.B === B && curve.cell.edge === undefined);
    return {
      of,
      B,
      levels: commonLevels(ofBatch, LEAST_SIZES, LEVELS).map((loss): EfficiencyLevel => {
        const needs = ofBatch.flatMap((curve): Need[] => {
          const steps = stepsTo(curve, loss);
          return steps === undefined ? [] : [{ N: curve.N, amount: of === 'steps' ? steps : steps * B, runs: curve.runs }];
        });
        return {
          loss,
          needs,
          fit: fitPowerLaw(
            needs.map(({ N, amount }, row) => ({ x: N, y: amount, row })),
            { bootstrap: { resamples, seed }, names: { x: 'N', y: of } },
          ),
        };
      }),
    };
  };
  return {
    ...table,
    axes: batches.length === 0 ? [] : [axis('tokens', batches[0]), ...(batches.length > 1 ? [axis('steps', batches.at(-1)!)] : [])],
  };
}
