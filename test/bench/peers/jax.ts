// Peer: the same model and Adam in jax-js, one jitted training step. Arrays are owned: `.ref` keeps one for another use.
import { defaultDevice, init, jit, nn, numpy as np, valueAndGrad, type Device } from '@jax-js/jax';
import { mlpWidth } from '../../../src/config/run.ts';
import { initialParameters, parameterSpecs } from '../../../src/model/parameters.ts';
import { benchTokens, type BenchShape, type Peer } from '../shapes.ts';

type Tree = Record<string, np.Array>;

/** One training run of `shape` on a jax-js device. Throws when the device is not there. */
export async function jax(shape: BenchShape, device: Device): Promise<Peer> {
  const devices = await init(device);
  if (!devices.includes(device)) throw new Error(`jax-js has no ${device} here`);
  defaultDevice(device);
  const { model, sequences } = shape;
  const { layers, width, heads } = model.shape;
  const { context, vocabulary } = model;
  const rows = sequences * context;
  const hidden = mlpWidth(model.shape);

  const specs = parameterSpecs(model);
  const start = initialParameters(specs, 0);
  const fill = (value: (offset: number, size: number) => Float32Array<ArrayBuffer>): Tree =>
    Object.fromEntries(specs.map((spec) => [spec.name, np.array(value(spec.offset, spec.size)).reshape([...spec.shape])]));
  const zeros = () => fill((_, size) => new Float32Array(size));

  const norm = (x: np.Array, gain: np.Array, bias: np.Array) => nn.standardize(x, -1, { epsilon: 1e-5 }).mul(gain).add(bias);
  const lossOf = (p: Tree, tokens: np.Array, targets: np.Array): np.Array => {
    const use = (name: string) => p[name].ref;
    let stream = np
      .matmul(nn.oneHot(tokens, vocabulary), use('tokenEmbedding'))
      .reshape([sequences, context, width])
      .add(use('positionEmbedding'))
      .reshape([rows, width]);
    for (let layer = 0; layer < layers; layer++) {
      const own = (name: string) => use(`block${layer}.${name}`);
      const qkv = np
        .matmul(norm(stream.ref, own('norm1.gain'), own('norm1.bias')), own('attention.qkv.weight'))
        .add(own('attention.qkv.bias'))
        .reshape([sequences, context, 3, heads, width / heads]);
      const part = (i: number, last: boolean) => (last ? qkv : qkv.ref).slice([], [], i);
      const mixed = nn.dotProductAttention(part(0, false), part(1, false), part(2, true), { isCausal: true }).reshape([rows, width]);
      stream = stream.add(np.matmul(mixed, own('attention.output.weight')).add(own('attention.output.bias')));
      const up = np.matmul(norm(stream.ref, own('norm2.gain'), own('norm2.bias')), own('mlp.up.weight')).add(own('mlp.up.bias'));
      if (up.shape[1] !== hidden) throw new Error('the hidden width differs');
      stream = stream.add(np.matmul(nn.gelu(up, { approximate: true }), own('mlp.down.weight')).add(own('mlp.down.bias')));
    }
    const logits = np.matmul(norm(stream, use('finalNorm.gain'), use('finalNorm.bias')), use('head.weight'));
    const chosen = nn.logSoftmax(logits, -1).mul(nn.oneHot(targets, vocabulary)).sum();
    for (const parameter of Object.values(p)) parameter.dispose();
    return chosen.mul(-1 / rows);
  };

  const step = jit((p: Tree, m: Tree, v: Tree, corrections: np.Array, tokens: np.Array, targets: np.Array) => {
    const kept: Tree = Object.fromEntries(specs.map(({ name }) => [name, p[name].ref]));
    const [value, gradients] = valueAndGrad(lossOf)(kept, tokens, targets) as unknown as [np.Array, Tree];
    const next: Tree = {};
    const first: Tree = {};
    const second: Tree = {};
    for (const { name } of specs) {
      const gradient = gradients[name];
      first[name] = m[name].mul(0.9).add(gradient.ref.mul(0.1));
      second[name] = v[name].mul(0.999).add(gradient.ref.mul(gradient).mul(0.001));
      const scale = corrections.ref.slice(0);
      const root = corrections.ref.slice(1);
      next[name] = p[name].sub(first[name].ref.mul(scale).div(np.sqrt(second[name].ref.mul(root)).add(1e-8)));
    }
    corrections.dispose();
    return [value, next, first, second] as unknown as [np.Array, Tree, Tree, Tree];
  });

  const { tokens, targets } = benchTokens(shape);
  const x = np.array(tokens, { dtype: np.int32 });
  const y = np.array(targets, { dtype: np.int32 });
  let p = fill((offset, size) => start.slice(offset, offset + size));
  let m = zeros();
  let v = zeros();
  let count = 0;
  return {
    async step() {
      count++;
      const corrections = np.array(new Float32Array([1e-3 / (1 - 0.9 ** count), 1 / (1 - 0.999 ** count)]));
      const [value, nextP, nextM, nextV] = step(p, m, v, corrections, x.ref, y.ref);
      [p, m, v] = [nextP, nextM, nextV];
      const numbers = (await value.data()) as Float32Array;
      return numbers[0];
    },
    dispose() {
      for (const tree of [p, m, v]) for (const array of Object.values(tree)) array.dispose();
      x.dispose();
      y.dispose();
      step.dispose();
    },
  };
}
