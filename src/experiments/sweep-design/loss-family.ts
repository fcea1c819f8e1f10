// Designs for the laws of loss: sizes × tokens, the learning rate tuned at each, E + A/N^α + B/D^β, or a pure power
// law along one axis.
// Runs of one size hold their learning rate up to a cooldown, so that shorter ones begin as the longest does.
import { parseRun } from '../../config/parse.ts';
import { steps } from '../../config/run.ts';
import type { Grid } from '../../config/sweep.ts';
import { chinchillaLoss } from '../../laws/chinchilla-allocation.ts';
import type { LossConstants } from '../../laws/chinchilla-objective.ts';
import { CHINCHILLA_DELTA } from '../../laws/huber.ts';
import { addObservation, covarianceOf, huberEfficiency, packedLength, type Packed } from '../../laws/information.ts';
import { branchSeconds, elapsed } from '../../sweep/device-time.ts';
import { SHARED_TRUNK } from '../budget-sweep.ts';
import { seeds } from '../grid-axes.ts';
import { toldFromZero, type DesignTarget } from './goals.ts';
import { REFERENCE } from './knowledge.ts';
import {
  batchNear,
  designSizes,
  geometricMean,
  gridCount,
  ratesAbout,
  sizeLadders,
  tokenLadders,
  variesApart,
  wholeTokens,
  type DesignSize,
} from './ladders.ts';
import type { DesignFamily, FamilySetting, SeeDesign } from './search.ts';

/** Which law of loss. */
export type LossGoal = 'loss' | 'loss-size' | 'loss-data';

/** Tokens per parameter outside which a cell is left out: below, little is learned yet; above, the size is saturated. */
const TOKENS_PER_PARAMETER = { least: 3, most: 1000 } as const;

/** On one axis alone the other is not to limit: tokens per parameter, at least along sizes, at most along tokens. */
const UNLIMITED = { alongSizes: 20, alongTokens: 40 } as const;

/**
 * Shortest runs, as a power of two of tokens, and as steps. Below 60,000 tokens losses of all sizes stand near the level of
 * letter pairs, off the law: with runs of 16,000 tokens in it the fit has no floor left.
 */
const LEAST_TOKENS = 16;
const LEAST_STEPS = 200;

/** Steps between learning rates, octaves, and seeds of a cell that are tried. */
const RATE_STEPS = [1, 1.5, 2] as const;
const SEEDS = [1, 2, 4, 8] as const;

/** Sizes get seeds as (largest N / N) to these powers: alike, or more where a run costs little. At most MOST_SEEDS. */
const SEED_POWERS = [0, 0.5] as const;
const MOST_SEEDS = 8;

/** Batches are powers of two of sequences below this one. */
const MOST_DOUBLINGS = 40;

/** A warm-up takes at most this share of the shortest run. */
const MOST_WARMUP = 0.1;

/** Share of the detuning's square that its spread is, for an optimum anywhere between two grid points: √(1/80 − 1/144). */
const DETUNING_SPREAD = Math.sqrt(1 / 80 - 1 / 144);

interface Axes {
  readonly ladder: readonly number[];
  readonly tokens: readonly number[];
  readonly rateStep: number;
  /** Of each size of the ladder. */
  readonly seedCounts: readonly number[];
}

/** All designs for a law of loss. */
export function lossFamily(goal: LossGoal, setting: FamilySetting): DesignFamily {
  const { knowledge, context, trainingTokens } = setting;
  const base = { ...setting.base, ...SHARED_TRUNK };
  const sizes = designSizes(base, setting.vocabulary);
  const targets = lossTargets(goal, knowledge.loss);
  // Of all parameters in the order of the gradient, those that are targets.
  const wanted = goal === 'loss' ? [3, 4, 0] : [1];
  const order = goal === 'loss' ? 5 : 2;

  const sizeChoices = goal === 'loss-data' ? sizes.map((_, i) => [i]) : sizeLadders(sizes, goal === 'loss' ? 3 : 5, 8, 3);
  const tokenChoices = tokenLadders(LEAST_TOKENS, trainingTokens, goal === 'loss-size' ? [1, 1] : goal === 'loss' ? [3, 8] : [5, 9]);

  const gradients = sizes.map(({ N }) => Array.from({ length: 40 }, (_, k) => gradientOf(goal, knowledge.loss, N, 2 ** k)));
  const inReach = (size: DesignSize, exponent: number): boolean => {
    const ratio = 2 ** exponent / size.N;
    const [least, most] =
      goal === 'loss-size'
        ? [UNLIMITED.alongSizes, Infinity]
        : goal === 'loss-data'
          ? [0, UNLIMITED.alongTokens]
          : [TOKENS_PER_PARAMETER.least, TOKENS_PER_PARAMETER.most];
    return ratio >= least && ratio <= most;
  };
  const price = pricesOf(setting, base, sizes);

  // Where scatter about the law is what makes errors, sharing out seeds unevenly gains nothing.
  const powers = SEED_POWERS.filter((power) => power === 0 || knowledge.seedNoise > knowledge.lawScatter / 2);

  const visit = (see: SeeDesign, worthwhile: (seconds: number) => boolean): void => {
    const errors = new Float64Array(wanted.length);
    const degreesOfFreedom = new Float64Array(wanted.length);
    const sum: Packed = new Float64Array(packedLength(order));
    for (const tokens of tokenChoices) {
      const drift = Math.abs(knowledge.constantRate.D) * (tokens[tokens.length - 1] - tokens[0]);
      const reached = sizes.map((size) => tokens.filter((exponent) => inReach(size, exponent)));
      const informations = sizes.map((_, i) => {
        const information: Packed = new Float64Array(packedLength(order));
        for (const exponent of reached[i]) addObservation(information, gradients[i][exponent]);
        return information;
      });
      const known: Price[] = [];
      for (const ladder of sizeChoices) {
        if (ladder.some((i) => reached[i].length < Math.min(2, tokens.length))) continue;
        const cells = ladder.reduce((count, i) => count + reached[i].length, 0);
        if (cells - order < 2) continue;
        degreesOfFreedom.fill(cells - order);
        if (goal === 'loss' && !varied(ladder, sizes, reached)) continue;
        const middle = 2 ** ((tokens[0] + tokens[tokens.length - 1]) / 2);
        const sequences = batchNear(knowledge.batch, geometricMean(ladder.map((i) => sizes[i].N)), middle, context);
        if (2 ** tokens[0] < LEAST_STEPS * sequences * context) continue;
        const prices = ladder.map((i) => (known[i * MOST_DOUBLINGS + Math.log2(sequences)] ??= price(i, reached[i], sequences)));
        const longest = Math.max(...prices.map((one) => one.longest));
        const largest = sizes[ladder[ladder.length - 1]].N;
        for (const power of powers) {
          let alike: Packed | undefined;
          for (const count of SEEDS) {
            const seedCounts = ladder.map((i) => Math.min(MOST_SEEDS, Math.round(count * (largest / sizes[i].N) ** power)));
            const seconds = prices.reduce((total, one, j) => total + one.total * seedCounts[j], 0);
            for (const rateStep of RATE_STEPS) {
              const rates = gridCount(rateStep, knowledge.constantRate.deviation, drift);
              const time = elapsed(setting.device, seconds * rates, longest);
              if (!worthwhile(time)) continue;
              // Where all cells are equally sure, the covariance is that of cells of variance one, times theirs.
              const variances = ladder.map((_, j) => (power === 0 ? 1 : cellVariance(knowledge, rateStep, seedCounts[j])));
              const covariance =
                power === 0 && alike !== undefined ? alike : covarianceOf(summed(sum, informations, ladder, variances), order);
              if (covariance === undefined) break;
              if (power === 0) alike = covariance;
              const scale = power === 0 ? cellVariance(knowledge, rateStep, count) : 1;
              // The lab fits this law by Huber's loss.
              const efficiency = goal === 'loss' ? huberEfficiency(CHINCHILLA_DELTA / Math.sqrt(mean(variances) * scale)) : 1;
              for (let j = 0; j < wanted.length; j++)
                errors[j] = Math.sqrt((scale * covariance[(wanted[j] * (wanted[j] + 1)) / 2 + wanted[j]]) / efficiency);
              const axes: Axes = { ladder, tokens, rateStep, seedCounts };
              see(time, errors, degreesOfFreedom, () => build(axes, sequences, rates));
            }
          }
        }
      }
    }
  };

  const build = ({ ladder, tokens, rateStep, seedCounts }: Axes, batchSequences: number, rates: number): Grid[] => {
    // One warm-up for all: the analysis compares runs that differ in nothing but what it varies.
    const size = geometricMean(ladder.map((i) => sizes[i].N));
    const warmupTokens = warmupOf(size, wholeTokens(tokens[0], batchSequences * context), batchSequences * context);
    return ladder.map((i, j): Grid => {
      const { N, shape } = sizes[i];
      const batch = batchSequences * context;
      const lengths = tokens.filter((exponent) => inReach(sizes[i], exponent)).map((exponent) => wholeTokens(exponent, batch));
      return {
        set: { shape, batchSequences, warmupTokens },
        axes: {
          tokens: lengths,
          learningRate: ratesAbout(knowledge.constantRate, N, geometricMean(lengths), rateStep, rates),
          seed: seeds(seedCounts[j]),
        },
      };
    });
  };
  return { targets, base, visit };
}

/** Σ information of the sizes of a ladder, each over its variance; into `sum`. */
function summed(sum: Packed, informations: readonly Packed[], ladder: readonly number[], variances: readonly number[]): Packed {
  sum.fill(0);
  for (let j = 0; j < ladder.length; j++) {
    const information = informations[ladder[j]];
    for (let k = 0; k < sum.length; k++) sum[k] += information[k] / variances[j];
  }
  return sum;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** As many tokens as parameters (Porian et al., arXiv 2406.19146), whole batches, at most a tenth of the shortest run. */
export function warmupOf(N: number, shortest: number, batch: number): number {
  return Math.max(1, Math.round(Math.min(N, MOST_WARMUP * shortest) / batch)) * batch;
}

/** Variance of a tuned cell's log loss: noise of its seeds, the optimum between grid points, scatter about the law. */
export function cellVariance(
  { seedNoise, lawScatter, rateCurvature }: FamilySetting['knowledge'],
  rateStep: number,
  seedCount: number,
): number {
  return seedNoise ** 2 / seedCount + (DETUNING_SPREAD * rateCurvature * rateStep ** 2) ** 2 + lawScatter ** 2;
}

/** ∂ log L / ∂ (E, log of A's term and of B's at the reference, α, β); on one axis ∂ / ∂ (level, exponent) of a pure power law. */
function gradientOf(goal: LossGoal, constants: LossConstants, N: number, D: number): number[] {
  const logN = Math.log(N / REFERENCE.N);
  const logD = Math.log(D / REFERENCE.D);
  if (goal !== 'loss') return [1, goal === 'loss-size' ? -logN : -logD];
  const { A, B, alpha, beta } = constants;
  const L = chinchillaLoss(constants, N, D);
  const ofSize = A / N ** alpha / L;
  const ofData = B / D ** beta / L;
  return [1 / L, ofSize, ofData, -ofSize * logN, -ofData * logD];
}

/** Where the exponents of one axis are expected from: there the other axis limits little. */
const ALONG_SIZES = { N: REFERENCE.N, D: 4 * REFERENCE.D } as const;
const ALONG_TOKENS = { N: 4 * REFERENCE.N, D: REFERENCE.D } as const;

function lossTargets(goal: LossGoal, loss: LossConstants): DesignTarget[] {
  const { E, A, B, alpha, beta } = loss;
  // −d log L / d log N, and the same of D.
  const ofSize = (alpha * A) / ALONG_SIZES.N ** alpha / chinchillaLoss(loss, ALONG_SIZES.N, ALONG_SIZES.D);
  const ofData = (beta * B) / ALONG_TOKENS.D ** beta / chinchillaLoss(loss, ALONG_TOKENS.N, ALONG_TOKENS.D);
  switch (goal) {
    case 'loss':
      return [
        toldFromZero('alpha', 'α', { en: 'exponent of size', zh: '大小的指数' }, alpha),
        toldFromZero('beta', 'β', { en: 'exponent of data', zh: '数据的指数' }, beta),
        toldFromZero('E', 'E', { en: 'irreducible loss, nats', zh: '不可约损失，奈特' }, E),
      ];
    case 'loss-size':
      return [toldFromZero('alphaN', 'α_N', { en: 'exponent of size', zh: '大小的指数' }, ofSize)];
    case 'loss-data':
      return [toldFromZero('alphaD', 'α_D', { en: 'exponent of data', zh: '数据的指数' }, ofData)];
    default:
      return goal satisfies never;
  }
}

/** Three values of D at least, and N and D vary apart from each other. */
function varied(ladder: readonly number[], sizes: readonly DesignSize[], reached: readonly (readonly number[])[]): boolean {
  if (new Set(ladder.flatMap((i) => reached[i])).size < 3) return false;
  return variesApart(
    ladder.flatMap((i) => reached[i].map(() => sizes[i].N)),
    ladder.flatMap((i) => reached[i].map((exponent) => 2 ** exponent)),
  );
}

interface Price {
  /** Seconds of one worker for one learning rate and seed at all lengths. */
  readonly total: number;
  readonly longest: number;
}

/** Prices of a size at some lengths; each run is asked for once. */
function pricesOf({ device, context }: FamilySetting, base: FamilySetting['base'], sizes: readonly DesignSize[]) {
  const known = new Map<string, { readonly whole: number; readonly branch: number }>();
  const runOf = (index: number, exponent: number, batchSequences: number): { whole: number; branch: number } => {
    const key = `${index} ${exponent} ${batchSequences}`;
    let price = known.get(key);
    if (price === undefined) {
      const batch = batchSequences * context;
      const tokens = wholeTokens(exponent, batch);
      const warmupTokens = warmupOf(sizes[index].N, tokens, batch);
      const config = parseRun({ ...base, shape: sizes[index].shape, batchSequences, tokens, warmupTokens });
      if (steps(config) < 1) throw new Error('a run has at least one step');
      price = { whole: device.seconds(config), branch: branchSeconds(device, config) };
      known.set(key, price);
    }
    return price;
  };
  return (index: number, exponents: readonly number[], batchSequences: number): Price => {
    let total = 0;
    exponents.forEach((exponent, i) => {
      const { whole, branch } = runOf(index, exponent, batchSequences);
      total += i === exponents.length - 1 ? whole : branch;
    });
    return { total, longest: exponents.length === 0 ? 0 : runOf(index, exponents[exponents.length - 1], batchSequences).whole };
  };
}
