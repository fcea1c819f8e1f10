// A step's loss and gradients twice: by plain tfjs on its cpu backend, and by the traced plan, interpreted.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import '@tensorflow/tfjs-backend-cpu';
import type { LaneSettings, TokenSource } from '../../../src/plan/executor.ts';
import type { Plan } from '../../../src/plan/plan.ts';
import { traceTraining, type StepDefinition, type TracedParameter } from '../../../src/plan/trace/trace.ts';
import { problemsOf } from './layout-check.ts';
import { InterpretedLane } from './interpreter.ts';

/** The loss of one micro-batch and the gradient of every parameter. */
export interface LossAndGradients {
  readonly loss: number;
  readonly gradients: readonly Float64Array[];
}

/** Deviates of a standard normal from a counter (mulberry32, Box–Muller), for parameters that are nothing special. */
export function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Parameters one after another in the flat vector. */
function parametersOf(shapes: readonly (readonly number[])[]): TracedParameter[] {
  let offset = 0;
  return shapes.map((shape) => {
    const size = tf.util.sizeFromShape([...shape]);
    const parameter = { shape, offset, size, decays: shape.length === 2 };
    offset += size;
    return parameter;
  });
}

/** A step over parameters of these shapes. */
export function stepOf(
  shapes: readonly (readonly number[])[],
  sequences: number,
  context: number,
  loss: StepDefinition['loss'],
): StepDefinition {
  return { parameters: parametersOf(shapes), sequences, context, loss };
}

/**
 * A vector of parameters away from where models start: gains not 1, biases not 0, attention not flat. Matrices are
 * scaled so that no softmax saturates, where single precision would tell the two sides of a comparison apart.
 */
export function randomParameters(step: StepDefinition, seed: number): Float32Array {
  const normal = normals(seed);
  return Float32Array.from(
    step.parameters.flatMap(({ name, size, shape }) => {
      const deviation = shape.length < 2 ? 0.3 : 1 / Math.sqrt(Math.max(...shape));
      return Array.from({ length: size }, () => (name?.endsWith('gain') ? 1 : 0) + deviation * normal());
    }),
  );
}

/** Training text of exactly one micro-batch, in a random order of windows, and nothing to evaluate. */
export function randomSource(rows: number, vocabulary: number, seed: number): TokenSource {
  const normal = normals(seed);
  const training = Uint16Array.from({ length: rows + 1 }, () => Math.floor(Math.abs(normal()) * 1e4) % vocabulary);
  return { training, dataSeed: seed, validation: new Uint16Array(0) };
}

/** Settings of a lane that updates nothing: learning rate 0. */
export function still(parameters: Float32Array): LaneSettings {
  const off = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, clipNorm: 0 };
  return { parameters, microBatches: 1, updates: 1, learningRate: () => 0, ...off };
}

/** Loss and gradients by the plan. With them, the lane, whose memory holds the tokens that were read. */
export function byPlan(step: StepDefinition, plan: Plan, parameters: Float32Array, source: TokenSource) {
  const lane = new InterpretedLane(plan, still(parameters), source);
  lane.microStep();
  const gradients = step.parameters.map(({ offset, size }) => Float64Array.from(lane.memory.gradients.subarray(offset, offset + size)));
  return { lane, loss: lane.losses[0], gradients };
}

/** Loss and gradients by tfjs's cpu backend, which must be the current one. */
export function byTfjs(
  step: StepDefinition,
  parameters: Float32Array,
  tokens: ArrayLike<number>,
  targets: ArrayLike<number>,
): LossAndGradients {
  const [value, ...gradients] = tf.tidy(() => {
    const leaves = step.parameters.map(({ offset, size, shape }) => tf.tensor(parameters.slice(offset, offset + size), [...shape]));
    const { value, grads } = tf.valueAndGrads((...given: tf.Tensor[]) =>
      step.loss(given, tf.tensor1d(Array.from(tokens), 'int32'), tf.tensor1d(Array.from(targets), 'int32')),
    )(leaves);
    return [value, ...grads];
  });
  const result = { loss: value.dataSync()[0], gradients: gradients.map((gradient) => Float64Array.from(gradient.dataSync())) };
  tf.dispose([value, ...gradients]);
  return result;
}

const largest = (words: ArrayLike<number>): number => Array.from(words).reduce((most, word) => Math.max(most, Math.abs(word)), 0);

/**
 * How far a result in double precision is from one in single: the loss's relative error, and for each parameter the
 * largest difference over the largest gradient of that tensor. Gradients that are sums of much larger terms are known
 * to single precision only as well as those terms, so a tensor's largest counts as at least a thousandth of all
 * gradients' largest, and where it is zero by theory (keys' biases, attention over a single token) as that largest.
 */
export function distance(found: LossAndGradients, expected: LossAndGradients): { loss: number; gradients: number[] } {
  const overall = Math.max(...expected.gradients.map(largest));
  return {
    loss: Math.abs(found.loss - expected.loss) / Math.abs(expected.loss),
    gradients: expected.gradients.map((gradient, i) => {
      const difference = largest(gradient.map((word, j) => word - found.gradients[i][j]));
      const own = largest(found.gradients[i]);
      return difference / (own < 1e-12 * overall ? overall : Math.max(own, overall / 1000));
    }),
  };
}

/** Traces a step and measures how far its loss and gradients are from plain tfjs's, at random parameters and tokens. */
export function distanceToTfjs(step: StepDefinition, vocabulary: number, seed: number): ReturnType<typeof distance> {
  const parameters = randomParameters(step, seed);
  const rows = step.sequences * step.context;
  const plan = traceTraining(step);
  const [problem] = problemsOf(plan);
  if (problem) throw new Error(problem);
  const traced = byPlan(step, plan, parameters, randomSource(rows, vocabulary, seed + 1));
  const { tokens } = traced.lane.memory;
  return distance(traced, byTfjs(step, parameters, tokens.slice(0, rows), tokens.slice(rows, 2 * rows)));
}
