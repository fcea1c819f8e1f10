// The GPU's kernels for a transformer's other ops against the interpreter, on shapes that fill no vector and no workgroup.
import { expect, it } from 'vitest';
import { expectParity, interpret, runKernel } from './one-launch.ts';

it.each([
  [5, false],
  [8, false],
  [24, false],
  [33, false],
  [33, true],
  [48, false],
  [130, false],
  [130, true],
])('norm and its gradient, width %i, rows alone: %s', async (width, alone) => {
  for (const rows of [1, 70]) {
    await expectParity(
      ({ floats }) => ({
        kind: 'norm',
        reads: { x: floats(rows * width, 3, 1), gain: floats(width, 1, 1), bias: floats(width) },
        writes: { out: rows * width, statistics: 2 * rows },
        rows,
        width,
      }),
      { shift: rows === 1 ? 0 : 1, alone },
    );
    for (const residual of ['none', 'apart', 'in place'])
      await expectParity(
        ({ floats }) => {
          const x = floats(rows * width, 3, 1);
          const statistics = new Float32Array(2 * rows);
          for (let r = 0; r < rows; r++) {
            const row = x.subarray(r * width, (r + 1) * width);
            const mean = row.reduce((a, b) => a + b, 0) / width;
            statistics.set([mean, 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / width + 1e-5)], 2 * r);
          }
          const stream = floats(rows * width);
          return {
            kind: 'normGradient',
            reads: {
              dOut: floats(rows * width),
              x,
              statistics,
              gain: floats(width, 1, 1),
              ...(residual !== 'none' && { residual: stream }),
            },
            writes: { dx: residual === 'in place' ? stream : rows * width, dGain: width, dBias: width },
            rows,
            width,
          };
        },
        { alone },
      );
  }
});

const attentions = [
  { sequences: 1, context: 1, heads: 1, headWidth: 8 },
  { sequences: 3, context: 17, heads: 2, headWidth: 4 },
  { sequences: 1, context: 17, heads: 4, headWidth: 6 },
  { sequences: 2, context: 64, heads: 3, headWidth: 16 },
  { sequences: 1, context: 131, heads: 2, headWidth: 12 },
  { sequences: 1, context: 256, heads: 1, headWidth: 2 },
];
it.each(attentions)('attention and its gradient: $sequences × $context tokens, $heads heads of $headWidth', async (shape) => {
  const { sequences, context, heads, headWidth } = shape;
  const rows = sequences * context;
  const width = heads * headWidth;
  const writes = { out: rows * width, logSumExp: sequences * heads * context };
  for (const alone of [false, true]) {
    await expectParity(({ floats }) => ({ kind: 'attention', reads: { qkv: floats(rows * 3 * width, 2) }, writes, ...shape }), { alone });
    await expectParity(
      ({ floats }) => {
        const qkv = floats(rows * 3 * width, 2);
        const { out, logSumExp } = interpret({ kind: 'attention', reads: { qkv }, writes, ...shape });
        const reads = { dOut: floats(rows * width), qkv, out, logSumExp };
        return { kind: 'attentionGradient', reads, writes: { dQkv: qkv.length }, ...shape };
      },
      { alone },
    );
  }
});

it.each([
  [1, false],
  [5, false],
  [56, false],
  [67, false],
  [67, true],
  [512, false],
])('crossEntropy, vocabulary %i, rows alone: %s', async (vocabulary, alone) => {
  for (const [rows, scale] of [
    [1, 1],
    [70, 10],
  ])
    for (const gradient of ['none', 'apart', 'in place'])
      await expectParity(
        ({ floats, indices }) => {
          const logits = floats(rows * vocabulary, scale, -5);
          const writes = { losses: rows, ...(gradient !== 'none' && { dLogits: gradient === 'apart' ? logits.length : logits }) };
          return { kind: 'crossEntropy', reads: { logits, targets: indices(rows, vocabulary) }, writes, rows, vocabulary };
        },
        { alone },
      );
});

it('crossEntropy of a certain answer, and of logits that are not numbers', async () => {
  const [rows, vocabulary] = [4, 6];
  const [{ losses }] = await runKernel(
    () => {
      const logits = new Float32Array(rows * vocabulary).fill(-1e4);
      logits[1] = 1e4;
      logits[17] = NaN;
      logits[20] = Infinity;
      return { kind: 'crossEntropy', reads: { logits, targets: Int32Array.of(1, 0, 2, 1) }, writes: { losses: rows }, rows, vocabulary };
    },
    { lanes: 1 },
  );
  expect(losses[0]).toBe(0);
  expect(losses[1]).toBeCloseTo(Math.log(vocabulary), 5);
  expect(losses[2]).not.toSatisfy(Number.isFinite);
  expect(losses[3]).not.toSatisfy(Number.isFinite);
});

it.each([3, 8, 24, 33, 300])('embedding and its gradient, width %i', async (width) => {
  for (const [sequences, context, vocabulary] of [
    [1, 1, 5],
    [3, 17, 56],
    [9, 256, 20],
  ]) {
    if (context === 256 && width > 24) continue;
    const rows = sequences * context;
    const shape = { rows, width, context, vocabulary };
    for (const positions of [false, true]) {
      await expectParity(
        ({ floats, indices }) => ({
          kind: 'embedding',
          reads: {
            tokens: indices(rows, vocabulary),
            table: floats(vocabulary * width),
            ...(positions && { positions: floats(context * width) }),
          },
          writes: { out: rows * width },
          ...shape,
        }),
        { shift: positions ? 2 : 0 },
      );
      await expectParity(
        ({ floats, indices }) => ({
          kind: 'embeddingGradient',
          reads: { tokens: indices(rows, vocabulary), dOut: floats(rows * width) },
          writes: { dTable: vocabulary * width, ...(positions && { dPositions: context * width }) },
          ...shape,
        }),
        { shift: positions ? 1 : 0, additions: positions ? 1 : 0, alone: sequences === 3 && positions },
      );
    }
  }
});
