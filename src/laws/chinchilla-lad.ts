// Least absolute deviations for E + A/N^α + B/D^β, to the exact optimum.
//
// Huber's loss divided by δ tends to |r| as δ → 0, so the smooth descent is repeated with δ a tenth of the last. At
// the end a few residuals are zero and the rest keep their signs: the optimum is then that of a smooth function
// under as many equalities, solved by Newton steps on its Lagrangian. The multipliers certify it: each must lie in [−1, 1].
import { Matrix, solve } from 'ml-matrix';
import { descend, logResiduals, type Descent, type LogParameters, type LossPoints } from './chinchilla-objective.ts';

const DELTAS = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8] as const;

/** Σ weight·|log L̂ − log L|. */
export function absoluteSum(parameters: LogParameters, points: LossPoints, weights?: ArrayLike<number>): number {
  const residuals = logResiduals(parameters, points);
  let sum = 0;
  for (let i = 0; i < residuals.length; i++) sum += (weights?.[i] ?? 1) * Math.abs(residuals[i]);
  return sum;
}

/** Minimises `absoluteSum` from `start`. `shortest` stops at δ = 10⁻⁵, close enough for a resample. */
export function leastAbsoluteDescent(points: LossPoints, start: LogParameters, weights?: ArrayLike<number>, shortest = false): Descent {
  let reached: Descent = { parameters: start, value: Infinity, converged: false, iterations: 0 };
  let from = start;
  for (const delta of shortest ? DELTAS.slice(0, 3) : DELTAS) {
    reached = descend(points, from, shortest ? { delta, weights, tolerance: 1e-9, firstDamping: 0.01 } : { delta, weights });
    from = reached.parameters;
  }
  if (shortest) return { ...reached, value: absoluteSum(from, points, weights) };
  const polished = polish(points, from, weights);
  const value = absoluteSum(from, points, weights);
  if (polished !== undefined && polished.value <= value) return { ...polished, iterations: reached.iterations };
  return { parameters: from, value, converged: reached.converged, iterations: reached.iterations };
}

/** Newton on the Lagrangian: signs of the large residuals fixed, the residuals within 10⁻⁷ held at zero. */
function polish(points: LossPoints, start: LogParameters, weights: ArrayLike<number> | undefined): Omit<Descent, 'iterations'> | undefined {
  const residuals = logResiduals(start, points);
  const weightOf = (i: number): number => weights?.[i] ?? 1;
  const held = Array.from(residuals.keys())
    .filter((i) => weightOf(i) > 0 && Math.abs(residuals[i]) < 2e-8)
    .sort((i, j) => Math.abs(residuals[i]) - Math.abs(residuals[j]))
    .slice(0, 5);
  const isHeld = new Set(held);
  const signs = residuals.map((residual, i) => (isHeld.has(i) ? 0 : weightOf(i) * Math.sign(residual)));
  const size = 5 + held.length;
  let theta: number[] = [...start];
  let multipliers = new Float64Array(held.length);
  for (let step = 0; step < 12; step++) {
    const system = Matrix.zeros(size, size);
    const right = Matrix.zeros(size, 1);
    const current = logResiduals(theta as unknown as LogParameters, points);
    for (let i = 0; i < current.length; i++) {
      const row = held.indexOf(i);
      const factor = row >= 0 ? multipliers[row] : signs[i];
      const x = points.logN[i];
      const y = points.logD[i];
      const fitted = current[i] + points.logLoss[i];
      const p1 = Math.exp(theta[1] - theta[3] * x - fitted);
      const p2 = Math.exp(theta[2] - theta[4] * y - fitted);
      const p0 = Math.exp(theta[0] - fitted);
      const g = [p0, p1, p2, -p1 * x, -p2 * y];
      for (let j = 0; j < 5; j++) {
        if (row < 0) right.set(j, 0, right.get(j, 0) - factor * g[j]);
        else {
          system.set(5 + row, j, g[j]);
          system.set(j, 5 + row, g[j]);
        }
        for (let k = 0; k < 5; k++) system.set(j, k, system.get(j, k) - factor * g[j] * g[k]);
      }
      if (row >= 0) right.set(5 + row, 0, -current[i]);
      const add = (j: number, k: number, value: number): void => void system.set(j, k, system.get(j, k) + factor * value);
      add(0, 0, p0);
      add(1, 1, p1);
      add(2, 2, p2);
      add(3, 3, p1 * x * x);
      add(4, 4, p2 * y * y);
      add(1, 3, -p1 * x);
      add(3, 1, -p1 * x);
      add(2, 4, -p2 * y);
      add(4, 2, -p2 * y);
    }
    let solution: Float64Array;
    try {
      solution = Float64Array.from(solve(system, right).getColumn(0));
    } catch {
      return undefined;
    }
    if (!solution.every(Number.isFinite)) return undefined;
    theta = theta.map((value, j) => value + solution[j]);
    multipliers = solution.slice(5);
  }
  const parameters = theta as unknown as LogParameters;
  const certified = multipliers.every((multiplier, k) => Math.abs(multiplier) <= weightOf(held[k]) * (1 + 1e-6));
  return { parameters, value: absoluteSum(parameters, points, weights), converged: certified };
}
