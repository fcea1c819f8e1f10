// Designs for the critical batch: one size, one length, batches from well below to well above where it is expected, the
// learning rate held constant and tuned at each. Tokens to a loss grow with the batch as E = E_min·(1 + B/B_crit)
// (McCandlish et al., arXiv 1812.06162, section 2.3), and B_crit as a power of the loss (Kaplan et al., arXiv 2001.08361,
// section 5.1).
import { parseRun } from '../../config/parse.ts';
import type { Grid } from '../../config/sweep.ts';
import { chinchillaLoss } from '../../laws/chinchilla-allocation.ts';
import { addObservation, covarianceOf, packedLength } from '../../laws/information.ts';
import { elapsed } from '../../sweep/device-time.ts';
import { seeds } from '../grid-axes.ts';
import { toldFromZero, type DesignTarget } from './goals.ts';
import { expectedLog2, type DesignKnowledge } from './knowledge.ts';
import { designSizes, gridCount, ratesAbout, tokenLadders, wholeTokens, type DesignSize } from './ladders.ts';
import { cellVariance } from './loss-family.ts';
import type { DesignFamily, FamilySetting, SeeDesign } from './search.ts';

/** Shortest run, as a power of two of tokens, and steps of its largest batch. */
const LEAST_TOKENS = 17;
const LEAST_STEPS = 100;

/** Octaves from the critical batch down to the smallest one, up to the largest, and between them. */
const BELOW = [2, 3, 4, 5] as const;
const ABOVE = [1, 2, 3, 4] as const;
const BATCH_STEPS = [1, 2] as const;
const LEAST_BATCHES = 5;

const RATE_STEPS = [1, 1.5, 2] as const;
const SEEDS = [1, 2, 4, 8, 16] as const;

/** Tokens per parameter between which a size still learns from more of them. */
const TOKENS_PER_PARAMETER = { least: 6, most: 300 } as const;

/** The share of the tokens after which losses are first compared: before, runs are still in their beginning. */
const FIRST_SHARE = 0.15;

/** The critical batch counts as known to a factor of two. */
const WITHIN = 1;

/** All designs for the critical batch. */
export function criticalBatchFamily(setting: FamilySetting): DesignFamily {
  const { knowledge, context, trainingTokens, device } = setting;
  const base = { ...setting.base, schedule: 'constant' as const };
  const sizes = designSizes(base, setting.vocabulary);
  const { criticalBatch } = knowledge;
  const targets: DesignTarget[] = [
    {
      ...{ id: 'Bcrit', symbol: 'log₂ B_crit', expected: Math.log2(criticalBatch.batch), tolerance: WITHIN },
      label: { en: `critical batch at a loss of ${criticalBatch.loss}, octaves`, zh: `损失 ${criticalBatch.loss} 处的临界批大小，八度` },
      meaning: { en: 'known to a factor of two', zh: '确定到两倍以内' },
    },
    toldFromZero('exponent', '1/α_B', { en: 'exponent of the loss', zh: '损失的指数' }, criticalBatch.exponent),
  ];

  const visit = (see: SeeDesign, worthwhile: (seconds: number) => boolean): void => {
    for (const [exponent] of tokenLadders(LEAST_TOKENS, trainingTokens, [1, 1]))
      for (const size of sizes) {
        const ratio = 2 ** exponent / size.N;
        if (ratio < TOKENS_PER_PARAMETER.least || ratio > TOKENS_PER_PARAMETER.most) continue;
        for (const below of BELOW)
          for (const above of ABOVE) for (const step of BATCH_STEPS) visitBatches(size, exponent, below, above, step);
      }

    function visitBatches(size: DesignSize, exponent: number, below: number, above: number, step: number): void {
      const middle = Math.round(Math.log2(criticalAt(knowledge, lossAt(knowledge, size.N, 2 ** exponent)) / context));
      const powers: number[] = [];
      for (let power = middle + above; power >= Math.max(0, middle - below); power -= step) powers.unshift(power);
      if (powers.length < LEAST_BATCHES) return;
      const D = wholeTokens(exponent, context * 2 ** powers[powers.length - 1]);
      if (D < LEAST_STEPS * context * 2 ** powers[powers.length - 1] || D > trainingTokens) return;
      const times = powers.map((power) => device.seconds(parseRun({ ...base, shape: size.shape, tokens: D, batchSequences: 2 ** power })));
      const total = times.reduce((sum, one) => sum + one, 0);
      for (const rateStep of RATE_STEPS) {
        const rates = gridCount(rateStep, knowledge.constantRate.deviation);
        for (const count of SEEDS) {
          const seconds = elapsed(device, total * rates * count, Math.max(...times));
          if (!worthwhile(seconds)) continue;
          const errors = errorsOf(setting, size.N, D, powers, rateStep, count);
          if (errors === undefined) continue;
          // Each loss spends a run on its own E_min, all together two on B_crit.
          see(seconds, errors, [powers.length - 3, powers.length - 3], () => build(size, D, powers, rateStep, rates, count));
        }
      }
    }
  };

  const build = (size: DesignSize, D: number, powers: readonly number[], rateStep: number, rates: number, seedCount: number): Grid[] =>
    powers.map((power): Grid => {
      // Along the valley of the landscape the best learning rate rises with the batch.
      const [xx, xy] = knowledge.landscape;
      const { batch, constantRate } = knowledge;
      const beyond = Math.log2(context) + power - expectedLog2(batch, size.N, D);
      const optimum = { ...constantRate, log2: constantRate.log2 - (xy / xx) * beyond };
      return {
        set: { shape: size.shape, tokens: D, batchSequences: 2 ** power },
        axes: { learningRate: ratesAbout(optimum, size.N, D, rateStep, rates), seed: seeds(seedCount) },
      };
    });
  return { targets, base, visit };
}

/** Expected loss after D tokens. */
function lossAt({ loss }: DesignKnowledge, N: number, D: number): number {
  return chinchillaLoss(loss, N, D);
}

/** Expected critical batch at a loss, tokens. */
function criticalAt({ criticalBatch: { batch, loss, exponent } }: DesignKnowledge, at: number): number {
  return batch * (at / loss) ** -exponent;
}

/**
 * Standard errors of log2 B_crit at the loss where it is stated, and of its exponent. Losses are compared at two levels,
 * the first and the last that all batches pass: those between add little, being points of the same runs.
 */
function errorsOf(
  { knowledge, context }: FamilySetting,
  N: number,
  D: number,
  powers: readonly number[],
  rateStep: number,
  seedCount: number,
): number[] | undefined {
  const batches = powers.map((power) => context * 2 ** power);
  const largest = batches[batches.length - 1];
  // The largest batch makes of D tokens what fewer would be at small ones.
  const last = lossAt(knowledge, N, D / (1 + largest / criticalAt(knowledge, lossAt(knowledge, N, D))));
  const first = lossAt(knowledge, N, FIRST_SHARE * D);
  if (!(first > last)) return undefined;
  const { B, beta } = knowledge.loss;
  const information = new Float64Array(packedLength(4));
  [first, last].forEach((level, i) => {
    const critical = criticalAt(knowledge, level);
    const tokens = i === 0 ? FIRST_SHARE * D : D;
    // Share of the loss that a factor of e in tokens takes away: noise of the loss over this is noise of log tokens.
    const slope = (beta * B) / tokens ** beta / level;
    const variance = cellVariance({ ...knowledge, lawScatter: 0 }, rateStep, seedCount) / slope ** 2 + knowledge.hyperbolaScatter ** 2;
    for (const batch of batches) {
      const share = batch / critical / (1 + batch / critical);
      const ofLoss = Math.log(level / knowledge.criticalBatch.loss);
      addObservation(information, [i === 0 ? 1 : 0, i === 1 ? 1 : 0, -share, share * ofLoss], 1 / variance);
    }
  });
  const covariance = covarianceOf(information, 4);
  return covariance && [Math.sqrt(covariance[5]) / Math.LN2, Math.sqrt(covariance[9])];
}
