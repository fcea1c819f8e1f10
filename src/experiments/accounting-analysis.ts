// The analysis behind `accounting`: the same runs counted six ways, and runs trained four ways (warm-up long or short,
// learning rate one for all or tuned), each with the exponent of its compute-optimal size.
import type { RunConfig } from '../config/run.ts';
import { accountingLadder, type AccountingLadder, type AccountingRung, type CountedRun } from '../laws/accounting.ts';
import { countingConventions, type ConventionId, type CountingConvention } from '../laws/accounting-counts.ts';
import type { Estimate } from '../laws/fit.ts';
import type { Sentence } from '../messages/sentence.ts';
import type { RunRecord } from '../sweep/record.ts';
import { BUDGET_VARIED } from './budget-analysis.ts';
import type { AnalysisOptions, TableAnalysis } from './experiment.ts';
import { tableOf } from './rows.ts';
import { edgeReason, tunedCells, type TunedCell } from './tuning.ts';

/** How the runs of an arm were trained. */
export interface Training {
  /** The same warm-up for all sizes (after Kaplan et al.), or as many tokens as the model has parameters. */
  readonly warmup: 'long' | 'short';
  /** One learning rate for all runs, or the best at each size and number of tokens. */
  readonly rate: 'fixed' | 'tuned';
}

/** The four ways, from Kaplan's to Chinchilla's. */
export const TRAININGS: readonly Training[] = [
  { warmup: 'long', rate: 'fixed' },
  { warmup: 'long', rate: 'tuned' },
  { warmup: 'short', rate: 'fixed' },
  { warmup: 'short', rate: 'tuned' },
];

/** The exponents under one count. The count's functions stay behind: an analysis is plain data. */
export interface ArmRung extends Omit<AccountingRung, 'convention'> {
  readonly convention: Pick<CountingConvention, 'id' | 'label' | 'citation'>;
}

/** One way of training with the exponents under all counts. */
export interface Arm {
  readonly training: Training;
  readonly label: Sentence;
  /** Runs of the ladder, and their ids. */
  readonly runs: readonly (CountedRun & { readonly ids: readonly string[] })[];
  readonly ladder: Omit<AccountingLadder, 'rungs'> & { readonly rungs: readonly ArmRung[] };
}

/** What all counts and ways say. Plain data. */
export interface AccountingAnalysis extends TableAnalysis {
  readonly arms: readonly Arm[];
  /** The one learning rate; undefined where no rate was tried everywhere. */
  readonly fixedRate: number | undefined;
  /** Tokens of the long warm-up; undefined where there is none. */
  readonly longWarmup: number | undefined;
  /** Cells of both warm-ups, for tuning further. */
  readonly cells: readonly TunedCell[];
  /** What counting alone does to the exponent of the runs trained as Chinchilla's: exact counts less Kaplan's, on the same noise. */
  readonly counting: Estimate | undefined;
}

/** The count that leaves out most, and the one that leaves out nothing. */
export const [KAPLAN_COUNT, EXACT_COUNT] = ['kaplan', 'flops'] as const satisfies readonly ConventionId[];

/** Counts and ways of these runs. */
export function analyseAccounting(records: readonly RunRecord[], options: AnalysisOptions = {}): AccountingAnalysis {
  const { records: used, ...table } = tableOf(records, BUDGET_VARIED, options);
  const longWarmup = longWarmupOf(used.map(({ config }) => config));
  const parts = (['long', 'short'] as const).map((warmup) => {
    const rows = used.flatMap((record, row) => ((record.config.warmupTokens === longWarmup) === (warmup === 'long') ? [row] : []));
    const part = rows.map((row) => used[row]);
    return { warmup, part, cells: tunedCells(part.length === 0 ? [] : rows.map((row) => table.rows[row]), part) };
  });
  const fixedRate = commonRate(parts.flatMap(({ cells }) => cells));
  const { resamples, seed } = table.options;
  const bootstrap = { resamples, seed };
  const arms = TRAININGS.map((training): Arm => {
    const { part, cells } = parts.find(({ warmup }) => warmup === training.warmup)!;
    const runs = training.rate === 'tuned' ? tunedRuns(cells, part) : fixedRuns(cells, part, fixedRate);
    return { training, label: trainingLabel(training), runs, ladder: plainLadder(accountingLadder(runs, { bootstrap })) };
  });
  const last = arms[arms.length - 1];
  const ends = accountingLadder(last.runs, {
    conventions: countingConventions.filter(({ id }) => id === KAPLAN_COUNT || id === EXACT_COUNT),
    bootstrap,
  });
  const edges = parts.flatMap(({ cells, part }) =>
    cells.filter(({ edge }) => edge !== undefined).flatMap(({ best }) => best.map((row) => ({ id: part[row].id, reason: edgeReason }))),
  );
  return {
    ...table,
    left: [...table.left, ...edges],
    arms,
    fixedRate,
    longWarmup,
    cells: parts.flatMap(({ cells }) => cells),
    counting: ends.rungs.find(({ step }) => step !== undefined)?.step,
  };
}

function plainLadder(ladder: AccountingLadder): Arm['ladder'] {
  const rungs = ladder.rungs.map(({ convention: { id, label, citation }, ...rung }) => ({ ...rung, convention: { id, label, citation } }));
  return { ...ladder, rungs };
}

/** The exponent of one arm under one count, where there is one. */
export function exponentOf(
  arms: readonly Arm[],
  { warmup, rate }: Training,
  count: ConventionId,
): { a: Estimate | undefined; message: Sentence } {
  const arm = arms.find(({ training }) => training.warmup === warmup && training.rate === rate)!;
  const rung = arm.ladder.rungs.find(({ convention }) => convention.id === count)!;
  return { a: rung.parameters.a, message: rung.message };
}

/** The warm-up that several sizes share: a short one goes with the size, so that each size has its own. */
function longWarmupOf(configs: readonly RunConfig[]): number | undefined {
  const sizes = new Map<number, Set<string>>();
  for (const { warmupTokens, shape } of configs) {
    const known = sizes.get(warmupTokens) ?? new Set<string>();
    sizes.set(warmupTokens, known.add(JSON.stringify(shape)));
  }
  const shared = [...sizes].filter(([tokens, shapes]) => tokens > 0 && shapes.size > 1).map(([tokens]) => tokens);
  return shared.length === 0 ? undefined : Math.max(...shared);
}

/** The learning rate tried in most cells, of those in as many the one that is most often the best. */
function commonRate(cells: readonly TunedCell[]): number | undefined {
  const rates = new Map<number, { cells: number; best: number }>();
  for (const { tried, lr } of cells)
    for (const rate of tried) {
      const known = rates.get(rate) ?? { cells: 0, best: 0 };
      rates.set(rate, { cells: known.cells + 1, best: known.best + (rate === lr ? 1 : 0) });
    }
  const sorted = [...rates].sort(([, first], [, second]) => second.cells - first.cells || second.best - first.best);
  return sorted[0]?.[0];
}

type ArmRun = Arm['runs'][number];

function counted(record: RunRecord, loss: number, ids: readonly string[]): ArmRun {
  const { N, C, D, config, vocabulary } = record;
  const head = config.shape.width * vocabulary;
  return { counts: { nonEmbedding: N.nonEmbedding, total: N.total, head, flopsPerToken: C / D }, D, loss, ids };
}

function tunedRuns(cells: readonly TunedCell[], part: readonly RunRecord[]): ArmRun[] {
  return cells
    .filter(({ edge }) => edge === undefined)
    .map(({ loss, best }) =>
      counted(
        part[best[0]],
        loss,
        best.map((row) => part[row].id),
      ),
    );
}

function fixedRuns(cells: readonly TunedCell[], part: readonly RunRecord[], rate: number | undefined): ArmRun[] {
  return cells.flatMap(({ rows }): ArmRun[] => {
    const members = rows.map((row) => part[row]).filter(({ lr, finalLoss }) => lr === rate && finalLoss !== null);
    if (members.length === 0) return [];
    const mean = members.reduce((sum, { finalLoss }) => sum + finalLoss!, 0) / members.length;
    return [
      counted(
        members[0],
        mean,
        members.map(({ id }) => id),
      ),
    ];
  });
}

function trainingLabel({ warmup, rate }: Training): Sentence {
  return {
    en: `${warmup} warm-up, ${rate === 'fixed' ? 'one learning rate' : 'tuned learning rate'}`,
    zh: `${warmup === 'long' ? '长预热' : '短预热'}，${rate === 'fixed' ? '统一学习率' : '调优学习率'}`,
  };
}
