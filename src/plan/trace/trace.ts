// Tracing: a model's loss, written in tfjs ops, becomes a plan. tfjs's tape writes the backward pass.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import type { Launch } from '../launches.ts';
import type { Operand, Plan, Region } from '../plan.ts';
import { whileTracing, type TraceBackend } from './backend.ts';
import { Value, mapOperands, readsOf, writesOf, type Node } from './graph.ts';
import { registerFusedKernels } from './kernels-fused.ts';
import { registerGenericKernels } from './kernels-generic.ts';
import { aligned, byLiveness, consecutive } from './layout.ts';
import { simplify, type Graph } from './simplify.ts';

/** One parameter tensor and its place in the flat vector. */
export interface TracedParameter {
  /** For messages. */
  readonly name?: string;
  readonly shape: readonly number[];
  /** In floats. */
  readonly offset: number;
  readonly size: number;
  /** Weight decay applies. */
  readonly decays: boolean;
}

/** What is traced: a loss as a function of parameters and tokens. */
export interface StepDefinition {
  /** In the order of the flat vector, without gaps. */
  readonly parameters: readonly TracedParameter[];
  /** Sequences in one micro-batch. */
  readonly sequences: number;
  /** Tokens in a sequence. */
  readonly context: number;
  /**
   * The mean loss over the micro-batch, one number, in tfjs ops. Where it ends in a mean over one number per row, in the
   * order of rows, the plan keeps those.
   * @param parameters one tensor each, in order
   * @param tokens inputs [sequences·context] int32
   * @param targets the tokens one later
   */
  loss(parameters: tf.Tensor[], tokens: tf.Tensor1D, targets: tf.Tensor1D): tf.Scalar;
}

/**
 * Traces a training step: tokens, forward and backward pass, optimizer, loss.
 * @throws Error when the loss uses an op that cannot be traced, or does not depend on every parameter
 */
export function traceTraining(step: StepDefinition): Plan {
  return plan(step, 'training');
}

/**
 * Traces the forward pass alone, for held-out tokens.
 * @throws Error when the loss uses an op that cannot be traced
 */
export function traceEvaluation(step: StepDefinition): Plan {
  return plan(step, 'evaluation');
}

/**
 * Traces the forward and backward pass without an optimizer, for measuring gradients.
 * @throws Error when the loss uses an op that cannot be traced, or does not depend on every parameter
 */
export function traceGradient(step: StepDefinition): Plan {
  return plan(step, 'gradient');
}

interface Recorded {
  readonly graph: Graph;
  readonly tokens: Value;
  readonly targets: Value;
}

function plan(step: StepDefinition, kind: Plan['kind']): Plan {
  const { sequences, context } = step;
  const rows = sequences * context;
  const length = step.parameters.reduce((sum, { size }) => sum + size, 0);
  const { graph: recorded, tokens, targets } = recordSafely(step, kind);
  const graph = simplify(recorded);

  const gradientPlaces = new Map<Value, Operand>();
  const nodes = [...graph.nodes, ...placeGradients(step, graph, gradientPlaces)];
  const { setup, stepNodes } = splitSetup(nodes, gradientPlaces);
  const constants = consecutive(
    new Set([...nodes.flatMap(readsOf).filter(({ constant }) => constant), ...setup.flatMap(writesOf)]),
    'constants',
  );
  const activations = byLiveness(stepNodes, new Set([...gradientPlaces.keys(), ...constants.places.keys()]), [graph.losses]);

  const place = (value: Value): Operand => {
    if (value.input) return { ...value.input, size: value.size };
    const found = gradientPlaces.get(value) ?? constants.places.get(value) ?? activations.places.get(value);
    if (!found) throw new Error('A traced value has no place; this is a mistake in the tracer.');
    return found;
  };
  const lower = (node: Node): Launch => mapOperands(node, place, place);
  const losses = place(graph.losses);
  const initial = new Float32Array(constants.words);
  for (const [value, { offset }] of constants.places) if (value.constant) initial.set(value.constant, offset);

  const words: Record<Region, number> = {
    parameters: aligned(length),
    gradients: 0,
    accumulated: 0,
    mean: 0,
    square: 0,
    activations: activations.words,
    constants: constants.words,
    tokens: aligned(2 * rows),
  };
  if (kind !== 'evaluation') words.gradients = aligned(length);
  if (kind === 'training') for (const region of ['accumulated', 'mean', 'square'] as const) words[region] = aligned(length);

  const source = kind === 'evaluation' ? 'validation' : 'training';
  return {
    kind,
    sequences,
    context,
    rows,
    parameters: length,
    setup: setup.map(lower),
    launches: [
      { kind: 'sample', reads: {}, writes: { tokens: place(tokens), targets: place(targets) }, source, sequences, context },
      ...stepNodes.map(lower),
      ...endOf(step, kind, length, losses),
    ],
    constants: initial,
    words,
    losses,
    perRow: losses.size === rows,
  };
}

/** What comes after the model's own launches. */
function endOf({ parameters }: StepDefinition, kind: Plan['kind'], length: number, losses: Operand): Launch[] {
  const whole = (region: Region): Operand => ({ region, offset: 0, size: length });
  const finish: Launch = { kind: 'finish', reads: { losses }, writes: {}, size: losses.size };
  switch (kind) {
    case 'training':
      return [
        { kind: 'accumulate', reads: { gradients: whole('gradients') }, writes: { accumulated: whole('accumulated') }, size: length },
        {
          kind: 'adamw',
          reads: { accumulated: whole('accumulated') },
          writes: { parameters: whole('parameters'), mean: whole('mean'), square: whole('square') },
          size: length,
          decayed: decayedRanges(parameters),
        },
        finish,
      ];
    case 'evaluation':
      return [finish];
    case 'gradient':
      return [{ kind: 'gradientNorm', reads: { gradients: whole('gradients') }, writes: {}, size: length }];
    default:
      return kind satisfies never;
  }
}

/** Records, and says in one sentence what could not be, where tfjs speaks of kernels and tapes. */
function recordSafely(step: StepDefinition, kind: Plan['kind']): Recorded {
  try {
    return whileTracing((backend) => record(step, kind, backend));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const kernel = /kernel '(\w+)'.* for backend/i.exec(message)?.[1];
    if (kernel !== undefined) throw new Error(`The op ${kernel} cannot be traced: no launch computes it.`, { cause: error });
    const gradient = /gradient function not found for (\w+)/.exec(message)?.[1];
    if (gradient !== undefined)
      throw new Error(`The op ${gradient} has no gradient, so no parameter can be trained through it.`, { cause: error });
    throw error;
  }
}

function record(step: StepDefinition, kind: Plan['kind'], backend: TraceBackend): Recorded {
  registerFusedKernels();
  registerGenericKernels();
  const rows = step.sequences * step.context;
  const parameters = step.parameters.map(({ shape, offset }) => backend.input('parameters', offset, shape, 'float32'));
  const tokens = backend.input('tokens', 0, [rows], 'int32') as tf.Tensor1D;
  const targets = backend.input('tokens', rows, [rows], 'int32') as tf.Tensor1D;
  const valueOf = (tensor: tf.Tensor) => tensor.dataId as Value;
  const ends = { tokens: valueOf(tokens), targets: valueOf(targets) };
  if (kind === 'evaluation') {
    const loss = checkedLoss(step, parameters, tokens, targets);
    return { ...ends, graph: { nodes: backend.nodes, losses: valueOf(loss), gradients: [] } };
  }
  const differentiated = tf.engine().gradients(() => checkedLoss(step, parameters, tokens, targets), parameters, undefined, true);
  const gradients = (differentiated.grads as (tf.Tensor | undefined)[]).map((gradient, i) => {
    if (!gradient) throw new Error(`The loss does not depend on the parameter ${step.parameters[i].name ?? i}.`);
    return valueOf(gradient);
  });
  return { ...ends, graph: { nodes: backend.nodes, losses: valueOf(differentiated.value), gradients } };
}

function checkedLoss(step: StepDefinition, parameters: tf.Tensor[], tokens: tf.Tensor1D, targets: tf.Tensor1D): tf.Scalar {
  const loss = step.loss(parameters, tokens, targets);
  if (loss.size !== 1) throw new Error(`The loss must be one number, but has shape [${loss.shape.join()}].`);
  return loss;
}

/** The launch may write this one of its results at a gradient's final place (src/plan/launches.ts says which launches do). */
function makesGradients(node: Node, value: Value): boolean {
  switch (node.kind) {
    case 'linearGradient':
    case 'normGradient':
      return value !== node.writes.dx;
    case 'embeddingGradient':
      return true;
    default:
      return false;
  }
}

/** Values that come more than once. */
function repeatedIn(values: readonly Value[]): Value[] {
  return values.filter((value, i) => values.indexOf(value) !== i);
}

/** Decides where gradients are made: at their place in the flat vector if one launch makes them for that alone, else copied there. */
function placeGradients(step: StepDefinition, graph: Graph, places: Map<Value, Operand>): Node[] {
  const copies: Node[] = [];
  // What is read again, or is the gradient of two parameters, must not lie where lanes may add several micro-batches.
  const read = new Set([...graph.nodes.flatMap(readsOf), ...repeatedIn(graph.gradients)]);
  graph.gradients.forEach((value, i) => {
    const { offset, size } = step.parameters[i];
    const operand: Operand = { region: 'gradients', offset, size };
    const makers = graph.nodes.filter((node) => writesOf(node).includes(value));
    if (makers.length === 1 && makesGradients(makers[0], value) && !read.has(value)) {
      places.set(value, operand);
      return;
    }
    const out = new Value(size);
    places.set(out, operand);
    const strides = { xStart: 0, xStrides: [1], outStart: 0, outStrides: [1] };
    copies.push({ kind: 'copy', reads: { x: value }, writes: { out }, shape: [size], ...strides, rest: 'keep' });
  });
  return copies;
}

/** Launches that depend on constants alone are done once. */
function splitSetup(nodes: readonly Node[], gradients: ReadonlyMap<Value, Operand>): { setup: Node[]; stepNodes: Node[] } {
  const varying = new Set<Value>(gradients.keys());
  for (const node of nodes)
    if (readsOf(node).some((value) => value.input !== undefined || varying.has(value)))
      for (const value of writesOf(node)) varying.add(value);
  const isSetup = (node: Node): boolean =>
    writesOf(node).every((value) => !varying.has(value)) && readsOf(node).every((value) => !value.input);
  return { setup: nodes.filter(isSetup), stepNodes: nodes.filter((node) => !isSetup(node)) };
}

function decayedRanges(parameters: readonly TracedParameter[]): { offset: number; size: number }[] {
  const ranges: { offset: number; size: number }[] = [];
  for (const { offset, size, decays } of parameters) {
    if (!decays) continue;
    const last = ranges.at(-1);
    if (last && last.offset + last.size === offset) last.size += size;
    else ranges.push({ offset, size });
  }
  return ranges;
}
