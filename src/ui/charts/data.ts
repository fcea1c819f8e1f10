// What charts are given: plain data, so that they know nothing of runs, fits or stores.

/** Where a cell is on its way. */
export type CellState = 'waiting' | 'training' | 'finished' | 'diverged' | 'failed' | 'skipped';

/** One learning rate and batch; replicates are averaged by the caller. */
export interface LandscapeCell {
  readonly learningRate: number;
  /** Tokens. */
  readonly batch: number;
  readonly state: CellState;
  /** Nats per token; the mean of what has finished. */
  readonly loss?: number;
  /** Share of the cell's work done, 0 to 1. */
  readonly progress?: number;
  /** Exact figures, for the tooltip and for those who do not see the picture. */
  readonly label: string;
}

/** What a fit adds. */
export interface LandscapeFit {
  /** Loss at log2 learning rate and log2 batch, nats per token. */
  readonly surface?: (logLearningRate: number, logBatch: number) => number;
  /** The vertex; absent when there is none inside the grid. */
  readonly minimum?: { readonly learningRate: number; readonly batch: number; readonly loss: number };
  /** Outline of the vertex's confidence region, (log2 learning rate, log2 batch). */
  readonly region?: readonly (readonly [number, number])[];
  /** The plateau: everything below this loss. */
  readonly plateauLoss?: number;
}

/** One point; `low` and `high` are its interval on the vertical axis. */
export interface ScalingPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
  /** What is shown on hover. */
  readonly label: string;
  /** Why a fit left it out; such points are grey. */
  readonly leftOut?: string;
  /** Observed over fitted, minus 1; drawn beneath when any point has one. */
  readonly residual?: number;
}

/** Points of one kind. */
export interface ScalingSeries {
  readonly id: string;
  readonly name: string;
  readonly points: readonly ScalingPoint[];
  /** Index into the colours of series. */
  readonly colour: number;
}

/** A line, with a band where it has an interval. */
export interface ScalingLine {
  readonly id: string;
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
  /** Solid lines are fitted here, dashed ones were published. */
  readonly dashed?: boolean;
  readonly colour: number;
  /** Shown on hover: the law with its numbers, or its citation. */
  readonly label: string;
}
