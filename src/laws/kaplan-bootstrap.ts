// Intervals of Kaplan's laws: every run gets a random number, and every law is refitted in the same order from the same
// runs. What L(N) does to the laws that hold its parameters is then in their intervals, and no resample loses the one
// run that shows how a size converges.
//
// Least squares: the errors of a whole run, times its standard normal number, are added to the fitted losses, so that
// its points keep their common error (the wild bootstrap of Wu, Annals of Statistics 14, 1986, by run). Robust
// objectives: the run counts as much as its exponential number says (Jin, Ying & Wei, "A simple resampling method by
// perturbing the minimand"), for a robust fit passes through some rows, whose residuals say nothing.
import { bootstrapParameters, type BootstrapOptions } from './bootstrap.ts';
import type { Bootstrap, Estimate } from './fit.ts';
import type { Objective } from './huber.ts';
import type { KaplanRows } from './kaplan-pair.ts';
import { answerToHeld, fitStages, runInfluence, type StagedFit, type StagedProblem } from './kaplan-stages.ts';
import { withFirstHeld, type Surface } from './kaplan-surfaces.ts';
import { intervalFromSamples } from './statistics.ts';

/** A fitted law to be resampled. */
export interface ResampledLaw<Name extends string> {
  readonly rows: KaplanRows;
  readonly problem: StagedProblem;
  readonly fit: StagedFit;
  /** Of a law that holds the first two parameters of the law before it: its surface in all four, and the two as they are held. */
  readonly holding?: { readonly surface: Surface; readonly values: readonly number[] } | undefined;
  /** Named quantities at the law's parameters (all four where it holds two). */
  readonly report: (parameters: readonly number[]) => Readonly<Partial<Record<Name, number>>>;
}

/** A reported quantity: how many runs speak for it beyond those its parameters take, and whether it is a factor. */
export interface ReportedQuantity {
  readonly degreesOfFreedom: number;
  readonly factor: boolean;
}

/** Above this many rows, least squares is resampled along its tangent, and robust fits are resampled less often. */
const MANY = 2000;

/** Rows times resamples that refits of robust fits may cost, and the fewest resamples whatever it costs. */
const MOST_WORK = 2_000_000;
const FEWEST_RESAMPLES = 30;

/** Runs times resamples: each draws a number. */
const MOST_DRAWS = 20_000_000;

/** Resamples the laws together; the second may hold what the first found. */
export function bootstrapKaplan<Name extends string>(request: {
  readonly laws: readonly ResampledLaw<Name>[];
  /** Runs in the table. */
  readonly runs: number;
  readonly quantities: Readonly<Partial<Record<Name, ReportedQuantity>>>;
  readonly objective: Objective;
  readonly options: BootstrapOptions;
}): {
  readonly parameters: Readonly<Partial<Record<Name, Estimate>>>;
  /** Rows belong together. */
  readonly samples: Readonly<Partial<Record<Name, Float64Array>>>;
  readonly bootstrap: Bootstrap;
} {
  const { laws, runs, quantities, objective, options } = request;
  const prepared = laws.map((law) => prepare(law, objective));
  const rows = prepared.reduce((sum, law) => sum + (law.tangent ? 0 : law.y.length), 0);
  const asked = options.resamples ?? 1000;
  const affordable = Math.min(rows > MANY ? MOST_WORK / rows : Infinity, MOST_DRAWS / runs);
  const resamples = Math.min(asked, Math.max(FEWEST_RESAMPLES, Math.floor(affordable)));
  const values = merged(laws, (law) => [...(law.holding?.values ?? []), ...law.fit.parameters]);
  const { parameters, samples, bootstrap } = bootstrapParameters<Name>({
    values: values as Record<Name, number>,
    unit: 'runs',
    options: { ...options, resamples },
    draw: (random) => {
      const factors = new Float64Array(runs);
      for (let run = 0; run < runs; run++) factors[run] = objective.name === 'ls' ? random.normal() : -Math.log(1 - random.uniform());
      let failed = false;
      const drawn = merged(laws, (_, k, held) => {
        const refitted = prepared[k].refit(factors, held);
        failed ||= refitted === undefined;
        return refitted ?? [];
      });
      return failed ? undefined : (drawn as Record<Name, number>);
    },
  });
  const estimates = Object.entries<Estimate>(parameters).map(([name, estimate]) => {
    const { degreesOfFreedom, factor } = quantities[name as Name] ?? { degreesOfFreedom: Infinity, factor: false };
    if (!Number.isFinite(estimate.low)) return [name, estimate] as const;
    return [
      name,
      intervalFromSamples(estimate.value, samples[name as Name], { degreesOfFreedom, scale: factor ? 'log' : 'linear' }),
    ] as const;
  });
  return { parameters: Object.fromEntries(estimates) as Partial<Record<Name, Estimate>>, samples, bootstrap };
}

/** What all laws report, each told the first two parameters of the law before it. */
function merged<Name extends string>(
  laws: readonly ResampledLaw<Name>[],
  parametersOf: (law: ResampledLaw<Name>, k: number, held: readonly number[]) => readonly number[],
): Partial<Record<Name, number>> {
  let held: readonly number[] = [];
  let all: Partial<Record<Name, number>> = {};
  laws.forEach((law, k) => {
    const parameters = parametersOf(law, k, held);
    held = parameters.slice(0, 2);
    all = { ...all, ...law.report(parameters) };
  });
  return all;
}

interface PreparedLaw {
  readonly y: Float64Array;
  readonly tangent: boolean;
  /** All the law's parameters for one random number a run; undefined when the refit fails. */
  readonly refit: (factors: Float64Array, held: readonly number[]) => readonly number[] | undefined;
}

function prepare<Name extends string>(law: ResampledLaw<Name>, objective: Objective): PreparedLaw {
  const { rows, problem, fit, holding } = law;
  const count = problem.y.length;
  const { residuals, shifts } = runInfluence(problem, fit, rows.groups);
  const size = problem.surface.size;
  const tangent = count > MANY && objective.name === 'ls';
  if (tangent) {
    // With this many points the surface is straight over the width of its intervals: one step along the tangent is the refit.
    const answers = holding === undefined ? [] : answerToHeld(problem, fit, heldColumns(holding, fit));
    return {
      y: problem.y,
      tangent,
      refit: (factors, held) => {
        const parameters = [...fit.parameters];
        for (let g = 0; g < rows.runs.length; g++)
          for (let k = 0; k < size; k++) parameters[k] += factors[rows.runs[g]] * shifts[g * size + k];
        if (holding === undefined) return parameters;
        answers.forEach((answer, j) => {
          for (let k = 0; k < size; k++) parameters[k] += answer[k] * (held[j] - holding.values[j]);
        });
        return [...held, ...parameters];
      },
    };
  }
  const fitted = Float64Array.from(problem.y, (value, i) => value - fit.residuals[i]);
  return {
    y: problem.y,
    tangent,
    refit: (factors, held) => {
      const surface = holding === undefined ? problem.surface : withFirstHeld(holding.surface, held);
      const perRow = new Float64Array(count);
      for (let g = 0; g < rows.groups.length; g++) perRow.fill(factors[rows.runs[g]], ...rows.groups[g]);
      const again =
        objective.name === 'ls'
          ? fitStages({ ...problem, surface, y: fitted.map((value, i) => value + perRow[i] * residuals[i]) }, fit.parameters, 1e-7)
          : fitStages({ ...problem, surface, rowWeights: perRow }, fit.parameters, 1e-5);
      if (again.status === 'not converged') return undefined;
      return holding === undefined ? again.parameters : [...held, ...again.parameters];
    },
  };
}

/** Derivatives of a surface by its held parameters, one column each. */
function heldColumns({ surface, values }: NonNullable<ResampledLaw<never>['holding']>, fit: StagedFit): Float64Array[] {
  const derivatives = new Float64Array(surface.rows * surface.size);
  surface.evaluate([...values, ...fit.parameters], new Float64Array(surface.rows), derivatives);
  return values.map((_, j) => Float64Array.from({ length: surface.rows }, (__, i) => derivatives[i * surface.size + j]));
}
