// Data planted from known laws.
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom, type Random } from '../../../src/laws/random.ts';

/** A bowl in (log2 lr, log2 B): vertex, loss there, Hessian entries in nats per octave². */
export interface PlantedBowl {
  readonly lr: number;
  readonly B: number;
  readonly loss: number;
  readonly hessian: readonly [xx: number, xy: number, yy: number];
}

/** Loss of a planted bowl. */
export function plantedLoss(bowl: PlantedBowl, lr: number, B: number): number {
  const x = Math.log2(lr / bowl.lr);
  const y = Math.log2(B / bowl.B);
  const [xx, xy, yy] = bowl.hessian;
  return bowl.loss + (xx * x * x + 2 * xy * x * y + yy * y * y) / 2;
}

/** Every (lr, B) of a grid at one (N, D), with noise of standard deviation `noise` nats and `seeds` replicates. */
export function plantedGrid(request: {
  bowl: PlantedBowl;
  lr: readonly number[];
  B: readonly number[];
  noise: number;
  random: Random;
  seeds?: number;
  N?: number;
  D?: number;
}): RunRow[] {
  const { bowl, lr, B, noise, random, seeds = 1, N = 1e5, D = 1e6 } = request;
  return lr.flatMap((rate) =>
    B.flatMap((batch) =>
      Array.from({ length: seeds }, (_, seed) => ({
        N,
        D,
        lr: rate,
        B: batch,
        seed,
        loss: plantedLoss(bowl, rate, batch) + noise * random.normal(),
      })),
    ),
  );
}

/** Powers of two from `from` to `to` in steps of `step` octaves. */
export function octaves(from: number, to: number, step = 1): number[] {
  return Array.from({ length: Math.round((to - from) / step) + 1 }, (_, i) => 2 ** (from + i * step));
}

/** A shuffled copy. */
export function shuffled<T>(values: readonly T[], seed: number): T[] {
  const random = createRandom(seed);
  const copy = [...values];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}
