// Loss curves planted from the trajectory law, with the loss found by plain bisection: no code of the laws under test.
import type { RunRow } from '../../../src/laws/fit.ts';
import { createRandom } from '../../../src/laws/random.ts';

/** Constants of L = (Nc/N)^alphaN + (Sc·(1 + Bstar/(B·L^{1/alphaB}))/S)^alphaS. */
export interface TrajectoryTruth {
  readonly alphaN: number;
  readonly Nc: number;
  readonly alphaS: number;
  readonly Sc: number;
  readonly alphaB: number;
  readonly Bstar: number;
}

/** Sizes × batches, each one run of the same tokens D, read at `points` steps spaced evenly in log S over the last `stretch`. */
export interface CurveDesign {
  readonly truth: TrajectoryTruth;
  readonly N: readonly number[];
  readonly B: readonly number[];
  readonly D: number;
  readonly points: number;
  readonly stretch: number;
}

/** Loss of one run by bisection. */
export function plantedTrajectory(t: TrajectoryTruth, N: number, B: number, S: number): number {
  const floor = (t.Nc / N) ** t.alphaN;
  const right = (loss: number): number => floor + ((t.Sc * (1 + t.Bstar / (B * loss ** (1 / t.alphaB)))) / S) ** t.alphaS;
  let low = floor;
  let high = right(floor);
  // The bracket can start 10³⁰ times as wide as the floor: halved until no number lies inside.
  for (;;) {
    const middle = (low + high) / 2;
    if (!(middle > low && middle < high)) break;
    if (right(middle) > middle) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Curves of a design. `run` is the standard deviation of a whole run's log loss (its seed), `white` of each point's.
 * @param seeds runs at each size and batch
 */
export function plantedCurves(design: CurveDesign, noise: { run: number; white: number; seed: number; seeds?: number }): RunRow[] {
  const { truth, N, B, D, points, stretch } = design;
  const random = createRandom(noise.seed);
  return N.flatMap((n) =>
    B.flatMap((b) =>
      Array.from({ length: noise.seeds ?? 1 }, (_, seed) => {
        const shift = noise.run * random.normal();
        return Array.from({ length: points }, (_unused, k): RunRow => {
          const S = (D / b) * stretch ** ((k + 1) / points - 1);
          const loss = plantedTrajectory(truth, n, b, S) * Math.exp(shift + noise.white * random.normal());
          return { N: n, B: b, S, D: b * S, seed, run: `${n} ${b} ${seed}`, loss };
        });
      }).flat(),
    ),
  );
}

/** Constants of the size this lab trains at, and of the size of the published laws. */
export const ourTruth: TrajectoryTruth = { alphaN: 0.08, Nc: 3e7, alphaS: 0.6, Sc: 250, alphaB: 0.22, Bstar: 18_000 };
export const theirTruth: TrajectoryTruth = { alphaN: 0.077, Nc: 6.5e13, alphaS: 0.76, Sc: 2100, alphaB: 0.21, Bstar: 2e8 };
