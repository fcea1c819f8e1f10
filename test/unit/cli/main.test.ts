// The command line from its arguments to its exit code, with a pool that trains nothing.
import { mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { duration, progressLine, short } from '../../../src/cli/progress-bar.ts';
import { parseRun } from '../../../src/config/parse.ts';
import { expandSweep } from '../../../src/config/sweep.ts';
import { bowl } from '../../../src/experiments/bowl.ts';
import {
  freezePrediction,
  predictionLine,
  type FrozenPrediction,
  type PredictionDraft,
  type PredictionEntry,
} from '../../../src/sweep/prediction.ts';
import { toJsonLines } from '../../../src/sweep/record-lines.ts';
import { plantedRecords, plantedSweep } from '../experiments/planted-records.ts';
import { FakePool, type FakeOptions } from '../sweep/fake-pool.ts';
import type { OpenOptions } from '../../../workers/protocol.ts';

const folder = mkdtempSync(join(tmpdir(), 'lab-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly pool: FakePool;
  readonly opened: OpenOptions | undefined;
  readonly workers: number | undefined;
}

async function lab(args: string[], fake: FakeOptions & { interruptAfter?: number; terminal?: boolean } = {}): Promise<Outcome> {
  const result = { out: '', err: '', opened: undefined as OpenOptions | undefined, workers: undefined as number | undefined };
  const pool = new FakePool({ milliseconds: 2, ...fake });
  const code = await main(args, {
    out: (text) => (result.out += text),
    err: (text) => (result.err += text),
    readFile: (path) => Promise.resolve(readFileSync(path, 'utf8')),
    terminal: fake.terminal ?? false,
    createPool: (options, workers) => {
      Object.assign(result, { opened: options, workers });
      return Promise.resolve(pool);
    },
    onInterrupt: (handler) => {
      const timer = fake.interruptAfter === undefined ? undefined : setTimeout(handler, fake.interruptAfter);
      return () => clearTimeout(timer);
    },
  });
  return { code, ...result, pool };
}

describe('lab', () => {
  it('says how it is used', async () => {
    expect(await lab(['--help'])).toMatchObject({ code: 0, err: '' });
    const { code, out, err } = await lab([]);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('report RUNS.jsonl');
    expect((await lab(['run', '--help'])).out).toContain('--backend');
    expect((await lab(['report', '-h'])).out).toContain('--count');
  });

  it('lists experiments', async () => {
    const { code, out } = await lab(['experiments', '--json']);
    expect(code).toBe(0);
    const list = JSON.parse(out) as { id: string; sizes: Record<string, { runs: number }> }[];
    expect(list.map((one) => one.id)).toContain('bowl');
    expect(list[0].sizes.minutes.runs).toBe(expandSweep(bowl.sizes.minutes).length);
    expect((await lab(['experiments'])).out).toContain('bowl: ');
  });

  it.each([
    ['an unknown command', ['train'], 'no command "train"'],
    ['an unknown experiment', ['run', 'nope'], 'no experiment "nope"'],
    ['an unknown size', ['run', 'bowl', '--size', 'huge'], '--size must be one of smoke'],
    ['an unknown backend', ['run', 'bowl', '--backend', 'cuda'], '--backend must be one of auto, webgpu, wasm, cpu'],
    ['an unknown engine', ['run', 'bowl', '--engine', 'v8'], '--engine must be one of'],
    ['no number of workers', ['run', 'bowl', '--workers', '0'], '--workers must be a whole number from 1 to 64'],
    ['an unknown flag', ['run', 'bowl', '--fast'], "Unknown option '--fast'"],
    ['a flag without its value', ['run', 'bowl', '--out'], '--out'],
    ['no sweep', ['run'], 'EXPERIMENT-OR-SWEEP.json is missing'],
    ['too much', ['run', 'bowl', 'bowl'], 'one argument too many'],
    ['a sweep that is not there', ['run', 'none.json'], 'none.json cannot be read'],
    ['a size for a file', ['run', file('good.json', '{"name":"x","grids":[{}]}'), '--size', 'smoke'], '--size is for experiments'],
    ['a sweep that is no JSON', ['run', file('text.json', 'hello')], 'This is not JSON'],
    ['a sweep with an unknown key', ['run', file('key.json', '{"name":"x","grids":[{"axes":{"lr":[1]}}]}')], 'unknown key "lr"'],
    ['a learning rate of -1', ['run', file('rate.json', '{"name":"x","grids":[{"axes":{"learningRate":[-1]}}]}')], '"learningRate"'],
    ['no file of runs', ['report'], 'RUNS.jsonl is missing'],
    ['a file of runs that is not there', ['report', join(folder, 'none.jsonl')], 'cannot be read'],
    ['a file of other things', ['report', file('novel.txt', 'Call me Ishmael.\n')], 'is not a file of runs'],
    ['an empty file of runs', ['report', file('empty.jsonl', '')], 'holds no runs'],
    ['an unknown count', ['report', 'x', '--count', 'all'], '--count must be one of'],
    ['an unknown experiment to report', ['report', 'x', '--experiment', 'y'], 'no experiment "y"'],
  ])('refuses %s in one line', async (_, args, words) => {
    const out = args[0] === 'run' && !args.includes('--out') ? ['--out', join(folder, 'refused.jsonl')] : [];
    const outcome = await lab([...args, ...out]);
    expect(outcome.code).toBe(1);
    expect(outcome.out).toBe('');
    expect(outcome.err).toContain(words);
    expect(outcome.err.trimEnd()).not.toContain('\n');
    expect(outcome.pool.starts).toBe(0);
    expect(existsSync(join(folder, 'refused.jsonl'))).toBe(false);
  });
});

describe('lab run', () => {
  const sweep = file(
    'sweep.json',
    JSON.stringify({
      name: 'eight runs',
      base: { context: 8, tokens: 800, validationTokens: 8 },
      grids: [{ axes: { learningRate: [1, 2, 3, 4].map((power) => 10 ** -power), batchSequences: [1, 2] } }],
    }),
  );
  const loss = ({ learningRate }: { learningRate: number }) => (learningRate > 0.05 ? NaN : 2 + learningRate);

  it('writes every run as the format has it, and goes on where a file ends', async () => {
    const out = join(folder, 'runs.jsonl');
    const first = await lab(['run', sweep, '--out', out, '--backend', 'cpu', '--engine', 'reference', '--workers', '3'], { loss });
    expect(first.code).toBe(0);
    expect(first.opened).toMatchObject({ backend: 'cpu', engine: 'reference' });
    expect(first.opened!.corpora).toMatch(/public\/corpora\/$/);
    expect(first.workers).toBe(3);
    expect(first.out).toBe('');
    expect(first.err).toContain('8 runs');
    expect(first.err).toContain('2 of them diverged');
    const lines = readFileSync(out, 'utf8').trimEnd().split('\n');
    expect(lines).toHaveLength(8);
    for (const line of lines)
      expect(JSON.parse(line)).toMatchObject({
        id: expect.any(String) as string,
        config: { context: 8 },
        N: { nonEmbedding: expect.any(Number) as number, total: expect.any(Number) as number },
        D: 800,
        curve: expect.any(Array) as unknown[],
        backend: 'cpu',
      });

    writeFileSync(out, `${lines.slice(0, 5).join('\n')}\n${lines[5].slice(0, 40)}`);
    const second = await lab(['run', sweep, '--out', out], { loss });
    expect(second.code).toBe(0);
    expect(second.err).toContain('5 runs are done already');
    expect(second.pool.populations.flatMap(({ runs }) => runs)).toHaveLength(3);
    expect(
      readFileSync(out, 'utf8')
        .trimEnd()
        .split('\n')
        .map((line) => (JSON.parse(line) as { id: string }).id)
        .sort(),
    ).toEqual(lines.map((line) => (JSON.parse(line) as { id: string }).id).sort());
  });

  it('keeps what is done when it is interrupted', async () => {
    const out = join(folder, 'interrupted.jsonl');
    const { code, err, pool } = await lab(['run', sweep, '--out', out], { milliseconds: 100, interruptAfter: 330 });
    expect(code).toBe(130);
    expect(err).toContain('Stopped: ');
    const done = readFileSync(out, 'utf8').split('\n').length - 1;
    expect(done).toBeGreaterThan(0);
    expect(done).toBeLessThan(8);
    expect(pool.terminated).toHaveLength(1);
  });

  it('says why runs failed, and exits with 1', async () => {
    const out = join(folder, 'failed.jsonl');
    const { code, err } = await lab(['run', sweep, '--out', out], { trouble: () => 'die' });
    expect(code).toBe(1);
    expect(err).toContain('out of memory');
    const unusable = await lab(['run', sweep, '--out', join(folder, 'x.jsonl')], { startError: () => 'There is no GPU here.' });
    expect(unusable.code).toBe(1);
    expect(unusable.err.trimEnd().split('\n').at(-1)).toBe('There is no GPU here.');
  });

  it('leaves a file of other things as it was', async () => {
    const path = file('thesis.txt', 'Chapter one\n');
    expect((await lab(['run', sweep, '--out', path])).code).toBe(1);
    expect(readFileSync(path, 'utf8')).toBe('Chapter one\n');
  });

  it('draws a bar on a terminal only', async () => {
    expect((await lab(['run', sweep, '--out', join(folder, 'a.jsonl')], { terminal: true })).err).toContain('\x1b[K[');
    expect((await lab(['run', sweep, '--out', join(folder, 'b.jsonl')])).err).not.toContain('\x1b');
  });
});

describe('lab report', () => {
  const path = join(folder, 'planted.jsonl');
  beforeAll(() => {
    const records = plantedRecords(
      plantedSweep({ widths: [8, 16, 32] }),
      ({ N }) => ({ lr: 2 ** -6 * (N / 6600) ** -0.4, B: 110, loss: 2, hessian: [0.03, -0.01, 0.02] }),
      0.002,
    );
    writeFileSync(path, toJsonLines(records));
  });

  it('prints the fits and the verdict of the experiment itself', async () => {
    const { code, out } = await lab(['report', path, '--json', '--bootstrap', '200']);
    expect(code).toBe(0);
    const report = JSON.parse(out) as {
      verdict: { status: string; sentence: string };
      landscapes: { N: number; bowl: { status: string; parameters: { lr: { value: number } } } }[];
      vertexLaw: { parameters: Record<string, { value: number; high: number }> };
      rows: { id: string; lr: number }[];
      runs: { finished: number };
    };
    expect(report.verdict.status).toBe('shown');
    expect(report.runs.finished).toBe(210);
    expect(report.rows).toHaveLength(210);
    expect(report.landscapes.map(({ bowl: one }) => one.status)).toEqual(['converged', 'converged', 'converged']);
    expect(report.vertexLaw.parameters['lr.N'].value).toBeCloseTo(-0.4, 1);
    expect(report.vertexLaw.parameters['lr.N'].high).toBeLessThan(0);
  });

  it('counts N as it is told to, and speaks Chinese', async () => {
    const of = async (...more: string[]) =>
      JSON.parse((await lab(['report', path, '--json', '--bootstrap', '0', ...more])).out) as {
        landscapes: { N: number }[];
        verdict: { sentence: string };
      };
    expect((await of('--count', 'total')).landscapes[0].N).toBeGreaterThan((await of()).landscapes[0].N);
    expect((await of('--language', 'zh')).verdict.sentence).toMatch(/损失曲面/);
  });

  it('is readable without --json', async () => {
    const { out } = await lab(['report', path, '--bootstrap', '200']);
    expect(out).toContain('The bowl: shown');
    expect(out).toContain('best learning rate');
    expect(out).not.toContain('Predictions');
  });
});

describe('predictions beside the runs', () => {
  const config = parseRun({ shape: { layers: 2, width: 64, heads: 2 }, learningRate: 0.004 });
  const draft: PredictionDraft = {
    experiment: 'predict-then-train',
    config,
    N: 100_000,
    largestN: 12_500,
    count: 'nonEmbedding',
    D: 409_600,
    B: 128,
    batchesSeen: [32, 512],
    fit: { law: 'L = E + A/N^a', parameters: { E: 1.5, A: 3, a: 0.2 }, runs: 12 },
    curve: [{ tokens: 409_600, loss: 2, low: 1.9, high: 2.1 }],
    final: { loss: 2, low: 1.9, high: 2.1, standardError: 0.025 },
    unchanged: 2.2,
  };
  const runs = plantedRecords(plantedSweep({ widths: [8] }), () => ({ lr: 2 ** -6, B: 110, loss: 2, hessian: [0.03, 0, 0.02] }), 0.002);
  const outcome = (frozen: FrozenPrediction, loss: number): PredictionEntry => ({
    kind: 'outcome',
    outcome: { prediction: frozen.hash, run: frozen.run, recorded: '2026-01-03T00:00:00.000Z', status: 'finished', loss },
  });

  it('are listed by report: a hit, a miss, one that waits, and one that was changed', async () => {
    const path = file('foretold.jsonl', toJsonLines(runs));
    const [hit, miss, waiting, changed] = [1, 2, 3, 4].map((day) => freezePrediction(draft, `2026-01-01T0${day}:00:00.000Z`));
    const entries: PredictionEntry[] = [
      ...[hit, miss, waiting, { ...changed, N: 200_000 }].map((prediction) => ({ kind: 'prediction' as const, prediction })),
      outcome(hit, 2.02),
      outcome(miss, 2.2),
      outcome(changed, 2),
    ];
    file('foretold.predictions.jsonl', entries.map((entry) => `${predictionLine(entry)}\n`).join(''));
    const { code, out } = await lab(['report', path, '--bootstrap', '0']);
    expect(code).toBe(0);
    expect(out).toContain('1 hits, 1 misses');
    const lineOf = (prediction: FrozenPrediction): string => out.split('\n').find((line) => line.includes(prediction.hash)) ?? '';
    expect(lineOf(hit)).toMatch(/2 \(1\.9 … 2\.1\).*2\.02 .* hit /);
    expect(lineOf(miss)).toMatch(/2\.2 .*10 .* miss /);
    expect(lineOf(waiting)).toContain('not trained yet');
    expect(lineOf(changed)).toContain('does not verify');
    const report = JSON.parse((await lab(['report', path, '--json', '--bootstrap', '0'])).out) as {
      predictions: { judgement: { status: string; standardErrors?: number } }[];
    };
    expect(report.predictions.map(({ judgement }) => judgement.status)).toEqual(['hit', 'miss', 'waiting', 'does not verify']);
    expect(report.predictions[1].judgement.standardErrors).toBeCloseTo(Math.log(1.1) / 0.025, 6);
    expect((await lab(['report', path, '--bootstrap', '0', '--language', 'zh'])).out).toContain('未命中');
  });

  it('that cannot be read stop the report in a sentence', async () => {
    const path = file('spoilt.jsonl', toJsonLines(runs));
    file('spoilt.predictions.jsonl', 'Call me Ishmael.\n');
    const { code, err } = await lab(['report', path, '--bootstrap', '0']);
    expect(code).toBe(1);
    expect(err).toContain('Line 1 of the predictions');
  });
});

describe('the progress line', () => {
  it('has figures a person can read', () => {
    expect([duration(3.4), duration(125), duration(4800)]).toEqual(['3 s', '2 min 05 s', '1 h 20 min']);
    expect([short(950), short(12_345), short(4.56e12)]).toEqual(['950', '12.3k', '4.56T']);
    const line = progressLine({
      runs: 10,
      waiting: 4,
      training: 1,
      finished: 4,
      diverged: 1,
      failed: 0,
      skipped: 0,
      tokens: 1000,
      tokensDone: 500,
      flops: 1,
      stepsDone: 0,
      stepsShared: 0,
      flopsDone: 1,
      tokensPerSecond: 50_000,
      secondsSpent: 3,
      secondsLeft: 65,
      workers: 2,
    });
    expect(line).toBe('[############------------] 50 %  5/10 runs  50k tokens/s  1 min 05 s left  1 diverged');
  });
});
