// The model: a decoder-only GPT (pre-norm, causal multi-head attention, GELU MLP or a mixture of such), once, in tfjs ops.
// It runs eagerly on any tfjs backend; the engine traces this very file.
import * as tf from '@tensorflow/tfjs-core';
import { attention } from '../ops/attention/attention.ts';
import { crossEntropy } from '../ops/cross-entropy/cross-entropy.ts';
import { embedding } from '../ops/embedding/embedding.ts';
import { linear } from '../ops/linear/linear.ts';
import { mixture } from '../ops/mixture/mixture.ts';
import { imbalance, penalised, route, type Routing } from '../ops/mixture/routing.ts';
import { norm } from '../ops/norm/norm.ts';
import { rotary } from '../ops/rotary/rotary.ts';
import type { ModelConfig } from './parameters.ts';

/** A model's parameters by name (the names of `parameterSpecs`). */
export type Parameters = Readonly<Record<string, tf.Tensor>>;

/** What a forward pass gives. */
export interface Forward {
  /** [rows, vocabulary] */
  readonly logits: tf.Tensor2D;
  /** Where each layer sent its tokens; none in a dense model. */
  readonly routings: readonly Routing[];
}

/** Logits [rows, vocabulary] for `tokens` [sequences × context] (int32). */
export function logits(model: ModelConfig, parameters: Parameters, tokens: tf.Tensor1D): tf.Tensor2D {
  return forward(model, parameters, tokens).logits;
}

/** The forward pass over `tokens` [sequences × context] (int32). */
export function forward(model: ModelConfig, parameters: Parameters, tokens: tf.Tensor1D): Forward {
  const { layers, heads } = model.shape;
  const matrix = (name: string) => parameters[name] as tf.Tensor2D;
  const vector = (name: string) => parameters[name] as tf.Tensor1D;

  const positions = model.positions === 'learned' ? matrix('positionEmbedding') : undefined;
  const routings: Routing[] = [];
  let stream = embedding(tokens, matrix('tokenEmbedding'), positions);
  for (let layer = 0; layer < layers; layer++) {
    const own = (name: string) => `block${layer}.${name}`;
    const normed1 = norm(stream, vector(own('norm1.gain')), vector(own('norm1.bias')));
    const qkv = linear(normed1, matrix(own('attention.qkv.weight')), { bias: vector(own('attention.qkv.bias')) });
    const mixed = attention(prepareQkv(model, parameters, own, qkv), model.context, heads);
    stream = linear(mixed, matrix(own('attention.output.weight')), { bias: vector(own('attention.output.bias')), residual: stream });

    const normed2 = norm(stream, vector(own('norm2.gain')), vector(own('norm2.bias')));
    const [up, upBias, down] = [matrix(own('mlp.up.weight')), vector(own('mlp.up.bias')), matrix(own('mlp.down.weight'))];
    if (model.mixture) {
      const routing = route(linear(normed2, matrix(own('mlp.router.weight'))), model.mixture.perToken);
      routings.push(routing);
      stream = mixture(normed2, routing.gates, { up, upBias, down, downBias: matrix(own('mlp.down.bias')) }, stream);
    } else {
      const hidden = linear(normed2, up, { bias: upBias, gelu: true });
      stream = linear(hidden, down, { bias: vector(own('mlp.down.bias')), residual: stream });
    }
  }
  const last = norm(stream, vector('finalNorm.gain'), vector('finalNorm.bias'));
  const head = model.tiedHead ? linear(last, matrix('tokenEmbedding'), { transposed: true }) : linear(last, matrix('head.weight'));
  return { logits: head, routings };
}

/**
 * Mean next-token loss, nats per token, of `tokens` against `targets` (each [sequences × context], int32). In a mixture of
 * experts its gradient, but not its value, has the load-balancing loss of every layer in it, times its coefficient.
 */
export function loss(model: ModelConfig, parameters: Parameters, tokens: tf.Tensor1D, targets: tf.Tensor1D): tf.Scalar {
  const { logits, routings } = forward(model, parameters, tokens);
  const nextToken = crossEntropy(logits, targets);
  if (!model.mixture || model.mixture.balanceCoefficient === 0) return nextToken;
  const { perToken, balanceCoefficient } = model.mixture;
  const imbalances = routings.map((routing) => imbalance(routing, model.context, perToken));
  return penalised(nextToken, tf.mul(tf.addN(imbalances), balanceCoefficient));
}

/** Queries and keys normed per head (QK-norm) and rotated by position, where the model says so. */
function prepareQkv(model: ModelConfig, parameters: Parameters, own: (name: string) => string, qkv: tf.Tensor2D): tf.Tensor2D {
  if (!model.qkNorm && model.positions === 'learned') return qkv;
  const { width, heads } = model.shape;
  const headNorm = (x: tf.Tensor, name: string): tf.Tensor2D => {
    const gain = parameters[own(`attention.${name}.gain`)] as tf.Tensor1D;
    const bias = parameters[own(`attention.${name}.bias`)] as tf.Tensor1D;
    return tf.reshape(norm(tf.reshape(x, [-1, width / heads]), gain, bias), [-1, width]);
  };
  const parts = tf.split<tf.Tensor2D>(qkv, 3, 1);
  let [queries, keys] = parts;
  if (model.qkNorm) {
    queries = headNorm(queries, 'queryNorm');
    keys = headNorm(keys, 'keyNorm');
  }
  if (model.positions === 'rotary') {
    queries = rotary(queries, model.context, heads);
    keys = rotary(keys, model.context, heads);
  }
  return tf.concat([queries, keys, parts[2]], 1);
}
