// A surface over two axes as seen from a direction: where points of a unit cube fall on the picture, which faces are in
// front, and the faces of a mesh with gaps where nothing was measured.

/** A direction to look from: radians. */
export interface View {
  /** Turn about the vertical. */
  readonly azimuth: number;
  /** Height of the eye above the horizon, 0 to π/2. */
  readonly elevation: number;
}

/** A point of the cube, each coordinate from −0.5 to 0.5; z is up. */
export type Point3 = readonly [x: number, y: number, z: number];

/** A point of the picture in units of the cube's edge, y down, and how far away it is. */
export interface Projected {
  readonly x: number;
  readonly y: number;
  readonly depth: number;
}

/** Orthographic projection: parallel lines stay parallel, and heights at one place compare. */
export function project([x, y, z]: Point3, { azimuth, elevation }: View): Projected {
  const across = x * Math.cos(azimuth) - y * Math.sin(azimuth);
  const away = x * Math.sin(azimuth) + y * Math.cos(azimuth);
  return {
    x: across,
    y: -(z * Math.cos(elevation) + away * Math.sin(elevation)),
    depth: away * Math.cos(elevation) - z * Math.sin(elevation),
  };
}

/** A face of a mesh: its corners in order, and the mean height of its corners, by its own scale. */
export interface Face {
  readonly corners: readonly Point3[];
  readonly value: number;
}

/**
 * Faces between neighbouring points of a grid; a face with a corner that has no value is a gap.
 * @param place coordinates of the point in column i and row j with this value
 */
export function meshFaces(
  values: readonly (readonly (number | undefined)[])[],
  place: (column: number, row: number, value: number) => Point3,
): Face[] {
  const faces: Face[] = [];
  for (let row = 0; row + 1 < values.length; row++)
    for (let column = 0; column + 1 < values[row].length; column++) {
      const at = [
        [column, row],
        [column + 1, row],
        [column + 1, row + 1],
        [column, row + 1],
      ] as const;
      const corners = at.flatMap(([i, j]) => {
        const value = values[j][i];
        return value === undefined ? [] : [{ point: place(i, j, value), value }];
      });
      if (corners.length < at.length) continue;
      faces.push({
        corners: corners.map(({ point }) => point),
        value: corners.reduce((sum, { value }) => sum + value, 0) / corners.length,
      });
    }
  return faces;
}

/** Faces from the farthest to the nearest, so that drawing them in order hides what is hidden. */
export function farthestFirst(faces: readonly Face[], view: View): Face[] {
  const depth = ({ corners }: Face): number => corners.reduce((sum, corner) => sum + project(corner, view).depth, 0) / corners.length;
  return faces
    .map((face) => ({ face, depth: depth(face) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ face }) => face);
}
