// The surface's geometry: heights keep their order, what is nearer is drawn later, gaps stay gaps.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { farthestFirst, meshFaces, project, type Face, type Point3 } from '../../../src/ui/charts/projection.ts';

const coordinate = fc.double({ min: -0.5, max: 0.5, noNaN: true });
const view = fc.record({
  azimuth: fc.double({ min: 0, max: 2 * Math.PI, noNaN: true }),
  elevation: fc.double({ min: 0.1, max: 1.4, noNaN: true }),
});

describe('projection', () => {
  it('keeps lengths: x, y and depth are a rotation of the point', () => {
    fc.assert(
      fc.property(coordinate, coordinate, coordinate, view, (x, y, z, from) => {
        const seen = project([x, y, z], from);
        expect(Math.hypot(seen.x, seen.y, seen.depth)).toBeCloseTo(Math.hypot(x, y, z), 9);
      }),
    );
  });

  it('draws what is higher higher, at one place', () => {
    fc.assert(
      fc.property(coordinate, coordinate, view, (x, y, from) => {
        expect(project([x, y, 0.3], from).y).toBeLessThan(project([x, y, -0.3], from).y);
      }),
    );
  });

  it('sees from the front at azimuth 0: what is farther back is farther away and, from above, higher', () => {
    const from = { azimuth: 0, elevation: 0.5 };
    const [front, back] = [project([0, -0.5, 0], from), project([0, 0.5, 0], from)];
    expect(front.depth).toBeLessThan(back.depth);
    expect(back.y).toBeLessThan(front.y);
  });
});

describe('mesh', () => {
  const place = (i: number, j: number, value: number): Point3 => [i, j, value];

  it('has a face between any four neighbours, none where one is missing', () => {
    const grid = [
      [1, 2, 3],
      [4, 5, undefined],
      [7, 8, 9],
    ];
    const faces = meshFaces(grid, place);
    expect(faces.map(({ value }) => value)).toEqual([3, 6]);
    expect(faces[0].corners).toEqual([
      [0, 0, 1],
      [1, 0, 2],
      [1, 1, 5],
      [0, 1, 4],
    ]);
    expect(meshFaces([[1, 2, 3]], place)).toEqual([]);
  });

  it('is drawn from the farthest to the nearest, whatever the order given', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(coordinate, coordinate, coordinate), { minLength: 2, maxLength: 8 }), view, (centres, from) => {
        const faces = centres.map((centre): Face => ({ corners: [centre], value: 0 }));
        const depths = farthestFirst(faces, from).map(({ corners }) => project(corners[0], from).depth);
        expect(depths).toEqual([...depths].sort((a, b) => b - a));
      }),
    );
  });
});
