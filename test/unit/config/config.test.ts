// Configs from outside: whole and checked, or one sentence that names what is wrong.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, parseRun, runId } from '../../../src/config/parse.ts';
import { batchTokens, fieldInfo, mlpWidth, runFields, shapeInfo, steps, tokensRead } from '../../../src/config/run.ts';
import { expandSweep, parseSweep, parseSweepText, sweepId } from '../../../src/config/sweep.ts';
import { InputError } from '../../../src/messages/sentence.ts';

const refusal = (action: () => unknown): string => {
  try {
    action();
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    const { en, zh } = (error as InputError).sentence;
    expect(en).not.toContain('\n');
    expect(zh.length).toBeGreaterThan(3);
    return en;
  }
  throw new Error('was accepted');
};

describe('a run', () => {
  it('is whole with nothing given, and every setting has a label in both languages', () => {
    const run = parseRun({});
    expect(Object.keys(run).sort()).toEqual([...runFields].sort());
    for (const field of runFields) {
      if (field === 'shape') continue;
      const info = fieldInfo(field);
      expect(info.label.en && info.label.zh).toBeTruthy();
      if (info.control === 'choice') expect(info.choices?.length).toBeGreaterThan(1);
    }
    expect(shapeInfo('width').minimum).toBe(4);
  });

  it.each([
    ['an unknown key', { learningrate: 1 }, 'unknown key "learningrate"'],
    ['an unknown key of the shape', { shape: { depth: 1 } }, 'unknown key "shape.depth"'],
    ['a key of the prototype', JSON.parse('{"__proto__": {"seed": 1}}') as unknown, 'unknown key "__proto__"'],
    ['inherited keys', Object.create({ seed: 1 }) as unknown, 'inherited keys'],
    ['a negative learning rate', { learningRate: -1 }, '"learningRate"'],
    ['a number as text', { tokens: '100' }, '"tokens"'],
    ['NaN', { learningRate: Number.NaN }, '"learningRate"'],
    ['a vocabulary larger than allowed', { vocabulary: 5000 }, '"vocabulary" must be <=512'],
    ['a word not on the list', { schedule: 'linear' }, '"schedule"'],
    ['heads that do not divide the width', { shape: { width: 10, heads: 3 } }, 'multiple of the attention heads'],
    ['rotary with an odd head width', { shape: { width: 6, heads: 2 }, positions: 'rotary' }, 'even head width'],
    ['a batch larger than the run', { batchSequences: 1000, tokens: 1000 }, 'One batch holds 64000 tokens'],
    ['more experts per token than experts', { experts: 4, expertsPerToken: 5 }, 'through 5 experts where there are 4'],
    ['no object', 7, 'must be Object'],
  ])('with %s is refused in one sentence', (_, input, words) => {
    expect(refusal(() => parseRun(input))).toContain(words);
  });

  it('never throws anything but an InputError', () => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: true }), (input) => {
        try {
          parseRun(input);
        } catch (error) {
          if (!(error instanceof InputError)) throw error;
        }
      }),
      { numRuns: 300 },
    );
  });

  it('has an id that depends on its content alone', () => {
    expect(runId(parseRun({ seed: 1, learningRate: 0.01 }))).toBe(runId(parseRun({ learningRate: 0.01, seed: 1 })));
    expect(runId(parseRun({}))).not.toBe(runId(parseRun({ seed: 1 })));
    expect(canonicalJson({ b: [1, { d: 2, c: 3 }], a: 'x' })).toBe('{"a":"x","b":[1,{"c":3,"d":2}]}');
  });

  it('has, where it is dense, the id it had before there were experts, whatever their settings', () => {
    expect(runId(parseRun({}))).toBe('aa1e0c49b0d3c70f');
    // The last digit of a power depends on who computes it.
    const rate = 2 ** -7.5;
    expect(runId(parseRun({ learningRate: rate * (1 + 2 ** -52) }))).toBe(runId(parseRun({ learningRate: rate })));
    expect(runId(parseRun({ learningRate: rate * (1 + 1e-9) }))).not.toBe(runId(parseRun({ learningRate: rate })));
    expect(runId(parseRun({ uniqueTokens: 64 }))).not.toBe(runId(parseRun({})));
    expect(runId(parseRun({ seed: 1, tokens: 6400, shape: { layers: 1, width: 8, heads: 2 } }))).toBe('f97d8f937c4ee210');
    expect(runId(parseRun({ experts: 1, expertsPerToken: 7, balanceCoefficient: 1 }))).toBe('aa1e0c49b0d3c70f');
    const mixtures = [{ experts: 4 }, { experts: 8 }, { experts: 4, expertsPerToken: 2 }, { experts: 4, balanceCoefficient: 0 }];
    expect(new Set(mixtures.map((settings) => runId(parseRun(settings)))).size).toBe(4);
  });

  it('reads whole batches only', () => {
    const run = parseRun({ tokens: 1000, context: 32, batchSequences: 3 });
    expect([batchTokens(run), steps(run), tokensRead(run)]).toEqual([96, 10, 960]);
    expect(mlpWidth({ layers: 1, width: 10, heads: 1, mlpRatio: 2.5 })).toBe(24);
  });
});

describe('a sweep', () => {
  const axes = { learningRate: [0.01, 0.02], batchSequences: [1, 2, 4], seed: [0, 1] };

  it('expands to the product of its axes, overlapping grids once', () => {
    const sweep = parseSweep({
      name: 'two grids',
      base: { tokens: 6400 },
      grids: [{ axes }, { axes: { ...axes, learningRate: [0.02, 0.04] } }],
    });
    const runs = expandSweep(sweep);
    expect(runs).toHaveLength(18);
    expect(new Set(runs.map((run) => run.id)).size).toBe(18);
    expect(runs.every((run) => run.config.tokens === 6400)).toBe(true);
    expect(sweepId(sweep)).toBe(sweepId(parseSweep(JSON.parse(JSON.stringify(sweep)))));
  });

  it('varies the size as a list of shapes', () => {
    const shapes = [16, 32].map((width) => ({ layers: 2, width, heads: 2 }));
    const runs = expandSweep(parseSweep({ name: 'sizes', grids: [{ axes: { shape: shapes } }] }));
    expect(runs.map((run) => run.config.shape.width)).toEqual([16, 32]);
  });

  it.each([
    ['an unknown axis', { name: 'x', grids: [{ axes: { lr: [1] } }] }, 'unknown key "lr"'],
    ['an unknown key', { name: 'x', grid: [], grids: [{}] }, 'unknown key "grid"'],
    ['an axis of the prototype', { name: 'x', grids: [{ axes: { constructor: [1] } }] }, 'unknown key "constructor"'],
    ['a value out of range', { name: 'x', grids: [{ axes: { learningRate: [-1] } }] }, '"learningRate"'],
    ['an empty axis', { name: 'x', grids: [{ axes: { seed: [] } }] }, 'axes'],
    ['no grid', { name: 'x', grids: [] }, 'grids'],
    [
      'too many runs',
      {
        name: 'x',
        grids: [{ axes: { seed: Array.from({ length: 300 }, (_, i) => i), dataSeed: Array.from({ length: 300 }, (_, i) => i) } }],
      },
      'more than 50000 runs',
    ],
  ])('with %s is refused in one sentence', (_, input, words) => {
    expect(refusal(() => parseSweep(input))).toContain(words);
  });

  it('says what is wrong with text that is no sweep', () => {
    expect(refusal(() => parseSweepText('{"name": '))).toContain('not JSON');
    expect(refusal(() => parseSweepText('x'.repeat(3_000_000)))).toContain('another file');
    expect(refusal(() => parseSweepText('null'))).toContain('must be Object');
  });
});
