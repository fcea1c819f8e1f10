// What a design says in words.
import type { Sentence } from '../../messages/sentence.ts';
import type { ExpectedEstimate } from './design-sweep.ts';

/** A time in words, rounded to what matters. */
function duration(seconds: number): Sentence {
  const text = (value: number): string => String(value < 10 ? Math.round(10 * value) / 10 : Math.round(value));
  if (seconds < 90) return { en: `${text(seconds)} s`, zh: `${text(seconds)} 秒` };
  if (seconds < 5400) return { en: `${text(seconds / 60)} min`, zh: `${text(seconds / 60)} 分钟` };
  if (seconds < 172_800) return { en: `${text(seconds / 3600)} h`, zh: `${text(seconds / 3600)} 小时` };
  return { en: `${text(seconds / 86_400)} days`, zh: `${text(seconds / 86_400)} 天` };
}

/** A half-width or a value to two digits. */
export const twoDigits = (value: number): string => (Number.isFinite(value) ? String(Number(value.toPrecision(2))) : '∞');

/** How long it would take. */
function wouldTake(needed: number | undefined): Sentence {
  if (needed === undefined) return { en: 'no design of this family does it in any time', zh: '此类设计无论多长时间都做不到' };
  const time = duration(needed);
  return { en: `about ${time.en} would be needed`, zh: `约需 ${time.zh}` };
}

/** All sentences. */
export const designSentences = {
  duration,
  cannot: ({ target, halfWidth, needed }: ExpectedEstimate, seconds: number): Sentence => {
    const [time, more] = [duration(seconds), wouldTake(needed)];
    const { symbol, label, expected, meaning } = target;
    return {
      en: `In ${time.en}, ${symbol} (${label.en}) cannot be ${meaning.en}: about ${twoDigits(expected)} ± ${twoDigits(halfWidth)} is expected; for this alone ${more.en}.`,
      zh: `在 ${time.zh}内，${symbol}（${label.zh}）无法${meaning.zh}：预计约为 ${twoDigits(expected)} ± ${twoDigits(halfWidth)}；仅为此${more.zh}。`,
    };
  },
  /** @param scatter of losses about the law, a share */
  formOnly: (scatter: number): Sentence => {
    const percent = twoDigits(100 * scatter);
    return {
      en: `Losses lie within about ${percent} % of this form, not on it: over another range of sizes and tokens its constants, E most of all, may differ by more than these errors.`,
      zh: `损失与此形式相差约 ${percent} %，并不完全符合：换一段大小与词元范围，其常数（尤其是 E）的变化可能超过这些误差。`,
    };
  },
  noDesign: (goal: Sentence, seconds: number, quickest: number | undefined, needed: number | undefined): Sentence => {
    const [time, more] = [duration(seconds), wouldTake(needed)];
    if (quickest === undefined)
      return {
        en: `There is no design for "${goal.en}" on this text: it has too few tokens, or the context is too long.`,
        zh: `此文本上没有“${goal.zh}”的设计：词元太少，或上下文太长。`,
      };
    const first = duration(quickest);
    return {
      en: `In ${time.en} no sweep for "${goal.en}" can be run here: the smallest takes ${first.en}; to identify something, ${more.en}.`,
      zh: `在 ${time.zh}内无法完成“${goal.zh}”的任何扫描：最小的需 ${first.zh}；要识别出任何参数，${more.zh}。`,
    };
  },
  nothing: (goal: Sentence, seconds: number, needed: number | undefined): Sentence => {
    const [time, more] = [duration(seconds), wouldTake(needed)];
    return {
      en: `In ${time.en} nothing of "${goal.en}" can be identified here: the noise of runs this small is too large; ${more.en}.`,
      zh: `在 ${time.zh}内无法识别“${goal.zh}”的任何参数：如此小的训练噪声太大；${more.zh}。`,
    };
  },
} as const;
