// The laws of Kaplan et al., arXiv 2001.08361: L(N), L(D), L(N, D), L(N, S_min), L(C_min) and N_opt(C_min), each where
// the columns and the variation of a table carry it, each with its own status.
//
// The order. L(N) is fitted first, from the most converged runs of each size, and α_N and N_c are then held in L(N, D)
// and L(N, S_min): their own rows would otherwise bend α_N to make up for transients and schedules. Of these two the
// one that describes the ends of runs better says how far L(N)'s runs were from convergence; L(N) is corrected by it
// and the two are repeated until neither moves. Runs that all ended at one D with nothing shorter beside them are
// taken as converged, and the message says so. L(D) is the limit of L(N, D) at unlimited N, or a fit of its own where
// there is only one size. L(C_min) and N_opt(C_min) follow the lower envelope of the corrected compute.
import type { BootstrapOptions } from './bootstrap.ts';
import type { CriticalBatchConstants } from './critical-batch-forms.ts';
import type { Estimate, RunRow } from './fit.ts';
import { objectiveValue, type Objective } from './huber.ts';
import { bootstrapKaplan, type ReportedQuantity, type ResampledLaw } from './kaplan-bootstrap.ts';
import { fitComputeLaws } from './kaplan-compute.ts';
import { kaplanDrawing, type KaplanDrawing } from './kaplan-curves.ts';
import { computeOptimum, PUBLISHED_CRITICAL_BATCH } from './kaplan-forms.ts';
import { betterOf, inOrder, sizeAlone, tokensAlone, type KaplanLine, type PairName, type Placed, type PlacedPair } from './kaplan-order.ts';
import { fitPair, largestCorrection, rowsOf, type KaplanRows } from './kaplan-pair.ts';
import {
  leftOut,
  refusedLaw,
  residualsByRow,
  summary,
  verdict,
  type KaplanFit,
  type KaplanLaw,
  type KaplanLaws,
  type KaplanParameter,
} from './kaplan-result.ts';
import { endOf, kaplanRuns, type KaplanRun } from './kaplan-runs.ts';
import { KAPLAN_LAW_NAMES, kaplanSentence } from './kaplan-sentences.ts';
import { logConstant } from './kaplan-surfaces.ts';
import { intervalFromSamples } from './statistics.ts';
import type { DesignProblem } from './design.ts';

export type { KaplanFit, KaplanLaw, KaplanLaws, KaplanParameter } from './kaplan-result.ts';

/** Choices of the fit. */
export interface KaplanOptions {
  /** Of L(N), L(D), L(N, D), L(N, S_min). Default least squares on log loss. */
  readonly objective?: Objective;
  readonly bootstrap?: BootstrapOptions;
  /** B_crit(L) for S_min and C_min; default the published constants. `none`: the table's S and C are S_min and C_min. */
  readonly criticalBatch?: CriticalBatchConstants | 'none';
  /** Share of a curve's steps left out at its start, in [0, 1). Default 0.05, the default warm-up of this lab. */
  readonly start?: number;
}

/** Fits the laws to a table with a loss and any of N, D, S, B, C; rows that share a `run` are points of its curve. */
export function fitKaplan(table: readonly RunRow[], options: KaplanOptions = {}): KaplanFit {
  const { objective = { name: 'ls' }, bootstrap = {}, start = 0.05 } = options;
  const critical = options.criticalBatch === 'none' ? undefined : (options.criticalBatch ?? PUBLISHED_CRITICAL_BATCH);
  const { runs, left, corrected } = kaplanRuns(table, critical, start);
  const usedCritical = corrected ? critical : undefined;
  const sizes = runs.map((run) => Math.log(endOf(run).N)).filter(Number.isFinite);
  const centreN = sizes.reduce((sum, value) => sum + value, 0) / Math.max(1, sizes.length);
  const data = fitPair(
    rowsOf(runs, (run) => (run.bestBatch && endOf(run).N > 0 && endOf(run).D > 0 ? [endOf(run)] : [])),
    { name: 'D', join: 'power', of: (point) => point.D },
    centreN,
    objective,
  );
  const steps = fitPair(
    rowsOf(runs, (run) => (run.smallBatch ? [] : run.points.filter((point) => point.settled && point.N > 0 && point.Smin > 0))),
    { name: 'S_min', join: 'sum', of: (point) => point.Smin },
    centreN,
    objective,
  );
  const correctedBy = betterOf(data, steps);
  const pairs = inOrder({ LND: data, LNS: steps }, correctedBy, objective);
  const size = correctedBy === undefined ? sizeAlone(runs, data, steps, objective) : undefined;
  const tokens = 'problem' in pairs.LND ? tokensAlone(runs, pairs.LND.problem, objective) : undefined;
  const laws = describe({ runs, correctedBy, pairs, size, tokens, objective, bootstrap });

  const { status, message } = verdict(laws, runs, { LND: data, LNS: steps });
  const found: KaplanFit['parameters'] = Object.values(laws).reduce((all, law) => ({ ...all, ...law.parameters }), {});
  const rows = residualsByRow(laws, correctedBy);
  const used = [...rows.keys()].sort((a, b) => a - b);
  const residuals = used.map((row) => rows.get(row)!);
  const { alphaN, Nc, alphaS, Sc } = found;
  return {
    law: 'kaplan',
    status,
    message:
      status === 'converged'
        ? summary(laws, usedCritical && kaplanSentence.correction(usedCritical, usedCritical === PUBLISHED_CRITICAL_BATCH))
        : message,
    parameters: status === 'converged' ? found : {},
    objective: {
      name: objective.name,
      value: used.length > 0 ? objectiveValue(objective, residuals) : NaN,
      ...(objective.name === 'huber' ? { delta: objective.delta } : {}),
    },
    used,
    left: leftOut(runs, left, rows),
    residuals,
    bootstrap: Object.values(laws).find((law) => law.bootstrap !== undefined)?.bootstrap,
    laws,
    correctedBy,
    criticalBatch: usedCritical,
    optimum:
      usedCritical && alphaN && Nc && alphaS && Sc
        ? computeOptimum({ alphaN: alphaN.value, Nc: Nc.value, alphaS: alphaS.value, Sc: Sc.value }, usedCritical)
        : undefined,
  };
}

/** What has been fitted, before anything is said about it. */
interface Fitted {
  readonly runs: readonly KaplanRun[];
  readonly correctedBy: PairName | undefined;
  readonly pairs: Readonly<Record<PairName, Placed>>;
  /** L(N) where no pair corrects it. */
  readonly size: KaplanLine | DesignProblem | undefined;
  /** L(D) where there is no L(N, D). */
  readonly tokens: KaplanLine | DesignProblem | undefined;
  readonly objective: Objective;
  readonly bootstrap: BootstrapOptions;
}

const SECOND = { LND: ['alphaD', 'Dc'], LNS: ['alphaS', 'Sc'] } as const;
const FIRST = ['alphaN', 'Nc'] as const;
type NamePair = readonly [KaplanParameter, KaplanParameter];

/** Every law with its intervals. */
function describe(fitted: Fitted): KaplanLaws {
  const { runs, correctedBy, pairs, size, tokens, bootstrap: options } = fitted;
  const { LC, Nopt } = fitComputeLaws(runs, options);
  const { estimates, bootstrap, samples, quantities } = intervals(fitted);
  const pick = (...names: KaplanParameter[]): KaplanLaw['parameters'] => Object.fromEntries(names.map((name) => [name, estimates[name]]));
  const at = (name: KaplanParameter): Estimate => estimates[name]!;
  const law = (
    rows: KaplanRows,
    residuals: Float64Array,
    names: readonly KaplanParameter[],
    chosen: (i: number) => boolean = () => true,
  ) => {
    const kept = rows.points.map((_, i) => i).filter(chosen);
    return {
      status: 'converged' as const,
      parameters: pick(...names),
      used: kept.map((i) => rows.points[i].row),
      residuals: kept.map((i) => residuals[i]),
      bootstrap,
    };
  };
  /** The line (constant/x)^α with what its resamples say of its height. */
  const drawn = (entry: Pick<KaplanLaw, 'used' | 'residuals'>, { points }: KaplanRows, axis: 'N' | 'D', names: NamePair): KaplanDrawing => {
    const [alpha, constant] = names;
    const places = new Map(points.map((point) => [point.row, point[axis]]));
    const [alphas, constants] = [samples[alpha] ?? [], samples[constant] ?? []];
    const { degreesOfFreedom = Infinity } = quantities[alpha] ?? {};
    const height = (x: number): number => (at(constant).value / x) ** at(alpha).value;
    return kaplanDrawing(
      entry.used.map((row, i) => ({ row, x: places.get(row) ?? NaN, residual: entry.residuals[i] })),
      height,
      (x) =>
        intervalFromSamples(
          height(x),
          Float64Array.from(alphas, (each, i) => (constants[i] / x) ** each),
          { degreesOfFreedom, scale: 'log' },
        ),
    );
  };
  const ofPair = (name: PairName): KaplanLaw => {
    const placed = pairs[name];
    if ('problem' in placed) return refusedLaw(placed.problem);
    const { pair } = placed;
    const [alpha, constant] = SECOND[name].map(at);
    const { points, groups } = pair.rows;
    return {
      ...law(pair.rows, pair.fit.residuals, [...FIRST, ...SECOND[name]]),
      message:
        name === 'LND'
          ? kaplanSentence.sizeAndData(alpha, constant, points.length)
          : kaplanSentence.sizeAndSteps(alpha, constant, points.length, groups.length),
      jointly: { ...constants(pair.jointly, pair.centres[0], FIRST), ...constants(pair.jointly.slice(2), pair.centres[1], SECOND[name]) },
    };
  };
  const ofSize = (): KaplanLaw => {
    const corrector = correctedBy === undefined ? undefined : pairs[correctedBy];
    if (corrector !== undefined && 'pair' in corrector) {
      const { pair } = corrector;
      const most = largestCorrection(pair, corrector.size);
      const entry = law(pair.rows, pair.fit.residuals, FIRST, (i) => pair.first[i]);
      return {
        ...entry,
        drawing: drawn(entry, pair.rows, 'N', FIRST),
        message: kaplanSentence.size(at('alphaN'), at('Nc'), runsAmong(pair.rows, pair.first), {
          law: KAPLAN_LAW_NAMES[correctedBy!],
          most,
        }),
      };
    }
    if (size === undefined || 'status' in size) return refusedLaw(size!);
    const alone = law(size.rows, size.fit.residuals, FIRST);
    return {
      ...alone,
      drawing: drawn(alone, size.rows, 'N', FIRST),
      message: kaplanSentence.size(at('alphaN'), at('Nc'), size.rows.groups.length, undefined),
    };
  };
  const ofTokens = (): KaplanLaw => {
    if ('pair' in pairs.LND) {
      const { pair } = pairs.LND;
      const entry = law(pair.rows, pair.fit.residuals, SECOND.LND);
      return {
        ...entry,
        drawing: drawn(entry, pair.rows, 'D', SECOND.LND),
        message: kaplanSentence.data(at('alphaD'), at('Dc'), pair.rows.points.length, true),
      };
    }
    if (tokens === undefined || 'status' in tokens) return refusedLaw(tokens!);
    const alone = law(tokens.rows, tokens.fit.residuals, SECOND.LND);
    return {
      ...alone,
      drawing: drawn(alone, tokens.rows, 'D', SECOND.LND),
      message: kaplanSentence.data(at('alphaD'), at('Dc'), tokens.rows.points.length, false),
    };
  };
  return {
    LN: ofSize(),
    LD: ofTokens(),
    LND: ofPair('LND'),
    LNS: ofPair('LNS'),
    LC: 'parameters' in LC ? LC : refusedLaw(LC),
    Nopt: 'parameters' in Nopt ? Nopt : refusedLaw(Nopt),
  };
}

/** Constants with their intervals, and what other intervals are made of. */
interface Intervals {
  readonly estimates: KaplanLaw['parameters'];
  readonly bootstrap: KaplanLaw['bootstrap'];
  readonly samples: Readonly<Partial<Record<KaplanParameter, Float64Array>>>;
  readonly quantities: Readonly<Partial<Record<KaplanParameter, ReportedQuantity>>>;
}

/** Estimates of the constants of L(N), L(D), L(N, D), L(N, S_min), resampled together in their order. */
function intervals({ runs, correctedBy, pairs, size, tokens, objective, bootstrap: options }: Fitted): Intervals {
  const laws: ResampledLaw<KaplanParameter>[] = [];
  const quantities: Partial<Record<KaplanParameter, ReportedQuantity>> = {};
  const note = (names: NamePair, degreesOfFreedom: number): void => {
    const least = Math.max(1, degreesOfFreedom);
    quantities[names[0]] = { degreesOfFreedom: least, factor: false };
    quantities[names[1]] = { degreesOfFreedom: least, factor: true };
  };
  const addPair = (name: PairName, { pair, surface, size: held, held: holds }: PlacedPair): void => {
    const { rows, centres } = pair;
    laws.push({
      rows,
      problem: pair.problem,
      fit: pair.fit,
      holding: holds ? { surface, values: held } : undefined,
      report: (parameters) => ({
        ...(holds ? {} : constants(parameters, centres[0], FIRST)),
        ...constants(parameters.slice(2), centres[1], SECOND[name]),
      }),
    });
    if (!holds) note(FIRST, runsAmong(rows, pair.first) - 2);
    // Of runs of one point L(N)'s two parameters take two; along curves they take next to nothing.
    note(SECOND[name], rows.groups.length - (rows.points.length > rows.groups.length ? 2 : 4));
  };
  const addLine = ({ rows, problem, fit, centre }: KaplanLine, names: NamePair): void => {
    laws.push({ rows, problem, fit, report: (parameters) => constants(parameters, centre, names) });
    note(names, rows.groups.length - 2);
  };
  const other = correctedBy === 'LND' ? 'LNS' : 'LND';
  for (const name of correctedBy === undefined ? [] : ([correctedBy, other] as const)) {
    const placed = pairs[name];
    if ('pair' in placed) addPair(name, placed);
  }
  if (size !== undefined && 'fit' in size) addLine(size, FIRST);
  if (tokens !== undefined && 'fit' in tokens) addLine(tokens, SECOND.LND);
  if (laws.length === 0) return { estimates: {}, bootstrap: undefined, samples: {}, quantities };
  const { parameters, samples, bootstrap } = bootstrapKaplan({ laws, runs: runs.length, quantities, objective, options });
  return { estimates: parameters, bootstrap: bootstrap.resamples > 0 ? bootstrap : undefined, samples, quantities };
}

/** α and the constant of a power law from its line [p, α]. */
function constants(
  [p, alpha]: readonly number[],
  centre: number,
  [exponent, constant]: NamePair,
): Partial<Record<KaplanParameter, number>> {
  return { [exponent]: alpha, [constant]: Math.exp(logConstant(p, alpha, centre)) };
}

/** Runs with a row among those chosen. */
function runsAmong({ groups }: KaplanRows, chosen: readonly boolean[]): number {
  return groups.filter(([start, end]) => chosen.slice(start, end).some(Boolean)).length;
}
