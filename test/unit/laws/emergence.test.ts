// Elbows and their law planted in the performance of models, and found again.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bestElbow, elbowPerformance, fitElbow, type Elbow, type EmergencePoint } from '../../../src/laws/emergence-elbow.ts';
import { elbowAt, elbowOf, fitEmergence, type EmergenceConstants, type FinetunedPoint } from '../../../src/laws/emergence.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { shuffled } from './planted.ts';
import { amounts, grid, logTruth, losses, planted, powerTruth } from './planted-emergence.ts';

const none = { bootstrap: { resamples: 0 } };
const relative = (found: number, truth: number): number => Math.abs(found / truth - 1);

describe('one elbow', () => {
  const truth: Elbow = { base: 0.25, slope: 0.6, elbow: 2.41 };

  it('comes back from data without noise, base fitted and given, wherever the elbow lies between the models', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.5, noNaN: true }),
        fc.double({ min: 0.05, max: 5, noNaN: true }),
        fc.double({ min: 2.12, max: 2.8, noNaN: true }),
        fc.boolean(),
        (base, slope, elbow, given) => {
          const fit = fitElbow(planted({ base, slope, elbow }, losses(2, 3, 12)), { ...none, ...(given ? { base } : {}) });
          expect(fit.status).toBe('converged');
          expect(Math.abs(fit.parameters.base!.value - base)).toBeLessThan(1e-9);
          expect(relative(fit.parameters.slope!.value, slope)).toBeLessThan(1e-6);
          expect(relative(fit.parameters.elbow!.value, elbow)).toBeLessThan(1e-6);
        },
      ),
    );
  });

  it('is the best there is: no elbow of a fine search does better on noisy data', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), fc.boolean(), (seed, given) => {
        const random = createRandom(seed);
        const points = planted(truth, losses(2, 3, 9), () => 0.05 * random.normal());
        const x = points.map(({ loss }) => loss);
        const y = points.map(({ performance }) => performance);
        const sum = (elbow: Elbow): number => x.reduce((all, loss, i) => all + (y[i] - elbowPerformance(elbow, loss)) ** 2, 0);
        const best = bestElbow(x, y, given ? truth.base : undefined);
        fc.pre(best !== undefined);
        for (const elbow of losses(2.001, 3.1, 400)) {
          // With the join given the rest is a straight line, or a ratio.
          const rise = x.map((loss) => Math.max(0, elbow - loss));
          const mean = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0) / values.length;
          const [mr, my] = given ? [0, truth.base] : [mean(rise), mean(y)];
          const slope =
            rise.reduce((all, value, i) => all + (value - mr) * (y[i] - my), 0) / rise.reduce((all, value) => all + (value - mr) ** 2, 0);
          if (slope > 0) expect(sum({ base: my - slope * mr, slope, elbow })).toBeGreaterThanOrEqual(sum(best) - 1e-12);
        }
      }),
      { numRuns: 40 },
    );
  });

  it('is refused where nothing rises, everything rises, or one model alone does', () => {
    const status = (points: readonly EmergencePoint[]): string => fitElbow(points, none).status;
    expect(status([])).toBe('not enough points');
    expect(status(planted(truth, losses(2, 3, 4)))).toBe('not enough points');
    expect(status(planted(truth, losses(2.5, 3, 10)))).toBe('not identified');
    expect(status(planted({ ...truth, slope: -0.5 }, losses(2, 3, 10)))).toBe('not identified');
    expect(status(planted(truth, losses(2, 2.4, 10)))).toBe('at the edge');
    const one = fitElbow(planted(truth, [2.4, ...losses(2.42, 3, 9)]), none);
    expect(one.status).toBe('at the edge');
    expect(one.message.en).toContain('lower loss');
    expect(one.parameters).toEqual({});
    const left = fitElbow([{ loss: NaN, performance: 1 }, { loss: 2, performance: Infinity }, ...planted(truth, losses(2, 3, 10))], none);
    expect(left.left.map(({ row }) => row)).toEqual([0, 1]);
    expect(left.status).toBe('converged');
  });
});

describe('the law of the elbow', () => {
  for (const [form, truth] of [
    ['log power', logTruth],
    ['power', powerTruth],
  ] as const) {
    it(`comes back to 1e-6 without noise, base fitted and given (${form})`, () => {
      for (const base of [undefined, truth.base]) {
        const fit = fitEmergence(grid(truth, form), { ...none, form, ...(base === undefined ? {} : { base }) });
        expect(fit.status, fit.message.en).toBe('converged');
        for (const key of ['base', 'slope', 'k', 'alpha', 'C'] as const)
          expect(relative(fit.parameters[key]!.value, truth[key]), key).toBeLessThan(1e-6);
        expect(fit.elbows).toHaveLength(amounts.length);
        for (const { data, elbow } of fit.elbows) expect(relative(elbow!.elbow, elbowOf(truth, form, data))).toBeLessThan(1e-6);
        expect(elbowAt(fit, 10)!.value).toBeCloseTo(elbowOf(truth, form, 10), 6);
      }
    });
  }

  it('a shift that saturates has a negative α', () => {
    const truth: EmergenceConstants = { base: 0.1, slope: 0.4, k: -4, alpha: -1.5, C: 3 };
    const fit = fitEmergence(grid(truth, 'log power'), none);
    expect(fit.status, fit.message.en).toBe('converged');
    expect(relative(fit.parameters.alpha!.value, truth.alpha)).toBeLessThan(1e-5);
    expect(relative(fit.parameters.C!.value, truth.C)).toBeLessThan(1e-5);
  });

  it('the other form fits worse', () => {
    const right = fitEmergence(grid(logTruth, 'log power'), none);
    const wrong = fitEmergence(grid(logTruth, 'log power'), { ...none, form: 'power' });
    expect(wrong.objective.value).toBeGreaterThan(right.objective.value + 1e-7);
  });

  it('the interval of the elbow at little data says something: from 8 examples to 50 it moves by 0.3', () => {
    const fit = fitEmergence(grid(logTruth, 'log power', 0.01, 40), { bootstrap: { resamples: 100 } });
    const { low, high } = elbowAt(fit, 8)!;
    expect(high - low).toBeGreaterThan(0);
    expect(high - low).toBeLessThan(0.3);
  });

  it('order does not matter', () => {
    const points = grid(logTruth, 'log power', 0.01, 3);
    const plain = fitEmergence(points, none).constants!;
    const mixed = fitEmergence(shuffled(points, 5), none).constants!;
    for (const key of ['base', 'slope', 'k', 'alpha', 'C'] as const) expect(relative(mixed[key], plain[key]), key).toBeLessThan(1e-6);
  });

  it('is refused where it says nothing', () => {
    const points = grid(logTruth, 'log power');
    const status = (of: readonly FinetunedPoint[]): string => fitEmergence(of, none).status;
    expect(status([])).toBe('not enough points');
    expect(status(points.filter(({ data }) => data < 10_000))).toBe('not enough points');
    // Models too weak to have emerged with little data: too few amounts show an elbow.
    expect(status(points.filter(({ loss }) => loss > 2.6))).toBe('not enough points');
    expect(status(points.map((point, i) => ({ ...point, data: 100 + (i % 6) })))).not.toBe('converged');
    const still = fitEmergence(
      points.map(({ data, loss }) => ({
        data,
        loss,
        performance: elbowPerformance({ base: 0.25, slope: 0.5, elbow: 3 - 0.05 * Math.log(data) }, loss),
      })),
      none,
    );
    expect(still.status).toBe('not identified');
    expect(still.message.en).toContain('does not move towards higher losses');
    expect(elbowAt(still, 10)).toBeUndefined();
    const left = fitEmergence([{ loss: 2, performance: 0.5, data: 1 }, { loss: -2, performance: 0.5, data: 9 }, ...points], none);
    expect(left.left.map(({ row }) => row)).toEqual([0, 1]);
    expect(left.status).toBe('converged');
  });
});
