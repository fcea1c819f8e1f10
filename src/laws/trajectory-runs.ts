// Which runs a trajectory is fitted to: at each size and batch those of the best learning rate, and no batch below the
// most token-efficient one of its size, where a smaller batch costs tokens instead of saving them.
import type { Sentence } from '../messages/sentence.ts';
import { criticalBatchSentence } from './critical-batch-sentences.ts';
import { groupBy, type RunCurve, type RunCurves } from './run-curves.ts';
import { firstFallTo, smoothCurve, type SmoothCurve } from './smooth-curve.ts';

/** Losses at which two batches are compared. */
const COMPARED = 5;

/** For each curve the reason why it is left out, or undefined. */
export function reasonsToLeave({ curves, ratesTried }: RunCurves): (Sentence | undefined)[] {
  const smooth = curves.map((curve) => smoothCurve(curve.rows.map((_, i) => [Math.exp(curve.logS[i]), Math.exp(curve.logLoss[i])])));
  const reasons = smooth.map((curve) => (curve === undefined ? criticalBatchSentence.tooShort : undefined));
  for (const size of groupBy(
    [...curves.keys()].filter((index) => smooth[index] !== undefined),
    (index) => curves[index].N,
  ).values()) {
    const batches = [...groupBy(size, (index) => curves[index].B)].map(([B, group]) => {
      const kept = bestRate(curves, smooth, group);
      for (const index of group) if (!kept.includes(index)) reasons[index] = slowerRate;
      const tried = ratesTried(curves[group[0]].N, B);
      const edge = tried.length > 1 && (curves[kept[0]].lr === tried[0] || curves[kept[0]].lr === tried.at(-1));
      if (edge) for (const index of kept) reasons[index] = criticalBatchSentence.rateAtEdge;
      return { B, kept: edge ? [] : kept };
    });
    const compared = batches.filter(({ kept }) => kept.length > 0).sort((a, b) => a.B - b.B);
    compared.forEach((small, i) => {
      const beaten = compared.slice(i + 1).some((large) => cheaper(curves, smooth, large, small));
      if (beaten) for (const index of small.kept) reasons[index] = criticalBatchSentence.belowMostEfficient;
    });
  }
  return reasons;
}

/** The curves of the learning rate with the lowest loss (mean over seeds) at the last step that all of them reached. */
function bestRate(curves: readonly RunCurve[], smooth: readonly (SmoothCurve | undefined)[], group: readonly number[]): readonly number[] {
  const rates = [...groupBy(group, (index) => curves[index].lr).values()];
  if (rates.length === 1) return rates[0];
  const last = Math.min(...group.map((index) => smooth[index]!.to));
  const lossOf = (rate: readonly number[]): number => {
    const losses = rate.map((index) => smooth[index]!.at(Math.max(last, smooth[index]!.from)));
    return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  };
  return rates.reduce((best, rate) => (lossOf(rate) < lossOf(best) ? rate : best));
}

/** Whether `first` needs fewer tokens than `second` on average over the later losses that both reach. */
function cheaper(
  curves: readonly RunCurve[],
  smooth: readonly (SmoothCurve | undefined)[],
  first: { B: number; kept: readonly number[] },
  second: { B: number; kept: readonly number[] },
): boolean {
  const both = [...first.kept, ...second.kept].map((index) => smooth[index]!);
  const top = Math.min(...both.map(({ grid }) => grid[0]));
  const bottom = Math.max(...both.map(({ grid }) => grid.reduce((least, value) => Math.min(least, value), Infinity)));
  if (!(top > bottom)) return false;
  let difference = 0;
  for (let k = 0; k < COMPARED; k++) {
    const level = bottom + ((top - bottom) * (k + 0.5)) / (2 * COMPARED);
    const tokens = ({ B, kept }: { B: number; kept: readonly number[] }): number =>
      kept.reduce((sum, index) => sum + (firstFallTo(smooth[index]!, level) ?? NaN) + Math.log(B), 0) / kept.length;
    difference += tokens(first) - tokens(second);
  }
  return difference < 0;
}

const slowerRate: Sentence = {
  en: 'another learning rate ends lower at this N and B',
  zh: '在此 N 与 B 下另一学习率的最终损失更低',
};
