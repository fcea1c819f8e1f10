// Loss laws E + A/N^α + B/D^β to plant, at the size of this lab and of the published table.

/** The constants of a law. */
export interface LossLaw {
  readonly E: number;
  readonly A: number;
  readonly B: number;
  readonly alpha: number;
  readonly beta: number;
}

/** `theirs`: Besiroglu et al., arXiv 2404.10102. `ours`: of the kind that models of 1e3 to 1e6 parameters follow. */
export const lossLaws = {
  ours: { E: 1.2, A: 12, B: 60, alpha: 0.3, beta: 0.35 },
  theirs: { E: 1.8172, A: 482.01, B: 2085.43, alpha: 0.3478, beta: 0.3658 },
} as const satisfies Record<string, LossLaw>;

/** Exponent a and factor G of the compute-optimal size: N_opt = G·(C/6)^a. */
export function powerOf({ A, B, alpha, beta }: LossLaw): { a: number; G: number } {
  return { a: beta / (alpha + beta), G: ((alpha * A) / (beta * B)) ** (1 / (alpha + beta)) };
}

/** `count` values from `from` to `to`, equally spaced in the logarithm. */
export function ladder(from: number, to: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));
}
