// Axes of plots: what range they cover, where a value lies on them, where their marks are.
import type { PlotAxis, PlotLine, PlotPoint } from './data.ts';
import { linear } from './landscape-geometry.ts';
import { decimals, linearTicks, powersOfTwo, type Tick } from './ticks.ts';

type Scale = PlotAxis['scale'];
type Range = readonly [low: number, high: number];

const usable = (scale: Scale, values: readonly (number | undefined)[]): number[] =>
  values.filter((value): value is number => value !== undefined && Number.isFinite(value) && (scale === 'linear' || value > 0));

/** The range that holds all values, with a margin of this share of it. Of nothing, 1 to 10. */
export function axisRange(scale: Scale, given: readonly (number | undefined)[], margin = 0.06): Range {
  const values = usable(scale, given);
  if (values.length === 0) return [1, 10];
  const low = values.reduce((least, value) => Math.min(least, value), Infinity);
  const high = values.reduce((most, value) => Math.max(most, value), -Infinity);
  if (scale === 'linear') {
    const grow = Math.max((high - low) * margin, Math.abs(high) * 1e-3, 1e-9);
    return [low - grow, high + grow];
  }
  const grow = Math.max((high / low) ** margin, high / low > 1.5 ? 1.05 : 1.02);
  return [low / grow, high * grow];
}

/** Lines and intervals farther than this from the points do not squeeze them: a factor (log), a share of their span. */
const REACH = { log: 12, linear: 1 };

/** The vertical range: all points, and of lines and intervals what is near them. */
export function heightRange(scale: Scale, points: readonly PlotPoint[], lines: readonly PlotLine[]): Range {
  const core = usable(
    scale,
    points.map((point) => point.y),
  );
  const others = usable(scale, [
    ...lines.flatMap((line) => line.points.map((point) => point.y)),
    ...points.flatMap((point) => [point.low, point.high]),
  ]);
  if (core.length === 0) return axisRange(scale, others, 0.08);
  const low = core.reduce((least, value) => Math.min(least, value), Infinity);
  const high = core.reduce((most, value) => Math.max(most, value), -Infinity);
  const span = Math.max(high - low, Math.abs(high) * 0.05, 1e-9);
  const [from, to] = scale === 'log' ? [low / REACH.log, high * REACH.log] : [low - span * REACH.linear, high + span * REACH.linear];
  return axisRange(scale, [...core, ...others.filter((value) => value >= from && value <= to)], 0.08);
}

/** Maps values of a range to pixels. */
export function scaleOf(scale: Scale, [low, high]: Range, from: number, to: number): (value: number) => number {
  if (scale === 'linear') return linear(low, high, from, to);
  const map = linear(Math.log(low), Math.log(high), from, to);
  return (value) => map(Math.log(value));
}

/** Marks of an axis, at most this many. */
export function axisTicks({ scale, binaryLabel }: PlotAxis, [low, high]: Range, most: number): Tick[] {
  if (scale === 'linear') return linearTicks(low, high, most);
  if (binaryLabel) {
    const ticks = powersOfTwo(low, high, most, binaryLabel);
    if (ticks.length >= 2) return ticks;
  }
  return decimals(low, high, most);
}
