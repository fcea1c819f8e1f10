// Figures of an experiment on a terminal: every one as the table behind it.
import { figureTable } from '../experiments/figure-table.ts';
import type { Figure } from '../experiments/figure.ts';
import type { Locale } from '../messages/sentence.ts';

/** A figure's title and table, columns in line. Sentences longer than a column go last and are not padded. */
export function figureText(figure: Figure, language: Locale): string {
  const { head, rows } = figureTable(figure, language);
  const all = [head, ...rows.map((row) => row.map(String))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column])))
      .join('  ')
      .trimEnd(),
  );
  return [figure.title[language], ...lines.map((line) => `  ${line}`)].join('\n');
}
