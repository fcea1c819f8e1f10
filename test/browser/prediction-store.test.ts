// Predictions in a real browser's IndexedDB: what was foretold is there after a reload, as it was, and is never replaced.
import { openDB } from 'idb';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { parseRun } from '../../src/config/parse.ts';
import {
  freezePrediction,
  judge,
  verifies,
  type FrozenPrediction,
  type PredictionDraft,
  type PredictionEntry,
} from '../../src/sweep/prediction.ts';
import { BrowserPredictionStore } from '../../src/sweep/prediction-store-browser.ts';
import { freezeDrafts, keepOutcomes } from '../../src/sweep/foretold.ts';
import { toRecord } from '../../src/sweep/record.ts';

const draft: PredictionDraft = {
  experiment: 'predict-then-train',
  config: parseRun({ shape: { layers: 2, width: 64, heads: 2 }, learningRate: 0.004 }),
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
const frozenOn = (day: number): FrozenPrediction => freezePrediction(draft, `2026-01-0${day}T03:04:05.678Z`);
const outcomeOn = (day: number, { hash, run }: FrozenPrediction, loss: number): PredictionEntry => ({
  kind: 'outcome',
  outcome: { prediction: hash, run, recorded: `2026-02-0${day}T00:00:00.000Z`, status: 'finished', loss },
});

let names = 0;
const stores: BrowserPredictionStore[] = [];
const connect = async (name: string): Promise<BrowserPredictionStore> => {
  const store = await BrowserPredictionStore.connect(name);
  stores.push(store);
  return store;
};

afterEach(async () => {
  vi.restoreAllMocks();
  for (const store of stores.splice(0)) await store.close();
});

describe('predictions of the browser', () => {
  it('are there after a reload, oldest first, verify, and have their outcomes', async () => {
    const name = `predictions-${names++}`;
    const [late, early] = [frozenOn(2), frozenOn(1)];
    const before = await connect(name);
    expect(await before.all()).toEqual([]);
    await before.add({ kind: 'prediction', prediction: late });
    await before.add({ kind: 'prediction', prediction: early });
    await before.add(outcomeOn(1, early, 2.05));
    await before.close();

    const kept = await (await connect(name)).all();
    expect(kept.map(({ prediction }) => prediction)).toEqual([early, late]);
    expect(kept.every(({ prediction }) => verifies(prediction))).toBe(true);
    expect(judge(kept[0].prediction, kept[0].outcome)).toMatchObject({ status: 'hit', loss: 2.05 });
    expect(judge(kept[1].prediction, kept[1].outcome)).toEqual({ status: 'waiting' });
  });

  it('keep their first outcome: a second run of luck changes nothing', async () => {
    const store = await connect(`predictions-${names++}`);
    const frozen = frozenOn(1);
    await store.add({ kind: 'prediction', prediction: frozen });
    await store.add(outcomeOn(1, frozen, 2.5));
    await store.add(outcomeOn(2, frozen, 2));
    await store.add({ kind: 'prediction', prediction: frozen });
    const kept = await store.all();
    expect(kept).toHaveLength(1);
    expect(judge(frozen, kept[0].outcome)).toMatchObject({ status: 'miss', loss: 2.5 });
  });

  it('are frozen before the run and written down after, by what the page itself calls', async () => {
    const store = await connect(`predictions-${names++}`);
    const [frozen] = await freezeDrafts([draft], new Set(), store, '2026-01-01T00:00:00.000Z');
    expect(await freezeDrafts([draft], new Set(), store)).toEqual([]);
    const record = toRecord({
      run: { id: frozen.run, config: draft.config },
      outcome: { status: 'finished', finalLoss: 2.2, smoothedTrainLoss: 2.2, parameters: new Float32Array(0) },
      facts: undefined,
      report: { backend: 'wasm', engine: 'plan', device: 'CPU' },
      curve: [],
      validation: [],
      seconds: 1,
    });
    expect(await keepOutcomes([record], store, '2026-01-02T00:00:00.000Z')).toHaveLength(1);
    expect(await keepOutcomes([record], store)).toEqual([]);
    expect(judge(frozen, (await store.all())[0].outcome)).toMatchObject({ status: 'miss', loss: 2.2 });
  });

  it('that were changed in the store are seen to be, and what is not a prediction is passed over', async () => {
    const name = `predictions-${names++}`;
    const frozen = frozenOn(1);
    await (await connect(name)).add({ kind: 'prediction', prediction: frozen });
    const database = await openDB(name, 1);
    const [key] = await database.getAllKeys('entries');
    await database.put('entries', { kind: 'prediction', prediction: { ...frozen, final: { ...frozen.final, high: 9 } } }, key);
    await database.put('entries', { kind: 'prediction', prediction: { hash: 'none' } }, 'other');
    database.close();
    const kept = await (await connect(name)).all();
    expect(kept).toHaveLength(1);
    expect(judge(kept[0].prediction, undefined)).toEqual({ status: 'does not verify' });
  });

  it('that cannot be kept say so in a sentence', async () => {
    vi.spyOn(indexedDB, 'open').mockImplementation(() => {
      throw new DOMException('no storage here', 'SecurityError');
    });
    await expect(BrowserPredictionStore.connect(`predictions-${names++}`)).rejects.toMatchObject({
      sentence: { en: expect.stringContaining('cannot keep predictions (no storage here)') as string },
    });
    vi.restoreAllMocks();
    const store = await connect(`predictions-${names++}`);
    await store.close();
    await expect(store.add({ kind: 'prediction', prediction: frozenOn(1) })).rejects.toMatchObject({ name: 'InputError' });
    await expect(store.all()).rejects.toMatchObject({ name: 'InputError' });
  });
});
