// "Design for me": the sweep that identifies a law best in the time there is, what it is expected to say, and what it
// cannot say. All of it is decided before any run, from the device's speed and from what is known of runs like these.
import type { RunInput, Shape } from '../../config/run.ts';
import { batchTokens } from '../../config/run.ts';
import { parseRun } from '../../config/parse.ts';
import { expandSweep, parseSweep, type Grid, type SweepConfig } from '../../config/sweep.ts';
import type { Sentence } from '../../messages/sentence.ts';
import { InputError } from '../../messages/sentence.ts';
import { countParameters } from '../../model/counts.ts';
import { modelConfig } from '../../model/parameters.ts';
import { sweepSeconds, type DeviceTime } from '../../sweep/device-time.ts';
import { goalLabels, type DesignGoal, type DesignTarget } from './goals.ts';
import { PRIOR, type DesignKnowledge } from './knowledge.ts';
import { criticalBatchFamily } from './critical-batch-family.ts';
import { isoflopFamily } from './isoflop-family.ts';
import { landscapeFamily } from './landscape-family.ts';
import { lossFamily } from './loss-family.ts';
import { searchFamily, type DesignFamily, type FamilySetting, type Found } from './search.ts';
import { designSentences } from './sentences.ts';

/** What is asked for. */
export interface DesignRequest {
  readonly goal: DesignGoal;
  /** Time from start to end, seconds. */
  readonly seconds: number;
  /** Corpus, tokenizer, context and whatever else all runs share; the design sets the rest. */
  readonly base: RunInput;
  /** Tokens that the data's vocabulary really uses, and tokens there are before any is read twice. */
  readonly vocabulary: number;
  readonly trainingTokens: number;
  readonly device: DeviceTime;
  /** Default {@link PRIOR}. */
  readonly knowledge?: DesignKnowledge;
}

/** What is expected of one number before the runs. */
export interface ExpectedEstimate {
  readonly target: DesignTarget;
  readonly standardError: number;
  /** Half of the 95 % interval: with few runs more than twice the standard error. */
  readonly halfWidth: number;
  readonly identified: boolean;
  /** Seconds of the quickest design that identifies it; undefined where none does. */
  readonly needed: number | undefined;
}

/** One size of a designed sweep. */
export interface DesignRow {
  readonly shape: Shape;
  /** Non-embedding parameters. */
  readonly N: number;
  readonly tokens: readonly number[];
  readonly learningRates: readonly number[];
  /** Tokens. */
  readonly batches: readonly number[];
  readonly seeds: number;
  readonly runs: number;
}

/** A sweep that was designed. */
export interface SweepDesign {
  readonly status: 'designed';
  readonly goal: DesignGoal;
  readonly sweep: SweepConfig;
  readonly rows: readonly DesignRow[];
  readonly runs: number;
  /** Expected from start to end. */
  readonly seconds: number;
  /** Root of the criterion, see search.ts: below 1 when all is identified, in the mean of squares. */
  readonly score: number;
  readonly estimates: readonly ExpectedEstimate[];
  /** What cannot be identified in the time, and how much would be needed; empty when all can. */
  readonly cannot: readonly Sentence[];
  /** Where what is taken as known comes from, and what is assumed. */
  readonly notes: readonly Sentence[];
}

/** No sweep: nothing can be identified in the time. */
export interface DesignRefusal {
  readonly status: 'not enough time' | 'not identified';
  readonly goal: DesignGoal;
  readonly message: Sentence;
  /** Seconds of the quickest design that identifies something; undefined where none does. */
  readonly needed: number | undefined;
}

/** The experiment whose analysis reads the runs of a goal. */
const experimentOfGoal: Readonly<Record<DesignGoal, string>> = {
  bowl: 'bowl',
  'step-law': 'step-law',
  loss: 'loss-laws',
  'loss-size': 'loss-laws',
  'loss-data': 'loss-laws',
  isoflop: 'budget',
  'critical-batch': 'critical-batch',
};

/** Held-out tokens of every run: enough for errors far below the noise of a seed. */
const VALIDATION_TOKENS = 16_384;

/**
 * Designs a sweep.
 * @throws InputError when the request itself makes no sense (no time, a base that no run can have)
 */
export function designSweep(request: DesignRequest): SweepDesign | DesignRefusal {
  const { goal, seconds, device, knowledge = PRIOR } = request;
  if (!(seconds > 0) || !Number.isFinite(seconds))
    throw new InputError({ en: 'The time must be a positive number.', zh: '时间必须是正数。' });
  const base: RunInput = { validationTokens: VALIDATION_TOKENS, ...request.base };
  const { context } = parseRun(base);
  const { vocabulary, trainingTokens } = request;
  const family = familyOf(goal, { base, context, vocabulary, trainingTokens, device, knowledge });
  const found = searchFamily(family, seconds);
  const refusal = refused(goal, found, seconds);
  if (refusal !== undefined) return refusal;
  const { grids, score, errors, halfWidths } = found.best!;
  const sweep = parseSweep({
    name: `${goalLabels[goal].en} (designed for ${designSentences.duration(seconds).en})`,
    experiment: experimentOfGoal[goal],
    base: family.base,
    grids,
  });
  const estimates = family.targets.map((target, i): ExpectedEstimate => {
    const [standardError, halfWidth] = [errors[i], halfWidths[i]];
    return { target, standardError, halfWidth, identified: halfWidth <= target.tolerance, needed: found.needed[i] };
  });
  const runs = expandSweep(sweep);
  return {
    status: 'designed',
    goal,
    sweep,
    rows: grids.map((grid) => rowOf(grid, family.base, vocabulary)),
    runs: runs.length,
    seconds: sweepSeconds(device, runs),
    score,
    estimates,
    cannot: estimates.filter(({ identified }) => !identified).map((estimate) => designSentences.cannot(estimate, seconds)),
    notes: [...knowledge.sources, ...(goal === 'loss' ? [designSentences.formOnly(knowledge.lawScatter)] : [])],
  };
}

function familyOf(goal: DesignGoal, setting: FamilySetting): DesignFamily {
  switch (goal) {
    case 'bowl':
    case 'step-law':
      return landscapeFamily(goal, setting);
    case 'loss':
    case 'loss-size':
    case 'loss-data':
      return lossFamily(goal, setting);
    case 'isoflop':
      return isoflopFamily(setting);
    case 'critical-batch':
      return criticalBatchFamily(setting);
    default:
      return goal satisfies never;
  }
}

function refused(goal: DesignGoal, { best, needed, quickest }: Found, seconds: number): DesignRefusal | undefined {
  const known = needed.filter((time) => time !== undefined);
  const least = known.length === 0 ? undefined : Math.min(...known);
  if (best !== undefined) return undefined;
  const label = goalLabels[goal];
  return quickest <= seconds
    ? { status: 'not identified', goal, needed: least, message: designSentences.nothing(label, seconds, least) }
    : {
        status: 'not enough time',
        goal,
        needed: least,
        message: designSentences.noDesign(label, seconds, Number.isFinite(quickest) ? quickest : undefined, least),
      };
}

function rowOf({ set = {}, axes = {} }: Grid, base: RunInput, vocabulary: number): DesignRow {
  const config = parseRun({ ...base, ...set });
  const tokens = axes.tokens ?? [config.tokens];
  const learningRates = axes.learningRate ?? [config.learningRate];
  const sequences = axes.batchSequences ?? [config.batchSequences];
  const seeds = (axes.seed ?? [config.seed]).length;
  return {
    shape: config.shape,
    N: countParameters(modelConfig(config, vocabulary)).nonEmbedding,
    tokens,
    learningRates,
    batches: sequences.map((batchSequences) => batchTokens({ batchSequences, context: config.context })),
    seeds,
    runs: tokens.length * learningRates.length * sequences.length * seeds,
  };
}
