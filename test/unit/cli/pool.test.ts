// The command line's workers: real threads of Node with the bundled training service in them.
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleInto } from '../../../scripts/lab-bundle.mjs';
import { createNodePool } from '../../../src/cli/pool.ts';
import { parseRun, runId } from '../../../src/config/parse.ts';
import type { LaneEvent } from '../../../src/training/trainer.ts';

const ROOT = join(import.meta.dirname, '../../..');
const config = parseRun({
  corpus: 'synthetic:symbols=8,order=1,exponent=2,tokens=20000',
  shape: { layers: 1, width: 8, heads: 2, mlpRatio: 2 },
  context: 8,
  vocabulary: 8,
  batchSequences: 4,
  validationTokens: 256,
  tokens: 32 * 30,
});
const run = { id: runId(config), config };
const options = { backend: 'wasm', engine: 'reference', corpora: join(ROOT, 'public/corpora/') } as const;

let folder: string;
let worker: string;

beforeAll(async () => {
  // Inside the repository, so that the bundle finds the packages it leaves where they are.
  folder = await mkdtemp(join(ROOT, 'node_modules/.pool-test-'));
  await bundleInto(folder, { 'training.node': join(ROOT, 'workers/training.node.ts') });
  worker = join(folder, 'training.node.js');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a pool of threads', () => {
  it('trains the same run to the same losses on two workers at once, and samples from it', async () => {
    const pool = await createNodePool(options, 2, worker);
    expect(pool.size).toBe(2);
    const workers = await Promise.all([pool.start(), pool.start()]);
    try {
      expect(workers[0].report).toMatchObject({ backend: 'wasm', device: 'CPU, SIMD WebAssembly' });
      expect((await workers[0].describeData(config)).vocabulary).toBe(8);
      const told = await Promise.all(
        workers.map(async (one) => {
          const events: LaneEvent[] = [];
          await one.train([run], (batch) => events.push(...batch));
          const end = events.at(-1);
          if (end?.kind !== 'ended' || end.outcome.status !== 'finished') throw new Error('not finished');
          return { losses: events.flatMap((event) => (event.kind === 'progress' ? [...event.losses] : [])), outcome: end.outcome };
        }),
      );
      expect(told[0].losses).toHaveLength(30);
      expect(told[1]).toEqual(told[0]);
      const { parameters } = told[0].outcome;
      const { text } = await workers[1].sample({ config, parameters, prompt: '', length: 9, temperature: 1, seed: 0 });
      expect(text).toHaveLength(9);
    } finally {
      for (const one of workers) one.terminate();
    }
  });

  it('refuses in one sentence, in both languages', async () => {
    const one = await (await createNodePool(options, 1, worker)).start();
    try {
      const error = await one.describeData(parseRun({ corpus: 'nowhere' })).then(
        () => undefined,
        (reason: Error & { sentence?: { zh: string } }) => reason,
      );
      expect(error?.message).toContain('There is no corpus "nowhere"');
      expect(error?.sentence?.zh).toContain('nowhere');
    } finally {
      one.terminate();
    }
  });

  it('tells of a worker that died, and not of one that was ended', async () => {
    const dying = join(folder, 'dying.mjs');
    await writeFile(dying, `import './training.node.js'; setTimeout(() => process.exit(3), 300);`);
    const one = await (await createNodePool(options, 1, dying)).start();
    expect(await one.died).toContain('exit code 3');

    const ended = await (await createNodePool(options, 1, worker)).start();
    ended.terminate();
    const quiet = new Promise((resolve) => setTimeout(resolve, 300, 'quiet'));
    expect(await Promise.race([ended.died, quiet])).toBe('quiet');
  });

  it('says why a worker cannot start', async () => {
    const broken = join(folder, 'broken.mjs');
    await writeFile(broken, `throw new Error('no way');`);
    await expect((await createNodePool(options, 1, broken)).start()).rejects.toThrow('no way');
  });
});
