// The GPU's linear layers, forward and backward, against the interpreter: odd sizes, every epilogue, every tile.
import { describe, expect, it } from 'vitest';
import type { Tile } from '../../src/ops/wgsl/matrix-tile.ts';
import { expectParity, runKernel, type TrialOf } from './one-launch.ts';

interface Sizes {
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly transposed: boolean;
}

const forward =
  ({ rows, inputs, outputs, transposed }: Sizes, epilogues: readonly string[]): TrialOf =>
  ({ floats }) => ({
    kind: 'linear',
    reads: {
      x: floats(rows * inputs),
      weight: floats(inputs * outputs, 0.3),
      ...(epilogues.includes('bias') && { bias: floats(outputs) }),
      ...(epilogues.includes('residual') && { residual: floats(rows * outputs) }),
    },
    writes: { out: rows * outputs, ...(epilogues.includes('preactivation') && { preactivation: rows * outputs }) },
    rows,
    inputs,
    outputs,
    transposed,
    gelu: epilogues.includes('gelu'),
  });

const backward =
  ({ rows, inputs, outputs, transposed }: Sizes, epilogues: readonly string[]): TrialOf =>
  ({ floats }) => ({
    kind: 'linearGradient',
    reads: {
      dOut: floats(rows * outputs),
      x: floats(rows * inputs),
      weight: floats(inputs * outputs, 0.3),
      ...(epilogues.includes('gelu') && { preactivation: floats(rows * inputs, 2) }),
    },
    writes: { dx: rows * inputs, dWeight: inputs * outputs, ...(epilogues.includes('bias') && { dBias: outputs }) },
    rows,
    inputs,
    outputs,
    transposed,
  });

const tiles: Tile[] = [
  { kind: 'direct', rows: 4, columns: 4, threads: 64 },
  { kind: 'direct', rows: 8, columns: 8, threads: 64 },
  { kind: 'direct', rows: 16, columns: 8, threads: 32 },
  { kind: 'staged', rows: 4, columns: 4, down: 8, across: 8, depth: 16 },
  { kind: 'staged', rows: 8, columns: 4, down: 8, across: 16, depth: 8 },
];

const sizes = [
  [1, 8, 24],
  [17, 24, 72],
  [64, 48, 5],
  [51, 8, 512],
  [3, 5, 3],
  [130, 37, 66],
] as const;

/** Compiling takes long where the GPU is emulated: tiles beyond the first see fewer sizes. */
const sizesOf = (tile: Tile) => (tile === tiles[0] ? sizes : sizes.filter(([rows]) => rows === 17 || rows === 130));

describe.each(tiles.map((tile) => [`${tile.kind} ${tile.rows} × ${tile.columns}`, tile] as const))('%s', (_, tile) => {
  it.each([false, true])('forward, transposed %s', async (transposed) => {
    for (const [rows, inputs, outputs] of sizesOf(tile))
      for (const epilogues of [[], ['bias', 'gelu', 'preactivation'], ['bias', 'residual']])
        for (const shift of epilogues.length === 2 ? [0, 1] : [0])
          await expectParity(forward({ rows, inputs, outputs, transposed }, epilogues), { tile, shift });
  });

  it.each([false, true])('backward, transposed %s', async (transposed) => {
    for (const [rows, inputs, outputs] of sizesOf(tile))
      for (const epilogues of [[], ['bias', 'gelu']])
        for (const shift of [0, 3])
          await expectParity(backward({ rows, inputs, outputs, transposed }, epilogues), { tile, shift, alone: tile.rows === 16 });
  });

  it('adds gradients up where a lane accumulates', async () => {
    await expectParity(backward({ rows: 17, inputs: 24, outputs: 8, transposed: false }, ['bias']), { tile, additions: 2 });
  });
});

it('every tile gives the same bits', async () => {
  for (const transposed of [false, true])
    for (const trial of [
      forward({ rows: 70, inputs: 52, outputs: 44, transposed }, ['bias', 'gelu']),
      backward({ rows: 70, inputs: 52, outputs: 44, transposed }, ['bias', 'gelu']),
    ]) {
      const [first, ...others] = await Promise.all(tiles.map((tile) => runKernel(trial, { tile })));
      for (const other of others) expect(other).toEqual(first);
    }
});
