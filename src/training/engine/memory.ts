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

/** What one executor holds at most. */
export interface PartLimits {
  readonly families: number;
  readonly members: number;
}

/**
 * Splits families into parts within `limits`, as even as they allow, in their order. A family of more than
 * `limits.members` makes a part of its own.
 */
export function evenParts<T>(families: readonly (readonly T[])[], limits: PartLimits): T[][] {
  const all = families.reduce((sum, family) => sum + family.length, 0);
  const count = Math.max(Math.ceil(all / limits.members), Math.ceil(families.length / limits.families));
  const parts: T[][] = [];
  let part: T[] = [];
  let [inPart, before] = [0, 0];
  for (const family of families) {
    const full = inPart + 1 > limits.families || part.length + family.length > limits.members;
    // A family goes to the part in which its middle lies.
    const enough = before + family.length / 2 > (all * (parts.length + 1)) / count;
    if (inPart > 0 && (full || enough)) {
      parts.push(part);
      [part, inPart] = [[], 0];
    }
    part.push(...family);
    inPart++;
    before += family.length;
  }
  if (inPart > 0) parts.push(part);
  return parts;
}
