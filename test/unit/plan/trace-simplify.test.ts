// The simplifications of a recorded step, one rule at a time: what each takes away, and what it must leave.
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Launch } from '../../../src/plan/launches.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { Value, type Node } from '../../../src/plan/trace/graph.ts';
import { simplify, type Graph } from '../../../src/plan/trace/simplify.ts';
import { traceEvaluation, traceTraining, type StepDefinition } from '../../../src/plan/trace/trace.ts';
import { attention } from '../../../src/ops/attention/attention.ts';
import { crossEntropy } from '../../../src/ops/cross-entropy/cross-entropy.ts';
import { linear } from '../../../src/ops/linear/linear.ts';
import { norm } from '../../../src/ops/norm/norm.ts';
import { distanceToTfjs, stepOf } from './oracle.ts';

beforeAll(async () => {
  await tf.setBackend('cpu');
});

const SIZE = 4;
const parameter = (offset = 0): Value => new Value(SIZE, { input: { region: 'parameters', offset } });
const constant = (...words: number[]): Value => new Value(words.length, { constant: Float32Array.from(words) });

function binary(
  operation: 'add' | 'multiply' | 'divide',
  a: Value,
  b: Value,
  strides: [number, number] = [1, 1],
): Node & { kind: 'binary' } {
  const [aStrides, bStrides] = strides.map((stride) => [stride]);
  return { kind: 'binary', operation, reads: { a, b }, writes: { out: new Value(SIZE) }, shape: [SIZE], aStrides, bStrides };
}

function unary(operation: 'exponential' | 'negate' | 'sine', x: Value): Node & { kind: 'unary' } {
  return { kind: 'unary', operation, reads: { x }, writes: { out: new Value(x.size) }, size: x.size };
}

const graph = (nodes: readonly Node[], losses: Value, gradients: readonly Value[] = []): Graph => ({ nodes, losses, gradients });
const operations = (nodes: readonly Node[]): string[] => nodes.map((node) => ('operation' in node ? node.operation : node.kind));

describe('products with one', () => {
  it('are the other side, on either side, and so are quotients by one', () => {
    const x = parameter();
    const byOne = binary('multiply', x, constant(1), [1, 0]);
    const oneBy = binary('multiply', constant(1, 1, 1, 1), byOne.writes.out);
    const over = binary('divide', oneBy.writes.out, constant(1), [1, 0]);
    const last = unary('exponential', over.writes.out);
    const simpler = simplify(graph([byOne, oneBy, over, last], last.writes.out));
    expect(operations(simpler.nodes)).toEqual(['exponential']);
    expect(simpler.nodes[0].reads).toEqual({ x });
  });

  it('stay where they do more: one over x, another constant, a repeat along an axis, tokens that become floats', () => {
    const x = parameter();
    const tokens = new Value(SIZE, { input: { region: 'tokens', offset: 0 } });
    const kept = [
      binary('divide', constant(1), x, [0, 1]),
      binary('multiply', x, constant(1, 1, 1, 2)),
      binary('multiply', new Value(1, { input: { region: 'parameters', offset: 0 } }), constant(1), [0, 0]),
      binary('multiply', tokens, constant(1), [1, 0]),
    ];
    for (const node of kept) expect(operations(simplify(graph([node], node.writes.out)).nodes)).toEqual([node.operation]);
  });
});

describe('constants', () => {
  it('that repeat one number are one word, and equal ones are the same', () => {
    const x = parameter();
    const [first, second] = [binary('add', x, constant(2, 2, 2, 2)), binary('add', constant(2), x, [0, 1])];
    const last = binary('add', first.writes.out, second.writes.out);
    const simpler = simplify(graph([first, second, last], last.writes.out));
    const [one, two] = simpler.nodes as (Node & { kind: 'binary' })[];
    expect(one.reads.b).toMatchObject({ size: 1, constant: Float32Array.of(2) });
    expect(one.bStrides).toEqual([0]);
    expect(two.reads.a).toBe(one.reads.b);
  });

  it('that differ only in the sign of zero are not the same', () => {
    const x = parameter();
    const [first, second] = [binary('divide', x, constant(0), [1, 0]), binary('divide', x, constant(-0), [1, 0])];
    const last = binary('add', first.writes.out, second.writes.out);
    expect(simplify(graph([first, second, last], last.writes.out)).nodes).toHaveLength(3);
    const mixed = binary('divide', x, constant(0, -0, 0, 0));
    expect(simplify(graph([mixed], mixed.writes.out)).nodes[0].reads).toMatchObject({ b: { size: SIZE } });
  });
});

describe('repeated work', () => {
  it('is done once, through everything that follows from it', () => {
    const x = parameter();
    const twice = [0, 1].map(() => {
      const power = unary('exponential', x);
      return [power, unary('sine', power.writes.out)];
    });
    const last = binary('add', twice[0][1].writes.out, twice[1][1].writes.out);
    const simpler = simplify(graph([...twice.flat(), last], last.writes.out));
    expect(operations(simpler.nodes)).toEqual(['exponential', 'sine', 'add']);
    const { reads } = simpler.nodes[2] as Node & { kind: 'binary' };
    expect(reads.a).toBe(reads.b);
  });

  it('is not what differs in a setting, an operand or an order', () => {
    const [x, y] = [parameter(0), parameter(SIZE)];
    const different = [unary('exponential', x), unary('sine', x), unary('exponential', y), binary('divide', x, y), binary('divide', y, x)];
    const results = different.map((node) => node.writes.out);
    expect(simplify(graph(different, results[0], results)).nodes).toHaveLength(different.length);
  });

  it('is not two copies into parts of one whole', () => {
    const x = parameter();
    const whole = new Value(2 * SIZE);
    const part = (outStart: number): Node => ({
      ...{ kind: 'copy', reads: { x }, writes: { out: whole }, shape: [SIZE], rest: 'keep' },
      ...{ xStart: 0, xStrides: [1], outStart, outStrides: [1] },
    });
    const last = unary('exponential', whole);
    expect(simplify(graph([part(0), part(SIZE), part(0), last], last.writes.out)).nodes.length).toBeGreaterThanOrEqual(3);
  });
});

describe('what nobody reads', () => {
  it('is not launched, whether it was ever read or only by launches that are not', () => {
    const x = parameter();
    const idle = unary('exponential', x);
    const idler = unary('sine', idle.writes.out);
    const needed = unary('negate', x);
    expect(operations(simplify(graph([idle, idler, needed], needed.writes.out)).nodes)).toEqual(['negate']);
  });

  it('is kept where it is a gradient', () => {
    const x = parameter();
    const [loss, gradient] = [unary('exponential', x), unary('sine', x)];
    expect(operations(simplify(graph([loss, gradient], loss.writes.out, [gradient.writes.out])).nodes)).toEqual(['exponential', 'sine']);
  });
});

/** Launches of a kind. */
function launchesOf<K extends Launch['kind']>(plan: Plan, kind: K): Extract<Launch, { kind: K }>[] {
  return plan.launches.filter((launch): launch is Extract<Launch, { kind: K }> => launch.kind === kind);
}

/** A small network around `body`: embedding by gather, head, cross-entropy. Width 4, vocabulary 5. */
function network(shapes: number[][], body: (x: tf.Tensor2D, parameters: tf.Tensor[]) => tf.Tensor2D): StepDefinition {
  return stepOf([[5, 4], [4, 5], ...shapes], 2, 3, ([table, head, ...parameters], tokens, targets) =>
    crossEntropy(linear(body(tf.gather(table, tokens) as tf.Tensor2D, parameters), head as tf.Tensor2D), targets),
  );
}

function expectParity(step: StepDefinition): void {
  const apart = distanceToTfjs(step, 5, 1);
  expect(Math.max(apart.loss, ...apart.gradients)).toBeLessThan(1e-5);
}

const [matrix, vector] = [[4, 4], [4]];
const map = (x: tf.Tensor2D, weight: tf.Tensor, epilogue?: Parameters<typeof linear>[2]) => linear(x, weight as tf.Tensor2D, epilogue);

describe("GELU's gradient", () => {
  it('joins the launch that makes what comes into it', () => {
    const step = network([matrix, matrix], (x, [up, down]) => map(map(x, up, { gelu: true }), down));
    const plan = traceTraining(step);
    expect(launchesOf(plan, 'binary')).toEqual([]);
    expect(launchesOf(plan, 'linearGradient').filter(({ reads }) => reads.preactivation)).toHaveLength(1);
    expectParity(step);
  });

  it('stays by itself where that is made of several parts', () => {
    const step = network([matrix, matrix, matrix], (x, [up, left, right]) => {
      const hidden = map(x, up, { gelu: true });
      return tf.add(map(hidden, left), map(hidden, right));
    });
    const plan = traceTraining(step);
    expect(launchesOf(plan, 'binary').map(({ operation }) => operation)).toContain('geluGradient');
    expect(launchesOf(plan, 'linearGradient').filter(({ reads }) => reads.preactivation)).toEqual([]);
    expectParity(step);
  });

  it('stays by itself where what comes into it is read elsewhere too', () => {
    const step = network([matrix, matrix], (x, [up, down]) => map(map(x, up, { gelu: true, residual: x }), down));
    expect(launchesOf(traceTraining(step), 'binary').map(({ operation }) => operation)).toContain('geluGradient');
    expectParity(step);
  });

  it('stays by itself where the next map reads something else than its output', () => {
    const step = network([matrix, matrix], (x, [up, down]) => map(tf.mul(map(x, up, { gelu: true }), 1), down));
    const doubled = network([matrix, matrix], (x, [up, down]) => map(tf.add(map(x, up, { gelu: true }), 3), down));
    expect(launchesOf(traceTraining(doubled), 'linearGradient').filter(({ reads }) => reads.preactivation)).toEqual([]);
    expectParity(step);
    expectParity(doubled);
  });

  it('needs no preactivation where nothing is differentiated', () => {
    const plan = traceEvaluation(network([matrix, matrix], (x, [up, down]) => map(map(x, up, { gelu: true }), down)));
    expect(launchesOf(plan, 'linear').filter(({ writes }) => writes.preactivation)).toEqual([]);
  });
});

describe('the gradient of a residual stream', () => {
  const block = (x: tf.Tensor2D, [gain, bias, weight]: tf.Tensor[]) =>
    map(norm(x, gain as tf.Tensor1D, bias as tf.Tensor1D), weight, { residual: x });

  it('is added by the launch of the norm', () => {
    const step = network([vector, vector, matrix], block);
    const plan = traceTraining(step);
    expect(launchesOf(plan, 'normGradient').map(({ reads }) => reads.residual !== undefined)).toEqual([true]);
    expect(launchesOf(plan, 'binary')).toEqual([]);
    expectParity(step);
  });

  it('is not, where it is made only after the norm', () => {
    const step = network([vector, vector, matrix], (x, [gain, bias, weight]) => {
      const branch = map(x, weight);
      return tf.add(branch, norm(x, gain as tf.Tensor1D, bias as tf.Tensor1D));
    });
    expect(launchesOf(traceTraining(step), 'normGradient').filter(({ reads }) => reads.residual)).toEqual([]);
    expectParity(step);
  });

  it('is not, where something else reads what comes out of the norm', () => {
    const step = network([vector, vector, matrix, matrix], (x, [gain, bias, left, right]) => {
      const [first, second] = [map(x, left), map(x, right)];
      const normed = norm(tf.add(first, second), gain as tf.Tensor1D, bias as tf.Tensor1D);
      return tf.add(normed, tf.tanh(first));
    });
    expect(launchesOf(traceTraining(step), 'normGradient').filter(({ reads }) => reads.residual)).toEqual([]);
    expectParity(step);
  });

  it('is added once where a norm is read by two launches', () => {
    const step = network([vector, vector, matrix, matrix], (x, [gain, bias, left, right]) => {
      const normed = norm(x, gain as tf.Tensor1D, bias as tf.Tensor1D);
      return map(normed, right, { residual: map(normed, left, { residual: x }) });
    });
    expectParity(step);
  });

  it('is right for a stream added to itself, and for a norm of a norm', () => {
    expectParity(network([vector, vector, matrix], (x, parameters) => block(tf.add(x, x), parameters)));
    expectParity(
      network([vector, vector, vector, vector], (x, [g1, b1, g2, b2]) => {
        const inner = norm(x, g1 as tf.Tensor1D, b1 as tf.Tensor1D);
        return tf.add(norm(inner, g2 as tf.Tensor1D, b2 as tf.Tensor1D), tf.add(inner, x));
      }),
    );
  });

  it('is right around attention', () => {
    expectParity(
      network([[4, 12], vector, vector], (x, [weight, gain, bias]) =>
        tf.add(x, attention(map(norm(x, gain as tf.Tensor1D, bias as tf.Tensor1D), weight), 3, 2)),
      ),
    );
  });
});

describe('a loss', () => {
  const losses = (loss: StepDefinition['loss']) => traceTraining(stepOf([[6]], 2, 3, loss));

  it('that is a mean over rows is left as the rows, through a sign and constant factors', () => {
    const forms: ((x: tf.Tensor) => tf.Tensor)[] = [
      (x) => tf.mean(tf.square(x)),
      (x) => tf.neg(tf.mean(tf.square(x))),
      (x) => tf.div(tf.mul(3, tf.neg(tf.mean(tf.square(x)))), 2),
    ];
    for (const form of forms) {
      const step = stepOf([[6]], 2, 3, ([x]) => form(x) as tf.Scalar);
      expect(traceTraining(step).perRow).toBe(true);
      expect(traceEvaluation(step).losses.size).toBe(6);
      const apart = distanceToTfjs(step, 2, 1);
      expect(Math.max(apart.loss, ...apart.gradients)).toBeLessThan(1e-5);
    }
  });

  it('that is anything else is one word', () => {
    expect(losses(([x]) => tf.sum<tf.Scalar>(x))).toMatchObject({ perRow: false, losses: { size: 1 } });
    expect(losses(([x]) => tf.add<tf.Scalar>(tf.mean(x), 1))).toMatchObject({ perRow: false, losses: { size: 1 } });
    expect(losses(([x]) => tf.div<tf.Scalar>(1, tf.mean(x)))).toMatchObject({ perRow: false, losses: { size: 1 } });
  });

  it('of two tasks is right, each with its own cross-entropy', () => {
    const step = stepOf(
      [
        [5, 4],
        [4, 5],
        [4, 5],
      ],
      2,
      3,
      ([table, first, second], tokens, targets) => {
        const x = tf.gather(table, tokens) as tf.Tensor2D;
        const left = crossEntropy(map(x, first), targets);
        return tf.add<tf.Scalar>(tf.mul(0.7, left), tf.mul(0.3, crossEntropy(map(x, second), tokens)));
      },
    );
    expectParity(step);
  });
});
