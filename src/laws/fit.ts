// What every fit returns: an immutable result that carries its status, so that no caller can mistake a bound that
// was hit, or a design that cannot identify a parameter, for an estimate.
import type { Sentence } from '../messages/sentence.ts';

/**
 * How a fit ended. Only `converged` may be drawn as a law, compared or extrapolated.
 * - `not enough points`: fewer usable points than parameters + 2
 * - `range too narrow`: an axis spans too little for its exponent
 * - `not identified`: the design ties parameters together (a fixed N/D ratio, a vertex outside the grid, a flat direction)
 * - `at the edge`: the optimum is on the edge of the grid
 * - `bound hit`: a parameter ended on a bound of the search
 * - `not converged`: the solver stopped before its tolerance
 */
export type FitStatus =
  | 'converged'
  | 'not enough points'
  | 'range too narrow'
  | 'not identified'
  | 'at the edge'
  | 'bound hit'
  | 'not converged';

/** A number with its 95 % interval (`low` ≤ `high`; NaN where no interval could be had). */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What is resampled with replacement to get intervals, how often, and from which seed. */
export interface Bootstrap {
  readonly unit: 'runs' | 'cells' | 'seeds' | 'residuals';
  readonly resamples: number;
  readonly seed: number;
}

/** A row that a fit did not use, and why. `row` indexes the table that was passed in. */
export interface LeftOut {
  readonly row: number;
  readonly reason: Sentence;
}

/** The result of fitting one law. `Name` are the law's parameter names. */
export interface Fit<Name extends string = string> {
  readonly law: string;
  readonly status: FitStatus;
  /** One sentence: what was found, or why nothing was and what to run next. */
  readonly message: Sentence;
  /** Present for `converged`; for other statuses only what is still meaningful, often nothing. */
  readonly parameters: Readonly<Partial<Record<Name, Estimate>>>;
  /** The minimised quantity and its value at the end (`delta` for Huber, in units of log loss). */
  readonly objective: { readonly name: 'huber' | 'lad' | 'ls'; readonly value: number; readonly delta?: number };
  /** Rows used, as indices into the table that was passed in; of a refused fit, those it would have used. */
  readonly used: readonly number[];
  readonly left: readonly LeftOut[];
  /** Observed − fitted, one per used row, in the unit that `objective` works in (log of the quantity, unless the law says otherwise). */
  readonly residuals: readonly number[];
  readonly bootstrap: Bootstrap | undefined;
}

/** One row of a table of runs. Raw counts; tokens, FLOPs, nats per token. Absent columns are undefined. */
export interface RunRow {
  /** Parameters; the caller says which count it passed. */
  readonly N?: number;
  /** Training tokens. */
  readonly D?: number;
  /** Training FLOPs. */
  readonly C?: number;
  /** Optimizer steps. */
  readonly S?: number;
  /** Peak learning rate. */
  readonly lr?: number;
  /** Batch, tokens. */
  readonly B?: number;
  /** Loss, nats per token. */
  readonly loss: number;
  readonly seed?: number;
  /** How the run ended, where that is known; `diverged` and `failed` runs are kept as part of the grid and left out of fits. */
  readonly status?: 'done' | 'diverged' | 'failed';
  /** Curves have many rows of one run; rows of one run share this. */
  readonly run?: string;
}
