// Which sweeps are about landscapes, and which only tune a learning rate.
import { describe, expect, it } from 'vitest';
import { expandSweep, parseSweep } from '../../../src/config/sweep.ts';
import { experimentOf } from '../../../src/experiments/index.ts';
import { familiesOf, isAboutLandscapes } from '../../../src/ui/landscapes.ts';

const about = (id: string): boolean => {
  const experiment = experimentOf(id);
  return isAboutLandscapes(familiesOf(expandSweep(parseSweep(experiment.sizes.minutes)), experiment.groupOf));
};

describe('what a page shows first', () => {
  it.each(['bowl', 'step-law', 'shape', 'recipes', 'mixture-of-experts', 'final-learning-rate'])('landscapes: %s', (id) => {
    expect(about(id)).toBe(true);
  });
  it.each(['loss-laws', 'budget', 'accounting', 'all-the-constants', 'sample-efficiency', 'overfitting'])('figures: %s', (id) => {
    expect(about(id)).toBe(false);
  });
});
