// Devices and requests that tests of designs share.
import { batchTokens, steps, tokensRead, type RunConfig } from '../../../../src/config/run.ts';
import { PRIOR, type DesignKnowledge } from '../../../../src/experiments/sweep-design/knowledge.ts';
import type { DesignRequest } from '../../../../src/experiments/sweep-design/design-sweep.ts';
import { flopsPerToken } from '../../../../src/sweep/cost.ts';
import type { DeviceTime } from '../../../../src/sweep/device-time.ts';

/** A device of so many FLOPs a second that loses `overhead` seconds at every step. */
export function plainDevice(flopsPerSecond: number, overhead = 2e-4, workers = 2, shares = true): DeviceTime {
  return {
    seconds: (config: RunConfig) =>
      steps(config) * overhead + (tokensRead(config) * flopsPerToken(config, 60)) / flopsPerSecond + batchTokens(config) * 1e-9,
    workers,
    shares,
  };
}

/** What is known where runs scatter about the law by the noise of their seeds alone. */
export function exactLaw(seedNoise: number): DesignKnowledge {
  return {
    ...PRIOR,
    seedNoise,
    lawScatter: 0,
    hyperbolaScatter: 0,
    profileScatter: 0,
    landscapeScatter: 0,
    optimumScatter: { rate: 0, batch: 0 },
  };
}

/** A request on ten million tokens of 60 symbols, as the fake trainer has them. */
export function requestOf(more: Partial<DesignRequest> & Pick<DesignRequest, 'goal'>): DesignRequest {
  return {
    seconds: 300,
    base: { corpus: 'sotu', context: 16 },
    vocabulary: 60,
    trainingTokens: 1e7,
    device: plainDevice(3e9),
    ...more,
  };
}
