// The verdict on a claim that the best learning rate and batch do not move from group to group. That a shift was not
// seen is no proof that there is none: the claim is shown only where every interval is narrow enough to rule a shift of
// some size out (equivalence by intervals; Schuirmann 1987, doi 10.1007/BF01068419).
import type { Estimate } from '../laws/fit.ts';
import { studentQuantile } from '../laws/statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Verdict } from './experiment.ts';
import { octaves, type GroupAnalysis, type MinimumShift } from './groups.ts';

/** What a claim of no shift is held to. */
export interface ShiftClaim {
  /** A shift within this many octaves either way is none for the claim's purpose. */
  readonly tolerance: number;
  /** Groups with a minimum, the first included, before anything is said. At least 2. */
  readonly leastGroups: number;
  /** What the groups are, plural: "sparsities", "shapes". */
  readonly groups: Sentence;
}

/** Level of all intervals of a verdict together. */
const LEVEL = 0.95;

/** An interval of 95 % as wide as it must be for `count` of them to hold together in 95 % (Bonferroni). */
export function simultaneous({ value, low, high }: Estimate, count: number): Estimate {
  const wider = studentQuantile(1 - (1 - LEVEL) / Math.max(1, count), Infinity) / studentQuantile(LEVEL, Infinity);
  return { value, low: value - (value - low) * wider, high: value + (high - value) * wider };
}

interface AxisShift {
  readonly shift: MinimumShift;
  readonly axis: Sentence;
  readonly estimate: Estimate;
}

/** Whether the minima of the groups lie where that of the first group lies, on both axes. */
export function shiftVerdict({ groups, shifts }: Pick<GroupAnalysis, 'groups' | 'shifts'>, claim: ShiftClaim): Verdict {
  const axesOf = (shift: MinimumShift): AxisShift[] =>
    [
      { axis: { en: 'learning rate', zh: '学习率' }, estimate: shift.learningRate },
      { axis: { en: 'batch', zh: '批大小' }, estimate: shift.batch },
    ].flatMap(({ axis, estimate }) => (estimate && Number.isFinite(estimate.low + estimate.high) ? [{ shift, axis, estimate }] : []));
  const placed = shifts.filter((shift) => axesOf(shift).length === 2);
  const among = 1 + new Set(placed.map(({ group }) => group)).size;
  if (placed.length === 0 || among < claim.leastGroups) return tooFew(groups, placed.length === 0 ? 0 : among, claim);

  const found = placed.flatMap(axesOf).map((one) => ({ ...one, estimate: simultaneous(one.estimate, 2 * placed.length) }));
  const within = ({ estimate }: AxisShift): boolean => Math.max(-estimate.low, estimate.high) <= claim.tolerance;
  const moved = found.filter(({ estimate }) => estimate.low > 0 || estimate.high < 0);
  const beyond = moved.filter((one) => !within(one));
  const listed = list(groups, found);
  const lost = nowhere(
    groups,
    shifts.filter((shift) => !placed.includes(shift)),
  );
  const sure: Sentence =
    moved.length === 0 ? { en: '', zh: '' } : { en: `, ${moved.length} of which differ from zero`, zh: `，其中 ${moved.length} 个不为零` };
  const limit: Sentence = {
    en: `${claim.tolerance} octave${claim.tolerance === 1 ? '' : 's'}`,
    zh: `${claim.tolerance} 个八度`,
  };
  if (beyond.length > 0)
    return {
      status: 'contradicted',
      sentence: {
        en: `The minimum moves between ${claim.groups.en}: ${list(groups, beyond).en}. All shifts, with intervals of 95 % together: ${listed.en}.${lost.en}`,
        zh: `最低点在不同${claim.groups.zh}之间移动：${list(groups, beyond).zh}。全部移动（区间合计 95 %）：${listed.zh}。${lost.zh}`,
      },
    };
  if (!found.every(within))
    return {
      status: 'not shown here',
      sentence: {
        en: `No shift beyond ${limit.en} is seen between ${among} ${claim.groups.en}, but one is not ruled out: ${listed.en} (95 % together)${sure.en}; run more seeds or a finer grid.${lost.en}`,
        zh: `在 ${among} 种${claim.groups.zh}之间未见超过 ${limit.zh}的移动，但不能排除：${listed.zh}（合计 95 %）${sure.zh}；请增加随机种子或加密网格。${lost.zh}`,
      },
    };
  return {
    // A minimum that could not be placed may be the one that moved.
    status: placed.length === shifts.length ? 'shown' : 'not shown here',
    sentence: {
      en: `Between ${among} ${claim.groups.en} the minimum moves by less than ${limit.en}: ${listed.en} (95 % together)${sure.en}.${lost.en}`,
      zh: `在 ${among} 种${claim.groups.zh}之间，最低点的移动小于 ${limit.zh}：${listed.zh}（合计 95 %）${sure.zh}。${lost.zh}`,
    },
  };
}

/** Which groups have a minimum that could not be placed, and why; empty where there are none. */
function nowhere(groups: GroupAnalysis['groups'], lost: readonly MinimumShift[]): Sentence {
  if (lost.length === 0) return { en: '', zh: '' };
  const labels = new Map(groups.map(({ id, label }) => [id, label]));
  const named = (language: 'en' | 'zh'): string[] => [...new Set(lost.map(({ group }) => labels.get(group)?.[language] ?? group))];
  // The minimum that is missing may be the one that others are held against.
  const reference: Sentence = groups[0]?.label ?? { en: 'the first', zh: '第一组' };
  return {
    en: ` Of ${named('en').join(', ')} a minimum could not be placed, or that of ${reference.en} which it is held against, so nothing is said of it.`,
    zh: `${named('zh').join('、')}有最低点无法定位（或与之比较的“${reference.zh}”的最低点无法定位），对其不作结论。`,
  };
}

/** "2 of 8 experts: learning rate 0.1 octaves (…), batch …; …". */
function list(groups: GroupAnalysis['groups'], found: readonly AxisShift[]): Sentence {
  const labels = new Map(groups.map(({ id, label }) => [id, label]));
  const shifts = [...new Set(found.map(({ shift }) => shift))];
  const severalSizes = new Set(shifts.map(({ N, D }) => `${N} ${D}`)).size > new Set(shifts.map(({ group }) => group)).size;
  const one = (language: 'en' | 'zh', shift: MinimumShift): string => {
    const label = labels.get(shift.group)?.[language] ?? shift.group;
    const size = severalSizes ? (language === 'en' ? ` at N = ${shift.N}, D = ${shift.D}` : `（N = ${shift.N}，D = ${shift.D}）`) : '';
    const axes = found
      .filter((other) => other.shift === shift)
      .map(({ axis, estimate }) => `${axis[language]} ${octaves(estimate)[language]}`);
    return language === 'en' ? `${label}${size}: ${axes.join(', ')}` : `${label}${size}：${axes.join('，')}`;
  };
  return { en: shifts.map((shift) => one('en', shift)).join('; '), zh: shifts.map((shift) => one('zh', shift)).join('；') };
}

function tooFew(groups: GroupAnalysis['groups'], placed: number, { groups: what, leastGroups }: ShiftClaim): Verdict {
  const bowls = groups.flatMap(({ analysis }) => analysis.landscapes.map(({ bowl }) => bowl));
  const lost = bowls.filter((bowl) => bowl.status !== 'converged');
  const edges = lost.filter((bowl) => bowl.edges.length > 0).length;
  const first = groups[0]?.label;
  const reference: Sentence =
    placed === 0 && first !== undefined
      ? { en: ` (the first of them, ${first.en}, among them)`, zh: `（其中须有第一种：${first.zh}）` }
      : { en: '', zh: '' };
  const need: Sentence = {
    en: `A shift needs ${leastGroups} ${what.en} with a minimum inside their grid${reference.en}, and there are ${bowls.length - lost.length} such landscapes`,
    zh: `要看移动，需要 ${leastGroups} 种最低点在网格内部的${what.zh}${reference.zh}，现有 ${bowls.length - lost.length} 个这样的曲面`,
  };
  // Where grids are whole and bowls were fitted, it is the noise that hides the minima, not a lack of runs.
  const hidden = groups.length >= leastGroups && lost.length > 0 && edges === 0 && lost.every((bowl) => bowl.surface !== undefined);
  if (hidden)
    return {
      status: 'not shown here',
      sentence: {
        en: `${need.en}; the noise leaves the others nowhere: run more seeds or more training tokens.`,
        zh: `${need.zh}；其余被噪声淹没：请增加随机种子或训练词元数。`,
      },
    };
  return {
    status: 'not enough points',
    sentence: {
      en: `${need.en}; ${edges > 0 ? 'extend the grids whose optimum is at the edge' : 'run more of the grid'}.`,
      zh: `${need.zh}；${edges > 0 ? '请扩展最优点位于边缘的网格' : '请继续训练网格中的其余部分'}。`,
    },
  };
}
