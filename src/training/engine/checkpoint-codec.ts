// Checkpoints as bytes: a header in JSON, the arrays, a checksum over all. What was cut short or belongs to another run
// is told from what is whole.
import type { GradientNoise } from '../gradient-noise.ts';
import type { Checkpoint, CheckpointKey, ValidationPoint } from './checkpoint.ts';

/**
 * Layout, little-endian: [length of the header, u32][header, UTF-8 JSON, filled with blanks to a multiple of 4]
 * [parameters][mean][square][losses], f32 each, [checksum of all before, u32].
 * What is accumulated towards the next update is not kept.
 */
export function encodeCheckpoint({ content }: CheckpointKey, checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { state, losses, validation, seconds, shared } = checkpoint;
  const header: Header = {
    content,
    parameters: state.parameters.length,
    updates: state.updates,
    // JSON has no numbers that are not finite.
    validation: validation.map(({ step, loss, noise }) => {
      const kept = Number.isFinite(loss) ? loss : null;
      return noise === undefined ? [step, kept] : [step, kept, noise];
    }),
    seconds,
    shared,
  };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const headerLength = Math.ceil(text.length / 4) * 4;
  const arrays = [state.parameters, state.mean, state.square, losses];
  const words = arrays.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(4 + headerLength + 4 * words + 4);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, headerLength, true);
  bytes.fill(0x20, 4, 4 + headerLength);
  bytes.set(text, 4);
  let at = 4 + headerLength;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  view.setUint32(at, checksum(bytes.subarray(0, at)), true);
  return bytes;
}

/** The checkpoint in `bytes`, if they are whole and belong to `key`. */
export function decodeCheckpoint({ content }: CheckpointKey, bytes: Uint8Array<ArrayBuffer>): Checkpoint | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8 || bytes.length % 4 !== 0) return undefined;
  const end = bytes.length - 4;
  if (view.getUint32(end, true) !== checksum(bytes.subarray(0, end))) return undefined;
  const headerLength = view.getUint32(0, true);
  // The checksum holds, so these are bytes that were written here.
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + headerLength))) as Header;
  if (header.content !== content) return undefined;
  let at = 4 + headerLength;
  const take = (length: number): Float32Array => {
    const array = new Float32Array(bytes.slice(at, at + 4 * length).buffer);
    at += 4 * length;
    return array;
  };
  const [parameters, mean, square] = [take(header.parameters), take(header.parameters), take(header.parameters)];
  return {
    state: { parameters, mean, square, updates: header.updates, pending: undefined },
    losses: take(header.updates),
    validation: header.validation.map(([step, loss, noise]): ValidationPoint => ({ step, loss: loss ?? NaN, ...(noise && { noise }) })),
    seconds: header.seconds,
    shared: header.shared,
  };
}

interface Header {
  readonly content: string;
  /** Floats in the flat vector. */
  readonly parameters: number;
  /** Updates done, and losses kept. */
  readonly updates: number;
  readonly validation: readonly (readonly [step: number, loss: number | null, noise?: GradientNoise])[];
  readonly seconds: number;
  readonly shared: number;
}

/**
 * FNV-1a over 32-bit words (Fowler, Noll & Vo), the last of them filled with zeros: no guard against malice, but files
 * that were cut short or half overwritten do not pass.
 */
function checksum(bytes: Uint8Array<ArrayBuffer>): number {
  const words = new Uint32Array(
    bytes.byteOffset % 4 === 0 ? bytes.buffer : bytes.slice().buffer,
    bytes.byteOffset % 4 === 0 ? bytes.byteOffset : 0,
    bytes.length >> 2,
  );
  let hash = 0x811c9dc5;
  for (const word of words) hash = Math.imul(hash ^ word, 0x01000193);
  return hash >>> 0;
}
