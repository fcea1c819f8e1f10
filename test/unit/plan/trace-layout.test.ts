// Where a plan puts things: nothing is written over while it is still to be read, nothing lies outside its region, and
// regions are as long as the plan says and no longer than they need be.
import * as tf from '@tensorflow/tfjs-core';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { modelPlans } from '../../../src/plan/model-plans.ts';
import { ALIGNMENT, type Plan } from '../../../src/plan/plan.ts';
import { Value, type Node } from '../../../src/plan/trace/graph.ts';
import { aligned, byLiveness, consecutive } from '../../../src/plan/trace/layout.ts';
import { traceTraining, type StepDefinition } from '../../../src/plan/trace/trace.ts';
import { linear } from '../../../src/ops/linear/linear.ts';
import { operands, problemsOf } from './layout-check.ts';
import { distanceToTfjs, stepOf } from './oracle.ts';

function gradientWriters(plan: Plan): number[] {
  const writers = new Array<number>(plan.parameters).fill(0);
  for (const launch of plan.launches)
    for (const [, { region, offset, size }] of operands(launch.writes))
      if (region === 'gradients') for (let i = offset; i < offset + size; i++) writers[i]++;
  return writers;
}

const models = fc
  .record({
    shape: fc.record({
      layers: fc.constantFrom(1, 2, 3),
      width: fc.constantFrom(8, 24, 48),
      heads: fc.constantFrom(1, 2, 4),
      mlpRatio: fc.constantFrom(0.5, 3, 4),
    }),
    context: fc.constantFrom(1, 17, 64),
    positions: fc.constantFrom('learned' as const, 'rotary' as const),
    qkNorm: fc.boolean(),
    tiedHead: fc.boolean(),
    vocabulary: fc.constantFrom(5, 56),
    mixture: fc.constantFrom(...[1, 2, 5].map((perToken) => ({ experts: 5, perToken, balanceCoefficient: 0.1 })), undefined),
  })
  .map(({ mixture, ...dense }) => (mixture ? { ...dense, mixture } : dense))
  .filter(({ shape }) => shape.width % shape.heads === 0);

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('the layout of a plan', () => {
  it('never writes over what is still to be read, in any variant and shape', () => {
    fc.assert(
      fc.property(models, fc.constantFrom(1, 3), (model, sequences) => {
        const { training, evaluation } = modelPlans(model, sequences);
        expect(problemsOf(training)).toEqual([]);
        expect(problemsOf(evaluation)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });

  it('writes every gradient once a micro-step, by launches that may', () => {
    fc.assert(
      fc.property(models, (model) => {
        const { training } = modelPlans(model, 2);
        expect(new Set(gradientWriters(training))).toEqual(new Set([1]));
        const kinds = training.launches.filter(({ writes }) => operands(writes).some(([, { region }]) => region === 'gradients'));
        const allowed = ['linearGradient', 'normGradient', 'embeddingGradient', 'copy'];
        expect(kinds.filter(({ kind }) => !allowed.includes(kind))).toEqual([]);
        for (const launch of kinds)
          if (launch.kind === 'linearGradient' || launch.kind === 'normGradient') expect(launch.writes.dx.region).toBe('activations');
      }),
      { numRuns: 15 },
    );
  });

  it('has regions as long as it says: whole units, as far as the furthest operand', () => {
    fc.assert(
      fc.property(models, (model) => {
        const { training } = modelPlans(model, 1);
        for (const words of Object.values(training.words)) expect(words % ALIGNMENT).toBe(0);
        for (const region of ['parameters', 'gradients', 'accumulated', 'mean', 'square'] as const)
          expect(training.words[region]).toBe(aligned(training.parameters));
        expect(training.words.tokens).toBe(aligned(2 * training.rows));
        const ends = [...training.setup, ...training.launches].flatMap(({ reads, writes }) =>
          [...operands(reads), ...operands(writes)].flatMap(([, { region, offset, size }]) =>
            region === 'activations' ? [offset + size] : [],
          ),
        );
        expect(training.words.activations).toBe(aligned(Math.max(...ends)));
        expect(training.constants.length).toBe(training.words.constants);
      }),
      { numRuns: 10 },
    );
  });

  it('uses memory again: activations stay well below the sum of all tensors, and evaluation does not grow with layers', () => {
    const model = { context: 64, positions: 'learned' as const, qkNorm: false, tiedHead: false, vocabulary: 56 };
    const deep = modelPlans({ ...model, shape: { layers: 6, width: 32, heads: 2, mlpRatio: 4 } }, 2);
    const shallow = modelPlans({ ...model, shape: { layers: 2, width: 32, heads: 2, mlpRatio: 4 } }, 2);
    const all = (plan: Plan) =>
      plan.launches.reduce(
        (sum, { writes }) => sum + operands(writes).reduce((own, [, { region, size }]) => own + (region === 'activations' ? size : 0), 0),
        0,
      );
    expect(deep.training.words.activations).toBeLessThan(0.75 * all(deep.training));
    expect(deep.evaluation.words.activations).toBe(shallow.evaluation.words.activations);
  });

  it('shows a planted overlap', () => {
    const { training } = modelPlans(
      {
        shape: { layers: 1, width: 8, heads: 1, mlpRatio: 4 },
        ...{ context: 4, positions: 'learned', qkNorm: false, tiedHead: false, vocabulary: 5 },
      },
      1,
    );
    const at = training.launches.findIndex(({ kind }) => kind === 'attention');
    const attention = training.launches[at];
    if (attention.kind !== 'attention') throw new Error('no attention');
    const over = { ...attention, writes: { ...attention.writes, out: { ...attention.writes.out, offset: attention.reads.qkv.offset } } };
    expect(problemsOf({ ...training, launches: training.launches.with(at, over) })).not.toEqual([]);
  });
});

describe('layout by liveness', () => {
  const unary = (x: Value, out: Value, operation: 'exponential' | 'copy' = 'exponential'): Node => ({
    ...{ kind: 'unary', operation, reads: { x }, writes: { out }, size: out.size },
  });
  const add = (a: Value, b: Value, out: Value): Node => ({
    ...{ kind: 'binary', operation: 'add', reads: { a, b }, writes: { out } },
    ...{ shape: [out.size], aStrides: [1], bStrides: [1] },
  });
  const input = new Value(100, { input: { region: 'parameters', offset: 0 } });

  it('gives a chain of launches that work in place one place', () => {
    const [a, b, c] = [new Value(100), new Value(100), new Value(100)];
    const { places, words } = byLiveness([unary(input, a), unary(a, b), unary(b, c)], new Set(), [c]);
    expect(new Set([a, b, c].map((value) => places.get(value)?.offset))).toEqual(new Set([0]));
    expect(words).toBe(128);
  });

  it('does not share where the input is read again later', () => {
    const [a, b, c] = [new Value(100), new Value(100), new Value(100)];
    const { places } = byLiveness([unary(input, a), unary(a, b), add(a, b, c)], new Set(), [c]);
    expect(places.get(a)?.offset).not.toBe(places.get(b)?.offset);
    expect(new Set([a, b, c].map((value) => places.get(value)?.offset)).size).toBe(3);
  });

  it('keeps what lasts to the end, and places nothing that has a place', () => {
    const [a, b, c] = [new Value(64), new Value(64), new Value(64)];
    const { places, words } = byLiveness([unary(input, a), unary(input, b), unary(input, c)], new Set([c]), [a]);
    expect(places.get(a)?.offset).not.toBe(places.get(b)?.offset);
    expect(places.has(c)).toBe(false);
    expect(words).toBe(128);
  });

  it('puts constants one after another in whole units', () => {
    const values = [1, 64, 65].map((size) => new Value(size));
    const { places, words } = consecutive(values, 'constants');
    expect(values.map((value) => places.get(value)?.offset)).toEqual([0, 64, 128]);
    expect(words).toBe(256);
  });
});

describe('gradients that no launch makes for themselves alone', () => {
  const product = (x: tf.Tensor, weight: tf.Tensor) => tf.sum<tf.Scalar>(linear(x as tf.Tensor2D, weight as tf.Tensor2D));

  it.each<[string, number[][], StepDefinition['loss']]>([
    [
      'of what goes into a linear map',
      [
        [3, 4],
        [4, 2],
      ],
      ([x, weight]) => product(x, weight),
    ],
    [
      'of two parameters alike',
      [
        [3, 4],
        [4, 2],
        [4, 2],
      ],
      ([x, a, b]) => product(tf.square(x), tf.add(a, b)),
    ],
    [
      'read once more on the way to another',
      [
        [3, 4],
        [4, 2],
        [4, 2],
      ],
      ([x, a, b]) => product(tf.square(x), tf.add(a, tf.tanh(b))),
    ],
  ])('are copied to their place: %s', (_, shapes, loss) => {
    const step = stepOf(shapes, 1, 1, loss);
    const plan = traceTraining(step);
    expect(plan.launches.filter(({ kind, writes }) => kind === 'copy' && operands(writes)[0][1].region === 'gradients')).not.toEqual([]);
    for (const launch of plan.launches) if (launch.kind === 'linearGradient') expect(launch.writes.dx.region).toBe('activations');
    expect(problemsOf(plan)).toEqual([]);
    const apart = distanceToTfjs(step, 2, 1);
    expect(Math.max(apart.loss, ...apart.gradients)).toBeLessThan(1e-5);
  });

  it('are copied to their place: shared, put together from parts, constant, or made by any other launch', () => {
    const plan = traceTraining(
      stepOf([[4], [4], [6], [2, 2]], 1, 1, ([a, b, c, d]) => {
        const parts = tf.split(c, [2, 4]);
        const both = tf.sum(tf.add(tf.add(a, b), tf.mul(parts[1], 2)));
        return tf.add(tf.add(both, tf.sum(tf.square(parts[0]))), tf.sum(tf.matMul(d, d)));
      }),
    );
    expect(new Set(gradientWriters(plan))).toEqual(new Set([1]));
    expect(problemsOf(plan)).toEqual([]);
  });

  it('leave a loss that is a parameter itself as it was before the update', () => {
    const plan = traceTraining(stepOf([[5]], 1, 5, ([x]) => tf.mean(x)));
    expect(plan.losses.region).toBe('activations');
  });
});
