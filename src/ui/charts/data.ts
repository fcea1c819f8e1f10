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

/** One point; `low` and `high` are its interval on the vertical axis, `xLow` and `xHigh` on the horizontal one. */
export interface PlotPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number;
  readonly high?: number;
  readonly xLow?: number;
  readonly xHigh?: number;
  /** What is shown on hover. */
  readonly label: string;
  /** Why a fit left it out; such points are grey. */
  readonly leftOut?: string;
  /** Observed over fitted, minus 1; drawn beneath when any point has one. */
  readonly residual?: number;
}

/** Points of one kind. */
export interface PlotSeries {
  readonly id: string;
  readonly name: string;
  readonly points: readonly PlotPoint[];
  /** Index into the colours of series. */
  readonly colour: number;
  /** Joined in the order given: a measured curve, drawn with small points. */
  readonly joined?: boolean;
}

/** A line, with a band where it has an interval. */
export interface PlotLine {
  readonly id: string;
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
  /** Laws fitted here are solid, published ones dashed, known truths dotted. Default solid. */
  readonly stroke?: 'solid' | 'dashed' | 'dotted';
  readonly colour: number;
  /** Shown on hover: the law with its numbers, or its citation. */
  readonly label: string;
}

/** An axis of a plot. */
export interface PlotAxis {
  readonly title: string;
  readonly scale: 'log' | 'linear';
  /** Marks of a logarithmic axis at powers of two, labelled by this; decimal ones without it. */
  readonly binaryLabel?: (value: number) => string;
}

/** One value of a ladder with its interval; without a value, `note` says why. */
export interface LadderRow {
  readonly id: string;
  readonly name: string;
  readonly value?: number;
  readonly low?: number;
  readonly high?: number;
  /** What is shown on hover. */
  readonly label: string;
  readonly note?: string;
}

/** A value to compare with: a vertical line. */
export interface LadderMark {
  readonly name: string;
  readonly value: number;
  readonly label: string;
}
