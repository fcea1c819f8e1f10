// From a launch of the plan to a kernel: which one, over which operands, with how many workgroups.
import { attentionGradientKernel, attentionKernel } from '../../ops/attention/attention.wgsl.ts';
import { crossEntropyKernel } from '../../ops/cross-entropy/cross-entropy.wgsl.ts';
import { embeddingGradientKernel, embeddingKernel } from '../../ops/embedding/embedding.wgsl.ts';
import { binaryKernel, copyKernels, leavesGaps, selectKernel, unaryKernel } from '../../ops/generic/elementwise.wgsl.ts';
import { gatherKernel, oneHotKernel, segmentSumKernel } from '../../ops/generic/indexed.wgsl.ts';
import { matrixProductKernel, reduceKernel } from '../../ops/generic/reduce.wgsl.ts';
import { linearGradientKernel, linearKernel } from '../../ops/linear/linear.wgsl.ts';
import { normGradientKernel, normKernel } from '../../ops/norm/norm.wgsl.ts';
import type { Kernel, Strides } from '../../ops/wgsl/kernel.ts';
import type { Tile } from '../../ops/wgsl/matrix-tile.ts';
import type { FusedLaunch, GenericLaunch, Launch } from '../launches.ts';
import type { Operand } from '../plan.ts';

/** What the same launch may be done with, depending on the device. */
export interface Choices {
  readonly tile: Tile;
  /**
   * Invocations share no work: on processors in disguise, where waiting for each other costs more than what is shared.
   */
  readonly alone?: boolean;
}

/** Kernels of a launch, without making them: two for copies that clear what they leave, and for norms of gradients. */
export function kernelCount(launch: Launch): number {
  return launch.kind === 'gradientNorm' || (launch.kind === 'copy' && leavesGaps(launch)) ? 2 : 1;
}

/**
 * The kernels of a launch that computes: one, save for copies that clear what they leave.
 * @throws Error when the launch reads gradients, which may hold sums over several micro-steps
 */
export function lower(launch: FusedLaunch | GenericLaunch, strides: Strides, { tile, alone = false }: Choices): readonly Kernel[] {
  for (const operand of Object.values(launch.reads as Record<string, Operand | undefined>))
    if (operand?.region === 'gradients') throw new Error(`A launch (${launch.kind}) reads gradients.`);
  switch (launch.kind) {
    case 'embedding':
      return [embeddingKernel(launch, strides)];
    case 'embeddingGradient':
      return [embeddingGradientKernel(launch, strides, alone)];
    case 'norm':
      return [normKernel(launch, strides, alone)];
    case 'normGradient':
      return [normGradientKernel(launch, strides, alone)];
    case 'linear':
      return [linearKernel(launch, tile, strides)];
    case 'linearGradient':
      return [linearGradientKernel(launch, tile, strides, alone)];
    case 'attention':
      return [attentionKernel(launch, strides, alone)];
    case 'attentionGradient':
      return [attentionGradientKernel(launch, strides, alone)];
    case 'crossEntropy':
      return [crossEntropyKernel(launch, strides, alone)];
    case 'unary':
      return [unaryKernel(launch, strides)];
    case 'binary':
      return [binaryKernel(launch, strides)];
    case 'select':
      return [selectKernel(launch, strides)];
    case 'copy':
      return copyKernels(launch, strides);
    case 'reduce':
      return [reduceKernel(launch, strides)];
    case 'matrixProduct':
      return [matrixProductKernel(launch, tile, strides)];
    case 'gather':
      return [gatherKernel(launch, strides)];
    case 'segmentSum':
      return [segmentSumKernel(launch, strides)];
    case 'oneHot':
      return [oneHotKernel(launch, strides)];
    default:
      return launch satisfies never;
  }
}
