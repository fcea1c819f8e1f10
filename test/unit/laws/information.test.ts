// Information matrices against a general inverse, and errors against simulated fits.
import fc from 'fast-check';
import { determinant, inverse, Matrix } from 'ml-matrix';
import { describe, expect, it } from 'vitest';
import { addObservation, covarianceOf, huberEfficiency, packedLength, varianceOf } from '../../../src/laws/information.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { robustLinearFit } from '../../../src/laws/huber.ts';
import { sampleStandardDeviation } from '../../../src/laws/statistics.ts';

// In hundredths: squares of numbers near the smallest there are vanish, and the general solver knows no answer.
const component = fc.integer({ min: -300, max: 300 }).map((hundredths) => hundredths / 100);
const gradients = fc.integer({ min: 1, max: 5 }).chain((order) =>
  fc.array(fc.array(component, { minLength: order, maxLength: order }), {
    minLength: order + 2,
    maxLength: 12,
  }),
);

describe('information', () => {
  it('is inverted as a general solver inverts it', () => {
    fc.assert(
      fc.property(gradients, (rows) => {
        const order = rows[0].length;
        const information = new Float64Array(packedLength(order));
        for (const row of rows) addObservation(information, row, 2);
        const X = new Matrix(rows);
        const normal = X.transpose().mmul(X).mul(2);
        const covariance = covarianceOf(information, order);
        const spread = determinant(normal) / normal.diag().reduce((product, value) => product * value, 1);
        fc.pre(spread > 1e-4);
        const expected = inverse(normal);
        const combination = rows[0];
        const asked = new Matrix([combination]);
        expect(varianceOf(covariance!, combination)).toBeCloseTo(asked.mmul(expected).mmul(asked.transpose()).get(0, 0), 6);
      }),
    );
  });

  it('refuses a design that ties two parameters together', () => {
    const information = new Float64Array(packedLength(3));
    for (let x = 1; x <= 6; x++) addObservation(information, [1, x, 2 * x + 1]);
    expect(covarianceOf(information, 3)).toBeUndefined();
  });
});

describe('efficiency of Huber’s loss', () => {
  it('goes from that of absolute deviations to that of squares', () => {
    expect(huberEfficiency(0)).toBeCloseTo(2 / Math.PI, 10);
    expect(huberEfficiency(0.011)).toBeCloseTo(2 / Math.PI, 2);
    // The constant that gives 95 % efficiency, as robust-statistics texts have it.
    expect(huberEfficiency(1.345)).toBeCloseTo(0.95, 3);
    expect(huberEfficiency(6)).toBeCloseTo(1, 4);
  });

  it('is what simulated slopes scatter by', () => {
    const random = createRandom(3);
    const x = Array.from({ length: 40 }, (_, i) => [1, i / 40 - 0.5]);
    const slopes = (objective: Parameters<typeof robustLinearFit>[2]): number => {
      const found = Array.from({ length: 400 }, () => {
        const fit = robustLinearFit(
          x,
          x.map(() => random.normal()),
          objective,
        );
        return fit.status === 'rank deficient' ? NaN : fit.coefficients[1];
      });
      return sampleStandardDeviation(found) ** 2;
    };
    const ratio = slopes({ name: 'ls' }) / slopes({ name: 'huber', delta: 0.1 });
    expect(ratio).toBeGreaterThan(0.5);
    expect(ratio).toBeLessThan(0.85);
    expect(huberEfficiency(0.1)).toBeCloseTo(0.68, 1);
  });
});
