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
    expect(countParameters(model)).toEqual({ nonEmbedding, total, flops: (3 * forward) / 6 });
    expect(countFlops(model)).toEqual({
      attentionProjections: 4096,
      attentionScores: 4160,
      mlp: 8192,
      head: 1792,
      forward,
      training: 3 * forward,
    });
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
