// Files that no law should stumble over, for every law of `lab fit`: one line on standard error or an answer that says
// what is missing, never a stack trace.
import { describe, expect, it } from 'vitest';
import { fitCommand } from '../../../src/cli/fit.ts';
import { LAW_NAMES, lawTables, type LawName } from '../../../src/laws/law-tables.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function fit(law: LawName, text: string): Promise<Outcome> {
  let out = '';
  let err = '';
  const code = await fitCommand([law, 'runs.csv', '--json', '--bootstrap', '20', ...(law === 'power' ? ['--x', 'N'] : [])], {
    out: (part) => (out += part),
    err: (part) => (err += part),
    readFile: () => Promise.resolve(text),
  });
  return { code, out, err };
}

interface Answer {
  readonly law: string;
  readonly status: string;
  readonly parameters: Record<string, { value: number | null }>;
  readonly used: number[];
  readonly left: { row: number; reason: string }[];
  readonly message: string;
}
const answerOf = ({ code, out, err }: Outcome): Answer => {
  expect(code, err).toBe(0);
  return JSON.parse(out) as Answer;
};

const expectOneLine = ({ code, out, err }: Outcome, part: string): void => {
  expect(code).toBe(1);
  expect(out).toBe('');
  expect(err).toContain(part);
  expect(err.trim().split('\n')).toHaveLength(1);
};

type Row = Readonly<Record<string, string | number>>;
const COLUMNS = ['N', 'D', 'C', 'S', 'lr', 'B', 'seed', 'run', 'loss'] as const;
const csv = (rows: readonly Row[], columns: readonly string[] = COLUMNS): string =>
  [columns.join(','), ...rows.map((row) => columns.map((column) => row[column]).join(','))].join('\n');

/** Runs with every column: curves over four sizes and five batches, at three learning rates. */
const rows: Row[] = [1e3, 1e4, 1e5, 1e6].flatMap((N) =>
  [256, 1024, 4096, 16_384, 65_536].flatMap((B) =>
    [0.5, 1, 2].flatMap((factor) =>
      [1e7, 2e7, 4e7, 8e7].map((D): Row => ({
        N,
        D,
        C: 6 * N * D,
        S: D / B,
        lr: 0.01 * factor,
        B,
        seed: 0,
        run: `${N}-${B}-${factor}`,
        loss: 1.7 + 30 / N ** 0.34 + 60 / D ** 0.28 + 3 / B ** 0.5 + 10 / (D / B) ** 0.5 + 0.02 * Math.log(factor) ** 2,
      })),
    ),
  ),
);

describe.each(LAW_NAMES.map((law) => [law] as const))('%s', (law) => {
  it('a file that is no table', async () => {
    expectOneLine(await fit(law, 'Call me Ishmael.\nSome years ago, never mind how long precisely, having little money'), 'not a table');
    expectOneLine(await fit(law, '\0\u0001PNG\uFFFD\uFFFD'), 'not a table');
    expectOneLine(await fit(law, ''), 'empty');
    expectOneLine(await fit(law, '{"id": 1'), '');
    expectOneLine(await fit(law, '\n\n\n'), '');
  });

  it('a missing column is named', async () => {
    const { table, oneOf = [] } = lawTables[law];
    const required = table.required ?? [];
    expectOneLine(
      await fit(
        law,
        csv(
          rows,
          COLUMNS.filter((column) => column !== 'loss'),
        ),
      ),
      'loss',
    );
    // Nothing else is left that the missing one could be worked out from, as B from D and S.
    for (const needed of required)
      expectOneLine(await fit(law, csv(rows, ['seed', 'run', 'loss', ...required.filter((column) => column !== needed)])), needed);
    if (oneOf.length > 0) expectOneLine(await fit(law, csv(rows, ['seed', 'run', 'loss', ...required])), oneOf.join(', '));
  });

  it('a negative loss is refused with its row', async () => {
    expectOneLine(await fit(law, csv(rows.map((row, i) => (i === 7 ? { ...row, loss: -3 } : row)))), '-3');
  });

  it('cells that are no numbers leave their rows out, with a reason, and the others are fitted as if alone', async () => {
    const bad = rows.map((row, i): Row => (i % 40 === 9 ? { ...row, loss: i % 80 === 9 ? 'abc' : '' } : row));
    const found = answerOf(await fit(law, csv(bad)));
    const alone = answerOf(await fit(law, csv(bad.filter((_, i) => i % 40 !== 9))));
    expect(found.status).toBe(alone.status);
    expect(found.parameters).toEqual(alone.parameters);
    const spoiled = bad.flatMap((_, i) => (i % 40 === 9 ? [i] : []));
    for (const row of spoiled) {
      expect(found.used).not.toContain(row);
      expect(found.left.find((one) => one.row === row)?.reason).toMatch(/loss/);
    }
    // NaN is how a diverged run's loss is written: some laws take it as the border of what can be trained.
    const diverged = answerOf(await fit(law, csv(rows.map((row, i) => (i % 40 === 9 ? { ...row, loss: 'NaN' } : row)))));
    for (const row of spoiled) {
      expect(diverged.used).not.toContain(row);
      expect(diverged.left.find((one) => one.row === row)?.reason).toMatch(/loss|diverged/);
    }
    for (const cell of ['NaN', 'Infinity', 'abc', '']) {
      const all = await fit(law, csv(rows.map((row) => ({ ...row, N: cell, D: cell, C: cell, S: cell, B: cell, lr: cell }))));
      if (all.code === 0) {
        expect(answerOf(all).status).not.toBe('converged');
        expect(answerOf(all).parameters).toEqual({});
      } else expectOneLine(all, '');
    }
  });

  it('one row, two rows, equal rows', async () => {
    for (const few of [rows.slice(0, 1), rows.slice(0, 2), Array.from({ length: 50 }, () => rows[0])]) {
      const { status, parameters, message } = answerOf(await fit(law, csv(few)));
      expect(status).not.toBe('converged');
      expect(parameters).toEqual({});
      expect(message).toMatch(/\.$/);
    }
  });

  it('numbers at the ends of what a cell can hold', async () => {
    for (const value of ['1e308', '1e-308', '5e-324']) {
      for (const column of ['N', 'D', 'B', 'loss']) {
        const outcome = await fit(law, csv(rows.slice(0, 60).map((row, i) => (i === 3 ? { ...row, [column]: value } : row))));
        if (outcome.code === 0) expect(answerOf(outcome).law).toBe(law);
        else expectOneLine(outcome, '');
      }
    }
  });
});
