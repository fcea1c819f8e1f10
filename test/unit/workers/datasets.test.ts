// Datasets kept by a worker: made once for runs that read the same, known while they are kept, failures forgotten.
import { expect, it } from 'vitest';
import { parseRun } from '../../../src/config/parse.ts';
import type { RunConfig, RunInput } from '../../../src/config/run.ts';
import { Datasets } from '../../../workers/datasets.ts';

const config = (more: RunInput = {}): RunConfig =>
  parseRun({
    corpus: 'synthetic:symbols=8,order=1,tokens=1000',
    shape: { layers: 1, width: 8, heads: 1, mlpRatio: 1 },
    context: 8,
    vocabulary: 8,
    validationTokens: 64,
    tokens: 64,
    ...more,
  });
const empty = (): Datasets => new Datasets({ read: () => Promise.resolve(undefined), sha256: () => '' });

it('asking what is known prepares nothing', () => {
  const datasets = empty();
  expect(datasets.known(config())).toBeUndefined();
  expect(datasets.known(config())).toBeUndefined();
});

it('knows the data of runs that read the same, also while it is being prepared, and of no others', async () => {
  const datasets = empty();
  const made = datasets.of(config());
  expect(datasets.known(config())).toBe(made);
  await made;
  const same = config({ learningRate: 0.5, batchSequences: 4, seed: 3, tokens: 128 });
  expect(datasets.known(same)).toBe(made);
  expect(datasets.of(same)).toBe(made);
  for (const other of [
    { context: 4 },
    { validationTokens: 128 },
    { uniqueTokens: 256 },
    { corpus: 'synthetic:symbols=8,order=1,tokens=1001' },
  ])
    expect(datasets.known(config(other)), JSON.stringify(other)).toBeUndefined();
});

it('forgets what could not be prepared, and whatever has not been used for longest', async () => {
  const datasets = empty();
  const absent = config({ corpus: 'sotu' });
  await expect(datasets.of(absent)).rejects.toThrow();
  expect(datasets.known(absent)).toBeUndefined();

  const [first, second, third, fourth] = [2, 4, 6, 8].map((context) => config({ context }));
  for (const one of [first, second, third, first, fourth]) await datasets.of(one);
  expect(datasets.known(second)).toBeUndefined();
  for (const one of [first, third, fourth]) expect(datasets.known(one)).toBeDefined();
});
