// The rules by which variants of tiled products are chosen; a device's own answers are tested in the browser.
import { describe, expect, it } from 'vitest';
import type { Linear } from '../../../src/plan/launches.ts';
import type { Operand } from '../../../src/plan/plan.ts';
import { fastest, shapeClass } from '../../../src/plan/webgpu/autotune.ts';

const operand: Operand = { region: 'activations', offset: 0, size: 64 };
const linear = (more: Partial<Linear>): Linear => ({
  kind: 'linear',
  reads: { x: operand, weight: operand },
  writes: { out: operand },
  rows: 1024,
  inputs: 32,
  outputs: 96,
  transposed: false,
  gelu: false,
  ...more,
});

it('the fastest variant is taken, the usual one where none is clearly faster', () => {
  const times = (...all: number[]) => all.map((time, variant) => ({ variant, time }));
  expect(fastest(times(10, 12, 5))).toBe(2);
  expect(fastest(times(10, 9.8, 11))).toBe(0);
  expect(fastest(times(10))).toBe(0);
  expect(fastest(times(10, 9, 8))).toBe(2);
});

describe('a shape class', () => {
  it('is the same for sizes near each other, wherever the operands lie', () => {
    const elsewhere = { ...operand, offset: 4096 };
    expect(shapeClass(linear({ rows: 960, reads: { x: elsewhere, weight: operand } }), 30)).toBe(shapeClass(linear({}), 32));
  });

  it.each<Partial<Linear>>([
    { rows: 4096 },
    { outputs: 32 },
    { inputs: 33 },
    { transposed: true },
    { gelu: true },
    { reads: { x: operand, weight: operand, bias: operand } },
  ])('differs by %j', (more) => {
    expect(shapeClass(linear(more), 32)).not.toBe(shapeClass(linear({}), 32));
  });

  it('differs by lanes', () => {
    expect(shapeClass(linear({}), 32)).not.toBe(shapeClass(linear({}), 1));
  });
});
