// What the fused launches compute, word for word after src/plan/launches.ts, in plain loops: an oracle, not an engine.
import type { FusedLaunch } from '../../../src/plan/launches.ts';
import type { Operand } from '../../../src/plan/plan.ts';

/** A region's words. */
export type Words = Float32Array | Float64Array;

/** The words of an operand, to read or to write. */
export type View = (operand: Operand) => Words;

const GELU_SCALE = 1.5957691216057308;
const GELU_CUBIC = 0.044715;

/** gelu(u). */
export function gelu(u: number): number {
  return u / (1 + Math.exp(-GELU_SCALE * (u + GELU_CUBIC * u ** 3)));
}

/** gelu′(u). */
export function geluSlope(u: number): number {
  const s = 1 / (1 + Math.exp(-GELU_SCALE * (u + GELU_CUBIC * u ** 3)));
  return s + u * s * (1 - s) * GELU_SCALE * (1 + 3 * GELU_CUBIC * u * u);
}

const sum = (count: number, term: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < count; i++) total += term(i);
  return total;
};

/** Fills `out` after everything that it depends on has been read. */
const fill = (out: Words, word: (i: number) => number): void => out.set(Float64Array.from(out, (_, i) => word(i)));

/** Runs one fused launch. */
export function runFusedLaunch(launch: FusedLaunch, view: View): void {
  switch (launch.kind) {
    case 'embedding': {
      const { width, context } = launch;
      const [tokens, table] = [view(launch.reads.tokens), view(launch.reads.table)];
      const positions = launch.reads.positions && view(launch.reads.positions);
      fill(view(launch.writes.out), (i) => {
        const [r, c] = [Math.floor(i / width), i % width];
        return table[tokens[r] * width + c] + (positions ? positions[(r % context) * width + c] : 0);
      });
      return;
    }
    case 'embeddingGradient': {
      const { width, context, rows } = launch;
      const [tokens, dOut] = [view(launch.reads.tokens), view(launch.reads.dOut)];
      const over = (chosen: (r: number) => boolean) => (i: number) => sum(rows, (r) => (chosen(r) ? dOut[r * width + (i % width)] : 0));
      const dTable = view(launch.writes.dTable);
      fill(dTable, (i) => over((r) => tokens[r] === Math.floor(i / width))(i));
      if (launch.writes.dPositions) fill(view(launch.writes.dPositions), (i) => over((r) => r % context === Math.floor(i / width))(i));
      return;
    }
    case 'norm':
      return norm(launch, view);
    case 'normGradient':
      return normGradient(launch, view);
    case 'linear': {
      const { rows, inputs, outputs, transposed } = launch;
      const [x, weight] = [view(launch.reads.x), view(launch.reads.weight)];
      const bias = launch.reads.bias && view(launch.reads.bias);
      const residual = launch.reads.residual && view(launch.reads.residual);
      const product = new Float64Array(rows * outputs).map((_, i) => {
        const [r, c] = [Math.floor(i / outputs), i % outputs];
        const dot = sum(inputs, (k) => x[r * inputs + k] * weight[transposed ? c * inputs + k : k * outputs + c]);
        return dot + (bias ? bias[c] : 0);
      });
      fill(view(launch.writes.out), (i) => (launch.gelu ? gelu(product[i]) : product[i]) + (residual ? residual[i] : 0));
      if (launch.writes.preactivation) view(launch.writes.preactivation).set(product);
      return;
    }
    case 'linearGradient': {
      const { rows, inputs, outputs, transposed } = launch;
      const [dOut, x, weight] = [view(launch.reads.dOut), view(launch.reads.x), view(launch.reads.weight)];
      const preactivation = launch.reads.preactivation && view(launch.reads.preactivation);
      const dx = new Float64Array(rows * inputs).map((_, i) => {
        const [r, k] = [Math.floor(i / inputs), i % inputs];
        const dot = sum(outputs, (c) => dOut[r * outputs + c] * weight[transposed ? c * inputs + k : k * outputs + c]);
        return dot * (preactivation ? geluSlope(preactivation[i]) : 1);
      });
      const columns = transposed ? inputs : outputs;
      const dWeight = new Float64Array(inputs * outputs).map((_, i) => {
        const [first, second] = [Math.floor(i / columns), i % columns];
        const [k, c] = transposed ? [second, first] : [first, second];
        return sum(rows, (r) => x[r * inputs + k] * dOut[r * outputs + c]);
      });
      const dBias = new Float64Array(outputs).map((_, c) => sum(rows, (r) => dOut[r * outputs + c]));
      view(launch.writes.dx).set(dx);
      view(launch.writes.dWeight).set(dWeight);
      if (launch.writes.dBias) view(launch.writes.dBias).set(dBias);
      return;
    }
    case 'attention':
      return attention(launch, view);
    case 'attentionGradient':
      return attentionGradient(launch, view);
    case 'crossEntropy': {
      const { rows, vocabulary } = launch;
      const [logits, targets] = [view(launch.reads.logits), view(launch.reads.targets)];
      const logSumExp = new Float64Array(rows).map((_, r) => {
        const row = logits.subarray(r * vocabulary, (r + 1) * vocabulary);
        const largest = Math.max(...row);
        return largest + Math.log(sum(vocabulary, (v) => Math.exp(row[v] - largest)));
      });
      const losses = logSumExp.map((value, r) => value - logits[r * vocabulary + targets[r]]);
      if (launch.writes.dLogits)
        fill(view(launch.writes.dLogits), (i) => {
          const [r, v] = [Math.floor(i / vocabulary), i % vocabulary];
          return (Math.exp(logits[i] - logSumExp[r]) - (v === targets[r] ? 1 : 0)) / rows;
        });
      view(launch.writes.losses).set(losses);
      return;
    }
    default:
      launch satisfies never;
  }
}

function norm(launch: Extract<FusedLaunch, { kind: 'norm' }>, view: View): void {
  const { rows, width } = launch;
  const [x, gain, bias] = [view(launch.reads.x), view(launch.reads.gain), view(launch.reads.bias)];
  const statistics = new Float64Array(rows * 2);
  for (let r = 0; r < rows; r++) {
    const mean = sum(width, (c) => x[r * width + c]) / width;
    const variance = sum(width, (c) => (x[r * width + c] - mean) ** 2) / width;
    statistics.set([mean, 1 / Math.sqrt(variance + 1e-5)], 2 * r);
  }
  fill(view(launch.writes.out), (i) => {
    const [r, c] = [Math.floor(i / width), i % width];
    return (x[i] - statistics[2 * r]) * statistics[2 * r + 1] * gain[c] + bias[c];
  });
  view(launch.writes.statistics).set(statistics);
}

function normGradient(launch: Extract<FusedLaunch, { kind: 'normGradient' }>, view: View): void {
  const { rows, width } = launch;
  const [dOut, x, gain] = [view(launch.reads.dOut), view(launch.reads.x), view(launch.reads.gain)];
  const statistics = view(launch.reads.statistics);
  const residual = launch.reads.residual && view(launch.reads.residual);
  const normed = Float64Array.from(x, (value, i) => {
    const r = Math.floor(i / width);
    return (value - statistics[2 * r]) * statistics[2 * r + 1];
  });
  const dx = new Float64Array(rows * width).map((_, i) => {
    const [r, c] = [Math.floor(i / width), i % width];
    const g = (column: number): number => dOut[r * width + column] * gain[column];
    const meanG = sum(width, g) / width;
    const meanGx = sum(width, (column) => g(column) * normed[r * width + column]) / width;
    return statistics[2 * r + 1] * (g(c) - meanG - normed[i] * meanGx) + (residual ? residual[i] : 0);
  });
  const dGain = new Float64Array(width).map((_, c) => sum(rows, (r) => dOut[r * width + c] * normed[r * width + c]));
  const dBias = new Float64Array(width).map((_, c) => sum(rows, (r) => dOut[r * width + c]));
  view(launch.writes.dx).set(dx);
  view(launch.writes.dGain).set(dGain);
  view(launch.writes.dBias).set(dBias);
}

/** Where queries (third 0), keys (1) and values (2) of one head and row begin. */
function thirdOf(launch: { heads: number; headWidth: number; context: number }, third: number, sequence: number, head: number) {
  const width = launch.heads * launch.headWidth;
  return (t: number): number => (sequence * launch.context + t) * 3 * width + third * width + head * launch.headWidth;
}

function eachHead(launch: { sequences: number; heads: number }, work: (sequence: number, head: number) => void): void {
  for (let sequence = 0; sequence < launch.sequences; sequence++) for (let head = 0; head < launch.heads; head++) work(sequence, head);
}

function attention(launch: Extract<FusedLaunch, { kind: 'attention' }>, view: View): void {
  const { context, heads, headWidth } = launch;
  const width = heads * headWidth;
  const qkv = view(launch.reads.qkv);
  const [out, logSumExp] = [view(launch.writes.out), view(launch.writes.logSumExp)];
  eachHead(launch, (sequence, head) => {
    const [q, k, v] = [0, 1, 2].map((third) => thirdOf(launch, third, sequence, head));
    for (let t = 0; t < context; t++) {
      const scores = new Float64Array(t + 1).map((_, s) => sum(headWidth, (c) => qkv[q(t) + c] * qkv[k(s) + c]) / Math.sqrt(headWidth));
      const largest = Math.max(...scores);
      const total = largest + Math.log(sum(t + 1, (s) => Math.exp(scores[s] - largest)));
      logSumExp[(sequence * heads + head) * context + t] = total;
      for (let c = 0; c < headWidth; c++)
        out[(sequence * context + t) * width + head * headWidth + c] = sum(t + 1, (s) => Math.exp(scores[s] - total) * qkv[v(s) + c]);
    }
  });
}

function attentionGradient(launch: Extract<FusedLaunch, { kind: 'attentionGradient' }>, view: View): void {
  const { context, heads, headWidth } = launch;
  const width = heads * headWidth;
  const [dOut, qkv, out, logSumExp] = [launch.reads.dOut, launch.reads.qkv, launch.reads.out, launch.reads.logSumExp].map(view);
  const dQkv = new Float64Array(qkv.length);
  eachHead(launch, (sequence, head) => {
    const [q, k, v] = [0, 1, 2].map((third) => thirdOf(launch, third, sequence, head));
    const at = (t: number): number => (sequence * context + t) * width + head * headWidth;
    for (let t = 0; t < context; t++) {
      const d = sum(headWidth, (c) => dOut[at(t) + c] * out[at(t) + c]);
      for (let s = 0; s <= t; s++) {
        const score = sum(headWidth, (c) => qkv[q(t) + c] * qkv[k(s) + c]) / Math.sqrt(headWidth);
        const p = Math.exp(score - logSumExp[(sequence * heads + head) * context + t]);
        const e = (p * (sum(headWidth, (c) => dOut[at(t) + c] * qkv[v(s) + c]) - d)) / Math.sqrt(headWidth);
        for (let c = 0; c < headWidth; c++) {
          dQkv[q(t) + c] += e * qkv[k(s) + c];
          dQkv[k(s) + c] += e * qkv[q(t) + c];
          dQkv[v(s) + c] += p * dOut[at(t) + c];
        }
      }
    }
  });
  view(launch.writes.dQkv).set(dQkv);
}
