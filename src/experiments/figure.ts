// What an experiment shows beside its verdict: figures as plain data. The page draws them, the command line prints
// them as tables, and both can export them; an experiment draws nothing itself.
import type { Sentence } from '../messages/sentence.ts';
import type { Estimate } from '../laws/fit.ts';

/** An axis of a plot. */
export interface FigureAxis {
  /** The quantity, with its unit where it has one. */
  readonly label: Sentence;
  readonly scale: 'log' | 'linear';
  /** Marks at powers of two (learning rates, batches) in place of decimal ones. Logarithmic axes only. */
  readonly octaves?: boolean;
}

/** A point; intervals where there are any. */
export interface FigurePoint {
  readonly x: number;
  readonly y: number;
  /** Interval of y. */
  readonly low?: number;
  readonly high?: number;
  /** Interval of x. */
  readonly xLow?: number;
  readonly xHigh?: number;
  /** What the point is, beside its values. */
  readonly label?: Sentence;
  /** Why a fit left it out; such points are grey. */
  readonly leftOut?: Sentence;
  /** Observed over fitted, minus one; drawn beneath the plot. */
  readonly residual?: number;
  /** Ids of the runs behind it, which a click opens. */
  readonly runs?: readonly string[];
}

/** Points of one kind, in one colour. */
export interface FigureSeries {
  readonly id: string;
  readonly label: Sentence;
  readonly points: readonly FigurePoint[];
  /** Joined in the order given: a curve that was measured. */
  readonly joined?: boolean;
}

/** A line: a law, here or published. */
export interface FigureLine {
  readonly id: string;
  readonly label: Sentence;
  /** In the order of x, with the band where the line has one. */
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
  /** `fitted` here (solid), `published` (dashed) or `exact` (a known truth, dotted). */
  readonly source: 'fitted' | 'published' | 'exact';
  /** Id of the series that it belongs to, whose colour it takes. */
  readonly series?: string;
  /** Where a published line was published. */
  readonly citation?: string;
}

/** Points and lines on two axes. */
export interface PlotFigure {
  readonly kind: 'plot';
  readonly id: string;
  readonly title: Sentence;
  /** What is to be seen, in a sentence or two. */
  readonly caption: Sentence;
  readonly x: FigureAxis;
  readonly y: FigureAxis;
  readonly series: readonly FigureSeries[];
  readonly lines: readonly FigureLine[];
}

/** One value with its interval on a ladder. */
export interface LadderRung {
  readonly id: string;
  readonly label: Sentence;
  /** Undefined where it could not be had; `note` then says why. */
  readonly estimate: Estimate | undefined;
  readonly note?: Sentence;
}

/** Values of one quantity under each other, with their intervals: exponents by count, shifts by shape, gaps by law. */
export interface LadderFigure {
  readonly kind: 'ladder';
  readonly id: string;
  readonly title: Sentence;
  readonly caption: Sentence;
  readonly x: FigureAxis;
  readonly rungs: readonly LadderRung[];
  /** Values to compare with, drawn as vertical lines. */
  readonly references: readonly { readonly label: Sentence; readonly value: number; readonly citation?: string }[];
}

/** A cell of a table. */
export type TableCell = number | Sentence | Estimate | undefined;

/** Figures that are read rather than seen. */
export interface TableFigure {
  readonly kind: 'table';
  readonly id: string;
  readonly title: Sentence;
  readonly caption: Sentence;
  /** Heads, with units where there are any. */
  readonly columns: readonly Sentence[];
  readonly rows: readonly (readonly TableCell[])[];
}

/** A figure of an experiment. Plain data. */
export type Figure = PlotFigure | LadderFigure | TableFigure;

/** A label that reads the same in both languages: a symbol, a name, a number. */
export function same(text: string): Sentence {
  return { en: text, zh: text };
}
