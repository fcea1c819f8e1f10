// The table behind a figure: what a plot or a ladder draws, in rows.
import type { Estimate } from '../laws/fit.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Locale, Sentence } from '../messages/sentence.ts';
import type { Figure, PlotFigure, TableCell } from './figure.ts';

/** Text of a head and of rows, all of one length. */
export interface FigureTable {
  readonly head: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

/** The table behind a figure, in one language. Numbers are rounded to be read; exports of runs hold them whole. */
export function figureTable(figure: Figure, language: Locale): FigureTable {
  const say = (sentence: Sentence): string => sentence[language];
  switch (figure.kind) {
    case 'plot':
      return plotTable(figure, say);
    case 'ladder':
      return {
        head: [say(words.what), say(figure.x.label), say(words.low), say(words.high), say(words.note)],
        rows: [
          ...figure.rungs.map(({ label, estimate, note }) => [say(label), ...estimateCells(estimate), note ? say(note) : '']),
          ...figure.references.map(({ label, value, citation }) => [say(label), shortNumber(value), '', '', citation ?? '']),
        ],
      };
    case 'table':
      return { head: figure.columns.map(say), rows: figure.rows.map((row) => row.map((cell) => cellText(cell, say))) };
    default:
      throw new Error(`no figure ${JSON.stringify(figure satisfies never)}`);
  }
}

const words = {
  what: { en: 'what', zh: '项目' },
  low: { en: 'from', zh: '下限' },
  high: { en: 'to', zh: '上限' },
  note: { en: 'note', zh: '说明' },
  series: { en: 'series', zh: '系列' },
} satisfies Record<string, Sentence>;

function plotTable({ x, y, series, lines }: PlotFigure, say: (sentence: Sentence) => string): FigureTable {
  const bound = (value: number | undefined): string => (value === undefined || !Number.isFinite(value) ? '' : shortNumber(value));
  return {
    head: [say(words.series), say(x.label), say(y.label), say(words.low), say(words.high), say(words.note)],
    rows: [
      ...series.flatMap(({ label, points }) =>
        points.map((point) => [
          say(label),
          shortNumber(point.x),
          shortNumber(point.y),
          bound(point.low),
          bound(point.high),
          [point.label, point.leftOut].flatMap((one) => (one ? [say(one)] : [])).join('; '),
        ]),
      ),
      // Of a smooth line its two ends are enough to read.
      ...lines.flatMap(({ label, points, citation }) =>
        [points.at(0), points.at(-1)].flatMap((point) =>
          point ? [[say(label), shortNumber(point.x), shortNumber(point.y), bound(point.low), bound(point.high), citation ?? '']] : [],
        ),
      ),
    ],
  };
}

function estimateCells(estimate: Estimate | undefined): [string, string, string] {
  if (estimate === undefined) return ['–', '', ''];
  const { value, low, high } = estimate;
  return [shortNumber(value), Number.isFinite(low) ? shortNumber(low) : '', Number.isFinite(high) ? shortNumber(high) : ''];
}

function cellText(cell: TableCell, say: (sentence: Sentence) => string): string {
  if (cell === undefined) return '–';
  if (typeof cell === 'number') return shortNumber(cell);
  if ('en' in cell) return say(cell);
  const { value, low, high } = cell;
  return Number.isFinite(low) && Number.isFinite(high)
    ? `${shortNumber(value)} (${shortNumber(low)} … ${shortNumber(high)})`
    : shortNumber(value);
}
