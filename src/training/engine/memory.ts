// How many lanes fit: the plan says what each needs before anything is allocated.
import type { Plans } from '../../plan/executor.ts';
import type { Plan, Region } from '../../plan/plan.ts';

/** Memory of a device, as far as lanes are concerned. */
export interface MemoryRule {
  /** Bytes that one executor may take. */
  readonly budget: number;
  /** Bytes of the largest single buffer: no region of all lanes together may be larger. */
  readonly largestBuffer: number;
  /** Every lane has activations of its own (lanes side by side); else all share one copy (lanes one after another). */
  readonly activationsPerLane: boolean;
}

const WORD = 4;

const PER_LANE: readonly Region[] = ['parameters', 'gradients', 'accumulated', 'mean', 'square'];

/** Words of a region that both plans share: the training plan's, or the evaluation's where that needs more. */
function words({ training, evaluation }: Plans, region: Region): number {
  return Math.max(training.words[region], evaluation.words[region]);
}

/** Bytes of an executor of `lanes` lanes, at most. */
export function executorBytes(plans: Plans, lanes: number, rule: Pick<MemoryRule, 'activationsPerLane'>): number {
  const perLane = PER_LANE.reduce((sum, region) => sum + words(plans, region), 0);
  const activations = words(plans, 'activations') * (rule.activationsPerLane ? lanes : 1);
  const shared = (plan: Plan): number => plan.words.constants + plan.words.tokens;
  return WORD * (perLane * lanes + activations + shared(plans.training) + shared(plans.evaluation));
}

/** The most lanes that fit; 0 when not even one does. */
export function lanesThatFit(plans: Plans, rule: MemoryRule): number {
  const one = executorBytes(plans, 1, rule);
  const each = executorBytes(plans, 2, rule) - one;
  const within = one > rule.budget ? 0 : 1 + Math.floor((rule.budget - one) / each);
  const regions = [...PER_LANE.map((region) => words(plans, region)), words(plans, 'activations') * (rule.activationsPerLane ? 1 : 0)];
  return Math.min(within, Math.floor(rule.largestBuffer / (WORD * Math.max(...regions))));
}

/** Splits `items` into as few parts of at most `most` as there can be, as even as can be. */
export function evenParts<T>(items: readonly T[], most: number): T[][] {
  const count = Math.ceil(items.length / most);
  return Array.from({ length: count }, (_, part) =>
    items.slice(Math.round((part * items.length) / count), Math.round(((part + 1) * items.length) / count)),
  );
}
