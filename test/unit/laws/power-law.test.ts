// Power laws planted with and without a floor.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitPowerLaw, powerLawAt, type PowerLawOptions, type PowerLawPoint } from '../../../src/laws/power-law.ts';
import { createRandom } from '../../../src/laws/random.ts';
import { shuffled } from './planted.ts';

const sizes = (from: number, to: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => from * (to / from) ** (i / (count - 1)));
const points = (x: readonly number[], law: { c: number; a: number; E?: number }, noise = 0, seed = 0): PowerLawPoint[] => {
  const random = createRandom(seed);
  return x.map((value, row) => ({ x: value, y: ((law.E ?? 0) + law.c * value ** law.a) * Math.exp(noise * random.normal()), row }));
};
const without = { bootstrap: { resamples: 0 } };
const relative = (found: number | undefined, truth: number): number => Math.abs(found! / truth - 1);

describe('a power law without noise comes back to 1e-6', () => {
  it.each([
    ['ours', sizes(1e3, 1e6, 7)],
    ['theirs', sizes(1e7, 1e9, 7)],
  ])('%s: alone, above a given floor, above a fitted floor', (_, x) => {
    const plain = fitPowerLaw(points(x, { c: 12, a: -0.076 }), without);
    expect(relative(plain.parameters.c?.value, 12)).toBeLessThan(1e-6);
    expect(relative(plain.parameters.a?.value, -0.076)).toBeLessThan(1e-6);
    const law = { c: 60, a: -0.34, E: 1.3 };
    const given = fitPowerLaw(points(x, law), { ...without, floor: 1.3 });
    expect(relative(given.parameters.a?.value, -0.34)).toBeLessThan(1e-6);
    const fitted = fitPowerLaw(points(x, law), { ...without, floor: 'fitted' });
    expect(fitted.status).toBe('converged');
    for (const name of ['c', 'a', 'E'] as const) expect(relative(fitted.parameters[name]?.value, law[name])).toBeLessThan(1e-6);
    expect(relative(powerLawAt(fitted, 3e5), 1.3 + 60 * 3e5 ** -0.34)).toBeLessThan(1e-6);
  });

  it('by any objective', () => {
    for (const objective of [{ name: 'huber', delta: 1e-3 } as const, { name: 'lad' } as const]) {
      const fit = fitPowerLaw(points(sizes(1e3, 1e6, 9), { c: 60, a: -0.34, E: 1.3 }), { ...without, floor: 'fitted', objective });
      expect(relative(fit.parameters.E?.value, 1.3)).toBeLessThan(1e-5);
      expect(fit.objective.name).toBe(objective.name);
    }
  });
});

describe('what is refused', () => {
  it('few points, a narrow axis, no floor in the data', () => {
    expect(fitPowerLaw(points(sizes(1e3, 1e6, 3), { c: 1, a: -0.1 })).status).toBe('not enough points');
    expect(fitPowerLaw(points(sizes(1e3, 2e3, 9), { c: 1, a: -0.1 })).status).toBe('range too narrow');
    expect(fitPowerLaw(points([1e3, 1e3, 1e3, 1e6, 1e6, 1e6], { c: 60, a: -0.34, E: 1 }), { floor: 'fitted' }).status).toBe(
      'not enough points',
    );
    const straight = fitPowerLaw(points(sizes(1e3, 1e6, 9), { c: 10, a: -0.1 }), { floor: 'fitted' });
    expect(straight.status).toBe('bound hit');
    expect(straight.parameters).toEqual({});
    expect(fitPowerLaw([]).status).toBe('not enough points');
  });

  it('points below a given floor are left out by row', () => {
    const fit = fitPowerLaw(
      [...points(sizes(1e3, 1e6, 7), { c: 60, a: -0.34, E: 1.3 }), { x: 1e4, y: 1.2, row: 7 }, { x: -1, y: 2, row: 8 }],
      {
        ...without,
        floor: 1.3,
      },
    );
    expect(fit.left.map(({ row }) => row)).toEqual([7, 8]);
    expect(fit.used).toHaveLength(7);
    expect(fit.status).toBe('converged');
  });
});

describe('properties', () => {
  it('order does not matter; a unit of x moves c alone; a unit of y moves c and E', () => {
    const data = points(sizes(1e3, 1e6, 12), { c: 60, a: -0.34, E: 1.3 }, 0.003, 1);
    const options: PowerLawOptions = { ...without, floor: 'fitted' };
    const plain = fitPowerLaw(data, options).parameters;
    fc.assert(
      fc.property(
        fc.integer(),
        fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        fc.double({ min: 0.1, max: 10, noNaN: true }),
        (seed, byX, byY) => {
          const moved = fitPowerLaw(
            shuffled(data, seed).map((point) => ({ ...point, x: point.x * byX, y: point.y * byY })),
            options,
          ).parameters;
          expect(relative(moved.a?.value, plain.a!.value)).toBeLessThan(1e-5);
          expect(relative(moved.E?.value, plain.E!.value * byY)).toBeLessThan(1e-5);
          expect(relative(moved.c?.value, plain.c!.value * byY * byX ** -plain.a!.value)).toBeLessThan(1e-4);
        },
      ),
      { numRuns: 20 },
    );
  });
});

it('gives residuals row by row, and the curve with its band, whatever order the points came in', () => {
  const points = [5, 1, 9, 3, 7, 2].map((half, row) => ({
    x: 10 ** (half / 2),
    y: 5 * 10 ** (-half / 8) * (1 + 0.01 * ((row * 7) % 5)),
    row,
  }));
  const fit = fitPowerLaw(points);
  expect(fit.used).toEqual([0, 1, 2, 3, 4, 5]);
  fit.used.forEach((row, i) => expect(Math.log(points[row].y / powerLawAt(fit, points[row].x))).toBeCloseTo(fit.residuals[i], 9));
  expect(fit.curve.length).toBeGreaterThan(10);
  for (const { x, value, low, high } of fit.curve) {
    expect(value / powerLawAt(fit, x)).toBeCloseTo(1, 9);
    expect(low).toBeLessThan(value);
    expect(high).toBeGreaterThan(value);
  }
  expect(fitPowerLaw(points.slice(0, 2)).curve).toEqual([]);
});
