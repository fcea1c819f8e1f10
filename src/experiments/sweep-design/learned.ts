// What earlier runs on the same text say of what a design takes as known: the noise of a seed, where the best learning
// rate lies, how the loss falls. What they are too few to say stays as the prior has it.
import type { RunConfig, RunInput } from '../../config/run.ts';
import { parseRun } from '../../config/parse.ts';
import { fitChinchilla } from '../../laws/chinchilla.ts';
import { weightedLeastSquares } from '../../laws/regression.ts';
import { shortNumber } from '../../laws/sentences.ts';
import type { Sentence } from '../../messages/sentence.ts';
import type { RunRecord } from '../../sweep/record.ts';
import { tableOf } from '../rows.ts';
import { tunedCells, type TunedCell } from '../tuning.ts';
import { PRIOR, REFERENCE, type DesignKnowledge, type ExpectedOptimum } from './knowledge.ts';

/** Runs within this share of the best of their size and length are near enough for their noise to count. */
const NEAR = 0.03;

/** Degrees of freedom of a noise that is believed. */
const LEAST_DEGREES = 6;

/** Tuned cells, and sizes among them, that a law of learning rates or of loss is believed from. */
const LEAST_CELLS = 8;
const LEAST_SIZES = 3;

/** A law of learning rates is not believed to be surer than this, octaves: half a step of its grids. */
const LEAST_DEVIATION = 0.3;

/** Exponents of the loss outside these come from too little data, not from nature. */
const EXPONENTS = { least: 0.05, most: 1.5 } as const;

/**
 * The prior with what runs say in its place.
 * @param records any runs; those on another text or context are not looked at
 * @param base what the runs of the design will share
 */
export function learnKnowledge(records: readonly RunRecord[], base: RunInput, prior: DesignKnowledge = PRIOR): DesignKnowledge {
  const { corpus, context, tokenizer } = parseRun(base);
  const alike = records.filter(
    ({ config, status }) =>
      status === 'finished' && config.corpus === corpus && config.context === context && config.tokenizer === tokenizer,
  );
  let knowledge = prior;
  const learned: Sentence[] = [];
  const noise = seedNoise(alike);
  if (noise !== undefined) {
    knowledge = { ...knowledge, seedNoise: noise.deviation };
    const percent = shortNumber(100 * noise.deviation);
    learned.push({
      en: `The noise of a seed, ${percent} % of the loss, is that of earlier runs (${noise.degrees} degrees of freedom).`,
      zh: `种子噪声为损失的 ${percent} %，取自先前的训练（${noise.degrees} 个自由度）。`,
    });
  }
  for (const [schedule, key] of [
    ['cosine', 'cosineRate'],
    ['constant', 'constantRate'],
  ] as const) {
    const cells = cellsOf(alike.filter(({ config }) => config.schedule.startsWith(schedule)));
    const rate = rateLaw(cells, knowledge[key]);
    if (rate !== undefined) {
      knowledge = { ...knowledge, [key]: rate };
      learned.push({
        en: `Where the best learning rate lies (${schedule} schedule) is taken from ${cells.length} tuned cells of earlier runs.`,
        zh: `最佳学习率的位置（${schedule} 调度）取自先前训练的 ${cells.length} 个调优单元。`,
      });
    }
  }
  const cells = cellsOf(alike);
  const law = lossLaw(cells, knowledge.seedNoise);
  if (law !== undefined) {
    knowledge = { ...knowledge, ...law };
    learned.push({
      en: `The law of loss is that of ${cells.length} tuned cells of earlier runs: α = ${shortNumber(law.loss.alpha)}, β = ${shortNumber(law.loss.beta)}, E = ${shortNumber(law.loss.E)}.`,
      zh: `损失定律取自先前训练的 ${cells.length} 个调优单元：α = ${shortNumber(law.loss.alpha)}，β = ${shortNumber(law.loss.beta)}，E = ${shortNumber(law.loss.E)}。`,
    });
  }
  return { ...knowledge, sources: [...learned, ...prior.sources] };
}

/** Standard deviation of log loss between runs that differ in their seed alone, near the best settings. */
function seedNoise(records: readonly RunRecord[]): { readonly deviation: number; readonly degrees: number } | undefined {
  const best = new Map<string, number>();
  const groups = new Map<string, { readonly key: string; readonly logs: number[] }>();
  for (const { config, finalLoss } of records) {
    if (finalLoss === null) continue;
    const key = JSON.stringify([config.shape, config.tokens]);
    best.set(key, Math.min(best.get(key) ?? Infinity, Math.log(finalLoss)));
    const same = JSON.stringify({ ...config, seed: 0 } satisfies RunConfig);
    const group = groups.get(same) ?? { key, logs: [] };
    group.logs.push(Math.log(finalLoss));
    groups.set(same, group);
  }
  let [squares, degrees] = [0, 0];
  for (const { key, logs } of groups.values()) {
    const mean = logs.reduce((sum, log) => sum + log, 0) / logs.length;
    if (logs.length < 2 || mean > best.get(key)! + NEAR) continue;
    squares += logs.reduce((sum, log) => sum + (log - mean) ** 2, 0);
    degrees += logs.length - 1;
  }
  return degrees >= LEAST_DEGREES && squares > 0 ? { deviation: Math.sqrt(squares / degrees), degrees } : undefined;
}

/** Tuned cells with their best rate inside those tried, at least three of them. */
function cellsOf(records: readonly RunRecord[]): TunedCell[] {
  if (records.length === 0) return [];
  const { records: used, rows } = tableOf(records, [
    ...(['shape', 'tokens', 'learningRate', 'batchSequences', 'warmupTokens', 'seed', 'dataSeed'] as const),
  ]);
  const cells = tunedCells(rows, used).filter(({ edge, tried }) => edge === undefined && tried.length >= 3);
  // Of several batches at one size and length the best.
  const best = new Map<string, TunedCell>();
  for (const cell of cells) {
    const key = `${cell.N} ${Math.round(Math.log2(cell.D) * 20)}`;
    const before = best.get(key);
    if (before === undefined || cell.loss < before.loss) best.set(key, cell);
  }
  return [...best.values()];
}

const enough = (cells: readonly TunedCell[]): boolean =>
  cells.length >= LEAST_CELLS && new Set(cells.map(({ N }) => N)).size >= LEAST_SIZES;

/** The best learning rate over sizes and lengths; along an axis that does not vary the exponent stays the prior's. */
function rateLaw(cells: readonly TunedCell[], prior: ExpectedOptimum): ExpectedOptimum | undefined {
  if (!enough(cells)) return undefined;
  const varies = new Set(cells.map(({ D }) => Math.round(Math.log2(D)))).size >= 3;
  const terms = cells.map(({ N, D }) => [1, Math.log2(N / REFERENCE.N), ...(varies ? [Math.log2(D / REFERENCE.D)] : [])]);
  const known = (D: number): number => (varies ? 0 : prior.D * Math.log2(D / REFERENCE.D));
  const fit = weightedLeastSquares(
    terms,
    cells.map(({ lr, D }) => Math.log2(lr) - known(D)),
  );
  if (fit.status === 'rank deficient' || fit.degreesOfFreedom < 1) return undefined;
  const [log2, N, D = prior.D] = fit.coefficients;
  return { log2, N, D, deviation: Math.max(LEAST_DEVIATION, Math.sqrt(fit.sumOfSquares / fit.degreesOfFreedom)) };
}

/** The law of loss and the scatter of cells about it beyond the noise of their seeds. */
function lossLaw(cells: readonly TunedCell[], noise: number): Pick<DesignKnowledge, 'loss' | 'lawScatter'> | undefined {
  if (!enough(cells)) return undefined;
  const fit = fitChinchilla(
    cells.map(({ N, D, loss }) => ({ N, D, loss })),
    { bootstrap: { resamples: 0 } },
  );
  const { constants, residuals } = fit;
  if (fit.status !== 'converged' || constants === undefined) return undefined;
  const { alpha, beta } = constants;
  if (Math.min(alpha, beta) < EXPONENTS.least || Math.max(alpha, beta) > EXPONENTS.most) return undefined;
  const square = residuals.reduce((sum, one) => sum + one * one, 0) / Math.max(1, residuals.length - 5);
  const seeds = cells.reduce((sum, { losses }) => sum + 1 / losses.length, 0) / cells.length;
  return { loss: constants, lawScatter: Math.sqrt(Math.max(0, square - noise ** 2 * seeds)) };
}
