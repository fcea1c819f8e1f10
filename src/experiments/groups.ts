// Landscapes in groups (shapes, sparsities, corpora, schedules): each group is analysed by itself, and the minima of the
// groups are held against each other.
import type { Bowl } from '../laws/bowl.ts';
import type { Estimate } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import { analysisOptions, type Analysis, type AnalysisOptions, type Experiment, type RunGroup } from './experiment.ts';
import { same, type FigurePoint, type LadderFigure, type PlotFigure } from './figure.ts';
import { analyseLandscapes, type LandscapeAnalysis } from './landscapes.ts';

/** One group and what its landscapes say. */
export interface AnalysedGroup extends RunGroup {
  readonly analysis: LandscapeAnalysis;
}

/** Groups side by side. */
export interface GroupAnalysis extends Analysis {
  /** In the order in which their first runs were given. */
  readonly groups: readonly AnalysedGroup[];
  /** Every group's minima against those of the first group at the same D (and N, unless N is what differs). */
  readonly shifts: readonly MinimumShift[];
}

/** How far the minimum of a landscape lies from that of the first group. */
export interface MinimumShift {
  readonly group: string;
  readonly N: number;
  readonly D: number;
  /** log2 of the ratio of best learning rates, octaves; undefined where either landscape has no minimum inside its grid. */
  readonly learningRate: Estimate | undefined;
  /** log2 of the ratio of best batches, octaves. */
  readonly batch: Estimate | undefined;
  /** Why there is no shift. */
  readonly missing: Sentence | undefined;
}

/** Analyses groups of runs, each by itself. */
export function analyseGroups(
  records: readonly RunRecord[],
  groupOf: NonNullable<Experiment['groupOf']>,
  options: AnalysisOptions = {},
): GroupAnalysis {
  const found = new Map<string, { group: RunGroup; members: RunRecord[] }>();
  for (const record of records) {
    const group = groupOf(record.config);
    const entry = found.get(group.id);
    if (entry) entry.members.push(record);
    else found.set(group.id, { group, members: [record] });
  }
  const groups = [...found.values()].map(({ group, members }) => ({ ...group, analysis: analyseLandscapes(members, options) }));
  return {
    options: analysisOptions(options),
    left: groups.flatMap(({ analysis }) => analysis.left),
    groups,
    shifts: shiftsOf(groups),
  };
}

/** D of two landscapes that are to be compared differs by the rounding to whole batches only. */
const SAME_TOKENS = 1.02;

/** N of two landscapes that are to be compared: shapes of "one size" differ by biases and norms. */
const SAME_SIZE = 1.15;

const close = (a: number, b: number, ratio: number): boolean => Math.max(a, b) / Math.min(a, b) <= ratio;

/**
 * Shifts of every other group's minima from those of the first group, landscape by landscape. Intervals are those of
 * the difference of two independent minima, each with the standard error that its own 95 % interval has on log axes.
 */
export function shiftsOf(groups: readonly AnalysedGroup[]): MinimumShift[] {
  const [first, ...others] = groups;
  if (first === undefined) return [];
  return others.flatMap(({ id, analysis }) =>
    analysis.landscapes.map(({ N, D, bowl }): MinimumShift => {
      const match = first.analysis.landscapes.find((one) => close(one.D, D, SAME_TOKENS) && close(one.N, N, SAME_SIZE));
      if (match === undefined)
        return {
          group: id,
          N,
          D,
          learningRate: undefined,
          batch: undefined,
          missing: { en: 'the first group has no landscape of this size and D', zh: '第一组没有相同大小与 D 的曲面' },
        };
      const lacking = [bowl, match.bowl].find((one) => one.status !== 'converged');
      return {
        group: id,
        N,
        D,
        learningRate: lacking ? undefined : octavesBetween(match.bowl, bowl, 'lr'),
        batch: lacking ? undefined : octavesBetween(match.bowl, bowl, 'B'),
        missing: lacking?.message,
      };
    }),
  );
}

/** log2(to / from) of the vertices, with the 95 % interval of their difference; undefined where an axis has no vertex. */
export function octavesBetween(from: Bowl, to: Bowl, axis: 'lr' | 'B'): Estimate | undefined {
  const [a, b] = [from.parameters[axis], to.parameters[axis]];
  if (a === undefined || b === undefined) return undefined;
  const value = Math.log2(b.value / a.value);
  // The sides of an interval are added apart: on a log axis they need not be equal.
  const side = (one: Estimate, other: Estimate): number => Math.hypot(Math.log2(one.high / one.value), Math.log2(other.value / other.low));
  return { value, low: value - side(a, b), high: value + side(b, a) };
}

/** "0.12 octaves (−0.30 … 0.55)". */
export function octaves({ value, low, high }: Estimate): Sentence {
  const text = (number: number): string => number.toFixed(2).replace('-', '−');
  return { en: `${text(value)} octaves (${text(low)} … ${text(high)})`, zh: `${text(value)} 个八度（${text(low)} … ${text(high)}）` };
}

/** Minima of all groups over learning rate and batch, on the same axes, with their intervals. */
export function minimaFigure({ groups }: Pick<GroupAnalysis, 'groups'>, title: Sentence): PlotFigure {
  return {
    kind: 'plot',
    id: 'minima',
    title,
    caption: {
      en: 'The minimum of each fitted bowl, with 95 % intervals on both axes. A grey point is the lowest cell of a landscape whose minimum could not be placed.',
      zh: '每个拟合的碗的最低点，两轴均带 95 % 区间。灰点是最低点无法定位的曲面中损失最低的一格。',
    },
    x: { label: { en: 'learning rate', zh: '学习率' }, scale: 'log', octaves: true },
    y: { label: { en: 'batch (tokens)', zh: '批大小（词元）' }, scale: 'log', octaves: true },
    series: groups.map(({ id, label, analysis }) => ({
      id,
      label,
      points: analysis.landscapes.flatMap(({ N, D, bowl, rows }): FigurePoint[] => {
        const about: Sentence = { en: `N = ${N}, D = ${D}`, zh: `N = ${N}，D = ${D}` };
        const lowest = bowl.plateau.rows.reduce<number | undefined>(
          (best, row) => (best === undefined || analysis.rows[row].loss < analysis.rows[best].loss ? row : best),
          undefined,
        );
        const runs = lowest === undefined ? [] : [analysis.ids[lowest]];
        const { lr, B } = bowl.parameters;
        if (bowl.status === 'converged' && lr && B)
          return [{ x: lr.value, xLow: lr.low, xHigh: lr.high, y: B.value, low: B.low, high: B.high, label: about, runs }];
        const row = lowest === undefined ? undefined : analysis.rows[lowest];
        if (row?.lr === undefined || row.B === undefined || rows.length === 0) return [];
        return [{ x: row.lr, y: row.B, label: about, leftOut: bowl.message, runs }];
      }),
    })),
    lines: [],
  };
}

/** Shifts of the best learning rate or batch, one rung for each landscape. */
export function shiftsFigure({ groups, shifts }: Pick<GroupAnalysis, 'groups' | 'shifts'>, axis: 'learningRate' | 'batch'): LadderFigure {
  const first = groups[0]?.label ?? { en: 'the first group', zh: '第一组' };
  const what: Sentence = axis === 'learningRate' ? { en: 'best learning rate', zh: '最佳学习率' } : { en: 'best batch', zh: '最佳批大小' };
  const labels = new Map(groups.map(({ id, label }) => [id, label]));
  const severalTokens = shifts.some(({ D }) => !close(D, shifts[0].D, SAME_TOKENS));
  const place = ({ N, D }: MinimumShift): Sentence =>
    severalTokens ? { en: `N = ${N}, D = ${D}`, zh: `N = ${N}，D = ${D}` } : same(`N = ${N}`);
  return {
    kind: 'ladder',
    id: `shift-${axis}`,
    title: { en: `Shift of the ${what.en} from ${first.en}`, zh: `${what.zh}相对于“${first.zh}”的移动` },
    caption: {
      en: 'In octaves (1 is a factor of two), with 95 % intervals. An interval that holds zero shows no shift.',
      zh: '单位为八度（1 即两倍），带 95 % 区间。包含零的区间表示未见移动。',
    },
    x: { label: { en: 'octaves', zh: '八度' }, scale: 'linear' },
    rungs: shifts.map((shift, index) => {
      const label = labels.get(shift.group) ?? { en: shift.group, zh: shift.group };
      return {
        id: `${shift.group}:${index}`,
        label: { en: `${label.en}, ${place(shift).en}`, zh: `${label.zh}，${place(shift).zh}` },
        estimate: shift[axis],
        ...(shift.missing && { note: shift.missing }),
      };
    }),
    references: [{ label: { en: 'no shift', zh: '无移动' }, value: 0 }],
  };
}
