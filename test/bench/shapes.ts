// The shapes every peer is timed on.
import type { ModelConfig } from '../../src/model/parameters.ts';

/** One benchmark shape: a model and the sequences in a step. */
export interface BenchShape {
  readonly name: string;
  readonly model: ModelConfig;
  readonly sequences: number;
}

const shape = (layers: number, width: number, heads: number, sequences: number, context: number, vocabulary: number): BenchShape => ({
  name: `L${layers} d${width} B${sequences} T${context} V${vocabulary}`,
  model: { shape: { layers, width, heads, mlpRatio: 4 }, context, positions: 'learned', qkNorm: false, tiedHead: false, vocabulary },
  sequences,
});

/** L2 d32, L4 d64, L4 d128 and a long one. */
export const shapes = {
  small: shape(2, 32, 2, 16, 64, 64),
  middle: shape(4, 64, 4, 8, 64, 64),
  wide: shape(4, 128, 4, 16, 64, 256),
  long: shape(6, 128, 4, 16, 256, 512),
} as const;

/** L2 d16, micro-batches of 64 tokens: small enough that a GPU is mostly idle with one lane. */
export const SMALLEST: BenchShape = shape(2, 16, 2, 2, 32, 64);

/** The same tokens for every peer: `sequences` windows of `context + 1` ids from a fixed generator. */
export function benchTokens({ model, sequences }: BenchShape): { tokens: Int32Array; targets: Int32Array } {
  const rows = sequences * model.context;
  const ids = new Int32Array(rows + 1);
  let state = 12345;
  for (let i = 0; i <= rows; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    ids[i] = (state >>> 8) % model.vocabulary;
  }
  return { tokens: ids.slice(0, rows), targets: ids.slice(1) };
}

/** A peer ready to step: returns the loss before the step's update. */
export interface Peer {
  step(): Promise<number>;
  dispose(): void;
}
