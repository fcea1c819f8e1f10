// The tools under every law, against values known from elsewhere.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapParameters, exchangeableResiduals, groupRows } from '../../../src/laws/bootstrap.ts';
import { firstProblem, enoughPoints, notTied, wideEnough } from '../../../src/laws/design.ts';
import { objectiveValue, robustCurveFit, robustLinearFit } from '../../../src/laws/huber.ts';
import { fitCurve } from '../../../src/laws/levenberg.ts';
import { createRandom, resampleGroups, resampleIndices } from '../../../src/laws/random.ts';
import { weightedLeastSquares } from '../../../src/laws/regression.ts';
import { intervalFromSamples, studentQuantile } from '../../../src/laws/statistics.ts';

describe('random', () => {
  it('gives the same stream for the same seed and unrelated ones for neighbouring seeds', () => {
    const draw = (seed: number): number[] => {
      const random = createRandom(seed);
      return Array.from({ length: 1000 }, () => random.uniform());
    };
    expect(draw(7)).toEqual(draw(7));
    const [first, second] = [draw(7), draw(8)];
    const covariance = first.reduce((sum, value, i) => sum + (value - 0.5) * (second[i] - 0.5), 0) / 1000;
    expect(Math.abs(covariance)).toBeLessThan(4 / 12 / Math.sqrt(1000));
  });

  it('draws normals with mean 0, variance 1 and kurtosis 3', () => {
    const random = createRandom(1);
    const moments = [0, 0, 0];
    const count = 100_000;
    for (let i = 0; i < count; i++) {
      const value = random.normal();
      moments[0] += value / count;
      moments[1] += value ** 2 / count;
      moments[2] += value ** 4 / count;
    }
    expect(moments[0]).toBeCloseTo(0, 1.9);
    expect(moments[1]).toBeCloseTo(1, 1.5);
    expect(Math.abs(moments[2] - 3)).toBeLessThan(0.15);
  });

  it('draws every index equally often, and groups whole', () => {
    const random = createRandom(2);
    const counts = new Array<number>(5).fill(0);
    for (let i = 0; i < 4000; i++) for (const index of resampleIndices(random, 5)) counts[index]++;
    for (const count of counts) expect(Math.abs(count - 4000)).toBeLessThan(4 * Math.sqrt(3200));
    const drawn = resampleGroups(random, [[1, 2], [3, 4, 5], [6]]);
    expect(drawn.filter((member) => member === 1).length).toBe(drawn.filter((member) => member === 2).length);
  });
});

describe('intervals', () => {
  it("has Student's quantiles from the printed table", () => {
    // Abramowitz & Stegun, table 26.10, two-sided 95 % and 99 %.
    const table: [number, number, number][] = [
      [1, 12.706, 63.657],
      [2, 4.303, 9.925],
      [3, 3.182, 5.841],
      [10, 2.228, 3.169],
      [30, 2.042, 2.75],
      [Infinity, 1.96, 2.576],
    ];
    for (const [degrees, at95, at99] of table) {
      expect(Math.abs(studentQuantile(0.95, degrees) - at95)).toBeLessThan(6e-4);
      expect(Math.abs(studentQuantile(0.99, degrees) - at99)).toBeLessThan(6e-4);
    }
    expect(studentQuantile(0.95, 0)).toBeNaN();
  });

  it('stretches around the estimate, on the scale asked for', () => {
    const samples = Array.from({ length: 2001 }, (_, i) => Math.exp((i - 1000) / 1000));
    const plain = intervalFromSamples(1, samples);
    const stretched = intervalFromSamples(1, samples, { degreesOfFreedom: 2, scale: 'log' });
    const factor = studentQuantile(0.95, 2) / studentQuantile(0.95, Infinity);
    expect(Math.log(stretched.low) / Math.log(plain.low)).toBeCloseTo(factor, 6);
    expect(stretched.low).toBeGreaterThan(0);
    expect(intervalFromSamples(1, [1, 2, 3])).toEqual({ value: 1, low: NaN, high: NaN });
  });

  it('withholds intervals when resamples fail too often', () => {
    let draws = 0;
    const result = bootstrapParameters({
      values: { a: 1 },
      unit: 'runs',
      options: { resamples: 100 },
      draw: (random) => (draws++ % 2 === 0 ? undefined : { a: random.normal() }),
    });
    expect(result.failed).toBe(50);
    expect(result.parameters.a).toEqual({ value: 1, low: NaN, high: NaN });
  });
});

describe('regression', () => {
  it("recovers Anscombe's first data set: 3.0001 + 0.5001 x, standard errors 1.1247 and 0.1179", () => {
    const x = [10, 8, 13, 9, 11, 14, 6, 4, 12, 7, 5];
    const y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
    const fit = weightedLeastSquares(
      x.map((value) => [1, value]),
      y,
    );
    if (fit.status !== 'full rank') throw new Error('rank');
    expect(fit.coefficients[0]).toBeCloseTo(3.0000909, 6);
    expect(fit.coefficients[1]).toBeCloseTo(0.5000909, 6);
    const variance = fit.sumOfSquares / fit.degreesOfFreedom;
    expect(Math.sqrt(variance * fit.inverseNormal[0][0])).toBeCloseTo(1.1247468, 6);
    expect(Math.sqrt(variance * fit.inverseNormal[1][1])).toBeCloseTo(0.1179055, 6);
    expect(fit.leverages.reduce((sum, value) => sum + value, 0)).toBeCloseTo(2, 10);
  });

  it('treats a weight of two as a row given twice', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.double({ min: -5, max: 5, noNaN: true }), fc.double({ min: -5, max: 5, noNaN: true })), {
          minLength: 5,
          maxLength: 12,
        }),
        (pairs) => {
          const rows = pairs.map(([x], i) => [1, x + i]);
          const y = pairs.map(([, value]) => value);
          const weighted = weightedLeastSquares(
            rows,
            y,
            y.map((_, i) => (i === 0 ? 2 : 1)),
          );
          const twice = weightedLeastSquares([...rows, rows[0]], [...y, y[0]]);
          if (weighted.status !== 'full rank' || twice.status !== 'full rank') return weighted.status === twice.status;
          return weighted.coefficients.every((value, j) => Math.abs(value - twice.coefficients[j]) < 1e-6 * (1 + Math.abs(value)));
        },
      ),
    );
  });

  it('says which column is dependent instead of inventing coefficients', () => {
    const rows = [1, 2, 3, 4, 5].map((x) => [1, x, 3 * x - 2]);
    expect(weightedLeastSquares(rows, [1, 2, 3, 4, 6])).toEqual({ status: 'rank deficient', column: 2 });
    expect(weightedLeastSquares([[1, 2]], [3]).status).toBe('rank deficient');
  });

  it('gives residuals their variance back', () => {
    // A point that alone determines a coefficient has no residual to give.
    expect([...exchangeableResiduals([0, 1, -1], [1, 0.75, 0.75])]).toEqual([0, 2, -2]);
  });
});

describe('robust fits', () => {
  const random = createRandom(5);
  const rows = Array.from({ length: 41 }, (_, i) => [1, i / 10]);
  const y = rows.map(([, x]) => 1 + 2 * x + 0.02 * random.normal() + (random.uniform() < 0.15 ? 3 : 0));

  for (const objective of [{ name: 'huber', delta: 0.01 } as const, { name: 'lad' } as const]) {
    it(`${objective.name} ends where no neighbour is better`, () => {
      const fit = robustLinearFit(rows, y, objective);
      if (fit.status === 'rank deficient') throw new Error('rank');
      expect(fit.status).toBe('converged');
      const at = (a: number, b: number): number =>
        objectiveValue(
          objective,
          y.map((value, i) => value - a - b * rows[i][1]),
        );
      const best = at(fit.coefficients[0], fit.coefficients[1]);
      expect(best).toBeCloseTo(fit.objective, 12);
      for (const step of [1e-2, 1e-4]) {
        for (let angle = 0; angle < 16; angle++) {
          const moved = at(fit.coefficients[0] + step * Math.cos(angle), fit.coefficients[1] + step * Math.sin(angle));
          expect(moved).toBeGreaterThanOrEqual(best - 1e-12);
        }
      }
      expect(fit.coefficients[1]).toBeCloseTo(2, 1);
    });
  }

  it('finds the median as the least-absolute-deviations constant', () => {
    const values = [5, 1, 9, 2, 40];
    const fit = robustLinearFit(
      values.map(() => [1]),
      values,
      { name: 'lad' },
    );
    if (fit.status === 'rank deficient') throw new Error('rank');
    expect(fit.coefficients[0]).toBeCloseTo(5, 10);
  });
});

describe('curves', () => {
  const x = Array.from({ length: 30 }, (_, i) => i / 5);
  const problem = (y: readonly number[], start: readonly number[]) => ({
    y,
    start,
    model: ([a, k, c]: readonly number[]) => x.map((value) => a * Math.exp(-k * value) + c),
    jacobian: ([a, k]: readonly number[]) => x.map((value) => [Math.exp(-k * value), -a * value * Math.exp(-k * value), 1]),
  });

  it('recovers a noise-free exponential to 1e-9', () => {
    const fit = fitCurve(
      problem(
        x.map((value) => 3 * Math.exp(-0.7 * value) + 0.4),
        [1, 0.1, 0],
      ),
    );
    expect(fit.status).toBe('converged');
    [3, 0.7, 0.4].forEach((value, k) => expect(Math.abs(fit.parameters[k] / value - 1)).toBeLessThan(1e-9));
  });

  it('stops on the box and says so', () => {
    const y = x.map((value) => 3 * Math.exp(-0.7 * value) + 0.4);
    const fit = fitCurve({ ...problem(y, [1, 0.3, 0.5]), lower: [0, 0, 0.5], upper: [10, 10, 10] });
    expect(fit.status).toBe('bound hit');
    expect(fit.parameters[2]).toBe(0.5);
  });

  it('is not led away by outliers under Huber', () => {
    const y = x.map((value, i) => 3 * Math.exp(-0.7 * value) + 0.4 + (i % 9 === 4 ? 0.8 : 0));
    const fit = robustCurveFit(problem(y, [1, 0.1, 0]), { name: 'huber', delta: 1e-3 });
    expect(Math.abs(fit.parameters[1] - 0.7)).toBeLessThan(0.01);
    expect(Math.abs(fitCurve(problem(y, [1, 0.1, 0])).parameters[1] - 0.7)).toBeGreaterThan(0.02);
  });
});

describe('designs', () => {
  it('asks for parameters + 2 points, a wide axis and untied axes', () => {
    expect(enoughPoints(5, 4)?.status).toBe('not enough points');
    expect(enoughPoints(6, 4)).toBeUndefined();
    expect(wideEnough([1e3, 2e3], 'N')?.status).toBe('range too narrow');
    expect(wideEnough([1e3, 1e4], 'N')).toBeUndefined();
    const N = [1e3, 1e4, 1e5, 1e6];
    expect(
      notTied(
        N,
        N.map((n) => 20 * n),
        'N',
        'D',
      )?.status,
    ).toBe('not identified');
    expect(
      notTied(
        N,
        N.map((n) => 20 * n ** 0.7),
        'N',
        'D',
      )?.status,
    ).toBe('not identified');
    expect(notTied([...N, ...N], [...N, ...N.map((n) => 30 * n)], 'N', 'D')).toBeUndefined();
    expect(firstProblem(undefined, enoughPoints(1, 1), undefined)?.status).toBe('not enough points');
    expect(groupRows(4, (row) => row % 2)).toEqual([
      [0, 2],
      [1, 3],
    ]);
  });
});
