// Laws fitted to any table of runs, ours or from outside, side by side: what each says, and the figures that show it.
import type { BootstrapOptions } from '../laws/bootstrap.ts';
import { fitChinchilla } from '../laws/chinchilla.ts';
import { fitCriticalBatch } from '../laws/critical-batch.ts';
import { fitEnvelope } from '../laws/envelope.ts';
import type { Fit, RunRow } from '../laws/fit.ts';
import { fitIsoflop } from '../laws/isoflop.ts';
import { fitKaplan } from '../laws/kaplan.ts';
import { checkOneOf, lawTables, type LawName } from '../laws/law-tables.ts';
import { fitPowerLaw } from '../laws/power-law.ts';
import { fitThreeTerm } from '../laws/three-term.ts';
import { readTable, type TableOptions } from '../laws/table.ts';
import { fitTrajectory } from '../laws/trajectory.ts';
import { InputError, type Sentence } from '../messages/sentence.ts';
import { same, type Figure, type TableFigure } from './figure.ts';
import { allocationFigure, envelopeFigure, isoflopFigures } from './table-allocation-figures.ts';
import { criticalBatchFigure, trajectoryFigure } from './table-curve-figures.ts';
import { batchFigures, kaplanFigures, observedFigure, powerFigure } from './table-loss-figures.ts';

/** Laws that a table can be fitted by; `power-N` is loss over N, and so on. */
export const tableLaws = [
  'power-N',
  'power-D',
  'power-C',
  'chinchilla',
  'isoflop',
  'envelope',
  'kaplan',
  'three-term',
  'critical-batch',
  'trajectory',
] as const;
export type TableLaw = (typeof tableLaws)[number];

/** What each is called. */
export const tableLawNames: Readonly<Record<TableLaw, Sentence>> = {
  'power-N': { en: 'Power law of loss over N', zh: '损失随 N 的幂律' },
  'power-D': { en: 'Power law of loss over D', zh: '损失随 D 的幂律' },
  'power-C': { en: 'Power law of loss over C', zh: '损失随 C 的幂律' },
  chinchilla: { en: 'Chinchilla, approach 3: L(N, D)', zh: 'Chinchilla 方法 3：L(N, D)' },
  isoflop: { en: 'Chinchilla, approach 2: isoFLOP profiles', zh: 'Chinchilla 方法 2：等计算量曲线' },
  envelope: { en: 'Chinchilla, approach 1: envelope of curves', zh: 'Chinchilla 方法 1：曲线包络' },
  kaplan: { en: "Kaplan's laws", zh: 'Kaplan 定律' },
  'three-term': { en: 'Three-term law L(N, S, B)', zh: '三项定律 L(N, S, B)' },
  'critical-batch': { en: 'Critical batch size', zh: '临界批大小' },
  trajectory: { en: 'Loss trajectory L(S; N, B)', zh: '损失轨迹 L(S; N, B)' },
};

/** Runs of one origin. */
export interface TableSource {
  readonly id: string;
  readonly label: Sentence;
  readonly rows: readonly RunRow[];
}

/** A law fitted to one source. */
export interface SourceFit<F extends Fit = Fit> {
  readonly source: TableSource;
  readonly fit: F;
}

/** A law on every source. */
export interface TableLawAnswer {
  /** In the order of the sources. */
  readonly says: readonly { readonly source: Sentence; readonly status: Fit['status']; readonly message: Sentence }[];
  readonly figures: readonly Figure[];
}

/** A table as text, and what it is called. */
export interface TableText {
  readonly id: string;
  readonly label: Sentence;
  readonly text: string;
  /** Names of its own columns, where they are not the lab's. */
  readonly columns?: TableOptions['columns'];
}

/** The columns that a law reads. */
const lawOfTables = (law: TableLaw): LawName => (law === 'power-N' || law === 'power-D' || law === 'power-C' ? 'power' : law);

/**
 * Reads each table as the law needs it (whole curves or ends of runs) and fits the law to each. A table that lacks what
 * the law needs is refused in its place, the others are fitted.
 * @param count which count of our own JSON Lines is N
 */
export function fitTableTexts(
  law: TableLaw,
  tables: readonly TableText[],
  count: string,
  bootstrap: BootstrapOptions = {},
): TableLawAnswer {
  const refusals: TableLawAnswer['says'][number][] = [];
  const sources = tables.flatMap(({ id, label, text, columns }): TableSource[] => {
    try {
      const needs = lawTables[lawOfTables(law)];
      const table = readTable(text, { ...needs.table, count, ...(columns && { columns }) });
      checkOneOf(needs, table, lawOfTables(law));
      return [{ id, label, rows: table.rows }];
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      refusals.push({ source: label, status: 'not enough points', message: error.sentence });
      return [];
    }
  });
  const { says, figures } = fitTableLaw(law, sources, bootstrap);
  return { says: [...says, ...refusals], figures: sources.length === 0 ? [] : figures };
}

/** Fits one law to each source by itself. Sources without rows are refused by the law, with its reason. */
export function fitTableLaw(law: TableLaw, sources: readonly TableSource[], bootstrap: BootstrapOptions = {}): TableLawAnswer {
  const each = <F extends Fit>(fit: (rows: readonly RunRow[]) => F): SourceFit<F>[] =>
    sources.map((source) => ({ source, fit: fit(source.rows) }));
  switch (law) {
    case 'power-N':
    case 'power-D':
    case 'power-C': {
      const axis = ({ 'power-N': 'N', 'power-D': 'D', 'power-C': 'C' } as const)[law];
      const fits = each((rows) =>
        fitPowerLaw(
          rows.map((row, index) => ({ x: row[axis] ?? NaN, y: row.loss, row: index })),
          { bootstrap, names: { x: axis, y: 'L' } },
        ),
      );
      return answer(fits, [powerFigure(fits, axis)]);
    }
    case 'chinchilla': {
      const fits = each((rows) => fitChinchilla(rows, { bootstrap }));
      return answer(fits, [observedFigure(fits), allocationFigure(fits)]);
    }
    case 'isoflop': {
      const fits = each((rows) => fitIsoflop(rows, { bootstrap }));
      return answer(fits, isoflopFigures(fits));
    }
    case 'envelope': {
      const fits = each((rows) => fitEnvelope(rows, { bootstrap }));
      return answer(fits, [envelopeFigure(fits)]);
    }
    case 'kaplan': {
      const fits = each((rows) => fitKaplan(rows, { bootstrap }));
      return answer(fits, [...kaplanFigures(fits), observedFigure(fits)]);
    }
    case 'three-term': {
      const fits = each((rows) => fitThreeTerm(rows, { bootstrap }));
      return answer(fits, [...batchFigures(fits), observedFigure(fits)]);
    }
    case 'critical-batch': {
      const fits = each((rows) => fitCriticalBatch(rows, { bootstrap }));
      return answer(fits, [criticalBatchFigure(fits)]);
    }
    case 'trajectory': {
      const fits = each((rows) => fitTrajectory(rows, { bootstrap }));
      return answer(fits, [trajectoryFigure(fits), observedFigure(fits)]);
    }
    default:
      throw new Error(`no law ${JSON.stringify(law satisfies never)}`);
  }
}

function answer(fits: readonly SourceFit[], figures: readonly Figure[]): TableLawAnswer {
  return {
    says: fits.map(({ source, fit: { status, message } }) => ({ source: source.label, status, message })),
    figures: [
      ...figures.filter((figure) => figure.kind !== 'plot' || figure.series.some(({ points }) => points.length > 0)),
      parameters(fits),
    ],
  };
}

function parameters(fits: readonly SourceFit[]): TableFigure {
  return {
    kind: 'table',
    id: 'parameters',
    title: { en: 'Parameters', zh: '参数' },
    caption: { en: 'With 95 % intervals from the bootstrap.', zh: '带自助法得到的 95 % 区间。' },
    columns: [
      { en: 'runs', zh: '训练' },
      { en: 'parameter', zh: '参数' },
      { en: 'value', zh: '值' },
      { en: 'rows used', zh: '使用的行数' },
    ],
    rows: fits.flatMap(({ source, fit }) =>
      Object.entries(fit.parameters).map(([name, estimate]) => [source.label, same(name), estimate, fit.used.length]),
    ),
  };
}
