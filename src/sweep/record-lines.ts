// Records as text: JSON Lines (the format of `runs.jsonl`, written and read) and CSV (written).
import * as v from 'valibot';
import { ownData, parseRun, sentenceOf } from '../config/parse.ts';
import { InputError } from '../messages/sentence.ts';
import { wholeRecord, type RunRecord } from './record.ts';

const finite = v.pipe(v.number(), v.finite());
const positive = v.pipe(finite, v.gtValue(0));
const atLeastZero = v.pipe(finite, v.minValue(0));
const points = v.array(v.strictTuple([atLeastZero, atLeastZero, finite]));
const noisePoints = v.array(
  v.strictObject({ step: atLeastZero, tokens: atLeastZero, gradientSquaredNorm: finite, gradientVariance: finite }),
);
const sentence = v.object({ en: v.string(), zh: v.string() });

/**
 * One line of `runs.jsonl`. Lines of other programs need only the first group; keys beyond both groups are passed over.
 * `config` may be any part of a run's config.
 */
const lineSchema = v.object({
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(200)),
  config: v.unknown(),
  N: v.object({ nonEmbedding: positive, total: positive, flops: v.optional(positive), active: v.optional(positive) }),
  D: positive,
  B: positive,
  S: positive,
  C: positive,
  lr: positive,
  status: v.picklist(['finished', 'diverged', 'failed', 'skipped']),
  finalLoss: v.nullable(finite),
  smoothedTrainLoss: v.nullable(finite),
  curve: points,
  backend: v.picklist(['webgpu', 'wasm', 'cpu']),
  seconds: atLeastZero,

  seed: v.optional(v.pipe(v.number(), v.safeInteger())),
  reason: v.optional(sentence),
  lastFiniteLoss: v.optional(finite),
  validation: v.optional(points, []),
  gradientNoise: v.optional(noisePoints),
  epochs: v.optional(positive, 1),
  vocabulary: v.optional(atLeastZero, 0),
  engine: v.optional(v.picklist(['plan', 'reference']), 'reference'),
  device: v.optional(v.string(), ''),
  sharedSteps: v.optional(atLeastZero),
});

function lineError(line: number, what: { en: string; zh: string }): InputError {
  return new InputError({ en: `Line ${line} of the runs: ${what.en}`, zh: `训练记录第 ${line} 行：${what.zh}` });
}

/**
 * A record from one line of JSON.
 * @param line its number, from 1, for the sentence
 * @throws InputError one sentence with the line's number
 */
export function parseRecordLine(text: string, line: number): RunRecord {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    throw lineError(line, {
      en: 'this is not JSON; a file of runs has one JSON object per line.',
      zh: '不是 JSON；训练记录文件每行应为一个 JSON 对象。',
    });
  }
  try {
    const result = v.safeParse(lineSchema, ownData(data, 'run'));
    if (!result.success) throw sentenceOf(result.issues[0], { en: 'This is no record of a run', zh: '不是训练记录' });
    const { config, N, seed, reason, lastFiniteLoss, sharedSteps, gradientNoise, finalLoss, smoothedTrainLoss, status, ...rest } =
      result.output;
    if (status === 'finished' && !(finalLoss !== null && finalLoss > 0))
      throw new InputError({
        en: 'a finished run needs a finalLoss above zero, in nats per token.',
        zh: '已完成的训练需要大于零的 finalLoss（nat/词元）。',
      });
    const checked = parseRun(config);
    return wholeRecord({
      ...rest,
      status,
      finalLoss,
      smoothedTrainLoss,
      config: checked,
      N: { ...N, flops: N.flops ?? rest.C / (6 * rest.D) },
      seed: seed ?? checked.seed,
      ...(reason ? { reason } : {}),
      ...(lastFiniteLoss === undefined ? {} : { lastFiniteLoss }),
      ...(sharedSteps === undefined ? {} : { sharedSteps }),
      ...(gradientNoise === undefined ? {} : { gradientNoise }),
    });
  } catch (error) {
    if (error instanceof InputError) throw lineError(line, error.sentence);
    throw error;
  }
}

/** All records of a text of JSON Lines; empty lines are passed over, of lines with one id the last counts. */
export function parseRecords(text: string): RunRecord[] {
  const records = new Map<string, RunRecord>();
  text.split('\n').forEach((line, index) => {
    if (line.trim() === '') return;
    const record = parseRecordLine(line, index + 1);
    records.delete(record.id);
    records.set(record.id, record);
  });
  return [...records.values()];
}

/** One line of JSON, without its line feed. The keys of the format come first, in its order. */
export function recordLine(record: RunRecord): string {
  const { id, config, N, D, B, S, C, lr, status, finalLoss, smoothedTrainLoss, curve, backend, seconds, ...rest } = record;
  return JSON.stringify({
    id,
    config,
    N,
    D,
    B,
    S,
    C,
    lr,
    status,
    finalLoss,
    smoothedTrainLoss,
    curve: shortened(curve),
    backend,
    seconds,
    ...rest,
    validation: shortened(rest.validation),
  });
}

/** Losses of curves to seven digits, all that a 32-bit float has. */
function shortened(curve: RunRecord['curve']): RunRecord['curve'] {
  return curve.map(([step, tokens, loss]) => [step, tokens, Number(loss.toPrecision(7))]);
}

/** JSON Lines, one record a line. */
export function toJsonLines(records: readonly RunRecord[]): string {
  return records.map((record) => `${recordLine(record)}\n`).join('');
}

/** Columns of the CSV: name and value. Tokens, FLOPs, nats per token, seconds; the noise of gradients at the end of the run. */
const columns: readonly (readonly [name: string, value: (record: RunRecord) => string | number | null | undefined])[] = [
  ['id', (run) => run.id],
  ['status', (run) => run.status],
  ['N_nonEmbedding', (run) => run.N.nonEmbedding],
  ['N_total', (run) => run.N.total],
  ['N_flops', (run) => run.N.flops],
  ['N_active', (run) => run.N.active],
  ['D', (run) => run.D],
  ['B', (run) => run.B],
  ['S', (run) => run.S],
  ['C', (run) => run.C],
  ['lr', (run) => run.lr],
  ['seed', (run) => run.seed],
  ['loss', (run) => run.finalLoss],
  ['smoothedTrainLoss', (run) => run.smoothedTrainLoss],
  ['lastFiniteLoss', (run) => run.lastFiniteLoss],
  ['layers', (run) => run.config.shape.layers],
  ['width', (run) => run.config.shape.width],
  ['heads', (run) => run.config.shape.heads],
  ['mlpRatio', (run) => run.config.shape.mlpRatio],
  ['experts', (run) => run.config.experts],
  ['expertsPerToken', (run) => run.config.expertsPerToken],
  ['context', (run) => run.config.context],
  ['corpus', (run) => run.config.corpus],
  ['tokenizer', (run) => run.config.tokenizer],
  ['vocabulary', (run) => run.vocabulary],
  ['epochs', (run) => run.epochs],
  ['schedule', (run) => run.config.schedule],
  ['warmupFraction', (run) => run.config.warmupFraction],
  ['warmupTokens', (run) => run.config.warmupTokens],
  ['uniqueTokens', (run) => run.config.uniqueTokens],
  ['beta2', (run) => run.config.beta2],
  ['weightDecay', (run) => run.config.weightDecay],
  ['clipNorm', (run) => run.config.clipNorm],
  ['noiseSequences', (run) => run.config.noiseSequences],
  ['gradientSquaredNorm', (run) => run.gradientNoise?.at(-1)?.gradientSquaredNorm],
  ['gradientVariance', (run) => run.gradientNoise?.at(-1)?.gradientVariance],
  ['backend', (run) => run.backend],
  ['engine', (run) => run.engine],
  ['device', (run) => run.device],
  ['seconds', (run) => run.seconds],
  ['sharedSteps', (run) => run.sharedSteps ?? 0],
];

/** Text in a cell: quoted where it must be (RFC 4180), never taken for a formula by a spreadsheet. */
function cell(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return '';
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : '';
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** CSV with a head line; empty cells where a run has no such value. */
export function toCsv(records: readonly RunRecord[]): string {
  const rows = [columns.map(([name]) => name), ...records.map((record) => columns.map(([, value]) => cell(value(record))))];
  return rows.map((row) => `${row.join(',')}\n`).join('');
}
