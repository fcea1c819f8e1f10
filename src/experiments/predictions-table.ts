// All that was foretold beside a file of runs, hits and misses alike, as a table to read.
import type { Sentence } from '../messages/sentence.ts';
import { judge, type Judgement } from '../sweep/prediction.ts';
import type { KeptPrediction } from '../sweep/prediction-store.ts';
import { same, type TableCell, type TableFigure } from './figure.ts';

/** Predictions with what became of them, in the order given. */
export function predictionsTable(kept: readonly KeptPrediction[]): TableFigure {
  const judged = kept.map(({ prediction, outcome }) => ({ prediction, judgement: judge(prediction, outcome) }));
  const count = (status: Judgement['status']): number => judged.filter(({ judgement }) => judgement.status === status).length;
  return {
    kind: 'table',
    id: 'predictions',
    title: {
      en: `Predictions, frozen before their runs: ${count('hit')} hits, ${count('miss')} misses`,
      zh: `训练前冻结的预测：命中 ${count('hit')} 次，未命中 ${count('miss')} 次`,
    },
    caption: {
      en: 'Losses in nats per token with the 95 % interval. The hash covers the whole prediction, its time included; a prediction that was changed later does not verify.',
      zh: '损失单位为奈特每词元，带 95 % 区间。哈希涵盖整个预测及其时间；事后被改动的预测无法通过验证。',
    },
    columns: [
      { en: 'frozen', zh: '冻结于' },
      { en: 'corpus', zh: '语料' },
      same('N'),
      { en: 'times the largest fitted', zh: '为拟合最大模型的倍数' },
      { en: 'batch, tokens', zh: '批大小（词元）' },
      { en: 'foretold', zh: '预测' },
      { en: 'reached', zh: '实际' },
      { en: 'error, %', zh: '误差（%）' },
      { en: 'error, standard errors', zh: '误差（标准误）' },
      { en: 'outcome', zh: '结果' },
      same('SHA-256'),
    ],
    rows: judged.map(({ prediction, judgement }): TableCell[] => {
      const { created, config, N, largestN, B, final, hash } = prediction;
      const reached = 'percent' in judgement ? judgement : undefined;
      return [
        same(created),
        same(config.corpus),
        N,
        N / largestN,
        B,
        { value: final.loss, low: final.low, high: final.high },
        reached?.loss,
        reached?.percent,
        reached?.standardErrors,
        words[judgement.status],
        same(hash),
      ];
    }),
  };
}

const words: Readonly<Record<Judgement['status'], Sentence>> = {
  hit: { en: 'hit', zh: '命中' },
  miss: { en: 'miss', zh: '未命中' },
  waiting: { en: 'not trained yet', zh: '尚未训练' },
  'does not verify': { en: 'does not verify', zh: '未通过验证' },
  'no loss': { en: 'ended without a loss', zh: '没有得到损失' },
};
