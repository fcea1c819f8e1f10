// How many launches a step of the lab's model takes, in every variant, and what frames them.
import { describe, expect, it } from 'vitest';
import type { ModelConfig } from '../../../src/model/parameters.ts';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import type { Plan } from '../../../src/plan/plan.ts';

const model: ModelConfig = {
  shape: { layers: 2, width: 16, heads: 2, mlpRatio: 4 },
  context: 64,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 56,
};

const kinds = (plan: Plan): string[] => plan.launches.map(({ kind }) => kind);
const count = (plan: Plan, kind: string): number => kinds(plan).filter((each) => each === kind).length;

describe.each([1, 2, 4])('the default GPT with %i layers', (layers) => {
  const { training, evaluation } = modelPlans({ ...model, shape: { ...model.shape, layers } }, 2);

  it('trains in at most 14 L + 12 launches, with sampling, clipping and update among them', () => {
    expect(training.launches.length).toBeLessThanOrEqual(14 * layers + 12);
    expect(kinds(training)[0]).toBe('sample');
    expect(kinds(training).slice(-3)).toEqual(['accumulate', 'adamw', 'finish']);
    expect(training.setup).toEqual([]);
  });

  it('has one launch for each op of a transformer, forward and backward, and no other', () => {
    const counts = Object.fromEntries([...new Set(kinds(training))].map((kind) => [kind, count(training, kind)]));
    expect(counts).toEqual({
      ...{ sample: 1, embedding: 1, norm: 2 * layers + 1, linear: 4 * layers + 1, attention: layers, crossEntropy: 1 },
      ...{ linearGradient: 4 * layers + 1, normGradient: 2 * layers + 1, attentionGradient: layers, embeddingGradient: 1 },
      ...{ accumulate: 1, adamw: 1, finish: 1 },
    });
  });

  it('evaluates by the forward launches alone', () => {
    const forward = kinds(training).slice(0, kinds(training).indexOf('crossEntropy') + 1);
    expect(kinds(evaluation)).toEqual([...forward, 'finish']);
    expect(evaluation.launches.some((launch) => launch.kind === 'crossEntropy' && launch.writes.dLogits)).toBe(false);
    expect(evaluation.launches.some((launch) => launch.kind === 'linear' && launch.writes.preactivation)).toBe(false);
    expect(evaluation.words).toMatchObject({ gradients: 0, accumulated: 0, mean: 0, square: 0 });
    expect(evaluation.words.parameters).toBe(training.words.parameters);
    expect(evaluation.words.activations).toBeLessThan(training.words.activations);
  });

  it('adds residual gradients and passes through GELU inside other launches', () => {
    const residual = training.launches.filter((launch) => launch.kind === 'normGradient' && launch.reads.residual);
    expect(residual).toHaveLength(2 * layers);
    const gelu = training.launches.filter((launch) => launch.kind === 'linearGradient' && launch.reads.preactivation);
    expect(gelu).toHaveLength(layers);
  });
});

describe('plans of a model', () => {
  it('are the very same object for equal models, whatever the order of their keys, and others for others', () => {
    const { shape, ...rest } = model;
    const again: ModelConfig = { ...rest, shape: { mlpRatio: 4, heads: 2, width: 16, layers: 2 } };
    expect(shape).toEqual(again.shape);
    expect(modelPlans(again, 2)).toBe(modelPlans(model, 2));
    expect(modelPlans(model, 3)).not.toBe(modelPlans(model, 2));
    expect(modelPlans({ ...model, tiedHead: true }, 2)).not.toBe(modelPlans(model, 2));
  });

  it.each([1, 4])('say what they hold: %i sequences', (sequences) => {
    for (const plan of Object.values(modelPlans(model, sequences)) as Plan[]) {
      expect(plan).toMatchObject({ sequences, context: 64, rows: 64 * sequences, perRow: true });
      expect(plan.losses).toMatchObject({ region: 'activations', size: 64 * sequences });
    }
  });

  it('need two launches more where the head is tied to the embedding', () => {
    const tied = modelPlans({ ...model, tiedHead: true }, 2).training;
    expect(tied.launches.length).toBe(modelPlans(model, 2).training.launches.length + 2);
  });
});
