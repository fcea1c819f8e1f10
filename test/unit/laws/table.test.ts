// Tables from outside: read right, or refused in one sentence.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTable } from '../../../src/laws/table.ts';
import { publishedOptima } from '../../../src/laws/published-step-law.ts';
import { InputError } from '../../../src/messages/sentence.ts';

const sentence = (text: string, options = {}): string => {
  try {
    readTable(text, options);
  } catch (error) {
    if (error instanceof InputError) {
      expect(error.sentence.zh).not.toBe('');
      return error.sentence.en;
    }
    throw error;
  }
  throw new Error('was not refused');
};

describe('separated text', () => {
  it('commas, tabs, quotes, scientific notation, CRLF, a byte-order mark, blank lines', () => {
    const expected = [
      { N: 1e6, D: 2.5e9, loss: 3.25 },
      { N: 2e6, D: 1e10, loss: 3 },
    ];
    expect(readTable('N,D,loss\n1e6,2.5E+9,3.25\n2000000,1e10,3').rows).toMatchObject(expected);
    expect(readTable('\uFEFFN\tD\tloss\r\n1e6\t2.5e9\t3.25\r\n\r\n2e6\t1e10\t3\r\n').rows).toMatchObject(expected);
    expect(
      readTable('"N","D, tokens","the ""loss""",note\n"1e6","2.5e9","3.25","a\nb"\n2e6, "1e10" ,3,', {
        columns: { D: 'D, tokens', loss: 'the "loss"' },
      }).rows,
    ).toMatchObject(expected);
  });

  it('maps columns by name, then by case, and derives tokens from batch and steps', () => {
    const table = readTable('params,val,lr,b,s\n1e6,3,0.01,512,1000', { columns: { N: 'params', loss: 'val' }, required: ['D'] });
    expect(table.rows).toEqual([{ N: 1e6, loss: 3, lr: 0.01, B: 512, S: 1000, D: 512_000 }]);
    expect(table.has).toEqual(['N', 'D', 'S', 'lr', 'B', 'loss']);
  });

  it('any numbers written out come back, however they are quoted', () => {
    const number = fc.double({ min: 1e-300, max: 1e300, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(number, number), { minLength: 1, maxLength: 20 }),
        fc.constantFrom(',', '\t'),
        fc.boolean(),
        fc.constantFrom('\n', '\r\n'),
        (pairs, separator, quoted, end) => {
          const show = (value: number | string): string => (quoted ? `"${value}"` : String(value));
          const text = [['N', 'loss'], ...pairs].map((line) => line.map(show).join(separator)).join(end);
          expect(readTable(text).rows).toEqual(pairs.map(([N, loss]) => ({ N, loss })));
        },
      ),
    );
  });

  it('leaves out rows with unreadable numbers, by row, and keeps the numbering of the others', () => {
    const table = readTable('N,D,loss,lr\n1,2,3,\n1,,3,0.1\n1,2,nan,0.1\n1,2,x,0.1\n1,2,3', { required: ['N', 'D'] });
    expect(table.source).toEqual([0, 4]);
    expect(table.left.map(({ row, reason }) => [row, reason.en])).toEqual([
      [1, 'D is empty'],
      [2, 'loss is "nan", not a number'],
      [3, 'loss is "x", not a number'],
    ]);
    expect(table.rows[0].lr).toBeUndefined();
  });

  it('leaves out rows with counts that are not positive: step 0 of a curve, a learning rate of -1', () => {
    const table = readTable('N,S,loss,lr\n1,0,5,0.1\n1,1,4,-1\n1,2,3,0.1', { required: ['N', 'S'] });
    expect(table.source).toEqual([2]);
    expect(table.left.map(({ reason }) => reason.en)).toEqual(['S is "0", not a positive number', 'lr is "-1", not a positive number']);
    expect(readTable('N,S,loss\n1,0,5').rows).toEqual([{ N: 1, loss: 5 }]);
  });

  it('keeps diverged runs as part of a grid when asked', () => {
    const table = readTable('N,lr,B,loss,status\n1,0.1,64,nan,\n1,0.2,64,2.5,diverged\n1,0.1,32,2.4,done\n1,0.1,16,,', {
      keepDiverged: true,
    });
    expect(table.rows.map((row) => row.status)).toEqual(['diverged', 'diverged', undefined]);
    expect(table.left).toHaveLength(1);
    expect(readTable('N,loss,status\n1,2.5,diverged\n1,2,done').rows).toHaveLength(1);
  });

  it('reads 100,000 rows', () => {
    const text = `N,D,loss\n${Array.from({ length: 100_000 }, (_, i) => `${i + 1},1e9,${2 + i / 1e5}`).join('\n')}`;
    const table = readTable(text, { required: ['N', 'D'] });
    expect(table.rows).toHaveLength(100_000);
    expect(table.rows[99_999].N).toBe(100_000);
  });
});

describe('JSON Lines of the lab', () => {
  const run = (over: object = {}): string =>
    JSON.stringify({
      id: 'a1',
      config: { seed: 7, constructor: 1 },
      N: { nonEmbedding: 6144, total: 8192 },
      D: 4096,
      B: 64,
      S: 64,
      C: 1e9,
      lr: 0.01,
      status: 'done',
      finalLoss: 2.5,
      smoothedTrainLoss: 2.4,
      curve: [
        [1, 64, 5.1],
        [64, 4096, 2.45],
      ],
      ...over,
    });

  it('gives one row a run, by the count and the loss asked for', () => {
    expect(readTable(run()).rows).toEqual([{ N: 6144, D: 4096, C: 1e9, S: 64, lr: 0.01, B: 64, loss: 2.5, seed: 7, run: 'a1' }]);
    expect(readTable(run(), { count: 'total', columns: { loss: 'smoothedTrainLoss' } }).rows[0]).toMatchObject({ N: 8192, loss: 2.4 });
    // Inherited keys are no counts: every row is left out rather than read as a function.
    expect(readTable(run(), { count: 'constructor', required: ['N'] }).rows).toEqual([]);
  });

  it('gives one row a point of the curve', () => {
    const { rows } = readTable(`${run()}\n${run({ id: 'b2' })}\n`, { curves: true });
    expect(rows.map(({ run: id, S, D, loss }) => [id, S, D, loss])).toEqual([
      ['a1', 1, 64, 5.1],
      ['a1', 64, 4096, 2.45],
      ['b2', 1, 64, 5.1],
      ['b2', 64, 4096, 2.45],
    ]);
  });

  it('diverged and failed runs', () => {
    const text = [run(), run({ status: 'diverged', finalLoss: null }), run({ status: 'failed', finalLoss: null })].join('\n');
    expect(readTable(text).rows).toHaveLength(1);
    const kept = readTable(text, { keepDiverged: true });
    expect(kept.rows.map((row) => row.status)).toEqual([undefined, 'diverged']);
    expect(kept.left).toHaveLength(1);
  });

  it('flat objects and arrays of them are tables too', () => {
    expect(readTable('[{"N":1,"loss":2},{"loss":3,"N":2}]').rows).toEqual([
      { N: 1, loss: 2 },
      { N: 2, loss: 3 },
    ]);
  });
});

describe('what is refused, in one sentence', () => {
  it.each([
    ['', {}, 'empty'],
    ['\n \n', {}, 'empty'],
    ['\0\0PNG', {}, 'not a table'],
    ['\uFFFD\uFFFD\uFFFD\uFFFDJFIF', {}, 'not a table'],
    ['N,D,loss', {}, 'not a table'],
    ['1,2,3\n4,5,6', {}, 'column names'],
    ['N,D,val\n1,2,3', {}, 'no column loss; it has N, D, val'],
    ['N,loss\n1,2', { required: ['D', 'B'] }, 'no column D, B; it has N, loss'],
    ['N,loss\n1,2', { columns: { N: 'params' } }, 'no column params'],
    ['N,loss\n1,2\n3,-0.5', {}, 'Row 2 has a loss of -0.5'],
    ['N,loss\n1,0', {}, 'Row 1 has a loss of 0'],
    ['N,loss\n"1,2', {}, 'quote'],
    ['{"N":1,"loss":2}\nnonsense', {}, 'Line 2 is not a JSON object'],
    ['[1,2]', {}, 'Row 1 is not a JSON object'],
    ['[', {}, 'not a table'],
  ])('%j', (text, options, part) => {
    const message = sentence(text, options);
    expect(message).toContain(part);
    expect(message).not.toContain('\n');
  });

  it('anything at all is read or refused, never a crash', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.string().map((text) => `N,loss\n${text}`),
          fc.string().map((text) => `{${text}`),
          fc.json(),
        ),
        (text) => {
          try {
            readTable(text);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});

describe('published laws', () => {
  it('print what their sources print at one point', () => {
    const law = Object.fromEntries(publishedOptima.map((one) => [one.id, one]));
    // Values worked from the printed constants at N = 1e6, D = 1e8.
    expect(law['step-law'].lr(1e6, 1e8)).toBeCloseTo(0.02698, 4);
    expect(law['step-law'].B!(1e6, 1e8)).toBeCloseTo(21_457, -2);
    expect(law['tiny-step-law'].lr(1e6, 1e8)).toBeCloseTo(0.00707, 4);
    expect(law['tiny-step-law'].B!(1e6, 1e8)).toBeCloseTo(10_099, -2);
    expect(law['kaplan-learning-rate'].lr(1e6, 1e8)).toBeCloseTo(0.001312, 5);
    for (const one of publishedOptima) expect(one.citation).toMatch(/arXiv \d{4}\.\d{5}/);
  });
});
