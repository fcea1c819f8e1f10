// A sweep's runs sorted into what the page draws: families (everything equal but size, tokens, learning rate, batch
// and seed), in each family landscapes of one size and one number of tokens, in each landscape cells of one learning
// rate and batch whose runs differ in their seed.
import { batchTokens, runFields, type RunConfig, type RunField } from '../config/run.ts';
import { canonicalJson } from '../config/parse.ts';
import type { SweepRun } from '../config/sweep.ts';
import type { Experiment, RunGroup } from '../experiments/experiment.ts';

/** Replicates of one learning rate and batch. */
export interface GridCell {
  readonly learningRate: number;
  /** B, tokens. */
  readonly batch: number;
  readonly runs: readonly SweepRun[];
}

/** One grid of learning rates and batches. */
export interface LandscapeOfRuns {
  /** Equal for runs of one landscape. */
  readonly key: string;
  /** Any of its runs' configs: all agree but in learning rate, batch and seed. */
  readonly config: RunConfig;
  /** Ascending. */
  readonly learningRates: readonly number[];
  /** Tokens, ascending. */
  readonly batches: readonly number[];
  readonly cells: readonly GridCell[];
  readonly runs: readonly SweepRun[];
}

/** Landscapes that one law may be fitted to: they differ in size and tokens alone. */
export interface Family {
  readonly key: string;
  /** Settings in which this family differs from another of the sweep, for its name. */
  readonly differs: readonly RunField[];
  readonly config: RunConfig;
  /** The group that the sweep's experiment puts it in. */
  readonly group: RunGroup | undefined;
  readonly landscapes: readonly LandscapeOfRuns[];
}

const WITHIN_LANDSCAPE: ReadonlySet<RunField> = new Set<RunField>(['learningRate', 'batchSequences', 'seed']);
const WITHIN_FAMILY: ReadonlySet<RunField> = new Set<RunField>([...WITHIN_LANDSCAPE, 'shape', 'tokens']);

function keyWithout(config: RunConfig, left: ReadonlySet<RunField>): string {
  return canonicalJson(Object.fromEntries(runFields.filter((field) => !left.has(field)).map((field) => [field, config[field]])));
}

/** Values of each axis that make a landscape: two make a slope. */
const LEAST_VALUES = 3;

/** Whether a landscape has learning rates and batches enough for a bowl: else it is about tuning one or the other. */
export function isLandscape({ learningRates, batches }: LandscapeOfRuns): boolean {
  return learningRates.length >= LEAST_VALUES && batches.length >= LEAST_VALUES;
}

/** Whether a sweep is about landscapes: where most of its grids are too narrow for a bowl, its other figures say more. */
export function isAboutLandscapes(families: readonly Family[]): boolean {
  const all = families.flatMap(({ landscapes }) => landscapes);
  return 2 * all.filter(isLandscape).length >= all.length;
}

/** Key of the landscape that a run belongs to. */
export function landscapeKeyOf(config: RunConfig): string {
  return keyWithout(config, WITHIN_LANDSCAPE);
}

/** Key of the family that a run belongs to. */
export function familyKeyOf(config: RunConfig): string {
  return keyWithout(config, WITHIN_FAMILY);
}

function grouped<Item>(items: readonly Item[], key: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const name = key(item);
    const group = groups.get(name);
    if (group) group.push(item);
    else groups.set(name, [item]);
  }
  return groups;
}

const ascending = (values: Iterable<number>): number[] => [...new Set(values)].sort((a, b) => a - b);

function landscapeOf(key: string, runs: readonly SweepRun[]): LandscapeOfRuns {
  const cells = [...grouped(runs, ({ config }) => `${config.learningRate}|${config.batchSequences}`).values()].map((replicates) => ({
    learningRate: replicates[0].config.learningRate,
    batch: batchTokens(replicates[0].config),
    runs: replicates,
  }));
  return {
    key,
    config: runs[0].config,
    learningRates: ascending(cells.map((cell) => cell.learningRate)),
    batches: ascending(cells.map((cell) => cell.batch)),
    cells,
    runs,
  };
}

/** Approximate work per token, to put sizes in order before their vocabulary is known. */
function sizeOf({ shape }: RunConfig): number {
  return shape.layers * shape.width * shape.width * (4 + 2 * shape.mlpRatio);
}

/**
 * Families of a sweep in the order of its runs; landscapes by tokens, then size, ascending.
 * @param groupOf the groups of the sweep's experiment, which are families of their own
 */
export function familiesOf(runs: readonly SweepRun[], groupOf?: Experiment['groupOf']): Family[] {
  const keyOf = ({ config }: SweepRun): string => `${familyKeyOf(config)}${groupOf?.(config).id ?? ''}`;
  const byFamily = [...grouped(runs, keyOf)];
  const configs = byFamily.map(([, [first]]) => first.config);
  const differs = runFields.filter(
    (field) => !WITHIN_FAMILY.has(field) && new Set(configs.map((config) => canonicalJson(config[field]))).size > 1,
  );
  return byFamily.map(([key, members]) => ({
    key,
    differs,
    config: members[0].config,
    group: groupOf?.(members[0].config),
    landscapes: [...grouped(members, ({ config }) => landscapeKeyOf(config))]
      .map(([landscape, group]) => landscapeOf(landscape, group))
      .sort((a, b) => a.config.tokens - b.config.tokens || sizeOf(a.config) - sizeOf(b.config)),
  }));
}
