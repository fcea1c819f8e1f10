// Designs for landscapes, loss over learning rate and batch: one at each of several sizes (the bowl), or at several sizes
// and numbers of tokens, varied apart from each other (Step Law). A quadratic places each minimum, a plane through the
// logarithms of the minima gives the exponents.
import { parseRun } from '../../config/parse.ts';
import type { Grid } from '../../config/sweep.ts';
import { addObservation, covarianceOf, packedLength } from '../../laws/information.ts';
import { elapsed } from '../../sweep/device-time.ts';
import { seeds } from '../grid-axes.ts';
import { toldFromZero, type DesignTarget } from './goals.ts';
import { expectedLog2, landscapeAt, REFERENCE, type DesignKnowledge } from './knowledge.ts';
import { designSizes, gridCount, ratesAbout, sizeLadders, tokenLadders, variesApart, wholeTokens, type DesignSize } from './ladders.ts';
import { expectedVertex, type ExpectedVertex } from './landscape-errors.ts';
import type { DesignFamily, FamilySetting, SeeDesign } from './search.ts';

/** Which law of landscapes. */
export type LandscapeGoal = 'bowl' | 'step-law';

/**
 * Tokens per parameter of a landscape: with fewer all settings end near the same loss, since little is learned; with more
 * a small model is saturated, and hardly feels its settings (docs/log.md).
 */
const TOKENS_PER_PARAMETER = { least: 6, most: 300 } as const;

/** Shortest runs, as a power of two of tokens, and as steps of the largest batch. */
const LEAST_TOKENS = 15;
const LEAST_STEPS = 30;

/** N and D of Step Law span at least this factor each, as its verdict asks; sizes of the bowl span less. */
const SPANS = { bowl: 4, 'step-law': 16 } as const;

/** Steps of the grid that are tried, octaves: a batch is a power of two of sequences. */
const STEPS = [
  { rate: 1, batch: 1 },
  { rate: 1, batch: 2 },
  { rate: 1.5, batch: 2 },
] as const;
const SEEDS = [1, 2, 3, 4, 6] as const;

/** Batches are whole octaves of sequences: the middle of their grid may be off by half a step of that. */
const BATCH_ROUNDING = 1;

/** A batch exponent of N known to this is as good as told: an octave over a factor of sixteen. */
const NEGLIGIBLE = 0.25;

/** Octaves within which a minimum counts as placed. */
const PLACED = 1;

/** A landscape whose minimum would be less sure than this, octaves, may turn out to have none: the lab leaves it out then. */
const LEAST_SURE = 0.4;

/** A landscape is worth its time only if its lowest point is likely to be seen inside its grid. */
const LEAST_INSIDE = 0.7;

/** Minima that the laws need, and the part of one that may be lost on average. */
const LEAST_BOWLS = 3;
const LEAST_LANDSCAPES = 5;
const SPARED = 0.4;

interface Cell {
  readonly size: number;
  /** Tokens as a power of two. */
  readonly exponent: number;
  /** Batches as powers of two of sequences. */
  readonly batches: readonly number[];
  readonly rates: number;
  readonly vertex: ExpectedVertex;
  /** Seconds of one worker for all of one seed, and for the longest run. */
  readonly seconds: number;
  readonly longest: number;
}

/** All designs for a law of landscapes. */
export function landscapeFamily(goal: LandscapeGoal, setting: FamilySetting): DesignFamily {
  const { knowledge, context, trainingTokens, base, device } = setting;
  const sizes = designSizes(base, setting.vocabulary);
  const targets = landscapeTargets(goal, knowledge);
  const cellAt = cellsOf(setting, sizes);
  const sizeChoices = sizeLadders(sizes, goal === 'bowl' ? 3 : 2, goal === 'bowl' ? 6 : 5, SPANS[goal]);
  const tokenChoices =
    goal === 'bowl'
      ? tokenLadders(LEAST_TOKENS, trainingTokens, [1, 1])
      : tokenLadders(LEAST_TOKENS, trainingTokens, [2, 5]).filter((ladder) => 2 ** (ladder[ladder.length - 1] - ladder[0]) >= SPANS[goal]);

  const visit = (see: SeeDesign, worthwhile: (seconds: number) => boolean): void => {
    for (const tokens of tokenChoices)
      for (const ladder of sizeChoices)
        for (const step of STEPS) {
          const cells = ladder.flatMap((size) => tokens.flatMap((exponent) => cellAt(size, exponent, step) ?? []));
          if (!complete(cells, ladder, tokens, sizes)) continue;
          const total = cells.reduce((sum, { seconds }) => sum + seconds, 0);
          const longest = Math.max(...cells.map((cell) => cell.longest));
          for (const count of SEEDS) {
            const seconds = elapsed(device, total * count, longest);
            if (!worthwhile(seconds)) continue;
            const errors = errorsOf(goal, cells, sizes, knowledge, count);
            if (errors === undefined) continue;
            see(seconds, errors, degrees(goal, cells.length), () => build(cells, step, count));
          }
        }
  };

  /** Every size in the ladder and every length has a landscape; both vary apart from each other. */
  const complete = (cells: readonly Cell[], ladder: readonly number[], tokens: readonly number[], all: readonly DesignSize[]): boolean => {
    if (goal === 'bowl') return cells.length === ladder.length;
    if (cells.length < LEAST_LANDSCAPES) return false;
    if (new Set(cells.map(({ size }) => size)).size < ladder.length) return false;
    if (new Set(cells.map(({ exponent }) => exponent)).size < tokens.length) return false;
    const [N, D] = [cells.map(({ size }) => all[size].N), cells.map(({ exponent }) => 2 ** exponent)];
    return variesApart(N, D);
  };

  const build = (cells: readonly Cell[], step: (typeof STEPS)[number], count: number): Grid[] =>
    cells.map(({ size, exponent, batches, rates }): Grid => {
      const { shape, N } = sizes[size];
      // All sizes at one number of tokens read exactly as many: a whole number of the largest batch of any.
      const most = Math.max(...cells.filter((cell) => cell.exponent === exponent).flatMap((cell) => cell.batches));
      const D = wholeTokens(exponent, context * 2 ** most);
      return {
        set: { shape, tokens: D },
        axes: {
          learningRate: ratesAbout(knowledge.cosineRate, N, D, step.rate, rates),
          batchSequences: batches.map((power) => 2 ** power),
          seed: seeds(count),
        },
      };
    });
  return { targets, base, visit };
}

/** A cell's grid, how well it places the minimum, and its price; undefined where no landscape can be had. Kept once found. */
function cellsOf({ knowledge, context, base, device }: FamilySetting, sizes: readonly DesignSize[]) {
  const known = new Map<string, Cell | undefined>();
  const find = (size: number, exponent: number, step: (typeof STEPS)[number]): Cell | undefined => {
    const { N, shape } = sizes[size];
    const D = 2 ** exponent;
    if (D < TOKENS_PER_PARAMETER.least * N || D > TOKENS_PER_PARAMETER.most * N) return undefined;
    const middle = expectedLog2(knowledge.batch, N, D) - Math.log2(context);
    const count = gridCount(step.batch, knowledge.batch.deviation, 0, BATCH_ROUNDING);
    const highest = Math.round(middle + (step.batch * (count - 1)) / 2);
    // No batch is smaller than a sequence: the grid is cut there, while the minimum stays a step and a deviation inside.
    const batches = Array.from({ length: count }, (_, i) => highest - step.batch * (count - 1 - i)).filter((power) => power >= 0);
    if (!(middle - batches[0] >= Math.max(step.batch, step.batch / 2 + knowledge.batch.deviation))) return undefined;
    if (D < LEAST_STEPS * context * 2 ** highest) return undefined;
    const rateCount = gridCount(step.rate, knowledge.cosineRate.deviation);
    const rates = ratesAbout(knowledge.cosineRate, N, D, step.rate, rateCount);
    const expected = expectedLog2(knowledge.cosineRate, N, D);
    const vertex = expectedVertex(
      rates.map((rate) => Math.log2(rate) - expected),
      batches.map((power) => power - middle),
      landscapeAt(knowledge, N),
      [knowledge.cosineRate.deviation, knowledge.batch.deviation],
    );
    if (vertex === undefined) return undefined;
    const times = batches.map((power) =>
      device.seconds(parseRun({ ...base, shape, tokens: wholeTokens(exponent, context * 2 ** power), batchSequences: 2 ** power })),
    );
    return {
      ...{ size, exponent, batches, vertex },
      rates: rateCount,
      seconds: rateCount * times.reduce((sum, one) => sum + one, 0),
      longest: Math.max(...times),
    };
  };
  return (size: number, exponent: number, step: (typeof STEPS)[number]): Cell | undefined => {
    const key = `${size} ${exponent} ${step.rate} ${step.batch}`;
    if (!known.has(key)) known.set(key, find(size, exponent, step));
    return known.get(key);
  };
}

/**
 * Of the plane through the minima: with a line through three there is one, and the lab then takes the cells' own errors. Of a
 * minimum those of its quadratic are enough not to matter.
 */
function degrees(goal: LandscapeGoal, cells: number): number[] {
  const free = cells - (goal === 'bowl' ? 2 : 3);
  const plane = free < 2 ? Infinity : free;
  return goal === 'bowl' ? [plane, Infinity, Infinity] : [plane, plane, plane, plane];
}

/** Standard errors in the order of the targets; undefined where the cells tie them, or one of them is too unsure to count on. */
function errorsOf(
  goal: LandscapeGoal,
  cells: readonly Cell[],
  sizes: readonly DesignSize[],
  knowledge: DesignKnowledge,
  seedCount: number,
): number[] | undefined {
  const { seedNoise, landscapeScatter, optimumScatter, loss } = knowledge;
  // In nats, at a loss between the floor and what short runs of small models reach.
  const level = 1.4 * loss.E;
  const point = (seedNoise * level) ** 2 / seedCount + landscapeScatter ** 2;
  if (cells.some(({ vertex: { variance } }) => point * Math.max(variance.x, variance.y) > LEAST_SURE ** 2)) return undefined;
  const kept = cells.map(({ vertex }) => vertex.inside(Math.sqrt(point)));
  const least = goal === 'bowl' ? LEAST_BOWLS : LEAST_LANDSCAPES;
  if (kept.reduce((sum, share) => sum + share, 0) < least - SPARED || kept.some((share) => share < LEAST_INSIDE)) return undefined;
  const order = goal === 'bowl' ? 2 : 3;
  const plane = (axis: 'x' | 'y', scatter: number): Float64Array | undefined => {
    const information = new Float64Array(packedLength(order));
    cells.forEach(({ size, exponent, vertex: { variance } }, i) => {
      const terms = [1, Math.log2(sizes[size].N / REFERENCE.N), exponent - Math.log2(REFERENCE.D)];
      addObservation(information, terms.slice(0, order), kept[i] / (point * variance[axis] + scatter ** 2));
    });
    return covarianceOf(information, order);
  };
  const rate = plane('x', optimumScatter.rate);
  const batch = plane('y', optimumScatter.batch);
  if (rate === undefined || batch === undefined) return undefined;
  const [ofN, ofD] = [2, 5];
  if (goal === 'step-law') return [rate[ofN], rate[ofD], batch[ofD], batch[ofN]].map(Math.sqrt);
  const placed = (axis: 'x' | 'y'): number => (point * cells.reduce((sum, { vertex }) => sum + vertex.variance[axis], 0)) / cells.length;
  return [rate[ofN], placed('x'), placed('y')].map(Math.sqrt);
}

function landscapeTargets(goal: LandscapeGoal, { cosineRate, batch }: DesignKnowledge): DesignTarget[] {
  const rateOnN = toldFromZero(
    'lr.N',
    'η, N',
    { en: 'exponent of N of the best learning rate', zh: '最佳学习率对 N 的指数' },
    cosineRate.N,
  );
  const placed = (id: string, symbol: string, label: DesignTarget['label'], expected: number): DesignTarget => ({
    ...{ id, symbol, label, expected },
    tolerance: PLACED,
    meaning: { en: 'placed within an octave', zh: '定位到一个八度以内' },
  });
  if (goal === 'bowl')
    return [
      rateOnN,
      placed('lr', 'log₂ η', { en: 'each best learning rate, octaves', zh: '每个最佳学习率，八度' }, cosineRate.log2),
      placed('B', 'log₂ B', { en: 'each best batch, octaves', zh: '每个最佳批大小，八度' }, batch.log2),
    ];
  return [
    rateOnN,
    toldFromZero('lr.D', 'η, D', { en: 'exponent of D of the best learning rate', zh: '最佳学习率对 D 的指数' }, cosineRate.D),
    toldFromZero('B.D', 'B, D', { en: 'exponent of D of the best batch', zh: '最佳批大小对 D 的指数' }, batch.D),
    {
      id: 'B.N',
      symbol: 'B, N',
      label: { en: 'exponent of N of the best batch', zh: '最佳批大小对 N 的指数' },
      expected: batch.N,
      tolerance: NEGLIGIBLE,
      meaning: { en: `known to ± ${NEGLIGIBLE}`, zh: `确定到 ± ${NEGLIGIBLE}` },
    },
  ];
}
