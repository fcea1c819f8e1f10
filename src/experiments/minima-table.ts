// The minima of landscapes as a table.
import { same, type TableFigure } from './figure.ts';
import type { LandscapeAnalysis } from './landscapes.ts';

/** Where each bowl has its minimum, or why it has none. */
export function minimaTable({ landscapes }: Pick<LandscapeAnalysis, 'landscapes'>): TableFigure {
  return {
    kind: 'table',
    id: 'minima',
    title: { en: 'Minima of the fitted bowls', zh: '拟合的碗的最低点' },
    caption: {
      en: 'With 95 % intervals; batches in tokens, losses in nats per token.',
      zh: '带 95 % 区间；批大小以词元计，损失以奈特每词元计。',
    },
    columns: [
      same('N'),
      same('D'),
      { en: 'best learning rate', zh: '最佳学习率' },
      { en: 'best batch', zh: '最佳批大小' },
      { en: 'loss', zh: '损失' },
      { en: 'what the fit says', zh: '拟合结论' },
    ],
    rows: landscapes.map(({ N, D, bowl: { status, parameters, message } }) => {
      const found = status === 'converged' ? parameters : {};
      return [N, D, found.lr, found.B, found.loss, message];
    }),
  };
}
