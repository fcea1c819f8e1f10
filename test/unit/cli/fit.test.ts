// `lab fit` from its arguments to its output.
import { describe, expect, it } from 'vitest';
import { fitCommand } from '../../../src/cli/fit.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import { lossAtSizeAndSteps, lossAtSizeAndTokens } from '../../../src/laws/kaplan-forms.ts';
import { LAW_NAMES } from '../../../src/laws/law-tables.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { octaves, plantedGrid } from '../laws/planted.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function run(args: string, files: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await fitCommand(args.split(' ').filter(Boolean), {
    out: (text) => (out += text),
    err: (text) => (err += text),
    readFile: (path) =>
      Object.hasOwn(files, path) ? Promise.resolve(files[path]) : Promise.reject(Object.assign(new Error('none'), { code: 'ENOENT' })),
  });
  return { code, out, err };
}

const csv = (rows: readonly RunRow[], columns: readonly (keyof RunRow)[]): string =>
  [columns.join(','), ...rows.map((row) => columns.map((column) => row[column] ?? '').join(','))].join('\n');
interface Answer {
  law: string;
  status: string;
  parameters: Record<string, { value: number; low: number | null; high: number | null }>;
  objective: { name: string };
  used: number[];
  left: { row: number; reason: string }[];
  message: string;
  method?: string;
  cells?: Record<string, unknown>[];
  laws?: Record<string, { status: string }>;
  criticalBatch?: { batch: number; alpha: number };
  optima?: { C: number; N: number; loss: number; status: string }[];
}
const answer = ({ out }: Outcome): Answer => JSON.parse(out) as Answer;

const random = createRandom(1);
const N = [1e3, 1e4, 1e5, 1e6];
const D = [1e5, 8e5, 6.4e6];
const truth = { E: 1.7, A: 30, B: 60, alpha: 0.34, beta: 0.28 };
const losses = N.flatMap((n) =>
  D.map((d): RunRow => ({ N: n, D: d, loss: truth.E + truth.A / n ** truth.alpha + truth.B / d ** truth.beta })),
);
const grid = plantedGrid({
  bowl: { lr: 2 ** -6.8, B: 2 ** 7.4, loss: 2.3, hessian: [0.04, -0.02, 0.03] },
  lr: octaves(-9, -5, 0.5),
  B: octaves(5, 10),
  noise: 0.003,
  random,
});

describe('answers as JSON', () => {
  it('chinchilla: names, intervals, rows', async () => {
    const text = `${csv(losses, ['N', 'D', 'loss'])}\n1e4,,3\n`;
    const outcome = await run('chinchilla runs.csv --json --bootstrap 100', { 'runs.csv': text });
    expect(outcome.code).toBe(0);
    const found = answer(outcome);
    expect(found.law).toBe('chinchilla');
    expect(found.status).toBe('converged');
    expect(Object.keys(found.parameters).sort()).toEqual(['A', 'B', 'E', 'a', 'alpha', 'b', 'beta']);
    for (const [name, value] of Object.entries(truth)) expect(Math.abs(found.parameters[name].value / value - 1), name).toBeLessThan(1e-5);
    expect(found.used).toHaveLength(12);
    expect(found.left).toEqual([{ row: 12, reason: 'D is empty' }]);
    expect(found.objective.name).toBe('huber');
  });

  it('bowl: one object a cell, numbers plain', async () => {
    const text = csv(grid, ['N', 'D', 'lr', 'B', 'loss', 'seed']);
    const [cell] = answer(await run('bowl runs.csv --json --bootstrap 100', { 'runs.csv': text })).cells!;
    expect(cell).toMatchObject({ N: 1e5, D: 1e6, status: 'converged', convex: true });
    expect(cell.eigenvalues).toHaveLength(2);
    expect(Math.abs(Math.log2(cell.lr as number) + 6.8)).toBeLessThan(0.3);
  });

  it('bowl at the edge and a step law with one cell: a status, not numbers; NaN is null', async () => {
    const text = csv(
      grid.filter((row) => row.B! < 100),
      ['N', 'D', 'lr', 'B', 'loss'],
    );
    const bowl = answer(await run('bowl runs.csv --json --bootstrap 0', { 'runs.csv': text }));
    expect(bowl.cells![0]).toMatchObject({ status: 'at the edge', lr: null, B: null, edges: ['large batch'] });
    expect(bowl.cells![0].convexShare).toBeNull();
    const law = answer(await run('step-law runs.csv --json', { 'runs.csv': csv(grid, ['N', 'D', 'lr', 'B', 'loss']) }));
    expect(law.status).toBe('not enough points');
    expect(law.parameters).toEqual({});
    expect(law.left).toHaveLength(grid.length - law.used.length);
  });

  it('step-law: by the recipe on a fine grid, through vertices on a coarse one, the other beside it', async () => {
    const law = { lr: 0.0985, N: -0.508, D: 0.238, B: 3.6e-4, exponent: 0.931 };
    const planted = (step: number): string =>
      csv(
        [6.6e3, 2.5e4, 1e5, 4e5].flatMap((n) =>
          [4e5, 1.6e6, 6.4e6].flatMap((d) =>
            plantedGrid({
              bowl: { lr: law.lr * n ** law.N * d ** law.D, B: law.B * d ** law.exponent, loss: 2.3, hessian: [0.04, -0.015, 0.03] },
              lr: octaves(-11, -3, step),
              B: octaves(3, 12, step),
              noise: 0,
              random,
              N: n,
              D: d,
            }),
          ),
        ),
        ['N', 'D', 'lr', 'B', 'loss'],
      );
    const coarse = answer(await run('step-law a.csv --json --bootstrap 50', { 'a.csv': planted(1) }));
    expect(coarse.method).toBe('vertex');
    const truth = { 'lr.c': law.lr, 'lr.N': law.N, 'lr.D': law.D, 'batch.c': law.B, 'batch.D': law.exponent };
    for (const [name, value] of Object.entries(truth)) expect(Math.abs(coarse.parameters[name].value / value - 1), name).toBeLessThan(1e-6);
    const fine = answer(await run('step-law a.csv --json --bootstrap 50', { 'a.csv': planted(0.25) }));
    expect(fine.method).toBe('plateau');
    expect(Math.abs(fine.parameters['lr.N'].value - law.N)).toBeLessThan(0.01);
    expect(answer(await run('step-law a.csv --json --bootstrap 50 --method plateau', { 'a.csv': planted(1) })).method).toBe('plateau');
  });

  it('power: finds x, and a floor only where there is one', async () => {
    const noisy = createRandom(3);
    const sizes = octaves(10, 20);
    const table = (floor: number): string =>
      csv(
        sizes.map((n) => ({ N: n, D: 1e9, loss: (floor + 20 * n ** -0.3) * Math.exp(0.001 * noisy.normal()) })),
        ['N', 'D', 'loss'],
      );
    const plain = answer(await run('power a.csv --json --bootstrap 100', { 'a.csv': table(0) }));
    expect(Object.keys(plain.parameters).sort()).toEqual(['a', 'c']);
    expect(plain.parameters.a.low!).toBeLessThan(-0.3);
    expect(plain.parameters.a.high!).toBeGreaterThan(-0.3);
    const floored = answer(await run('power a.csv --json --bootstrap 100', { 'a.csv': table(1.2) }));
    expect(Math.abs(floored.parameters.E.value - 1.2)).toBeLessThan(0.02);
    const given = answer(await run('power a.csv --json --bootstrap 0 --floor 1.2', { 'a.csv': table(1.2) }));
    expect(given.parameters.E).toBeUndefined();
    expect(Math.abs(given.parameters.a.value + 0.3)).toBeLessThan(0.01);
  });

  it('isoflop: optima by budget', async () => {
    const rows = [1e15, 1e16, 1e17].flatMap((C) =>
      octaves(-2, 2).map((factor): RunRow => {
        const n = factor * 0.1 * C ** 0.5;
        return { N: n, C, loss: 3 + 0.02 * Math.log(factor) ** 2 };
      }),
    );
    const found = answer(await run('isoflop a.csv --json --bootstrap 100', { 'a.csv': csv(rows, ['N', 'C', 'loss']) }));
    expect(found.optima!.map((optimum) => optimum.status)).toEqual(['converged', 'converged', 'converged']);
    expect(found.optima![1].N).toBeCloseTo(0.1 * 1e8, 0);
  });

  it('kaplan: constants, and every law with a status of its own', async () => {
    const law = { alphaN: 0.12, Nc: 3e9, alphaD: 0.18, Dc: 1e9 };
    const rows = octaves(10, 20, 1.25).flatMap((n) =>
      octaves(16, 24, 2).map((d): RunRow => ({ N: n, D: d, loss: lossAtSizeAndTokens(law, n, d) })),
    );
    const found = answer(await run('kaplan a.csv --json --bootstrap 50', { 'a.csv': csv(rows, ['N', 'D', 'loss']) }));
    expect(found.status).toBe('converged');
    for (const [name, value] of Object.entries(law)) expect(Math.abs(found.parameters[name].value / value - 1), name).toBeLessThan(1e-6);
    expect(Object.keys(found.laws!)).toEqual(['LN', 'LD', 'LND', 'LNS', 'LC', 'Nopt']);
    expect(found.laws!.LND).toMatchObject({ status: 'converged', rows: rows.length });
    expect(found.laws!.LNS).toMatchObject({ status: 'not enough points', parameters: {} });
    const tied = rows.filter((_, i) => i % 5 === 0).map((row) => ({ ...row, D: 20 * row.N! }));
    const refused = answer(await run('kaplan a.csv --json', { 'a.csv': csv(tied, ['N', 'D', 'loss']) }));
    expect(refused).toMatchObject({ status: 'not identified', parameters: {} });
  });

  it('kaplan: curves in our own JSON Lines, S_min by the constants given', async () => {
    const law = { alphaN: 0.12, Nc: 3e9, alphaS: 0.6, Sc: 800 };
    const lines = octaves(10, 20, 1.25).map((n, i) => {
      const curve = octaves(8, 15, 0.5).map((Smin) => {
        const loss = lossAtSizeAndSteps(law, n, Smin);
        const S = Smin * (1 + (2e7 * loss ** (-1 / 0.25)) / 4096);
        return [S, 4096 * S, loss];
      });
      const [S, D, finalLoss] = curve.at(-1)!;
      return {
        id: `r${i}`,
        config: { seed: 0 },
        N: { nonEmbedding: n, total: 2 * n },
        D,
        B: 4096,
        S,
        C: 6 * n * D,
        lr: 0.01,
        finalLoss,
        curve,
      };
    });
    const files = { 'a.jsonl': lines.map((line) => JSON.stringify(line)).join('\n') };
    const found = answer(await run('kaplan a.jsonl --json --bootstrap 0 --critical-batch 2e7,0.25', files));
    expect(found.criticalBatch).toEqual({ batch: 2e7, alpha: 0.25 });
    for (const [name, value] of Object.entries(law)) expect(Math.abs(found.parameters[name].value / value - 1), name).toBeLessThan(1e-6);
  });

  it('envelope: a point of a curve costs what its run had cost by then', async () => {
    const lines = octaves(10, 20, 1.25).map((n, i) => {
      const curve = octaves(12, 26, 0.5).map((D) => [D / 256, D, 1.5 + 20 / n ** 0.3 + 40 / D ** 0.3]);
      const [S, D, finalLoss] = curve.at(-1)!;
      return { id: `r${i}`, config: { seed: 0 }, N: { nonEmbedding: n }, D, B: 256, S, C: 6 * n * D, lr: 0.01, finalLoss, curve };
    });
    const files = { 'a.jsonl': lines.map((line) => JSON.stringify(line)).join('\n') };
    const found = answer(await run('envelope a.jsonl --json --bootstrap 20', files));
    expect(found.status).toBe('converged');
    expect(Math.abs(found.parameters.a.value - 0.5)).toBeLessThan(0.01);
  });

  it('columns by mapping, in one argument or several; row numbers are those of the file', async () => {
    const text = ['run\tparams\ttokens\tval', ...losses.map((row, i) => `r${i}\t${row.N}\t${row.D}\t${i === 3 ? 'nan' : row.loss}`)].join(
      '\n',
    );
    for (const columns of ['--columns N=params,D=tokens,loss=val', '--columns N=params --columns D=tokens loss=val']) {
      const found = answer(await run(`chinchilla a.tsv --json --bootstrap 0 ${columns}`, { 'a.tsv': text }));
      expect(found.left).toEqual([{ row: 3, reason: 'loss is "nan", not a number' }]);
      expect(found.used).toEqual([0, 1, 2, 4, 5, 6, 7, 8, 9, 10, 11]);
    }
  });

  it('one seed, one answer', async () => {
    const files = { 'runs.csv': csv(grid, ['N', 'D', 'lr', 'B', 'loss']) };
    const [first, again, other] = await Promise.all(
      ['--seed 1', '--seed 1', '--seed 2'].map((seed) => run(`bowl runs.csv --json --bootstrap 50 ${seed}`, files)),
    );
    expect(first.out).toBe(again.out);
    expect(first.out).not.toBe(other.out);
  });
});

describe('text', () => {
  it('shows parameters with intervals, and the reasons of rows left out, in the language asked for', async () => {
    const files = { 'runs.csv': `${csv(losses, ['N', 'D', 'loss'])}\n1e4,,3\n` };
    const english = await run('chinchilla runs.csv --bootstrap 50', files);
    expect(english.out).toMatch(/alpha\s+0\.34/);
    expect(english.out).toContain('1 left out: D is empty');
    const chinese = await run('chinchilla runs.csv --bootstrap 50 --language zh', files);
    expect(chinese.out).toContain('D 为空');
  });

  it('help names every law', async () => {
    const { code, out } = await run('--help');
    expect(code).toBe(0);
    for (const law of LAW_NAMES) expect(out).toContain(law);
  });
});

describe('bad input is one line on standard error and a non-zero code', () => {
  const files = {
    'prose.txt': 'Call me Ishmael.\nSome years ago, never mind how long precisely, having little money',
    'binary.bin': '\0\u0001PNG\uFFFD\uFFFD',
    'empty.csv': '',
    'negative.csv': 'N,D,loss\n1e6,1e9,-3',
    'nothing.csv': 'x,y\n1,2',
  };
  it.each([
    ['', 'No law'],
    ['gravity a.csv', 'no law "gravity"'],
    ['chinchilla', 'No file'],
    ['chinchilla missing.csv', 'no such file'],
    ['chinchilla prose.txt', 'not a table'],
    ['chinchilla binary.bin', 'not a table'],
    ['chinchilla empty.csv', 'empty'],
    ['chinchilla negative.csv', 'Row 1 has a loss of -3'],
    ['chinchilla nothing.csv', 'it has x, y'],
    ['bowl negative.csv', 'loss of -3'],
    ['bowl nothing.csv --columns loss=y', 'none of the columns lr, B'],
    ['chinchilla a.csv --objective mean', '--objective is huber, lad, ls'],
    ['chinchilla a.csv --bootstrap -5', '--bootstrap is a whole number'],
    ['chinchilla a.csv --seed 1.5', '--seed is a whole number'],
    ['chinchilla a.csv --columns params', 'names no column'],
    ['chinchilla a.csv --columns __proto__=x', 'names no column'],
    ['chinchilla a.csv --nonsense', '--nonsense'],
    ['chinchilla a.csv b.csv', 'one argument too many'],
    ['power a.csv --floor -1', '--floor'],
    ['kaplan nothing.csv --columns loss=y', 'none of the columns N, D, C'],
    ['kaplan a.csv --critical-batch 2e8', '--critical-batch is none'],
  ])('%s', async (args, part) => {
    const { code, out, err } = await run(args, files);
    expect(code).toBe(1);
    expect(out).toBe('');
    expect(err).toContain(part);
    expect(err.trim().split('\n')).toHaveLength(1);
  });

  it('an objective is what the law minimises, or refused in a sentence', async () => {
    const content = { 'one.csv': 'N,D,C,S,lr,B,loss,seed,run\n1e4,1e6,1e11,1000,0.01,1000,2.5,0,a' };
    const honoured: string[] = [];
    for (const law of LAW_NAMES) {
      for (const objective of ['huber', 'lad', 'ls']) {
        const { code, out, err } = await run(`${law} one.csv --json --objective ${objective}`, content);
        if (code === 0) {
          expect((JSON.parse(out) as Answer).objective.name, law).toBe(objective);
          honoured.push(`${law} ${objective}`);
        } else expect(err, law).toContain(`${law} is fitted by least squares only, so --objective ${objective} does not apply`);
      }
    }
    expect(honoured).toEqual(
      LAW_NAMES.flatMap((law) =>
        ['huber', 'lad', 'ls'].flatMap((objective) =>
          objective === 'ls' || ['three-term', 'power', 'kaplan', 'chinchilla'].includes(law) ? [`${law} ${objective}`] : [],
        ),
      ),
    );
  });

  it('one row is an answer without numbers, for every law', async () => {
    for (const law of LAW_NAMES) {
      const { code, out } = await run(`${law} one.csv --json`, {
        'one.csv': 'N,D,C,S,lr,B,loss,seed,run\n1e4,1e6,1e11,1000,0.01,1000,2.5,0,a',
      });
      expect(code, law).toBe(0);
      const { status, parameters } = JSON.parse(out) as Answer;
      expect(['not enough points', 'not identified'], law).toContain(status);
      expect(parameters, law).toEqual({});
    }
  });
});
