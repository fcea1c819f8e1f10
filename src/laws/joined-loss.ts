// Loss against size, tokens and batch by Kaplan et al. (arXiv 2001.08361): eq. 1.5, two power laws joined so that each
// holds where the other does not bind, with the tokens counted as if they had been read at a small batch (eq. 5.3, 5.5):
//   L = [(N_c/N)^{αN/αD} + D_c/D_min]^{αD},   D_min = D/(1 + B/B_crit).
// It has no floor, and B_crit does not move with the loss: five constants, which short ranges of small runs can bear.
// Two extensions may be asked for: a floor beneath it, L = E + [...]^{αD} (as in Hoffmann et al., arXiv 2203.15556), and
// a critical batch that grows with the tokens, B_crit = c·D^γ, as the loss falls (Bergsma et al., arXiv 2505.13738).
import { enoughPoints, firstProblem, refused, wideEnough, type DesignProblem } from './design.ts';
import type { Fit, RunRow } from './fit.ts';
import { fitCurve, type CurveProblem } from './levenberg.ts';
import { sentences } from './sentences.ts';
import { withoutInterval } from './statistics.ts';
import { logistic, logSum, softplus } from './trajectory-forms.ts';
import { usableRows } from './usable-rows.ts';

/**
 * Constants: N_c in parameters, D_c and B_crit in tokens. Where they were asked for: E, the floor, in nats per token;
 * c and γ of B_crit = c·D^γ (tokens), in place of B_crit.
 */
export type JoinedLossParameter = 'E' | 'alphaN' | 'Nc' | 'alphaD' | 'Dc' | 'Bcrit' | 'Bcrit.c' | 'Bcrit.D';

/** Choices of the fit. */
export interface JoinedLossOptions {
  /** Whether the law has a floor. Default: none. */
  readonly floor?: boolean;
  /** Whether the critical batch grows with the tokens. Default: it does not. */
  readonly growing?: boolean;
}

/** The fitted law. Residuals are log loss − log fitted. Intervals are left to whoever resamples the runs. */
export interface JoinedLossFit extends Fit<JoinedLossParameter> {
  readonly law: 'joined';
  /** Nats per token at N parameters, D tokens and batch B (tokens); NaN unless the fit converged. */
  readonly at: (N: number, D: number, B: number) => number;
}

/** (log size term at the middle, its exponent αN/αD, log tokens term at the middle, log B_crit, αD), then E (0 without a floor), then γ (0 if B_crit does not grow). */
type Working = readonly number[];

const CONSTANTS = 5;

/** Starts: αN/αD, αD, and B_crit as a multiple of the middle batch. */
const STARTS = [0.4, 0.8, 1.6].flatMap((ratio) => [0.1, 0.25].flatMap((alphaD) => [1, 30].map((batch) => ({ ratio, alphaD, batch }))));

/** The floor that the search starts from, and the lowest that counts as one, as shares of the least loss seen. */
const FLOOR_START = 0.3;
const LEAST_FLOOR = 0.01;

/** Exponents of the critical batch in tokens: where the search starts and how far it goes. */
const GROWTH = { start: 0.4, least: 0, most: 2 } as const;

/** Fits the law to rows with N, B and S or D; points of one run's curve are rows like others. */
export function fitJoinedLoss(table: readonly RunRow[], { floor = false, growing = false }: JoinedLossOptions = {}): JoinedLossFit {
  const complete = table.map((row) =>
    row.D === undefined && row.S !== undefined && row.B !== undefined ? { ...row, D: row.S * row.B } : row,
  );
  const { used, left } = usableRows(complete, ['N', 'D', 'B']);
  const refuse = (problem: DesignProblem): JoinedLossFit => ({
    ...refused<JoinedLossParameter>({ law: 'joined', problem, left, used }),
    law: 'joined',
    at: () => NaN,
  });
  const rows = used.map((row) => complete[row]);
  const N = rows.map((row) => row.N!);
  const D = rows.map((row) => row.D!);
  const B = rows.map((row) => row.B!);
  const problem = firstProblem(
    enoughPoints(rows.length, CONSTANTS + (floor ? 1 : 0) + (growing ? 1 : 0)),
    wideEnough(N, 'N'),
    wideEnough(D, 'D'),
    wideEnough(B, 'B'),
  );
  if (problem !== undefined) return refuse(problem);
  const middle = (values: readonly number[]): number => values.reduce((sum, value) => sum + Math.log(value), 0) / values.length;
  const centre = [middle(N), middle(D), middle(B)] as const;
  const curve = curveOf({ N, D, B, loss: rows.map((row) => row.loss) }, centre, { floor, growing });
  const meanLoss = middle(rows.map((row) => row.loss));
  const leastLoss = Math.min(...rows.map((row) => row.loss));
  let best: ReturnType<typeof fitCurve> | undefined;
  const E0 = floor ? FLOOR_START * leastLoss : 0;
  for (const { ratio, alphaD, batch } of STARTS) {
    // Both terms alike in the middle: their sum is (L − E)^{1/αD} there.
    const half = Math.log(Math.exp(meanLoss) - E0) / alphaD - Math.LN2;
    const logBatch = centre[2] + Math.log(batch);
    const start = [
      half,
      ratio,
      half - softplus(centre[2] - logBatch),
      logBatch,
      alphaD,
      ...(floor ? [E0] : []),
      ...(growing ? [GROWTH.start] : []),
    ];
    const fit = fitCurve({ ...curve, start, rounds: 2 });
    if (best === undefined || fit.sumOfSquares < best.sumOfSquares) best = fit;
  }
  if (best === undefined || !Number.isFinite(best.sumOfSquares))
    return refuse({ status: 'not converged', message: sentences.notConverged });
  const working = curve.whole(best.parameters);
  const [size, ratio, tokens, logBatch, alphaD, E, gamma] = working;
  for (const [name, index, value] of [
    ['alphaN', 1, ratio * alphaD],
    ['alphaD', 4, alphaD],
  ] as const)
    if (working[index] <= curve.lower![index] || working[index] >= curve.upper![index])
      return refuse({ status: 'bound hit', message: sentences.boundHit(name, value) });
  if (floor && E <= LEAST_FLOOR * leastLoss) return refuse({ status: 'bound hit', message: sentences.boundHit('E', 0) });
  if (growing && (gamma <= GROWTH.least || gamma >= GROWTH.most))
    return refuse({ status: 'bound hit', message: sentences.boundHit('γ', gamma) });
  const constants: Partial<Record<JoinedLossParameter, number>> & { Nc: number; Dc: number } = {
    ...(floor ? { E } : {}),
    alphaN: ratio * alphaD,
    Nc: Math.exp(centre[0] + size / ratio),
    alphaD,
    Dc: Math.exp(centre[1] + tokens),
    ...(growing ? { 'Bcrit.c': Math.exp(logBatch - gamma * centre[1]), 'Bcrit.D': gamma } : { Bcrit: Math.exp(logBatch) }),
  };
  const critical = growing ? `(${shown(constants['Bcrit.c']!)}·D^${gamma.toFixed(2)})` : shown(constants.Bcrit!);
  const law = `L = ${floor ? `${E.toFixed(3)} + ` : ''}[(${shown(constants.Nc)}/N)^${ratio.toFixed(2)} + (${shown(constants.Dc)}/D)·(1 + B/${critical})]^${alphaD.toFixed(3)}`;
  return {
    law: 'joined',
    status: 'converged',
    message: { en: `${law} from ${rows.length} points.`, zh: `由 ${rows.length} 个点得到 ${law}。` },
    parameters: Object.fromEntries(Object.entries(constants).map(([name, value]) => [name, withoutInterval(value)])),
    objective: { name: 'ls', value: best.sumOfSquares / 2 },
    used,
    left,
    residuals: [...best.residuals],
    bootstrap: undefined,
    at: (n, d, b) => Math.exp(logLoss(working, Math.log(n) - centre[0], Math.log(d) - centre[1], Math.log(b))),
  };
}

function terms(
  [size, ratio, tokens, logBatch, , , gamma]: Working,
  logN: number,
  logD: number,
  logB: number,
): { u: number; v: number; away: number } {
  const away = logB - logBatch - gamma * logD;
  return { u: size - ratio * logN, v: tokens - logD + softplus(away), away };
}

function logLoss(working: Working, logN: number, logD: number, logB: number): number {
  const { u, v } = terms(working, logN, logD, logB);
  return logSum(Math.log(working[5]), working[4] * logSum(u, v));
}

/** The problem, and what makes all seven working constants of those that are fitted. */
interface JoinedCurve extends Omit<CurveProblem, 'start'> {
  readonly whole: (fitted: ArrayLike<number>) => Working;
}

function curveOf(
  data: { N: readonly number[]; D: readonly number[]; B: readonly number[]; loss: readonly number[] },
  [centreN, centreD]: readonly [number, number, number],
  { floor, growing }: Required<JoinedLossOptions>,
): JoinedCurve {
  const logN = data.N.map((value) => Math.log(value) - centreN);
  const logD = data.D.map((value) => Math.log(value) - centreD);
  const logB = data.B.map(Math.log);
  const lowestB = Math.min(...logB);
  const highestB = Math.max(...logB);
  const whole = (fitted: ArrayLike<number>): Working => [
    ...Array.from({ length: CONSTANTS }, (_, k) => fitted[k]),
    floor ? fitted[CONSTANTS] : 0,
    growing ? fitted[CONSTANTS + (floor ? 1 : 0)] : 0,
  ];
  const extra = (E: number, gamma: number): number[] => [...(floor ? [E] : []), ...(growing ? [gamma] : [])];
  return {
    whole,
    y: data.loss.map(Math.log),
    // B_crit far above all batches says that none of them costs tokens, far below that all are steps: both are answers.
    lower: [-500, 0.02, -500, lowestB - Math.log(1000), 0.005, ...extra(0, GROWTH.least)],
    upper: [500, 20, 500, highestB + Math.log(1000), 3, ...extra(Math.min(...data.loss), GROWTH.most)],
    model: (fitted) => {
      const working = whole(fitted);
      return logN.map((n, i) => logLoss(working, n, logD[i], logB[i]));
    },
    jacobian: (fitted) => {
      const working = whole(fitted);
      const [, , , , alphaD, E] = working;
      return logN.map((n, i) => {
        const { u, v, away } = terms(working, n, logD[i], logB[i]);
        const sum = logSum(u, v);
        const share = Math.exp(u - sum);
        const above = Math.exp(alphaD * sum);
        const ofBatch = -alphaD * (1 - share) * logistic(away);
        const scale = above / (above + E);
        return [
          ...[alphaD * share, -alphaD * share * n, alphaD * (1 - share), ofBatch, sum].map((value) => value * scale),
          ...extra(1 / (above + E), ofBatch * logD[i] * scale),
        ];
      });
    },
  };
}

function shown(value: number): string {
  return value.toExponential(1);
}
