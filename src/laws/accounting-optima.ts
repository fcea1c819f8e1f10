// The best size at each compute budget, under any count: losses of every size are interpolated over D once, a budget of
// C FLOPs gives each size D = C/(its FLOPs per token), and a parabola through the sizes around the lowest gives N_opt.
//
// The parabola is drawn over the log of all parameters whatever the count, and its vertex read in the count afterwards:
// where the minimum lies does not depend on how the axis is labelled, counts then differ by what they count alone, and
// it is in all parameters that the loss is nearest to a sum of powers, whose parabola shifts all vertices alike.
import type { CountingConvention, ModelCounts } from './accounting-counts.ts';
import { fitParabola } from './budgets.ts';
import { curveAt, logCurve } from './log-curve.ts';
import { smoothCurve } from './smooth-curve.ts';

/** One loss of a model that was counted. */
export interface CountedRun {
  readonly counts: ModelCounts;
  /** Training tokens. */
  readonly D: number;
  /** Nats per token. */
  readonly loss: number;
  /** Rows of one run are points of its curve; rows without are runs of their own. */
  readonly run?: string;
  readonly status?: 'done' | 'diverged' | 'failed';
}

/** The losses of one model over D. */
export interface CountedSize {
  readonly counts: ModelCounts;
  /** Final losses, each a run of its own: rows, and log D and log loss beside them. */
  readonly finals: { readonly rows: readonly number[]; readonly D: readonly number[]; readonly loss: readonly number[] };
  /** Curves of runs: log loss at log D, NaN outside. */
  readonly curves: readonly { readonly unit: number; readonly at: (logD: number) => number }[];
  /** log D from and to which it has a loss. */
  readonly range: readonly [from: number, to: number];
}

/** Sizes, and the independent sources of noise: one per run. */
export interface CountedSizes {
  /** Ascending by all parameters. */
  readonly sizes: readonly CountedSize[];
  readonly units: number;
  /** The source of noise of each row that is a run of its own; −1 for other rows. */
  readonly unitOfRow: Int32Array;
  /** Rows of sizes with a loss at one D only. */
  readonly lone: readonly number[];
}

/** Sorts usable rows into sizes. Models with equal counts are one size. */
export function countedSizes(runs: readonly CountedRun[], rows: readonly number[]): CountedSizes {
  const bySize = new Map<string, number[]>();
  for (const row of rows) {
    const { nonEmbedding, total, head, flopsPerToken } = runs[row].counts;
    const key = [nonEmbedding, total, head, flopsPerToken].join(' ');
    const known = bySize.get(key);
    if (known === undefined) bySize.set(key, [row]);
    else known.push(row);
  }
  const unitOfRow = new Int32Array(runs.length).fill(-1);
  const lone: number[] = [];
  let units = 0;
  const sizes: CountedSize[] = [];
  for (const members of bySize.values()) {
    const byRun = new Map<string, number[]>();
    const finals: number[] = [];
    for (const row of members) {
      const { run } = runs[row];
      if (run === undefined) finals.push(row);
      else byRun.set(run, [...(byRun.get(run) ?? []), row]);
    }
    const curves: CountedSize['curves'][number][] = [];
    let from = Infinity;
    let to = -Infinity;
    for (const points of byRun.values()) {
      if (points.length === 1) {
        finals.push(points[0]);
        continue;
      }
      const curve = smoothCurve(points.map((row) => [runs[row].D, runs[row].loss]));
      if (curve === undefined) {
        lone.push(...points);
        continue;
      }
      curves.push({ unit: units++, at: (logD) => curve.at(logD) });
      from = Math.min(from, curve.from);
      to = Math.max(to, curve.to);
    }
    finals.sort((i, j) => runs[i].D - runs[j].D || i - j);
    const through = logCurve(finals.map((row) => [runs[row].D, runs[row].loss]));
    if (through === undefined) {
      lone.push(...finals);
      finals.length = 0;
    } else {
      for (const row of finals) unitOfRow[row] = units++;
      from = Math.min(from, through.x[0]);
      to = Math.max(to, through.x[through.x.length - 1]);
    }
    if (to > from) {
      const values = { rows: finals, D: finals.map((row) => runs[row].D), loss: finals.map((row) => runs[row].loss) };
      sizes.push({ counts: runs[members[0]].counts, finals: values, curves, range: [from, to] });
    }
  }
  sizes.sort((first, second) => first.counts.total - second.counts.total || first.counts.nonEmbedding - second.counts.nonEmbedding);
  return { sizes, units, unitOfRow, lone };
}

/**
 * log loss of each size at log D, with noise.
 * @param noise of log loss, one value per source
 */
export function lossesOverTokens({ sizes, unitOfRow }: CountedSizes, noise?: Float64Array): ((logD: number) => number)[] {
  return sizes.map(({ finals, curves }) => {
    const through = logCurve(
      finals.rows.map((row, i) => [finals.D[i], finals.loss[i] * (noise === undefined ? 1 : Math.exp(noise[unitOfRow[row]]))]),
    );
    return (logD) => {
      let lowest = through === undefined ? NaN : curveAt(through, logD);
      for (const { unit, at } of curves) {
        const value = at(logD) + (noise?.[unit] ?? 0);
        if (!(value >= lowest)) lowest = value;
      }
      return lowest;
    };
  });
}

/** The optimum of one budget. */
export interface AccountingOptimum {
  /** FLOPs by the count. */
  readonly C: number;
  /** The best size by the count, and its loss in nats per token; NaN unless `inside`. */
  readonly N: number;
  readonly loss: number;
  readonly status: 'inside' | 'at the small edge' | 'at the large edge' | 'too few sizes' | 'no minimum';
  /** Sizes that the parabola goes through, as positions among the counted sizes; empty where there is none. */
  readonly through: readonly number[];
}

/** The parabola takes sizes within this factor of the lowest, and at least two on either side. */
const WINDOW = Math.log(4);
const NEIGHBOURS = 2;

/** Sizes that a parabola needs. */
const LEAST_SIZES = 2 * NEIGHBOURS + 1;

/** Budgets, log-spaced over the C that enough sizes reach. */
const BUDGETS = 16;

/** Budgets of a convention: those between the lowest and the highest C at which enough sizes have a loss. */
export function budgetsOf({ sizes }: CountedSizes, convention: CountingConvention): number[] {
  const spans = sizes.map(({ counts, range: [from, to] }) => {
    const shift = Math.log(convention.compute(counts));
    return [from + shift, to + shift] as const;
  });
  const reached = (at: number): boolean => spans.filter(([from, to]) => from <= at && at <= to).length >= LEAST_SIZES;
  const ends = spans.flat().filter(reached);
  if (ends.length < 2) return [];
  const low = ends.reduce((least, value) => Math.min(least, value), Infinity);
  const high = ends.reduce((most, value) => Math.max(most, value), -Infinity);
  return Array.from({ length: BUDGETS }, (_, k) => low + ((high - low) * k) / (BUDGETS - 1));
}

/** Optima at log budgets. */
export function optimaAt(
  { sizes }: CountedSizes,
  losses: readonly ((logD: number) => number)[],
  convention: CountingConvention,
  budgets: readonly number[],
): AccountingOptimum[] {
  const logN = sizes.map(({ counts }) => Math.log(counts.total));
  const shifts = sizes.map(({ counts }) => Math.log(convention.compute(counts)));
  const count = logCurve(sizes.map(({ counts }) => [counts.total, convention.size(counts)]));
  return budgets.map((logC): AccountingOptimum => {
    const nowhere = { C: Math.exp(logC), N: NaN, loss: NaN, through: [] };
    const reaching: number[] = [];
    const x: number[] = [];
    const y: number[] = [];
    losses.forEach((lossAt, i) => {
      const value = lossAt(logC - shifts[i]);
      if (Number.isNaN(value)) return;
      reaching.push(i);
      x.push(logN[i]);
      y.push(value);
    });
    if (x.length < LEAST_SIZES || count === undefined) return { ...nowhere, status: 'too few sizes' };
    const lowest = y.reduce((best, value, i) => (value < y[best] ? i : best), 0);
    if (lowest < NEIGHBOURS) return { ...nowhere, status: 'at the small edge' };
    if (lowest >= y.length - NEIGHBOURS) return { ...nowhere, status: 'at the large edge' };
    // As many sizes on either side: a lopsided window would pull the vertex one way at small budgets and the other at large.
    let reach = NEIGHBOURS;
    const within = (i: number): boolean => i >= 0 && i < x.length && Math.abs(x[i] - x[lowest]) <= WINDOW;
    while (within(lowest - reach - 1) && within(lowest + reach + 1)) reach++;
    const inside = x.flatMap((_, i) => (Math.abs(i - lowest) <= reach ? [i] : []));
    const near = inside.map((i) => x[i]);
    const parabola = fitParabola(
      near,
      inside.map((i) => y[i]),
    );
    if (parabola === undefined || !(parabola.curvature > 0)) return { ...nowhere, status: 'no minimum' };
    const { vertex, lowest: logLoss } = parabola;
    const fitted = { ...nowhere, through: inside.map((i) => reaching[i]) };
    if (vertex <= near[0]) return { ...fitted, status: 'at the small edge' };
    if (vertex >= near[near.length - 1]) return { ...fitted, status: 'at the large edge' };
    return { ...fitted, N: Math.exp(curveAt(count, vertex)), loss: Math.exp(logLoss), status: 'inside' };
  });
}

/**
 * Σ of squared residuals, in log loss, of parabolas through the same sizes as the optima given, over other losses: the
 * windows stay where they are however small losses differ, so that it is a smooth function of the losses.
 */
export function squaresThrough(
  { sizes }: CountedSizes,
  losses: readonly ((logD: number) => number)[],
  convention: CountingConvention,
  optima: readonly AccountingOptimum[],
): number {
  let sum = 0;
  for (const { C, through } of optima) {
    const parabola = fitParabola(
      through.map((i) => Math.log(sizes[i].counts.total)),
      through.map((i) => losses[i](Math.log(C) - Math.log(convention.compute(sizes[i].counts)))),
    );
    sum += parabola?.sumOfSquares ?? 0;
  }
  return sum;
}
