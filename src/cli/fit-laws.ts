// How each law of `lab fit` is called, and what it adds to the answer.
import { fitBowls, type Bowl } from '../laws/bowl.ts';
import type { BootstrapOptions } from '../laws/bootstrap.ts';
import { fitChinchilla } from '../laws/chinchilla.ts';
import { fitEnvelope } from '../laws/envelope.ts';
import type { Fit, RunRow } from '../laws/fit.ts';
import { fitIsoflop } from '../laws/isoflop.ts';
import type { LawName } from '../laws/law-tables.ts';
import type { Table } from '../laws/table.ts';
import { fitThreeTerm } from '../laws/three-term.ts';
import { objectiveNamed, type FitArguments } from './fit-arguments.ts';
import { fitCriticalBatchTo, fitTrajectoryTo } from './fit-curves.ts';
import { fitKaplanTo } from './fit-kaplan.ts';
import { fitPowerLawTo } from './fit-power.ts';
import { fitStepLawTo } from './fit-step-law.ts';

/** What a law answers: its fit, and fields of its own that go into the JSON beside it. */
export interface LawAnswer {
  readonly fit: Fit;
  readonly extra: Readonly<Record<string, unknown>>;
}

/** How one law fits a table. */
export interface LawRunner {
  readonly fit: (table: Table, args: FitArguments, bootstrap: BootstrapOptions) => LawAnswer;
}

/** Every law of the command line. */
export const lawRunners: Readonly<Record<LawName, LawRunner>> = {
  bowl: {
    fit: ({ rows }, _, bootstrap) => answerOfBowls(rows, fitBowls(rows, { bootstrap })),
  },
  'step-law': {
    fit: fitStepLawTo,
  },
  'three-term': {
    fit: ({ rows }, { objective }, bootstrap) => ({
      fit: fitThreeTerm(rows, { objective: objectiveNamed(objective ?? 'ls'), bootstrap }),
      extra: {},
    }),
  },
  power: {
    fit: fitPowerLawTo,
  },
  kaplan: {
    fit: fitKaplanTo,
  },
  chinchilla: {
    fit: ({ rows }, { objective }, bootstrap) => {
      const fit = fitChinchilla(rows, { objective: objectiveNamed(objective ?? 'huber'), bootstrap });
      return { fit, extra: { G: fit.G } };
    },
  },
  isoflop: {
    fit: ({ rows }, _, bootstrap) => {
      const fit = fitIsoflop(rows, { bootstrap });
      return { fit, extra: { optima: fit.optima.map(({ C, N, D, loss, status }) => ({ C, N, D, loss, status })) } };
    },
  },
  envelope: {
    fit: ({ rows }, _, bootstrap) => {
      const fit = fitEnvelope(rows, { bootstrap });
      return { fit, extra: { passages: fit.passages } };
    },
  },
  'critical-batch': { fit: fitCriticalBatchTo },
  trajectory: { fit: fitTrajectoryTo },
};

/** Many bowls as one answer: converged when any cell is, else what most cells say. */
function answerOfBowls(rows: readonly RunRow[], bowls: readonly Bowl[]): LawAnswer {
  const counts = new Map<Bowl['status'], number>();
  for (const { status } of bowls) counts.set(status, (counts.get(status) ?? 0) + 1);
  const common = [...counts].sort(([, a], [, b]) => b - a)[0]?.[0] ?? 'not enough points';
  const converged = counts.get('converged') ?? 0;
  const single = bowls.length === 1 ? bowls[0] : undefined;
  const summary = {
    en: `${converged} of ${bowls.length} cells have a bowl with its minimum inside the grid.`,
    zh: `${bowls.length} 个单元中有 ${converged} 个的碗形最低点在网格内部。`,
  };
  const fit: Fit = {
    law: 'bowl',
    status: converged > 0 ? 'converged' : common,
    message:
      single?.message ?? (rows.length === 0 ? { en: 'Not enough points: no usable row.', zh: '数据点不足：没有可用的行。' } : summary),
    parameters: single?.parameters ?? {},
    objective: {
      name: 'ls',
      value: bowls.reduce((sum, bowl) => sum + (Number.isFinite(bowl.objective.value) ? bowl.objective.value : 0), 0),
    },
    used: bowls.flatMap((bowl) => bowl.used).sort((a, b) => a - b),
    left: bowls.flatMap((bowl) => bowl.left),
    residuals: bowls.flatMap((bowl) => bowl.residuals),
    bootstrap: bowls.find((bowl) => bowl.bootstrap !== undefined)?.bootstrap,
  };
  return { fit, extra: { cells: bowls.map(cellOf) } };
}

function cellOf(bowl: Bowl): Readonly<Record<string, unknown>> {
  const { lr, B, loss } = bowl.parameters;
  const interval = (estimate: { low: number; high: number } | undefined): readonly number[] | undefined =>
    estimate === undefined ? undefined : [estimate.low, estimate.high];
  return {
    N: bowl.N ?? null,
    D: bowl.D ?? null,
    status: bowl.status,
    lr: lr?.value ?? null,
    B: B?.value ?? null,
    loss: loss?.value ?? null,
    eigenvalues: bowl.eigenvalues.map(({ value }) => value),
    convex: bowl.convex ?? null,
    convexShare: bowl.convexShare,
    intervals: { lr: interval(lr), B: interval(B), loss: interval(loss), eigenvalues: bowl.eigenvalues.map(interval) },
    window: bowl.window,
    edges: bowl.edges,
    message: bowl.message.en,
  };
}
