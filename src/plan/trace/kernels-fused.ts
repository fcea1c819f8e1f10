// The tracing backend's kernels of a transformer's ops: one launch each.
import type * as tf from '@tensorflow/tfjs-core';
import type { FusedKernel } from '../../ops/fused.ts';
import { register, valueOf, type Recorder } from './record.ts';

const fused = (name: FusedKernel, kernel: (recorder: Recorder) => tf.TensorInfo[]): void => register(name, kernel);

/** Registers them all; harmless when done before. */
export function registerFusedKernels(): void {
  fused('FusedEmbedding', (r) => {
    const [tokens, table, positions] = [r.input('tokens'), r.input('table'), r.optional('positions')];
    const [vocabulary, width] = table.shape;
    const rows = tokens.shape[0];
    const out = r.output([rows, width]);
    const reads = { tokens: r.tokens('tokens'), table: valueOf(table), ...(positions && { positions: valueOf(positions) }) };
    const context = positions?.shape[0] ?? rows;
    r.record({ kind: 'embedding', reads, writes: { out: out.dataId }, rows, width, context, vocabulary });
    return [out];
  });

  fused('FusedEmbeddingGradient', (r) => {
    const dOut = r.input('dOut');
    const [rows, width] = dOut.shape;
    const [vocabulary, context] = [r.attribute<number>('vocabulary'), r.attribute<number>('context')];
    const dTable = r.output([vocabulary, width]);
    const dPositions = context > 0 ? r.output([context, width]) : undefined;
    r.record({
      kind: 'embeddingGradient',
      reads: { tokens: r.tokens('tokens'), dOut: valueOf(dOut) },
      writes: { dTable: dTable.dataId, ...(dPositions && { dPositions: dPositions.dataId }) },
      rows,
      width,
      context: context || rows,
      vocabulary,
    });
    return dPositions ? [dTable, dPositions] : [dTable];
  });

  fused('FusedNorm', (r) => {
    const [x, gain, bias] = [r.input('x'), r.input('gain'), r.input('bias')];
    const [rows, width] = x.shape;
    const [out, statistics] = [r.output(x.shape), r.output([rows, 2])];
    const reads = { x: valueOf(x), gain: valueOf(gain), bias: valueOf(bias) };
    r.record({ kind: 'norm', reads, writes: { out: out.dataId, statistics: statistics.dataId }, rows, width });
    return [out, statistics];
  });

  fused('FusedNormGradient', (r) => {
    const [dOut, x, statistics, gain] = [r.input('dOut'), r.input('x'), r.input('statistics'), r.input('gain')];
    const [rows, width] = x.shape;
    const [dx, dGain, dBias] = [r.output(x.shape), r.output([width]), r.output([width])];
    r.record({
      kind: 'normGradient',
      reads: { dOut: valueOf(dOut), x: valueOf(x), statistics: valueOf(statistics), gain: valueOf(gain) },
      writes: { dx: dx.dataId, dGain: dGain.dataId, dBias: dBias.dataId },
      rows,
      width,
    });
    return [dx, dGain, dBias];
  });

  fused('FusedLinear', (r) => {
    const [x, weight, bias, residual] = [r.input('x'), r.input('weight'), r.optional('bias'), r.optional('residual')];
    const [transposed, gelu] = [r.attribute<boolean>('transposed'), r.attribute<boolean>('gelu')];
    const [rows, inputs] = x.shape;
    const outputs = weight.shape[transposed ? 0 : 1];
    const out = r.output([rows, outputs]);
    const preactivation = gelu ? r.output([rows, outputs]) : undefined;
    r.record({
      kind: 'linear',
      reads: {
        x: valueOf(x),
        weight: valueOf(weight),
        ...(bias && { bias: valueOf(bias) }),
        ...(residual && { residual: valueOf(residual) }),
      },
      writes: { out: out.dataId, ...(preactivation && { preactivation: preactivation.dataId }) },
      rows,
      inputs,
      outputs,
      transposed,
      gelu,
    });
    return preactivation ? [out, preactivation] : [out];
  });

  fused('FusedGeluGradient', (r) => [r.binary('geluGradient', r.input('preactivation'), r.input('dOut'))]);

  fused('FusedLinearGradient', (r) => {
    const [dOut, x, weight] = [r.input('dOut'), r.input('x'), r.input('weight')];
    const transposed = r.attribute<boolean>('transposed');
    const [rows, inputs] = x.shape;
    const outputs = dOut.shape[1];
    const [dx, dWeight] = [r.output(x.shape), r.output(weight.shape)];
    const dBias = r.attribute<boolean>('bias') ? r.output([outputs]) : undefined;
    r.record({
      kind: 'linearGradient',
      reads: { dOut: valueOf(dOut), x: valueOf(x), weight: valueOf(weight) },
      writes: { dx: dx.dataId, dWeight: dWeight.dataId, ...(dBias && { dBias: dBias.dataId }) },
      rows,
      inputs,
      outputs,
      transposed,
    });
    return dBias ? [dx, dWeight, dBias] : [dx, dWeight];
  });

  fused('FusedAttention', (r) => {
    const qkv = r.input('qkv');
    const [context, heads] = [r.attribute<number>('context'), r.attribute<number>('heads')];
    const [rows, width3] = qkv.shape;
    const out = r.output([rows, width3 / 3]);
    const logSumExp = r.output([rows * heads]);
    r.record({
      kind: 'attention',
      reads: { qkv: valueOf(qkv) },
      writes: { out: out.dataId, logSumExp: logSumExp.dataId },
      sequences: rows / context,
      context,
      heads,
      headWidth: width3 / 3 / heads,
    });
    return [out, logSumExp];
  });

  fused('FusedAttentionGradient', (r) => {
    const [dOut, qkv, out, logSumExp] = [r.input('dOut'), r.input('qkv'), r.input('out'), r.input('logSumExp')];
    const [context, heads] = [r.attribute<number>('context'), r.attribute<number>('heads')];
    const [rows, width3] = qkv.shape;
    const dQkv = r.output(qkv.shape);
    r.record({
      kind: 'attentionGradient',
      reads: { dOut: valueOf(dOut), qkv: valueOf(qkv), out: valueOf(out), logSumExp: valueOf(logSumExp) },
      writes: { dQkv: dQkv.dataId },
      sequences: rows / context,
      context,
      heads,
      headWidth: width3 / 3 / heads,
    });
    return [dQkv];
  });

  fused('FusedCrossEntropy', (r) => {
    const logits = r.input('logits');
    const [rows, vocabulary] = logits.shape;
    const [losses, dLogits] = [r.output([rows]), r.output(logits.shape)];
    const reads = { logits: valueOf(logits), targets: r.tokens('targets') };
    r.record({ kind: 'crossEntropy', reads, writes: { losses: losses.dataId, dLogits: dLogits.dataId }, rows, vocabulary });
    return [losses, dLogits];
  });
}
