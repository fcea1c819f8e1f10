// What experiments on "the optimum does not move" share: what a group pays at the first group's optimum, the table of
// minima, and the verdict with both.
import { bowlLoss } from '../laws/bowl-surface.ts';
import type { RunRecord } from '../sweep/record.ts';
import type { AnalysisOptions, Experiment, Verdict } from './experiment.ts';
import { same, type Figure, type TableFigure } from './figure.ts';
import { analyseGroups, minimaFigure, shiftsFigure, type GroupAnalysis } from './groups.ts';
import { shiftVerdict, type ShiftClaim } from './shift-verdict.ts';

/** What a landscape pays at the best setting of the first group's. */
export interface Excess {
  readonly group: string;
  readonly N: number;
  readonly D: number;
  /** Loss above the landscape's minimum, as a share of it, by its fitted bowl. */
  readonly share: number;
}

/** Groups with their shifts, and what the shifts cost. */
export interface InvarianceAnalysis extends GroupAnalysis {
  readonly excesses: readonly Excess[];
}

/** Analyses groups; the first in `order` is the one that others are held against. */
export function analyseInvariance(
  records: readonly RunRecord[],
  groupOf: NonNullable<Experiment['groupOf']>,
  order: (a: RunRecord, b: RunRecord) => number,
  options: AnalysisOptions = {},
): InvarianceAnalysis {
  const analysis = analyseGroups([...records].sort(order), groupOf, options);
  return { ...analysis, excesses: excessesOf(analysis) };
}

/** What each shifted landscape pays where the first group's minimum lies: the shift tells where that is. */
export function excessesOf({ groups, shifts }: Pick<GroupAnalysis, 'groups' | 'shifts'>): Excess[] {
  return shifts.flatMap(({ group, N, D, learningRate, batch }): Excess[] => {
    const landscape = groups.find(({ id }) => id === group)?.analysis.landscapes.find((one) => one.N === N && one.D === D);
    if (!landscape || !learningRate || !batch) return [];
    const { surface, parameters } = landscape.bowl;
    const { lr, B, loss } = parameters;
    if (!surface || !lr || !B || !loss) return [];
    const there = bowlLoss(surface, lr.value / 2 ** learningRate.value, B.value / 2 ** batch.value);
    return [{ group, N, D, share: there / loss.value - 1 }];
  });
}

/** The verdict on the shifts, with the most that any group pays at the first group's best setting. */
export function invarianceVerdict(analysis: InvarianceAnalysis, claim: ShiftClaim): Verdict {
  const verdict = shiftVerdict(analysis, claim);
  const first = analysis.groups[0]?.label;
  if (analysis.excesses.length === 0 || first === undefined) return verdict;
  const most = (1000 * Math.max(...analysis.excesses.map(({ share }) => share))).toFixed(1);
  return {
    ...verdict,
    sentence: {
      en: `${verdict.sentence.en} At the best setting of the first (${first.en}) the others lose at most ${most} ‰ of their lowest loss.`,
      zh: `${verdict.sentence.zh}在第一种（${first.zh}）的最佳设置下，其余的损失至多比各自的最低值高 ${most} ‰。`,
    },
  };
}

/** Minima overlaid, both shifts, and the table. */
export function invarianceFigures(analysis: InvarianceAnalysis, title: Parameters<typeof minimaFigure>[1]): Figure[] {
  return [
    minimaFigure(analysis, title),
    shiftsFigure(analysis, 'learningRate'),
    shiftsFigure(analysis, 'batch'),
    groupMinimaTable(analysis),
  ];
}

/** Where each group's bowls have their minima, and what they pay at the first group's. */
export function groupMinimaTable({ groups, excesses }: InvarianceAnalysis): TableFigure {
  return {
    kind: 'table',
    id: 'group-minima',
    title: { en: 'Minima by group', zh: '各组的最低点' },
    caption: {
      en: "With 95 % intervals; batches in tokens, losses in nats per token. The excess is what the fitted bowl has above its minimum at the first group's best learning rate and batch.",
      zh: '带 95 % 区间；批大小以词元计，损失以奈特每词元计。超出量是在第一组的最佳学习率与批大小处，拟合的碗比其最低点高出多少。',
    },
    columns: [
      { en: 'group', zh: '组' },
      same('N'),
      same('D'),
      { en: 'best learning rate', zh: '最佳学习率' },
      { en: 'best batch', zh: '最佳批大小' },
      { en: 'loss', zh: '损失' },
      { en: 'excess (‰)', zh: '超出（‰）' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows: groups.flatMap(({ id, label, analysis }) =>
      analysis.landscapes.map(({ N, D, bowl }) => {
        const { lr, B, loss } = bowl.status === 'converged' ? bowl.parameters : {};
        const excess = excesses.find((one) => one.group === id && one.N === N && one.D === D);
        return [label, N, D, lr, B, loss, excess && 1000 * excess.share, bowl.message];
      }),
    ),
  };
}
