// The law of learning rate annealing planted on schedules of this lab's length and of published length, and found again.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { annealingArea, forwardArea, ratesAfterWarmup, warmupSteps, type AnnealingSchedule } from '../../../src/laws/annealing-areas.ts';
import {
  annealingCurves,
  fitAnnealing,
  predictAnnealing,
  type AnnealingConstants,
  type AnnealingCurve,
  type AnnealingOptions,
} from '../../../src/laws/annealing.ts';
import { correlatedNoise } from '../../../src/laws/correlated-residuals.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { shuffled } from './planted.ts';
import { autoregressive, constant, cooldown, cosine, curveOf, ours, schedule, theirs, twoSteps, type Shape } from './planted-annealing.ts';

/** The law by its double sum, with the warm-up at the peak: no code of the law under test. */
function plainLoss(truth: AnnealingConstants, rates: Float64Array, step: number): number {
  const peak = Math.max(...rates);
  const top = rates.indexOf(peak);
  const eta = (i: number): number => (i - 1 < top ? peak : rates[i - 1]);
  let S1 = 0;
  let S2 = 0;
  for (let i = 1; i <= step; i++) {
    S1 += eta(i);
    for (let k = 2; k <= i; k++) S2 += (eta(k - 1) - eta(k)) * truth.lambda ** (i - k);
  }
  return truth.L0 + truth.A * S1 ** -truth.alpha - truth.C * S2;
}

const none = { bootstrap: { resamples: 0 } };
const ls = { name: 'ls' } as const;
const curvesOf = ({ truth, steps, peak, every }: typeof ours, shapes: readonly Shape[]): AnnealingCurve[] =>
  shapes.map((shape) => curveOf(truth, schedule(shape, steps, peak), every));
const relative = (found: number, truth: number): number => Math.abs(found / truth - 1);

describe('the two areas', () => {
  it('equal their double sums, at any steps of any schedule', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0.01, max: 0.999, noNaN: true }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 }),
        (list, lambda, places) => {
          const rates = Float64Array.from(list);
          const steps = places.map((place) => Math.min(place, list.length)).sort((a, b) => a - b);
          const S1 = forwardArea(rates, steps);
          const { area, slope } = annealingArea(rates, steps, lambda);
          const later = annealingArea(rates, steps, lambda + 1e-6).area;
          steps.forEach((step, n) => {
            let sum = 0;
            let outer = 0;
            for (let i = 1; i <= step; i++) {
              sum += list[i - 1];
              for (let k = 2; k <= i; k++) outer += (list[k - 2] - list[k - 1]) * lambda ** (i - k);
            }
            expect(S1[n]).toBeCloseTo(sum, 10);
            expect(area[n]).toBeCloseTo(outer, 9);
            expect(slope[n]).toBeCloseTo((later[n] - area[n]) / 1e-6, 1);
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('a warm-up is what rises at first, and counts as the rate that follows', () => {
    expect(warmupSteps({ rates: [1, 2, 3, 4, 4, 2] })).toBe(3);
    expect(warmupSteps({ rates: [4, 4, 2] })).toBe(0);
    expect(warmupSteps({ rates: [1, 2, 3], warmup: 9 })).toBe(3);
    expect([...ratesAfterWarmup({ rates: [1, 2, 3, 4, 4, 2] })]).toEqual([4, 4, 4, 4, 4, 2]);
    expect([...ratesAfterWarmup({ rates: [1, 2, 4, 2], warmup: 0 })]).toEqual([1, 2, 4, 2]);
    expect(warmupSteps({ rates: [] })).toBe(0);
  });
});

describe('without noise', () => {
  for (const [name, plan] of Object.entries({ ours, theirs })) {
    for (const [which, shapes] of [
      ['two schedules', [cosine, constant]],
      ['one schedule', [cooldown]],
    ] as const) {
      it(`comes back to 1e-6, λ given and fitted (${name}, ${which})`, () => {
        for (const lambda of [plan.truth.lambda, undefined]) {
          const fit = fitAnnealing(curvesOf(plan, shapes), { ...none, objective: ls, ...(lambda === undefined ? {} : { lambda }) });
          expect(fit.status, fit.message.en).toBe('converged');
          for (const key of ['L0', 'A', 'alpha', 'C'] as const)
            expect(relative(fit.parameters[key]!.value, plan.truth[key]), key).toBeLessThan(1e-6);
          expect(relative(fit.constants!.lambda, plan.truth.lambda)).toBeLessThan(1e-6);
          expect(fit.parameters.lambda === undefined).toBe(lambda !== undefined);
        }
      });
    }
  }

  it('predicts, step by step, a schedule that it never saw: losses by the double sum', () => {
    const truth = ours.truth;
    const fit = fitAnnealing(curvesOf(ours, [cosine, constant]), { ...none, objective: ls });
    const other = schedule(twoSteps, 300, 2e-2);
    const predicted = predictAnnealing(fit, { rates: other }, [300, 20, 100, 200, 301, 0]);
    expect(predicted.map(({ step }) => step)).toEqual([20, 100, 200, 300]);
    for (const { step, loss } of predicted) expect(relative(loss.value, plainLoss(truth, other, step))).toBeLessThan(1e-7);
    expect(predictAnnealing(fit, { rates: other })).toHaveLength(300);
  });

  it('by Huber’s loss, a few broken points move nothing; by least squares they do', () => {
    const curves = curvesOf(ours, [cosine, cooldown]).map((curve) => ({
      ...curve,
      points: curve.points.map((point, i) => (i % 20 === 7 ? { ...point, loss: point.loss * 1.2 } : point)),
    }));
    const off = (options: AnnealingOptions): number =>
      relative(fitAnnealing(curves, { ...none, ...options, lambda: 0.98 }).constants!.C, 0.12);
    expect(off({})).toBeLessThan(0.002);
    expect(off({ objective: ls })).toBeGreaterThan(0.01);
  });
});

describe('what is refused', () => {
  const status = (curves: readonly AnnealingCurve[], options: AnnealingOptions = none) => fitAnnealing(curves, options).status;

  it('nothing to fit, no decay, a narrow stretch, no effect of the decay', () => {
    expect(status([])).toBe('not enough points');
    expect(status([{ rates: schedule(cosine, 100, 1), points: [] }])).toBe('not enough points');
    const flat = fitAnnealing(curvesOf(ours, [constant]), none);
    expect(flat.status).toBe('not identified');
    expect(flat.message.en).toContain('decays');
    const [curve] = curvesOf(ours, [cosine]);
    expect(status([{ ...curve, points: curve.points.filter(({ step }) => step > 600) }])).toBe('range too narrow');
    const without = curvesOf({ ...ours, truth: { ...ours.truth, C: 0 } }, [cosine, cooldown, constant]);
    expect(['bound hit', 'not identified']).toContain(status(without));
    expect(['bound hit', 'not identified']).toContain(status(without, { ...none, objective: ls, lambda: 0.9 }));
    const opposite = curvesOf({ ...ours, truth: { ...ours.truth, C: -0.2 } }, [cosine, cooldown, constant]);
    expect(['bound hit', 'not identified']).toContain(status(opposite, { ...none, lambda: 0.98 }));
  });

  it('a λ that the curves say nothing about', () => {
    const random = createRandom(5);
    const curves = [curveOf(ours.truth, schedule(cosine, ours.steps, ours.peak), 40, () => 0.01 * random.normal())];
    const fit = fitAnnealing(curves, { objective: ls, bootstrap: { resamples: 200 } });
    expect(fit.status).not.toBe('converged');
    expect(fit.parameters).toEqual({});
    expect(predictAnnealing(fit, { rates: [1, 1] })).toEqual([]);
    expect(fit.message.zh.length).toBeGreaterThan(5);
  });

  it('a λ outside (0, 1) and a schedule with no rates, in a sentence', () => {
    const curves = curvesOf(ours, [cosine]);
    for (const lambda of [0, 1, NaN, -2]) expect(() => fitAnnealing(curves, { lambda })).toThrow('between 0 and 1');
    expect(() => fitAnnealing([{ rates: [1, -1], points: [] }])).toThrow('negative');
  });

  it('rows by name: in the warm-up, off the schedule, no loss', () => {
    const [curve] = curvesOf(ours, [cooldown]);
    const points = [
      ...curve.points,
      { step: 5000, loss: 2, row: 900 },
      { step: 1.5, loss: 2, row: 901 },
      { step: 500, loss: NaN, row: 902 },
    ];
    const fit = fitAnnealing([{ ...curve, points }], { ...none, lambda: 0.98 });
    expect(fit.left.map(({ row, reason }) => [row, reason.en])).toEqual([
      ...[0, 1, 2, 3, 4].map((row) => [row, 'within the warm-up']),
      [900, 'the schedule has no such step'],
      [901, 'the schedule has no such step'],
      [902, 'loss is not a positive number'],
    ]);
    expect(fit.used).toHaveLength(curve.points.length - 5);
    expect(fit.residuals).toHaveLength(fit.used.length);
  });
});

describe('from a table of runs', () => {
  it('makes a curve of each run whose schedule is known', () => {
    const known: AnnealingSchedule = { rates: [1, 1, 0.5] };
    const table = [
      { run: 'a', S: 1, loss: 3 },
      { run: 'b', S: 1, loss: 3 },
      { run: 'a', S: 3, loss: 2 },
      { run: 'a', loss: 2 },
      { run: 'a', S: 2, loss: -1 },
    ];
    const { curves, left } = annealingCurves(table, (run) => (run === 'a' ? known : undefined));
    expect(curves).toEqual([
      {
        rates: known.rates,
        points: [
          { step: 1, loss: 3, row: 0 },
          { step: 3, loss: 2, row: 2 },
        ],
      },
    ]);
    expect(left.map(({ row }) => row)).toEqual([1, 3, 4]);
  });
});

describe('properties', () => {
  it('the order of points does not matter; a unit of the learning rate moves A and C alone', () => {
    const random = createRandom(9);
    const curves = [cosine, cooldown].map((shape) =>
      curveOf(ours.truth, schedule(shape, ours.steps, ours.peak), ours.every, () => 0.002 * random.normal()),
    );
    const options = { ...none, objective: ls, lambda: 0.98 };
    const plain = fitAnnealing(curves, options).constants!;
    fc.assert(
      fc.property(fc.integer(), fc.double({ min: 0.01, max: 100, noNaN: true }), (seed, factor) => {
        const moved = fitAnnealing(
          curves.map(({ rates, points }) => ({
            rates: Float64Array.from(rates, (rate) => rate * factor),
            points: shuffled(points, seed),
          })),
          options,
        ).constants!;
        expect(relative(moved.L0, plain.L0)).toBeLessThan(1e-6);
        expect(relative(moved.alpha, plain.alpha)).toBeLessThan(1e-5);
        expect(relative(moved.C * factor, plain.C)).toBeLessThan(1e-5);
        expect(relative(moved.A * factor ** -plain.alpha, plain.A)).toBeLessThan(1e-4);
      }),
      { numRuns: 8 },
    );
  });

  it('a thinned search of many points ends where a search of all would', () => {
    const random = createRandom(11);
    const dense = [cosine, cooldown].map((shape) =>
      curveOf(ours.truth, schedule(shape, 4000, ours.peak), 2, () => 0.003 * random.normal()),
    );
    const fit = fitAnnealing(dense, { ...none, objective: ls });
    expect(fit.used.length).toBeGreaterThan(3500);
    expect(fit.status).toBe('converged');
    expect(relative(fit.constants!.L0, ours.truth.L0)).toBeLessThan(0.02);
    const again = fitAnnealing(dense, { ...none, objective: ls, lambda: fit.constants!.lambda });
    expect(relative(again.constants!.C, fit.constants!.C)).toBeLessThan(1e-5);
  });
});

describe('noise along a curve', () => {
  it('its correlation is found, and resamples have it and the same spread', () => {
    const random = createRandom(2);
    for (const rho of [0, 0.6]) {
      const noise = autoregressive(random, rho, 0.01);
      const residuals = Array.from({ length: 3000 }, (_, i) => noise(i));
      const model = correlatedNoise(residuals, [1500, 1500], 5);
      expect(Math.abs(model.correlation - rho)).toBeLessThan(0.06);
      const drawn = model.draw(createRandom(3));
      const again = correlatedNoise(drawn, [1500, 1500], 5);
      expect(Math.abs(again.correlation - model.correlation)).toBeLessThan(0.06);
      const spread = (values: ArrayLike<number>): number =>
        Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0) / values.length);
      expect(relative(spread(drawn), 0.01)).toBeLessThan(0.1);
      expect(relative(model.effectivePoints, (3000 * (1 - model.correlation)) / (1 + model.correlation))).toBeLessThan(1e-9);
    }
  });

  it('the interval of a curve is not so wide that it says nothing', () => {
    const random = createRandom(4);
    const curves = [cosine, cooldown, constant].map((shape) =>
      curveOf(ours.truth, schedule(shape, ours.steps, ours.peak), ours.every, () => 0.002 * random.normal()),
    );
    const fit = fitAnnealing(curves, { objective: ls, lambda: ours.truth.lambda, bootstrap: { resamples: 100 } });
    const { low, high } = predictAnnealing(fit, { rates: schedule(twoSteps, ours.steps, ours.peak) }, [ours.steps])[0].loss;
    expect(high - low).toBeGreaterThan(0);
    expect(high - low).toBeLessThan(0.01);
  });
});
