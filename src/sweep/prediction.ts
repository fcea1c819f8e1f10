// A prediction that is frozen before the run it speaks of is trained: plain data with a time stamp and a hash, and what
// became of it. The hash covers everything else in it, so that a prediction that was altered later is seen to be.
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import * as v from 'valibot';
import { canonicalJson, ownData, parseRun, runId, sentenceOf } from '../config/parse.ts';
import type { RunConfig } from '../config/run.ts';
import { InputError } from '../messages/sentence.ts';
import type { RunRecord } from './record.ts';

const finite = v.pipe(v.number(), v.finite());
const positive = v.pipe(finite, v.gtValue(0));
const text = v.pipe(v.string(), v.minLength(1), v.maxLength(2000));
const hash = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const interval = { low: positive, high: positive };

/** A point of a predicted curve: nats per token after that many tokens, with its 95 % interval. */
const pointSchema = v.strictObject({ tokens: positive, loss: positive, ...interval });

const predictionSchema = v.strictObject({
  /** Of this layout. */
  version: v.literal(1),
  /** When it was frozen: ISO 8601, UTC. */
  created: v.pipe(v.string(), v.isoTimestamp()),
  /** Id of the experiment that made it. */
  experiment: text,
  /** Id and whole config of the run that it speaks of. */
  run: text,
  config: v.unknown(),
  /** Parameters of that model, and of the largest that the fit saw, by the count that is named. */
  N: positive,
  largestN: positive,
  count: v.picklist(['nonEmbedding', 'total', 'flops', 'active']),
  /** Tokens of the run; its batch, in tokens; the batches that the fit saw. */
  D: positive,
  B: positive,
  batchesSeen: v.array(positive),
  /** What it was predicted by: the law, its parameters, and how many runs they were fitted to. */
  fit: v.strictObject({ law: text, parameters: v.record(v.string(), finite), runs: positive }),
  curve: v.pipe(v.array(pointSchema), v.minLength(1)),
  /** Held-out loss at the end, nats per token. `standardError` is of its logarithm: a share of the loss. */
  final: v.strictObject({ loss: positive, ...interval, standardError: positive }),
  /** What it would be if a larger model were no better than the largest of the fit: the loss there. */
  unchanged: positive,
  /** SHA-256, hexadecimal, of the canonical JSON of all the rest. */
  hash,
});

const outcomeSchema = v.strictObject({
  /** Hash of the prediction that it belongs to. */
  prediction: hash,
  run: text,
  /** When it was written down: ISO 8601, UTC. */
  recorded: v.pipe(v.string(), v.isoTimestamp()),
  /** How the run ended. */
  status: v.picklist(['finished', 'diverged', 'failed', 'skipped']),
  /** Held-out loss at the end, nats per token; null unless finished. */
  loss: v.nullable(positive),
});

/** A point of a predicted curve. */
export type PredictedPoint = v.InferOutput<typeof pointSchema>;

/** A frozen prediction. Plain JSON. */
export type FrozenPrediction = Omit<v.InferOutput<typeof predictionSchema>, 'config'> & { readonly config: RunConfig };

/** A prediction that is not frozen yet. */
export type PredictionDraft = Omit<FrozenPrediction, 'version' | 'created' | 'run' | 'hash'>;

/** How the predicted run ended. Plain JSON. */
export type PredictionOutcome = v.InferOutput<typeof outcomeSchema>;

/** A prediction held against its outcome. */
export type Judgement =
  /** Nobody has trained the run yet. */
  | { readonly status: 'waiting' }
  /** The prediction is not what it was when it was frozen: nothing can be said of it. */
  | { readonly status: 'does not verify' }
  /** The run gave no loss to compare with. */
  | { readonly status: 'no loss'; readonly ended: PredictionOutcome['status'] }
  /** `hit`: the loss lies in the interval. Errors are observed over predicted: in per cent, and in standard errors. */
  | { readonly status: 'hit' | 'miss'; readonly loss: number; readonly percent: number; readonly standardErrors: number };

/** SHA-256 of a prediction without its hash. */
function hashOf(prediction: object): string {
  const rest = Object.fromEntries(Object.entries(prediction).filter(([key]) => key !== 'hash'));
  return bytesToHex(sha256(utf8ToBytes(canonicalJson(rest))));
}

/**
 * Freezes a prediction.
 * @param created when: ISO 8601, UTC
 */
export function freezePrediction(draft: PredictionDraft, created: string): FrozenPrediction {
  const whole = { ...draft, version: 1 as const, created, run: runId(draft.config) };
  return { ...whole, hash: hashOf(whole) };
}

/** Whether a prediction is still what was frozen. */
export function verifies(prediction: FrozenPrediction): boolean {
  return prediction.hash === hashOf(prediction) && prediction.run === runId(prediction.config);
}

/** What to write down when the predicted run has ended. */
export function outcomeOf(prediction: FrozenPrediction, record: RunRecord, recorded: string): PredictionOutcome {
  return { prediction: prediction.hash, run: record.id, recorded, status: record.status, loss: record.finalLoss };
}

/** Holds a prediction against its outcome. */
export function judge(prediction: FrozenPrediction, outcome: PredictionOutcome | undefined): Judgement {
  if (!verifies(prediction)) return { status: 'does not verify' };
  if (outcome === undefined) return { status: 'waiting' };
  // An outcome of another run, or one written down before the prediction was, is no test of it.
  const foreign = outcome.prediction !== prediction.hash || outcome.run !== prediction.run;
  if (foreign || Date.parse(outcome.recorded) < Date.parse(prediction.created)) return { status: 'does not verify' };
  if (outcome.loss === null) return { status: 'no loss', ended: outcome.status };
  const { loss, low, high, standardError } = prediction.final;
  return {
    status: outcome.loss >= low && outcome.loss <= high ? 'hit' : 'miss',
    loss: outcome.loss,
    percent: 100 * (outcome.loss / loss - 1),
    standardErrors: Math.log(outcome.loss / loss) / standardError,
  };
}

const unreadable = { en: 'This prediction cannot be read', zh: '无法读取此预测' };

/** A prediction from anything; whether it verifies is for {@link judge} to say. @throws InputError one sentence */
export function parsePrediction(input: unknown): FrozenPrediction {
  const result = v.safeParse(predictionSchema, ownData(input, 'the prediction'));
  if (!result.success) throw sentenceOf(result.issues[0], unreadable);
  // The config as it was written: settings that came to runs later must not alter what was hashed.
  parseRun(result.output.config);
  return result.output as FrozenPrediction;
}

/** An outcome from anything. @throws InputError one sentence */
export function parseOutcome(input: unknown): PredictionOutcome {
  const result = v.safeParse(outcomeSchema, ownData(input, 'the outcome'));
  if (!result.success) throw sentenceOf(result.issues[0], { en: 'This outcome cannot be read', zh: '无法读取此结果' });
  return result.output;
}

/** A line of a list of predictions. */
export type PredictionEntry =
  | { readonly kind: 'prediction'; readonly prediction: FrozenPrediction }
  | { readonly kind: 'outcome'; readonly outcome: PredictionOutcome };

/** One line of JSON. */
export function predictionLine(entry: PredictionEntry): string {
  return JSON.stringify(entry);
}

/** An entry from one line of JSON. @param line its number, from 1 @throws InputError one sentence with that number */
export function parsePredictionLine(source: string, line: number): PredictionEntry {
  const refuse = (en: string, zh: string): InputError =>
    new InputError({ en: `Line ${line} of the predictions: ${en}`, zh: `预测文件第 ${line} 行：${zh}` });
  let data: unknown;
  try {
    data = JSON.parse(source);
  } catch {
    throw refuse('this is not JSON.', '不是 JSON。');
  }
  try {
    const own = ownData(data, 'the entry') as { kind?: unknown; prediction?: unknown; outcome?: unknown } | null;
    if (own?.kind === 'prediction') return { kind: 'prediction', prediction: parsePrediction(own.prediction) };
    if (own?.kind === 'outcome') return { kind: 'outcome', outcome: parseOutcome(own.outcome) };
  } catch (error) {
    if (error instanceof InputError) throw refuse(error.sentence.en, error.sentence.zh);
    throw error;
  }
  throw refuse('it is neither a prediction nor an outcome.', '既不是预测也不是结果。');
}
