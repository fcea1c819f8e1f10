// Designs for the best size of a budget: at each of several C every size near the likely best gets the tokens that C pays
// for; a parabola over log N gives each best size, a line through them N_opt ∝ C^a. Hoffmann et al. (Chinchilla,
// arXiv 2203.15556), section 3.2.
import { parseRun } from '../../config/parse.ts';
import type { Grid } from '../../config/sweep.ts';
import { allocation, chinchillaLoss, computeOptimal } from '../../laws/chinchilla-allocation.ts';
import { addObservation, covarianceOf, packedLength } from '../../laws/information.ts';
import { branchSeconds, elapsed } from '../../sweep/device-time.ts';
import { SHARED_TRUNK } from '../budget-sweep.ts';
import { seeds } from '../grid-axes.ts';
import type { DesignTarget } from './goals.ts';
import { batchNear, designSizes, geometricMean, gridCount, ratesAbout } from './ladders.ts';
import { cellVariance, warmupOf } from './loss-family.ts';
import type { DesignFamily, FamilySetting, SeeDesign } from './search.ts';

/** Budgets as powers of two of FLOPs: the first, the octaves between them, how many. The lab's line asks for four. */
const FIRST_BUDGETS = { least: 26, most: 50 } as const;
const STRIDES = [1, 2] as const;
const COUNTS = [4, 5, 6, 7] as const;

/** Sizes of a budget lie within these factors of the likely best; the lab's parabola looks at a factor of four. */
const REACHES = [3, 5, 8] as const;

/** Sizes that a parabola needs, and of those on either side of the likely best. */
const LEAST_SIZES = 5;
const LEAST_BESIDE = 2;

const LEAST_STEPS = 200;
const RATE_STEPS = [1, 1.5, 2] as const;
const SEEDS = [1, 2, 4] as const;

/** A parabola's curvature is expected to be so many of its standard errors at least; the lab asks for two. */
const CURVATURE_ERRORS = 2.5;

/** The exponent counts as known to this: between "sizes take it all" (1) and "half and half" (0.5) lie three of these. */
const TOLERANCE = 0.15;

/** FLOPs of a parameter and token, as Hoffmann et al. count them. */
const FLOPS = 6;

interface Profile {
  /** Indices of sizes, ascending. */
  readonly sizes: readonly number[];
  readonly C: number;
  /** (log N − log N_opt) of each size, and the curvature of the loss over log N at the best, in nats. */
  readonly offsets: readonly number[];
  readonly curvature: number;
  readonly loss: number;
}

/** All designs for the best size of a budget. */
export function isoflopFamily(setting: FamilySetting): DesignFamily {
  const { knowledge, context, trainingTokens, device } = setting;
  const base = { ...setting.base, ...SHARED_TRUNK };
  const sizes = designSizes(base, setting.vocabulary);
  const { a } = allocation(knowledge.loss);
  const targets: DesignTarget[] = [
    {
      ...{ id: 'a', symbol: 'a', expected: a, tolerance: TOLERANCE },
      label: { en: 'exponent of the best size, N_opt ∝ C^a', zh: '最佳大小的指数，N_opt ∝ C^a' },
      meaning: { en: `known to ± ${TOLERANCE}`, zh: `确定到 ± ${TOLERANCE}` },
    },
  ];

  /** The sizes of a budget; undefined where too few can have it. */
  const profileAt = (C: number, reach: number, batch: number): Profile | undefined => {
    // The best size by the law of loss, at the FLOPs that sizes near it really need.
    const { N } = computeOptimal(knowledge.loss, C * share(computeOptimal(knowledge.loss, C).N));
    const inside = sizes.flatMap((size, i) => {
      const D = wholeBatches(C / size.flops, batch);
      const near = size.N >= N / reach && size.N <= N * reach;
      return near && D >= LEAST_STEPS * batch && D <= trainingTokens ? [i] : [];
    });
    const below = inside.filter((i) => sizes[i].N < N).length;
    if (inside.length < LEAST_SIZES || below < LEAST_BESIDE || inside.length - below < LEAST_BESIDE) return undefined;
    const { A, B, alpha, beta } = knowledge.loss;
    const D = C / (FLOPS * N);
    return {
      sizes: inside,
      C,
      offsets: inside.map((i) => Math.log(sizes[i].N / N)),
      curvature: (alpha ** 2 * A) / N ** alpha + (beta ** 2 * B) / D ** beta,
      loss: chinchillaLoss(knowledge.loss, N, D),
    };
  };
  /** 6·N over the FLOPs per token that a size of N really needs, head and attention scores included. */
  const share = (N: number): number => {
    const near = sizes.reduce((best, size) => (Math.abs(Math.log(size.N / N)) < Math.abs(Math.log(best.N / N)) ? size : best));
    return (FLOPS * near.N) / near.flops;
  };

  const visit = (see: SeeDesign, worthwhile: (seconds: number) => boolean): void => {
    for (let first = FIRST_BUDGETS.least; first <= FIRST_BUDGETS.most; first++)
      for (const stride of STRIDES)
        for (const count of COUNTS) {
          const budgets = Array.from({ length: count }, (_, i) => 2 ** (first + stride * i));
          const middle = computeOptimal(knowledge.loss, geometricMean(budgets));
          const sequences = batchNear(knowledge.batch, middle.N, middle.D, context);
          for (const reach of REACHES) {
            const profiles = budgets.map((C) => profileAt(C, reach, sequences * context));
            if (profiles.some((profile) => profile === undefined)) continue;
            visitProfiles(profiles as Profile[], sequences, see, worthwhile);
          }
        }
  };

  const visitProfiles = (
    profiles: readonly Profile[],
    sequences: number,
    see: SeeDesign,
    worthwhile: (seconds: number) => boolean,
  ): void => {
    const lengths = lengthsOf(profiles, sequences * context);
    const { total, longest } = price(lengths, sequences);
    const longestRatio = Math.max(...[...lengths.values()].map((tokens) => tokens[tokens.length - 1] / tokens[0]));
    const drift = Math.abs(knowledge.constantRate.D) * Math.log2(longestRatio);
    for (const rateStep of RATE_STEPS) {
      const rates = gridCount(rateStep, knowledge.constantRate.deviation, drift);
      for (const count of SEEDS) {
        const seconds = elapsed(device, total * rates * count, longest);
        if (!worthwhile(seconds)) continue;
        const line = new Float64Array(packedLength(2));
        const sure = profiles.every(({ C, offsets, curvature, loss }) => {
          const information = new Float64Array(packedLength(3));
          const weight = 1 / (cellVariance({ ...knowledge, lawScatter: knowledge.profileScatter }, rateStep, count) * loss ** 2);
          for (const x of offsets) addObservation(information, [1, x, (x * x) / 2], weight);
          const covariance = covarianceOf(information, 3);
          if (covariance === undefined || curvature < CURVATURE_ERRORS * Math.sqrt(covariance[5])) return false;
          addObservation(line, [1, Math.log(C / profiles[0].C)], curvature ** 2 / covariance[2]);
          return true;
        });
        const covariance = sure ? covarianceOf(line, 2) : undefined;
        if (covariance === undefined) continue;
        see(seconds, [Math.sqrt(covariance[2])], [profiles.length - 2], () => build(lengths, sequences, rateStep, rates, count));
      }
    }
  };

  /** Tokens of each size at the budgets that it is part of. */
  const lengthsOf = (profiles: readonly Profile[], batch: number): Map<number, number[]> => {
    const lengths = new Map<number, number[]>();
    for (const profile of profiles)
      for (const i of profile.sizes) lengths.set(i, [...(lengths.get(i) ?? []), wholeBatches(profile.C / sizes[i].flops, batch)]);
    return lengths;
  };

  /** Of one learning rate and seed. */
  const price = (lengths: ReadonlyMap<number, readonly number[]>, batchSequences: number): { total: number; longest: number } => {
    let [total, longest] = [0, 0];
    for (const [i, tokens] of lengths)
      tokens.forEach((D, k) => {
        const warmupTokens = warmupOf(sizes[i].N, tokens[0], batchSequences * context);
        const config = parseRun({ ...base, shape: sizes[i].shape, batchSequences, tokens: D, warmupTokens });
        total += k === tokens.length - 1 ? device.seconds(config) : branchSeconds(device, config);
        longest = Math.max(longest, device.seconds(config));
      });
    return { total, longest };
  };

  const build = (
    lengths: ReadonlyMap<number, readonly number[]>,
    batchSequences: number,
    rateStep: number,
    rates: number,
    seedCount: number,
  ): Grid[] =>
    [...lengths].map(([i, tokens]): Grid => {
      const { N, shape } = sizes[i];
      return {
        set: { shape, batchSequences, warmupTokens: warmupOf(N, tokens[0], batchSequences * context) },
        axes: {
          tokens,
          learningRate: ratesAbout(knowledge.constantRate, N, geometricMean(tokens), rateStep, rates),
          seed: seeds(seedCount),
        },
      };
    });
  return { targets, base, visit };
}

/** Tokens rounded to whole batches. */
function wholeBatches(tokens: number, batch: number): number {
  return Math.round(tokens / batch) * batch;
}
