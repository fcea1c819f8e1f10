// From a launch of the plan to a kernel: which one, over which operands, with how many workgroups.
import { linearGradientKernel, linearKernel } from '../../ops/linear/linear.wgsl.ts';
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
    case 'linear':
      return linearKernel(launch, tile, strides);
    case 'linearGradient':
      return linearGradientKernel(launch, tile, strides);
    default:
      throw new Error(launch.kind);
  }
}
