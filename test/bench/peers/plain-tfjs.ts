// Peer: the lab's model trained as a tfjs tutorial would, variableGrads and tf.train.adam.
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-core/dist/register_all_gradients';
import { train } from '@tensorflow/tfjs-core/dist/train';
import { loss } from '../../../src/model/gpt.ts';
import { initialParameters, parameterSpecs } from '../../../src/model/parameters.ts';
import { benchTokens, type BenchShape, type Peer } from '../shapes.ts';

/** One training run of `shape` on tfjs's current backend. */
export function plainTfjs(shape: BenchShape): Peer {
  const specs = parameterSpecs(shape.model);
  const start = initialParameters(specs, 0);
  const variables = specs.map((spec) => tf.variable(tf.tensor(start.slice(spec.offset, spec.offset + spec.size), [...spec.shape])));
  const named = Object.fromEntries(specs.map((spec, i) => [spec.name, variables[i]]));
  const { tokens, targets } = benchTokens(shape);
  const x = tf.tensor1d(tokens, 'int32');
  const y = tf.tensor1d(targets, 'int32');
  const optimizer = train.adam(1e-3, 0.9, 0.999, 1e-8);
  return {
    async step() {
      const cost = optimizer.minimize(() => loss(shape.model, named, x, y), true, variables);
      if (!cost) throw new Error('tfjs returned no loss');
      const [value] = await cost.data();
      cost.dispose();
      return value;
    },
    dispose() {
      optimizer.dispose();
      tf.dispose([...variables, x, y]);
    },
  };
}
