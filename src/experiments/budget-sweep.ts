// Runs on compute budgets: at each of several C every size gets the tokens that C pays for, at several learning rates.
// The sweep of `budget`, and the short-warm-up part of the sweep of `accounting`.
import { parseRun } from '../config/parse.ts';
import type { RunInput, Shape } from '../config/run.ts';
import type { Grid } from '../config/sweep.ts';
import { countFlops, countParameters } from '../model/counts.ts';
import { modelConfig } from '../model/parameters.ts';

/** A design of isoFLOP profiles. */
export interface BudgetDesign {
  readonly base: RunInput;
  readonly shapes: readonly Shape[];
  /** Budgets, training FLOPs. */
  readonly budgets: readonly number[];
  /** Tokens in the corpus' vocabulary, as the exact FLOPs need it; another corpus moves the budgets of all sizes a little. */
  readonly vocabulary: number;
  /** Tokens that a run may have, least and most: outside a size is left out of a budget. */
  readonly tokens: readonly [least: number, most: number];
  /** Learning rates of a size: this many octaves, in whole octaves about the one that is likely best for it. */
  readonly rates: (nonEmbedding: number) => readonly number[];
  readonly seeds: readonly number[];
}

/**
 * The settings that make short runs the beginnings of longer ones: a constant learning rate with a cooldown, and a warm-up
 * of as many tokens as the model has parameters (Porian et al., arXiv 2406.19146), which does not depend on the run's length.
 */
export const SHARED_TRUNK = { schedule: 'constant and cooldown', cooldownFraction: 0.2 } as const;

/** Rates in octaves about the likely best: at the smallest size 2^`top`, falling as N^`exponent`. */
export function octavesAbout(
  reference: { readonly N: number; readonly rate: number; readonly exponent: number },
  below: number,
  above: number,
): (N: number) => number[] {
  return (N) => {
    const middle = Math.round(Math.log2(reference.rate * (N / reference.N) ** reference.exponent));
    return Array.from({ length: below + above + 1 }, (_, i) => 2 ** (middle - below + i));
  };
}

/** One grid for each size: its tokens at every budget, its learning rates, all seeds. */
export function budgetGrids(design: BudgetDesign): Grid[] {
  const { base, shapes, budgets, seeds } = design;
  const batch = parseRun(base).batchSequences * parseRun(base).context;
  return shapes.flatMap((shape): Grid[] => {
    const model = modelConfig(parseRun({ ...base, shape }), design.vocabulary);
    const { nonEmbedding } = countParameters(model);
    const tokens = budgets
      .map((C) => Math.round(C / countFlops(model).training / batch) * batch)
      .filter((D) => D >= design.tokens[0] && D <= design.tokens[1]);
    if (tokens.length === 0) return [];
    return [
      {
        set: { shape, warmupTokens: Math.max(batch, Math.round(nonEmbedding / batch) * batch) },
        axes: { tokens, learningRate: design.rates(nonEmbedding), seed: seeds },
      },
    ];
  });
}
