// Which runs a trajectory is fitted to: at each size and batch those of the best learning rate, and no batch below the
// most token-efficient one of its size, where a smaller batch costs tokens instead of saving them.
import type { Sentence } from '../messages/sentence.ts';
import { criticalBatchSentence } from './critical-batch-sentences.ts';
import { groupBy, type RunCurve, type RunCurves } from './run-curves.ts';
import { firstFallTo, smoothCurve, type SmoothCurve } from './smooth-curve.ts';
import { belowMostEfficient, type BatchOfSize } from './token-efficient.ts';

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
    const ready = batches.filter(({ kept }) => kept.length > 0);
    for (const below of belowMostEfficient(ready.map((batch) => batchOf(smooth, batch))))
      for (const index of ready[below].kept) reasons[index] = criticalBatchSentence.belowMostEfficient;
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

/** A batch by the curves kept of it: the mean of log steps over its seeds. */
function batchOf(smooth: readonly (SmoothCurve | undefined)[], { B, kept }: { B: number; kept: readonly number[] }): BatchOfSize {
  const seeds = kept.map((index) => smooth[index]!);
  return {
    B,
    logStepsTo: (level) => seeds.reduce((sum, seed) => sum + (firstFallTo(seed, level) ?? NaN), 0) / seeds.length,
    from: Math.max(...seeds.map(({ grid }) => grid[0])),
    to: Math.min(...seeds.map(({ lowest }) => lowest)),
  };
}

const slowerRate: Sentence = {
  en: 'another learning rate ends lower at this N and B',
  zh: '在此 N 与 B 下另一学习率的最终损失更低',
};
