// Parameter counts and FLOPs against a case worked by hand.
import { describe, expect, it } from 'vitest';
import { countFlops, countParameters } from '../../../src/model/counts.ts';
import { initialParameters, parameterLength, parameterSpecs, type ModelConfig } from '../../../src/model/parameters.ts';

const model: ModelConfig = {
  shape: { layers: 2, width: 16, heads: 2, mlpRatio: 4 },
  context: 64,
  positions: 'learned',
  qkNorm: false,
  tiedHead: false,
  vocabulary: 56,
};

describe('counts', () => {
  it('agrees with the hand-worked two-layer model of width 16', () => {
    // A block: norms 2·2·16, qkv 16·48 + 48, output 16·16 + 16, up 16·64 + 64, down 64·16 + 16 = 3,280; final norm 32.
    const nonEmbedding = 2 * 3280 + 32;
    // Embeddings 56·16 + 64·16, head 16·56.
    const total = nonEmbedding + 896 + 1024 + 896;
    // Products per token, forward: per layer 2·(16·48 + 16·16) + 2·2·(16·64) + scores 2·65·16; head 2·16·56.
    const forward = 2 * (2048 + 4096 + 2080) + 1792;
    expect(countParameters(model)).toEqual({ nonEmbedding, total, flops: (3 * forward) / 6, active: nonEmbedding });
    expect(countFlops(model)).toEqual({
      attentionProjections: 4096,
      attentionScores: 4160,
      mlp: 8192,
      router: 0,
      head: 1792,
      forward,
      training: 3 * forward,
      computed: 3 * forward,
    });
  });

  it('counts experts that a token passes through, and all that there are, apart', () => {
    const mixture: ModelConfig = { ...model, mixture: { experts: 4, perToken: 2, balanceCoefficient: 0.01 } };
    // A block: norms 64, qkv 816, output 272, router 16·4, four experts of 16·64 + 64 + 64·16 + 16 = 2,128 each.
    const block = 64 + 816 + 272 + 64 + 4 * 2128;
    const nonEmbedding = 2 * block + 32;
    const active = nonEmbedding - 2 * 2 * 2128;
    // Forward as above, with two experts of 2·2·16·64 in place of one MLP, and a router of 2·16·4, in each layer.
    const forward = 2 * (2048 + 2 * 4096 + 2080 + 128) + 1792;
    expect(countParameters(mixture)).toEqual({
      ...{ nonEmbedding, active },
      total: nonEmbedding + 896 + 1024 + 896,
      flops: (3 * forward) / 6,
    });
    expect(countFlops(mixture)).toEqual({
      ...{ attentionProjections: 4096, attentionScores: 4160, mlp: 16_384, router: 256, head: 1792, forward, training: 3 * forward },
      // The other two experts, and gates times output biases, 2·4·16, in each layer.
      computed: 3 * (forward + 2 * (2 * 4096 + 128)),
    });
    const specs = parameterSpecs(mixture);
    expect(specs.reduce((sum, { size }) => sum + size, 0)).toBe(countParameters(mixture).total);
    expect(specs.filter(({ name, decays }) => name.endsWith('.bias') && decays)).toEqual([]);
  });

  it('counts the same sizes whatever k, of which all are active where a token passes through all experts', () => {
    const of = (perToken: number) => countParameters({ ...model, mixture: { experts: 8, perToken, balanceCoefficient: 0 } });
    expect(of(1).total).toBe(of(8).total);
    expect(of(8).active).toBe(of(8).nonEmbedding);
    expect(of(2).active - of(1).active).toBe(2 * 2128);
  });

  it('counts a tied head once in the total and still counts its work', () => {
    const tied = { ...model, tiedHead: true };
    expect(countParameters(tied).total).toBe(countParameters(model).total - 896);
    expect(countFlops(tied)).toEqual(countFlops(model));
  });

  it('adds query and key norms, and drops position embeddings when rotary', () => {
    expect(countParameters({ ...model, qkNorm: true }).nonEmbedding - countParameters(model).nonEmbedding).toBe(2 * 4 * 8);
    expect(countParameters(model).total - countParameters({ ...model, positions: 'rotary' }).total).toBe(64 * 16);
  });
});

describe('initial parameters', () => {
  it('are the same for the same seed, other for another, and have the stated deviations', () => {
    const specs = parameterSpecs({ ...model, shape: { ...model.shape, width: 64 } });
    const first = initialParameters(specs, 3);
    expect(first).toHaveLength(parameterLength(specs));
    expect(initialParameters(specs, 3)).toEqual(first);
    expect(initialParameters(specs, 4)).not.toEqual(first);
    for (const { offset, size, start, name } of specs) {
      const values = first.subarray(offset, offset + size);
      if ('constant' in start)
        expect(
          values.every((value) => value === start.constant),
          name,
        ).toBe(true);
      else {
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / size);
        expect(Math.abs(deviation / start.deviation - 1), name).toBeLessThan(5 / Math.sqrt(2 * size));
      }
    }
  });
});
