// The calculator: for a model and its training tokens (or a budget), the learning rate, batch, steps and warm-up that
// each published law gives, and the law fitted to runs made here.
import { parseRun } from '../config/parse.ts';
import { runFields, type RunConfig, type RunInput } from '../config/run.ts';
import type { Estimate } from '../laws/fit.ts';
import { publishedSettings, type SettingsRequest } from '../laws/published-settings.ts';
import { shortNumber } from '../laws/sentences.ts';
import { withoutInterval } from '../laws/statistics.ts';
import { InputError, type Sentence } from '../messages/sentence.ts';
import { countFlops, countParameters } from '../model/counts.ts';
import { modelConfig } from '../model/parameters.ts';
import { warmupUpdates } from '../sweep/cost.ts';
import { bestAt, type LandscapeAnalysis } from './landscapes.ts';
import { settingsRequest } from './which-law.ts';

/** A model and how long to train it. */
export interface CalculatorRequest {
  /** Its shape, context, schedule and all else; learning rate, batch and tokens are what is asked for. */
  readonly config: RunConfig;
  /** Tokens in its vocabulary. */
  readonly vocabulary: number;
  /** Training tokens, or training FLOPs (attention and head included) to be spent. */
  readonly spend: { readonly tokens: number } | { readonly flops: number };
}

/** One law's settings. */
export interface CalculatedSettings {
  readonly id: string;
  readonly label: Sentence;
  /** Where a published law was published; absent for the law fitted here. */
  readonly citation?: string;
  /** Peak learning rate; undefined where the law has none. Published laws have no intervals for what they predict. */
  readonly lr: Estimate | undefined;
  /** Batch, tokens, as the law has it. */
  readonly B: Estimate | undefined;
  /** The batch in whole sequences, at least 1 and at most the run; the config's own where the law has none. */
  readonly batchSequences: number;
  /** Optimizer steps, and those of them that warm up. */
  readonly steps: number;
  readonly warmupSteps: number;
  /** Tokens read: whole batches. */
  readonly tokens: number;
  /** What to know about these numbers. */
  readonly notes: readonly Sentence[];
  /** The run to train, valid; undefined where the law has no learning rate or one that no run may have. */
  readonly run: RunInput | undefined;
}

/** The answer. */
export interface Calculation {
  /** What the laws were asked for. */
  readonly request: SettingsRequest;
  /** Training FLOPs of the tokens asked for. */
  readonly flops: number;
  /** The law fitted here first, where one was given, then the published ones. */
  readonly settings: readonly CalculatedSettings[];
}

/** The most tokens a run may have. */
const MOST_TOKENS = 1e12;

/** A fitted law is drawn this far beyond its landscapes without a word. */
const NEAR = 2;

/**
 * Settings by every law.
 * @param fitted landscapes of runs made here, where there are any
 * @throws InputError when tokens or FLOPs are not a positive number, or come to less than one sequence or too many tokens
 */
export function calculate({ config, vocabulary, spend }: CalculatorRequest, fitted?: LandscapeAnalysis): Calculation {
  const perToken = countFlops(modelConfig(config, vocabulary)).training;
  const amount = 'tokens' in spend ? spend.tokens : spend.flops;
  if (!(amount > 0) || !Number.isFinite(amount))
    throw new InputError({ en: 'Tokens, or FLOPs, must be a positive number.', zh: '词元数或 FLOPs 必须为正数。' });
  const D = Math.floor('tokens' in spend ? spend.tokens : spend.flops / perToken);
  if (D < config.context)
    throw new InputError({
      en: `That is ${D} training tokens, less than one sequence of ${config.context}; allow more tokens or FLOPs, or take a smaller model.`,
      zh: `这只够 ${D} 个训练词元，不足一个长 ${config.context} 的序列；请增加词元数或 FLOPs，或取更小的模型。`,
    });
  if (D > MOST_TOKENS)
    throw new InputError({
      en: `That is ${shortNumber(D)} training tokens, more than a run may have (10¹²); allow fewer, or take a larger model.`,
      zh: `这相当于 ${shortNumber(D)} 个训练词元，超过一次训练的上限（10¹²）；请减少，或取更大的模型。`,
    });
  const request = settingsRequest(config, vocabulary, D);
  const published = publishedSettings.map(({ id, label, citation, fittedOn, silent, settings }): CalculatedSettings => {
    const { lr, B } = settings(request);
    const notes: Sentence[] = [{ en: `Fitted on ${fittedOn.en}.`, zh: `拟合范围：${fittedOn.zh}。` }];
    if (silent) notes.push({ en: `It gives no batch: ${silent.en}.`, zh: `它不给出批大小：${silent.zh}。` });
    const own = { lr: lr === undefined ? undefined : withoutInterval(lr), B: B === undefined ? undefined : withoutInterval(B) };
    return settled({ id, label, citation, ...own, notes }, config, D);
  });
  const here = fitted && fittedSettings(fitted, countParameters(modelConfig(config, vocabulary))[fitted.options.count], D, config);
  return { request, flops: D * perToken, settings: here ? [here, ...published] : published };
}

/**
 * The law through the minima of landscapes made here; undefined while there is none.
 * @param N by the count of the analysis
 * @param D training tokens
 */
function fittedSettings(analysis: LandscapeAnalysis, N: number, D: number, config: RunConfig): CalculatedSettings | undefined {
  const found = analysis.landscapes.filter(({ bowl }) => bowl.status === 'converged');
  if (analysis.vertexLaw.status !== 'converged' || found.length === 0) return undefined;
  const { lr, B } = bestAt(analysis, N, D);
  if (lr === undefined && B === undefined) return undefined;
  const notes: Sentence[] = [];
  for (const [axis, value, values] of [
    ['N', N, found.map((one) => one.N)],
    ['D', D, found.map((one) => one.D)],
  ] as const) {
    const [least, most] = [Math.min(...values), Math.max(...values)];
    if (value < least / NEAR || value > most * NEAR)
      notes.push({
        en: `${axis} lies outside the landscapes that the law rests on (${least} to ${most}): an extrapolation.`,
        zh: `${axis} 在定律所依据的曲面范围（${least} 至 ${most}）之外：这是外推。`,
      });
    if (most / least < NEAR)
      notes.push({
        en: `The landscapes vary ${axis} too little to say how the settings depend on it.`,
        zh: `这些曲面的 ${axis} 变化太小，无法说明设置如何依赖它。`,
      });
  }
  return settled({ id: 'fitted', label: { en: 'fitted here', zh: '此处拟合' }, lr, B, notes }, config, D);
}

type Asked = Pick<CalculatedSettings, 'id' | 'label' | 'citation' | 'lr' | 'B' | 'notes'>;

/** Settings as a run can have them: whole sequences, whole steps, whole batches. */
function settled(asked: Asked, config: RunConfig, D: number): CalculatedSettings {
  const { context } = config;
  const notes = [...asked.notes];
  const wanted = asked.B === undefined ? config.batchSequences : Math.round(asked.B.value / context);
  const batchSequences = Math.min(Math.max(1, wanted), Math.floor(D / context), 65_536);
  if (asked.B !== undefined && wanted < 1)
    notes.push({
      en: `The batch is less than one sequence of ${context}; one is taken.`,
      zh: `批大小不足一个长 ${context} 的序列；取一个。`,
    });
  if (asked.B !== undefined && wanted > batchSequences)
    notes.push({ en: 'The batch is larger than a run can have; the largest is taken.', zh: '批大小超过一次训练所能有的上限；取最大值。' });
  const steps = Math.floor(D / (batchSequences * context));
  const tokens = steps * batchSequences * context;
  const { lr } = asked;
  const possible = lr !== undefined && lr.value >= 1e-8 && lr.value <= 10;
  if (lr !== undefined && !possible)
    notes.push({ en: 'No run can have this learning rate (10⁻⁸ to 10).', zh: '没有训练能用此学习率（10⁻⁸ 至 10）。' });
  return {
    ...asked,
    batchSequences,
    steps,
    warmupSteps: warmupUpdates({ ...config, batchSequences }, steps),
    tokens,
    notes,
    run: possible ? runOf(config, { learningRate: lr.value, batchSequences, tokens }) : undefined,
  };
}

/** The config with other settings, checked, holding only what differs from the defaults. */
function runOf(config: RunConfig, change: Required<Pick<RunInput, 'learningRate' | 'batchSequences' | 'tokens'>>): RunInput {
  const whole = parseRun({ ...config, ...change });
  const plain = parseRun({});
  return Object.fromEntries(
    runFields.filter((field) => JSON.stringify(whole[field]) !== JSON.stringify(plain[field])).map((field) => [field, whole[field]]),
  );
}
