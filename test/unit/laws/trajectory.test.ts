// The trajectory law: its forms against plain bisection, planted curves, designs it refuses.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { criticalBatch } from '../../../src/laws/critical-batch-forms.ts';
import type { RunRow } from '../../../src/laws/fit.ts';
import {
  lossAtTokens,
  minimumLoss,
  minimumStepsTo,
  requiredSteps,
  requiredTokens,
  trajectoryLoss,
  type TrajectoryConstants,
} from '../../../src/laws/trajectory-forms.ts';
import { centreOf, constantsOf, trajectoryProblem } from '../../../src/laws/trajectory-model.ts';
import { fitTrajectory, trajectoryEstimate } from '../../../src/laws/trajectory.ts';
import { changesByRun } from '../../../src/laws/wild-runs.ts';
import { weightedLeastSquares } from '../../../src/laws/regression.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { octaves, shuffled } from './planted.ts';
import { ourTruth, plantedCurves, plantedTrajectory, theirTruth, type CurveDesign, type TrajectoryTruth } from './planted-curves.ts';

const ours: CurveDesign = { truth: ourTruth, N: [1e3, 1e4, 1e5, 1e6], B: octaves(6, 12, 2), D: 4e6, points: 12, stretch: 15 };
const theirs: CurveDesign = { truth: theirTruth, N: [1e7, 4.6e7, 2.2e8, 1e9], B: octaves(17, 23, 2), D: 2e10, points: 12, stretch: 15 };
const exact = { run: 0, white: 0, seed: 0 };
const without = { bootstrap: { resamples: 0 } };
const constants = ({ alphaN, Nc, alphaS, Sc, alphaB, Bstar }: TrajectoryTruth): TrajectoryConstants => ({
  alphaN,
  Nc,
  alphaS,
  Sc,
  critical: { batch: Bstar, alpha: alphaB },
});

const anyTruth = fc.record({
  alphaN: fc.double({ min: 0.03, max: 0.5, noNaN: true }),
  Nc: fc.double({ min: 1e6, max: 1e14, noNaN: true }),
  alphaS: fc.double({ min: 0.2, max: 1.5, noNaN: true }),
  Sc: fc.double({ min: 10, max: 1e4, noNaN: true }),
  alphaB: fc.double({ min: 0.1, max: 1, noNaN: true }),
  Bstar: fc.double({ min: 1e2, max: 1e9, noNaN: true }),
});
const logSpaced = (min: number, max: number): fc.Arbitrary<number> =>
  fc.double({ min: Math.log(min), max: Math.log(max), noNaN: true }).map(Math.exp);

describe('the forms', () => {
  it('the loss is the root that bisection finds, and it solves its own equation', () => {
    fc.assert(
      fc.property(anyTruth, logSpaced(1e2, 1e10), logSpaced(1, 1e8), logSpaced(1, 1e7), (truth, N, B, S) => {
        const loss = trajectoryLoss(constants(truth), { N, B, S });
        expect(loss / plantedTrajectory(truth, N, B, S)).toBeCloseTo(1, 9);
        const critical = criticalBatch(constants(truth).critical, loss);
        const right = minimumLoss(constants(truth), N) + ((truth.Sc * (1 + critical / B)) / S) ** truth.alphaS;
        expect(right / loss).toBeCloseTo(1, 9);
      }),
      // A small floor under a steep law: the bracket of the root spans thirty orders of magnitude.
      { examples: [[{ alphaN: 0.174, Nc: 1e6, alphaS: 1.489, Sc: 24.5, alphaB: 0.1, Bstar: 1.77e7 }, 1e10, 1, 1]] },
    );
  });

  it('steps to a loss undo the loss after steps', () => {
    fc.assert(
      fc.property(
        anyTruth,
        logSpaced(1e2, 1e10),
        logSpaced(1, 1e8),
        fc.double({ min: 1.02, max: 5, noNaN: true }),
        (truth, N, B, times) => {
          const law = constants(truth);
          const loss = minimumLoss(law, N) * times;
          const steps = requiredSteps(law, { N, B, loss });
          fc.pre(steps < 1e250);
          expect(trajectoryLoss(law, { N, B, S: steps }) / loss).toBeCloseTo(1, 9);
          expect(requiredTokens(law, { N, B, loss }) / (B * steps)).toBeCloseTo(1, 9);
        },
      ),
    );
  });

  it('at the critical batch a loss takes twice the fewest steps and twice the fewest tokens', () => {
    const law = constants(ourTruth);
    const [N, loss] = [1e5, 2.2];
    const B = criticalBatch(law.critical, loss);
    const Smin = minimumStepsTo(law, N, loss);
    expect(requiredSteps(law, { N, B, loss }) / Smin).toBeCloseTo(2, 12);
    expect(requiredTokens(law, { N, B, loss }) / (Smin * B)).toBeCloseTo(2, 12);
    // The fewest tokens, at a batch that goes to zero, and the loss that they buy.
    expect(lossAtTokens(law, N, Smin * B)).toBeCloseTo(loss, 9);
    expect(trajectoryLoss(law, { N, B: 1e-6, S: (Smin * B) / 1e-6 })).toBeCloseTo(loss, 6);
    // An infinite batch needs just S_min.
    expect(trajectoryLoss(law, { N, B: Infinity, S: Smin })).toBeCloseTo(loss, 12);
  });

  it('falls with steps, batch and size, never below the floor; what no run has gives no number', () => {
    const law = constants(theirTruth);
    const at = (N: number, B: number, S: number): number => trajectoryLoss(law, { N, B, S });
    expect(at(1e8, 2 ** 19, 2e4)).toBeLessThan(at(1e8, 2 ** 19, 1e4));
    expect(at(1e8, 2 ** 20, 1e4)).toBeLessThan(at(1e8, 2 ** 19, 1e4));
    expect(at(2e8, 2 ** 19, 1e4)).toBeLessThan(at(1e8, 2 ** 19, 1e4));
    expect(at(1e8, 2 ** 19, 1e30) / minimumLoss(law, 1e8)).toBeCloseTo(1, 9);
    expect(at(1e8, 2 ** 19, 0)).toBe(Infinity);
    expect([at(0, 1, 1), at(1e8, -1, 1), at(1e8, 1, -1), at(NaN, 1, 1)]).toEqual([NaN, NaN, NaN, NaN]);
    expect(requiredSteps(law, { N: 1e8, B: 1e5, loss: minimumLoss(law, 1e8) * 0.99 })).toBe(Infinity);
    expect(requiredSteps(law, { N: 1e8, B: 1e5, loss: NaN })).toBeNaN();
  });

  it('the derivatives are those of the curve', () => {
    const points = plantedCurves({ ...ours, points: 3 }, exact).map(({ N, B, S, loss }, run) => ({
      run,
      logN: Math.log(N!),
      logB: Math.log(B!),
      logS: Math.log(S!),
      logLoss: Math.log(loss),
    }));
    const { model, jacobian } = trajectoryProblem(points, centreOf(points));
    const at = [0.6, 0.09, -0.5, 0.7, 5.5, 4];
    const rows = jacobian(at);
    at.forEach((value, k) => {
      const moved = (by: number): number[] => at.map((other, j) => (j === k ? value + by : other));
      const [up, down] = [model(moved(1e-5)), model(moved(-1e-5))];
      points.forEach((_, i) => expect((up[i] - down[i]) / 2e-5).toBeCloseTo(rows[i][k], 7));
    });
    const law = constantsOf(at, centreOf(points));
    expect(trajectoryLoss(law, { N: 1e3, B: 64, S: Math.exp(points[0].logS) })).toBeCloseTo(Math.exp(model(at)[0]), 10);
  });
});

describe('without noise', () => {
  it.each([
    ['ours', ours],
    ['theirs', theirs],
  ])('all six constants come back to 1e-6 (%s)', (_, design) => {
    const rows = plantedCurves(design, exact);
    const fit = fitTrajectory(rows, without);
    expect(fit.status).toBe('converged');
    expect(Object.keys(fit.parameters)).toEqual(['alphaN', 'Nc', 'alphaS', 'Sc', 'alphaB', 'Bstar']);
    for (const [name, value] of Object.entries(design.truth))
      expect(Math.abs(fit.parameters[name as 'Nc']!.value / value - 1), name).toBeLessThan(1e-6);
    expect(fit.used).toHaveLength(rows.length);
    expect(fit.residuals).toHaveLength(rows.length);
  });

  it('the design of Su et al.: every size at one large batch, one size at many', () => {
    const many = plantedCurves({ ...ours, N: [1e3, 8e3, 6.4e4, 5e5], B: [4096] }, exact);
    const fit = fitTrajectory([...many, ...plantedCurves({ ...ours, N: [8e3], B: octaves(5, 11) }, exact)], without);
    for (const [name, value] of Object.entries(ourTruth))
      expect(Math.abs(fit.parameters[name as 'Nc']!.value / value - 1), name).toBeLessThan(1e-6);
  });

  it('final losses of runs of several lengths, residuals in the order of their rows', () => {
    const finals = shuffled(plantedCurves(ours, exact), 3).map((row, i): RunRow => ({ ...row, run: `r${i}` }));
    const spoiled = finals.map((row, i) => (i === 77 ? { ...row, loss: row.loss * 1.05 } : row));
    expect(fitTrajectory(finals, without).parameters.alphaB!.value).toBeCloseTo(ourTruth.alphaB, 7);
    const { residuals, used } = fitTrajectory(spoiled, without);
    expect(used[residuals.indexOf(Math.max(...residuals))]).toBe(77);
  });

  it('answers what follows: a loss, steps, tokens, with intervals', () => {
    const fit = fitTrajectory(plantedCurves(ours, { run: 0.003, white: 0.003, seed: 4 }), { bootstrap: { resamples: 200 } });
    const law = constants(ourTruth);
    const loss = trajectoryEstimate(fit, (found) => trajectoryLoss(found, { N: 4e6, B: 512, S: 1e5 }))!;
    expect(loss.low).toBeLessThan(trajectoryLoss(law, { N: 4e6, B: 512, S: 1e5 }));
    expect(loss.high).toBeGreaterThan(trajectoryLoss(law, { N: 4e6, B: 512, S: 1e5 }));
    expect(loss.high - loss.low).toBeLessThan(0.1);
    const tokens = trajectoryEstimate(fit, (found) => requiredTokens(found, { N: 1e5, B: 512, loss: 2.2 }), 'log')!;
    expect(tokens.low).toBeLessThan(requiredTokens(law, { N: 1e5, B: 512, loss: 2.2 }));
    expect(tokens.high).toBeGreaterThan(requiredTokens(law, { N: 1e5, B: 512, loss: 2.2 }));
    expect(fit.bootstrap).toMatchObject({ unit: 'runs', resamples: 200 });
  });
});

describe('what is left out and what is refused', () => {
  const refusal = (design: Partial<CurveDesign>, noise = exact) => fitTrajectory(plantedCurves({ ...ours, ...design }, noise), without);

  it('each degenerate design by its own status', () => {
    expect(fitTrajectory([]).status).toBe('not enough points');
    expect(fitTrajectory(plantedCurves(ours, exact).slice(0, 1)).status).toBe('not enough points');
    expect(refusal({ N: [1e4] }).status).toBe('range too narrow');
    expect(refusal({ N: [1e4, 1.4e4, 2e4] }).status).toBe('range too narrow');
    expect(refusal({ B: [256] }).status).toBe('range too narrow');
    expect(refusal({ N: [1e3, 1e5] }).status).toBe('not enough points');
    expect(refusal({ B: [64, 1024] }).status).toBe('not enough points');
    expect(refusal({ stretch: 1.5 }).status).toBe('range too narrow');
    for (const { parameters, constants: none, message } of [refusal({ N: [1e4] }), refusal({ B: [256] })]) {
      expect(parameters).toEqual({});
      expect(none).toBeUndefined();
      expect(message.zh).not.toBe('');
    }
  });

  it('sizes with one batch each', () => {
    const tied = ours.N.flatMap((n, i) => plantedCurves({ ...ours, N: [n, n * 2], B: [ours.B[i]] }, exact));
    const fit = fitTrajectory(tied, without);
    expect(fit.status).toBe('not identified');
    expect(fit.message.en).toContain('no size was trained at two batches');
  });

  it('batches all below the critical one, in the noise of real runs', () => {
    const fit = refusal({ B: [0.25, 0.5, 1, 2] }, { run: 0.003, white: 0.003, seed: 1 });
    expect(fit.status).toBe('not identified');
  });

  it('batches below the most token-efficient one, slower learning rates, the warm-up', () => {
    const rows = [1, 2, 4].flatMap((lr) =>
      plantedCurves({ ...ours, stretch: 60 }, exact).map((row): RunRow => {
        // The smallest batch wastes half its tokens and more, the outer learning rates a quarter of their steps.
        const slower = (row.B === 64 ? 4 : 1) * (lr === 2 ? 1 : 1.3);
        return { ...row, lr, run: `${row.run} ${lr}`, loss: plantedTrajectory(ourTruth, row.N!, row.B!, row.S! / slower) };
      }),
    );
    const fit = fitTrajectory(rows, without);
    expect(fit.parameters.alphaB!.value).toBeCloseTo(ourTruth.alphaB, 6);
    expect(new Set(fit.used.map((row) => `${rows[row].lr} ${rows[row].B}`))).toEqual(new Set(['2 256', '2 1024', '2 4096']));
    expect(fit.used.length + fit.left.length).toBe(rows.length);
    const reasons = new Set(fit.left.map(({ reason }) => reason.en));
    expect([...reasons].some((reason) => reason.includes('most token-efficient'))).toBe(true);
    expect([...reasons].some((reason) => reason.includes('another learning rate'))).toBe(true);
    expect([...reasons].some((reason) => reason.includes('warms up'))).toBe(true);
  });
});

describe('properties', () => {
  it('the order of rows does not matter; units of B and N move B_* and N_c alone', () => {
    const rows = plantedCurves(ours, { run: 0.002, white: 0.002, seed: 7 });
    const plain = fitTrajectory(rows, { bootstrap: { resamples: 30 } }).parameters;
    const factor = 7;
    const mixed = shuffled(rows, 5).map((row) => ({ ...row, B: row.B! * factor, D: row.D! * factor, N: row.N! * 3 }));
    const { parameters } = fitTrajectory(mixed, { bootstrap: { resamples: 30 } });
    for (const end of ['value', 'low', 'high'] as const) {
      expect(parameters.Bstar![end] / plain.Bstar![end] / factor).toBeCloseTo(1, 4);
      expect(parameters.Nc![end] / plain.Nc![end] / 3).toBeCloseTo(1, 4);
      for (const name of ['alphaN', 'alphaS', 'Sc', 'alphaB'] as const)
        expect(parameters[name]![end] / plain[name]![end]).toBeCloseTo(1, 5);
    }
  });

  it('the change a run makes is the fit with it minus the fit without it', () => {
    const random = createRandom(8);
    const rows = Array.from({ length: 40 }, () => [1, random.normal(), random.normal()]);
    const y = rows.map(([a, b, c]) => a + 2 * b - c + random.normal());
    const runOf = rows.map((_, i) => i % 8);
    const fitOf = (keep: (i: number) => boolean): number[] => {
      const fit = weightedLeastSquares(
        rows.filter((_, i) => keep(i)),
        y.filter((_, i) => keep(i)),
      );
      return fit.status === 'full rank' ? [...fit.coefficients] : [];
    };
    const whole = fitOf(() => true);
    const residuals = rows.map((row, i) => y[i] - row.reduce((sum, value, j) => sum + value * whole[j], 0));
    const changes = changesByRun(rows, residuals, runOf)!;
    expect(changes).toHaveLength(8);
    changes.forEach((change, run) => {
      const rest = fitOf((i) => runOf[i] !== run);
      change.forEach((value, j) => expect(value).toBeCloseTo(whole[j] - rest[j], 9));
    });
    expect(
      changesByRun(
        [
          [1, 1],
          [2, 2],
          [3, 3],
        ],
        [0, 1, 0],
        [0, 1, 2],
      ),
    ).toBeUndefined();
  });
});
