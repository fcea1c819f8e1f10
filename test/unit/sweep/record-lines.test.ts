// Records as text: what goes out comes back, and what is no record is refused with its line.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseRun, runId } from '../../../src/config/parse.ts';
import { InputError } from '../../../src/messages/sentence.ts';
import { toRecord, type RunRecord } from '../../../src/sweep/record.ts';
import { parseRecordLine, parseRecords, recordLine, toCsv, toJsonLines } from '../../../src/sweep/record-lines.ts';
import type { LaneOutcome } from '../../../src/training/trainer.ts';

const config = parseRun({
  shape: { layers: 1, width: 8, heads: 1 },
  context: 8,
  tokens: 1000,
  batchSequences: 2,
  learningRate: 0.01,
  seed: 7,
});
const reason = { en: 'it, "diverged"', zh: '发散' };

function recordOf(outcome: LaneOutcome): RunRecord {
  return toRecord({
    run: { id: runId(config), config },
    outcome,
    facts: { vocabulary: 20, trainingTokens: 400, validationTokens: 100, bytesPerToken: 1 },
    report: { backend: 'wasm', engine: 'plan', device: 'CPU' },
    curve: [
      [1, 16, 3.25],
      [62, 992, 2.5],
    ],
    validation: [[62, 992, 2.75]],
    seconds: 1.5,
    sharedSteps: 40,
  });
}

const outcomes: readonly LaneOutcome[] = [
  { status: 'finished', finalLoss: 2.75, smoothedTrainLoss: 2.5, parameters: new Float32Array(1) },
  { status: 'diverged', reason, step: 3, lastFiniteLoss: 9 },
  { status: 'failed', reason },
  { status: 'skipped' },
];

/** What any program that writes the format must write. */
const least = {
  id: 'mine',
  config: { learningRate: 0.01 },
  N: { nonEmbedding: 1000, total: 2000 },
  D: 16_000,
  B: 64,
  S: 250,
  C: 96_000_000,
  lr: 0.01,
  status: 'finished',
  finalLoss: 2.5,
  smoothedTrainLoss: 2.4,
  curve: [[1, 64, 4]],
  backend: 'cpu',
  seconds: 3,
};

describe('a record', () => {
  it('counts what its run read and cost', () => {
    const record = recordOf(outcomes[0]);
    expect(record).toMatchObject({ D: 992, B: 16, S: 62, lr: 0.01, seed: 7, vocabulary: 20, finalLoss: 2.75 });
    // 124 windows from a corpus of 50: into the third pass.
    expect(record.epochs).toBe(3);
    expect(record.C).toBeCloseTo(record.N.flops * 6 * record.D, 3);
    expect(record).not.toHaveProperty('parameters');
  });

  it.each(outcomes.map((outcome) => [outcome.status, outcome] as const))('that %s comes back from its line as it was', (_, outcome) => {
    const record = recordOf(outcome);
    expect(parseRecordLine(recordLine(record), 1)).toEqual(record);
    expect(parseRecords(toJsonLines([record]))).toEqual([record]);
  });

  it('carries the noise of gradients where it was measured, and no other', () => {
    const gradientNoise = [
      { step: 31, tokens: 496, gradientSquaredNorm: -0.5, gradientVariance: 12 },
      { step: 62, tokens: 992, gradientSquaredNorm: 0.25, gradientVariance: 16 },
    ];
    const plain = recordOf(outcomes[0]);
    expect(plain).not.toHaveProperty('gradientNoise');
    const record = { ...plain, gradientNoise };
    expect(parseRecords(toJsonLines([record, { ...plain, id: 'other' }]))).toEqual([record, { ...plain, id: 'other' }]);
    const [head, ...lines] = toCsv([record, plain]).trimEnd().split('\n');
    const cells = (name: string): string[] => lines.map((line) => line.split(',')[head.split(',').indexOf(name)]);
    expect(cells('gradientSquaredNorm')).toEqual(['0.25', '']);
    expect(cells('gradientVariance')).toEqual(['16', '']);
    const wrong = JSON.stringify({ ...record, gradientNoise: [{ step: 1, tokens: 16, gradientSquaredNorm: 'none', gradientVariance: 1 }] });
    expect(() => parseRecordLine(wrong, 4)).toThrow('Line 4');
  });

  it('is written with the keys of the format first', () => {
    const keys = Object.keys(JSON.parse(recordLine(recordOf(outcomes[0]))) as object);
    expect(keys.slice(0, 14)).toEqual(Object.keys(least));
    expect(recordLine(recordOf(outcomes[1]))).not.toContain('\n');
  });

  it('of another program needs only the format', () => {
    const record = parseRecordLine(JSON.stringify(least), 1);
    expect(record).toMatchObject({ id: 'mine', seed: 0, vocabulary: 0, epochs: 1, validation: [], finalLoss: 2.5 });
    expect(record.N.flops).toBeCloseTo(1000);
    expect(record.config.context).toBe(64);
    expect(parseRecordLine(JSON.stringify({ ...least, more: 1 }), 1)).toEqual(record);
  });

  it.each([
    ['no JSON', '{"id":', 'Line 4 of the runs: this is not JSON'],
    ['no object', '[1]', 'Line 4'],
    ['a missing key', JSON.stringify({ ...least, D: undefined }), '"D"'],
    ['a negative batch', JSON.stringify({ ...least, B: -1 }), '"B"'],
    ['a number as text', JSON.stringify({ ...least, lr: '0.1' }), '"lr"'],
    ['a finished run without a loss', JSON.stringify({ ...least, finalLoss: null }), 'finalLoss'],
    ['a loss of zero', JSON.stringify({ ...least, finalLoss: 0 }), 'finalLoss'],
    ['an unknown status', JSON.stringify({ ...least, status: 'done' }), '"status"'],
    ['a wrong config', JSON.stringify({ ...least, config: { lr: 1 } }), 'unknown key "lr"'],
    ['a curve of pairs', JSON.stringify({ ...least, curve: [[1, 2]] }), 'curve'],
  ])('that is %s is refused with its line', (_, text, words) => {
    const refusal = () => parseRecordLine(text, 4);
    expect(refusal).toThrow(InputError);
    expect(refusal).toThrow(words);
    expect(refusal).toThrow('Line 4');
  });

  it('never makes anything but an InputError of wrong text', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.json(),
          fc.object().map((extra) => JSON.stringify({ ...least, ...extra })),
        ),
        (text) => {
          try {
            parseRecordLine(text, 1);
          } catch (error) {
            if (!(error instanceof InputError)) throw error;
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it('counts once when it is there twice: the last', () => {
    const twice = `${JSON.stringify(least)}\n\n${JSON.stringify({ ...least, finalLoss: 2 })}\n`;
    expect(parseRecords(twice).map((record) => record.finalLoss)).toEqual([2]);
    expect(() => parseRecords(`${JSON.stringify(least)}\n?\n`)).toThrow('Line 2');
  });
});

describe('CSV', () => {
  const rows = (text: string) => text.trimEnd().split('\n');

  it('has one line a run, with empty cells where there is no loss', () => {
    const lines = rows(toCsv(outcomes.map(recordOf)));
    expect(lines).toHaveLength(5);
    const head = lines[0].split(',');
    const column = (line: string, name: string) => line.split(',')[head.indexOf(name)];
    expect(column(lines[1], 'loss')).toBe('2.75');
    expect(column(lines[1], 'B')).toBe('16');
    expect(column(lines[1], 'seed')).toBe('7');
    expect(column(lines[2], 'loss')).toBe('');
    expect(column(lines[2], 'lastFiniteLoss')).toBe('9');
    expect(lines.every((line) => line.split(',').length === head.length)).toBe(true);
  });

  it('quotes what must be quoted, and lets no cell be a formula', () => {
    const record = { ...recordOf(outcomes[0]), device: '=cmd(), "x"' };
    expect(toCsv([record])).toContain(`"'=cmd(), ""x"""`);
  });
});
