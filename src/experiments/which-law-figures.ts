// What the comparison of laws shows: mean gaps, every gap, and what each law asks for.
import type { Sentence } from '../messages/sentence.ts';
import { same, type LadderFigure, type PlotFigure, type TableFigure } from './figure.ts';
import type { LawGap, ScoredLaw, WhichLawAnalysis } from './which-law.ts';

/** Gaps below this are drawn here on a logarithmic axis, ‰. */
const SMALLEST = 0.01;

/** Mean gap of each law. */
export function gapsLadder({ laws }: WhichLawAnalysis): LadderFigure {
  const visible = (value: number): number => Math.max(value, SMALLEST);
  return {
    kind: 'ladder',
    id: 'gaps',
    title: { en: 'How far each law misses the minimum', zh: '各定律偏离最低点多少' },
    caption: {
      en: 'Mean over landscapes of the loss above the minimum, ‰ of it, with 95 % intervals over landscapes. Laws fitted here are scored on landscapes their fit did not see.',
      zh: '损失高出最低点的部分在各曲面上的平均，以 ‰ 计，区间为跨曲面的 95 %。此处拟合的定律只在其拟合未用的曲面上评分。',
    },
    x: { label: { en: 'loss above the minimum (‰)', zh: '高出最低点的损失（‰）' }, scale: 'log' },
    rungs: laws.map((law) => {
      const note = noteOf(law);
      return {
        id: law.id,
        label: law.label,
        estimate: law.mean && { value: visible(law.mean.value), low: visible(law.mean.low), high: visible(law.mean.high) },
        ...(note && { note }),
      };
    }),
    references: [],
  };
}

function noteOf({ gaps, silent }: ScoredLaw): Sentence | undefined {
  const beyond = gaps.filter(({ atLeast }) => atLeast).length;
  const parts: Sentence[] = [];
  if (gaps.length === 0) parts.push({ en: 'too few other landscapes to fit it', zh: '其余曲面太少，无法拟合' });
  if (beyond > 0)
    parts.push({
      en: `outside the grid in ${beyond} of ${gaps.length} landscapes, so the gap is at least this`,
      zh: `${gaps.length} 个曲面中有 ${beyond} 个落在网格外，差距至少如此`,
    });
  if (silent) parts.push({ en: `batch left open: ${silent.en}`, zh: `批大小不定：${silent.zh}` });
  return parts.length === 0 ? undefined : { en: parts.map(({ en }) => en).join('; '), zh: parts.map(({ zh }) => zh).join('；') };
}

/** What every law asks for, with the minima. */
export function askedPlot({ laws, landscapes, ids }: WhichLawAnalysis): PlotFigure {
  const about = ({ N, D }: { N: number; D: number }): Sentence => ({ en: `N = ${N}, D = ${D}`, zh: `N = ${N}，D = ${D}` });
  return {
    kind: 'plot',
    id: 'asked',
    title: { en: 'What each law asks for', zh: '各定律要求的设置' },
    caption: {
      en: 'One point for each landscape; the minima with 95 % intervals.',
      zh: '每个曲面一个点；最低点带 95 % 区间。',
    },
    x: { label: { en: 'learning rate', zh: '学习率' }, scale: 'log', octaves: true },
    y: { label: { en: 'batch (tokens)', zh: '批大小（词元）' }, scale: 'log', octaves: true },
    series: [
      {
        id: 'minima',
        label: { en: 'minima', zh: '最低点' },
        points: landscapes.flatMap(({ N, D, bowl }) => {
          const { lr, B } = bowl.parameters;
          if (bowl.status !== 'converged' || !lr || !B) return [];
          const runs = bowl.plateau.rows.map((row) => ids[row]);
          return [{ x: lr.value, xLow: lr.low, xHigh: lr.high, y: B.value, low: B.low, high: B.high, label: about({ N, D }), runs }];
        }),
      },
      ...laws.map(({ id, label, gaps }) => ({
        id,
        label,
        points: gaps.map((gap) => ({ x: gap.lr, y: gap.B, label: about(gap) })),
      })),
    ],
    lines: [],
  };
}

/** Every gap. */
export function gapsTable({ laws }: WhichLawAnalysis): TableFigure {
  const gapText = ({ gap, atLeast }: LawGap): Sentence => same(`${atLeast ? '≥ ' : ''}${gap < 10 ? gap.toFixed(2) : gap.toFixed(0)}`);
  return {
    kind: 'table',
    id: 'gaps-by-landscape',
    title: { en: 'Gaps by landscape', zh: '各曲面上的差距' },
    caption: {
      en: '‰ of the loss at the minimum. “≥”: the settings lie outside the grid or beside runs that diverged.',
      zh: '以最低点损失的 ‰ 计。“≥”：设置落在网格外，或紧邻发散的训练。',
    },
    columns: [
      { en: 'law', zh: '定律' },
      same('N'),
      same('D'),
      { en: 'learning rate', zh: '学习率' },
      { en: 'batch (tokens)', zh: '批大小（词元）' },
      { en: 'gap (‰)', zh: '差距（‰）' },
    ],
    rows: laws.flatMap(({ label, gaps }) => gaps.map((gap) => [label, gap.N, gap.D, gap.lr, gap.B, gapText(gap)])),
  };
}

/** Laws that could not be asked, and why; and what others leave open. */
export function silentTable(
  { laws }: WhichLawAnalysis,
  silent: readonly { readonly label: Sentence; readonly reason: Sentence }[],
): TableFigure {
  return {
    kind: 'table',
    id: 'silent',
    title: { en: 'What could not be asked', zh: '无法询问的定律' },
    caption: {
      en: 'Laws without an answer, or with half of one: the open half takes the best value of the grid.',
      zh: '没有答案或只有一半答案的定律：缺的一半取网格上的最佳值。',
    },
    columns: [
      { en: 'law', zh: '定律' },
      { en: 'why', zh: '原因' },
    ],
    rows: [...silent.map(({ label, reason }) => [label, reason]), ...laws.flatMap((law) => (law.silent ? [[law.label, law.silent]] : []))],
  };
}
