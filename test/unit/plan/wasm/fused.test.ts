// Every fused launch on the SIMD kernels against the interpreter, on shapes that fill no vector, in both builds.
import { setFlagsFromString } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { kernelBuilds, type KernelBuild } from '../../../../src/plan/wasm/kernels.ts';
import { expectParity, interpret, numbers, runKernels, type Trial } from './one-launch.ts';

// Node 20 has relaxed SIMD behind a flag, later ones without.
setFlagsFromString('--experimental-wasm-relaxed-simd');

const builds: KernelBuild[] = ['plain', 'relaxed'];

it('both builds of the kernels run here, relaxed first', () => {
  expect(kernelBuilds()).toEqual(['relaxed', 'plain']);
});

describe.each(builds)('%s kernels', (build) => {
  const { floats, indices } = numbers(7);
  const check = (trial: Trial): Promise<void> => expectParity(trial, build);

  const sizes = [
    [1, 8, 5],
    [3, 24, 56],
    [17, 48, 24],
    [64, 8, 32],
    [50, 33, 7],
    [130, 10, 9],
    [260, 24, 12],
    [5, 300, 20],
  ];
  const forms = [
    { transposed: false, bias: true, gelu: false, residual: false },
    { transposed: false, bias: true, gelu: true, residual: false },
    { transposed: false, bias: true, gelu: false, residual: true },
    { transposed: false, bias: false, gelu: true, residual: true },
    { transposed: true, bias: false, gelu: false, residual: false },
    { transposed: true, bias: true, gelu: true, residual: true },
  ];
  describe.each(sizes)('%i rows, %i inputs, %i outputs', (rows, inputs, outputs) => {
    it.each(forms)(
      'linear: transposed $transposed, bias $bias, GELU $gelu, residual $residual',
      async ({ transposed, bias, gelu, residual }) => {
        const reads = {
          x: floats(rows * inputs),
          weight: floats(inputs * outputs),
          ...(bias && { bias: floats(outputs) }),
          ...(residual && { residual: floats(rows * outputs) }),
        };
        const shape = { rows, inputs, outputs, transposed, gelu };
        await check({ kind: 'linear', reads, writes: { out: rows * outputs }, ...shape });
        if (gelu) await check({ kind: 'linear', reads, writes: { out: rows * outputs, preactivation: rows * outputs }, ...shape });
      },
    );

    it.each([false, true])('linearGradient: transposed %s', async (transposed) => {
      const reads = { dOut: floats(rows * outputs), x: floats(rows * inputs), weight: floats(inputs * outputs) };
      const writes = { dx: rows * inputs, dWeight: inputs * outputs };
      const shape = { rows, inputs, outputs, transposed };
      await check({ kind: 'linearGradient', reads, writes: { ...writes, dBias: outputs }, ...shape });
      const preactivation = floats(rows * inputs, 2);
      preactivation[0] = 0;
      const x = preactivation.map((u) => u / (1 + Math.exp(-1.5957691216057308 * (u + 0.044715 * u ** 3))));
      await check({ kind: 'linearGradient', reads: { ...reads, x, preactivation }, writes, ...shape });
    });
  });

  it.each([1, 3, 8, 24, 33, 48])('norm and its gradient, width %i', async (width) => {
    for (const rows of [1, 17, 70]) {
      const x = floats(rows * width, 3, 1);
      const statistics = new Float64Array(2 * rows);
      for (let r = 0; r < rows; r++) {
        const row = x.subarray(r * width, (r + 1) * width);
        const mean = row.reduce((a, b) => a + b, 0) / width;
        statistics.set([mean, 1 / Math.sqrt(row.reduce((a, b) => a + (b - mean) ** 2, 0) / width + 1e-5)], 2 * r);
      }
      const gain = floats(width, 1, 1);
      await check({
        kind: 'norm',
        reads: { x, gain, bias: floats(width) },
        writes: { out: rows * width, statistics: 2 * rows },
        rows,
        width,
      });
      const reads = { dOut: floats(rows * width), x, statistics: Float32Array.from(statistics), gain };
      const residual = floats(rows * width);
      await check({ kind: 'normGradient', reads, writes: { dx: rows * width, dGain: width, dBias: width }, rows, width });
      await check({
        kind: 'normGradient',
        reads: { ...reads, residual },
        writes: { dx: rows * width, dGain: width, dBias: width },
        rows,
        width,
      });
      await check({
        kind: 'normGradient',
        reads: { ...reads, residual },
        writes: { dx: residual, dGain: width, dBias: width },
        rows,
        width,
      });
    }
  });

  const attentions = [
    { sequences: 1, context: 1, heads: 1, headWidth: 8 },
    { sequences: 3, context: 17, heads: 2, headWidth: 4 },
    { sequences: 1, context: 17, heads: 4, headWidth: 6 },
    { sequences: 2, context: 64, heads: 3, headWidth: 16 },
    { sequences: 1, context: 64, heads: 1, headWidth: 24 },
    { sequences: 1, context: 131, heads: 2, headWidth: 12 },
    { sequences: 1, context: 67, heads: 1, headWidth: 3 },
  ];
  it.each(attentions)('attention and its gradient: $sequences × $context tokens, $heads heads of $headWidth', async (shape) => {
    const { sequences, context, heads, headWidth } = shape;
    const rows = sequences * context;
    const width = heads * headWidth;
    const qkv = floats(rows * 3 * width, 2);
    const forward = { out: rows * width, logSumExp: sequences * heads * context };
    await check({ kind: 'attention', reads: { qkv }, writes: forward, ...shape });
    const { out, logSumExp } = interpret({ kind: 'attention', reads: { qkv }, writes: forward, ...shape });
    await check({
      kind: 'attentionGradient',
      reads: { dOut: floats(rows * width), qkv, out, logSumExp },
      writes: { dQkv: qkv.length },
      ...shape,
    });
  });

  it.each([1, 5, 56, 67, 512])('crossEntropy, vocabulary %i', async (vocabulary) => {
    for (const [rows, scale] of [
      [1, 1],
      [17, 30],
    ]) {
      const [logits, targets] = [floats(rows * vocabulary, scale, -5), indices(rows, vocabulary)];
      const shape = { rows, vocabulary };
      await check({ kind: 'crossEntropy', reads: { logits, targets }, writes: { losses: rows }, ...shape });
      await check({ kind: 'crossEntropy', reads: { logits, targets }, writes: { losses: rows, dLogits: logits.length }, ...shape });
      await check({ kind: 'crossEntropy', reads: { logits, targets }, writes: { losses: rows, dLogits: logits }, ...shape });
    }
  });

  it('crossEntropy of a certain answer, and of logits that are not numbers', async () => {
    const [rows, vocabulary] = [3, 6];
    const logits = new Float32Array(rows * vocabulary).fill(-1e4);
    logits[1] = 1e4;
    const targets = Int32Array.of(1, 0, 2);
    const { losses } = await runKernels(
      { kind: 'crossEntropy', reads: { logits, targets }, writes: { losses: rows }, rows, vocabulary },
      build,
    );
    expect(losses[0]).toBe(0);
    expect(losses[1]).toBeCloseTo(Math.log(vocabulary), 6);
    logits[17] = NaN;
    const broken = await runKernels(
      { kind: 'crossEntropy', reads: { logits, targets }, writes: { losses: rows }, rows, vocabulary },
      build,
    );
    expect(broken.losses[2]).toBeNaN();
    expect(broken.losses[1]).toBe(losses[1]);
  });

  it.each([8, 24, 33])('embedding and its gradient, width %i', async (width) => {
    for (const [sequences, context, vocabulary] of [
      [1, 1, 5],
      [3, 17, 56],
      [2, 64, 512],
    ]) {
      const rows = sequences * context;
      const shape = { rows, width, context, vocabulary };
      const tokens = indices(rows, vocabulary);
      const [table, positions, dOut] = [floats(vocabulary * width), floats(context * width), floats(rows * width)];
      const dTable = vocabulary * width;
      await check({ kind: 'embedding', reads: { tokens, table }, writes: { out: rows * width }, ...shape });
      await check({ kind: 'embedding', reads: { tokens, table, positions }, writes: { out: rows * width }, ...shape });
      await check({ kind: 'embeddingGradient', reads: { tokens, dOut }, writes: { dTable }, ...shape });
      await check({ kind: 'embeddingGradient', reads: { tokens, dOut }, writes: { dTable, dPositions: context * width }, ...shape });
    }
  });
});

it('linear and its gradient, large enough to be cut into pieces and blocks', async () => {
  const { floats } = numbers(3);
  const [rows, inputs, outputs] = [390, 130, 270];
  const [x, weight] = [floats(rows * inputs), floats(inputs * outputs)];
  const shape = { rows, inputs, outputs, transposed: false };
  const reads = { x, weight, bias: floats(outputs), residual: floats(rows * outputs) };
  await expectParity({ kind: 'linear', reads, writes: { out: rows * outputs }, gelu: false, ...shape });
  const writes = { dx: rows * inputs, dWeight: inputs * outputs, dBias: outputs };
  await expectParity({ kind: 'linearGradient', reads: { dOut: floats(rows * outputs), x, weight }, writes, ...shape });
});
