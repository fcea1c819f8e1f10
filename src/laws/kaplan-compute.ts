// L(C_min) and N_opt(C_min) (Kaplan et al., arXiv 2001.08361, section 6): the lower envelope over N of loss against
// C_min, the compute that each point would have cost at a batch far below the critical one.
import type { BootstrapOptions } from './bootstrap.ts';
import { kaplanDrawing, type KaplanDrawing } from './kaplan-curves.ts';
import { enoughPoints, firstProblem, wideEnough, type DesignProblem } from './design.ts';
import { fitEnvelope } from './envelope.ts';
import type { Bootstrap, Estimate, RunRow } from './fit.ts';
import type { KaplanPoint, KaplanRun } from './kaplan-runs.ts';
import { kaplanSentence } from './kaplan-sentences.ts';
import { fitLogLinear, logLinearEstimate, type LogLinearFit } from './log-linear.ts';
import { curvesBySize, lowestAt } from './loss-curves.ts';
import { sentences } from './sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import { distinctValues } from './usable-rows.ts';

/** What came of a law, or why nothing did. */
export type ComputeOutcome<Name extends string> =
  | DesignProblem
  | {
      readonly status: 'converged';
      readonly message: Sentence;
      readonly parameters: Readonly<Record<Name, Estimate>>;
      /** Rows of the table. */
      readonly used: readonly number[];
      /** log observed − log fitted: of the loss for L(C_min), one per point; of C for N_opt, one per passage. */
      readonly residuals: readonly number[];
      readonly bootstrap: Bootstrap | undefined;
      /** Of L(C_min). */
      readonly drawing?: KaplanDrawing;
    };

/** Both laws of compute. */
export interface ComputeLaws {
  readonly LC: ComputeOutcome<'alphaC' | 'Cc'>;
  readonly Nopt: ComputeOutcome<'p' | 'Nopt.c'>;
}

/** Fits both to the settled points of runs. Without N every row counts as the best at its C, and there is no N_opt. */
export function fitComputeLaws(runs: readonly KaplanRun[], bootstrap: BootstrapOptions): ComputeLaws {
  const points = runs.flatMap((run) => run.points.filter((point) => point.settled && point.Cmin > 0));
  if (points.length === 0) {
    const problem: DesignProblem = { status: 'not enough points', message: sentences.noValues('C') };
    return { LC: problem, Nopt: problem };
  }
  const sized = points.filter((point) => point.N > 0);
  if (sized.length === 0) {
    return { LC: alongRows(points, bootstrap), Nopt: { status: 'not enough points', message: sentences.noValues('N') } };
  }
  if (distinctValues(sized.map((point) => point.N)) < 2) {
    const problem = wideEnough(
      sized.map((point) => point.N),
      'N',
    )!;
    return { LC: problem, Nopt: problem };
  }
  return alongEnvelope(runs, bootstrap);
}

function alongEnvelope(runs: readonly KaplanRun[], bootstrap: BootstrapOptions): ComputeLaws {
  const points: KaplanPoint[] = [];
  const table: RunRow[] = [];
  runs.forEach((run, index) => {
    for (const point of run.points) {
      if (!point.settled || !(point.Cmin > 0) || !(point.N > 0)) continue;
      points.push(point);
      table.push({ N: point.N, C: point.Cmin, loss: point.loss, ...(run.points.length > 1 ? { run: String(index) } : {}) });
    }
  });
  const envelope = fitEnvelope(table, { bootstrap });
  const rowsOf = (indices: readonly number[]): number[] => indices.map((index) => points[index].row).sort((a, b) => a - b);
  const { a, 'N.c': factor } = envelope.parameters;
  const Nopt: ComputeLaws['Nopt'] =
    envelope.status === 'converged' && a !== undefined && factor !== undefined
      ? {
          status: 'converged',
          message: kaplanSentence.bestSize(a, envelope.passages.length),
          parameters: { p: a, 'Nopt.c': factor },
          used: rowsOf(envelope.used),
          residuals: envelope.residuals,
          bootstrap: envelope.bootstrap,
        }
      : { status: envelope.status === 'converged' ? 'not converged' : envelope.status, message: envelope.message };

  // One point a size: half way (in log C) between the passages where it becomes the best and where it stops being so.
  // Each size's own noise then counts once; the points of the envelope itself would repeat it hundreds of times.
  const sizes = curvesBySize(
    table,
    table.map((_, i) => i),
  );
  const best = sizes.flatMap((size) => {
    const from = envelope.passages.filter((passage) => passage.to === size.N).at(-1);
    const to = envelope.passages.find((passage) => passage.from === size.N && passage.C > (from?.C ?? Infinity));
    if (from === undefined || to === undefined) return [];
    const logC = (Math.log(from.C) + Math.log(to.C)) / 2;
    const y = lowestAt(size, logC);
    return Number.isFinite(y) ? [{ logC, y, rows: size.rows }] : [];
  });
  const problem = firstProblem(
    enoughPoints(best.length, 2, kaplanSentence.frontierSizes),
    wideEnough(
      best.map(({ logC }) => Math.exp(logC)),
      'C_min',
    ),
  );
  const used = rowsOf(best.flatMap(({ rows }) => [...rows]));
  return { LC: problem ?? lawOfCompute(best, used, bootstrap, true), Nopt };
}

function alongRows(points: readonly KaplanPoint[], bootstrap: BootstrapOptions): ComputeLaws['LC'] {
  const C = points.map((point) => point.Cmin);
  const problem = firstProblem(enoughPoints(points.length, 2), wideEnough(C, 'C_min'));
  if (problem !== undefined) return problem;
  return lawOfCompute(
    points.map((point) => ({ logC: Math.log(point.Cmin), y: Math.log(point.loss) })),
    points.map((point) => point.row).sort((a, b) => a - b),
    bootstrap,
    false,
  );
}

/** The line log L = p − α_C·(log C − centre) through points that count alike. */
function lawOfCompute(
  points: readonly { readonly logC: number; readonly y: number }[],
  used: readonly number[],
  bootstrap: BootstrapOptions,
  frontier: boolean,
): ComputeLaws['LC'] {
  const centre = points.reduce((sum, { logC }) => sum + logC, 0) / points.length;
  const fit = fitLogLinear({
    terms: points.map(({ logC }) => [1, centre - logC]),
    y: points.map(({ y }) => y),
    weights: points.map(() => 1),
    options: bootstrap,
  });
  if (fit === undefined) return { status: 'not converged', message: sentences.notConverged };
  const alphaC = logLinearEstimate(fit, [0, 1]);
  if (!(alphaC.value > 0)) return { status: 'bound hit', message: kaplanSentence.rising('alphaC') };
  const Cc = constantOf(fit, centre);
  const { resamples = 1000, seed = 0 } = bootstrap;
  return {
    status: 'converged',
    message: kaplanSentence.compute(alphaC, Cc, points.length, frontier),
    parameters: { alphaC, Cc },
    used,
    residuals: [...fit.residuals],
    bootstrap: resamples > 0 ? { unit: frontier ? 'cells' : 'runs', resamples, seed } : undefined,
    drawing: kaplanDrawing(
      points.map(({ logC }, i) => ({ x: Math.exp(logC), residual: fit.residuals[i] })),
      (C) => Math.exp(fit.coefficients[0] + fit.coefficients[1] * (centre - Math.log(C))),
      (C) => {
        const { value, low, high } = logLinearEstimate(fit, [1, centre - Math.log(C)]);
        return { value: Math.exp(value), low: Math.exp(low), high: Math.exp(high) };
      },
    ),
  };
}

/** C_c = e^{p/α + centre}, its variance to first order in p and α. */
function constantOf({ coefficients: [p, alpha], covariance, quantile }: LogLinearFit, centre: number): Estimate {
  const log = p / alpha + centre;
  const byP = 1 / alpha;
  const byAlpha = -p / alpha ** 2;
  const variance = byP ** 2 * covariance[0][0] + 2 * byP * byAlpha * covariance[0][1] + byAlpha ** 2 * covariance[1][1];
  const half = quantile * Math.sqrt(Math.max(variance, 0));
  return { value: Math.exp(log), low: Math.exp(log - half), high: Math.exp(log + half) };
}
