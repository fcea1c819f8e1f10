// `lab design` from its arguments to the sweep's file, on a pool whose speed is made up.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { main } from '../../../src/cli/main.ts';
import { batchTokens, steps, type RunConfig } from '../../../src/config/run.ts';
import { expandSweep, parseSweepText } from '../../../src/config/sweep.ts';
import { flopsPerToken } from '../../../src/sweep/cost.ts';
import { FakePool } from '../sweep/fake-pool.ts';

const folder = mkdtempSync(join(tmpdir(), 'design-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A pool of two workers with so many FLOPs a second, on ten million tokens in 60 symbols. */
function poolOf(flopsPerSecond: number): FakePool {
  const pool = new FakePool({ size: 2 });
  const start = pool.start.bind(pool);
  pool.start = async () => ({
    ...(await start()),
    describeData: () => Promise.resolve({ vocabulary: 60, trainingTokens: 1e7, validationTokens: 1e5, bytesPerToken: 1 }),
    measure: (config: RunConfig) =>
      Promise.resolve({ secondsPerStep: (batchTokens(config) * flopsPerToken(config, 60)) / flopsPerSecond + 1e-5, lanes: 1 }),
  });
  return pool;
}

async function lab(args: string[], flopsPerSecond = 3e9) {
  const result = { out: '', err: '' };
  const pool = poolOf(flopsPerSecond);
  const code = await main(args, {
    out: (text) => (result.out += text),
    err: (text) => (result.err += text),
    readFile: () => Promise.reject(new Error('nothing is read')),
    terminal: false,
    createPool: () => Promise.resolve(pool),
    onInterrupt: () => () => undefined,
  });
  return { code, ...result, pool };
}

describe('lab design', () => {
  it('writes a sweep that can be trained, and says what it will tell', async () => {
    const out = join(folder, 'sweep.json');
    const { code, out: text, err } = await lab(['design', 'loss', '--time', '5m', '--out', out]);
    expect(code).toBe(0);
    expect(text).toMatch(/α +0\.46 ± 0\.\d+/);
    expect(text).toContain('runs, about');
    expect(err).toContain(out);
    const runs = expandSweep(parseSweepText(readFileSync(out, 'utf8')));
    for (const { config } of runs) expect(steps(config)).toBeGreaterThanOrEqual(200);
    const json = JSON.parse((await lab(['design', 'loss', '--time', '300s', '--json'])).out) as { runs: number; seconds: number };
    expect(json.runs).toBe(runs.length);
    expect(json.seconds).toBeLessThanOrEqual(300);
  });

  it('refuses when nothing can be known in the time, and says how long it would take', async () => {
    const out = join(folder, 'none.json');
    const { code, out: text } = await lab(['design', 'loss', '--time', '1s', '--out', out]);
    expect(code).toBe(1);
    expect(text).toMatch(/In 1 s .* would be needed/);
    expect(existsSync(out)).toBe(false);
  });

  it.each([
    ['no law', ['design'], 'LAW is missing'],
    ['an unknown law', ['design', 'gravity', '--time', '5m'], 'no design for "gravity"'],
    ['no time', ['design', 'loss'], '--time must be a time'],
    ['a time without a unit', ['design', 'loss', '--time', '5'], '--time must be a time'],
    ['a negative time', ['design', 'loss', '--time=-5m'], '--time must be a time'],
    ['a context of no tokens', ['design', 'loss', '--time', '5m', '--context', '0'], '--context must be a whole number'],
    ['an unknown backend', ['design', 'loss', '--time', '5m', '--backend', 'cuda'], '--backend must be one of'],
  ])('refuses %s in one line', async (_, args, words) => {
    const { code, out, err, pool } = await lab(args);
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain(words);
    expect(err.trimEnd()).not.toContain('\n');
    expect(pool.starts).toBe(0);
  });

  it('has its help', async () => {
    expect((await lab(['design', '--help'])).out).toContain('--time 5m');
  });
});
