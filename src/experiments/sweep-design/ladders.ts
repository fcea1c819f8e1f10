// The values that axes of a designed sweep may take: sizes, numbers of tokens, learning rates, batches. They do not
// depend on the time there is, so that more time can only widen the choice.
import { parseRun } from '../../config/parse.ts';
import type { RunInput, Shape } from '../../config/run.ts';
import { countFlops, countParameters } from '../../model/counts.ts';
import { modelConfig } from '../../model/parameters.ts';
import { expectedLog2, type ExpectedOptimum } from './knowledge.ts';

/** A model that may be in a design. */
export interface DesignSize {
  readonly shape: Shape;
  /** Non-embedding parameters. */
  readonly N: number;
  /** Training FLOPs per token. */
  readonly flops: number;
}

/** Multiples of four: the kernels are several times slower on other widths. About an octave of N every third. */
const WIDTHS = [4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 160, 192, 256];

/** Two layers: one-layer models lie off the laws of loss (Kaplan et al., arXiv 2001.08361, section 3.2). */
const LAYERS = 2;

const headsOf = (width: number): number => (width < 8 ? 1 : width < 96 ? 2 : width / 32);

/** All sizes, ascending. @param vocabulary tokens that the data really uses */
export function designSizes(base: RunInput, vocabulary: number): DesignSize[] {
  return WIDTHS.map((width) => {
    const shape: Shape = { layers: LAYERS, width, heads: Math.floor(headsOf(width)), mlpRatio: 4 };
    const model = modelConfig(parseRun({ ...base, shape }), vocabulary);
    return { shape, N: countParameters(model).nonEmbedding, flops: countFlops(model).training };
  });
}

/**
 * Ladders over `sizes`: indices of `least` to `most` of them, spaced as evenly in log N as they allow, over a factor of
 * at least `span`.
 */
export function sizeLadders(sizes: readonly DesignSize[], least: number, most: number, span: number): number[][] {
  const found = new Map<string, number[]>();
  for (let from = 0; from < sizes.length; from++)
    for (let to = from + 1; to < sizes.length; to++) {
      const ratio = sizes[to].N / sizes[from].N;
      if (ratio < span) continue;
      for (let count = least; count <= most; count++) {
        const ladder = Array.from({ length: count }, (_, i) => nearest(sizes, sizes[from].N * ratio ** (i / (count - 1))));
        if (new Set(ladder).size === count) found.set(ladder.join(), ladder);
      }
    }
  return [...found.values()];
}

function nearest(sizes: readonly DesignSize[], N: number): number {
  let best = 0;
  for (let i = 1; i < sizes.length; i++) if (Math.abs(Math.log(sizes[i].N / N)) < Math.abs(Math.log(sizes[best].N / N))) best = i;
  return best;
}

/** Ladders of tokens as powers of two: exponents from `lowest` on, every one or every second, none above `most` tokens. */
export function tokenLadders(lowest: number, most: number, counts: readonly [least: number, most: number]): number[][] {
  const highest = Math.floor(Math.log2(most));
  const ladders: number[][] = [];
  for (let first = lowest; first <= highest; first++)
    for (const stride of [1, 2])
      for (let count = counts[0]; count <= counts[1]; count++) {
        if (count === 1 && stride > 1) continue;
        const last = first + stride * (count - 1);
        if (last <= highest) ladders.push(Array.from({ length: count }, (_, i) => first + stride * i));
      }
  return ladders;
}

/** About 2^exponent tokens, a whole number of batches. @param batch tokens; of several batches the largest, the others dividing it */
export function wholeTokens(exponent: number, batch: number): number {
  return Math.max(1, Math.floor(2 ** exponent / batch)) * batch;
}

/** Deviations of the prior on either side of the expected optimum that a grid must hold. */
const DEVIATIONS = 2;

/** Learning rates are rounded to half octaves; the middle of a grid may be off by half of that. */
const ROUNDING = 0.5;

/**
 * Values that a grid of a given step needs so that its lowest point is inside it: the expected optimum, two deviations of
 * the prior either way, and half a step more, lie within the outermost values. At least three.
 * @param step octaves
 * @param drift octaves over which the expected optimum itself moves in the cells that share the grid
 */
export function gridCount(step: number, deviation: number, drift = 0, rounding = ROUNDING): number {
  const half = DEVIATIONS * deviation + drift / 2 + rounding / 2 + step / 2;
  return Math.max(3, Math.ceil((2 * half) / step - 1e-9) + 1);
}

/** Learning rates in steps about where the best is expected at `N` and `D`; powers of two in half octaves. */
export function ratesAbout(optimum: ExpectedOptimum, N: number, D: number, step: number, count: number): number[] {
  const middle = expectedLog2(optimum, N, D);
  const lowest = Math.round((middle - (step * (count - 1)) / 2) / ROUNDING) * ROUNDING;
  return Array.from({ length: count }, (_, i) => Math.min(10, Math.max(1e-8, 2 ** (lowest + step * i))));
}

/** The power of two of sequences whose batch is nearest to where the best is expected; at least one. */
export function batchNear(optimum: ExpectedOptimum, N: number, D: number, context: number): number {
  return 2 ** Math.max(0, Math.round(expectedLog2(optimum, N, D) - Math.log2(context)));
}

/** Geometric mean. */
export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** What is left of one axis given the other spreads by this much at least (standard deviation, natural log). */
const LEAST_FREE_SPREAD = 0.5;

/**
 * Whether N and D vary independently enough for exponents of both: more than `notTied` of the laws asks, in closed form,
 * because a search asks it often.
 */
export function variesApart(N: readonly number[], D: readonly number[]): boolean {
  let [x, y, xx, xy, yy] = [0, 0, 0, 0, 0];
  const count = N.length;
  for (let i = 0; i < count; i++) {
    const [u, w] = [Math.log(N[i]), Math.log(D[i])];
    x += u;
    y += w;
    xx += u * u;
    xy += u * w;
    yy += w * w;
  }
  const [ofN, ofD, both] = [xx / count - (x / count) ** 2, yy / count - (y / count) ** 2, xy / count - (x * y) / count ** 2];
  return Math.min(ofN - (both * both) / ofD, ofD - (both * both) / ofN) > LEAST_FREE_SPREAD ** 2;
}
