// Where the search for a trajectory begins: what each size would reach in the end gives α_N and N_c, the way there α_S
// and S_c, the batches α_B and B_*. Each run's own loss stands in for the loss in B_crit(L), which makes the rest linear:
// L = L_N + (S_c/S_min)^αS with S_min = S/(1 + B_crit(L)/B).
import { weightedLeastSquares } from './regression.ts';
import { softplus } from './trajectory-forms.ts';
import type { TrajectoryCentre, TrajectoryPoint } from './trajectory-model.ts';

const STEP_EXPONENTS = [0.15, 0.3, 0.45, 0.6, 0.8, 1, 1.4];
const POWERS = [1.5, 3, 5, 8];
const BATCHES = 10;

/** Working parameters to start from, the most promising first; at most `count`. */
export function trajectoryStarts(points: readonly TrajectoryPoint[], centre: TrajectoryCentre, count: number): number[][] {
  const sizes = [...new Set(points.map(({ logN }) => logN))].sort((a, b) => a - b);
  const sizeOf = points.map(({ logN }) => sizes.indexOf(logN));
  const losses = points.map(({ logLoss }) => Math.exp(logLoss));
  let [lowest, highest] = [Infinity, -Infinity];
  for (const { logB } of points) {
    lowest = Math.min(lowest, logB);
    highest = Math.max(highest, logB);
  }
  const starts: { parameters: number[]; sum: number }[] = [];
  for (const power of POWERS) {
    for (let k = 0; k < BATCHES; k++) {
      const batch = lowest - 2 + ((highest - lowest + 4) * k) / (BATCHES - 1);
      const effective = points.map(
        (point) => point.logS - centre.logS - softplus(batch - power * (point.logLoss - centre.logLoss) - point.logB),
      );
      for (const alphaS of STEP_EXPONENTS) {
        const tried = linearPart(
          effective.map((value) => Math.exp(-alphaS * value)),
          losses,
          sizeOf,
          sizes.length,
        );
        if (tried === undefined) continue;
        const line = weightedLeastSquares(
          sizes.map((logN) => [1, centre.logN - logN]),
          tried.floors.map(Math.log),
        );
        if (line.status === 'rank deficient' || !(line.coefficients[1] > 0)) continue;
        const [size, alphaN] = line.coefficients;
        starts.push({ parameters: [size, alphaN, Math.log(tried.factor), alphaS, batch, power], sum: tried.sum });
      }
    }
  }
  starts.sort((a, b) => a.sum - b.sum);
  return starts.slice(0, count).map(({ parameters }) => parameters);
}

/**
 * L = floor of its size + factor·x by weighted least squares (errors relative to the loss); undefined unless the factor
 * and every floor are positive.
 */
function linearPart(
  x: readonly number[],
  losses: readonly number[],
  sizeOf: readonly number[],
  sizes: number,
): { floors: number[]; factor: number; sum: number } | undefined {
  const weight = new Float64Array(sizes);
  const meanX = new Float64Array(sizes);
  const meanL = new Float64Array(sizes);
  losses.forEach((loss, i) => {
    const w = 1 / loss ** 2;
    weight[sizeOf[i]] += w;
    meanX[sizeOf[i]] += w * x[i];
    meanL[sizeOf[i]] += w * loss;
  });
  for (let s = 0; s < sizes; s++) {
    meanX[s] /= weight[s];
    meanL[s] /= weight[s];
  }
  let [square, product] = [0, 0];
  losses.forEach((loss, i) => {
    const away = x[i] - meanX[sizeOf[i]];
    square += away ** 2 / loss ** 2;
    product += (away * (loss - meanL[sizeOf[i]])) / loss ** 2;
  });
  const factor = product / square;
  const floors = Array.from(meanL, (mean, s) => mean - factor * meanX[s]);
  if (!(factor > 0) || !floors.every((floor) => floor > 0)) return undefined;
  const sum = losses.reduce((total, loss, i) => total + ((loss - floors[sizeOf[i]] - factor * x[i]) / loss) ** 2, 0);
  return { floors, factor, sum };
}
