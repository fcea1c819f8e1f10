// From a launch of the plan to a kernel: which one, over which operands, with how many workgroups.
import { attentionGradientKernel, attentionKernel } from '../../ops/attention/attention.wgsl.ts';
import { crossEntropyKernel } from '../../ops/cross-entropy/cross-entropy.wgsl.ts';
import { embeddingGradientKernel, embeddingKernel } from '../../ops/embedding/embedding.wgsl.ts';
import { linearGradientKernel, linearKernel } from '../../ops/linear/linear.wgsl.ts';
import { normGradientKernel, normKernel } from '../../ops/norm/norm.wgsl.ts';
import type { Kernel, Strides } from '../../ops/wgsl/kernel.ts';
import type { Tile } from '../../ops/wgsl/matrix-tile.ts';
import type { FusedLaunch, GenericLaunch } from '../launches.ts';

/** What the same launch may be done with, depending on the device. */
export interface Choices {
  readonly tile: Tile;
}

/** The kernel of a launch that computes. */
export function lower(launch: FusedLaunch | GenericLaunch, strides: Strides, { tile }: Choices): Kernel {
  switch (launch.kind) {
    case 'embedding':
      return embeddingKernel(launch, strides);
    case 'embeddingGradient':
      return embeddingGradientKernel(launch, strides);
    case 'norm':
      return normKernel(launch, strides);
    case 'normGradient':
      return normGradientKernel(launch, strides);
    case 'linear':
      return linearKernel(launch, tile, strides);
    case 'linearGradient':
      return linearGradientKernel(launch, tile, strides);
    case 'attention':
      return attentionKernel(launch, strides);
    case 'attentionGradient':
      return attentionGradientKernel(launch, strides);
    case 'crossEntropy':
      return crossEntropyKernel(launch, strides);
    default:
      throw new Error(launch.kind);
  }
}
