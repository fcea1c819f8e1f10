// Performance of models of several losses, with the elbow where the law of emergence puts it.
import { elbowPerformance, type Elbow, type EmergencePoint } from '../../../src/laws/emergence-elbow.ts';
import { elbowOf, type EmergenceConstants, type FinetunedPoint } from '../../../src/laws/emergence.ts';
import { createRandom } from '../../../src/laws/random.ts';

export const losses = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from + ((to - from) * i) / (count - 1));
export const planted = (truth: Elbow, at: readonly number[], noise: () => number = () => 0): EmergencePoint[] =>
  at.map((loss) => ({ loss, performance: elbowPerformance(truth, loss) + noise() }));

// Twelve models; D from 50 to 50,000 examples moves the elbow from about 2.1 to 2.9.
export const logTruth: EmergenceConstants = { base: 0.25, slope: 0.5, k: 0.02, alpha: 1.6, C: 1.96 };
export const powerTruth: EmergenceConstants = { base: 0.25, slope: 0.5, k: 0.25, alpha: 0.14, C: 1.8 };
export const amounts = [50, 200, 800, 3200, 12_800, 50_000];
export const grid = (truth: EmergenceConstants, form: 'log power' | 'power', noise = 0, seed = 0): FinetunedPoint[] => {
  const random = createRandom(seed);
  return amounts.flatMap((data) =>
    losses(1.9, 3.3, 14).map((loss) => ({
      loss,
      data,
      performance:
        elbowPerformance({ base: truth.base, slope: truth.slope, elbow: elbowOf(truth, form, data) }, loss) + noise * random.normal(),
    })),
  );
};
