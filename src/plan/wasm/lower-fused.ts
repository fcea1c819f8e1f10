// Fused launches as calls of kernels. Costs count a multiply-add as 2 and an exponential as 20.
import type { Attention, AttentionGradient, FusedLaunch, Linear, LinearGradient } from '../launches.ts';
import type { Operand } from '../plan.ts';
import { pieces, whole, type Piece, type Place } from './piece.ts';

/** Rows of a block of the matrix product: pieces of whole blocks pack no more than one piece would. */
const ROW_BLOCK = 128;
/** Columns of a weight gradient in a piece, at least: with fewer, most of the time would go into packing its rows. */
const LEAST_COLUMNS = 64;

/** The pieces of a fused launch. */
export function lowerFused(launch: FusedLaunch, place: Place): Piece[] {
  const { kernels } = place;
  const at = (operand: Operand): number => place.address(operand);
  const atOr0 = (operand: Operand | undefined): number => (operand ? place.address(operand) : 0);
  switch (launch.kind) {
    case 'embedding': {
      const { rows, width, context, vocabulary, reads, writes } = launch;
      const [tokens, table, positions, out] = [at(reads.tokens), at(reads.table), atOr0(reads.positions), at(writes.out)];
      return whole(rows * width, () => kernels.embedding(tokens, table, positions, out, rows, width, context, vocabulary));
    }
    case 'embeddingGradient': {
      const { rows, width, context, vocabulary, reads, writes } = launch;
      const [tokens, dOut, dTable, dPositions] = [at(reads.tokens), at(reads.dOut), at(writes.dTable), atOr0(writes.dPositions)];
      const cost = 2 * rows * width + vocabulary * width;
      return whole(cost, () => kernels.embeddingGradient(tokens, dOut, dTable, dPositions, rows, width, context, vocabulary));
    }
    case 'norm': {
      const { rows, width, reads, writes } = launch;
      const [x, gain, bias] = [at(reads.x), at(reads.gain), at(reads.bias)];
      const [out, statistics] = [at(writes.out), at(writes.statistics)];
      return pieces(rows, 1, 8 * width, (from, size) => {
        const bytes = 4 * from * width;
        kernels.norm(x + bytes, gain, bias, out + bytes, statistics + 8 * from, size, width);
      });
    }
    case 'normGradient': {
      const { rows, width, reads, writes } = launch;
      const [dOut, x, statistics, gain, residual] = [
        at(reads.dOut),
        at(reads.x),
        at(reads.statistics),
        at(reads.gain),
        atOr0(reads.residual),
      ];
      const [dx, dGain, dBias] = [at(writes.dx), at(writes.dGain), at(writes.dBias)];
      return whole(20 * rows * width, () =>
        kernels.normGradient(dOut, x, statistics, gain, residual, dx, dGain, dBias, rows, width, place.scratch),
      );
    }
    case 'linear':
      return linear(launch, place);
    case 'linearGradient':
      return linearGradient(launch, place);
    case 'attention':
      return attention(launch, place);
    case 'attentionGradient':
      return attentionGradient(launch, place);
    case 'crossEntropy': {
      const { rows, vocabulary, reads, writes } = launch;
      const [logits, targets, losses, dLogits] = [at(reads.logits), at(reads.targets), at(writes.losses), atOr0(writes.dLogits)];
      return pieces(rows, 1, 24 * vocabulary, (from, size) => {
        const bytes = 4 * from * vocabulary;
        const gradient = dLogits && dLogits + bytes;
        kernels.crossEntropy(logits + bytes, targets + 4 * from, losses + 4 * from, gradient, size, vocabulary, 1 / rows);
      });
    }
    default:
      return launch satisfies never;
  }
}

function linear({ rows, inputs, outputs, transposed, gelu, reads, writes }: Linear, { kernels, scratch, address }: Place): Piece[] {
  const [x, weight, out] = [address(reads.x), address(reads.weight), address(writes.out)];
  const bias = reads.bias ? address(reads.bias) : 0;
  const residual = reads.residual ? address(reads.residual) : 0;
  const before = writes.preactivation ? address(writes.preactivation) : out;
  const line = 4 * (transposed ? inputs : outputs);
  return pieces(rows, ROW_BLOCK, (2 * inputs + (gelu ? 30 : 0)) * outputs, (from, size) => {
    const start = 4 * from * outputs;
    const addend = residual && residual + start;
    // prettier-ignore
    kernels.matmul(
      x + 4 * from * inputs, 4 * inputs, 0, weight, line, +transposed, before + start, 4 * outputs,
      size, inputs, outputs, bias, gelu ? 0 : addend, scratch,
    );
    if (gelu) kernels.geluForward(before + start, addend, out + start, size * outputs);
  });
}

function linearGradient(launch: LinearGradient, { kernels, scratch, address }: Place): Piece[] {
  const { rows, inputs, outputs, transposed, reads, writes } = launch;
  const [dOut, x, weight] = [address(reads.dOut), address(reads.x), address(reads.weight)];
  const [dx, dWeight] = [address(writes.dx), address(writes.dWeight)];
  const before = reads.preactivation ? address(reads.preactivation) : 0;
  const toInputs = pieces(rows, ROW_BLOCK, (2 * outputs + (before ? 8 : 0)) * inputs, (from, size) => {
    const start = 4 * from * inputs;
    // prettier-ignore
    kernels.matmul(
      dOut + 4 * from * outputs, 4 * outputs, 0, weight, 4 * (transposed ? inputs : outputs), +!transposed, dx + start, 4 * inputs,
      size, outputs, inputs, 0, 0, scratch,
    );
    if (before) kernels.geluBackward(before + start, x + start, dx + start, size * inputs);
  });
  // dWeight [lines, columns] = leftᵀ · right.
  const [left, lines, right, columns] = transposed ? [dOut, outputs, x, inputs] : [x, inputs, dOut, outputs];
  const toWeight: Piece[] = [];
  for (let line = 0; line < lines; line += ROW_BLOCK) {
    const block = Math.min(ROW_BLOCK, lines - line);
    const cut = pieces(columns, LEAST_COLUMNS, 2 * rows * block, (from, size) =>
      // prettier-ignore
      kernels.matmul(
        left + 4 * line, 4 * lines, 1, right + 4 * from, 4 * columns, 0, dWeight + 4 * (line * columns + from), 4 * columns,
        block, rows, size, 0, 0, scratch,
      ),
    );
    toWeight.push(...cut);
  }
  if (!writes.dBias) return [...toInputs, ...toWeight];
  const dBias = address(writes.dBias);
  return [...toInputs, ...toWeight, ...whole(rows * outputs, () => kernels.columnSums(dOut, 4 * outputs, rows, outputs, dBias))];
}

function attention({ sequences, context, heads, headWidth, reads, writes }: Attention, { kernels, scratch, address }: Place): Piece[] {
  const [qkv, out, logSumExp] = [address(reads.qkv), address(writes.out), address(writes.logSumExp)];
  const bytes = 4 * context * heads * headWidth;
  const cost = heads * context * context * (2 * headWidth + 10);
  return pieces(sequences, 1, cost, (from, size) => {
    for (let i = from; i < from + size; i++)
      kernels.attention(qkv + 3 * bytes * i, out + bytes * i, logSumExp + 4 * heads * context * i, context, heads, headWidth, scratch);
  });
}

function attentionGradient(launch: AttentionGradient, { kernels, scratch, address }: Place): Piece[] {
  const { sequences, context, heads, headWidth, reads, writes } = launch;
  const [dOut, qkv, out, logSumExp] = [address(reads.dOut), address(reads.qkv), address(reads.out), address(reads.logSumExp)];
  const dQkv = address(writes.dQkv);
  const bytes = 4 * context * heads * headWidth;
  const cost = heads * context * context * (5 * headWidth + 14);
  return pieces(sequences, 1, cost, (from, size) => {
    for (let i = from; i < from + size; i++) {
      const [narrow, wide] = [bytes * i, 3 * bytes * i];
      const lse = logSumExp + 4 * heads * context * i;
      kernels.attentionGradient(dOut + narrow, qkv + wide, out + narrow, lse, dQkv + wide, context, heads, headWidth, scratch);
    }
  });
}
