// Every experiment keeps to the time of its sizes, by the page's own estimate on assumed devices: `minutes` 5 on two CPU
// cores, `lesson` 20 on a laptop's GPU. Counts, not timings.
import { describe, expect, it } from 'vitest';
import { experiments } from '../../../src/experiments/index.ts';
import { expandSweep } from '../../../src/config/sweep.ts';
import { estimatedSeconds, laptopGpu, twoCores } from './assumed-devices.ts';

describe.each(experiments.map((experiment) => [experiment.id, experiment] as const))('%s', (_id, { sizes }) => {
  it('takes five minutes on two cores at most', async () => {
    expect((await estimatedSeconds(sizes.minutes, twoCores)) / 60).toBeLessThanOrEqual(5);
  });

  it('takes twenty minutes on a laptop’s GPU at most', async () => {
    expect((await estimatedSeconds(sizes.lesson, laptopGpu)) / 60).toBeLessThanOrEqual(20);
  });

  it('grows from size to size', async () => {
    const seconds = await Promise.all(
      [sizes.smoke, sizes.minutes, sizes.lesson, sizes.hours].map((sweep) => estimatedSeconds(sweep, twoCores)),
    );
    for (let i = 1; i < seconds.length; i++) expect(seconds[i]).toBeGreaterThan(seconds[i - 1]);
    expect(expandSweep(sizes.smoke).length).toBeGreaterThan(0);
  });
});
