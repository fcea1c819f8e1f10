// The choice among designs: every one of a fixed family is looked at, its expected errors and its time, and the best
// that time allows is taken. The criterion is a weighted A-optimality: the mean square of the 95 % half-widths of what is
// to be known, each over the half-width with which it counts as identified (Atkinson, Donev & Tobias, "Optimum
// Experimental Designs, with SAS", Oxford 2007, on A-, L- and c-optimality). Since the family does not depend on the
// time, more time never makes the criterion worse.
import type { RunInput } from '../../config/run.ts';
import type { Grid } from '../../config/sweep.ts';
import { studentQuantile } from '../../laws/statistics.ts';
import type { DeviceTime } from '../../sweep/device-time.ts';
import type { DesignTarget } from './goals.ts';
import type { DesignKnowledge } from './knowledge.ts';

/** What all families are made from. */
export interface FamilySetting {
  readonly base: RunInput;
  /** Tokens of one sequence. */
  readonly context: number;
  /** Tokens that the vocabulary really uses. */
  readonly vocabulary: number;
  /** Tokens to train on before any is read twice. */
  readonly trainingTokens: number;
  readonly device: DeviceTime;
  readonly knowledge: DesignKnowledge;
}

/**
 * Takes in one design.
 * @param seconds from start to end
 * @param errors standard error of each target, in their order; the array may be used again
 * @param degreesOfFreedom of the fit that is to give each
 * @param build its grids, asked only of designs that are chosen
 */
export type SeeDesign = (
  seconds: number,
  errors: ArrayLike<number>,
  degreesOfFreedom: ArrayLike<number>,
  build: () => readonly Grid[],
) => void;

/** Designs for one goal. */
export interface DesignFamily {
  readonly targets: readonly DesignTarget[];
  /** Settings of all its runs. */
  readonly base: RunInput;
  /**
   * Shows every design, whatever its time.
   * @param worthwhile whether a design of these seconds can still matter: one that cannot need not be shown
   */
  readonly visit: (see: SeeDesign, worthwhile: (seconds: number) => boolean) => void;
}

/** A design that was chosen. */
export interface Chosen {
  readonly seconds: number;
  /** Root of the criterion: 1 when half-widths are, in the mean of squares, what counts as identified. */
  readonly score: number;
  /** Standard errors and 95 % half-widths, in the order of the targets. */
  readonly errors: readonly number[];
  readonly halfWidths: readonly number[];
  readonly grids: readonly Grid[];
}

/** What a search found. */
export interface Found {
  /** The best design that takes at most the time given and identifies something; undefined when there is none. */
  readonly best: Chosen | undefined;
  /** For each target the time of the quickest design that identifies it; undefined where none in the family does. */
  readonly needed: readonly (number | undefined)[];
  /** The same for all targets at once. */
  readonly neededForAll: number | undefined;
  /** Time of the quickest design of the family. */
  readonly quickest: number;
}

/** Looks at all designs of a family. @param seconds time there is */
export function searchFamily(family: DesignFamily, seconds: number): Found {
  const { targets } = family;
  const needed = targets.map(() => Infinity);
  let neededForAll = Infinity;
  let quickest = Infinity;
  let best: { seconds: number; score: number; errors: number[]; halfWidths: number[]; build: () => readonly Grid[] } | undefined;
  const see: SeeDesign = (time, errors, degreesOfFreedom, build) => {
    const halfWidth = (i: number): number => studentQuantile(0.95, degreesOfFreedom[i]) * errors[i];
    let sum = 0;
    let identified = 0;
    for (let i = 0; i < targets.length; i++) {
      const share = halfWidth(i) / targets[i].tolerance;
      sum += share * share;
      if (share <= 1) {
        identified++;
        if (time < needed[i]) needed[i] = time;
      }
    }
    if (identified === targets.length && time < neededForAll) neededForAll = time;
    if (time > seconds || identified === 0) return;
    const score = Math.sqrt(sum / targets.length);
    if (!Number.isFinite(score)) return;
    if (best !== undefined && (score > best.score || (score === best.score && time >= best.seconds))) return;
    const halfWidths = Array.from({ length: targets.length }, (_, i) => halfWidth(i));
    best = { seconds: time, score, errors: Array.from(errors), halfWidths, build };
  };
  family.visit(see, (time) => {
    if (time < quickest) quickest = time;
    return time <= seconds || time < neededForAll;
  });
  const finite = (value: number): number | undefined => (Number.isFinite(value) ? value : undefined);
  return {
    best: best && { ...best, grids: best.build() },
    needed: needed.map(finite),
    neededForAll: finite(neededForAll),
    quickest,
  };
}
