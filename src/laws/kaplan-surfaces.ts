// The surfaces of log loss that Kaplan's laws are, in parameters that behave: each power law is a line
// p − α·(log x − centre), p its log loss in the middle of the data, and L(N, D), L(N, S_min) join two such lines.
//
// With a = log L(N), b = log L(D) and q = 1/α_D, L(N, D) is log L = log(e^{qa} + e^{qb})/q, a soft maximum of the two:
// the same join as the plain sum of L(N, S_min), where q = 1.

/** Log loss of many rows, and its derivatives. */
export interface Surface {
  readonly rows: number;
  /** Number of parameters. */
  readonly size: number;
  /**
   * Writes log loss (one per row) and, where asked for, its derivatives (row after row, `size` each) at the given
   * parameters. NaN outside the domain.
   */
  readonly evaluate: (parameters: ArrayLike<number>, fitted: Float64Array, derivatives?: Float64Array) => void;
}

/** How two power laws make one loss: `power` as L(N, D) does, `sum` as L(N, S_min) does. */
export type Join = 'power' | 'sum';

/** log L = p − α·x, parameters [p, α]. @param x logs about their centre */
export function lineSurface(x: Float64Array): Surface {
  return {
    rows: x.length,
    size: 2,
    evaluate: (parameters, fitted, derivatives) => {
      const { 0: p, 1: alpha } = parameters;
      for (let i = 0; i < x.length; i++) {
        fitted[i] = p - alpha * x[i];
        if (derivatives === undefined) continue;
        derivatives[2 * i] = 1;
        derivatives[2 * i + 1] = -x[i];
      }
    },
  };
}

/** Two power laws joined, parameters [p, α] of the first over `x` and [p, α] of the second over `u`. */
export function joinedSurface(x: Float64Array, u: Float64Array, join: Join): Surface {
  return {
    rows: x.length,
    size: 4,
    evaluate: (parameters, fitted, derivatives) => {
      const { 0: p, 1: alpha, 2: pSecond, 3: alphaSecond } = parameters;
      const scale = join === 'power' ? alphaSecond : 1;
      for (let i = 0; i < x.length; i++) {
        const a = (p - alpha * x[i]) / scale;
        const b = (pSecond - alphaSecond * u[i]) / scale;
        const larger = Math.max(a, b);
        const sum = larger + Math.log1p(Math.exp(-Math.abs(a - b)));
        fitted[i] = scale > 0 ? scale * sum : NaN;
        if (derivatives === undefined) continue;
        const first = Math.exp(a - sum);
        const second = Math.exp(b - sum);
        const at = 4 * i;
        derivatives[at] = first;
        derivatives[at + 1] = -first * x[i];
        derivatives[at + 2] = second;
        // d/dα of α·log(e^{a/α} + e^{b/α}) at fixed lines is the entropy of the two shares.
        derivatives[at + 3] = -second * u[i] + (join === 'power' ? sum - first * a - second * b : 0);
      }
    },
  };
}

/** The last two parameters of a joined surface alone, the first two held at `held`. */
export function withFirstHeld(surface: Surface, held: readonly number[]): Surface {
  const all = new Float64Array(surface.rows * surface.size);
  return {
    rows: surface.rows,
    size: surface.size - held.length,
    evaluate: (parameters, fitted, derivatives) => {
      surface.evaluate([...held, ...Array.from(parameters)], fitted, derivatives === undefined ? undefined : all);
      if (derivatives === undefined) return;
      const free = surface.size - held.length;
      for (let i = 0; i < surface.rows; i++)
        for (let k = 0; k < free; k++) derivatives[i * free + k] = all[i * surface.size + held.length + k];
    },
  };
}

/** Log of the constant of a power law x_c from its line: (x_c/x)^α = e^{p − α(log x − centre)}. */
export function logConstant(p: number, alpha: number, centre: number): number {
  return p / alpha + centre;
}
