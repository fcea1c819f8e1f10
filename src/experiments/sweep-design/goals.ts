// What a sweep can be designed for: the laws, and what of each is to be known.
import type { Sentence } from '../../messages/sentence.ts';

/** Laws that a sweep can be designed for. */
export const designGoals = ['bowl', 'step-law', 'loss', 'loss-size', 'loss-data', 'isoflop', 'critical-batch'] as const;
export type DesignGoal = (typeof designGoals)[number];

/** What each law is called. */
export const goalLabels: Readonly<Record<DesignGoal, Sentence>> = {
  bowl: { en: 'The bowl: best learning rate against size', zh: '碗：最佳学习率随模型大小' },
  'step-law': { en: 'Step Law: best learning rate and batch', zh: 'Step Law：最佳学习率与批大小' },
  loss: { en: 'Loss over size and data, E + A/N^α + B/D^β', zh: '损失随大小与数据，E + A/N^α + B/D^β' },
  'loss-size': { en: 'Loss against size, L(N)', zh: '损失随大小，L(N)' },
  'loss-data': { en: 'Loss against data, L(D)', zh: '损失随数据，L(D)' },
  isoflop: { en: 'Best size of a budget, N_opt ∝ C^a', zh: '给定预算的最佳大小，N_opt ∝ C^a' },
  'critical-batch': { en: 'Critical batch, B_crit(L)', zh: '临界批大小，B_crit(L)' },
};

/** A number that the sweep is to find out. */
export interface DesignTarget {
  readonly id: string;
  /** As written in formulas. */
  readonly symbol: string;
  readonly label: Sentence;
  /** What is expected of it before the runs. */
  readonly expected: number;
  /** Half-width of a 95 % interval up to which it counts as identified. */
  readonly tolerance: number;
  /** What a half-width within the tolerance means. */
  readonly meaning: Sentence;
}

/** A target that counts as identified when its 95 % interval leaves zero out. */
export function toldFromZero(id: string, symbol: string, label: Sentence, expected: number): DesignTarget {
  return {
    ...{ id, symbol, label, expected },
    tolerance: Math.abs(expected),
    meaning: { en: 'told from zero', zh: '与零可区分' },
  };
}

/**
 * Tokens of a sequence that suit a goal: no batch is smaller than one, and the best batches of short runs are a few dozen
 * tokens.
 */
export function usualContext(goal: DesignGoal): number {
  return goal === 'step-law' ? 8 : 16;
}
