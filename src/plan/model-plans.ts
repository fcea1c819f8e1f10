// The plans of the lab's model: training step and forward pass, traced once for each shape and kept.
import type * as tf from '@tensorflow/tfjs-core';
import { loss } from '../model/gpt.ts';
import { parameterSpecs, type ModelConfig } from '../model/parameters.ts';
import type { Plans } from './executor.ts';
import { traceEvaluation, traceGradient, traceTraining, type StepDefinition } from './trace/trace.ts';

const traced = new Map<string, Plans>();

/** What tracing needs to know of the lab's model: its parameters, and its loss over micro-batches of `sequences` sequences. */
export function modelStep(model: ModelConfig, sequences: number): StepDefinition {
  const specs = parameterSpecs(model);
  return {
    parameters: specs,
    sequences,
    context: model.context,
    loss: (parameters: tf.Tensor[], tokens, targets) =>
      loss(model, Object.fromEntries(specs.map(({ name }, i) => [name, parameters[i]])), tokens, targets),
  };
}

/**
 * The plans of `model` over micro-batches of `sequences` sequences of `model.context` tokens; with `measured`, also that
 * of gradients over micro-batches of so many sequences. Equal arguments give the very same object. Tracing takes some tens of milliseconds, uses no device and leaves tfjs's backend as it was.
 */
export function modelPlans(model: ModelConfig, sequences: number, measured?: number): Plans {
  const key = JSON.stringify([model, sequences, measured], inOrder);
  const known = traced.get(key);
  if (known) return known;
  const step = modelStep(model, sequences);
  const plans: Plans =
    measured === undefined
      ? { training: traceTraining(step), evaluation: traceEvaluation(step) }
      : { ...modelPlans(model, sequences), gradient: traceGradient(modelStep(model, measured)) };
  traced.set(key, plans);
  return plans;
}

/** For JSON.stringify: own keys in alphabetical order, so that equal objects are equal text. */
function inOrder(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
