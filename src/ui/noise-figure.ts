// The gradient noise scale of one run against the tokens it has read.
import { batchTokens, type RunConfig } from '../config/run.ts';
import { same, type FigurePoint, type PlotFigure } from '../experiments/figure.ts';
import { startNoiseScale, updateNoiseScale } from '../laws/noise-scale.ts';
import type { GradientNoisePoint } from '../sweep/record.ts';

/** Share of the past that the running means keep at each measurement: measurements double the tokens, and the scale grows with them. */
const DECAY = 0.5;

/** Measurements one by one, and the ratio of their running means; undefined while there is nothing to draw. */
export function noiseFigure(measured: readonly GradientNoisePoint[], config: RunConfig): PlotFigure | undefined {
  let running = startNoiseScale(DECAY);
  const single: FigurePoint[] = [];
  const averaged: FigurePoint[] = [];
  for (const { tokens, gradientSquaredNorm, gradientVariance } of measured) {
    running = updateNoiseScale(running, { signal: gradientSquaredNorm, noise: gradientVariance });
    const scale = gradientVariance / gradientSquaredNorm;
    if (scale > 0 && Number.isFinite(scale)) single.push({ x: tokens, y: scale });
    if (running.scale > 0 && Number.isFinite(running.scale)) averaged.push({ x: tokens, y: running.scale });
  }
  if (single.length === 0 && averaged.length === 0) return undefined;
  const batch = batchTokens(config);
  const ends = [measured[0].tokens, measured[measured.length - 1].tokens];
  return {
    kind: 'plot',
    id: 'gradient-noise',
    title: { en: 'Gradient noise scale', zh: '梯度噪声尺度' },
    caption: {
      en: `tr Σ/|G|² in tokens, between sequences (McCandlish et al., arXiv 1812.06162), each time measured on ${config.noiseSequences} sequences; running means are taken of numerator and denominator apart. Dotted: the batch of this run. A batch well below the noise scale takes mostly noisy steps, one well above it spends tokens on little.`,
      zh: `tr Σ/|G|²，以词元计，取序列之间的方差（McCandlish 等，arXiv 1812.06162），每次在 ${config.noiseSequences} 个序列上测量；滑动平均对分子与分母分别进行。点线为本次训练的批大小。批远小于噪声尺度时，各步以噪声为主；远大于它时，多用的词元收获甚微。`,
    },
    x: { label: { en: 'training tokens', zh: '训练词元' }, scale: 'log' },
    y: { label: { en: 'noise scale (tokens)', zh: '噪声尺度（词元）' }, scale: 'log' },
    series: [
      { id: 'single', label: { en: 'single measurements', zh: '单次测量' }, points: single },
      { id: 'averaged', label: { en: 'running means', zh: '滑动平均' }, points: averaged, joined: true },
    ],
    lines: [{ id: 'batch', label: same('B'), points: ends.map((x) => ({ x, y: batch })), source: 'exact' }],
  };
}
