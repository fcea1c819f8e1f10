// What the fits of Kaplan's laws say to a person, in both languages.
import type { Sentence } from '../messages/sentence.ts';
import type { CriticalBatchConstants } from './critical-batch-forms.ts';
import type { Estimate } from './fit.ts';
import { shortNumber } from './sentences.ts';

const withInterval = ({ value, low, high }: Estimate): string =>
  Number.isFinite(low) && Number.isFinite(high)
    ? `${shortNumber(value)} (95 %: ${shortNumber(low)} … ${shortNumber(high)})`
    : shortNumber(value);

const percent = (share: number): string => `${shortNumber(100 * share)} %`;

/** The laws of one size, data and step count, as they are written in sentences. */
export const KAPLAN_LAW_NAMES = {
  LN: 'L(N)',
  LD: 'L(D)',
  LND: 'L(N, D)',
  LNS: 'L(N, S_min)',
  LC: 'L(C_min)',
  Nopt: 'N_opt(C_min)',
} as const;

/** Sentences of this law alone. */
export const kaplanSentence = {
  startOfCurve: (share: number): Sentence => ({
    en: `in the first ${percent(share)} of its run's steps, where warm-up and the first transient are`,
    zh: `处于该训练的前 ${percent(share)} 步，即预热与初始瞬态阶段`,
  }),
  notUsed: {
    en: 'none of the laws that could be fitted is about this row',
    zh: '能够拟合的各定律都用不到这一行',
  } as Sentence,
  smallBatch: {
    en: 'a larger batch gives a lower loss at this N and D',
    zh: '在此 N 与 D 下更大的批量损失更低',
  } as Sentence,
  otherBatch: {
    en: 'another batch gives a lower loss at this N and D, and no law of steps could be fitted',
    zh: '在此 N 与 D 下另一批量的损失更低，且没有可拟合的步数定律',
  } as Sentence,
  endOfRunOnly: {
    en: 'not the end of its run, which is what the laws that could be fitted are about',
    zh: '不是该训练的终点，而能够拟合的定律只涉及终点',
  } as Sentence,
  tooFewValues: (axis: string, values: number, needed: number): Sentence => ({
    en: `Not enough points: ${axis} takes only ${values} different values and this fit needs ${needed}; run more values of ${axis}.`,
    zh: `数据点不足：${axis} 只有 ${values} 个不同取值，此拟合需要 ${needed} 个；请增加 ${axis} 的取值。`,
  }),
  noTrace: (axis: string): Sentence => ({
    en: `Not identified: the losses show no dependence on ${axis} beyond their noise; run smaller or larger ${axis}.`,
    zh: `无法辨识：损失在噪声之上看不出与 ${axis} 的关系；请训练更小或更大的 ${axis}。`,
  }),
  mostConverged: { en: 'runs of the largest D, one or more for each N', zh: '次各个 N 下 D 最大的训练' } as Sentence,
  rising: (name: string): Sentence => ({
    en: `Bound hit: ${name} came out at zero or below, so the loss does not fall along this axis as the law says; run a wider range, or more seeds.`,
    zh: `触及边界：${name} 不大于零，损失并未如定律所述沿此轴下降；请扩大范围，或增加种子。`,
  }),
  /** L(N) of runs that stopped at different D, which only another law can put on one footing. */
  needsData: (why: Sentence): Sentence => ({
    en: `L(N) is about unlimited data, and these runs ended at different D, for which no law could be fitted: ${why.en}`,
    zh: `L(N) 针对无限数据，而这些训练结束于不同的 D，且没有可用于修正的定律：${why.zh}`,
  }),
  /** L(D) of runs whose largest models differ. */
  needsSize: (why: Sentence): Sentence => ({
    en: `L(D) is about models without limit, and the largest models at each D differ, for which no law could be fitted: ${why.en}`,
    zh: `L(D) 针对无限大的模型，而各个 D 下最大的模型并不相同，且没有可用于修正的定律：${why.zh}`,
  }),
  size: (alphaN: Estimate, Nc: Estimate, runs: number, correctedBy: { law: string; most: number } | undefined): Sentence => ({
    en: `L(N) = (N_c/N)^α_N from ${runs} runs: α_N = ${withInterval(alphaN)}, N_c = ${withInterval(Nc)}; ${
      correctedBy === undefined
        ? 'the runs are taken as converged, for nothing in the table says how far they were from it'
        : `the most converged runs, corrected to convergence by ${correctedBy.law}, at most ${percent(correctedBy.most)} of the loss`
    }.`,
    zh: `L(N) = (N_c/N)^α_N，基于 ${runs} 次训练：α_N = ${withInterval(alphaN)}，N_c = ${withInterval(Nc)}；${
      correctedBy === undefined
        ? '这些训练被视为已收敛，因为表中没有信息说明其距收敛多远'
        : `取最接近收敛的训练，并由 ${correctedBy.law} 修正到收敛，修正最多为损失的 ${percent(correctedBy.most)}`
    }。`,
  }),
  data: (alphaD: Estimate, Dc: Estimate, runs: number, limit: boolean): Sentence => ({
    en: `L(D) = (D_c/D)^α_D${limit ? ', the limit of L(N, D) for models without limit,' : ''} from ${runs} runs: α_D = ${withInterval(alphaD)}, D_c = ${withInterval(Dc)} tokens${limit ? '' : '; the models are taken as large enough, for nothing in the table says otherwise'}.`,
    zh: `L(D) = (D_c/D)^α_D${limit ? '（L(N, D) 在模型无限大时的极限）' : ''}，基于 ${runs} 次训练：α_D = ${withInterval(alphaD)}，D_c = ${withInterval(Dc)} 词元${limit ? '' : '；模型被视为足够大，因为表中没有相反的信息'}。`,
  }),
  sizeAndData: (alphaD: Estimate, Dc: Estimate, runs: number): Sentence => ({
    en: `L(N, D) from ${runs} runs, α_N and N_c held at those of L(N): α_D = ${withInterval(alphaD)}, D_c = ${withInterval(Dc)} tokens.`,
    zh: `L(N, D) 基于 ${runs} 次训练，α_N 与 N_c 固定为 L(N) 的值：α_D = ${withInterval(alphaD)}，D_c = ${withInterval(Dc)} 词元。`,
  }),
  sizeAndSteps: (alphaS: Estimate, Sc: Estimate, points: number, runs: number): Sentence => ({
    en: `L(N, S_min) from ${points} points of ${runs} runs, α_N and N_c held at those of L(N): α_S = ${withInterval(alphaS)}, S_c = ${withInterval(Sc)} steps.`,
    zh: `L(N, S_min) 基于 ${runs} 次训练的 ${points} 个点，α_N 与 N_c 固定为 L(N) 的值：α_S = ${withInterval(alphaS)}，S_c = ${withInterval(Sc)} 步。`,
  }),
  compute: (alphaC: Estimate, Cc: Estimate, points: number, frontier: boolean): Sentence => ({
    en: `L(C_min) = (C_c/C_min)^α_C from ${points} ${frontier ? 'sizes, each where it is the best' : 'rows, taken as the best at their C'}: α_C = ${withInterval(alphaC)}, C_c = ${withInterval(Cc)} FLOPs.`,
    zh: `L(C_min) = (C_c/C_min)^α_C，基于 ${points} ${frontier ? '个大小，各取其最优处' : '行，视为各自 C 下的最优'}：α_C = ${withInterval(alphaC)}，C_c = ${withInterval(Cc)} FLOP。`,
  }),
  bestSize: (p: Estimate, passages: number): Sentence => ({
    en: `N_opt ∝ C_min^p with p = ${withInterval(p)}, from ${passages} passages from one size to the next along the lower envelope.`,
    zh: `N_opt ∝ C_min^p，p = ${withInterval(p)}，基于下包络上 ${passages} 次大小交替。`,
  }),
  frontierSizes: { en: 'sizes that are the best over a stretch of C', zh: '个在一段 C 上最优的大小' } as Sentence,
  correction: ({ batch, alpha }: CriticalBatchConstants, published: boolean): Sentence => ({
    en: `S_min and C_min by B_crit = ${shortNumber(batch)}/L^(1/${shortNumber(alpha)}) tokens${published ? ' as published for WebText2 (Kaplan et al. 2020, section 5.1)' : ''}.`,
    zh: `S_min 与 C_min 按 B_crit = ${shortNumber(batch)}/L^(1/${shortNumber(alpha)}) 词元修正${published ? '（WebText2 上发表的值，Kaplan 等 2020，第 5.1 节）' : ''}。`,
  }),
} as const;
