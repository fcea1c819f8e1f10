// The gradient noise scale of one run against the tokens it has read.
import { batchTokens, type RunConfig } from '../config/run.ts';
import { same, type PlotFigure } from '../experiments/figure.ts';
import type { GradientNoisePoint } from '../sweep/record.ts';

/**
 * The measurements one by one: from one to the next the tokens double, and both gradient and noise change too much for a
 * running mean. Those at which the squared norm came out below zero are left out. Undefined while there is nothing to draw.
 */
export function noiseFigure(measured: readonly GradientNoisePoint[], config: RunConfig): PlotFigure | undefined {
  const points = measured.flatMap(({ tokens, gradientSquaredNorm, gradientVariance }) => {
    const scale = gradientVariance / gradientSquaredNorm;
    return scale > 0 && Number.isFinite(scale) ? [{ x: tokens, y: scale }] : [];
  });
  if (points.length === 0) return undefined;
  const batch = batchTokens(config);
  const ends = [measured[0].tokens, measured[measured.length - 1].tokens];
  return {
    kind: 'plot',
    id: 'gradient-noise',
    title: { en: 'Gradient noise scale', zh: '梯度噪声尺度' },
    caption: {
      en: `tr Σ/|G|² in tokens, between sequences (McCandlish et al., arXiv 1812.06162), each time measured on ${config.noiseSequences} sequences, and as uncertain as those are few. Dotted, where it is near: the batch of this run, ${batch} tokens. A batch well below the noise scale takes mostly noisy steps, one well above it spends tokens on little.`,
      zh: `tr Σ/|G|²，以词元计，取序列之间的方差（McCandlish 等，arXiv 1812.06162），每次在 ${config.noiseSequences} 个序列上测量，序列越少越不确定。点线（在图中范围附近时）为本次训练的批大小 ${batch} 词元。批远小于噪声尺度时，各步以噪声为主；远大于它时，多用的词元收获甚微。`,
    },
    x: { label: { en: 'training tokens', zh: '训练词元' }, scale: 'log' },
    y: { label: { en: 'noise scale (tokens)', zh: '噪声尺度（词元）' }, scale: 'log' },
    series: [{ id: 'noise', label: { en: 'gradient noise scale', zh: '梯度噪声尺度' }, points }],
    lines: [{ id: 'batch', label: same('B'), points: ends.map((x) => ({ x, y: batch })), source: 'exact' }],
  };
}
