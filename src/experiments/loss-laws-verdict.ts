// The verdict of `loss-laws`: whether the loss falls along each axis, whether it falls straight, and where the floor is.
import type { Estimate } from '../laws/fit.ts';
import { shortNumber } from '../laws/sentences.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { Verdict } from './experiment.ts';
import { fall, lawOf, type AxisLaw } from './axis-law.ts';
import type { LossLawsAnalysis, TextLaws } from './loss-laws-analysis.ts';

const symbols = { N: 'α_N', D: 'α_D', C: 'α_C' } as const;

const range = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high) ? `${shortNumber(value)} (${shortNumber(low)} … ${shortNumber(high)})` : shortNumber(value);

/** A curvature counts when its interval excludes zero and it changes the slope over the range of x by this share of the slope. */
const NOTABLE_BEND = 0.25;

function surelyBends(axis: AxisLaw): boolean {
  const { bend, points } = axis;
  const slope = fall(lawOf(axis));
  if (bend === undefined || slope === undefined || !(bend.low > 0 || bend.high < 0)) return false;
  const used = points.filter(({ leftOut }) => leftOut === undefined).map(({ x }) => Math.log(x));
  return Math.abs(bend.value) * (Math.max(...used) - Math.min(...used)) > NOTABLE_BEND * slope.value;
}

/** The fitted floor beside the true entropy. */
function floorBeside(E: Estimate, entropy: number): Sentence {
  const truth = entropy.toFixed(3);
  // Too few resamples had a floor at all.
  if (!Number.isFinite(E.low) || !Number.isFinite(E.high))
    return {
      en: ` The fitted floor is ${range(E)}, too uncertain for an interval; the true entropy is ${truth}.`,
      zh: `拟合的下限为 ${range(E)}，不确定到给不出区间；真实熵为 ${truth}。`,
    };
  const holds = E.low <= entropy && entropy <= E.high;
  return {
    en: ` The fitted floor ${range(E)} ${holds ? 'holds' : 'misses'} the true entropy ${truth}.`,
    zh: `拟合的下限 ${range(E)} ${holds ? '包含' : '不含'}真实熵 ${truth}。`,
  };
}

/** One text's axes in a sentence: those that were fitted, those that were not and why. */
function describe(text: TextLaws): Sentence {
  const fitted = (['N', 'D', 'C'] as const).flatMap((name) => {
    const slope = fall(lawOf(text.axes[name]));
    return slope ? [`${symbols[name]} = ${range(slope)}`] : [];
  });
  const { entropy, floor } = text;
  const { E } = floor.parameters;
  const above: Sentence = entropy === undefined ? { en: '', zh: '' } : { en: ' (above the true entropy)', zh: '（真实熵之上）' };
  const held: Sentence | undefined =
    entropy === undefined || floor.status !== 'converged' || E === undefined ? undefined : floorBeside(E, entropy);
  if (fitted.length === 0) return { en: '', zh: '' };
  return {
    en: `${text.label.en}${above.en}: ${fitted.join(', ')}.${held?.en ?? ''}`,
    zh: `${text.label.zh}${above.zh}：${fitted.join('，')}。${held?.zh ?? ''}`,
  };
}

/** Computed from the fits alone. */
export function lossLawsVerdict({ texts }: LossLawsAnalysis): Verdict {
  const axes = texts.flatMap((text) => (['N', 'D', 'C'] as const).map((name) => ({ text, name, axis: text.axes[name] })));
  const parts = texts.map(describe);
  const say = (status: Verdict['status'], more: Sentence): Verdict => ({
    status,
    sentence: {
      en: [...parts.map(({ en }) => en), more.en].filter((part) => part !== '').join(' '),
      zh: [...parts.map(({ zh }) => zh), more.zh].join(''),
    },
  });
  const list = (found: readonly (typeof axes)[number][]): Sentence => ({
    en: found.map(({ text, name }) => `L(${name}) of ${text.label.en}`).join(', '),
    zh: found.map(({ text, name }) => `${text.label.zh}的 L(${name})`).join('、'),
  });
  const slopes = axes.map((entry) => ({ ...entry, slope: fall(lawOf(entry.axis)) }));
  const rising = slopes.filter(({ slope }) => slope !== undefined && slope.high < 0);
  if (rising.length > 0) {
    const which = list(rising);
    return say('contradicted', { en: `The loss surely rises along an axis: ${which.en}.`, zh: `损失确定沿某轴上升：${which.zh}。` });
  }
  const missing = slopes.find(({ slope }) => slope === undefined);
  if (axes.length === 0)
    return say('not enough points', { en: 'No run has ended yet; run the sweep.', zh: '尚无结束的训练；请运行此扫描。' });
  if (missing) {
    const which = list([missing]);
    const why = lawOf(missing.axis).message;
    const edges = missing.text.cells.filter(({ edge }) => edge !== undefined).length;
    const hint: Sentence =
      edges > 0
        ? {
            en: ` ${edges} sizes and lengths have their best learning rate at the end of those tried: add rates there.`,
            zh: `有 ${edges} 个（大小、词元数）的最佳学习率落在所试范围一端：请在该处补充学习率。`,
          }
        : { en: '', zh: '' };
    return say('not enough points', { en: `${which.en}: ${why.en}${hint.en}`, zh: `${which.zh}：${why.zh}${hint.zh}` });
  }
  const unsure = slopes.filter(({ slope }) => !(slope!.low > 0));
  if (unsure.length > 0) {
    const which = list(unsure);
    return say('not shown here', {
      en: `The interval of an exponent does not exclude zero: ${which.en}; run more seeds, or a wider range.`,
      zh: `指数的区间未排除零：${which.zh}；请增加种子或扩大范围。`,
    });
  }
  const bent = axes.filter(({ axis }) => surelyBends(axis));
  const which = list(bent);
  if (2 * bent.length >= axes.length)
    return say('contradicted', {
      en: `But most of the lines surely bend: ${which.en}. Over this range they are no power laws.`,
      zh: `但多数曲线确定弯曲：${which.zh}。在此范围内它们不是幂律。`,
    });
  if (bent.length > 0) {
    // Upwards on double logarithms: the loss falls ever less, as it does where another axis has become the limit.
    const flattens = bent.some(({ name, axis }) => name !== 'C' && axis.bend!.value > 0);
    return say('not shown here', {
      en: `All fall, but not all straight: ${which.en} surely ${bent.length > 1 ? 'bend' : 'bends'}.${flattens ? ' A line that flattens is limited by the other axis: run more tokens, or larger models.' : ''}`,
      zh: `全部下降，但并非都是直线：${which.zh}确定弯曲。${flattens ? '变平的线受另一轴限制：请增加词元数或增大模型。' : ''}`,
    });
  }
  const missed = texts.filter(({ entropy, floor: { status, parameters } }) => {
    const E = status === 'converged' ? parameters.E : undefined;
    return entropy !== undefined && E !== undefined && (E.high < entropy || E.low > entropy);
  });
  if (missed.length > 0)
    return say('not shown here', {
      en: 'All fall along every axis, but the floor they are fitted to is not the true one; run larger sizes and more tokens.',
      zh: '损失沿各轴下降，但拟合的下限并非真实的下限；请训练更大的模型和更多词元。',
    });
  const worst = Math.max(...axes.map(({ axis }) => Math.abs(axis.miss ?? 0)));
  return say('shown', {
    en: `Each falls as a power law: no line surely bends, and each predicts its last point from the others within ${(100 * worst).toFixed(1)} %.`,
    zh: `各轴均按幂律下降：没有一条确定弯曲，且每条由其余各点预测最后一点的误差在 ${(100 * worst).toFixed(1)} % 以内。`,
  });
}
