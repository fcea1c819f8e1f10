// From an experiment's figures (plain data, two languages) to what charts draw.
import type { FigureAxis, LadderFigure, PlotFigure } from '../experiments/figure.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { LadderMark, LadderRow, PlotAxis, PlotLine, PlotSeries } from './charts/data.ts';
import { count, learningRate, significant } from './format.ts';

type Say = (sentence: Sentence) => string;

const strokes = { fitted: 'solid', published: 'dashed', exact: 'dotted' } as const;

/** A number as it stands in a label: counts from a thousand on with their unit letter. */
function shown(value: number): string {
  return Math.abs(value) >= 1000 ? count(value) : significant(value, 4);
}

/** An axis. Powers of two below one are learning rates and are written as such. */
export function axisOf({ label, scale, octaves }: FigureAxis, say: Say): PlotAxis {
  const binaryLabel = (value: number): string => (value < 1 ? learningRate(value) : count(value));
  return { title: say(label), scale, ...(octaves && { binaryLabel }) };
}

/** Everything of a plot. Lines take the colour of their series; those without one come after the series. */
export function plotOf(
  { x, y, series, lines }: PlotFigure,
  say: Say,
): { x: PlotAxis; y: PlotAxis; series: PlotSeries[]; lines: PlotLine[] } {
  const colours = new Map(series.map(({ id }, index) => [id, index]));
  let next = series.length;
  return {
    x: axisOf(x, say),
    y: axisOf(y, say),
    series: series.map(({ id, label, points, joined }, colour) => ({
      id,
      name: say(label),
      colour,
      ...(joined && { joined }),
      points: points.map((point) => {
        const { label: about, leftOut, ...rest } = point;
        const range = point.low !== undefined && Number.isFinite(point.low) ? ` (${shown(point.low)} – ${shown(point.high ?? NaN)})` : '';
        const text = `${say(label)}: ${shown(point.x)}, ${shown(point.y)}${range}`;
        return { ...rest, label: about ? `${text}; ${say(about)}` : text, ...(leftOut && { leftOut: say(leftOut) }) };
      }),
    })),
    lines: lines.map(({ id, label, points, source, series: owner, citation }) => ({
      id,
      name: say(label),
      label: citation === undefined ? say(label) : `${say(label)}: ${citation}`,
      points,
      stroke: strokes[source],
      colour: (owner === undefined ? undefined : colours.get(owner)) ?? next++,
    })),
  };
}

/** Everything of a ladder. */
export function ladderOf({ x, rungs, references }: LadderFigure, say: Say): { x: PlotAxis; rows: LadderRow[]; marks: LadderMark[] } {
  return {
    x: axisOf(x, say),
    rows: rungs.map(({ id, label, estimate, note }) => ({
      id,
      name: say(label),
      ...(estimate && { value: estimate.value, low: estimate.low, high: estimate.high }),
      label: estimate ? `${say(label)}: ${shown(estimate.value)} (${shown(estimate.low)} – ${shown(estimate.high)})` : say(label),
      ...(note && { note: say(note) }),
    })),
    marks: references.map(({ label, value, citation }) => ({
      name: say(label),
      value,
      label: citation === undefined ? say(label) : `${say(label)}: ${citation}`,
    })),
  };
}
