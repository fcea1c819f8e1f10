// What a model's parameters are: their names, shapes and places in one flat vector, how they start, which of them
// decay. The order here is the order in memory everywhere: trainers, checkpoints, exports.
import { isMixture, mlpWidth, type RunConfig, type Shape } from '../config/run.ts';

/** What determines a model's parameters and its forward pass. */
export interface ModelConfig {
  readonly shape: Shape;
  /** Longest sequence, tokens. */
  readonly context: number;
  readonly positions: 'learned' | 'rotary';
  readonly qkNorm: boolean;
  readonly tiedHead: boolean;
  /** Tokens in the vocabulary that the data really uses. */
  readonly vocabulary: number;
  /** Absent where each MLP is one. */
  readonly mixture?: MixtureConfig;
}

/** How each MLP is divided into experts. */
export interface MixtureConfig {
  /** At least 2; each of the width that the shape gives an MLP. */
  readonly experts: number;
  /** k: experts that each token passes through, 1 … experts. */
  readonly perToken: number;
  /** Weight of the load-balancing loss of each layer, at least 0. */
  readonly balanceCoefficient: number;
}

/** One parameter tensor and its place in the flat vector (`offset` and `size` in floats). */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: readonly number[];
  readonly offset: number;
  readonly size: number;
  /** Standard deviation of the normal it starts from, or a constant. */
  readonly start: { readonly deviation: number } | { readonly constant: number };
  /** Weight decay applies: matrices only, never norms, biases or embeddings. */
  readonly decays: boolean;
  readonly part: 'tokenEmbedding' | 'positionEmbedding' | 'block' | 'finalNorm' | 'head';
}

/** The part of a run that determines its model, with the vocabulary the data really uses. */
export function modelConfig(run: RunConfig, vocabulary: number): ModelConfig {
  const { shape, context, positions, qkNorm, tiedHead, experts, expertsPerToken: perToken, balanceCoefficient } = run;
  const dense = { shape, context, positions, qkNorm, tiedHead, vocabulary };
  return isMixture(run) ? { ...dense, mixture: { experts, perToken, balanceCoefficient } } : dense;
}

/**
 * All parameters in their order in memory. Matrices start from N(0, 0.02²), those that write to the residual stream
 * from N(0, 0.02²/(2·layers)) (GPT-2; Radford et al. 2019, section 2.3), norms from 1, biases from 0.
 * Experts lie side by side in the matrices of one wide MLP (src/ops/mixture/mixture.ts).
 */
export function parameterSpecs(model: ModelConfig): ParameterSpec[] {
  const { layers, width, heads } = model.shape;
  const hidden = mlpWidth(model.shape);
  const experts = model.mixture?.experts ?? 1;
  const specs: ParameterSpec[] = [];
  let offset = 0;
  const add = (name: string, shape: number[], start: ParameterSpec['start'], part: ParameterSpec['part']): void => {
    const size = shape.reduce((product, length) => product * length, 1);
    const decays = shape.length === 2 && part !== 'tokenEmbedding' && part !== 'positionEmbedding' && !name.endsWith('.bias');
    specs.push({ name, shape, offset, size, start, decays, part });
    offset += size;
  };
  const one = { constant: 1 };
  const zero = { constant: 0 };
  const matrix = { deviation: 0.02 };
  const residual = { deviation: 0.02 / Math.sqrt(2 * layers) };

  add('tokenEmbedding', [model.vocabulary, width], matrix, 'tokenEmbedding');
  if (model.positions === 'learned') add('positionEmbedding', [model.context, width], matrix, 'positionEmbedding');
  for (let layer = 0; layer < layers; layer++) {
    const block = (name: string, shape: number[], start: ParameterSpec['start']) => add(`block${layer}.${name}`, shape, start, 'block');
    block('norm1.gain', [width], one);
    block('norm1.bias', [width], zero);
    block('attention.qkv.weight', [width, 3 * width], matrix);
    block('attention.qkv.bias', [3 * width], zero);
    if (model.qkNorm)
      for (const part of ['queryNorm', 'keyNorm']) {
        block(`attention.${part}.gain`, [width / heads], one);
        block(`attention.${part}.bias`, [width / heads], zero);
      }
    block('attention.output.weight', [width, width], residual);
    block('attention.output.bias', [width], zero);
    block('norm2.gain', [width], one);
    block('norm2.bias', [width], zero);
    if (experts > 1) block('mlp.router.weight', [width, experts], matrix);
    block('mlp.up.weight', [width, experts * hidden], matrix);
    block('mlp.up.bias', [experts * hidden], zero);
    block('mlp.down.weight', [experts * hidden, width], residual);
    block('mlp.down.bias', experts > 1 ? [experts, width] : [width], zero);
  }
  add('finalNorm.gain', [width], one, 'finalNorm');
  add('finalNorm.bias', [width], zero, 'finalNorm');
  if (!model.tiedHead) add('head.weight', [width, model.vocabulary], matrix, 'head');
  return specs;
}

/** Floats in the flat vector of all parameters. */
export function parameterLength(specs: readonly ParameterSpec[]): number {
  const last = specs[specs.length - 1];
  return last.offset + last.size;
}

/** A normal deviate for every draw, from a 32-bit counter generator (mulberry32) and the Box–Muller transform. */
function normals(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** The parameters a run starts from, as one flat vector; the same seed and model always give the same numbers. */
export function initialParameters(specs: readonly ParameterSpec[], seed: number): Float32Array {
  const flat = new Float32Array(parameterLength(specs));
  const normal = normals(Math.imul(seed + 1, 0x9e3779b1));
  for (const { offset, size, start } of specs)
    for (let i = offset; i < offset + size; i++) flat[i] = 'constant' in start ? start.constant : start.deviation * normal();
  return flat;
}
