// The mixture of experts against a plain definition of its own: loops over tokens and experts, in double precision.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { mixture } from '../../../src/ops/mixture/mixture.ts';
import { imbalance, penalised, route } from '../../../src/ops/mixture/routing.ts';
import { normals } from '../plan/oracle.ts';

type Matrix = number[][];

const cases = fc
  .record({
    experts: fc.integer({ min: 2, max: 7 }),
    perToken: fc.integer({ min: 1, max: 7 }),
    sequences: fc.integer({ min: 1, max: 3 }),
    context: fc.integer({ min: 1, max: 5 }),
    seed: fc.nat(1000),
  })
  .filter(({ experts, perToken }) => perToken <= experts);

const matrix = (rows: number, columns: number, normal: () => number): Matrix =>
  Array.from({ length: rows }, () => Array.from({ length: columns }, normal));

const softmax = (x: readonly number[]): number[] => {
  const powers = x.map((value) => Math.exp(value - Math.max(...x)));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
};

/** One token: sort experts by logit, take the first k, weigh them. */
function routeToken(logits: readonly number[], perToken: number): { probabilities: number[]; chosen: number[]; gates: number[] } {
  const probabilities = softmax(logits);
  const order = logits.map((_, expert) => expert).sort((a, b) => logits[b] - logits[a] || a - b);
  const taken = order.slice(0, perToken);
  const share = perToken === 1 ? 1 : taken.reduce((sum, expert) => sum + probabilities[expert], 0);
  return {
    probabilities,
    chosen: logits.map((_, expert) => (taken.includes(expert) ? 1 : 0)),
    gates: logits.map((_, expert) => (taken.includes(expert) ? probabilities[expert] / share : 0)),
  };
}

const gelu = (x: number): number => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

/** experts·Σ f·P of each sequence, averaged. With `loads` given, f is that. */
function imbalanceOf(logits: Matrix, context: number, perToken: number, fixed?: Matrix): number {
  const experts = logits[0].length;
  let total = 0;
  const sequences = logits.length / context;
  for (let s = 0; s < sequences; s++) {
    const tokens = logits.slice(s * context, (s + 1) * context).map((row) => routeToken(row, perToken));
    for (let e = 0; e < experts; e++) {
      const load = fixed?.[s][e] ?? tokens.filter((token) => token.chosen[e] === 1).length / (perToken * context);
      const probability = tokens.reduce((sum, token) => sum + token.probabilities[e], 0) / context;
      total += (experts * load * probability) / sequences;
    }
  }
  return total;
}

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe('routing', () => {
  it('takes the k most probable experts and weighs them as a loop over tokens does', () => {
    fc.assert(
      fc.property(cases, ({ experts, perToken, sequences, context, seed }) => {
        const logits = matrix(sequences * context, experts, normals(seed));
        const { probabilities, chosen, gates } = route(tf.tensor2d(logits), perToken);
        const [p, c, g] = [probabilities.arraySync(), chosen.arraySync(), gates.arraySync()];
        logits.forEach((row, i) => {
          const wanted = routeToken(row, perToken);
          expect(c[i]).toEqual(wanted.chosen);
          expect(c[i].reduce((sum, one) => sum + one, 0)).toBe(perToken);
          for (let e = 0; e < experts; e++) {
            expect(p[i][e]).toBeCloseTo(wanted.probabilities[e], 5);
            expect(g[i][e]).toBeCloseTo(wanted.gates[e], 5);
          }
        });
      }),
      { numRuns: 40 },
    );
  });

  it('of equal experts takes the first, and never more than k', () => {
    const chosen = (logits: number[], k: number) => route(tf.tensor2d([logits]), k).chosen.arraySync()[0];
    expect(chosen([1, 1, 1, 1], 2)).toEqual([1, 1, 0, 0]);
    expect(chosen([0, 2, 0, 0], 2)).toEqual([1, 1, 0, 0]);
    expect(chosen([-Infinity, -Infinity, 3, -Infinity], 3)).toEqual([1, 1, 1, 0]);
  });

  it('gives the router a gradient, through the gates of the chosen alone', () => {
    for (const perToken of [1, 2, 4]) {
      const logits = [[0.3, -0.4, 1.1, 0.2]];
      const weights = [0.7, -1.3, 0.9, 2.1];
      const value = (x: Matrix): number => routeToken(x[0], perToken).gates.reduce((sum, gate, e) => sum + gate * weights[e], 0);
      const gradient = tf.grad((x) => tf.sum(tf.mul(route(x as tf.Tensor2D, perToken).gates, tf.tensor2d([weights]))))(tf.tensor2d(logits));
      const found = (gradient.arraySync() as Matrix)[0];
      for (let e = 0; e < 4; e++) {
        const [up, down] = [[...logits[0]], [...logits[0]]];
        up[e] += 1e-5;
        down[e] -= 1e-5;
        expect(found[e]).toBeCloseTo((value([up]) - value([down])) / 2e-5, 5);
      }
      expect(Math.max(...found.map(Math.abs))).toBeGreaterThan(0.01);
    }
  });
});

describe('the experts', () => {
  it('are summed, gated, as a loop over tokens and experts does, and all have the gradient of that sum', () => {
    const [rows, width, hidden, experts] = [3, 4, 2, 3];
    const normal = normals(8);
    const [x, up, down] = [matrix(rows, width, normal), matrix(width, experts * hidden, normal), matrix(experts * hidden, width, normal)];
    const [[upBias], downBias, residual] = [
      matrix(1, experts * hidden, normal),
      matrix(experts, width, normal),
      matrix(rows, width, normal),
    ];
    const [gates, weights] = [
      [
        [0, 0.3, 0.7],
        [1, 0, 0],
        [0.2, 0.8, 0],
      ],
      matrix(rows, width, normal),
    ];
    const outputs = (given: { x: Matrix; gates: Matrix; up: Matrix; down: Matrix; downBias: Matrix }): Matrix =>
      given.x.map((token, r) => {
        const out = [...residual[r]];
        for (let e = 0; e < experts; e++) {
          const inner = Array.from({ length: hidden }, (_, h) => {
            const column = e * hidden + h;
            return gelu(token.reduce((sum, value, i) => sum + value * given.up[i][column], upBias[column]));
          });
          for (let c = 0; c < width; c++)
            out[c] +=
              given.gates[r][e] * inner.reduce((sum, value, h) => sum + value * given.down[e * hidden + h][c], given.downBias[e][c]);
        }
        return out;
      });
    const given = { x, gates, up, down, downBias };
    const run = (x: tf.Tensor2D, gates: tf.Tensor2D, up: tf.Tensor2D, down: tf.Tensor2D, downBias: tf.Tensor2D) =>
      mixture(x, gates, { up, upBias: tf.tensor1d(upBias), down, downBias }, tf.tensor2d(residual));
    const tensors = Object.values(given).map((values) => tf.tensor2d(values));
    const found = run(...(tensors as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D])).arraySync();
    outputs(given).forEach((row, r) => row.forEach((value, c) => expect(found[r][c]).toBeCloseTo(value, 4)));

    const scalar = (all: typeof given): number =>
      outputs(all).reduce((sum, row, r) => sum + row.reduce((own, value, c) => own + value * weights[r][c], 0), 0);
    const gradients = tf.grads((...all: tf.Tensor[]) =>
      tf.sum(tf.mul(run(...(all as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D, tf.Tensor2D])), tf.tensor2d(weights))),
    )(tensors);
    (Object.keys(given) as (keyof typeof given)[]).forEach((name, at) => {
      const gradient = gradients[at].arraySync() as Matrix;
      given[name].forEach((row, r) =>
        row.forEach((value, c) => {
          const moved = (step: number): number => scalar({ ...given, [name]: given[name].with(r, row.with(c, value + step)) });
          expect(gradient[r][c], `${name}[${r}][${c}]`).toBeCloseTo((moved(1e-4) - moved(-1e-4)) / 2e-4, 3);
        }),
      );
    });
  });

  it('with all of equal weight 1 are one MLP of their joint width', () => {
    const normal = normals(2);
    const [x, up, down] = [matrix(2, 3, normal), matrix(3, 4, normal), matrix(4, 3, normal)].map((values) => tf.tensor2d(values));
    const experts = { up, upBias: tf.zeros<tf.Rank.R1>([4]), down, downBias: tf.zeros<tf.Rank.R2>([2, 3]) };
    const found = mixture(x, tf.ones([2, 2]), experts, tf.zeros([2, 3])).arraySync();
    const hidden = (tf.matMul(x, up).arraySync() as Matrix).map((row) => row.map(gelu));
    const wanted = tf.matMul(tf.tensor2d(hidden), down).arraySync() as Matrix;
    wanted.forEach((row, r) => row.forEach((value, c) => expect(found[r][c]).toBeCloseTo(value, 4)));
  });
});

describe('the load-balancing loss', () => {
  it('is what a loop over sequences, tokens and experts finds', () => {
    fc.assert(
      fc.property(cases, ({ experts, perToken, sequences, context, seed }) => {
        const logits = matrix(sequences * context, experts, normals(seed));
        const found = imbalance(route(tf.tensor2d(logits), perToken), context, perToken).dataSync()[0];
        expect(found).toBeCloseTo(imbalanceOf(logits, context, perToken), 4);
        expect(found).toBeLessThan(experts + 1e-4);
      }),
      { numRuns: 40 },
    );
  });

  it('is 1 where loads and probabilities are even, and the number of experts where one has all', () => {
    const even = tf.tensor2d([3, 0, 0, 0, 3, 0, 0, 0, 3], [3, 3]);
    expect(imbalance(route(even, 1), 3, 1).dataSync()[0]).toBeCloseTo(1, 5);
    const one = tf.tensor2d([90, 0, 0, 90, 0, 0, 90, 0, 0], [3, 3]);
    expect(imbalance(route(one, 1), 3, 1).dataSync()[0]).toBeCloseTo(3, 5);
  });

  it('has a gradient through the probabilities, with the loads held', () => {
    const [context, perToken, experts] = [3, 2, 4];
    const logits = matrix(2 * context, experts, normals(4));
    const loads = [0, 1].map((s) =>
      Array.from(
        { length: experts },
        (_, e) =>
          logits.slice(s * context, (s + 1) * context).filter((row) => routeToken(row, perToken).chosen[e] === 1).length /
          (perToken * context),
      ),
    );
    const gradient = tf
      .grad((x) => imbalance(route(x as tf.Tensor2D, perToken), context, perToken))(tf.tensor2d(logits))
      .arraySync() as Matrix;
    logits.forEach((row, r) =>
      row.forEach((value, e) => {
        const moved = (step: number): number => imbalanceOf(logits.with(r, row.with(e, value + step)), context, perToken, loads);
        expect(gradient[r][e]).toBeCloseTo((moved(1e-5) - moved(-1e-5)) / 2e-5, 5);
      }),
    );
  });

  it('of many sequences is the mean of each one, so that a batch may be cut anywhere', () => {
    const logits = matrix(12, 3, normals(6));
    const of = (rows: Matrix): number => imbalance(route(tf.tensor2d(rows), 1), 4, 1).dataSync()[0];
    expect(of(logits)).toBeCloseTo((of(logits.slice(0, 4)) + of(logits.slice(4, 8)) + of(logits.slice(8))) / 3, 5);
  });
});

it('a penalised loss has its own value and the gradient of the sum', () => {
  const { value, grad } = tf.valueAndGrad((x) => penalised(tf.sum(tf.square(x)), tf.mul(10, tf.sum(x))))(tf.tensor1d([2, 3]), tf.scalar(2));
  expect(value.dataSync()[0]).toBe(13);
  expect(Array.from(grad.dataSync())).toEqual([2 * (4 + 10), 2 * (6 + 10)]);
});
