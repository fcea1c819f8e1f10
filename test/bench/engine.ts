// The engine as something that can be timed: one population of equal lanes over tokens from a fixed generator.
import { parameterSpecs, initialParameters } from '../../src/model/parameters.ts';
import type { Executor, LaneSettings, Plans, TokenSource } from '../../src/plan/executor.ts';
import { modelPlans } from '../../src/plan/model-plans.ts';
import type { BenchShape } from './shapes.ts';
import type { Timed } from './timing.ts';

/** What makes an executor of a backend. */
export type ExecutorFactory = (plans: Plans, lanes: readonly LaneSettings[], tokens: TokenSource) => Promise<Executor>;

/** More updates than any bench asks for. */
const UPDATES = 1_000_000;

/** Tokens enough for `shape`, evenly random. */
export function tokenSource({ model, sequences }: BenchShape): TokenSource {
  const draw = (length: number, seed: number): Uint16Array => {
    let state = seed;
    return Uint16Array.from({ length }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return (state >>> 8) % model.vocabulary;
    });
  };
  return {
    training: draw(Math.max(200_000, sequences * model.context * 8), 12345),
    dataSeed: 0,
    validation: draw((model.context + 1) * sequences, 54321),
  };
}

/** `count` lanes of `shape` that train as the peers do: Adam, no decay, no clipping. */
export function lanesOf(shape: BenchShape, count: number): LaneSettings[] {
  const specs = parameterSpecs(shape.model);
  return Array.from({ length: count }, (_, lane) => ({
    parameters: initialParameters(specs, lane),
    microBatches: 1,
    updates: UPDATES,
    learningRate: () => 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    epsilon: 1e-8,
    weightDecay: 0,
    clipNorm: 0,
  }));
}

/** A population of `shape` under way. */
export interface Population extends Timed {
  readonly executor: Executor;
}

/** Starts `lanes` lanes of `shape` on an executor. One step is one update of every lane. */
export async function startPopulation(
  name: string,
  shape: BenchShape,
  lanes: number,
  steps: number,
  create: ExecutorFactory,
): Promise<Population> {
  const executor = await create(modelPlans(shape.model, shape.sequences), lanesOf(shape, lanes), tokenSource(shape));
  let done = 0;
  return {
    name,
    steps,
    executor,
    async run(more) {
      done += more;
      const until = done;
      await executor.advance(Infinity, () => until);
      if (executor.updatesOf(0) !== until) throw new Error(`${name} stopped after ${executor.updatesOf(0)} of ${until} updates`);
    },
  };
}
