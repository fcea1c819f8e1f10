// The analysis behind `budget`: the compute-optimal size by the three approaches of Hoffmann et al. (Chinchilla, arXiv
// 2203.15556, section 3) on the same runs, the learning rate tuned at each size and number of tokens.
import type { RunField } from '../config/run.ts';
import { chinchillaLoss } from '../laws/chinchilla-allocation.ts';
import type { LossConstants } from '../laws/chinchilla-objective.ts';
import { fitChinchilla, type ChinchillaFit } from '../laws/chinchilla.ts';
import { fitEnvelope, type EnvelopeFit } from '../laws/envelope.ts';
import type { Estimate, FitStatus, RunRow } from '../laws/fit.ts';
import { fitIsoflop, isoflopAt, type IsoflopFit } from '../laws/isoflop.ts';
import { logLinearEstimate } from '../laws/log-linear.ts';
import { intervalFromSamples, withoutInterval } from '../laws/statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { edgeReason, tunedCells, type TunedCell } from './tuning.ts';

/** Settings that the sweep varies, or that only repeat a run. */
export const BUDGET_VARIED: readonly RunField[] = ['shape', 'tokens', 'learningRate', 'warmupTokens', 'seed', 'dataSeed'];

/** N_opt ∝ C^a and D_opt ∝ C^b by one approach, and what it gives at the largest budget. */
export interface Approach {
  readonly id: 'envelope' | 'profiles' | 'surface';
  readonly number: 1 | 2 | 3;
  readonly label: Sentence;
  readonly status: FitStatus;
  readonly message: Sentence;
  readonly a: Estimate | undefined;
  readonly b: Estimate | undefined;
  /** Parameters and tokens that are best at {@link BudgetAnalysis.atC}. */
  readonly size: Estimate | undefined;
  readonly tokens: Estimate | undefined;
  /** N_opt over C, for drawing. */
  readonly line: readonly { readonly C: number; readonly N: number; readonly low: number; readonly high: number }[];
}

/** What budgets say. Plain data. */
export interface BudgetAnalysis extends TableAnalysis {
  readonly cells: readonly TunedCell[];
  /** The tuned runs: rows of one (N, D) at its best learning rate; optima are indices into them. */
  readonly tuned: readonly (RunRow & { readonly ids: readonly string[] })[];
  readonly envelope: EnvelopeFit;
  readonly profiles: IsoflopFit;
  readonly surface: ChinchillaFit;
  readonly approaches: readonly Approach[];
  /** The largest budget with an optimum inside (of approach 2), FLOPs; NaN without one. */
  readonly atC: number;
}

const labels = {
  envelope: { en: '1: lowest loss at each C', zh: '方法 1：各 C 下的最低损失' },
  profiles: { en: '2: parabola at each budget', zh: '方法 2：各预算的抛物线' },
  surface: { en: '3: E + A/N^α + B/D^β', zh: '方法 3：E + A/N^α + B/D^β' },
} satisfies Record<Approach['id'], Sentence>;

/** Points at which lines of N_opt are drawn. */
const LINE_POINTS = 24;

/** Analyses runs on budgets. */
export function analyseBudgets(records: readonly RunRecord[], options: AnalysisOptions = {}): BudgetAnalysis {
  const { records: used, ...table } = tableOf(records, BUDGET_VARIED, options);
  const cells = tunedCells(table.rows, used);
  const inside = cells.filter(({ edge }) => edge === undefined);
  const tuned = inside.map(({ N, D, B, C, S, lr, loss, best }) => ({ N, D, B, C, S, lr, loss, ids: best.map((row) => table.ids[row]) }));
  // The learning rate is tuned away; left in, every fit would tune again and find one rate only.
  const rows = tuned.map(({ N, D, B, C, S, loss }): RunRow => ({ N, D, B, C, S, loss }));
  const { resamples, seed } = table.options;
  const bootstrap = { resamples, seed };
  const envelope = fitEnvelope(rows, { bootstrap });
  const profiles = fitIsoflop(rows, { bootstrap });
  const surface = fitChinchilla(rows, { bootstrap });
  const compute = rows.map(({ C }) => C!);
  const reach = [Math.min(...compute), Math.max(...compute)] as const;
  const found = profiles.optima.filter(({ status }) => status === 'converged');
  const atC = found.length > 0 ? found[found.length - 1].C : NaN;
  const grid =
    rows.length === 0 ? [] : Array.from({ length: LINE_POINTS }, (_, i) => reach[0] * (reach[1] / reach[0]) ** (i / (LINE_POINTS - 1)));
  const flops = flopsOfSize(rows);
  return {
    ...table,
    left: [
      ...table.left,
      ...cells.filter(({ edge }) => edge).flatMap(({ best }) => best.map((row) => ({ id: table.ids[row], reason: edgeReason }))),
    ],
    cells,
    tuned,
    envelope,
    profiles,
    surface,
    approaches: [byEnvelope(envelope, grid, atC, flops), byProfiles(profiles, grid, atC), bySurface(surface, grid, atC, flops, rows)],
    atC,
  };
}

/** Training FLOPs per token at a size, a power law between the sizes that were run and beyond them. */
type FlopsOfSize = (N: number) => number;

function flopsOfSize(rows: readonly RunRow[]): FlopsOfSize {
  const bySize = new Map(rows.map(({ N, C, D }) => [N!, C! / D!]));
  const known = [...bySize].map(([N, flops]) => [Math.log(N), Math.log(flops)] as const).sort((a, b) => a[0] - b[0]);
  if (known.length < 2) return (N) => (known.length === 1 ? (Math.exp(known[0][1]) * N) / Math.exp(known[0][0]) : NaN);
  return (N) => {
    const x = Math.log(N);
    const next = known.findIndex(([at]) => at > x);
    const k = next < 0 ? known.length - 1 : Math.max(1, next);
    const [[x0, y0], [x1, y1]] = [known[k - 1], known[k]];
    return Math.exp(y0 + ((y1 - y0) * (x - x0)) / (x1 - x0));
  };
}

function byEnvelope(fit: EnvelopeFit, grid: readonly number[], atC: number, flops: FlopsOfSize): Approach {
  const { a } = fit.parameters;
  const { line } = fit;
  const base = { id: 'envelope' as const, number: 1 as const, label: labels.envelope, status: fit.status, message: fit.message };
  if (fit.status !== 'converged' || a === undefined || line === undefined)
    return { ...base, a: undefined, b: undefined, size: undefined, tokens: undefined, line: [] };
  // log C is a line in log N: its value and error at the N where it meets C, turned by the slope.
  const at = (C: number): Estimate => {
    const [p, q] = line.fit.coefficients;
    const logN = line.centre + (Math.log(C) - p) / q;
    const { value, low, high } = logLinearEstimate(line.fit, [1, logN - line.centre]);
    return { value: Math.exp(logN), low: Math.exp(logN - (high - value) / q), high: Math.exp(logN + (value - low) / q) };
  };
  const size = Number.isFinite(atC) ? at(atC) : undefined;
  return {
    ...base,
    a,
    // Exact FLOPs: D is what C leaves at that size, so b differs from 1 − a where FLOPs do not go as N.
    b: exponentOfTokens(a, at, grid, flops),
    size,
    tokens: size && tokensAt(atC, size, flops),
    line: grid.map((C) => {
      const { value, low, high } = at(C);
      return { C, N: value, low, high };
    }),
  };
}

/** D = C/flops(N) along a line of N_opt: its exponent over the grid, the interval that of a turned round. */
function exponentOfTokens(a: Estimate, at: (C: number) => Estimate, grid: readonly number[], flops: FlopsOfSize): Estimate {
  const [first, last] = [grid[0], grid[grid.length - 1]];
  const tokens = (C: number): number => C / flops(at(C).value);
  const b = Math.log(tokens(last) / tokens(first)) / Math.log(last / first);
  // d log flops/d log N between the ends of the line.
  const share = Math.log(flops(at(last).value) / flops(at(first).value)) / Math.log(at(last).value / at(first).value);
  return { value: b, low: b - share * (a.high - a.value), high: b + share * (a.value - a.low) };
}

function tokensAt(C: number, { value, low, high }: Estimate, flops: FlopsOfSize): Estimate {
  return { value: C / flops(value), low: C / flops(high), high: C / flops(low) };
}

function byProfiles(fit: IsoflopFit, grid: readonly number[], atC: number): Approach {
  const converged = fit.status === 'converged';
  return {
    id: 'profiles',
    number: 2,
    label: labels.profiles,
    status: fit.status,
    message: fit.message,
    a: converged ? fit.parameters.a : undefined,
    b: converged ? fit.parameters.b : undefined,
    size: isoflopAt(fit, 'N', atC),
    tokens: isoflopAt(fit, 'D', atC),
    line: grid.flatMap((C) => {
      const N = isoflopAt(fit, 'N', C);
      return N === undefined ? [] : [{ C, N: N.value, low: N.low, high: N.high }];
    }),
  };
}

/** The size that the fitted surface makes best under exact FLOPs, by a search over log N. */
export function bestSize(constants: LossConstants, C: number, flops: FlopsOfSize, [least, most]: readonly [number, number]): number {
  const loss = (logN: number): number => chinchillaLoss(constants, Math.exp(logN), C / flops(Math.exp(logN)));
  // A coarse walk finds the valley, golden sections its bottom.
  const steps = 64;
  const [from, to] = [Math.log(least), Math.log(most)];
  let best = 0;
  for (let i = 1; i <= steps; i++) if (loss(from + ((to - from) * i) / steps) < loss(from + ((to - from) * best) / steps)) best = i;
  let low = from + ((to - from) * Math.max(0, best - 1)) / steps;
  let high = from + ((to - from) * Math.min(steps, best + 1)) / steps;
  const golden = (Math.sqrt(5) - 1) / 2;
  for (let i = 0; i < 50; i++) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    if (loss(left) <= loss(right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

/** How far beyond the sizes that were run the best one of the surface is looked for. */
const BEYOND = 100;

function bySurface(fit: ChinchillaFit, grid: readonly number[], atC: number, flops: FlopsOfSize, rows: readonly RunRow[]): Approach {
  const base = { id: 'surface' as const, number: 3 as const, label: labels.surface, status: fit.status, message: fit.message };
  const { constants } = fit;
  if (fit.status !== 'converged' || constants === undefined || grid.length === 0)
    return { ...base, a: undefined, b: undefined, size: undefined, tokens: undefined, line: [] };
  const sizes = rows.map(({ N }) => N!);
  const range = [Math.min(...sizes) / BEYOND, Math.max(...sizes) * BEYOND] as const;
  const [first, last] = [grid[0], grid[grid.length - 1]];
  const freedom = Math.max(1, rows.length - 5);
  const estimate = (of: (drawn: LossConstants) => number, scale: 'linear' | 'log'): Estimate => {
    const value = of(constants);
    return fit.samples.length === 0
      ? withoutInterval(value)
      : intervalFromSamples(value, fit.samples.map(of).filter(Number.isFinite), { degreesOfFreedom: freedom, scale });
  };
  const best = (drawn: LossConstants, C: number): number => bestSize(drawn, C, flops, range);
  const slope = (drawn: LossConstants, of: (C: number, N: number) => number): number =>
    Math.log(of(last, best(drawn, last)) / of(first, best(drawn, first))) / Math.log(last / first);
  const tokens = (C: number, N: number): number => C / flops(N);
  return {
    ...base,
    a: estimate((drawn) => slope(drawn, (_, N) => N), 'linear'),
    b: estimate((drawn) => slope(drawn, tokens), 'linear'),
    size: Number.isFinite(atC) ? estimate((drawn) => best(drawn, atC), 'log') : undefined,
    tokens: Number.isFinite(atC) ? estimate((drawn) => tokens(atC, best(drawn, atC)), 'log') : undefined,
    line: grid.map((C) => {
      const N = best(constants, C);
      return { C, N, low: N, high: N };
    }),
  };
}
