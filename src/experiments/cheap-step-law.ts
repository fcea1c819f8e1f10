// Step Law by branches: the best learning rate and batch at several D, once from full runs and once from branches that
// leave one constant learning rate to cool down, and what the cheap design saves. The design is that of Hägele et al.
// (arXiv 2405.18392), the question whether it gives Step Law's optima (Li et al., arXiv 2503.04715).
import type { RunConfig, RunInput, Shape } from '../config/run.ts';
import type { SweepConfig } from '../config/sweep.ts';
import { bowlLoss } from '../laws/bowl-surface.ts';
import type { Estimate } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import { sharedUpdates } from '../sweep/cost.ts';
import type { RunRecord } from '../sweep/record.ts';
import { branchFigures } from './cheap-step-law-figures.ts';
import type { Experiment, ExperimentSize, RunGroup, Verdict } from './experiment.ts';
import { powersOfTwo, seeds, shape } from './grid-axes.ts';
import type { GroupAnalysis } from './groups.ts';
import { analyseInvariance, type InvarianceAnalysis } from './invariance.ts';
import { shiftVerdict } from './shift-verdict.ts';

/** One size of the experiment: the same cells for both designs. */
interface Design {
  readonly base: RunInput;
  readonly shapes: readonly Shape[];
  /** Several D, the shortest a whole number of every batch. */
  readonly tokens: readonly number[];
  readonly learningRate: readonly number[];
  readonly batchSequences: readonly number[];
  readonly seed: readonly number[];
}

const designs: Readonly<Record<ExperimentSize, Design>> = {
  smoke: {
    base: { corpus: 'synthetic:symbols=12,order=1,exponent=1,tokens=262144', context: 2, validationTokens: 8192 },
    shapes: [shape(1, 8, 1)],
    tokens: [4096, 8192],
    learningRate: [-11, -9.5, -8, -6.5, -5, -3.5].map((exponent) => 2 ** exponent),
    batchSequences: [1, 4, 16, 64],
    seed: seeds(2),
  },
  minutes: {
    // Shape and context of Step Law's middle size, whose minima can be placed at all of these D.
    base: { corpus: 'sotu', context: 8, validationTokens: 16_384 },
    shapes: [shape(2, 12, 2)],
    tokens: [49_920, 99_840, 199_680, 399_360],
    learningRate: powersOfTwo(-10, -5),
    batchSequences: [1, 3, 8, 26, 80],
    seed: seeds(3),
  },
  lesson: {
    base: { corpus: 'sotu', context: 16 },
    shapes: [shape(2, 16, 2), shape(2, 32, 2)],
    tokens: [199_680, 399_360, 798_720, 1_597_440],
    learningRate: powersOfTwo(-10, -4),
    batchSequences: [1, 4, 12, 40, 130],
    seed: seeds(3),
  },
  hours: {
    base: { corpus: 'sotu', context: 32 },
    shapes: [shape(2, 16, 2), shape(2, 32, 2), shape(2, 64, 4)],
    tokens: [399_360, 798_720, 1_597_440, 3_194_880, 6_389_760],
    learningRate: powersOfTwo(-11, -4),
    batchSequences: [1, 3, 8, 26, 80, 240],
    seed: seeds(3),
  },
};

const title: Sentence = { en: 'Step Law by branches', zh: '用分支做 Step Law' };

/** Warm-up of all branches, as a share of the shortest run: the same tokens for every D, or they would share nothing. */
const WARMUP_OF_SHORTEST = 0.1;

/** Share of each branch's run in which it cools down (Hägele et al.). */
const COOLDOWN = 0.2;

function sweepOf(size: ExperimentSize): SweepConfig {
  const { base, shapes, tokens, ...axes } = designs[size];
  const warmupTokens = Math.round(WARMUP_OF_SHORTEST * tokens[0]);
  return {
    name: `${title.en} (${size})`,
    experiment: 'cheap-step-law',
    base,
    grids: [
      { set: { schedule: 'cosine to fixed' }, axes: { shape: shapes, tokens, ...axes } },
      {
        set: { schedule: 'constant and cooldown', cooldownFraction: COOLDOWN, warmupTokens },
        axes: { shape: shapes, tokens, ...axes },
      },
    ],
  };
}

const FULL = 'full';
const groups: Readonly<Record<'full' | 'branches', RunGroup>> = {
  full: { id: FULL, label: { en: 'full runs', zh: '完整训练' } },
  branches: { id: 'branches', label: { en: 'branches', zh: '分支' } },
};

const groupOf = ({ schedule }: RunConfig): RunGroup => (schedule === 'constant and cooldown' ? groups.branches : groups.full);

/** One (N, D) by both designs. */
export interface BranchCell {
  readonly N: number;
  readonly D: number;
  /** Training FLOPs of the runs that both designs have here: full; branches, each from its start; branches beyond what they share. */
  readonly full: number;
  readonly alone: number;
  readonly trained: number;
  /** What a full run loses at the best setting of the branches, above its lowest loss, as a share, by its fitted bowl. */
  readonly pays: number | undefined;
}

/** One power of D by both designs; undefined where a design has too few minima for it. */
export interface ExponentPair {
  readonly full: Estimate | undefined;
  readonly branches: Estimate | undefined;
  /** Branches less full runs. */
  readonly difference: Estimate | undefined;
}

/** Both designs side by side. */
export interface BranchAnalysis extends InvarianceAnalysis {
  /** Ascending in N, then D: cells that both designs have runs of. */
  readonly cells: readonly BranchCell[];
  /** Of the best learning rate and the best batch. */
  readonly powers: { readonly learningRate: ExponentPair; readonly batch: ExponentPair };
}

/** Full runs first. */
function fullFirst({ config: a }: RunRecord, { config: b }: RunRecord): number {
  const rank = (config: RunConfig): number => (groupOf(config).id === FULL ? 0 : 1);
  return rank(a) - rank(b);
}

function analyse(records: readonly RunRecord[], options: Parameters<Experiment['analyse']>[1] = {}): BranchAnalysis {
  const analysis = analyseInvariance(records, groupOf, fullFirst, options);
  return { ...analysis, cells: cellsOf(records, analysis), powers: powersOf(analysis) };
}

/** Costs of the settings that both designs have trained, and what the branches' optimum costs a full run. */
function cellsOf(records: readonly RunRecord[], analysis: GroupAnalysis): BranchCell[] {
  const { count } = analysis.options;
  const settings = ({ config, seed }: RunRecord): string =>
    JSON.stringify([config.shape, config.tokens, config.learningRate, config.batchSequences, seed]);
  const kept = records.filter(({ status }) => status !== 'skipped');
  const of = (id: string): RunRecord[] => kept.filter(({ config }) => groupOf(config).id === id);
  const [full, branches] = [of(FULL), of(groups.branches.id)];
  const paired = new Map(full.map((record) => [settings(record), record]));
  const both = branches.filter((record) => paired.has(settings(record)));
  const shared = sharedUpdates(both);
  const cells = new Map<string, { -readonly [Key in 'N' | 'D' | 'full' | 'alone' | 'trained']: number }>();
  both.forEach((record, index) => {
    const { N, D, C, S } = record;
    const key = `${N[count]}:${D}`;
    const cell = cells.get(key) ?? { N: N[count], D, full: 0, alone: 0, trained: 0 };
    cell.full += paired.get(settings(record))!.C;
    cell.alone += C;
    cell.trained += C * (1 - shared[index] / S);
    cells.set(key, cell);
  });
  return [...cells.values()].sort((a, b) => a.N - b.N || a.D - b.D).map((cell) => ({ ...cell, pays: paysAt(analysis, cell) }));
}

/** Loss of the full runs' bowl at the branches' vertex above its own, as a share. */
function paysAt({ groups: both }: GroupAnalysis, { N, D }: { readonly N: number; readonly D: number }): number | undefined {
  const at = (id: string) => both.find((group) => group.id === id)?.analysis.landscapes.find((one) => one.N === N && one.D === D)?.bowl;
  const [full, branches] = [at(FULL), at(groups.branches.id)];
  if (full?.status !== 'converged' || branches?.status !== 'converged' || full.surface === undefined) return undefined;
  const { lr, B } = branches.parameters;
  const { loss } = full.parameters;
  return lr && B && loss && bowlLoss(full.surface, lr.value, B.value) / loss.value - 1;
}

function powersOf({ groups: both }: GroupAnalysis): BranchAnalysis['powers'] {
  const of = (id: string, axis: 'learningRate' | 'batch'): Estimate | undefined => {
    const analysis = both.find((group) => group.id === id)?.analysis;
    return axis === 'learningRate' ? analysis?.vertexLaw.parameters['lr.D'] : analysis?.batchLine?.D;
  };
  const pair = (axis: 'learningRate' | 'batch'): ExponentPair => {
    const [full, branches] = [of(FULL, axis), of(groups.branches.id, axis)];
    return { full, branches, difference: full && branches && difference(full, branches) };
  };
  return { learningRate: pair('learningRate'), batch: pair('batch') };
}

/** b − a of independent estimates, each side's errors added in squares. */
export function difference(a: Estimate, b: Estimate): Estimate {
  const value = b.value - a.value;
  return { value, low: value - Math.hypot(b.value - b.low, a.high - a.value), high: value + Math.hypot(b.high - b.value, a.value - a.low) };
}

/** FLOPs of the branches, beginnings counted once, over those of the full runs; undefined without any. */
export function costShare(cells: readonly BranchCell[]): number | undefined {
  const sum = (of: (cell: BranchCell) => number): number => cells.reduce((total, cell) => total + of(cell), 0);
  return cells.length === 0 ? undefined : sum(({ trained }) => trained) / sum(({ full }) => full);
}

/** Largest shift that counts as none, octaves: a factor of two either way, a step of the grids. */
const TOLERANCE = 1;

const number = (value: number): string => value.toFixed(2).replace('-', '−');
const range = ({ value, low, high }: Estimate): string => `${number(value)} (${number(low)} … ${number(high)})`;

function verdict(analysis: BranchAnalysis): Verdict {
  const found = shiftVerdict(analysis, { tolerance: TOLERANCE, leastGroups: 2, groups: { en: 'designs', zh: '设计' } });
  const more: Sentence[] = [];
  const share = costShare(analysis.cells);
  if (share !== undefined) {
    const saved = (100 * (1 - share)).toFixed(0).replace('-', '−');
    more.push({
      en: `The branches need ${saved} % fewer FLOPs, what they share counted once.`,
      zh: `分支少用 ${saved} % 的 FLOPs（共享部分只计一次）。`,
    });
  }
  const pays = analysis.cells.flatMap((cell) => (cell.pays === undefined ? [] : [1000 * cell.pays]));
  if (pays.length > 0)
    more.push({
      en: `At the setting that they give, full runs lose at most ${Math.max(...pays).toFixed(1)} ‰ of their lowest loss.`,
      zh: `在分支给出的设置下，完整训练的损失至多比其最低值高 ${Math.max(...pays).toFixed(1)} ‰。`,
    });
  const { learningRate, batch } = analysis.powers;
  if (learningRate.difference && batch.difference)
    more.push({
      en: `Their powers of D differ from those of full runs by ${range(learningRate.difference)} for the learning rate and ${range(batch.difference)} for the batch.`,
      zh: `其对 D 的幂与完整训练相差：学习率 ${range(learningRate.difference)}，批大小 ${range(batch.difference)}。`,
    });
  return {
    status: found.status,
    sentence: {
      en: [found.sentence, ...more].map(({ en }) => en).join(' '),
      zh: [found.sentence, ...more].map(({ zh }) => zh).join(''),
    },
  };
}

/** The experiment. */
export const cheapStepLaw: Experiment<BranchAnalysis> = {
  id: 'cheap-step-law',
  title,
  summary: {
    en: 'Several D from one run: constant learning rate, cooldown branches. Do they find the optima of full runs, and for how much training?',
    zh: '一次训练得到多个 D：恒定学习率加冷却分支。它们能否找到完整训练的最优点，要用多少训练量？',
  },
  claim: {
    en: 'Branches of one run at a constant learning rate have their best learning rate and batch where full runs have them, to within one octave at every D, and need less training.',
    zh: '恒定学习率的一次训练所分出的各分支，其最佳学习率与批大小在每个 D 上与完整训练相差不到一个八度，且训练量更少。',
  },
  text: [
    {
      en: 'Step Law’s runs decay their learning rate over all of their D: each run is one point of D, and four values of D are four runs of each setting. Hägele et al. (arXiv 2405.18392) hold the learning rate constant and let it fall over the last fifth alone. Then all shorter runs begin as the longest does, and only their cooldowns are to be trained besides.',
      zh: 'Step Law 的训练在整个 D 上衰减学习率：一次训练只是一个 D，四个 D 就要把每种设置训练四次。Hägele 等（arXiv 2405.18392）让学习率保持恒定，只在最后五分之一下降。这样较短的训练都与最长的同一开头，此外只需训练各自的冷却段。',
    },
    {
      en: 'Tested here: the same grid of learning rates, batches and seeds at several D, once by full runs (cosine decay to 10⁻⁵, warm-up of 5 %) and once by branches (one trunk for each setting, warm-up of a tenth of the shortest run). The laboratory trains each trunk once; a run that would have shared it alone ends at the same loss.',
      zh: '检验：在多个 D 上用同一网格（学习率、批大小、随机种子），一次用完整训练（余弦衰减到 10⁻⁵，预热 5 %），一次用分支（每种设置一条主干，预热为最短训练的十分之一）。实验室对每条主干只训练一次；单独训练同一分支得到的损失相同。',
    },
    {
      en: 'To see: the minima of both designs at each D with their shifts in octaves; the best learning rate and batch against D with the line of each design; what each design costs. A learning rate that stays at its peak does more than one that decays from it, so that branches should want a lower peak: about half of it in Hägele et al.',
      zh: '看什么：两种设计在每个 D 的最低点及以八度计的移动；最佳学习率与批大小随 D 的变化及各自的直线；各自的代价。始终保持峰值的学习率比从峰值衰减的作用更大，因此分支应偏好更低的峰值：在 Hägele 等的工作中约为一半。',
    },
    {
      en: 'To conclude: a shift that is the same at every D does not touch the powers of D, and can be taken out by one pair of landscapes; a shift that grows with D does. “Shown” asks that all intervals together rule out a whole octave. The intervals take the designs as independent; they share seeds and the order of tokens, so that true ones are, if anything, narrower.',
      zh: '结论：若各 D 的移动相同，则不影响对 D 的幂，用一对曲面即可校正；随 D 增大的移动则会影响。“已证明”要求所有区间合在一起排除整整一个八度。区间把两种设计当作独立；它们共用随机种子与词元顺序，真实的区间只会更窄。',
    },
  ],
  sizes: { smoke: sweepOf('smoke'), minutes: sweepOf('minutes'), lesson: sweepOf('lesson'), hours: sweepOf('hours') },
  groupOf,
  analyse,
  verdict,
  figures: branchFigures,
};
