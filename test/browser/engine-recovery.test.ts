// The engine in a page's worker: a worker that is ended in the middle of a training costs no more than what was done
// since its last checkpoint; the next worker goes on from the browser's files with the very same losses.
import { proxy, wrap } from 'comlink';
import { afterEach, expect, it } from 'vitest';
import { parseRun, runId } from '../../src/config/parse.ts';
import type { RunInput } from '../../src/config/run.ts';
import type { SweepRun } from '../../src/config/sweep.ts';
import { prepareDataset } from '../../src/data/dataset.ts';
import { parseSyntheticId } from '../../src/data/synthetic.ts';
import { decodeCheckpoint } from '../../src/training/engine/checkpoint-codec.ts';
import { checkpointKey } from '../../src/training/engine/checkpoint.ts';
import type { LaneEvent } from '../../src/training/trainer.ts';
import type { TrainingWorker } from '../../workers/protocol.ts';

const base: RunInput = {
  corpus: 'synthetic:symbols=8,order=1,exponent=2,tokens=20000',
  shape: { layers: 1, width: 16, heads: 2, mlpRatio: 2 },
  context: 8,
  vocabulary: 8,
  validationTokens: 256,
  // Far longer than the test.
  tokens: 2 ** 33,
  schedule: 'constant and cooldown',
  warmupTokens: 8 * 40,
};
const PARTS_AT = 301;
/** The last begins like the first, and cools down from update 300 on for ever. */
const runs = [
  { batchSequences: 4 },
  { batchSequences: 8 },
  { batchSequences: 4, tokens: 2 ** 32, cooldownFraction: 1 - ((PARTS_AT - 1) * 8 * 4) / 2 ** 32 },
].map((more): SweepRun => {
  const config = parseRun({ ...base, ...more });
  return { id: runId(config), config };
});

const source = { kind: 'synthetic', spec: parseSyntheticId(base.corpus!) } as const;
const dataset = prepareDataset({ source, tokenizer: 'characters', vocabulary: 8, context: 8, validationTokens: 256 });
const data = { training: dataset.trainingTokens, validation: dataset.validationTokens, vocabulary: dataset.vocabulary };

const workers: Worker[] = [];
afterEach(() => {
  for (const worker of workers.splice(0)) worker.terminate();
});

/** Trains in a worker of its own. */
async function begin(onEvents: (events: readonly LaneEvent[]) => void) {
  const worker = new Worker(new URL('../../workers/training.worker.ts', import.meta.url), { type: 'module' });
  workers.push(worker);
  const remote = wrap<TrainingWorker>(worker);
  const report = await remote.open({ backend: 'wasm', engine: 'plan', corpora: new URL('/corpora/', location.href).href });
  expect(report).toMatchObject({ backend: 'wasm', engine: 'plan' });
  const done = remote.train(runs, proxy(onEvents));
  return { worker, remote, done };
}

/** Gathers the losses of each run, the steps in one piece from the first. */
class Losses {
  readonly byRun = new Map<string, number[]>(runs.map(({ id }) => [id, []]));
  readonly notices: string[] = [];
  /** Steps of each run that were trained once for it and another. */
  readonly shared = new Map<string, number>();
  /** Losses in the first event of each run. */
  readonly first = new Map<string, number>();

  readonly add = (events: readonly LaneEvent[]): void => {
    for (const event of events) {
      if (event.kind === 'notice') this.notices.push(event.sentence.en);
      if (event.kind === 'shared') this.shared.set(event.id, event.steps);
      if (event.kind !== 'progress') continue;
      const losses = this.byRun.get(event.id)!;
      if (event.firstStep !== losses.length + 1) throw new Error(`step ${event.firstStep} after ${losses.length}`);
      if (!this.first.has(event.id)) this.first.set(event.id, event.losses.length);
      for (const loss of event.losses) losses.push(loss);
    }
  };
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** Updates in the newest whole checkpoint that the browser's files hold of a run; 0 when there is none. */
async function kept({ id, config }: SweepRun): Promise<number> {
  const key = checkpointKey(id, config, 'wasm', data);
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle('checkpoints', { create: true });
  let newest = 0;
  for await (const [name, handle] of folder.entries()) {
    if (handle.kind !== 'file' || !name.startsWith(encodeURIComponent(id))) continue;
    // A file that is being written cannot be read.
    const bytes = await handle.getFile().then(
      async (file) => new Uint8Array(await file.arrayBuffer()),
      () => new Uint8Array(),
    );
    newest = Math.max(newest, decodeCheckpoint(key, bytes)?.state.updates ?? 0);
  }
  return newest;
}

it('a worker terminated, and one stopped: the next goes on where it was', async () => {
  const first = new Losses();
  const { worker } = await begin(first.add);
  // The first checkpoint comes after eight seconds of training.
  const found = new Map<string, number>();
  await until(async () => {
    for (const run of runs) found.set(run.id, await kept(run));
    return runs.every(({ id }) => found.get(id)! > 0 && first.byRun.get(id)!.length > found.get(id)!);
  });
  worker.terminate();

  const second = new Losses();
  const again = await begin(second.add);
  await until(() => runs.every(({ id }) => second.byRun.get(id)!.length > first.byRun.get(id)!.length));
  await again.remote.stop();
  await again.done;
  expect(first.notices).toEqual([]);
  expect(second.notices).toEqual([expect.stringContaining('3 runs go on from a checkpoint')]);
  for (const { id } of runs) {
    const [before, after] = [first.byRun.get(id)!, second.byRun.get(id)!];
    // Told at once: what the terminated worker had kept.
    expect(second.first.get(id)!).toBeGreaterThanOrEqual(found.get(id)!);
    const differs = before.findIndex((loss, i) => loss !== after[i]);
    expect({ differs, of: before.length, told: second.first.get(id) }).toMatchObject({ differs: -1 });
  }

  for (const losses of [first, second]) expect([...losses.shared]).toEqual([[runs[2].id, PARTS_AT]]);
  const [long, branch] = [second.byRun.get(runs[0].id)!, second.byRun.get(runs[2].id)!];
  expect(branch.slice(0, PARTS_AT)).toEqual(long.slice(0, PARTS_AT));
  const both = Math.min(long.length, branch.length);
  expect(branch.slice(0, both)).not.toEqual(long.slice(0, both));

  const third = new Losses();
  const last = await begin(third.add);
  await until(() => third.first.size === runs.length);
  for (const { id } of runs) {
    // Stopped in peace, it kept all that it had told.
    expect(third.first.get(id)!).toBeGreaterThanOrEqual(second.byRun.get(id)!.length);
    expect(third.byRun.get(id)!.slice(0, second.byRun.get(id)!.length)).toEqual(second.byRun.get(id)!);
  }
  for (const { id } of runs) await last.remote.skip(id);
  await last.done;
});
