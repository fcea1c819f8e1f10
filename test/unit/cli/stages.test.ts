// An experiment of two stages on the command line: what is foretold is written down before the run it speaks of starts.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { PredictionFile, predictionsPath } from '../../../src/cli/prediction-file.ts';
import { trainStages } from '../../../src/cli/stages.ts';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { parseSweep } from '../../../src/config/sweep.ts';
import { bowl } from '../../../src/experiments/bowl.ts';
import type { Experiment } from '../../../src/experiments/experiment.ts';
import { judge } from '../../../src/sweep/prediction.ts';
import { SweepQueue } from '../../../src/sweep/queue.ts';
import { MemoryStore } from '../../../src/sweep/store.ts';
import { FakePool } from '../sweep/fake-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'stages-'));
afterAll(() => rmSync(folder, { recursive: true }));

const base = { context: 8, tokens: 800, validationTokens: 8 };
const sweep = parseSweep({ name: 'two stages', base, grids: [{ axes: { learningRate: [0.01, 0.001] } }] });
const target = parseRun({ ...base, learningRate: 0.002 });

const draft = {
  experiment: 'two-stages',
  config: target,
  N: 8000,
  largestN: 1000,
  count: 'nonEmbedding' as const,
  D: 800,
  B: 16,
  batchesSeen: [8],
  fit: { law: 'L', parameters: { E: 2 }, runs: 2 },
  curve: [{ tokens: 800, loss: 2, low: 1.9, high: 2.1 }],
  final: { loss: 2, low: 1.9, high: 2.1, standardError: 0.02 },
  unchanged: 2.5,
};

/** Asks once for the target, and foretells it. */
const experiment: Experiment = {
  ...(bowl as unknown as Experiment),
  id: 'two-stages',
  analyse: (records) => ({ options: bowl.analyse([]).options, left: records.map(({ id }) => ({ id, reason: { en: '', zh: '' } })) }),
  next: ({ left }) =>
    left.some(({ id }) => id === runId(target))
      ? undefined
      : { sentence: { en: 'train the target', zh: '训练目标' }, grids: [{ set: { learningRate: 0.002 } }], predictions: [draft] },
};

async function play(path: string, loss: number, store = new MemoryStore()) {
  const said: string[] = [];
  const pool = new FakePool({ milliseconds: 2, loss: () => loss });
  const queue = await SweepQueue.open({ sweep, pool, store, keepParameters: false, calibration: 0 });
  let written = '';
  const train = async (): Promise<boolean> => {
    try {
      written = readFileSync(path, 'utf8');
    } catch {
      written = '';
    }
    return (await queue.start()) === 'finished';
  };
  const predictions = new PredictionFile(path);
  await train();
  let minute = 0;
  const now = (): string => new Date(Date.UTC(2026, 0, 1, 0, minute++)).toISOString();
  const whole = await trainStages({ queue, experiment, predictions, now, say: (text) => void said.push(text), train });
  await queue.dispose();
  return {
    whole,
    said: said.join(''),
    list: await predictions.all(),
    trained: pool.populations.flatMap(({ runs }) => runs.map(({ id }) => id)),
    written,
  };
}

describe('stages on the command line', () => {
  it('freeze, then train, then write down what came', async () => {
    const path = join(folder, 'hit.predictions.jsonl');
    const { whole, said, list, trained, written } = await play(path, 2.02);
    expect(whole).toBe(true);
    expect(trained.at(-1)).toBe(runId(target));
    // The file held the prediction when the second training began.
    expect(written).toContain('"kind":"prediction"');
    expect(written).not.toContain('"kind":"outcome"');
    expect(list).toHaveLength(1);
    expect(judge(list[0].prediction, list[0].outcome).status).toBe('hit');
    expect(said).toContain(list[0].prediction.hash);
    expect(said).toContain('a hit');
  });

  it('keep misses as they keep hits', async () => {
    const { list, said } = await play(join(folder, 'miss.predictions.jsonl'), 2.4);
    expect(judge(list[0].prediction, list[0].outcome).status).toBe('miss');
    expect(said).toContain('a miss');
  });

  it('foretell nothing of a run that was trained before', async () => {
    const store = new MemoryStore();
    await play(join(folder, 'first.predictions.jsonl'), 2, store);
    const again = await play(join(folder, 'late.predictions.jsonl'), 2, store);
    expect(again.list).toEqual([]);
  });

  it('foretell a run once, however often the command is given', async () => {
    const path = join(folder, 'once.predictions.jsonl');
    await play(path, 2);
    const { list } = await play(path, 2);
    expect(list).toHaveLength(1);
    expect(readFileSync(path, 'utf8').trimEnd().split('\n')).toHaveLength(2);
  });

  it('say of a prediction that was altered that it does not verify', async () => {
    const path = join(folder, 'altered.predictions.jsonl');
    await play(path, 2.4);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"high":2.1,"standardError"', '"high":2.5,"standardError"'));
    const [{ prediction, outcome }] = await new PredictionFile(path).all();
    expect(judge(prediction, outcome).status).toBe('does not verify');
  });

  it('leave a file of other things alone', async () => {
    const path = join(folder, 'novel.predictions.jsonl');
    writeFileSync(path, 'Call me Ishmael.\n');
    await expect(new PredictionFile(path).all()).rejects.toThrow('Line 1 of the predictions: this is not JSON.');
    expect(predictionsPath('/a/runs.jsonl')).toBe('/a/runs.predictions.jsonl');
  });
});
