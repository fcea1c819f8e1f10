// Frozen predictions: what was written stays what it was, or is seen not to be.
import { describe, expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import {
  freezePrediction,
  judge,
  outcomeOf,
  parsePredictionLine,
  predictionLine,
  verifies,
  type PredictionDraft,
} from '../../../src/sweep/prediction.ts';
import { MemoryPredictionStore, pairPredictions } from '../../../src/sweep/prediction-store.ts';
import { toRecord, type RunRecord } from '../../../src/sweep/record.ts';
import { runId } from '../../../src/config/parse.ts';

const config = parseRun({ shape: { layers: 2, width: 64, heads: 2 }, learningRate: 0.004 });
const draft: PredictionDraft = {
  experiment: 'predict-then-train',
  config,
  N: 100_000,
  largestN: 12_000,
  count: 'nonEmbedding',
  D: 409_600,
  B: 128,
  batchesSeen: [32, 512],
  fit: { law: 'L = E + A/N^a', parameters: { E: 1.5, A: 3, a: 0.2 }, runs: 12 },
  curve: [{ tokens: 409_600, loss: 2, low: 1.9, high: 2.1 }],
  final: { loss: 2, low: 1.9, high: 2.1, standardError: 0.025 },
  unchanged: 2.2,
};
const created = '2026-01-02T03:04:05.678Z';
const later = '2026-01-02T04:00:00.000Z';

function recordWith(loss: number | null, status: RunRecord['status'] = 'finished'): RunRecord {
  const record = toRecord({
    run: { id: runId(config), config },
    outcome: { status: 'finished', finalLoss: 1, smoothedTrainLoss: 1, parameters: new Float32Array(0) },
    facts: undefined,
    report: { backend: 'cpu', engine: 'reference', device: 'fake' },
    curve: [],
    validation: [],
    seconds: 1,
  });
  return { ...record, finalLoss: loss, status };
}

describe('a frozen prediction', () => {
  it('verifies as it was written, through JSON and in any order of keys', () => {
    const frozen = freezePrediction(draft, created);
    expect(frozen.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(frozen.run).toBe(runId(config));
    expect(verifies(frozen)).toBe(true);
    const entry = parsePredictionLine(predictionLine({ kind: 'prediction', prediction: frozen }), 1);
    expect(entry.kind === 'prediction' && verifies(entry.prediction)).toBe(true);
    const reversed = Object.fromEntries(Object.entries(frozen).reverse()) as unknown as typeof frozen;
    expect(verifies(reversed)).toBe(true);
    expect(freezePrediction(draft, later).hash).not.toBe(frozen.hash);
  });

  it.each([
    ['the loss', { final: { ...draft.final, loss: 2.01 } }],
    ['the interval', { final: { ...draft.final, high: 2.3 } }],
    ['the time', { created: later }],
    ['the model', { config: { ...config, learningRate: 0.005 } }],
    ['the run', { run: 'another' }],
    ['a constant', { fit: { ...draft.fit, parameters: { ...draft.fit.parameters, E: 1.4 } } }],
    ['a point of the curve', { curve: [{ tokens: 409_600, loss: 2, low: 1.8, high: 2.1 }] }],
  ])('does not verify when %s was changed, and no outcome counts then', (_, change) => {
    const altered = { ...freezePrediction(draft, created), ...change };
    expect(verifies(altered)).toBe(false);
    expect(judge(altered, outcomeOf(altered, recordWith(2), later)).status).toBe('does not verify');
  });

  it('is a hit inside its interval and a miss outside, in per cent and in standard errors', () => {
    const frozen = freezePrediction(draft, created);
    expect(judge(frozen, undefined).status).toBe('waiting');
    const hit = judge(frozen, outcomeOf(frozen, recordWith(2.06), later));
    expect(hit).toMatchObject({ status: 'hit', loss: 2.06 });
    if (hit.status !== 'hit') throw new Error('no hit');
    expect(hit.percent).toBeCloseTo(3, 10);
    expect(hit.standardErrors).toBeCloseTo(Math.log(1.03) / 0.025, 10);
    expect(judge(frozen, outcomeOf(frozen, recordWith(1.89), later)).status).toBe('miss');
    expect(judge(frozen, outcomeOf(frozen, recordWith(null, 'diverged'), later))).toEqual({ status: 'no loss', ended: 'diverged' });
  });

  it('is not tested by an outcome of another run, or by one that came before it', () => {
    const frozen = freezePrediction(draft, created);
    const outcome = outcomeOf(frozen, recordWith(2), later);
    expect(judge(frozen, { ...outcome, run: 'another' }).status).toBe('does not verify');
    expect(judge(frozen, { ...outcome, prediction: '0'.repeat(64) }).status).toBe('does not verify');
    expect(judge(frozen, { ...outcome, recorded: '2026-01-01T00:00:00.000Z' }).status).toBe('does not verify');
  });

  it.each([
    ['no JSON', '{', 'not JSON'],
    ['neither kind', '{"kind":"guess"}', 'neither a prediction nor an outcome'],
    ['nothing', 'null', 'neither a prediction nor an outcome'],
    [
      'a prediction without a hash',
      JSON.stringify({ kind: 'prediction', prediction: { ...draft, version: 1, created, run: 'x' } }),
      'hash',
    ],
    ['a loss of zero', JSON.stringify({ kind: 'prediction', prediction: { ...freezePrediction(draft, created), N: 0 } }), 'N'],
  ])('refuses %s in one sentence with its line', (_, line, words) => {
    expect(() => parsePredictionLine(line, 7)).toThrow(/^Line 7 of the predictions/);
    expect(() => parsePredictionLine(line, 7)).toThrow(words);
  });
});

describe('a list of predictions', () => {
  it('keeps hits and misses alike, oldest first, and the first outcome of each', async () => {
    const store = new MemoryPredictionStore();
    const second = freezePrediction(draft, later);
    const first = freezePrediction(draft, created);
    await store.add({ kind: 'prediction', prediction: second });
    await store.add({ kind: 'prediction', prediction: first });
    await store.add({ kind: 'prediction', prediction: first });
    await store.add({ kind: 'outcome', outcome: outcomeOf(first, recordWith(2.5), later) });
    await store.add({ kind: 'outcome', outcome: outcomeOf(first, recordWith(2), later) });
    const all = await store.all();
    expect(all.map(({ prediction }) => prediction.created)).toEqual([created, later]);
    expect(all.map(({ prediction, outcome }) => judge(prediction, outcome).status)).toEqual(['miss', 'waiting']);
  });

  it('passes over outcomes of predictions that are not there', () => {
    const frozen = freezePrediction(draft, created);
    expect(pairPredictions([{ kind: 'outcome', outcome: outcomeOf(frozen, recordWith(2), later) }])).toEqual([]);
  });
});
