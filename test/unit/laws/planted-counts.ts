// A family of one aspect whose loss is a law in all parameters, and what each way of counting must find of it.
import type { CountingConvention, ModelCounts } from '../../../src/laws/accounting-counts.ts';
import type { CountedRun } from '../../../src/laws/accounting.ts';
import { createRandom, type Random } from '../../../src/laws/random.ts';

/** Constants of L(N, D) = E + A/N^α + B/D^β, N all parameters. */
export const law = { E: 1.7, A: 400, B: 410, alpha: 0.34, beta: 0.28 };
export const VOCABULARY = 256;
const CONTEXT = 64;
export const ASPECT = 16;

/** A model of a family of one aspect, as if its width were continuous. */
export function countsAt(nonEmbedding: number): ModelCounts {
  const width = Math.cbrt((nonEmbedding * ASPECT) / 12);
  const head = VOCABULARY * width;
  const scores = (width / ASPECT) * 2 * (CONTEXT + 1) * width;
  return { nonEmbedding, total: nonEmbedding + head, head, flopsPerToken: 6 * (nonEmbedding + head) + 3 * scores };
}
/** Nats per token. */
export const lossAt = (total: number, D: number): number => law.E + law.A * total ** -law.alpha + law.B * D ** -law.beta;
/** `count` values of one ratio. */
export const ladder = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));

/** Every size at every D, each a run of its own. */
export function grid(
  noise = 0,
  random: Random = createRandom(0),
  sizes = ladder(1e3, 1e6, 13),
  tokens = ladder(3e3, 6e6, 12),
): CountedRun[] {
  return sizes.flatMap((N) =>
    tokens.map((D) => {
      const counts = countsAt(N);
      return { counts, D, loss: lossAt(counts.total, D) * Math.exp(noise * random.normal()) };
    }),
  );
}

/** The best loss of the continuous family at C, and the size that has it by the convention: golden section over log N. */
export function optimum(convention: CountingConvention, C: number): { N: number; loss: number } {
  const at = (logN: number): number => {
    const counts = countsAt(Math.exp(logN));
    return lossAt(counts.total, C / convention.compute(counts));
  };
  let [low, high] = [Math.log(1), Math.log(1e10)];
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < 120; i++) {
    const [first, second] = [high - golden * (high - low), low + golden * (high - low)];
    if (at(first) < at(second)) high = second;
    else low = first;
  }
  return { N: convention.size(countsAt(Math.exp(low))), loss: at(low) };
}

function slope(x: readonly number[], y: readonly number[]): number {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(x), mean(y)];
  return x.reduce((sum, value, i) => sum + (value - mx) * (y[i] - my), 0) / x.reduce((sum, value) => sum + (value - mx) ** 2, 0);
}

/** What each convention's exponents really are over the budgets that a fit used. */
export function trueExponents(convention: CountingConvention, budgets: readonly number[], floor: number): { a: number; loss: number } {
  const best = budgets.map((C) => optimum(convention, C));
  const x = budgets.map(Math.log);
  return {
    a: slope(
      x,
      best.map(({ N }) => Math.log(N)),
    ),
    loss: -slope(
      x,
      best.map(({ loss }) => Math.log(loss - floor)),
    ),
  };
}
/** Budgets with an optimum that a rung used, FLOPs. */
export const insideOf = (rung: { optima: readonly { status: string; C: number }[] }): number[] =>
  rung.optima.filter(({ status }) => status === 'inside').map(({ C }) => C);
