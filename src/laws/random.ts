// Seeded random numbers for resampling. Every interval in the lab can be had again from its seed, on any machine.

/** A stream of random numbers that its seed determines. */
export interface Random {
  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number;
  /** Uniform integer in [0, bound). `bound` is a positive integer below 2^32. */
  integer(bound: number): number;
  /** Standard normal. */
  normal(): number;
}

/**
 * A stream from a seed: sfc32 (Chris Doty-Humphrey's Small Fast Counting generator, PractRand), its state filled by
 * SplitMix32 so that neighbouring seeds give unrelated streams. Any finite number is a seed (only its integer part counts).
 */
export function createRandom(seed: number): Random {
  let mixed = Math.trunc(seed) | 0;
  const fill = (): number => {
    mixed = (mixed + 0x9e3779b9) | 0;
    let z = mixed ^ (mixed >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = fill();
  let b = fill();
  let c = fill();
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();
  let spare: number | undefined;
  const uniform = (): number => next() / 4294967296;
  return {
    uniform,
    integer: (bound) => Math.floor(uniform() * bound),
    normal: () => {
      if (spare !== undefined) {
        const value = spare;
        spare = undefined;
        return value;
      }
      // Box and Muller: exact normals, two at a time; 1 − u is never 0.
      const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
      const angle = 2 * Math.PI * uniform();
      spare = radius * Math.sin(angle);
      return radius * Math.cos(angle);
    },
  };
}

/** `count` indices in [0, count), drawn with replacement. */
export function resampleIndices(random: Random, count: number): Int32Array {
  const indices = new Int32Array(count);
  for (let i = 0; i < count; i++) indices[i] = random.integer(count);
  return indices;
}

/**
 * Draws whole groups with replacement, as many as there are, and concatenates their members: the bootstrap whose unit
 * is a run, a cell or a seed rather than a row.
 */
export function resampleGroups(random: Random, groups: readonly (readonly number[])[]): number[] {
  const members: number[] = [];
  for (let i = 0; i < groups.length; i++) for (const member of groups[random.integer(groups.length)]) members.push(member);
  return members;
}
