// The valley of the learning rate, over all sizes and batches at once: at each (N, B) log loss is a parabola in log η with
// a lowest point of its own, while the curvature is shared and the best rate is a power law over both,
//   log L = a(N, B) + k·(log η − log η*(N, B))²,   η* = e^c · N^n · B^b.
// Parabolas of single cells through three or four noisy losses each have vertices that scatter by octaves; one valley
// through all of them does not. Multiplied out it is linear in (k, −2kc, −2kn, −2kb), once the cells' means are taken off.
import type { DesignProblem } from './design.ts';
import type { Estimate } from './fit.ts';
import { weightedLeastSquares } from './regression.ts';
import { studentQuantile } from './statistics.ts';

/** A run: any two of one `cell` have the same N and B. */
export interface ValleyRun {
  readonly cell: string;
  readonly N: number;
  /** Tokens. */
  readonly B: number;
  readonly lr: number;
  /** Nats per token. */
  readonly loss: number;
}

/** The fitted valley. Plain data. */
export interface RateValley {
  /** k: log loss rises by k at a learning rate e times the best one. */
  readonly curvature: number;
  /** Exponents of the best rate in N and B, 95 % intervals. */
  readonly N: Estimate;
  readonly B: Estimate;
  /** Standard deviation of the log loss of one run about the valley. */
  readonly spread: number;
  readonly degreesOfFreedom: number;
  /** Indices of the runs that were fitted: those at the bottom of the valley. */
  readonly used: readonly number[];
  /** Of log η, log N and log B. */
  readonly centre: readonly [number, number, number];
  /** Of (x², x, x·n, x·b), x = log η, n = log N, b = log B about the centre. */
  readonly coefficients: readonly number[];
  readonly covariance: readonly (readonly number[])[];
}

/** Runs further than this from the best rate are left out: a parabola describes the bottom of the valley alone. */
export const WINDOW_OCTAVES = 2;

/** So are runs whose log loss is this far above the best of their cell: the wall on the side of high rates is steeper. */
const WINDOW_LOSS = 0.05;

/** Rounds in which the window follows the valley. */
const ROUNDS = 20;

const LEAST_FREEDOM = 3;

/** Fits the valley to runs with finite losses; a problem where they have none, or do not show where it is. */
export function fitRateValley(runs: readonly ValleyRun[]): RateValley | DesignProblem {
  const usable = runs.flatMap(({ N, B, lr, loss }, index) =>
    [N, B, lr, loss].every((value) => Number.isFinite(value) && value > 0) ? [index] : [],
  );
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const centre = [
    mean(usable.map((i) => Math.log(runs[i].lr))),
    mean(usable.map((i) => Math.log(runs[i].N))),
    mean(usable.map((i) => Math.log(runs[i].B))),
  ] as const;
  const low = bottom(runs, usable);
  let used = low.filter(({ octaves }) => withinWindow(octaves)).map(({ index }) => index);
  let valley: RateValley | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    valley = fitTo(runs, used, centre);
    if (valley === undefined || !(valley.curvature > 0)) return tooFew;
    const found = valley;
    const inside = low.flatMap(({ index: i }) => (withinWindow((Math.log(runs[i].lr) - logRate(found, runs[i])) / Math.LN2) ? [i] : []));
    if (inside.join() === used.join()) break;
    used = inside;
  }
  if (valley === undefined) return tooFew;
  // A curvature that could as well be none has its lowest point anywhere.
  const doubt = studentQuantile(0.95, valley.degreesOfFreedom) * Math.sqrt(valley.covariance[0][0]);
  return valley.curvature > doubt ? valley : flat;
}

/** The best learning rate at a size and batch, with its 95 % interval. */
export function valleyRate(valley: RateValley, N: number, B: number): Estimate {
  const { coefficients, covariance, centre, degreesOfFreedom } = valley;
  const terms = [1, Math.log(N) - centre[1], Math.log(B) - centre[2]];
  const off = logRate(valley, { N, B }) - centre[0];
  const [k] = coefficients;
  const gradient = [-off / k, ...terms.map((term) => -term / (2 * k))];
  const half = studentQuantile(0.95, degreesOfFreedom) * Math.sqrt(quadratic(covariance, gradient));
  const value = off + centre[0];
  return { value: Math.exp(value), low: Math.exp(value - half), high: Math.exp(value + half) };
}

/** How much a learning rate adds to the log loss at the best one. */
export function valleyExcess(valley: RateValley, { N, B, lr }: Pick<ValleyRun, 'N' | 'B' | 'lr'>): number {
  return valley.curvature * (Math.log(lr) - logRate(valley, { N, B })) ** 2;
}

/** log η*(N, B). */
function logRate({ coefficients: [k, x, xn, xb], centre }: RateValley, { N, B }: { N: number; B: number }): number {
  return centre[0] - (x + xn * (Math.log(N) - centre[1]) + xb * (Math.log(B) - centre[2])) / (2 * k);
}

function withinWindow(octaves: number): boolean {
  return Math.abs(octaves) <= WINDOW_OCTAVES * (1 + 1e-9);
}

/** Runs whose loss is near the best of their cell, and how many octaves their rate lies above the best one tried there. */
function bottom(runs: readonly ValleyRun[], usable: readonly number[]): { index: number; octaves: number }[] {
  const best = new Map<string, ValleyRun>();
  for (const i of usable) {
    const before = best.get(runs[i].cell);
    if (before === undefined || runs[i].loss < before.loss) best.set(runs[i].cell, runs[i]);
  }
  return usable.flatMap((index) => {
    const { lr, loss } = best.get(runs[index].cell)!;
    return Math.log(runs[index].loss / loss) > WINDOW_LOSS ? [] : [{ index, octaves: Math.log2(runs[index].lr / lr) }];
  });
}

function fitTo(runs: readonly ValleyRun[], used: readonly number[], centre: RateValley['centre']): RateValley | undefined {
  const cells = new Map<string, number[]>();
  used.forEach((run, row) => cells.set(runs[run].cell, [...(cells.get(runs[run].cell) ?? []), row]));
  const terms = used.map((run) => {
    const x = Math.log(runs[run].lr) - centre[0];
    return [x * x, x, x * (Math.log(runs[run].N) - centre[1]), x * (Math.log(runs[run].B) - centre[2])];
  });
  const y = used.map((run) => Math.log(runs[run].loss));
  for (const members of cells.values()) {
    for (const column of [0, 1, 2, 3]) {
      const mean = members.reduce((sum, row) => sum + terms[row][column], 0) / members.length;
      for (const row of members) terms[row][column] -= mean;
    }
    const mean = members.reduce((sum, row) => sum + y[row], 0) / members.length;
    for (const row of members) y[row] -= mean;
  }
  const fit = weightedLeastSquares(terms, y);
  const degreesOfFreedom = used.length - cells.size - 4;
  if (fit.status === 'rank deficient' || degreesOfFreedom < LEAST_FREEDOM) return undefined;
  const variance = fit.sumOfSquares / degreesOfFreedom;
  const covariance = fit.inverseNormal.map((row) => Array.from(row, (value) => value * variance));
  const coefficients = [...fit.coefficients];
  const [k, , xn, xb] = coefficients;
  const exponent = (index: number, value: number): Estimate => {
    const gradient = [0, 0, 0, 0];
    gradient[0] = -value / k;
    gradient[index] = -1 / (2 * k);
    const half = studentQuantile(0.95, degreesOfFreedom) * Math.sqrt(quadratic(covariance, gradient));
    return { value, low: value - half, high: value + half };
  };
  return {
    curvature: k,
    N: exponent(2, -xn / (2 * k)),
    B: exponent(3, -xb / (2 * k)),
    spread: Math.sqrt(variance),
    degreesOfFreedom,
    used: [...used],
    centre,
    coefficients,
    covariance,
  };
}

function quadratic(matrix: readonly (readonly number[])[], vector: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < vector.length; i++) for (let j = 0; j < vector.length; j++) sum += vector[i] * matrix[i][j] * vector[j];
  return Math.max(0, sum);
}

const tooFew: DesignProblem = {
  status: 'not enough points',
  message: {
    en: 'The best learning rate cannot be placed: it takes three rates or more at several sizes and batches, with the best ones among them.',
    zh: '无法确定最佳学习率：需要在多种大小与批大小下各试三种或更多学习率，且最佳者在其中。',
  },
};

const flat: DesignProblem = {
  status: 'not identified',
  message: {
    en: 'The learning rates that were tried make no difference beyond the noise of single runs; try rates further apart.',
    zh: '所试学习率之间的差别不超过单次训练的噪声；请把学习率取得更分散。',
  },
};
