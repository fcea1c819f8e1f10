// `lab fit critical-batch` and `lab fit trajectory` from a table of curves to their output.
import { describe, expect, it } from 'vitest';
import { fitCommand } from '../../../src/cli/fit.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { octaves } from '../laws/planted.ts';
import { ourTruth, plantedCurves } from '../laws/planted-curves.ts';

interface Answer {
  readonly law: string;
  readonly status: string;
  readonly parameters: Record<string, { value: number; low: number; high: number }>;
  readonly used: number[];
  readonly left: { row: number; reason: string }[];
  readonly message: string;
  readonly levels?: { N: number | null; loss: number; Smin: number; Emin: number; Bcrit: number; batches: number; status: string }[];
  readonly bootstrap?: { unit: string; resamples: number };
}

async function run(args: string, text: string): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await fitCommand(args.split(' '), {
    out: (more) => (out += more),
    err: (more) => (err += more),
    readFile: () => Promise.resolve(text),
  });
  return { code, out, err };
}
const answer = async (args: string, text: string): Promise<Answer> => JSON.parse((await run(`${args} --json`, text)).out) as Answer;

const curves = plantedCurves(
  { truth: ourTruth, N: [1e3, 3e4, 1e6], B: octaves(6, 12, 1.5), D: 4e6, points: 25, stretch: 20 },
  { run: 0.002, white: 0.002, seed: 5 },
);
const csv = (rows: readonly RunRow[], columns: readonly (keyof RunRow)[]): string =>
  [columns.join(','), ...rows.map((row) => columns.map((column) => row[column] ?? '').join(','))].join('\n');

describe('critical-batch', () => {
  it('answers B_*, α_B and the levels; D stands in for S; rows count from 0', async () => {
    const text = `${csv(curves, ['N', 'B', 'D', 'loss', 'run'])}\n1e4,64,,3,x`;
    const found = await answer('critical-batch a.csv --bootstrap 100 --seed 2', text);
    expect(found.law).toBe('critical-batch');
    expect(found.status).toBe('converged');
    expect(Object.keys(found.parameters)).toEqual(['Bstar', 'alphaB']);
    const { Bstar, alphaB } = found.parameters;
    expect(Bstar.low).toBeLessThan(ourTruth.Bstar);
    expect(Bstar.high).toBeGreaterThan(ourTruth.Bstar);
    expect(alphaB.low).toBeLessThan(ourTruth.alphaB);
    expect(alphaB.high).toBeGreaterThan(ourTruth.alphaB);
    expect(found.bootstrap).toMatchObject({ unit: 'runs', resamples: 100 });
    expect(found.left.at(-1)!.row).toBe(curves.length);
    expect(found.used.length + found.left.length).toBe(curves.length + 1);
    expect(found.levels).toHaveLength(30);
    const converged = found.levels!.filter(({ status }) => status === 'converged');
    expect(converged.length).toBeGreaterThan(15);
    for (const { Bcrit, Smin, Emin, batches } of converged) {
      expect(Emin / Smin / Bcrit).toBeCloseTo(1, 9);
      expect(batches).toBeGreaterThanOrEqual(4);
    }
  });

  it('prints the levels as a table', async () => {
    const { out } = await run('critical-batch a.csv --bootstrap 0', csv(curves, ['N', 'B', 'S', 'loss', 'run']));
    expect(out).toMatch(/Bstar\s+\d/);
    expect(out).toMatch(/N\s+loss\s+Smin\s+Emin\s+Bcrit\s+batches\s+status/);
    expect(out.split('\n').filter((line) => line.endsWith('converged')).length).toBeGreaterThan(15);
  });

  it('reads the curves of our own JSON Lines', async () => {
    const byRun = new Map<string, RunRow[]>();
    for (const row of curves) byRun.set(row.run!, [...(byRun.get(row.run!) ?? []), row]);
    const lines = [...byRun].map(([id, rows]) =>
      JSON.stringify({
        id,
        config: { seed: 0 },
        N: { nonEmbedding: rows[0].N, total: 2 * rows[0].N! },
        B: rows[0].B,
        S: rows.at(-1)!.S,
        D: rows.at(-1)!.D,
        finalLoss: rows.at(-1)!.loss,
        curve: rows.map(({ S, D, loss }) => [S, D, loss]),
      }),
    );
    const [ours, table] = await Promise.all([
      answer('critical-batch a.jsonl --bootstrap 0', lines.join('\n')),
      answer('critical-batch a.csv --bootstrap 0', csv(curves, ['N', 'B', 'S', 'loss', 'run'])),
    ]);
    expect(ours.status).toBe('converged');
    expect(ours.parameters.Bstar.value / table.parameters.Bstar.value).toBeCloseTo(1, 9);
  });
});

describe('trajectory', () => {
  it('answers its six constants with intervals', async () => {
    const found = await answer('trajectory a.csv --bootstrap 200', csv(curves, ['N', 'B', 'S', 'loss', 'run']));
    expect(found.status).toBe('converged');
    expect(Object.keys(found.parameters)).toEqual(['alphaN', 'Nc', 'alphaS', 'Sc', 'alphaB', 'Bstar']);
    for (const [name, { value, low, high }] of Object.entries(found.parameters)) {
      expect(low, name).toBeLessThan(value);
      expect(high, name).toBeGreaterThan(value);
    }
    expect(Math.abs(found.parameters.alphaN.value / ourTruth.alphaN - 1)).toBeLessThan(0.1);
    expect(found.bootstrap).toMatchObject({ unit: 'runs', resamples: 200 });
  });
});

describe('what cannot be fitted', () => {
  it.each([
    ['critical-batch', 'B', 256, 'range too narrow'],
    ['trajectory', 'B', 256, 'range too narrow'],
    ['trajectory', 'N', 1e4, 'range too narrow'],
  ] as const)('%s with one %s', async (law, column, value, status) => {
    const rows = curves.map((row) => ({ ...row, [column]: value }));
    const found = await answer(`${law} a.csv`, csv(rows, ['N', 'B', 'S', 'loss', 'run']));
    expect(found.status).toBe(status);
    expect(found.parameters).toEqual({});
    expect(found.message).toMatch(/; run /);
  });

  it('a table without the batch is refused in one line; NaN losses are left out', async () => {
    const { code, err } = await run('critical-batch a.csv', csv(curves, ['N', 'S', 'loss', 'run']));
    expect(code).toBe(1);
    expect(err).toContain('no column B');
    const spoiled = csv(curves, ['N', 'B', 'S', 'loss', 'run']).replace(/,([\d.]+),(1000 [^,]+)$/m, ',nan,$2');
    const found = await answer('trajectory a.csv --bootstrap 0', spoiled);
    expect(found.status).toBe('converged');
    expect(found.left.map(({ reason }) => reason)).toContain('the run diverged');
  });
});
