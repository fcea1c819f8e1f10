// The quadratic in (log2 learning rate, log2 batch): its value, its Hessian, its vertex. Shared by the fit and by
// whatever draws contours of it.

/** Which axes the surface bends along; with one of them the other is constant in the data. */
export type BowlAxes = 'both' | 'lr' | 'B';

/**
 * L = c0 + c1·x + c2·y + c3·x² + c4·x·y + c5·y² with x = log2(η) − centre.x, y = log2(B) − centre.y (B in tokens, L in nats).
 * With `axes: 'lr'` the coefficients of y are zero, with `'B'` those of x.
 */
export interface BowlSurface {
  readonly axes: BowlAxes;
  readonly centre: { readonly x: number; readonly y: number };
  readonly coefficients: readonly [number, number, number, number, number, number];
}

/** Loss in nats at a learning rate and a batch in tokens, both positive. */
export function bowlLoss(surface: BowlSurface, lr: number, B: number): number {
  const [c0, c1, c2, c3, c4, c5] = surface.coefficients;
  const x = surface.axes === 'B' ? 0 : Math.log2(lr) - surface.centre.x;
  const y = surface.axes === 'lr' ? 0 : Math.log2(B) - surface.centre.y;
  return c0 + c1 * x + c2 * y + c3 * x * x + c4 * x * y + c5 * y * y;
}

/** Curvatures and stationary point of a surface, in log2 coordinates. */
export interface BowlShape {
  /** Eigenvalues of the Hessian, ascending, nats per octave²; one when only one axis varies. */
  readonly eigenvalues: readonly number[];
  /** Unit eigenvector (x, y) of the smallest eigenvalue: the direction of the valley. */
  readonly valley: readonly [number, number];
  /** Where the gradient vanishes, log2 of (learning rate, batch); NaN on an axis that does not vary, or where the Hessian is singular. */
  readonly vertex: readonly [number, number];
  /** Loss there. */
  readonly loss: number;
}

/** The shape of a surface from its coefficients. */
export function bowlShape(surface: BowlSurface): BowlShape {
  const [c0, c1, c2, c3, c4, c5] = surface.coefficients;
  const { axes, centre } = surface;
  if (axes === 'lr') {
    const x = -c1 / (2 * c3);
    return { eigenvalues: [2 * c3], valley: [1, 0], vertex: [centre.x + x, NaN], loss: c0 + (c1 * x) / 2 };
  }
  if (axes === 'B') {
    const y = -c2 / (2 * c5);
    return { eigenvalues: [2 * c5], valley: [0, 1], vertex: [NaN, centre.y + y], loss: c0 + (c2 * y) / 2 };
  }
  const half = c3 + c5;
  const spread = Math.hypot(c3 - c5, c4);
  const determinant = 4 * c3 * c5 - c4 * c4;
  const x = (-2 * c5 * c1 + c4 * c2) / determinant;
  const y = (-2 * c3 * c2 + c4 * c1) / determinant;
  // Eigenvector of the smallest eigenvalue: half the angle of the Hessian's deviator, turned by a right angle.
  const angle = Math.atan2(c4, c3 - c5) / 2 + Math.PI / 2;
  return {
    eigenvalues: [half - spread, half + spread],
    valley: [Math.cos(angle), Math.sin(angle)],
    vertex: [centre.x + x, centre.y + y],
    loss: c0 + (c1 * x + c2 * y) / 2,
  };
}
