// Checkpoints as bytes: what goes in comes out, and nothing else does.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Checkpoint } from '../../../src/training/engine/checkpoint.ts';
import { decodeCheckpoint, encodeCheckpoint } from '../../../src/training/engine/checkpoint-codec.ts';

const floats = (length: number) =>
  fc.array(fc.float(), { minLength: length, maxLength: length }).map((values) => Float32Array.from(values));

const anyCheckpoint = fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 30 })).chain(([parameters, updates]) =>
  fc.record({
    state: fc.record({
      parameters: floats(parameters),
      mean: floats(parameters),
      square: floats(parameters),
      updates: fc.constant(updates),
      pending: fc.constant(undefined),
    }),
    losses: floats(updates),
    validation: fc.array(
      fc.record({ step: fc.nat(), loss: fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(NaN)) }),
    ),
    seconds: fc.double({ min: 0, max: 1e6, noNaN: true }),
    shared: fc.nat({ max: updates }),
  }),
);

// -0 and 0 are one number to JSON.
const plain = (checkpoint: Checkpoint | undefined): unknown =>
  checkpoint && {
    ...checkpoint,
    seconds: checkpoint.seconds + 0,
    validation: checkpoint.validation.map(({ step, loss }) => [step, loss + 0]),
  };

it('come back as they went, for any key', () => {
  fc.assert(
    fc.property(fc.string(), anyCheckpoint, (content, checkpoint) => {
      const key = { id: 'run', content };
      expect(plain(decodeCheckpoint(key, encodeCheckpoint(key, checkpoint)))).toEqual(plain(checkpoint));
    }),
  );
});

it('of another key, cut short, or changed in any byte are not taken', () => {
  fc.assert(
    fc.property(anyCheckpoint, fc.nat(), fc.integer({ min: 1, max: 255 }), fc.nat(), (checkpoint, place, change, cut) => {
      const key = { id: 'run', content: 'content' };
      const bytes = encodeCheckpoint(key, checkpoint);
      expect(decodeCheckpoint({ ...key, content: 'contents' }, bytes)).toBeUndefined();
      expect(decodeCheckpoint(key, bytes.slice(0, cut % bytes.length))).toBeUndefined();
      const changed = bytes.slice();
      changed[place % bytes.length] ^= change;
      expect(decodeCheckpoint(key, changed)).toBeUndefined();
    }),
  );
});
