// What Step Law shows beside its landscapes: exponents with the published ones, and the best batch against N.
import type { Estimate } from '../laws/fit.ts';
import { logLinearEstimate } from '../laws/log-linear.ts';
import { publishedExponents } from '../laws/published-step-law.ts';
import { withoutInterval } from '../laws/statistics.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { FigurePoint, LadderFigure, LadderRung, PlotFigure } from './figure.ts';
import type { LandscapeAnalysis } from './landscapes.ts';

type Exponent = 'lr.N' | 'lr.D' | 'batch.D' | 'batch.N';

const names: Readonly<Record<Exponent, Sentence>> = {
  'lr.N': { en: 'learning rate on N', zh: '学习率对 N' },
  'lr.D': { en: 'learning rate on D', zh: '学习率对 D' },
  'batch.D': { en: 'batch on D', zh: '批大小对 D' },
  'batch.N': { en: 'batch on N', zh: '批大小对 N' },
};

/** Every exponent here, by both recipes, over the published ones. */
export function exponentsLadder({ vertexLaw, plateauLaw, batchLine }: LandscapeAnalysis): LadderFigure {
  const here = (exponent: Exponent): readonly { id: string; label: Sentence; estimate: Estimate | undefined; why: Sentence }[] => [
    {
      id: 'vertex',
      label: { en: 'here, through the minima', zh: '此处，穿过最低点' },
      // Both exponents of the batch are those of one regression on N and D.
      estimate: exponent === 'batch.N' ? batchLine?.N : exponent === 'batch.D' ? batchLine?.D : vertexLaw.parameters[exponent],
      why: vertexLaw.message,
    },
    {
      id: 'plateau',
      label: { en: "here, Step Law's recipe", zh: '此处，Step Law 的方法' },
      estimate: exponent === 'batch.N' ? plateauLaw.batchOnN : plateauLaw.parameters[exponent],
      why: plateauLaw.message,
    },
  ];
  return {
    kind: 'ladder',
    id: 'exponents',
    title: { en: 'Exponents, here and published', zh: '指数：此处与已发表' },
    caption: {
      en: 'With 95 % intervals where there are any. The claim has learning rate on N below zero, both powers of D above, and batch on N at zero.',
      zh: '有区间者带 95 % 区间。按主张，学习率对 N 的指数小于零，对 D 的两个指数大于零，批大小对 N 的指数为零。',
    },
    x: { label: { en: 'exponent', zh: '指数' }, scale: 'linear' },
    rungs: (Object.keys(names) as Exponent[]).flatMap((exponent): LadderRung[] => [
      ...here(exponent).map(({ id, label, estimate, why }) => ({
        id: `${exponent}:${id}`,
        label: joined(names[exponent], label),
        estimate,
        ...(estimate === undefined ? { note: why } : {}),
      })),
      ...publishedExponents.flatMap(({ id, label, exponents, citation }) => {
        const published = exponents[exponent];
        if (published === undefined) return [];
        const estimate = 'low' in published ? published : withoutInterval(published.value);
        return [{ id: `${exponent}:${id}`, label: joined(names[exponent], label), estimate, note: { en: citation, zh: citation } }];
      }),
    ]),
    references: [{ label: { en: 'no dependence', zh: '无依赖' }, value: 0 }],
  };
}

const joined = (a: Sentence, b: Sentence): Sentence => ({ en: `${a.en}: ${b.en}`, zh: `${a.zh}：${b.zh}` });

/** Best batch against N with the fitted power of D taken out (all brought to the middle D), and the fitted power of N. */
export function batchOnSizePlot({ landscapes, batchLine, ids }: LandscapeAnalysis): PlotFigure {
  const found = landscapes.filter(({ bowl }) => bowl.status === 'converged' && bowl.parameters.B !== undefined);
  const middle = Math.exp(found.reduce((sum, { D }) => sum + Math.log(D), 0) / Math.max(1, found.length));
  const power = batchLine?.D?.value ?? 0;
  const tokenCounts = [...new Set(found.map(({ D }) => D))].sort((a, b) => a - b);
  const reach = found.map(({ N }) => Math.log(N));
  const [from, to] = [Math.min(...reach), Math.max(...reach)];
  const line = (() => {
    if (batchLine?.N === undefined || found.length === 0) return [];
    const points = Array.from({ length: 21 }, (_, i) => {
      const logN = from + ((to - from) * i) / 20;
      const value = { '1': 1, N: logN, D: Math.log(middle) };
      const at = logLinearEstimate(
        batchLine.fit,
        batchLine.terms.map((term) => value[term]),
      );
      return { x: Math.exp(logN), y: Math.exp(at.value), low: Math.exp(at.low), high: Math.exp(at.high) };
    });
    return [{ id: 'fitted', label: { en: 'fitted here', zh: '此处拟合' }, points, source: 'fitted' as const }];
  })();
  return {
    kind: 'plot',
    id: 'batch-on-size',
    title: { en: 'Does the best batch depend on N?', zh: '最佳批大小是否依赖 N？' },
    caption: {
      en: `Best batches brought to one D (${Math.round(middle)} tokens) by the fitted power of D, against N. A level band means that N does not matter.`,
      zh: `按拟合的 D 的幂把最佳批大小换算到同一 D（${Math.round(middle)} 词元），画出其随 N 的变化。水平的区间带表示与 N 无关。`,
    },
    x: { label: { en: 'N (parameters)', zh: 'N（参数）' }, scale: 'log' },
    y: { label: { en: 'best batch (tokens), at one D', zh: '最佳批大小（词元），换算到同一 D' }, scale: 'log', octaves: true },
    series: tokenCounts.map((D) => ({
      id: `D${D}`,
      label: { en: `D = ${D}`, zh: `D = ${D}` },
      points: found
        .filter((landscape) => landscape.D === D)
        .map(({ N, bowl }): FigurePoint => {
          const { value, low, high } = bowl.parameters.B!;
          const factor = (middle / D) ** power;
          return { x: N, y: value * factor, low: low * factor, high: high * factor, runs: bowl.plateau.rows.map((row) => ids[row]) };
        }),
    })),
    lines: line,
  };
}
