// What `critical-batch` concludes, computed from its analysis.
import { criticalBatchAt } from '../laws/critical-batch.ts';
import type { Estimate } from '../laws/fit.ts';
import type { NoiseRatio } from '../laws/noise-against-loss.ts';
import { fitLogLinear, logLinearEstimate } from '../laws/log-linear.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { CriticalBatchAnalysis } from './critical-batch-analysis.ts';
import type { Verdict } from './experiment.ts';

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${shortNumber(value)} (${shortNumber(low)} … ${shortNumber(high)})` : shortNumber(value);

/** The verdict. */
export function criticalBatchVerdict({ fit, cells, noiseRatio }: CriticalBatchAnalysis): Verdict {
  const edges = cells.filter(({ edge }) => edge !== undefined).length;
  const hint: Sentence =
    edges === 0
      ? { en: '', zh: '' }
      : {
          en: ` ${edges} of ${cells.length} batches end with their best learning rate at the end of those tried: add rates there.`,
          zh: `${cells.length} 个批大小中有 ${edges} 个的最佳学习率落在所试范围一端：请在该处补充学习率。`,
        };
  const falling = fallOf(fit);
  if (falling !== undefined)
    return {
      status: 'contradicted',
      sentence: {
        en: `The critical batch falls with the loss: from ${shortNumber(falling.from)} tokens at a loss of ${falling.high.toFixed(3)} to ${shortNumber(falling.to)} at ${falling.low.toFixed(3)}.`,
        zh: `临界批大小随损失一同下降：从损失 ${falling.high.toFixed(3)} 时的 ${shortNumber(falling.from)} 词元到 ${falling.low.toFixed(3)} 时的 ${shortNumber(falling.to)} 词元。`,
      },
    };
  if (fit.status !== 'converged') {
    const few = fit.status === 'not enough points' || fit.status === 'range too narrow';
    return {
      status: few ? 'not enough points' : 'not shown here',
      sentence: { en: `${fit.message.en}${few ? hint.en : ''}`, zh: `${fit.message.zh}${few ? hint.zh : ''}` },
    };
  }
  const losses = fit.levels.filter(({ hyperbola }) => hyperbola !== undefined).map(({ loss }) => loss);
  const [high, low] = [Math.max(...losses), Math.min(...losses)];
  const at = (loss: number): Estimate => criticalBatchAt(fit, loss)!;
  const alpha = fit.parameters.alphaB!;
  const error = Math.sqrt(fit.residuals.reduce((sum, one) => sum + one * one, 0) / fit.residuals.length);
  const found: Sentence = {
    en: `The hyperbola describes tokens against steps within ${(100 * error).toFixed(1)} % at ${losses.length} losses; the critical batch is ${range(at(high))} tokens at a loss of ${high.toFixed(3)} and ${range(at(low))} at ${low.toFixed(3)}, α_B = ${range(alpha)}`,
    zh: `双曲线在 ${losses.length} 个损失上描述词元与步数，误差 ${(100 * error).toFixed(1)} %；临界批大小在损失 ${high.toFixed(3)} 时为 ${range(at(high))} 词元，在 ${low.toFixed(3)} 时为 ${range(at(low))}，α_B = ${range(alpha)}`,
  };
  const noise = noiseSentence(noiseRatio);
  const say = (status: Verdict['status'], en: string, zh: string): Verdict => ({
    status,
    sentence: { en: found.en + en + noise.en, zh: found.zh + zh + noise.zh },
  });
  if (error > LARGEST_ERROR)
    return say('not shown here', ': too far off for a hyperbola; run more seeds.', '：与双曲线相差太远；请增加种子。');
  // 1/α_B is above zero where α_B has an upper end.
  if (!Number.isFinite(alpha.high) || !(alpha.low > 0))
    return say(
      'not shown here',
      ': that it grows as the loss falls is not sure; run longer, or more seeds.',
      '：它是否随损失下降而增大尚不确定；请增加词元数或种子。',
    );
  return say('shown', ': it grows as the loss falls.', '：它随损失下降而增大。');
}

/** How the noise scale compares; nothing where none was measured. */
function noiseSentence(found: NoiseRatio | undefined): Sentence {
  if (found === undefined) return { en: '', zh: '' };
  const { ratio, measurements, runs } = found;
  const from = { en: `${measurements} measurements in ${runs} runs`, zh: `${runs} 次训练中的 ${measurements} 次测量` };
  if (ratio.high === Infinity)
    return {
      en: ` The gradient noise scale is at least ${shortNumber(ratio.low)} times the critical batch at the same loss (${from.en}): measure more sequences for an upper end.`,
      zh: `相同损失下，梯度噪声尺度至少为临界批大小的 ${shortNumber(ratio.low)} 倍（${from.zh}）：测量更多序列才能得到上限。`,
    };
  const says = ratio.low > 1 ? ABOVE : ratio.high < 1 ? BELOW : EQUAL;
  return {
    en: ` The gradient noise scale is ${range(ratio)} times the critical batch at the same loss (${from.en})${Number.isNaN(ratio.low) ? '' : says.en}.`,
    zh: `相同损失下，梯度噪声尺度为临界批大小的 ${range(ratio)} 倍（${from.zh}）${Number.isNaN(ratio.low) ? '' : says.zh}。`,
  };
}

const ABOVE: Sentence = { en: ', above it', zh: '，高于后者' };
const BELOW: Sentence = { en: ', below it', zh: '，低于后者' };
const EQUAL: Sentence = { en: ', not to be told from it', zh: '，与后者无法区分' };

/** Tokens off the hyperbola by more than this (root mean square of the logarithm) do not show one: reading a step off a noisy curve errs by less. */
const LARGEST_ERROR = 0.2;

/** A fall of the critical batch by less than this factor may be the noise that neighbouring losses of one curve share. */
const LEAST_FALL = 2;

/** Where every loss by itself has a critical batch, and they surely fall with the loss, by the line through them. */
function fallOf({ levels }: CriticalBatchAnalysis['fit']): { from: number; to: number; high: number; low: number } | undefined {
  const good = levels.filter(({ status }) => status === 'converged');
  const logs = good.map(({ loss }) => Math.log(loss));
  const centre = logs.reduce((sum, one) => sum + one, 0) / logs.length;
  const line = fitLogLinear({
    terms: logs.map((log) => [1, log - centre]),
    y: good.map(({ Bcrit }) => Math.log(Bcrit)),
    weights: logs.map(() => 1),
  });
  if (line === undefined || good.length < LEAST_LEVELS) return undefined;
  const [high, low] = [Math.max(...logs), Math.min(...logs)];
  const at = (log: number): number => Math.exp(line.coefficients[0] + line.coefficients[1] * (log - centre));
  const sure = logLinearEstimate(line, [0, 1]).low > 0 && at(high) > LEAST_FALL * at(low);
  return sure ? { from: at(high), to: at(low), high: Math.exp(high), low: Math.exp(low) } : undefined;
}

/** Losses with a critical batch of their own that a line through them needs. */
const LEAST_LEVELS = 4;
